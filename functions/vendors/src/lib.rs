//! `/api/v1/vendors` and `/api/v1/vendor-groups`: the vendor master.

pub mod add_status;
pub mod classify;
pub mod create;
pub mod delete;
pub mod findings;
pub mod get;
pub mod group;
pub mod history;
pub mod list;
pub mod list_groups;
pub mod restore;
pub mod share_status;
pub mod status;
pub mod update;
pub mod verdict;

mod filter;
mod wire;

use runtime::Route;
use utoipa::OpenApi;

pub use wire::VendorResponse;

/// Every route of this crate.
pub static ROUTES: [&Route; 15] = [
    &create::ROUTE,
    &list::ROUTE,
    &get::ROUTE,
    &update::ROUTE,
    &delete::ROUTE,
    &restore::ROUTE,
    &history::ROUTE,
    &status::ROUTE,
    &add_status::ROUTE,
    &verdict::ROUTE,
    &classify::ROUTE,
    &findings::ROUTE,
    &group::ROUTE,
    &share_status::ROUTE,
    &list_groups::ROUTE,
];

/// The crate's part of the OpenAPI document.
#[derive(Debug, OpenApi)]
#[openapi(paths(
    create::handle,
    list::handle,
    get::handle,
    update::handle,
    delete::handle,
    restore::handle,
    history::handle,
    status::handle,
    add_status::handle,
    verdict::handle,
    classify::handle,
    findings::handle,
    group::handle,
    share_status::handle,
    list_groups::handle
))]
pub struct Docs;
