//! `POST /api/v1/webhooks/sendgrid`.

use http::Method;
use messaging::sendgrid_events::{self, SIGNATURE_HEADER, SignatureError, TIMESTAMP_HEADER};
use runtime::problem::bad_request;
use runtime::{Access, ApiError, App, Outgoing, Request, Response, Route, Var, respond};

/// The route.
pub static ROUTE: Route = Route::new(
    "webhooks-receive-sendgrid",
    Method::POST,
    "/api/v1/webhooks/sendgrid",
    Access::Public,
    |app, request| Box::pin(handle(app, request)),
)
// SendGrid posts at most 768 KB.
.taking(2_000_000)
.needing(&[Var::DeliveryEventsQueueUrl, Var::EmailProvidersSecretArn]);

/// A queue message holds 256 KB, its envelope and attributes included.
const MAX_MESSAGE_BYTES: usize = 200_000;

/// Takes a batch of SendGrid's delivery events. A repeat changes nothing.
#[utoipa::path(post, path = "/api/v1/webhooks/sendgrid", operation_id = "webhooks-receive-sendgrid", tag = "webhooks",
    params(("X-Twilio-Email-Event-Webhook-Signature" = String, Header, description = "ECDSA (P-256, SHA-256) over timestamp and raw body, base64 of DER"),
        ("X-Twilio-Email-Event-Webhook-Timestamp" = String, Header, description = "Unix seconds of signing; at most ten minutes from now")),
    request_body(content = Vec<Object>, description = "Events as the SendGrid Event Webhook documents them"),
    responses((status = 204, description = "Taken; the events are recorded within moments"),
        (status = 400, description = "Signed, but not an array of events"), (status = 403, description = "Not signed by SendGrid, or not now"),
        (status = 404, description = "This stack does not use SendGrid")),
    security(()))]
pub async fn handle(app: &App, request: Request) -> Result<Response, ApiError> {
    let secrets = app.email_provider_secrets().await?;
    let key = secrets
        .sendgrid_webhook_public_key()
        .ok_or(ApiError::NotFound("there is nothing by this name"))?;
    let header = |name| request.header(name).unwrap_or_default();
    sendgrid_events::verify(key, header(TIMESTAMP_HEADER), header(SIGNATURE_HEADER), &request.body, app.now()).map_err(refused)?;
    let envelopes = sendgrid_events::envelopes(&request.body, MAX_MESSAGE_BYTES).map_err(|error| bad_request(error.to_string()))?;
    for body in envelopes {
        let message = [Outgoing { body, delay_secs: 0 }];
        // One a call: ten of them together would be more than a batch may hold. If one is not taken, SendGrid posts them all again.
        runtime::send(app, Var::DeliveryEventsQueueUrl, &request.correlation_id, &message)
            .await
            .map_err(ApiError::Internal)?;
    }
    Ok(respond::no_content())
}

fn refused(error: SignatureError) -> ApiError {
    match error {
        SignatureError::Key => ApiError::Internal(Box::new(error)),
        SignatureError::Malformed => ApiError::Forbidden("the signature or its time is missing or cannot be read"),
        SignatureError::Stale => ApiError::Forbidden("the signature is more than ten minutes old or ahead"),
        SignatureError::Mismatch => ApiError::Forbidden("the signature does not fit"),
    }
}
