//! `GET /api/v1/vendors/{id}/payment-verdict`.

use domain::payment::{Applies, BankRates, DueDates, Interest, PaymentFacts, Terms, TraderPolicy, Verdict, interest, verdict};
use domain::user::Permission;
use http::Method;
use jiff::civil::Date;
use runtime::problem::invalid;
use runtime::{Access, ApiError, App, Request, Response, Route, Var, respond};
use serde::Serialize;
use utoipa::ToSchema;

use crate::wire::{date, paise};

/// The route.
pub static ROUTE: Route = Route::new(
    "vendors-verdict",
    Method::GET,
    "/api/v1/vendors/{id}/payment-verdict",
    Access::Requires(Permission::VendorsRead),
    |app, request| Box::pin(handle(app, request)),
)
.needing(&[Var::TableName, Var::SigningSecretArn, Var::TraderPolicy, Var::BankRates]);

/// Whether a payment is covered, by when it is due, and what a delay costs.
#[derive(Debug, Serialize, ToSchema)]
pub struct VerdictResponse {
    #[serde(flatten)]
    verdict: Verdict,
    /// The clocks of section 15 and of MSME-1.
    due: DueDates,
    /// Days paid after the last day of section 15; only with `paid_on`, and not where the section does not apply.
    #[serde(skip_serializing_if = "Option::is_none")]
    days_late: Option<u32>,
    /// Days paid after the 45 days that MSME-1 counts; only with `paid_on`, and not where the vendor is none MSME-1 asks about.
    #[serde(skip_serializing_if = "Option::is_none")]
    days_beyond_45: Option<u32>,
    /// Interest under section 16; only with `paid_on` and `amount_paise`, where a payment the section may cover is late.
    #[serde(skip_serializing_if = "Option::is_none")]
    interest: Option<Interest>,
    /// What to know of the interest: where its rates come from, or why there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    interest_note: Option<String>,
}

/// The longest delay interest is reckoned for, and the largest sum: beyond them something was mistyped.
const MAX_YEARS: i16 = 50;
const MAX_PAISE: u64 = 1_000_000_000_000_000;

/// Whether sections 15 and 43B(h) cover a payment to a vendor, computed from its dated status, with every reason. Where the law is not
/// settled the answer is `needs_professional`; where a fact is missing, `needs_evidence`.
#[utoipa::path(get, path = "/api/v1/vendors/{id}/payment-verdict", operation_id = "vendors-verdict", tag = "vendors",
    params(("id" = String, Path, description = "vnd_…"), ("accepted_on" = String, Query, description = "Day the goods or services were accepted, `2026-07-01`"),
        ("supplied_on" = Option<String>, Query, description = "Day of supply; that of acceptance where left out"),
        ("contracted_on" = Option<String>, Query, description = "Day of the contract or order; not after the supply"),
        ("agreed_on" = Option<String>, Query, description = "Day of payment agreed in writing"),
        ("paid_on" = Option<String>, Query, description = "Day of payment"),
        ("amount_paise" = Option<u64>, Query, description = "What was owed; with `paid_on`"),
        ("traders" = inline(Option<TraderPolicy>), Query, description = "What to hold of traders: `ask_professional`, `covered`, `not_covered`; the organisation's setting where left out")),
    responses((status = 200, description = "The answer, with its reasons", body = VerdictResponse), (status = 404, description = "No such vendor"),
        (status = 422, description = "A parameter is missing or wrong")),
    security(("bearer" = [])))]
