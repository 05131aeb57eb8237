//! The filters of a list, from its query.

use domain::FieldError;
use domain::segment::{VendorFilter, VendorOrder};
use domain::vendor::MsmeStatus;
use runtime::problem::invalid;
use runtime::{ApiError, App, Request};

/// Reads `q`, `msme_status`, `state`, `supplier_type`, `tag` (each may come several times, or with commas), `has_email`, `has_whatsapp`,
/// `suppressed`, `responded`, `not_responded` and `segment`, which takes the place of all others.
///
/// # Errors
/// 422 with every parameter that is wrong.
pub(crate) async fn filter(app: &App, request: &Request) -> Result<VendorFilter, ApiError> {
    if let Some(segment) = request.query("segment") {
        let unknown = || {
            invalid(
                "segment",
                segment,
                "unknown",
                "there is no such segment: list them with GET /api/v1/segments",
            )
        };
        let id = segment.parse().map_err(|_| unknown())?;
        return match store::segments::get(app.store()?, id).await {
            Ok(segment) => Ok(segment.filter),
            Err(store::StoreError::NotFound) => Err(unknown()),
            Err(error) => Err(error.into()),
        };
    }
    let mut errors = Vec::new();
    let mut msme_statuses = Vec::new();
    for word in several(request, "msme_status") {
        match MsmeStatus::parse(&word) {
            Ok(status) => msme_statuses.push(status),
            Err(error) => errors.push(FieldError::new("msme_status", &word, "unknown", &error.to_string())),
        }
    }
    let mut flag = |name: &'static str| match request.query(name) {
        None => None,
        Some("true") => Some(true),
        Some("false") => Some(false),
        Some(other) => {
            errors.push(FieldError::new(name, other, "true_or_false", "write true or false"));
            None
        }
    };
    let (has_email, has_whatsapp, suppressed) = (flag("has_email"), flag("has_whatsapp"), flag("suppressed"));
    let mut campaign = |name: &'static str| match request.query(name).map(str::parse) {
        None => None,
        Some(Ok(id)) => Some(id),
        Some(Err(_)) => {
            errors.push(FieldError::new(name, "", "unknown", "give a campaign's id, cmp_…"));
            None
        }
    };
    let (responded, not_responded) = (campaign("responded"), campaign("not_responded"));
    let filter = VendorFilter {
        text: request.query("q").map(str::to_owned),
        msme_statuses,
        states: several(request, "state"),
        supplier_types: several(request, "supplier_type"),
        tags: several(request, "tag"),
        has_email,
        has_whatsapp,
        suppressed,
        responded,
        not_responded,
    };
    if let Err(wrong) = filter.check() {
        errors.extend(wrong);
    }
    if errors.is_empty() {
        Ok(filter.normalised())
    } else {
        Err(errors.into())
    }
}

/// In what order.
///
/// # Errors
/// 422 for an unknown word.
pub(crate) fn order(request: &Request) -> Result<VendorOrder, ApiError> {
    match request.query("sort") {
        None => Ok(VendorOrder::default()),
        Some(word) => VendorOrder::parse(word).ok_or_else(|| invalid("sort", word, "unknown", "choose code, name, created or updated")),
    }
}

fn several(request: &Request, name: &str) -> Vec<String> {
    let values = request.query.iter().filter(|(key, _)| key == name);
    let parts = values
        .flat_map(|(_, value)| value.split(','))
        .map(str::trim)
        .filter(|part| !part.is_empty());
    parts.map(str::to_owned).collect()
}
