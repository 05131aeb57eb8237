//! Whom a run is about, and what that comes to.

use std::collections::{BTreeMap, BTreeSet};

use domain::VendorId;
use domain::segment::VendorFilter;
use domain::verification::Kind;
use runtime::problem::invalid;
use runtime::{ApiError, App};
use store::StoreError;
use store::directory::Entry;
use store::verifications::{Estimate, RunScope, scope_key};

use crate::start::StartRequest;

/// The most vendors that are named one by one.
pub(crate) const MAX_NAMED: usize = 1_000;

/// Whether there is anything to ask about a vendor.
pub fn has_identifiers(entry: &Entry, kinds: &[Kind]) -> bool {
    kinds.iter().any(|kind| !of_kind(entry, *kind).is_empty())
}

fn of_kind(entry: &Entry, kind: Kind) -> Vec<&str> {
    match kind {
        Kind::Udyam => entry.udyam.as_deref().into_iter().collect(),
        Kind::Gstin => entry.gstins.iter().map(String::as_str).collect(),
        Kind::Pan => entry.pan.as_deref().into_iter().collect(),
    }
}

/// A scope, read.
pub(crate) struct Scope {
    pub(crate) scope: RunScope,
    /// The vendors named one by one that have something to ask about, in order of id.
    pub(crate) named: Option<Vec<VendorId>>,
    /// Tells it from other scopes.
    pub(crate) key: String,
    pub(crate) estimate: Estimate,
}

/// Reads whom a request means and counts what would be asked.
pub(crate) async fn read(app: &App, request: &StartRequest) -> Result<Scope, ApiError> {
    let store = app.store()?;
    let (scope, entries) = match (&request.segment_id, &request.filter, &request.vendor_ids) {
        (Some(text), None, None) => {
            let unknown = || {
                invalid(
                    "segment_id",
                    text,
                    "unknown",
                    "there is no such segment: list them with GET /api/v1/segments",
                )
            };
            let id = text.parse().map_err(|_| unknown())?;
            let segment = store::segments::get(store, id).await.map_err(|error| match error {
                StoreError::NotFound => unknown(),
                other => other.into(),
            })?;
            let entries = store::directory::entries(store, &segment.filter).await?;
            let scope = RunScope {
                segment_id: Some(id),
                filter: Some(segment.filter),
            };
            (scope, entries)
        }
        (None, Some(filter), None) => {
            filter.check()?;
            let filter: VendorFilter = filter.clone().normalised();
            let unknown = store::directory::unknown_campaigns(store, &filter).await?;
            if !unknown.is_empty() {
                return Err(unknown.into());
            }
            let entries = store::directory::entries(store, &filter).await?;
            let scope = RunScope {
                segment_id: None,
                filter: Some(filter),
            };
            (scope, entries)
        }
        (None, None, Some(texts)) => (RunScope::default(), named(app, texts).await?),
        _ => {
            let message = "say whom in one way: segment_id, filter ({} is every vendor) or vendor_ids";
            return Err(invalid("vendor_ids", "", "one_of", message));
        }
    };
    let estimate = estimate(&entries, &request.kinds);
    let named = scope.filter.is_none().then(|| {
        let with = entries.iter().filter(|entry| has_identifiers(entry, &request.kinds));
        with.map(|entry| entry.id).collect::<BTreeSet<VendorId>>().into_iter().collect()
    });
    let key = scope_key(&scope, named.as_deref().unwrap_or_default());
    Ok(Scope { scope, named, key, estimate })
}

async fn named(app: &App, texts: &[String]) -> Result<Vec<Entry>, ApiError> {
    if texts.len() > MAX_NAMED {
        let message = "name at most 1,000 vendors; for more give a segment or a filter";
        return Err(invalid("vendor_ids", "", "too_many", message));
    }
    let unknown = |text: &str| invalid("vendor_ids", text, "unknown", &format!("there is no vendor {text}"));
    let mut ids = BTreeMap::new();
    for text in texts {
        ids.insert(text.parse::<VendorId>().map_err(|_| unknown(text))?, text);
    }
    let wanted: Vec<VendorId> = ids.keys().copied().collect();
    let vendors = store::vendors::get_many(app.store()?, &wanted).await?;
    for vendor in &vendors {
        ids.remove(&vendor.id);
    }
    match ids.into_values().next() {
        Some(text) => Err(unknown(text)),
        None => Ok(vendors.iter().map(Entry::from).collect()),
    }
}

fn estimate(entries: &[Entry], kinds: &[Kind]) -> Estimate {
    let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    let distinct = |kind: Kind| match kinds.contains(&kind) {
        true => count(entries.iter().flat_map(|entry| of_kind(entry, kind)).collect::<BTreeSet<&str>>().len()),
        false => 0,
    };
    Estimate {
        vendors: count(entries.len()),
        without_identifiers: count(entries.iter().filter(|entry| !has_identifiers(entry, kinds)).count()),
        udyam: distinct(Kind::Udyam),
        gstin: distinct(Kind::Gstin),
        pan: distinct(Kind::Pan),
    }
}
