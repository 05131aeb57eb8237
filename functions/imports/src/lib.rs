//! `/api/v1/imports` and `/api/v1/files/import-vendors`: vendor imports, from the upload over the dry run to the rows that are
//! handed back. Files are read by `workers-import` only.

pub mod analyse;
pub mod cancel;
pub mod confirm;
pub mod create;
pub mod files;
pub mod get;
pub mod list;
pub mod prepare;
pub mod rejects;

mod queue;
mod upload;
mod wire;

use runtime::Route;
use utoipa::OpenApi;

pub use queue::{ImportMessage, Task};
pub use wire::{ImportFailureResponse, ImportResponse, ImportSummary};

/// Every route of this crate.
pub static ROUTES: [&Route; 8] = [
    &prepare::ROUTE,
    &create::ROUTE,
    &list::ROUTE,
    &get::ROUTE,
    &analyse::ROUTE,
    &confirm::ROUTE,
    &cancel::ROUTE,
    &rejects::ROUTE,
];

/// The crate's part of the OpenAPI document.
#[derive(Debug, OpenApi)]
#[openapi(paths(
    prepare::handle,
    create::handle,
    list::handle,
    get::handle,
    analyse::handle,
    confirm::handle,
    cancel::handle,
    rejects::handle
))]
pub struct Docs;
