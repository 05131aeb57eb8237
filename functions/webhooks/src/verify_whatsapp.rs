//! `GET /api/v1/webhooks/whatsapp`.

use http::{Method, StatusCode};
use runtime::{Access, ApiError, App, Request, Response, Route, Var, respond};
use subtle::ConstantTimeEq as _;

/// The route.
pub static ROUTE: Route = Route::new(
    "webhooks-verify-whatsapp",
    Method::GET,
    "/api/v1/webhooks/whatsapp",
    Access::Public,
    |app, request| Box::pin(handle(app, request)),
)
.needing(&[Var::WhatsappSecretArn]);

/// Shows Meta that this address is ours, when it is entered as the callback of a WhatsApp Business Account.
///
/// <https://developers.facebook.com/docs/graph-api/webhooks/getting-started#verification-requests>
#[utoipa::path(get, path = "/api/v1/webhooks/whatsapp", operation_id = "webhooks-verify-whatsapp", tag = "webhooks",
    params(("hub.mode" = String, Query, description = "`subscribe`"), ("hub.verify_token" = String, Query, description = "The token entered with Meta"),
        ("hub.challenge" = String, Query, description = "What is to be answered")),
    responses((status = 200, description = "The challenge", content_type = "text/plain", body = String),
        (status = 403, description = "Another mode or token"), (status = 404, description = "This stack does not use WhatsApp")),
    security(()))]
pub async fn handle(app: &App, request: Request) -> Result<Response, ApiError> {
    let account = app.whatsapp_account().await?;
    let token = account.verify_token().ok_or(ApiError::NotFound("there is nothing by this name"))?;
    let given = request.query("hub.verify_token").unwrap_or_default();
    // As long for a wrong token as for the right one; only its length can be told.
    let is_token = bool::from(given.as_bytes().ct_eq(token.as_bytes()));
    if !is_token || request.query("hub.mode") != Some("subscribe") {
        return Err(ApiError::Forbidden("the mode is not subscribe, or the token is another"));
    }
    let challenge = request.query("hub.challenge").unwrap_or_default();
    Ok(respond::new(StatusCode::OK, "text/plain; charset=utf-8", challenge))
}
