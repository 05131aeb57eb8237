//! `/api/v1/users`: who one is.

pub mod me;
pub mod update_me;

mod wire;

use runtime::Route;
use utoipa::OpenApi;

pub use wire::ProfileResponse;

/// Every route of this crate.
pub static ROUTES: [&Route; 2] = [&me::ROUTE, &update_me::ROUTE];

/// The crate's part of the OpenAPI document.
#[derive(Debug, OpenApi)]
#[openapi(paths(me::handle, update_me::handle))]
pub struct Docs;
