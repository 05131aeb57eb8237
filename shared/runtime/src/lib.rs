//! What every function is made of: settings, clients, the HTTP and queue loops, the guard, problem documents, paging.

mod app;
mod config;
mod guard;
mod http;
mod queue;
mod secrets;
mod telemetry;

pub mod extract;
pub mod objects;
pub mod paging;
pub mod problem;
pub mod respond;
pub mod scheduler;

pub use app::App;
pub use config::{AwsEnvironment, Config, ConfigError, Var};
pub use extract::Request;
pub use guard::{ACCESS_TOKEN_SECS, Caller, access_token};
pub use http::{Access, HandlerFuture, MAX_JSON, Route, StartError, dispatch, request_of, serve_http};
pub use problem::ApiError;
pub use queue::{
    Message, Outgoing, RecordError, RecordFailure, StreamRecord, StreamWorker, Worker, WorkerFuture, follow, send, send_as, serve_queue,
    serve_stream, work,
};
pub use respond::Response;
pub use secrets::{EmailProviderSecrets, InvalidSecret, KeyUse, SigningKeys, VerificationAccount, WhatsappAccount};
pub use telemetry::{Metrics, NAMESPACE};
