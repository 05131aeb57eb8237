//! What the providers say of our accounts, their limits and our templates.
//!
//! Senders never ask: they go by what [`refresh`] stored, every five minutes. Nor does anything depend on an answer; without one
//! the last is good, or the settings are.

use std::time::Duration;

use delivery::Provider;
use domain::delivery::Channel;
use domain::preflight::Account;
use domain::template::WhatsappContent;
use jiff::{SignedDuration, Timestamp};
use messaging::EmailProvider;
use messaging::whatsapp::{ApprovedTemplate, NumberHealth};
use runtime::{App, RecordError, Var};
use store::providers::{self as stored, ProviderState, Quota};

use crate::providers::{WHATSAPP, of_channel, whatsapp};

/// How long an answer is good for. Longer than the time between two refreshes.
const FRESH: SignedDuration = SignedDuration::from_mins(10);
/// How long an answer is waited for: somebody may be waiting for the report.
const PATIENCE: Duration = Duration::from_secs(4);

/// Asks every provider that is set up and stores what it says. One that does not answer is logged, and its last word stands.
///
/// # Errors
/// When the table cannot be written.
pub async fn refresh(app: &App) -> Result<(), RecordError> {
    for channel in Channel::ALL {
        for provider in of_channel(app, channel)? {
            if provider.name == WHATSAPP && !is_whatsapp_configured(app).await? {
                continue;
            }
            match ask(app, provider.name).await {
                Ok(None) => {}
                Ok(Some(quota)) => stored::set_quota(app.store()?, provider.name, &quota, app.now()).await?,
                Err(error) => tracing::warn!(provider = provider.name, error, "the provider does not say how the account stands"),
            }
        }
    }
    Ok(())
}

/// How the accounts of a channel stand, first choice first. Asks those that were not asked for ten minutes.
///
/// # Errors
/// When the table cannot be reached, or a setting is wrong.
pub async fn accounts(app: &App, channel: Channel) -> Result<Vec<Account>, RecordError> {
    let (store, now) = (app.store()?, app.now());
    let mut accounts = Vec::new();
    for provider in of_channel(app, channel)? {
        let mut state = stored::get(store, provider.name).await?;
        let asked_at = Timestamp::from_second(state.checked_at).unwrap_or(Timestamp::UNIX_EPOCH);
        if now.duration_since(asked_at) >= FRESH {
            match ask(app, provider.name).await {
                Ok(None) => {}
                Ok(Some(quota)) => {
                    stored::set_quota(store, provider.name, &quota, now).await?;
                    take_in(&mut state, quota, now);
                }
                Err(error) => tracing::warn!(provider = provider.name, error, "the provider does not say how the account stands"),
            }
        }
        accounts.push(account(provider, &state, now));
    }
    Ok(accounts)
}

fn take_in(state: &mut ProviderState, quota: Quota, now: Timestamp) {
    let Quota {
        rate_per_second,
        limit_24h,
        sent_24h,
        standing,
    } = quota;
    state.rate_per_second = rate_per_second;
    state.limit_24h = limit_24h;
    state.sent_24h = sent_24h;
    state.standing = standing;
    state.checked_at = now.as_second();
}

fn account(provider: Provider, state: &ProviderState, now: Timestamp) -> Account {
    // Where the provider counts, its count is the one that matters; else our own is.
    let remaining = match (state.limit_24h, state.sent_24h) {
        (Some(limit), Some(sent)) => Some(limit.saturating_sub(sent)),
        _ => state.remaining(now),
    };
    Account {
        provider: provider.name.to_owned(),
        per_second: state.rate_per_second.unwrap_or(provider.rate_per_second),
        limit_24h: state.limit_24h,
        remaining_24h: remaining,
        standing: state.standing.clone(),
        asked_at: (state.checked_at > 0).then(|| Timestamp::from_second(state.checked_at).ok()).flatten(),
        closed: state.closed(now).map(str::to_owned),
    }
}

/// Whether messages can be sent by WhatsApp at all.
///
/// # Errors
/// When the account's secret cannot be read.
pub async fn is_whatsapp_configured(app: &App) -> Result<bool, RecordError> {
    let account = app
        .whatsapp_account()
        .await
        .map_err(|error| format!("the WhatsApp account's secret: {error:?}"))?;
    Ok(account.sender().is_some())
}

/// Asks a provider; nothing where it cannot be asked.
async fn ask(app: &App, provider: &str) -> Result<Option<Quota>, String> {
    let answer = async {
        if provider == EmailProvider::Ses.as_str() {
            return ask_ses(app).await.map(Some);
        }
        if provider == WHATSAPP {
            let client = whatsapp(app).await.map_err(|error| error.to_string())?;
            return client
                .number_health()
                .await
                .map(|health| Some(of_number(&health)))
                .map_err(|error| error.reason());
        }
        Ok(None)
    };
    tokio::time::timeout(PATIENCE, answer)
        .await
        .unwrap_or_else(|_| Err("no answer in time".to_owned()))
}