pub async fn handle(app: &App, request: Request) -> Result<Response, ApiError> {
    let asked = Asked::read(app, &request)?;
    let store = app.store()?;
    let vendor = store::vendors::get_any(store, request.id("id")?).await?;
    let history = store::vendors::status_history(store, vendor.id).await?;
    let due = DueDates::new(asked.accepted_on, asked.terms);
    let verdict = verdict(&PaymentFacts {
        history: &history,
        contracted_on: asked.contracted_on,
        supplied_on: asked.supplied_on,
        registered_on: vendor.profile.udyam_registration_date,
        activity: vendor.profile.activity,
        traders: asked.traders,
        due: &due,
        paid_on: asked.paid_on,
    });
    let paid_on = asked.paid_on.filter(|_| verdict.applies != Applies::No);
    let days_late = paid_on.map(|paid_on| due.days_late(paid_on));
    let (interest, interest_note) = match (asked.amount_paise, paid_on) {
        (Some(amount), Some(paid_on)) if days_late > Some(0) => reckon(app, amount, &due, paid_on)?,
        _ => (None, None),
    };
    respond::ok(&VerdictResponse {
        verdict,
        days_beyond_45: paid_on.map(|paid_on| due.days_beyond_45(paid_on)),
        days_late,
        interest,
        interest_note,
        due,
    })
}

/// What is asked about.
struct Asked {
    accepted_on: Date,
    supplied_on: Date,
    contracted_on: Option<Date>,
    terms: Terms,
    paid_on: Option<Date>,
    amount_paise: Option<u64>,
    traders: TraderPolicy,
}

impl Asked {
    fn read(app: &App, request: &Request) -> Result<Self, ApiError> {
        let Some(accepted_on) = date(request, "accepted_on")? else {
            let fix = "give the day of acceptance, as in ?accepted_on=2026-07-01";
            return Err(invalid("accepted_on", "", "required", fix));
        };
        let supplied_on = date(request, "supplied_on")?.unwrap_or(accepted_on);
        let (contracted_on, paid_on) = (date(request, "contracted_on")?, date(request, "paid_on")?);
        if let Some(contracted) = contracted_on.filter(|contracted| *contracted > supplied_on) {
            let fix = "the contract is after the supply: correct one of the two days";
            return Err(invalid("contracted_on", &contracted.to_string(), "after_supply", fix));
        }
        if let Some(paid) = paid_on.filter(|paid| paid.year().saturating_sub(accepted_on.year()) > MAX_YEARS) {
            let fix = "this is more than 50 years after acceptance: correct the year";
            return Err(invalid("paid_on", &paid.to_string(), "date_out_of_range", fix));
        }
        let traders = match request.query("traders") {
            Some(given) => given.parse().map_err(|fix| invalid("traders", given, "unknown", fix))?,
            None => app.config().parsed(Var::TraderPolicy)?,
        };
        Ok(Self {
            accepted_on,
            supplied_on,
            contracted_on,
            terms: date(request, "agreed_on")?.map_or(Terms::NoAgreement, Terms::Agreed),
            paid_on,
            amount_paise: amount(request, paid_on)?,
            traders,
        })
    }
}

fn amount(request: &Request, paid_on: Option<Date>) -> Result<Option<u64>, ApiError> {
    let Some(amount) = paise(request, "amount_paise")? else {
        return Ok(None);
    };
    if amount > MAX_PAISE {
        let fix = "this is more than ten lakh crore rupees: give the amount in paise";
        return Err(invalid("amount_paise", &amount.to_string(), "amount_out_of_range", fix));
    }
    if paid_on.is_none() {
        let fix = "interest runs until the day of payment: give it as ?paid_on=2026-09-01, or leave the amount out";
        return Err(invalid("paid_on", "", "required", fix));
    }
    Ok(Some(amount))
}

/// The interest, and what its rates are; or why there is none.
fn reckon(app: &App, amount: u64, due: &DueDates, paid_on: Date) -> Result<(Option<Interest>, Option<String>), ApiError> {
    let own = app.config().get(Var::BankRates)?;
    let rates = match own {
        "none" => BankRates::published(),
        rows => BankRates::published().with(rows).map_err(|error| ApiError::Internal(error.into()))?,
    };
    Ok(match interest(amount, due, paid_on, &rates) {
        Ok(interest) => {
            let known = rates.known_since();
            let note = format!(
                "Three times the bank rate as known to this deployment, whose last change is of {known}: compare it with the Reserve Bank's own \
                 statements. The Act is silent on broken months and on changes of rate within one: each day counts at its own rate (check)."
            );
            (Some(interest), Some(note))
        }
        Err(unknown) => (None, Some(unknown.to_string())),
    })
}
