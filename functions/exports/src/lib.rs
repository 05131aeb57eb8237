//! `/api/v1/exports`: vendors as a file. The job is asked for and watched here; the worker that writes the file uses the same
//! [`columns`].

pub mod columns;
pub mod create;
pub mod get;
pub mod list;

mod mask;
mod wire;

use domain::ExportId;
use runtime::Route;
use serde::{Deserialize, Serialize};
use utoipa::OpenApi;

pub use wire::{CreateExportRequest, DownloadResponse, ExportFailureResponse, ExportResponse};

/// Every route of this crate.
pub static ROUTES: [&Route; 3] = [&create::ROUTE, &list::ROUTE, &get::ROUTE];

/// The crate's part of the OpenAPI document.
#[derive(Debug, OpenApi)]
#[openapi(paths(create::handle, list::handle, get::handle))]
pub struct Docs;

/// What the export queue carries.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct ExportMessage {
    /// The job to do.
    pub export_id: ExportId,
}
