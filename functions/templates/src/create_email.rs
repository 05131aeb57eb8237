//! `POST /api/v1/templates/email`.

use domain::TemplateId;
use domain::template::{Template, TemplateContent};
use domain::user::Permission;
use http::Method;
use runtime::{Access, ApiError, App, Request, Response, Route, extract, respond};

use crate::wire::{EmailTemplateRequest, TemplateResponse};

/// The route.
pub static ROUTE: Route = Route::new(
    "templates-create-email",
    Method::POST,
    "/api/v1/templates/email",
    Access::Requires(Permission::TemplatesWrite),
    |app, request| Box::pin(handle(app, request)),
)
.idempotent();

/// Creates an e-mail template. Its syntax and its variables are checked now, not when it is sent.
#[utoipa::path(post, path = "/api/v1/templates/email", operation_id = "templates-create-email", tag = "templates",
    request_body = EmailTemplateRequest,
    params(("Idempotency-Key" = Option<String>, Header, description = "Repeats within 24 h get the first answer")),
    responses((status = 201, description = "Created", body = TemplateResponse),
        (status = 422, description = "Wrong syntax, an unknown variable, or no link to the form; each error names the part and the line")),
    security(("bearer" = [])))]
pub async fn handle(app: &App, request: Request) -> Result<Response, ApiError> {
    let body: EmailTemplateRequest = extract::json(&request)?;
    create(app, &request, body.checked()?.into()).await
}

/// Stores a new template of any channel.
pub(crate) async fn create(app: &App, request: &Request, content: TemplateContent) -> Result<Response, ApiError> {
    let now = app.now();
    let id = TemplateId::from_ulid(app.new_ulid());
    let template = Template {
        id,
        content,
        created_by: request.caller()?.id(),
        created_at: now,
        updated_at: now,
        version: 1,
    };
    store::templates::create(app.store()?, &template).await?;
    let (location, version) = (format!("/api/v1/templates/{id}"), template.version);
    respond::created(&TemplateResponse::from(template), &location, version)
}
