//! `POST /api/v1/templates/whatsapp`.

use domain::template::WhatsappContent;
use domain::user::Permission;
use http::Method;
use runtime::{Access, ApiError, App, Request, Response, Route, extract};

use crate::create_email::create;
use crate::wire::{self, TemplateResponse};

/// The route.
pub static ROUTE: Route = Route::new(
    "templates-create-whatsapp",
    Method::POST,
    "/api/v1/templates/whatsapp",
    Access::Requires(Permission::TemplatesWrite),
    |app, request| Box::pin(handle(app, request)),
)
.idempotent();

/// Creates a WhatsApp template: what fills a template that Meta approved. Syntax and variables are checked now; whether it fits the
/// approved template is known to Meta, and checked before a campaign begins.
#[utoipa::path(post, path = "/api/v1/templates/whatsapp", operation_id = "templates-create-whatsapp", tag = "templates",
    request_body = WhatsappContent,
    params(("Idempotency-Key" = Option<String>, Header, description = "Repeats within 24 h get the first answer")),
    responses((status = 201, description = "Created", body = TemplateResponse),
        (status = 422, description = "Wrong syntax, an unknown variable, or what WhatsApp would refuse; each error names the field and the parameter")),
    security(("bearer" = [])))]
pub async fn handle(app: &App, request: Request) -> Result<Response, ApiError> {
    let body: WhatsappContent = extract::json(&request)?;
    create(app, &request, wire::checked_whatsapp(body)?.into()).await
}
