//! Importing vendors: upload, dry run, confirmation.

use std::path::Path;
use std::time::{Duration, Instant};

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::{Demo, DemoError, PAUSE, Result, failed};

impl Demo<'_> {
    pub(super) async fn import(&mut self, vendors_csv: &Path) -> Result<()> {
        let bytes = std::fs::read(vendors_csv).map_err(|error| DemoError(format!("cannot read {}: {error}", vendors_csv.display())))?;
        let name = vendors_csv
            .file_name()
            .map_or_else(|| "vendors.csv".into(), |name| name.to_string_lossy().into_owned());
        let size = bytes.len() / 1024;
        let part = reqwest::multipart::Part::bytes(bytes).file_name(name.clone()).mime_str("text/csv")?;
        let form = reqwest::multipart::Form::new().part("file", part);
        let request = self
            .api
            .request(Method::POST, "/api/v1/files/import-vendors")
            .header("idempotency-key", "demo-import")
            .multipart(form);
        let job = self.api.send(request, "the import", StatusCode::ACCEPTED).await?;
        let path = format!("/api/v1/imports/{}", job["id"].as_str().unwrap_or_default());
        self.say(format!("Uploaded {name} ({size} KB); a dry run behind a queue checks it first."));

        let job = self.import_once(&path, "ready").await?;
        let counts = &job["counts"];
        self.say(format!(
            "Dry run: of {} rows, {} are new vendors ({} of them repaired, {} with a warning), {} would be handed back. Nothing is stored yet.",
            counts["rows"], counts["creates"], counts["repaired"], counts["with_warnings"], counts["rejected"]
        ));
        for error in job["report"]["errors"].as_array().into_iter().flatten().take(4) {
            self.say(format!(
                "  row {}: {} = {:?}: {}",
                error["row"],
                error["column"].as_str().unwrap_or_default(),
                error["value"].as_str().unwrap_or_default(),
                error["reason"].as_str().unwrap_or_default()
            ));
        }
        if let Some(rejects) = job["rejects_url"].as_str() {
            let response = self.api.request(Method::GET, rejects).send().await?;
            let lines = response.text().await?.lines().count();
            self.say(format!(
                "  … all of them in {rejects} ({lines} lines, ready to be corrected and uploaded again)."
            ));
        }

        let request = self
            .api
            .request(Method::POST, &format!("{path}/confirm"))
            .header("idempotency-key", "demo-import-confirm")
            .json(&json!({}));
        self.api.send(request, "the confirmation", StatusCode::ACCEPTED).await?;
        let job = self.import_once(&path, "completed").await?;
        self.say(format!("Confirmed: {} vendors are stored.", job["applied"]["created"]));
        Ok(())
    }

    /// The import once it is in this state.
    async fn import_once(&mut self, path: &str, state: &str) -> Result<Value> {
        let deadline = Instant::now() + Duration::from_secs(300);
        loop {
            let job = self.api.get(path).await?;
            if job["state"] == state {
                return Ok(job);
            }
            if matches!(job["state"].as_str(), Some("completed" | "cancelled" | "failed")) {
                return failed(format!("the import is {}: {}", job["state"], job["failure"]));
            }
            if Instant::now() > deadline {
                return failed(format!("the import was not {state} in time: {}, {}", job["state"], job["counts"]));
            }
            tokio::time::sleep(PAUSE).await;
        }
    }
}
