//! The filters of a list, from its query.

use domain::FieldError;
use domain::segment::{VendorFilter, VendorOrder};
use domain::vendor::MsmeStatus;
use runtime::problem::invalid;
use runtime::{ApiError, App, Request};

/// Every parameter of a list that chooses, besides `segment`.
const CHOOSING: [&str; 12] = [
    "q",
    "msme_status",
    "state",
    "supplier_type",
    "tag",
    "has_email",
    "has_whatsapp",
    "suppressed",
    "suppressed_email",
    "suppressed_whatsapp",
    "responded",
    "not_responded",
];

/// The others.
const OTHERS: [&str; 5] = ["segment", "deleted", "sort", "limit", "cursor"];

/// Whom a list means.
pub(crate) struct Meant {
    pub(crate) filter: VendorFilter,
    /// The version of the segment it is of: another one means others.
    pub(crate) segment_version: Option<u64>,
}

/// Whether a list is of deleted vendors, which nothing else is known of than when they were deleted.
///
/// # Errors
/// 422 for another value, or a filter beside it.
pub(crate) fn is_of_deleted(request: &Request) -> Result<bool, ApiError> {
    let given = || request.query.iter().map(|(name, _)| name.as_str());
    match request.query("deleted") {
        Some("true") if given().any(|name| CHOOSING.contains(&name) || ["segment", "sort"].contains(&name)) => {
            let message = "deleted vendors are listed by the time they were deleted: leave filters and order out";
            Err(invalid("deleted", "true", "filter_given", message))
        }
        Some("true") => Ok(true),
        None | Some("false") => Ok(false),
        Some(other) => Err(invalid("deleted", other, "yes_or_no", "write true or false")),
    }
}

/// Reads `q`, `msme_status`, `state`, `supplier_type`, `tag` (each may come several times, or with commas), `has_email`, `has_whatsapp`,
/// `suppressed`, `suppressed_email`, `suppressed_whatsapp`, `responded`, `not_responded`, or instead of all of them `segment`.
///
/// # Errors
/// 422 with every parameter that is wrong, or unknown: a list that left it out would hold too many.
pub(crate) async fn filter(app: &App, request: &Request) -> Result<Meant, ApiError> {
    let given = || request.query.iter().map(|(name, _)| name.as_str());
    if let Some(unknown) = given().find(|name| !CHOOSING.contains(name) && !OTHERS.contains(name)) {
        let message = format!(
            "a list of vendors has no such parameter: choose among {}, {}",
            CHOOSING.join(", "),
            OTHERS.join(", ")
        );
        return Err(invalid("query", unknown, "unknown_parameter", &message));
    }
    let meant = match request.query("segment") {
        Some(_) if given().any(|name| CHOOSING.contains(&name)) => {
            let message = "give a segment or filters of your own, not both: the segment's own filter counts";
            return Err(invalid("segment", "", "segment_given", message));
        }
        Some(segment) => of_segment(app, segment).await?,
        None => Meant {
            filter: of_parameters(request)?,
            segment_version: None,
        },
    };
    let unknown = store::directory::unknown_campaigns(app.store()?, &meant.filter).await?;
    if unknown.is_empty() { Ok(meant) } else { Err(unknown.into()) }
}

async fn of_segment(app: &App, segment: &str) -> Result<Meant, ApiError> {
    let unknown = || {
        invalid(
            "segment",
            segment,
            "unknown",
            "there is no such segment: list them with GET /api/v1/segments",
        )
    };
    let id = segment.parse().map_err(|_| unknown())?;
    match store::segments::get(app.store()?, id).await {
        Ok(segment) => Ok(Meant {
            filter: segment.filter,
            segment_version: Some(segment.version),
        }),
        Err(store::StoreError::NotFound) => Err(unknown()),
        Err(error) => Err(error.into()),
    }
}

fn of_parameters(request: &Request) -> Result<VendorFilter, ApiError> {
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
    let (has_email, has_whatsapp) = (flag("has_email"), flag("has_whatsapp"));
    let (suppressed, suppressed_email, suppressed_whatsapp) = (flag("suppressed"), flag("suppressed_email"), flag("suppressed_whatsapp"));
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
        supplier_types: supplier_types(request),
        tags: several(request, "tag"),
        has_email,
        has_whatsapp,
        suppressed,
        suppressed_email,
        suppressed_whatsapp,
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

/// A supplier type may have a comma in it: parameters given several times are not split.
fn supplier_types(request: &Request) -> Vec<String> {
    let is_one = |(name, _): &&(String, String)| name == "supplier_type";
    let given: Vec<&str> = request.query.iter().filter(is_one).map(|(_, value)| value.trim()).collect();
    match given.len() {
        0 | 1 => several(request, "supplier_type"),
        _ => given.into_iter().filter(|value| !value.is_empty()).map(str::to_owned).collect(),
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
