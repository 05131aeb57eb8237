//! `GET /api/v1/vendor-groups`.

use std::collections::BTreeMap;

use domain::VendorId;
use domain::identifiers::{Pan, Udyam};
use domain::pan_group::{GroupMember, PanGroup};
use domain::segment::VendorFilter;
use domain::user::Permission;
use http::Method;
use runtime::paging::{self, List};
use runtime::{Access, ApiError, App, Request, Response, Route, respond};
use store::PageKey;
use store::directory::Entry;

/// The route.
pub static ROUTE: Route = Route::new(
    "vendors-list-groups",
    Method::GET,
    "/api/v1/vendor-groups",
    Access::Requires(Permission::VendorsRead),
    |app, request| Box::pin(handle(app, request)),
);

/// Lists every PAN that has several vendor codes, those that contradict themselves first. What lists know of vendors does not include
/// the evidence of a status nor answers: the group of a vendor looks them up, and may find more contradictions.
#[utoipa::path(get, path = "/api/v1/vendor-groups", operation_id = "vendors-list-groups", tag = "vendors",
    params(("limit" = Option<u32>, Query, description = "1 to 200, default 50"), ("cursor" = Option<String>, Query, description = "next_cursor of the page before")),
    responses((status = 200, description = "A page", body = List<PanGroup>)),
    security(("bearer" = [])))]
pub async fn handle(app: &App, request: Request) -> Result<Response, ApiError> {
    let page = paging::page(app, &request).await?;
    let entries = store::directory::entries(app.store()?, &VendorFilter::default()).await?;
    let mut by_pan: BTreeMap<String, Vec<Entry>> = BTreeMap::new();
    for entry in entries {
        if let Some(pan) = entry.pan.clone() {
            by_pan.entry(pan).or_default().push(entry);
        }
    }
    let mut groups: Vec<(Place, PanGroup)> = by_pan.into_values().filter(|entries| entries.len() > 1).filter_map(group).collect();
    groups.sort_by_key(|(place, _)| *place);
    let total = groups.len();
    if let Some(after) = page.after.as_ref().and_then(place) {
        groups.retain(|(place, _)| *place > after);
    }
    let wanted = usize::try_from(page.limit).unwrap_or(usize::MAX);
    let more = groups.len() > wanted;
    groups.truncate(wanted);
    let next = groups
        .last()
        .filter(|_| more)
        .map(|((calm, first), _)| PageKey::from([("calm".to_owned(), calm.to_string()), ("first".to_owned(), first.to_string())]));
    let next_cursor = paging::cursor(app, &request, next).await?;
    respond::ok(&List {
        items: groups.into_iter().map(|(_, group)| group).collect(),
        next_cursor,
        total: u64::try_from(total).ok(),
    })
}

/// Groups with contradictions come first, then the oldest. The PAN itself stays out of the cursor.
type Place = (bool, VendorId);

fn place(key: &PageKey) -> Option<Place> {
    Some((key.get("calm")?.parse().ok()?, key.get("first")?.parse().ok()?))
}

fn group(entries: Vec<Entry>) -> Option<(Place, PanGroup)> {
    let pan = Pan::parse(entries.first()?.pan.as_deref()?).ok()?.into_value();
    let first = entries.iter().map(|entry| entry.id).min()?;
    let members = entries
        .into_iter()
        .map(|entry| GroupMember {
            vendor_id: entry.id,
            vendor_code: entry.code,
            company_name: entry.name,
            udyam: entry
                .udyam
                .as_deref()
                .and_then(|udyam| Udyam::parse(udyam).ok())
                .map(domain::identifiers::Parsed::into_value),
            registered_on: None,
            status: entry.status,
            rank: None,
            state: entry.state.as_deref().and_then(|state| state.parse().ok()),
            answer: None,
        })
        .collect();
    let group = PanGroup::summary(&pan, members);
    Some(((group.contradictions.is_empty(), first), group))
}
