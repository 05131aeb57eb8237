//! `/api/v1/campaigns`: drafts, execution, progress and the ledger.

pub mod create;
pub mod delete;
pub mod execute;
pub mod get;
pub mod ledger;
pub mod list;
pub mod recipients;
pub mod status;
pub mod update;

mod wire;

use runtime::Route;
use utoipa::OpenApi;

/// Every route of this crate.
pub static ROUTES: [&Route; 9] = [
    &create::ROUTE,
    &list::ROUTE,
    &get::ROUTE,
    &update::ROUTE,
    &delete::ROUTE,
    &execute::ROUTE,
    &status::ROUTE,
    &ledger::ROUTE,
    &recipients::ROUTE,
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
    recipients::handle
))]
pub struct Docs;
