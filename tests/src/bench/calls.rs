//! How many calls to AWS and to Meta a recipient costs, from the plan message to the last event, by operation.
//!
//! The workers' own code runs on the [harness](crate::harness), whose endpoint counts requests; its event source mappings
//! have the template's batch sizes and windows. The e-mail senders keep one of two rates: that of a new SES account, at which
//! batches are small and a call serves few recipients, and one that a production account soon has.

use std::collections::{BTreeMap, BTreeSet};

use domain::delivery::Channel;

use super::campaign::{self, Case, SES_NEW, SES_RAISED, WHATSAPP};
use super::{Error, Figure, Options, Report, Table, as_f64};

/// The suite's name, and the first part of its figures' keys.
const NAME: &str = "calls_per_recipient";
/// The sizes that are measured unless others are asked for.
pub const SIZES: [u32; 3] = [1_000, 10_000, 100_000];
/// Where a campaign of 100,000 is measured: at 14/s it takes two hours of the harness's clock, its batches are the smallest, and every
/// one of them reads the summaries of 2,000 chunks. The other series need no more to show whether calls grow with the campaign.
const MOST: u32 = 10_000;
const BAR_EMAIL: f64 = 0.20;
/// One of them is Meta's.
const BAR_WHATSAPP: f64 = 1.20;
/// How much more, or less, a recipient may cost in one campaign than in another.
const BAR_SPREAD: f64 = 0.05;

/// Runs the suite.
///
/// # Errors
/// When a campaign does not end with every message delivered.
pub fn run(options: &Options) -> Result<Report, Error> {
    let series = [
        ("email", Channel::Email, SES_NEW, u32::MAX, BAR_EMAIL),
        ("email_200_per_s", Channel::Email, SES_RAISED, MOST, BAR_EMAIL),
        ("whatsapp", Channel::Whatsapp, WHATSAPP, MOST, BAR_WHATSAPP),
    ];
    let mut columns: Vec<(String, f64, BTreeMap<String, u64>)> = Vec::new();
    let mut figures = Vec::new();
    for (name, channel, per_second, most, bar) in series {
        let mut totals = Vec::new();
        for recipients in options.sizes.iter().copied() {
            let key = format!("{NAME}.{name}.{recipients}");
            if !key.contains(&options.only) || recipients > most {
                continue;
            }
            let case = Case {
                channel,
                recipients,
                per_second,
            };
            let calls = campaign::run(case)?.calls;
            let per_recipient = |calls: u64| as_f64(calls) / f64::from(recipients);
            let total = per_recipient(calls.values().sum());
            totals.push(total);
            figures.push(if has_bar(channel, recipients) {
                Figure::at_most(bar, key.clone(), total)
            } else {
                Figure::new(key.clone(), total)
            });
            figures.extend(
                calls
                    .iter()
                    .map(|(operation, count)| Figure::new(format!("{key}.{operation}"), per_recipient(*count))),
            );
            columns.push((case.to_string(), f64::from(recipients), calls));
        }
        // Of all sizes or not at all: of some it would be another figure under the same name.
        if totals.len() > 1 && SIZES.iter().all(|size| *size > most || options.sizes.contains(size)) {
            figures.push(Figure::at_most(BAR_SPREAD, format!("{NAME}.{name}.spread"), spread(&totals)));
        }
    }
    Ok(Report {
        title: "Calls per recipient, plan to last event (an e-mail sends Send and Delivery, a WhatsApp message sent, delivered and, every other one, read)".to_owned(),
        table: table(&columns),
        figures,
        notes: vec![
            "spread: the costliest size over the cheapest, less one".to_owned(),
            "Not counted: what Lambda itself asks of SQS and the stream, one read of message and secrets per execution environment, and \
             what a webhook's function does: one SendMessage for each request that Meta posts, which holds one status or many."
                .to_owned(),
        ],
    })
}

/// The bar of WhatsApp is for campaigns of many chunks: 1,000 recipients are ten of 98 and one of 20.
const fn has_bar(channel: Channel, recipients: u32) -> bool {
    matches!(channel, Channel::Email) || recipients >= MOST
}

/// How far apart the totals are, as a part of the smallest.
fn spread(totals: &[f64]) -> f64 {
    let most = totals.iter().copied().fold(f64::MIN, f64::max);
    let least = totals.iter().copied().fold(f64::MAX, f64::min);
    most / least - 1.0
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spread_is_how_much_more_the_costliest_is() {
        assert!((spread(&[0.2, 0.21, 0.205]) - 0.05).abs() < 1e-9);
        assert!(spread(&[0.2, 0.2]).abs() < 1e-9);
    }
}
