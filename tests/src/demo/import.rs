//! Importing vendors.

use std::path::Path;
use std::time::{Duration, Instant};

use reqwest::{Method, StatusCode};

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
        self.say(format!("Uploaded {name} ({size} KB); the import runs behind a queue."));

        let deadline = Instant::now() + Duration::from_secs(300);
        let job = loop {
            let job = self.api.get(&path).await?;
            if matches!(job["state"].as_str(), Some("completed" | "failed")) {
                break job;
            }
            if Instant::now() > deadline {
                return failed(format!("the import did not finish in time: {job}"));
            }
            tokio::time::sleep(PAUSE).await;
        };
        if job["state"] != "completed" {
            return failed(format!("the import failed: {}", job["failure"]));
        }
        let counts = &job["counts"];
        self.say(format!(
            "Imported {} of {} rows; {} are handed back with a reason, {} have a warning.",
            counts["imported"], counts["rows"], counts["rejected"], counts["with_warnings"]
        ));
        for error in job["errors"].as_array().into_iter().flatten().take(4) {
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
        Ok(())
    }
}
