//! `/api/v1/suppressions`: addresses that are not written to, and why.
//!
//! Addresses come in and never go out: a list shows them masked, and names them by a hash.

pub mod check;
pub mod create;
pub mod get;
pub mod list;
pub mod remove;

mod wire;

use runtime::Route;
use utoipa::OpenApi;

pub use wire::{ChangeResponse, SuppressionDetail, SuppressionResponse};

/// Every route of this crate.
pub static ROUTES: [&Route; 5] = [&list::ROUTE, &check::ROUTE, &get::ROUTE, &create::ROUTE, &remove::ROUTE];

/// The crate's part of the OpenAPI document.
#[derive(Debug, OpenApi)]
#[openapi(paths(list::handle, check::handle, get::handle, create::handle, remove::handle))]
pub struct Docs;
