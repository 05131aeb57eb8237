//! Looking at campaigns: progress, ledgers, recipients by name, the dashboard.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::{Demo, PAUSE, Result, failed};

/// The classes a recipient can end in, in the ledger's order.
pub(super) const CLASSES: [&str; 7] = ["accepted", "delivered", "bounced", "suppressed", "skipped", "failed", "unknown"];

/// Whether nothing more is expected of the providers.
pub(super) fn is_settled(counts: &Value) -> bool {
    ["pending", "accepted", "unknown"].iter().all(|class| counts[*class] == 0)
}

impl Demo<'_> {
    /// Tells a campaign's progress until everything is sent.
    pub(super) async fn watch_sending(&mut self, campaign: &str) -> Result<()> {
        let path = format!("/api/v1/campaigns/{campaign}/status");
        let mut shown = String::new();
        let deadline = Instant::now() + Duration::from_secs(900);
        loop {
            let status = self.api.get(&path).await?;
            let line = format!(
                "  {:<10} {:>3} % sent, {} of {} chunks, {} recipients",
                status["state"].as_str().unwrap_or_default(),
                status["sent_percent"],
                status["chunks_closed"],
                status["chunks"],
                status["counts"]["targeted"]
            );
            if line != shown {
                self.say(&line);
                shown = line;
            }
            match status["state"].as_str() {
                Some("collecting" | "completed") => return Ok(()),
                Some("halted" | "cancelled") => return failed(format!("the campaign stopped: {status}")),
                _ if Instant::now() > deadline => return failed(format!("sending did not end in time: {status}")),
                _ => tokio::time::sleep(PAUSE).await,
            }
        }
    }

    /// The ledger, as soon as the counts of its first channel are as wanted.
    pub(super) async fn wait_for_ledger(&self, campaign: &str, ready: impl Fn(&Value) -> bool) -> Result<Value> {
        let path = format!("/api/v1/campaigns/{campaign}/ledger");
        let deadline = Instant::now() + Duration::from_secs(180);
        loop {
            let ledger = self.api.get(&path).await?;
            let counts = &ledger["channels"][0]["counts"];
            if ready(counts) {
                return Ok(ledger);
            }
            if Instant::now() > deadline {
                return failed(format!("the ledger did not settle in time; it stands at {counts}"));
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    pub(super) fn show_ledger(&mut self, name: &str, ledger: &Value) {
        self.title(&format!("Ledger of {name} ({})", ledger["state"].as_str().unwrap_or_default()));
        for channel in ledger["channels"].as_array().into_iter().flatten() {
            let counts = &channel["counts"];
            self.say(format!("  {:<12} {:>6}", "targeted", counts["targeted"]));
            for class in ["pending"].into_iter().chain(CLASSES) {
                let reasons: Vec<String> = counts["reasons"]
                    .as_object()
                    .into_iter()
                    .flatten()
                    .filter_map(|(name, count)| name.strip_prefix(&format!("{class}:")).map(|reason| format!("{reason} {count}")))
                    .collect();
                let line = format!("  {:<12} {:>6}  {}", format!("= {class}"), counts[class], reasons.join(", "));
                self.say(line.trim_end());
            }
            self.say(format!(
                "  beside: responded {}, read {}, complained {}, unsubscribed {}",
                counts["responded"], counts["read"], counts["complained"], counts["unsubscribed"]
            ));
        }
    }

    /// Some of those who were not reached, by name.
    pub(super) async fn show_recipients(&mut self, campaign: &str) -> Result<()> {
        self.title("Nobody is lost: every class lists its vendors by name, as JSON and as CSV");
        for class in ["bounced", "skipped"] {
            self.show_class(campaign, class, 2).await?;
        }
        Ok(())
    }

    pub(super) async fn show_class(&mut self, campaign: &str, class: &str, limit: u32) -> Result<()> {
        let page = self
            .api
            .get(&format!("/api/v1/campaigns/{campaign}/recipients?class={class}&limit={limit}"))
            .await?;
        for recipient in page["items"].as_array().into_iter().flatten() {
            self.say(format!(
                "  {class}: {} {} ({})",
                recipient["vendor_code"].as_str().unwrap_or_default(),
                recipient["company_name"].as_str().unwrap_or_default(),
                recipient["reason"].as_str().unwrap_or_default()
            ));
        }
        Ok(())
    }

    pub(super) async fn show_dashboard(&mut self) -> Result<()> {
        let dashboard = self.api.get("/api/v1/analytics/dashboard").await?;
        self.title("Dashboard");
        self.say(format!(
            "  vendors {} by status {}",
            dashboard["vendors"]["total"], dashboard["vendors"]["by_status"]
        ));
        self.say(format!(
            "  delivery {} %, bounces {} %, responses {} %",
            dashboard["rates"]["delivery_percent"], dashboard["rates"]["bounce_percent"], dashboard["rates"]["response_percent"]
        ));
        Ok(())
    }
}
