//! `/api/v1/segments`: saved filters for vendors, which lists, exports and campaigns use.

pub mod create;
pub mod delete;
pub mod get;
pub mod list;
pub mod update;

mod wire;

use runtime::Route;
use utoipa::OpenApi;

pub use wire::SegmentResponse;

/// Every route of this crate.
pub static ROUTES: [&Route; 5] = [&create::ROUTE, &list::ROUTE, &get::ROUTE, &update::ROUTE, &delete::ROUTE];

/// The crate's part of the OpenAPI document.
#[derive(Debug, OpenApi)]
#[openapi(paths(create::handle, list::handle, get::handle, update::handle, delete::handle))]
pub struct Docs;
