//! What a run would come to, before anything is asked or paid.

use domain::verification::Kind;
use runtime::{ApiError, App, Var, VerificationAccount};
use serde::Serialize;
use store::verifications::{Estimate, Limits};
use utoipa::ToSchema;

use crate::wire::VerificationPreflight;

/// What a verification would ask, how long it would take, and what it would cost.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DryRunResponse {
    /// What it would ask about at most: what was told within `not_asked_within_days` is found out vendor by vendor, and left out then.
    preflight: VerificationPreflight,
    /// What a register told within so many days would not be asked again.
    not_asked_within_days: u32,
    /// The most identifiers it would ask about.
    max_requests: u32,
    /// How long it would take if nothing else is verified and nothing has to be asked again: so many a minute, so many a day.
    estimated_seconds: u64,
    /// What it would cost if every request is charged once; absent where a price is not known.
    estimated_cost_paise: Option<u64>,
    /// How that comes about, one for each kind that would be asked about.
    prices: Vec<Price>,
    /// The estimate in a sentence.
    #[schema(example = "the price of pan is not known: write what you agreed with the provider as price_paise into its secret")]
    cost: String,
}

/// What one kind of identifiers costs.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Price {
    /// Which register.
    kind: Kind,
    /// Identifiers, each once.
    requests: u32,
    /// The price of each in paise, from the account's secret; absent where it is not known.
    price_paise: Option<u32>,
}

/// Reckons what a run would come to.
pub(crate) fn of(app: &App, account: &VerificationAccount, estimate: Estimate, limits: Limits) -> Result<DryRunResponse, ApiError> {
    let counts = [(Kind::Udyam, estimate.udyam), (Kind::Gstin, estimate.gstin), (Kind::Pan, estimate.pan)];
    let prices: Vec<Price> = counts
        .into_iter()
        .filter(|(_, requests)| *requests > 0)
        .map(|(kind, requests)| Price {
            kind,
            requests,
            price_paise: account.price_paise(kind.as_str()),
        })
        .collect();
    let of_each = prices.iter().map(|price| Some(u64::from(price.price_paise?) * u64::from(price.requests)));
    let in_all: Option<u64> = of_each.sum();
    let unknown: Vec<&str> = prices
        .iter()
        .filter(|price| price.price_paise.is_none())
        .map(|price| price.kind.as_str())
        .collect();
    let cost = match in_all {
        Some(paise) => format!("at most ₹{}.{:02}, unless the provider charges for repetitions", paise / 100, paise % 100),
        None => format!(
            "the price of {} is not known: write what you agreed with the provider as price_paise into its secret",
            unknown.join(", ")
        ),
    };
    let requests = estimate.identifiers().min(limits.max_requests);
    Ok(DryRunResponse {
        preflight: estimate.into(),
        not_asked_within_days: limits.not_asked_within_days,
        max_requests: limits.max_requests,
        estimated_seconds: seconds(
            requests,
            app.config().number(Var::VerificationPerMinute)?,
            app.config().number(Var::VerificationDailyLimit)?,
        ),
        estimated_cost_paise: in_all,
        prices,
        cost,
    })
}

/// Every full day's fill takes its day, and the rest its minutes.
fn seconds(requests: u32, per_minute: u32, per_day: u32) -> u64 {
    let days = requests.saturating_sub(1) / per_day;
    let rest = requests - days * per_day;
    u64::from(days) * 86_400 + (u64::from(rest) * 60).div_ceil(u64::from(per_minute))
}

#[cfg(test)]
mod tests {
    use super::seconds;

    #[test]
    fn a_days_fill_takes_its_day() {
        assert_eq!((seconds(90, 90, 10_000), seconds(1, 90, 10_000), seconds(0, 90, 10)), (60, 1, 0));
        assert_eq!((seconds(10_000, 90, 10_000), seconds(10_090, 90, 10_000)), (6_667, 86_460));
    }
}
