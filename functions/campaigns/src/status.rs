//! `GET /api/v1/campaigns/{id}/status`.

use domain::campaign::CampaignState;
use domain::delivery::{Channel, Counts};
use domain::user::Permission;
use futures::future::try_join_all;
use http::Method;
use jiff::Timestamp;
use messaging::email_providers::EmailProvider;
use runtime::{Access, ApiError, App, Request, Response, Route, respond};
use serde::Serialize;
use store::chunks::{ChunkState, ChunkSummary};
use store::{campaigns, providers};
use utoipa::ToSchema;

use crate::wire::{ChannelAccount, Progress};

/// The route.
pub static ROUTE: Route = Route::new(
    "campaigns-status",
    Method::GET,
    "/api/v1/campaigns/{id}/status",
    Access::Requires(Permission::CampaignsRead),
    |app, request| Box::pin(handle(app, request)),
);

/// The account every WhatsApp message goes through.
const WHATSAPP: &str = "whatsapp";

/// How far a campaign is.
#[derive(Debug, Serialize, ToSchema)]
struct Status {
    /// The campaign, `cmp_…`.
    id: String,
    state: CampaignState,
    /// Why it halted, machine-readable.
    halt_reason: Option<String>,
    /// Reasons to halt that an operator has overruled by resuming.
    waived: Vec<String>,
    /// Whether the whole audience is planned; until then the counts grow.
    planned: bool,
    /// Chunks: recipients that are sent to together.
    chunks: u32,
    /// Chunks with nothing left to send.
    chunks_closed: u32,
    /// Share of planned recipients that are no longer pending, in percent.
    sent_percent: u32,
    /// Share of planned recipients that have answered, in percent.
    responded_percent: u32,
    /// The sum over channels.
    counts: Counts,
    channels: Vec<ChannelStatus>,
    deadline: Timestamp,
    executed_at: Option<Timestamp>,
    completed_at: Option<Timestamp>,
}

/// How far one channel is.
#[derive(Debug, Serialize, ToSchema)]
struct ChannelStatus {
    channel: Channel,
    counts: Counts,
    chunks: u32,
    /// Chunks with nothing left to send.
    chunks_closed: u32,
    /// Chunks put aside until a provider takes more, the campaign goes on or quiet hours end.
    chunks_parked: u32,
    /// Recipients that are being sent to at this moment.
    in_flight: u32,
    /// Providers that take nothing for now.
    closed_providers: Vec<ClosedProvider>,
}

/// A provider that takes nothing for now.
#[derive(Debug, Serialize, ToSchema)]
struct ClosedProvider {
    name: String,
    closed_until: Timestamp,
    /// Why, machine-readable.
    closed_reason: Option<String>,
}

/// Shows a campaign's progress, and what keeps it waiting.
#[utoipa::path(get, path = "/api/v1/campaigns/{id}/status", operation_id = "campaigns-status", tag = "campaigns", params(("id" = String, Path, description = "cmp_…")),
    responses((status = 200, description = "Progress", body = Status), (status = 404, description = "No such campaign")), security(("bearer" = [])))]
pub async fn handle(app: &App, request: Request) -> Result<Response, ApiError> {
    let campaign = campaigns::get(app.store()?, request.id("id")?).await?;
    let Progress {
        accounts,
        counts,
        chunks,
        chunks_closed,
        planned: _,
        summaries,
    } = Progress::of(app, &campaign).await?;
    let is_active = CampaignState::ACTIVE.contains(&campaign.state);
    let mut channels = Vec::with_capacity(accounts.len());
    for ChannelAccount { channel, counts } in accounts {
        let of_channel = summaries.iter().filter(|summary| summary.channel == channel);
        // What a provider does now is nothing to a campaign that is over.
        let closed = if is_active { closed_providers(app, channel).await? } else { Vec::new() };
        channels.push(ChannelStatus::new(channel, counts, of_channel, closed));
    }
    let percent = |part: u32| {
        (u64::from(part) * 100)
            .checked_div(u64::from(counts.targeted))
            .and_then(|p| u32::try_from(p).ok())
            .unwrap_or(0)
    };
    respond::ok(&Status {
        id: campaign.id.to_string(),
        state: campaign.state,
        halt_reason: campaign.halt_reason,
        waived: campaign.waived,
        planned: campaign.planned_at.is_some(),
        chunks,
        chunks_closed,
        sent_percent: percent(counts.targeted - counts.pending),
        responded_percent: percent(counts.responded),
        deadline: campaign.content.deadline,
        executed_at: campaign.executed_at,
        completed_at: campaign.completed_at,
        counts,
        channels,
    })
}

impl ChannelStatus {
    fn new<'a>(channel: Channel, counts: Counts, summaries: impl Iterator<Item = &'a ChunkSummary>, closed_providers: Vec<ClosedProvider>) -> Self {
        let mut status = Self {
            channel,
            counts,
            chunks: 0,
            chunks_closed: 0,
            chunks_parked: 0,
            in_flight: 0,
            closed_providers,
        };
        for summary in summaries {
            status.chunks += 1;
            match summary.state {
                ChunkState::Pending => status.chunks_parked += u32::from(summary.parked),
                ChunkState::Claimed => status.in_flight += summary.counts.pending,
                ChunkState::Closed => status.chunks_closed += 1,
            }
        }
        status
    }
}

/// The channel's providers that are closed; one that is not configured was never closed.
async fn closed_providers(app: &App, channel: Channel) -> Result<Vec<ClosedProvider>, ApiError> {
    let (store, now) = (app.store()?, app.now());
    let names = match channel {
        Channel::Email => EmailProvider::ALL.map(EmailProvider::as_str).to_vec(),
        Channel::Whatsapp => vec![WHATSAPP],
    };
    let states = try_join_all(names.iter().map(|name| providers::get(store, name))).await?;
    let closed = names.into_iter().zip(states).filter_map(|(name, state)| {
        state.closed(now)?;
        Some(ClosedProvider {
            name: name.to_owned(),
            closed_until: Timestamp::from_second(state.closed_until).ok()?,
            closed_reason: state.closed_reason,
        })
    });
    Ok(closed.collect())
}
