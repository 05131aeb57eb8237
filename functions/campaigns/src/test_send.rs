//! `POST /api/v1/campaigns/{id}/test-send`.

use domain::delivery::Channel;
use domain::user::Permission;
use engine::test_send::{NEEDS, Test, TestSendRequest, TestSendResponse, base_of, send};
use http::Method;
use runtime::problem::invalid;
use runtime::{Access, ApiError, App, Request, Response, Route, extract, respond};
use store::campaigns::{self, MessageSnapshot};

use crate::templates::snapshot_of;

/// The route.
pub static ROUTE: Route = Route::new(
    "campaigns-test-send",
    Method::POST,
    "/api/v1/campaigns/{id}/test-send",
    Access::Requires(Permission::CampaignsWrite),
    |app, request| Box::pin(handle(app, request)),
)
.idempotent()
.needing(&NEEDS);

/// Sends what one vendor would get to your own address or number: the subject of an e-mail begins with `[TEST]`, and the links say
/// that they came with a test. The campaign's ledger is not touched. Thirty e-mails and five WhatsApp messages an hour.
#[utoipa::path(post, path = "/api/v1/campaigns/{id}/test-send", operation_id = "campaigns-test-send", tag = "campaigns", request_body = TestSendRequest,
    params(("id" = String, Path, description = "cmp_…"), ("Idempotency-Key" = Option<String>, Header, description = "Repeats within 24 h get the first answer")),
    responses((status = 200, description = "What the provider said", body = TestSendResponse), (status = 404, description = "No such campaign"),
        (status = 409, description = "Your address is suppressed"), (status = 422, description = "A field is wrong, or the message cannot be made"),
        (status = 429, description = "Too many tests")), security(("bearer" = [])))]
pub async fn handle(app: &App, request: Request) -> Result<Response, ApiError> {
    let TestSendRequest { vendor_id, channel, to } = extract::json(&request)?;
    let store = app.store()?;
    let campaign = campaigns::get(store, request.id("id")?).await?;
    let content = &campaign.content;
    let channel = match (channel, content.channels().as_slice()) {
        (Some(channel), _) => channel,
        (None, [channel]) => *channel,
        (None, _) => return Err(invalid("channel", "", "required", "the campaign has two channels: name the one to try")),
    };
    let mut message = MessageSnapshot {
        email: None,
        whatsapp: None,
        campaign_name: content.name.clone(),
        deadline: content.deadline,
    };
    match channel {
        Channel::Email => message.email = snapshot_of(store, content.template_id, |content| content.as_email().cloned()).await?,
        Channel::Whatsapp => message.whatsapp = snapshot_of(store, content.whatsapp_template_id, |content| content.as_whatsapp().cloned()).await?,
    }
    if message.email.is_none() && message.whatsapp.is_none() {
        return Err(invalid(
            "channel",
            channel.as_str(),
            "template_missing",
            "the campaign has no template for this channel, or it was deleted",
        ));
    }
    let test = Test {
        message,
        campaign: campaign.id,
        vendor_id,
        channel,
        to,
        base: base_of(&request),
    };
    let sent = send(app, request.caller()?, test).await?;
    respond::ok(&TestSendResponse::new(channel, sent))
}
