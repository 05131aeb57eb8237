//! `GET /api/v1/analytics/dashboard`.

use std::collections::BTreeMap;

use domain::campaign::CampaignState;
use domain::delivery::Counts;
use domain::user::Permission;
use http::Method;
use runtime::{Access, ApiError, App, Request, Response, Route, respond};
use serde::Serialize;
use store::{PageRequest, campaigns, chunks};
use utoipa::ToSchema;

/// The route.
pub static ROUTE: Route = Route::new(
    "analytics-dashboard",
    Method::GET,
    "/api/v1/analytics/dashboard",
    Access::Requires(Permission::AnalyticsRead),
    |app, request| Box::pin(handle(app, request)),
);

// Enough for two years of weekly campaigns in one query; older ones no longer move.
const CAMPAIGNS: u32 = 100;

/// The figures a compliance team looks at first.
#[derive(Debug, Serialize, ToSchema)]
struct Dashboard {
    vendors: VendorFigures,
    campaigns: CampaignFigures,
    /// The ledger, summed over the newest 100 campaigns that were executed.
    delivery: Counts,
    rates: Rates,
}

/// Vendors by what is known of them.
#[derive(Debug, Serialize, ToSchema)]
struct VendorFigures {
    total: u64,
    /// Vendors by current MSME status.
    by_status: BTreeMap<&'static str, u64>,
    /// Share with a known status, in percent with one decimal.
    known_percent: f64,
}

/// The newest 100 campaigns by state.
#[derive(Debug, Serialize, ToSchema)]
struct CampaignFigures {
    total: u32,
    by_state: BTreeMap<&'static str, u32>,
}

/// Rates of the summed ledger, in percent with one decimal; absent while there is nothing to divide by.
#[derive(Debug, Serialize, ToSchema)]
struct Rates {
    /// Delivered of all that left.
    delivery_percent: Option<f64>,
    /// Bounced of all that left.
    bounce_percent: Option<f64>,
    /// Answered of all delivered.
    response_percent: Option<f64>,
}

/// Shows the dashboard. Every figure is counted from stored facts; none is estimated.
#[utoipa::path(get, path = "/api/v1/analytics/dashboard", operation_id = "analytics-dashboard", tag = "analytics",
    responses((status = 200, description = "The figures", body = Dashboard)), security(("bearer" = [])))]
pub async fn handle(app: &App, _request: Request) -> Result<Response, ApiError> {
    let store = app.store()?;
    let vendors = store.vendor_counts().await?;
    let newest = campaigns::list(
        store,
        &PageRequest {
            limit: CAMPAIGNS,
            after: None,
        },
    )
    .await?
    .items;
    let mut by_state = BTreeMap::new();
    let mut delivery = Counts::default();
    for campaign in &newest {
        *by_state.entry(campaign.state.as_str()).or_default() += 1;
        if !matches!(campaign.state, CampaignState::Draft | CampaignState::Scheduled) {
            for chunk in chunks::summaries(store, campaign.id).await? {
                delivery.merge(&chunk.counts);
            }
        }
    }
    let known: u64 = vendors
        .by_status
        .iter()
        .filter(|(status, _)| *status != domain::vendor::MsmeStatus::Unknown)
        .map(|(_, count)| count)
        .sum();
    let left = delivery.accepted + delivery.delivered + delivery.bounced;
    respond::ok(&Dashboard {
        vendors: VendorFigures {
            total: vendors.total,
            by_status: vendors.by_status.iter().map(|(status, count)| (status.as_str(), *count)).collect(),
            known_percent: percent(known, vendors.total).unwrap_or(0.0),
        },
        campaigns: CampaignFigures {
            total: u32::try_from(newest.len()).unwrap_or(u32::MAX),
            by_state,
        },
        rates: Rates {
            delivery_percent: percent(delivery.delivered.into(), left.into()),
            bounce_percent: percent(delivery.bounced.into(), left.into()),
            response_percent: percent(delivery.responded.into(), delivery.delivered.into()),
        },
        delivery,
    })
}

fn percent(part: u64, whole: u64) -> Option<f64> {
    // Tenths of a percent as an integer first: the figure is shown, never calculated with.
    let tenths = (part * 1_000).checked_div(whole)?;
    u32::try_from(tenths).ok().map(|tenths| f64::from(tenths) / 10.0)
}
