//! `/api/v1/webhooks`: what providers post to us. The signature over the raw body is the permission, and a queue stands behind:
//! a provider is answered at once, whatever its events are about.

pub mod receive_sendgrid;
pub mod receive_whatsapp;
pub mod verify_whatsapp;

use runtime::Route;
use utoipa::OpenApi;

/// Every route of this crate.
pub static ROUTES: [&Route; 3] = [&receive_sendgrid::ROUTE, &receive_whatsapp::ROUTE, &verify_whatsapp::ROUTE];

/// The crate's part of the OpenAPI document.
#[derive(Debug, OpenApi)]
#[openapi(paths(receive_sendgrid::handle, receive_whatsapp::handle, verify_whatsapp::handle))]
pub struct Docs;
