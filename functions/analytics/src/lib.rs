//! `/api/v1/analytics`: figures over everything.

pub mod dashboard;

use runtime::Route;
use utoipa::OpenApi;

/// Every route of this crate.
pub static ROUTES: [&Route; 1] = [&dashboard::ROUTE];

/// The crate's part of the OpenAPI document.
#[derive(Debug, OpenApi)]
#[openapi(paths(dashboard::handle))]
pub struct Docs;
