//! `/api/v1/campaigns`: drafts, execution, progress and the ledger.

pub mod cancel;
pub mod clone;
pub mod create;
pub mod delete;
pub mod execute;
pub mod export_recipients;
pub mod get;
pub mod ledger;
pub mod list;
pub mod list_schedules;
pub mod pause;
pub mod preflight;
pub mod recipients;
pub mod resolve;
pub mod resume;
pub mod schedule;
pub mod status;
pub mod test_send;
pub mod unschedule;
pub mod update;

mod body;
mod checks;
mod start;
mod survey;
mod templates;
mod wire;

pub use start::start;

use runtime::Route;
use utoipa::OpenApi;

/// Every route of this crate.
pub static ROUTES: [&Route; 20] = [
    &create::ROUTE,
    &list::ROUTE,
    &get::ROUTE,
    &update::ROUTE,
    &delete::ROUTE,
    &preflight::ROUTE,
    &test_send::ROUTE,
    &execute::ROUTE,
    &pause::ROUTE,
    &resume::ROUTE,
    &cancel::ROUTE,
    &clone::ROUTE,
    &status::ROUTE,
    &ledger::ROUTE,
    &recipients::ROUTE,
    &export_recipients::ROUTE,
    &resolve::ROUTE,
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
    preflight::handle,
    test_send::handle,
    execute::handle,
    pause::handle,
    resume::handle,
    cancel::handle,
    clone::handle,
    status::handle,
    ledger::handle,
    recipients::handle,
    export_recipients::handle,
    resolve::handle,
    schedule::handle,
    list_schedules::handle,
    unschedule::handle
))]
pub struct Docs;
