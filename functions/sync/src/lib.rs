//! `/api/v1/sync-sources`: other systems that vendors are taken from, and what became of each reading. The readings are done by
//! `workers-sync`, which makes [`table`]s of what comes as JSON.

pub mod create;
pub mod delete;
pub mod fetcher;
pub mod get;
pub mod list;
pub mod list_runs;
pub mod run;
pub mod table;
pub mod update;

mod timing;
mod wire;

use runtime::Route;
use utoipa::OpenApi;

pub use wire::{SyncRunResponse, SyncScheduleResponse, SyncSourceResponse, SyncTriggerResponse};

/// Every route of this crate.
pub static ROUTES: [&Route; 7] = [
    &create::ROUTE,
    &list::ROUTE,
    &get::ROUTE,
    &update::ROUTE,
    &delete::ROUTE,
    &run::ROUTE,
    &list_runs::ROUTE,
];

/// The crate's part of the OpenAPI document.
#[derive(Debug, OpenApi)]
#[openapi(paths(create::handle, list::handle, get::handle, update::handle, delete::handle, run::handle, list_runs::handle))]
pub struct Docs;
