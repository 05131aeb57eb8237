//! `/api/v1/files/import-vendors` and `/api/v1/imports`: vendor imports. The upload and what became of it are here; the
//! worker that does the import reads the same [`sheet`].

pub mod create;
pub mod files;
pub mod get;
pub mod rejects;
pub mod sheet;

mod upload;
mod wire;

use domain::ImportId;
use runtime::Route;
use serde::{Deserialize, Serialize};
use utoipa::OpenApi;

pub use wire::{CountsResponse, ImportResponse, RowErrorResponse};

/// Every route of this crate.
pub static ROUTES: [&Route; 3] = [&create::ROUTE, &get::ROUTE, &rejects::ROUTE];

/// The crate's part of the OpenAPI document.
#[derive(Debug, OpenApi)]
#[openapi(paths(create::handle, get::handle, rejects::handle))]
pub struct Docs;

/// What the import queue carries.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct ImportMessage {
    /// The job to do.
    pub import_id: ImportId,
}
