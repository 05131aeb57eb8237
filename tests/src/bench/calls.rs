//! How many calls to AWS a recipient costs, from the plan message to the last event, by operation.
//!
//! The workers' own code runs on the [harness](crate::harness), whose endpoint counts requests; its event source mappings
//! have the template's batch sizes and windows. The senders keep one of two rates: that of a new SES account, at which
//! batches are small and a call serves few recipients, and one that a production account soon has.

use std::collections::{BTreeMap, BTreeSet};

use domain::delivery::RecipientClass;

use super::{Error, Figure, Options, Report, Table};
use crate::harness::{self, Harness};

/// The suite's name, and the first part of its figures' keys.
const NAME: &str = "calls_per_recipient";
/// What `SES_MAX_SEND_RATE` is unless the deployer says otherwise; `calls_per_recipient.email.<n>` is at this rate.
const DEFAULT_RATE: u32 = 14;
const RAISED_RATE: u32 = 200;
const RECIPIENTS: [u32; 2] = [1_000, 10_000];
const BAR: f64 = 0.30;
const AIM: f64 = 0.20;

/// Runs the suite.
///
/// # Errors
/// When a campaign does not end with every message delivered.
pub fn run(options: &Options) -> Result<Report, Error> {
    let mut columns: Vec<(String, f64, BTreeMap<String, u64>)> = Vec::new();
    let mut figures = Vec::new();
    for recipients in RECIPIENTS {
        for rate in [DEFAULT_RATE, RAISED_RATE] {
            let key = if rate == DEFAULT_RATE {
                format!("{NAME}.email.{recipients}")
            } else {
                format!("{NAME}.email_{rate}_per_s.{recipients}")
            };
            if !key.contains(&options.only) {
                continue;
            }
            eprintln!("{NAME}: {recipients} recipients at {rate} messages/s");
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            let calls = runtime.block_on(campaign(recipients, rate))?;
            let per_recipient = |calls: u64| as_f64(calls) / f64::from(recipients);
            let total = per_recipient(calls.values().sum());
            figures.push(Figure::at_most(BAR, key.clone(), total));
            figures.extend(
                calls
                    .iter()
                    .map(|(operation, count)| Figure::new(format!("{key}.{operation}"), per_recipient(*count))),
            );
            columns.push((format!("{recipients} at {rate}/s"), f64::from(recipients), calls));
        }
    }
    let mut notes: Vec<String> = figures
        .iter()
        .filter(|figure| figure.bar.is_some() && figure.value > AIM)
        .map(|figure| format!("above the aim of {AIM:.2}: {} = {:.3}", figure.key, figure.value))
        .collect();
    notes
        .push("Not counted: what Lambda itself asks of SQS and the stream, and one read of message and secret per execution environment.".to_owned());
    Ok(Report {
        title: "AWS calls per recipient, plan to last event (each message sends Send and Delivery)".to_owned(),
        table: table(&columns),
        figures,
        notes,
    })
}

/// Runs one campaign to its last event and gives the calls it took.
async fn campaign(recipients: u32, rate: u32) -> Result<BTreeMap<String, u64>, Error> {
    let options = harness::Options {
        ses_max_send_rate: rate,
        messages_per_second: Some(rate),
        ..harness::Options::default()
    };
    let mut harness = Harness::start(options).await?;
    harness.seed_vendors(usize::try_from(recipients)?).await?;
    let campaign = harness.executed_campaign().await?;
    harness.reset_calls();
    harness.drain().await?;
    let calls = harness.calls();
    let ledger = harness.ledger(campaign).await?;
    if ledger.delivered != recipients || ledger.targeted != recipients || !harness.dead_letters().is_empty() {
        return Err(format!("not every message was {}: {ledger:?}", RecipientClass::Delivered.as_str()).into());
    }
    Ok(calls)
}

fn table(columns: &[(String, f64, BTreeMap<String, u64>)]) -> Table {
    let header = std::iter::once("operation")
        .chain(columns.iter().map(|(title, ..)| title.as_str()))
        .map(str::to_owned)
        .collect();
    let operations: BTreeSet<&String> = columns.iter().flat_map(|(_, _, calls)| calls.keys()).collect();
    let row = |title: &str, count: &dyn Fn(&BTreeMap<String, u64>) -> u64| {
        let cells = columns
            .iter()
            .map(|(_, recipients, calls)| format!("{:.4}", as_f64(count(calls)) / recipients));
        std::iter::once(title.to_owned()).chain(cells).collect::<Vec<_>>()
    };
    let mut rows: Vec<_> = operations
        .into_iter()
        .map(|operation| row(operation, &|calls| calls.get(operation).copied().unwrap_or(0)))
        .collect();
    rows.push(row("all", &|calls| calls.values().sum()));
    Table { header, rows }
}

/// Counts of calls are far below 2^32.
fn as_f64(count: u64) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}