async fn ask_ses(app: &App) -> Result<Quota, String> {
    let account = app
        .ses()
        .get_account()
        .send()
        .await
        .map_err(|error| error.into_service_error().to_string())?;
    let limits = account.send_quota();
    let mut standing = Vec::new();
    if !account.sending_enabled() {
        standing.push("SENDING_DISABLED");
    }
    standing.push(account.enforcement_status().unwrap_or("UNKNOWN"));
    if !account.production_access_enabled() {
        standing.push("SANDBOX");
    }
    Ok(Quota {
        // A rate below one a second is a sandbox's. The setting may keep this stack below what the account may do.
        rate_per_second: limits
            .and_then(|limits| whole(limits.max_send_rate()))
            .map(|rate| rate.max(1).min(app.config().number(Var::SesMaxSendRate).unwrap_or(u32::MAX))),
        // -1 is no limit. <https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_SendQuota.html>
        limit_24h: limits.and_then(|limits| whole(limits.max24_hour_send())),
        sent_24h: limits.and_then(|limits| whole(limits.sent_last24_hours())),
        standing: Some(standing.join(",")),
    })
}

/// The whole part of a count; none if it is negative.
fn whole(count: f64) -> Option<u32> {
    // The conversion saturates, which is as good as no limit.
    (count >= 0.0).then_some(count as u32)
}

fn of_number(health: &NumberHealth) -> Quota {
    let status = health.status.as_deref().filter(|status| *status != "CONNECTED");
    let words: Vec<&str> = health.quality.as_deref().into_iter().chain(status).collect();
    Quota {
        rate_per_second: Some(health.messages_per_second),
        limit_24h: health.recipients_per_day(),
        sent_24h: None,
        standing: (!words.is_empty()).then(|| words.join(",")),
    }
}

/// The template a message is made of as Meta knows it, in the message's language.
///
/// # Errors
/// Why Meta could not be asked, machine-readable.
pub async fn approved_template(app: &App, content: &WhatsappContent) -> Result<Option<ApprovedTemplate>, String> {
    let account = app.whatsapp_account().await.map_err(|error| format!("{error:?}"))?;
    let business = account.business_account_id().ok_or("business_account_id is not set")?;
    let client = whatsapp(app).await.map_err(|error| error.to_string())?;
    let asked = tokio::time::timeout(PATIENCE, client.templates(business, &content.template_name)).await;
    let templates = asked.map_err(|_| "no answer in time")?.map_err(|error| error.reason())?;
    Ok(templates.into_iter().find(|template| template.language == content.language))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_limit_and_too_large_a_limit_are_numbers_too() {
        assert_eq!(whole(-1.0), None);
        assert_eq!(whole(f64::NAN), None);
        assert_eq!(whole(14.9), Some(14));
        assert_eq!(whole(1e12), Some(u32::MAX));
    }

    #[test]
    fn a_number_is_described_by_quality_and_by_a_status_worth_a_word() {
        let health = |quality: Option<&str>, status: &str| NumberHealth {
            status: Some(status.to_owned()),
            quality: quality.map(str::to_owned),
            messages_per_second: 80,
            limit_tier: Some("TIER_2K".to_owned()),
        };
        assert_eq!(of_number(&health(Some("GREEN"), "CONNECTED")).standing.as_deref(), Some("GREEN"));
        assert_eq!(of_number(&health(Some("RED"), "FLAGGED")).standing.as_deref(), Some("RED,FLAGGED"));
        assert_eq!(of_number(&health(None, "CONNECTED")).standing, None);
        assert_eq!(of_number(&health(None, "CONNECTED")).limit_24h, Some(2_000));
    }

    #[test]
    fn what_is_left_is_the_providers_count_or_ours() {
        let provider = Provider {
            name: "ses",
            style: delivery::Style::Bulk,
            rate_per_second: 5,
        };
        let now = Timestamp::from_second(1_000 * 3_600).expect("a time");
        let mut state = ProviderState {
            limit_24h: Some(200),
            hours: [("1000".to_owned(), 60)].into(),
            ..ProviderState::default()
        };
        assert_eq!(account(provider, &state, now).remaining_24h, Some(140));
        state.sent_24h = Some(150);
        assert_eq!(account(provider, &state, now).remaining_24h, Some(50));
        assert_eq!(account(provider, &state, now).per_second, 5);
    }
}
