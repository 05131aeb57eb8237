//! `GET /api/v1/vendors/{id}/payment-verdict`.

use domain::payment::{BankRates, DueDates, Interest, PaymentFacts, Terms, TraderPolicy, Verdict, interest, verdict};
use domain::user::Permission;
use http::Method;
use runtime::problem::invalid;
use runtime::{Access, ApiError, App, Request, Response, Route, respond};
use serde::Serialize;
use utoipa::ToSchema;

use crate::wire::date;

/// The route.
pub static ROUTE: Route = Route::new(
    "vendors-verdict",
    Method::GET,
    "/api/v1/vendors/{id}/payment-verdict",
    Access::Requires(Permission::VendorsRead),
    |app, request| Box::pin(handle(app, request)),
);

/// Whether a payment is covered, by when it is due, and what a delay costs.
#[derive(Debug, Serialize, ToSchema)]
pub struct VerdictResponse {
    #[serde(flatten)]
    verdict: Verdict,
    /// The clocks of section 15 and of MSME-1.
    due: DueDates,
    /// Days paid after the last day of section 15; only with `paid_on`.
    #[serde(skip_serializing_if = "Option::is_none")]
    days_late: Option<u32>,
    /// Days paid after the 45 days that MSME-1 counts; only with `paid_on`.
    #[serde(skip_serializing_if = "Option::is_none")]
    days_beyond_45: Option<u32>,
    /// Interest under section 16; only with `paid_on` and `amount_paise`, where the payment is late.
    #[serde(skip_serializing_if = "Option::is_none")]
    interest: Option<Interest>,
}

/// Whether sections 15 and 43B(h) cover a payment to a vendor, computed from its dated status, with every reason. Where the law is not
/// settled the answer is `needs_professional`; where a fact is missing, `needs_evidence`.
#[utoipa::path(get, path = "/api/v1/vendors/{id}/payment-verdict", operation_id = "vendors-verdict", tag = "vendors",
    params(("id" = String, Path, description = "vnd_…"), ("accepted_on" = String, Query, description = "Day the goods or services were accepted, `2026-07-01`"),
        ("supplied_on" = Option<String>, Query, description = "Day of supply; that of acceptance where left out"),
        ("contracted_on" = Option<String>, Query, description = "Day of the contract or order"),
        ("agreed_on" = Option<String>, Query, description = "Day of payment agreed in writing"),
        ("paid_on" = Option<String>, Query, description = "Day of payment"), ("amount_paise" = Option<u64>, Query, description = "What was owed"),
        ("traders" = Option<TraderPolicy>, Query, description = "What the organisation holds of traders: `ask_professional`, `covered`, `not_covered`")),
    responses((status = 200, description = "The answer, with its reasons", body = VerdictResponse), (status = 404, description = "No such vendor"),
        (status = 422, description = "A parameter is missing or wrong")),
    security(("bearer" = [])))]
pub async fn handle(app: &App, request: Request) -> Result<Response, ApiError> {
    let Some(accepted_on) = date(&request, "accepted_on")? else {
        return Err(invalid(
            "accepted_on",
            "",
            "required",
            "give the day of acceptance, as in ?accepted_on=2026-07-01",
        ));
    };
    let paid_on = date(&request, "paid_on")?;
    let amount = request.query("amount_paise").map(|text| {
        text.parse::<u64>()
            .map_err(|_| invalid("amount_paise", text, "amount_invalid", "give the amount as a whole number of paise"))
    });
    let traders = match request.query("traders") {
        None | Some("ask_professional") => TraderPolicy::AskProfessional,
        Some("covered") => TraderPolicy::Covered,
        Some("not_covered") => TraderPolicy::NotCovered,
        Some(other) => return Err(invalid("traders", other, "unknown", "choose ask_professional, covered or not_covered")),
    };
    let terms = date(&request, "agreed_on")?.map_or(Terms::NoAgreement, Terms::Agreed);
    let (supplied_on, contracted_on) = (date(&request, "supplied_on")?, date(&request, "contracted_on")?);
    let amount = amount.transpose()?;

    let store = app.store()?;
    let vendor = store::vendors::get_any(store, request.id("id")?).await?;
    let history = store::vendors::status_history(store, vendor.id).await?;
    let due = DueDates::new(accepted_on, terms);
    let verdict = verdict(&PaymentFacts {
        history: &history,
        contracted_on,
        supplied_on: supplied_on.unwrap_or(accepted_on),
        registered_on: vendor.profile.udyam_registration_date,
        activity: vendor.profile.activity,
        traders,
    });
    let days_late = paid_on.map(|paid_on| due.days_late(paid_on));
    let interest = match (amount, paid_on) {
        (Some(amount), Some(paid_on)) if days_late > Some(0) => {
            let interest = interest(amount, &due, paid_on, &BankRates::published());
            Some(interest.map_err(|error| invalid("accepted_on", &accepted_on.to_string(), "bank_rate_unknown", &error.to_string()))?)
        }
        _ => None,
    };
    respond::ok(&VerdictResponse {
        verdict,
        days_beyond_45: paid_on.map(|paid_on| due.days_beyond_45(paid_on)),
        days_late,
        interest,
        due,
    })
}
