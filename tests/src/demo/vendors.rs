//! What the vendor master answers: searches, what a vendor was on a day, a file of vendors.

use std::time::{Duration, Instant};

use reqwest::StatusCode;
use serde_json::{Value, json};

use super::{Demo, PAUSE, Result, failed};

impl Demo<'_> {
    /// Finds vendors, dates a status, checks identifiers, and has a workbook made.
    pub(super) async fn vendors(&mut self) -> Result<()> {
        let all = self.api.get("/api/v1/vendors?limit=1").await?;
        let Some(first) = all["items"].as_array().and_then(|items| items.first()).cloned() else {
            return failed("no vendor was imported");
        };
        let word = first["company_name"]
            .as_str()
            .unwrap_or_default()
            .split(' ')
            .next()
            .unwrap_or_default()
            .to_lowercase();
        let found = self.api.get(&format!("/api/v1/vendors?q={word}&has_email=true")).await?;
        self.say(format!(
            "{} of {} vendors have an e-mail address and a word that begins with \"{word}\".",
            found["total"], all["total"]
        ));

        let vendor = format!("/api/v1/vendors/{}", first["id"].as_str().unwrap_or_default());
        let entry = json!({ "status": "micro", "effective_from": "2021-05-01", "effective_to": "2025-03-31", "note": "certificate on file" });
        self.api.post(&format!("{vendor}/status"), entry, StatusCode::CREATED).await?;
        let then = self.api.get(&format!("{vendor}/status?on=2025-03-31")).await?;
        let later = self.api.get(&format!("{vendor}/status?on=2025-04-01")).await?;
        let name = first["vendor_code"].as_str().unwrap_or_default().to_owned();
        self.say(format!(
            "{name} was {} on 31 March 2025, by evidence entered today, and {} a day later: silence is not \"not an MSME\".",
            word_of(&then["status"]),
            word_of(&later["status"])
        ));
        let findings = self.api.get(&format!("{vendor}/findings")).await?;
        let findings = findings["findings"].as_array().cloned().unwrap_or_default();
        let passed = findings.iter().filter(|finding| finding["outcome"] == "passed").count();
        self.say(format!("Of {} offline checks of its identifiers {passed} passed.", findings.len()));

        let asked = json!({ "format": "xlsx", "filter": { "has_email": true } });
        let job = self.api.post("/api/v1/exports", asked, StatusCode::ACCEPTED).await?;
        let path = format!("/api/v1/exports/{}", job["id"].as_str().unwrap_or_default());
        let deadline = Instant::now() + Duration::from_secs(120);
        let job = loop {
            let job = self.api.get(&path).await?;
            match job["state"].as_str() {
                Some("completed") => break job,
                Some("failed") => return failed(format!("the export failed: {}", job["failure"])),
                _ if Instant::now() > deadline => return failed(format!("the export is not over in time: {job}")),
                _ => tokio::time::sleep(PAUSE).await,
            }
        };
        self.say(format!("Exported {} vendors as a workbook, identifiers masked.", job["rows"]));
        Ok(())
    }
}

fn word_of(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
