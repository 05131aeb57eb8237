//! `POST /api/v1/campaigns/{id}/recipients/{vendor_id}/resolve`.

use domain::VendorId;
use domain::campaign::Campaign;
use domain::delivery::{AttemptResult, Channel, Outcome, OutcomePack, Recipient, RecipientClass, RecipientStatus};
use domain::user::Permission;
use domain::work::ChunkMessage;
use http::Method;
use runtime::problem::{conflict, invalid};
use runtime::{Access, ApiError, App, Outgoing, Request, Response, Route, Var, extract, respond};
use serde::Deserialize;
use store::chunks::ChunkState;
use store::{ChunkRef, Store, campaigns, chunks, responses};
use utoipa::ToSchema;

use crate::recipients::RecipientResponse;

/// The route.
pub static ROUTE: Route = Route::new(
    "campaigns-resolve",
    Method::POST,
    "/api/v1/campaigns/{id}/recipients/{vendor_id}/resolve",
    Access::Requires(Permission::CampaignsExecute),
    |app, request| Box::pin(handle(app, request)),
)
.idempotent()
.needing(&[Var::EmailQueueUrl, Var::WhatsappQueueUrl]);

const NOT_ASKED: ApiError = ApiError::NotFound("the campaign does not ask this vendor through this channel");

/// How often a chunk may change under us before the client is asked to repeat.
const TRIES: u32 = 3;

/// What an operator found out about a recipient whose provider's answer was lost.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ResolveRequest {
    /// The channel the message went through.
    channel: Channel,
    resolution: Resolution,
    /// How that is known, 10 to 500 characters; kept with the decision.
    #[schema(example = "Accounts confirmed by phone that the mail arrived.")]
    note: String,
}

/// What becomes of the recipient.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Resolution {
    /// The provider took the message.
    Accepted,
    /// It did not, and the vendor is not asked again.
    Failed,
    /// It is sent again: the vendor may get it twice.
    Resend,
}

impl Resolution {
    const fn outcome(self) -> (AttemptResult, ChunkState, &'static str) {
        match self {
            Resolution::Accepted => (AttemptResult::Accepted, ChunkState::Closed, "operator:accepted"),
            Resolution::Failed => (AttemptResult::Failed, ChunkState::Closed, "operator:failed"),
            Resolution::Resend => (AttemptResult::Reopened, ChunkState::Pending, "operator:resend"),
        }
    }
}

/// Settles a recipient that stayed unknown. Events of the provider that come later still count.
#[utoipa::path(post, path = "/api/v1/campaigns/{id}/recipients/{vendor_id}/resolve", operation_id = "campaigns-resolve", tag = "campaigns", request_body = ResolveRequest,
    params(("id" = String, Path, description = "cmp_…"), ("vendor_id" = String, Path, description = "vnd_…"),
        ("Idempotency-Key" = Option<String>, Header, description = "Repeats within 24 h get the first answer")),
    responses((status = 200, description = "The recipient as it stands now", body = RecipientResponse),
        (status = 404, description = "The campaign does not ask this vendor through this channel"),
        (status = 409, description = "The recipient is not unknown, is just being sent to, or cannot be sent to again"),
        (status = 422, description = "The note is too short or too long")), security(("bearer" = [])))]
pub async fn handle(app: &App, request: Request) -> Result<Response, ApiError> {
    let ResolveRequest { channel, resolution, note } = extract::json(&request)?;
    let note = note.trim();
    if !(10..=500).contains(&note.chars().count()) {
        return Err(invalid("note", "", "length", "say in 10 to 500 characters how this is known"));
    }
    let store = app.store()?;
    let (campaign, vendor): (Campaign, VendorId) = (campaigns::get(store, request.id("id")?).await?, request.id("vendor_id")?);
    let asked = responses::asked(store, vendor, campaign.root()).await?.ok_or(NOT_ASKED)?;
    let chunk = asked
        .chunks
        .into_iter()
        .find(|chunk| chunk.campaign == campaign.id && chunk.channel == channel);
    let chunk = chunk.ok_or(NOT_ASKED)?;

    let by = format!("{}: {note}", request.caller()?.id());
    decide(app, &campaign, chunk, vendor, resolution, &by).await?;
    if matches!(resolution, Resolution::Resend) {
        enqueue(app, chunk, &request.correlation_id).await?;
    }
    let (recipient, status) = standing(store, chunk, vendor).await?;
    respond::ok(&RecipientResponse::new(channel, &recipient, status))
}

