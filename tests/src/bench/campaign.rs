//! Campaigns from the plan message to the last event on the [harness](crate::harness), and what they took: every suite reads the
//! same runs.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use domain::TemplateId;
use domain::delivery::{Channel, RecipientClass};
use ulid::Ulid;

use super::{Error, cpu_time};
use crate::harness::{self, Harness, Turn};
use crate::meta_simulator::{Operation, WebhookRules};

/// What `SES_MAX_SEND_RATE` is unless the deployer says otherwise: a new SES account.
pub(super) const SES_NEW: u32 = 14;
/// What a production account soon has.
pub(super) const SES_RAISED: u32 = 200;
/// What Meta grants every number.
pub(super) const WHATSAPP: u32 = 80;

/// The name provider calls to Meta are counted under, beside the AWS operations.
pub(super) const META_SEND: &str = "MetaSendMessage";

/// A campaign to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Case {
    pub(super) channel: Channel,
    pub(super) recipients: u32,
    pub(super) per_second: u32,
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Case {
            channel,
            recipients,
            per_second,
        } = self;
        write!(f, "{} {recipients} at {per_second}/s", channel.as_str())
    }
}

/// What a campaign took.
#[derive(Debug, Clone)]
pub(super) struct Run {
    /// Calls to AWS and providers, by operation.
    pub(super) calls: BTreeMap<String, u64>,
    /// DynamoDB's units of capacity, by operation.
    pub(super) units: BTreeMap<String, f64>,
    /// Invocations of workers.
    pub(super) invocations: BTreeMap<Turn, u64>,
    /// Processor time, that of the simulated services included.
    pub(super) cpu: Duration,
}

/// Runs a campaign, or gives what it took when it ran before.
///
/// # Errors
/// When it does not end with every message delivered.
pub(super) fn run(case: Case) -> Result<Run, Error> {
    static DONE: Mutex<BTreeMap<Case, Run>> = Mutex::new(BTreeMap::new());
    if let Some(run) = DONE.lock().unwrap_or_else(PoisonError::into_inner).get(&case) {
        return Ok(run.clone());
    }
    eprintln!("  campaign: {case}");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let run = runtime.block_on(measure(case))?;
    DONE.lock().unwrap_or_else(PoisonError::into_inner).insert(case, run.clone());
    Ok(run)
}

async fn measure(case: Case) -> Result<Run, Error> {
    let (mut harness, campaign) = executed(case).await?;
    harness.reset_calls();
    let before = cpu_time()?;
    harness.drain().await?;
    let cpu = cpu_time()?.saturating_sub(before);
    let mut calls = harness.calls();
    let sent = harness.meta.request_counts().get(&Operation::SendMessage).copied().unwrap_or(0);
    if sent > 0 {
        calls.insert(META_SEND.to_owned(), sent);
    }
    let run = Run {
        calls,
        units: harness.units(),
        invocations: harness.invocations().clone(),
        cpu,
    };
    let ledger = harness.ledger(campaign).await?;
    if ledger.delivered != case.recipients || ledger.targeted != case.recipients || !harness.dead_letters().is_empty() {
        return Err(format!("not every message was {}: {ledger:?}", RecipientClass::Delivered.as_str()).into());
    }
    Ok(run)
}

/// A campaign whose plan waits to be made.
pub(super) async fn executed(case: Case) -> Result<(Harness, domain::CampaignId), Error> {
    let Case {
        channel,
        recipients,
        per_second,
    } = case;
    let options = match channel {
        Channel::Email => harness::Options {
            ses_max_send_rate: per_second,
            messages_per_second: Some(per_second),
            ..harness::Options::default()
        },
        Channel::Whatsapp => harness::Options {
            whatsapp_per_second: Some(per_second),
            ..harness::Options::default()
        },
    };
    let harness = Harness::start(options).await?;
    let campaign = match channel {
        Channel::Email => {
            harness.seed_vendors(usize::try_from(recipients)?).await?;
            harness.executed_campaign().await?
        }
        Channel::Whatsapp => {
            // Meta may put more statuses into a request; this many it always does.
            harness.meta.set_webhook_rules(WebhookRules {
                batch: 1,
                ..WebhookRules::default()
            });
            let vendors = (1..=recipients)
                .map(|n| harness.vendor_with_phone(&format!("V-{n:06}"), None, Some(&format!("+9198{n:08}"))))
                .collect::<Result<Vec<_>, _>>()?;
            harness.store_vendors(vendors).await?;
            let campaign = harness
                .seed_campaign_with(|content| {
                    content.template_id = None;
                    content.whatsapp_template_id = Some(TemplateId::from_ulid(Ulid::from_parts(1, 1)));
                })
                .await?;
            harness.execute(&campaign, harness.content()).await?;
            campaign.id
        }
    };
    Ok((harness, campaign))
}
