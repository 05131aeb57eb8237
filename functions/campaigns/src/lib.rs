//! `/api/v1/campaigns`: drafts, execution, progress and the ledger.

pub mod create;
pub mod delete;
pub mod execute;
pub mod get;
pub mod ledger;
pub mod list;
pub mod list_schedules;
pub mod recipients;
pub mod schedule;
pub mod status;
pub mod unschedule;
pub mod update;

mod start;
mod wire;

pub use start::start;

use runtime::Route;
use utoipa::OpenApi;

/// Every route of this crate.
pub static ROUTES: [&Route; 12] = [
    &create::ROUTE,
    &list::ROUTE,
    &get::ROUTE,
    &update::ROUTE,
    &delete::ROUTE,
    &execute::ROUTE,
    &status::ROUTE,
    &ledger::ROUTE,
    &recipients::ROUTE,
    &schedule::ROUTE,
    &list_schedules::ROUTE,
    &unschedule::ROUTE,
];

/// The crate's part of the OpenAPI document.
#[derive(Debug, OpenApi)]
#[openapi(paths(
    create::handle,
    list::handle,
    get::handle,
    update::handle,
    delete::handle,
    execute::handle,
    status::handle,
    ledger::handle,
    recipients::handle,
    schedule::handle,
    list_schedules::handle,
    unschedule::handle
))]
pub struct Docs;
