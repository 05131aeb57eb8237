//! Health, and the API's own description.

pub mod dependencies;
pub mod docs;
pub mod health;
pub mod openapi;

use runtime::Route;
use utoipa::OpenApi;

/// Every route of this crate.
pub static ROUTES: [&Route; 5] = [&health::ROUTE, &dependencies::ROUTE, &openapi::ROUTE, &docs::ROUTE, &docs::ASSETS];

/// The crate's part of the OpenAPI document.
#[derive(Debug, OpenApi)]
#[openapi(paths(health::handle, dependencies::handle))]
pub struct Docs;
