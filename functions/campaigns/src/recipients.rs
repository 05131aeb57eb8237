//! `GET /api/v1/campaigns/{id}/recipients`.

use domain::delivery::{Channel, RecipientClass, RecipientStatus};
use domain::user::Permission;
use http::Method;
use jiff::Timestamp;
use runtime::paging::{self, List};
use runtime::problem::invalid;
use runtime::{Access, ApiError, App, Request, Response, Route, respond};
use serde::Serialize;
use store::{ChunkRef, PageKey, campaigns, chunks};
use utoipa::ToSchema;

use crate::wire::Progress;

/// The route.
pub static ROUTE: Route = Route::new(
    "campaigns-recipients",
    Method::GET,
    "/api/v1/campaigns/{id}/recipients",
    Access::Requires(Permission::CampaignsRead),
    |app, request| Box::pin(handle(app, request)),
);

/// Where one recipient stands.
#[derive(Debug, Serialize, ToSchema)]
struct RecipientResponse {
    /// The vendor, `vnd_…`.
    vendor_id: String,
    vendor_code: String,
    company_name: String,
    channel: Channel,
    class: RecipientClass,
    /// Why, machine-readable; for every class that is not a success.
    reason: Option<String>,
    /// The provider's message id.
    message_id: Option<String>,
    attempts: u32,
    responded: bool,
    complained: bool,
    unsubscribed: bool,
    updated_at: Option<Timestamp>,
}

/// Lists recipients by name, in planning order; `?class=` shows one class of the ledger.
#[utoipa::path(get, path = "/api/v1/campaigns/{id}/recipients", operation_id = "campaigns-recipients", tag = "campaigns",
    params(("id" = String, Path, description = "cmp_…"), ("class" = Option<RecipientClass>, Query, description = "One class of the ledger"),
        ("limit" = Option<u32>, Query, description = "1 to 200, default 50"), ("cursor" = Option<String>, Query, description = "next_cursor of the page before")),
    responses((status = 200, description = "A page", body = List<RecipientResponse>), (status = 404, description = "No such campaign")), security(("bearer" = [])))]
pub async fn handle(app: &App, request: Request) -> Result<Response, ApiError> {
    let store = app.store()?;
    let page = paging::page(app, &request).await?;
    let wanted = match request.query("class") {
        None => None,
        Some(text) => Some(RecipientClass::ALL.into_iter().find(|class| class.as_str() == text).ok_or_else(|| {
            invalid(
                "class",
                text,
                "unknown",
                "use one of pending, accepted, delivered, bounced, suppressed, skipped, failed, unknown",
            )
        })?),
    };
    let campaign = campaigns::get(store, request.id("id")?).await?;
    let progress = Progress::of(app, &campaign).await?;
    let total = wanted.map_or(progress.counts.targeted, |class| progress.counts.of(class));

    let limit = usize::try_from(page.limit).unwrap_or(usize::MAX);
    let position = |name: &str| {
        page.after
            .as_ref()
            .and_then(|key| key.get(name))
            .and_then(|text| text.parse::<u32>().ok())
    };
    let (mut number, mut index) = (position("chunk").unwrap_or(1), position("index").unwrap_or(0));
    let mut items = Vec::new();
    let mut next = None;
    'chunks: while number <= progress.chunks {
        let chunk = ChunkRef {
            campaign: campaign.id,
            channel: Channel::Email,
            number,
        };
        let (log, _) = chunks::log(store, chunk).await?;
        for (i, (recipient, status)) in log
            .recipients
            .iter()
            .zip(log.statuses())
            .enumerate()
            .skip(usize::try_from(index).unwrap_or(0))
        {
            if wanted.is_some_and(|class| class != status.class) {
                continue;
            }
            if items.len() == limit {
                next = Some(PageKey::from([
                    ("chunk".to_owned(), number.to_string()),
                    ("index".to_owned(), i.to_string()),
                ]));
                break 'chunks;
            }
            let RecipientStatus {
                class,
                reason,
                message_id,
                attempts,
                messages: _,
                in_flight: _,
                read: _,
                hard_bounced: _,
                duplicated: _,
                responded,
                complained,
                unsubscribed,
                updated_at,
            } = status;
            items.push(RecipientResponse {
                vendor_id: recipient.id.to_string(),
                vendor_code: recipient.code.clone(),
                company_name: recipient.name.clone(),
                channel: Channel::Email,
                class,
                reason,
                message_id,
                attempts,
                responded,
                complained,
                unsubscribed,
                updated_at,
            });
        }
        number += 1;
        index = 0;
    }
    let next_cursor = paging::cursor(app, &request, next).await?;
    respond::ok(&List {
        items,
        next_cursor,
        total: Some(u64::from(total)),
    })
}
