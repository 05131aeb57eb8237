//! `/api/v1/templates`: what campaigns say.

pub mod create_email;
pub mod create_whatsapp;
pub mod delete;
pub mod get;
pub mod list;
pub mod preview;
pub mod test_send;
pub mod update;

mod wire;

use runtime::Route;
use utoipa::OpenApi;

pub use preview::{PreviewMessage, PreviewRequest, PreviewResponse};
pub use wire::{EmailTemplateRequest, TemplateParts, TemplateRequest, TemplateResponse, TemplateSummary};

/// Every route of this crate.
pub static ROUTES: [&Route; 8] = [
    &create_email::ROUTE,
    &create_whatsapp::ROUTE,
    &list::ROUTE,
    &get::ROUTE,
    &update::ROUTE,
    &delete::ROUTE,
    &preview::ROUTE,
    &test_send::ROUTE,
];

/// The crate's part of the OpenAPI document.
#[derive(Debug, OpenApi)]
#[openapi(paths(
    create_email::handle,
    create_whatsapp::handle,
    list::handle,
    get::handle,
    update::handle,
    delete::handle,
    preview::handle,
    test_send::handle
))]
pub struct Docs;
