//! A reminder: scheduled beforehand, fired by EventBridge Scheduler, with a ledger of its own.

use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::ledger::is_settled;
use super::{Demo, PAUSE, Result, failed};

/// Long enough for the campaign to be sent and answered before, and longer than the minute the API asks for.
const AHEAD: SignedDuration = SignedDuration::from_secs(85);

impl Demo<'_> {
    /// Schedules the reminder, and gives the schedule's id.
    pub(super) async fn schedule_reminder(&mut self, campaign: &str) -> Result<String> {
        let at = Timestamp::now() + AHEAD;
        let body = json!({
            "kind": "reminder",
            "expression": at.strftime("at(%Y-%m-%dT%H:%M:%S)").to_string(),
            "timezone": "UTC",
        });
        let id = self.api.create(&format!("/api/v1/campaigns/{campaign}/schedule"), body).await?;
        self.say(format!(
            "Scheduled a reminder for {} UTC: it will ask whom the campaign reached and who has not answered by then.",
            at.strftime("%H:%M:%S")
        ));
        Ok(id)
    }

    /// Waits until the schedule has fired, and watches the campaign it makes.
    pub(super) async fn follow_reminder(&mut self, campaign: &str, schedule: &str) -> Result<Value> {
        let path = format!("/api/v1/campaigns/{campaign}/schedules");
        let deadline = Instant::now() + Duration::from_secs(180);
        let mut waits = false;
        let result = loop {
            let schedules = self.api.get(&path).await?;
            let found = schedules["items"].as_array().into_iter().flatten().find(|found| found["id"] == schedule);
            if let Some(result) = found.and_then(|found| found["last_result"].as_str()) {
                break result.to_owned();
            }
            if Instant::now() > deadline {
                return failed(format!("the schedule did not fire in time: {schedules}"));
            }
            if !waits {
                self.say("Waiting for its time …");
                waits = true;
            }
            tokio::time::sleep(PAUSE).await;
        };
        let Some(reminder) = result.strip_prefix("created:") else {
            return failed(format!("the reminder came to {result}"));
        };
        self.say(format!("EventBridge Scheduler fired, and made campaign {reminder}."));
        self.watch_sending(reminder).await?;
        let ledger = self.wait_for_ledger(reminder, is_settled).await?;
        let counts = &ledger["channels"][0]["counts"];
        self.say(format!(
            "{} vendors were reminded: nobody who answered, opted out, complained or was never reached.",
            counts["targeted"]
        ));
        Ok(ledger)
    }
}
