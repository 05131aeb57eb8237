//! `GET /unsubscribe/{token}`.

use http::Method;
use runtime::{Access, ApiError, App, Request, Response, Route, Var};

use crate::{asking, pages};

/// The route.
pub static ROUTE: Route = Route::new(
    "public-show-unsubscribe",
    Method::GET,
    "/unsubscribe/{token}",
    Access::Public,
    |app, request| Box::pin(handle(app, request)),
)
.needing(&[Var::TableName, Var::SigningSecretArn, Var::OrganisationName]);

/// Asks for confirmation. Changes nothing: mail scanners follow links.
#[utoipa::path(get, path = "/unsubscribe/{token}", operation_id = "public-show-unsubscribe", tag = "public",
    params(("token" = String, Path, description = "The signed token of the message's unsubscribe link")),
    responses((status = 200, description = "A page with one button", content_type = "text/html", body = String),
        (status = 404, description = "Not a link of ours"), (status = 410, description = "Expired")),
    security(()))]
pub async fn handle(app: &App, request: Request) -> Result<Response, ApiError> {
    let shown = show(app, &request).await;
    pages::or_page(app, &request, shown)
}

async fn show(app: &App, request: &Request) -> Result<Response, ApiError> {
    let organisation = app.config().get(Var::OrganisationName)?;
    let addressee = asking::addressee(app, request).await?;
    pages::unsubscribe(organisation, &addressee.recipient.name, &addressee.masked_address())
}
