//! `GET /f/{token}`.

use http::{Method, StatusCode};
use runtime::{Access, ApiError, App, Request, Response, Route, Var};

use crate::{asking, pages};

/// The route.
pub static ROUTE: Route = Route::new("public-show-form", Method::GET, "/f/{token}", Access::Public, |app, request| {
    Box::pin(handle(app, request))
})
.needing(&[Var::TableName, Var::SigningSecretArn, Var::OrganisationName]);

/// Shows the declaration form behind a personal link. Changes nothing.
#[utoipa::path(get, path = "/f/{token}", operation_id = "public-show-form", tag = "public",
    params(("token" = String, Path, description = "The signed token of the vendor's link")),
    responses((status = 200, description = "The form, or when it was answered", content_type = "text/html", body = String),
        (status = 404, description = "Not a link of ours"), (status = 410, description = "Expired, closed or withdrawn")),
    security(()))]
pub async fn handle(app: &App, request: Request) -> Result<Response, ApiError> {
    let shown = show(app, &request).await;
    pages::or_page(app, &request, shown)
}

async fn show(app: &App, request: &Request) -> Result<Response, ApiError> {
    let organisation = app.config().get(Var::OrganisationName)?;
    let asking = asking::asking(app, request).await?;
    if asking.asked.answer.is_some() {
        return pages::answered(StatusCode::OK, organisation, &asking);
    }
    asking.is_open(app)?;
    pages::form(app, organisation, &asking, &pages::on_record(&asking), &[])
}
