//! `/api/v1/webhooks`: what providers post to us. The signature over the raw body is the permission, and a queue stands behind:
//! a provider is answered at once, whatever its events are about.

pub mod receive_sendgrid;

use runtime::Route;
use utoipa::OpenApi;

/// Every route of this crate.
pub static ROUTES: [&Route; 1] = [&receive_sendgrid::ROUTE];

/// The crate's part of the OpenAPI document.
#[derive(Debug, OpenApi)]
#[openapi(paths(receive_sendgrid::handle))]
pub struct Docs;
