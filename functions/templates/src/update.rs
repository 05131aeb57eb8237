//! `PUT /api/v1/templates/{id}`.

use domain::delivery::Channel;
use domain::template::WhatsappContent;
use domain::user::Permission;
use http::Method;
use runtime::{Access, ApiError, App, Request, Response, Route, extract, respond};

use crate::wire::{self, EmailTemplateRequest, TemplateRequest, TemplateResponse};

/// The route.
pub static ROUTE: Route = Route::new(
    "templates-update",
    Method::PUT,
    "/api/v1/templates/{id}",
    Access::Requires(Permission::TemplatesWrite),
    |app, request| Box::pin(handle(app, request)),
);

/// Replaces a template by one of the same channel. Campaigns that were executed before keep the words they began with.
#[utoipa::path(put, path = "/api/v1/templates/{id}", operation_id = "templates-update", tag = "templates",
    request_body = TemplateRequest,
    params(("id" = String, Path, description = "tpl_…"), ("If-Match" = Option<String>, Header, description = "ETag of the version you read")),
    responses((status = 200, description = "The template as it is now", body = TemplateResponse), (status = 404, description = "No such template"),
        (status = 412, description = "It changed since you read it"), (status = 422, description = "As for a new template")),
    security(("bearer" = [])))]
pub async fn handle(app: &App, request: Request) -> Result<Response, ApiError> {
    let store = app.store()?;
    let seen = store::templates::get(store, request.id("id")?).await?;
    let content = match seen.content.channel() {
        Channel::Email => extract::json::<EmailTemplateRequest>(&request)?.checked()?.into(),
        Channel::Whatsapp => wire::checked_whatsapp(extract::json::<WhatsappContent>(&request)?)?.into(),
    };
    let version = request.if_match(seen.version)?;
    let template = store::templates::replace(store, seen.id, &content, version, app.now()).await?;
    let version = template.version;
    respond::versioned(&TemplateResponse::from(template), version)
}
