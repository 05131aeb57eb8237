//! Structured logs and embedded metrics.

use std::io::Write as _;

use serde_json::{Map, Value, json};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// The CloudWatch namespace of the product's own metrics.
pub const NAMESPACE: &str = "MsmeCampaignCentral";

/// Writes logs as JSON lines. Called once, by the serve functions. `RUST_LOG` takes `target=level` pairs and a level for the rest.
pub(crate) fn init() {
    let levels = crate::config::log_levels().and_then(|levels| levels.parse::<Targets>().ok());
    let levels = levels.unwrap_or_else(|| {
        Targets::new()
            .with_default(LevelFilter::INFO)
            .with_target("lambda_runtime", LevelFilter::WARN)
    });
    let lines = tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(false)
        .with_target(false);
    // A second call (tests in one process) keeps the first subscriber.
    let _ = tracing_subscriber::registry().with(lines).with(levels).try_init();
}

/// Counts of one moment, written as one CloudWatch Embedded Metric Format line.
///
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>
#[derive(Debug)]
pub struct Metrics<'a> {
    /// The stage, the only dimension: each more multiplies the number of metrics paid for.
    pub stage: &'a str,
    /// Searchable properties that are not dimensions, e.g. the campaign.
    pub properties: &'a [(&'a str, String)],
    /// Metric names and counts; zeros are left out.
    pub counts: &'a [(&'a str, u32)],
}

impl Metrics<'_> {
    /// Writes the line to standard output, where Lambda picks it up.
    pub fn emit(&self, at: jiff::Timestamp) {
        if let Some(line) = self.line(at) {
            let _ = writeln!(std::io::stdout().lock(), "{line}");
        }
    }

    fn line(&self, at: jiff::Timestamp) -> Option<Value> {
        let counts: Vec<_> = self.counts.iter().filter(|(_, count)| *count > 0).collect();
        if counts.is_empty() {
            return None;
        }
        let mut line = Map::new();
        line.insert(
            "_aws".into(),
            json!({
                "Timestamp": at.as_millisecond(),
                "CloudWatchMetrics": [{
                    "Namespace": NAMESPACE,
                    "Dimensions": [["stage"]],
                    "Metrics": counts.iter().map(|(name, _)| json!({ "Name": name, "Unit": "Count" })).collect::<Vec<_>>(),
                }],
            }),
        );
        line.insert("stage".into(), self.stage.into());
        for (name, value) in self.properties {
            line.insert((*name).to_owned(), value.clone().into());
        }
        for (name, count) in counts {
            line.insert((*name).to_owned(), (*count).into());
        }
        Some(Value::Object(line))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_declares_what_it_carries_and_leaves_zeros_out() {
        let metrics = Metrics {
            stage: "local",
            properties: &[("campaign_id", "cmp_1".into())],
            counts: &[("EmailsSent", 3), ("EmailsFailed", 0)],
        };
        let line = metrics.line(jiff::Timestamp::UNIX_EPOCH).unwrap();
        assert_eq!(line["EmailsSent"], 3);
        assert_eq!(
            line["_aws"]["CloudWatchMetrics"][0]["Metrics"],
            json!([{ "Name": "EmailsSent", "Unit": "Count" }])
        );
        assert_eq!(line.get("EmailsFailed"), None);
        assert!(Metrics { counts: &[], ..metrics }.line(jiff::Timestamp::UNIX_EPOCH).is_none());
    }
}
