//! `GET /api/v1/vendors/{id}/classification`.

use domain::classification::{Classification, Figures, Reclassification, classify, reclassify};
use domain::declaration::indian_date;
use domain::status::{self, StatusOn};
use domain::user::Permission;
use http::Method;
use jiff::civil::Date;
use runtime::problem::invalid;
use runtime::{Access, ApiError, App, Request, Response, Route, respond};
use serde::Serialize;
use utoipa::ToSchema;

use crate::wire::{date, paise};

/// The route.
pub static ROUTE: Route = Route::new(
    "vendors-classify",
    Method::GET,
    "/api/v1/vendors/{id}/classification",
    Access::Requires(Permission::VendorsRead),
    |app, request| Box::pin(handle(app, request)),
);

/// The class figures come to, how it moved, and whether the record says the same.
#[derive(Debug, Serialize, ToSchema)]
pub struct ClassificationResponse {
    /// The day the figures are looked at.
    on: Date,
    /// Investment in plant and machinery or equipment after depreciation, in paise.
    investment_paise: u64,
    /// Turnover without exports, in paise.
    turnover_paise: u64,
    /// Where the turnover comes from.
    turnover_from: TurnoverFrom,
    /// The class by the limits of that day, and why.
    #[serde(flatten)]
    classification: Classification,
    /// What became of the class since the earlier figures; only where they are given.
    #[serde(skip_serializing_if = "Option::is_none")]
    reclassification: Option<Reclassification>,
    /// What the vendor is on record as on that day.
    recorded: StatusOn,
    /// Whether figures and record come to the same class; absent where either comes to none.
    #[serde(skip_serializing_if = "Option::is_none")]
    agrees: Option<bool>,
    /// What figures cannot show.
    notes: Vec<&'static str>,
}

/// Where a turnover comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TurnoverFrom {
    /// It was asked about.
    Request,
    /// It is the vendor's annual turnover on record.
    Record,
}

const NOTES: [&str; 2] = [
    "Figures are those of the whole PAN: investment and turnover of every GSTIN under it add up, and exports do not count as turnover.",
    "A class by figures is a check on what the vendor declared, no evidence: only a Udyam registration makes a vendor an MSME.",
];

/// Which class figures come to by the limits of a day, and with earlier figures how and why it moved: other figures, other limits, or
/// both. The record's own class of that day stands beside it. Nothing is stored.
#[utoipa::path(get, path = "/api/v1/vendors/{id}/classification", operation_id = "vendors-classify", tag = "vendors",
    params(("id" = String, Path, description = "vnd_…"),
        ("investment_paise" = u64, Query, description = "Investment in plant and machinery or equipment after depreciation, of the whole PAN"),
        ("turnover_paise" = Option<u64>, Query, description = "Turnover without exports, of the whole PAN; the vendor's annual turnover on record where left out"),
        ("on" = Option<String>, Query, description = "The day whose limits count, usually the last of a fiscal year, `2026-03-31`; today in India where left out"),
        ("previous_investment_paise" = Option<u64>, Query, description = "Earlier figures, to have the move explained: investment"),
        ("previous_turnover_paise" = Option<u64>, Query, description = "… and turnover"),
        ("previous_on" = Option<String>, Query, description = "… and their day, before `on`")),
    responses((status = 200, description = "The class, with its reasons", body = ClassificationResponse), (status = 404, description = "No such vendor"),
        (status = 422, description = "A parameter is missing or wrong")),
    security(("bearer" = [])))]
pub async fn handle(app: &App, request: Request) -> Result<Response, ApiError> {
    let on = date(&request, "on")?.unwrap_or_else(|| indian_date(app.now()));
    let Some(investment_paise) = paise(&request, "investment_paise")? else {
        let fix = "give the investment in paise, as in ?investment_paise=5000000000 for ₹5 crore";
        return Err(invalid("investment_paise", "", "required", fix));
    };
    let turnover = paise(&request, "turnover_paise")?;
    let previous = previous(&request, on)?;

    let store = app.store()?;
    let vendor = store::vendors::get_any(store, request.id("id")?).await?;
    let history = store::vendors::status_history(store, vendor.id).await?;
    let on_record = || vendor.profile.annual_turnover_paise.and_then(|paise| u64::try_from(paise).ok());
    let (turnover_paise, turnover_from) = match (turnover, on_record()) {
        (Some(given), _) => (given, TurnoverFrom::Request),
        (None, Some(recorded)) => (recorded, TurnoverFrom::Record),
        (None, None) => {
            let fix = "the vendor's turnover is not on record: give it in paise, as in ?turnover_paise=50000000000 for ₹50 crore";
            return Err(invalid("turnover_paise", "", "required", fix));
        }
    };
    let figures = Figures {
        investment_paise,
        turnover_paise,
        on,
    };
    let classification = classify(investment_paise, turnover_paise, on);
    let recorded = status::on(&history, on);
    respond::ok(&ClassificationResponse {
        on,
        investment_paise,
        turnover_paise,
        turnover_from,
        agrees: recorded
            .status
            .class()
            .zip(classification.class)
            .map(|(recorded, found)| recorded == found),
        classification,
        reclassification: previous.map(|previous| reclassify(previous, figures)),
        recorded,
        notes: NOTES.to_vec(),
    })
}

/// Earlier figures: all three parameters or none.
fn previous(request: &Request, on: Date) -> Result<Option<Figures>, ApiError> {
    let names = ["previous_investment_paise", "previous_turnover_paise", "previous_on"];
    let (investment, turnover, day) = (paise(request, names[0])?, paise(request, names[1])?, date(request, names[2])?);
    match (investment, turnover, day) {
        (None, None, None) => Ok(None),
        (Some(investment_paise), Some(turnover_paise), Some(day)) if day < on => Ok(Some(Figures {
            investment_paise,
            turnover_paise,
            on: day,
        })),
        (Some(_), Some(_), Some(day)) => {
            let fix = "earlier figures are of an earlier day than `on`: correct one of the two";
            Err(invalid(names[2], &day.to_string(), "not_before", fix))
        }
        (investment, turnover, _) => {
            let missing = match (investment, turnover) {
                (None, _) => names[0],
                (_, None) => names[1],
                _ => names[2],
            };
            let fix = "earlier figures are an investment, a turnover and their day: give all three, or none";
            Err(invalid(missing, "", "required", fix))
        }
    }
}
