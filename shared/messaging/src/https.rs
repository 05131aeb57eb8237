//! One HTTPS request, made once: what a provider without an SDK is reached through.
//!
//! Not `reqwest`: its TLS wants a cryptography library for the whole process, or aws-lc. This is the HTTP client the AWS SDK brings
//! anyway, with the roots of Mozilla. It follows no redirect, and repeats a request only if not one byte of it was written.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::time::{Instant, timeout_at};

/// Longer than any provider's handshake takes, and short enough to fail over within one invocation.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// Answers of providers are short; what is longer is none.
const MAX_ANSWER_BYTES: usize = 64 * 1024;

/// A client that keeps its connections.
#[derive(Clone)]
pub struct Https {
    client: Arc<Client<HttpsConnector<HttpConnector>, Full<Bytes>>>,
    timeout: Duration,
}

impl fmt::Debug for Https {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Https").field("timeout", &self.timeout).finish_non_exhaustive()
    }
}

/// What came back.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body; empty if it did not arrive in full.
    pub body: Vec<u8>,
}

impl Answer {
    /// A header as text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// Why nothing came back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoAnswer {
    /// The address or a header is not one: nothing was sent.
    #[error("the request could not be built")]
    NotBuilt,
    /// No connection came about: nothing was sent.
    #[error("no connection was made")]
    NotConnected,
    /// The request may have arrived.
    #[error("no answer came in time")]
    TimedOut,
    /// The request may have arrived.
    #[error("the connection was lost before the answer")]
    Lost,
}

impl Https {
    /// A client whose requests take at most `timeout`, answer included. Plain `http://` works too, for simulators.
    ///
    /// # Errors
    /// When the cryptography library offers no version of TLS.
    pub fn new(timeout: Duration) -> Result<Self, rustls::Error> {
        let mut http = HttpConnector::new();
        http.enforce_http(false);
        http.set_nodelay(true);
        http.set_connect_timeout(Some(CONNECT_TIMEOUT.min(timeout)));
        let connector = HttpsConnectorBuilder::new()
            .with_provider_and_webpki_roots(rustls::crypto::ring::default_provider())?
            .https_or_http()
            .enable_http1()
            .wrap_connector(http);
        let client = Client::builder(TokioExecutor::new()).build(connector);
        Ok(Self {
            client: Arc::new(client),
            timeout,
        })
    }

    /// Posts JSON with a bearer token, once.
    ///
    /// # Errors
    /// What is known of a request that was not answered.
    pub async fn post_json(&self, url: &str, bearer: &str, body: Vec<u8>) -> Result<Answer, NoAnswer> {
        self.post(url, bearer, "application/json", body).await
    }

    /// Posts a body of this content type with a bearer token, once.
    ///
    /// # Errors
    /// What is known of a request that was not answered.
    pub async fn post(&self, url: &str, bearer: &str, content_type: &str, body: Vec<u8>) -> Result<Answer, NoAnswer> {
        let request = Request::post(url)
            .header(header::AUTHORIZATION, format!("Bearer {bearer}"))
            .header(header::CONTENT_TYPE, content_type)
            .body(Full::new(Bytes::from(body)))
            .map_err(|_| NoAnswer::NotBuilt)?;
        self.exchange(request).await
    }

    /// Reads with a bearer token, once.
    ///
    /// # Errors
    /// What is known of a request that was not answered.
    pub async fn get(&self, url: &str, bearer: &str) -> Result<Answer, NoAnswer> {
        let request = Request::get(url)
            .header(header::AUTHORIZATION, format!("Bearer {bearer}"))
            .body(Full::new(Bytes::new()))
            .map_err(|_| NoAnswer::NotBuilt)?;
        self.exchange(request).await
    }

    async fn exchange(&self, request: Request<Full<Bytes>>) -> Result<Answer, NoAnswer> {
        let deadline = Instant::now() + self.timeout;
        let response = match timeout_at(deadline, self.client.request(request)).await {
            Ok(Ok(response)) => response,
            Ok(Err(error)) if error.is_connect() => return Err(NoAnswer::NotConnected),
            Ok(Err(_)) => return Err(NoAnswer::Lost),
            Err(_) => return Err(NoAnswer::TimedOut),
        };
        let (parts, body) = response.into_parts();
        // The status is the answer; a body that does not arrive takes nothing from it.
        let body = match timeout_at(deadline, Limited::new(body, MAX_ANSWER_BYTES).collect()).await {
            Ok(Ok(body)) => body.to_bytes().to_vec(),
            _ => Vec::new(),
        };
        Ok(Answer {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body,
        })
    }
}
