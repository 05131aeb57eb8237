//! `GET /api/v1/campaigns/{id}/ledger`.

use domain::campaign::CampaignState;
use domain::delivery::{Channel, Counts, RecipientClass};
use domain::user::Permission;
use http::Method;
use runtime::{Access, ApiError, App, Request, Response, Route, respond};
use serde::Serialize;
use store::campaigns;
use utoipa::ToSchema;

use crate::wire::{ChannelAccount, Progress};

/// The route.
pub static ROUTE: Route = Route::new(
    "campaigns-ledger",
    Method::GET,
    "/api/v1/campaigns/{id}/ledger",
    Access::Requires(Permission::CampaignsRead),
    |app, request| Box::pin(handle(app, request)),
);

/// The account of every recipient: each in exactly one class.
#[derive(Debug, Serialize, ToSchema)]
struct Ledger {
    /// The campaign, `cmp_…`.
    id: String,
    state: CampaignState,
    /// One account per channel.
    channels: Vec<Account>,
    /// Whether the plan is complete and every account balances.
    balanced: bool,
}

/// The account of one channel.
#[derive(Debug, Serialize, ToSchema)]
struct Account {
    channel: Channel,
    /// `targeted = pending + accepted + delivered + bounced + suppressed + skipped + failed + unknown`; `responded`,
    /// `complained` and `unsubscribed` stand beside it.
    counts: Counts,
    /// Whether the equation holds.
    balanced: bool,
    /// The vendors of each class, by name.
    recipients: Vec<ClassLink>,
}

/// Where to read the vendors of a class.
#[derive(Debug, Serialize, ToSchema)]
struct ClassLink {
    class: RecipientClass,
    count: u32,
    url: String,
}

/// Shows the ledger.
#[utoipa::path(get, path = "/api/v1/campaigns/{id}/ledger", operation_id = "campaigns-ledger", tag = "campaigns", params(("id" = String, Path, description = "cmp_…")),
    responses((status = 200, description = "The ledger", body = Ledger), (status = 404, description = "No such campaign")), security(("bearer" = [])))]
pub async fn handle(app: &App, request: Request) -> Result<Response, ApiError> {
    let campaign = campaigns::get(app.store()?, request.id("id")?).await?;
    let progress = Progress::of(app, &campaign).await?;
    let channels: Vec<Account> = progress
        .accounts
        .into_iter()
        .map(|ChannelAccount { channel, counts }| Account {
            channel,
            balanced: counts.is_balanced(),
            recipients: RecipientClass::ALL
                .into_iter()
                .map(|class| ClassLink {
                    class,
                    count: counts.of(class),
                    url: format!(
                        "/api/v1/campaigns/{}/recipients?channel={}&class={}",
                        campaign.id,
                        channel.as_str(),
                        class.as_str()
                    ),
                })
                .collect(),
            counts,
        })
        .collect();
    let complete = campaign.planned_at.is_some() && progress.planned == campaign.targeted;
    respond::ok(&Ledger {
        id: campaign.id.to_string(),
        state: campaign.state,
        balanced: complete && channels.iter().all(|account| account.balanced),
        channels,
    })
}
