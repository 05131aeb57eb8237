//! `POST /api/v1/templates/{id}/test-send`.

use domain::CampaignId;
use domain::template::TemplateContent;
use domain::user::Permission;
use engine::test_send::{NEEDS, Test, TestSendRequest, TestSendResponse, base_of, send};
use http::Method;
use jiff::SignedDuration;
use messaging::Variables;
use runtime::problem::invalid;
use runtime::{Access, ApiError, App, Request, Response, Route, extract, respond};
use store::campaigns::{MessageSnapshot, TemplateSnapshot};

/// The route.
pub static ROUTE: Route = Route::new(
    "templates-test-send",
    Method::POST,
    "/api/v1/templates/{id}/test-send",
    Access::Requires(Permission::TemplatesWrite),
    |app, request| Box::pin(handle(app, request)),
)
.idempotent()
.needing(&NEEDS);

/// No campaign: its id is all noughts.
const NO_CAMPAIGN: u128 = 0;

/// Sends the template, filled in for a vendor, to your own address or number, as `campaigns-test-send` does for a campaign.
#[utoipa::path(post, path = "/api/v1/templates/{id}/test-send", operation_id = "templates-test-send", tag = "templates", request_body = TestSendRequest,
    params(("id" = String, Path, description = "tpl_…"), ("Idempotency-Key" = Option<String>, Header, description = "Repeats within 24 h get the first answer")),
    responses((status = 200, description = "What the provider said", body = TestSendResponse), (status = 404, description = "No such template"),
        (status = 409, description = "Your address is suppressed"), (status = 422, description = "A field is wrong, or the message cannot be made"),
        (status = 429, description = "Too many tests")), security(("bearer" = [])))]
pub async fn handle(app: &App, request: Request) -> Result<Response, ApiError> {
    let TestSendRequest { vendor_id, channel, to } = extract::json(&request)?;
    let template = store::templates::get(app.store()?, request.id("id")?).await?;
    let own = template.content.channel();
    if let Some(other) = channel.filter(|channel| *channel != own) {
        let fix = "the template is of the other channel: leave `channel` out";
        return Err(invalid("channel", other.as_str(), "template_missing", fix));
    }
    // Name and deadline are a campaign's, which there is none of yet.
    let sample = Variables::sample();
    let mut message = MessageSnapshot {
        email: None,
        whatsapp: None,
        campaign_name: sample.get("campaign_name").unwrap_or_default().to_owned(),
        deadline: app.now() + SignedDuration::from_hours(24 * 30),
    };
    let (template_id, template_version) = (template.id, template.version);
    match template.content {
        TemplateContent::Email(content) => {
            message.email = Some(TemplateSnapshot {
                template_id,
                template_version,
                content,
            });
        }
        TemplateContent::Whatsapp(content) => {
            message.whatsapp = Some(TemplateSnapshot {
                template_id,
                template_version,
                content,
            });
        }
    }
    let test = Test {
        message,
        campaign: CampaignId::from_ulid(NO_CAMPAIGN.into()),
        vendor_id,
        channel: own,
        to,
        base: base_of(&request),
    };
    let sent = send(app, request.caller()?, test).await?;
    respond::ok(&TestSendResponse::new(own, sent))
}
