//! `GET /api/v1/templates/{id}`.

use domain::user::Permission;
use http::Method;
use runtime::{Access, ApiError, App, Request, Response, Route, respond};

use crate::wire::TemplateResponse;

/// The route.
pub static ROUTE: Route = Route::new(
    "templates-get",
    Method::GET,
    "/api/v1/templates/{id}",
    Access::Requires(Permission::TemplatesRead),
    |app, request| Box::pin(handle(app, request)),
);

/// Reads a template.
#[utoipa::path(get, path = "/api/v1/templates/{id}", operation_id = "templates-get", tag = "templates",
    params(("id" = String, Path, description = "tpl_…")),
    responses((status = 200, description = "The template", body = TemplateResponse), (status = 404, description = "No such template")),
    security(("bearer" = [])))]
pub async fn handle(app: &App, request: Request) -> Result<Response, ApiError> {
    let template = store::templates::get(app.store()?, request.id("id")?).await?;
    let version = template.version;
    respond::versioned(&TemplateResponse::from(template), version)
}