/// Records the decision, if the recipient is still unknown.
async fn decide(app: &App, campaign: &Campaign, chunk: ChunkRef, vendor: VendorId, resolution: Resolution, by: &str) -> Result<(), ApiError> {
    let store = app.store()?;
    let (result, next, reason) = resolution.outcome();
    for _ in 0..TRIES {
        // The summary before the log: whatever changes after it makes the write below fail.
        let summaries = chunks::summaries(store, campaign.id).await?;
        let seen = summaries
            .into_iter()
            .find(|summary| summary.chunk(campaign.id) == chunk)
            .ok_or(NOT_ASKED)?;
        let (_, status) = standing(store, chunk, vendor).await?;
        if status.class != RecipientClass::Unknown {
            return Err(conflict(format!(
                "the recipient is {}: only one that is unknown can be resolved",
                status.class.as_str()
            )));
        }
        if matches!(resolution, Resolution::Resend) {
            check_resend(app, campaign, &status)?;
        }
        if seen.state != ChunkState::Closed {
            return Err(conflict("others of the recipient's chunk are being sent to: repeat in a few minutes"));
        }
        let pack = OutcomePack {
            attempt: seen.attempt + 1,
            at: app.now(),
            wave: 0,
            late: false,
            by: Some(by.to_owned()),
            outcomes: vec![Outcome::without_message(vendor, result, reason)],
        };
        if chunks::amend(store, chunk, &seen, app.new_ulid(), &pack, next).await? {
            return Ok(());
        }
    }
    Err(ApiError::Busy)
}

fn check_resend(app: &App, campaign: &Campaign, status: &RecipientStatus) -> Result<(), ApiError> {
    if !campaign.state.allows_sending() {
        return Err(conflict(format!("the campaign is {}: nothing is sent", campaign.state)));
    }
    if campaign.content.deadline <= app.now() {
        return Err(conflict(format!(
            "the campaign's deadline, {}, has passed: nothing is sent any more",
            campaign.content.deadline
        )));
    }
    if status.responded || status.unsubscribed {
        return Err(conflict("the vendor has answered or opted out: it is not asked again"));
    }
    Ok(())
}

/// Brings the chunk to a sender. Where this fails the reconciler does it later: the chunk is open.
async fn enqueue(app: &App, chunk: ChunkRef, correlation_id: &str) -> Result<(), ApiError> {
    let queue = match chunk.channel {
        Channel::Email => Var::EmailQueueUrl,
        Channel::Whatsapp => Var::WhatsappQueueUrl,
    };
    let message = Outgoing {
        body: ChunkMessage {
            campaign_id: chunk.campaign,
            channel: chunk.channel,
            chunk: chunk.number,
        },
        delay_secs: 0,
    };
    runtime::send_as(app, queue, correlation_id, Some(&chunk.campaign.to_string()), &[message])
        .await
        .map_err(ApiError::Internal)
}

async fn standing(store: &Store, chunk: ChunkRef, vendor: VendorId) -> Result<(Recipient, RecipientStatus), ApiError> {
    let (log, _) = chunks::log(store, chunk).await?;
    let found = log.with_statuses().find(|(recipient, _)| recipient.id == vendor);
    found.map(|(recipient, status)| (recipient.clone(), status)).ok_or(NOT_ASKED)
}
