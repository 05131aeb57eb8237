//! The vendor master after the campaigns: vendors from other systems, a look into the register, an export.

use std::time::{Duration, Instant};

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode as Status};
use axum::response::{IntoResponse as _, Response};
use axum::{Json, Router};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::api::browser;
use super::{Demo, DemoError, PAUSE, Result, failed};

/// What the other system wants to be told before it answers.
const AUTHORISATION: &str = "Bearer demo-erp";

/// The vendors of the other system: three new ones, and one that the master has under another name. Names are those the simulated
/// register has for these numbers.
fn vendors_of_erp() -> Value {
    json!({ "d": { "results": [
        { "LIFNR": "ERP-1", "NAME1": "Vendor Bababababababace Private Limited", "STCD3": "", "UDYAM": "UDYAM-KR-03-0000001", "ORT01": "Hosur" },
        { "LIFNR": "ERP-2", "NAME1": "Narmada Forgings", "STCD3": "29AAGCB7383J1Z4", "UDYAM": "UDYAM-KR-03-0000005", "ORT01": "Pune" },
        { "LIFNR": "ERP-3", "NAME1": "Tapti Tools", "STCD3": "29AAGCB7383J1Z5", "UDYAM": "", "ORT01": "Surat" },
    ] } })
}

async fn answer_of_erp(State(vendors): State<Value>, headers: HeaderMap) -> Response {
    match headers.get("authorization").and_then(|value| value.to_str().ok()) {
        Some(AUTHORISATION) => Json(vendors).into_response(),
        _ => Status::UNAUTHORIZED.into_response(),
    }
}

impl Demo<'_> {
    /// Takes vendors from a web address and from a dropped file, each through a dry run and by the source's policy.
    pub(super) async fn take_from_other_systems(&mut self) -> Result<()> {
        let lost = |what: &str| DemoError(format!("the simulated ERP {what}"));
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.map_err(|_| lost("finds no port"))?;
        let port = listener.local_addr().map_err(|_| lost("has no address"))?.port();
        let router = Router::new().fallback(answer_of_erp).with_state(vendors_of_erp());
        let server = tokio::spawn(async move { axum::serve(listener, router).await });

        let secret = json!({ "erp": { "host": "127.0.0.1", "value": AUTHORISATION } });
        let put = self.stack.put_secret("SyncSecretsArn", &secret).await;
        put.map_err(|error| DemoError(error.to_string()))?;
        let source = json!({
            "name": "ERP",
            "origin": {
                "kind": "https", "url": format!("http://127.0.0.1:{port}/vendors"), "format": "json", "json_path": "d.results",
                "auth": { "name": "authorization", "secret_name": "erp" },
            },
            "mapping": { "UDYAM": "udyam_number" },
            "policy": { "apply": "automatically" },
        });
        let source = self.api.create("/api/v1/sync-sources", source).await?;
        self.api
            .post(&format!("/api/v1/sync-sources/{source}/run"), json!({}), StatusCode::ACCEPTED)
            .await?;
        let run = self.run_of(&source).await?;
        server.abort();
        self.say(format!(
            "Read the vendors of another system, with a secret header: {} rows, {} new, {} handed back; applied by the source's policy.",
            run["diff"]["rows"], run["diff"]["creates"], run["diff"]["rejected"]
        ));

        let folder =
            json!({ "name": "Drop folder", "origin": { "kind": "folder", "prefix": "erp-exports" }, "policy": { "apply": "automatically" } });
        let folder = self.api.create("/api/v1/sync-sources", folder).await?;
        let bucket = self.stack.outputs().get("BucketName").cloned().unwrap_or_default();
        let clients = self.stack.clients().map_err(|error| DemoError(error.to_string()))?;
        let file = "vendor_code;company_name;city\nERP-1;Vendor Bababababababace Private Limited;Bengaluru\nDROP-1;Sone Castings;Patna\n";
        let put = clients.s3().put_object().bucket(bucket).key("drop/erp-exports/monday.csv");
        put.body(file.as_bytes().to_vec().into())
            .send()
            .await
            .map_err(|error| DemoError(format!("the bucket did not take the file: {error:?}")))?;
        let run = self.run_of(&folder).await?;
        let [change] = run["changes"].as_array().map(Vec::as_slice).unwrap_or_default() else {
            return failed(format!("one vendor was to change: {run}"));
        };
        self.say(format!(
            "Dropped a file into the folder: {} new, {} changed, and what changed is shown: {change}.",
            run["diff"]["creates"], run["diff"]["updates"]
        ));
        Ok(())
    }

    /// The newest run of a source, once it is applied in full.
    async fn run_of(&mut self, source: &str) -> Result<Value> {
        let path = format!("/api/v1/sync-sources/{source}");
        let deadline = Instant::now() + Duration::from_secs(120);
        loop {
            let shown = self.api.get(&path).await?;
            let run = &shown["last_run"];
            match run["state"].as_str() {
                Some("applied") => return Ok(run.clone()),
                Some("failed" | "waiting" | "cancelled" | "superseded") => return failed(format!("the source's run ended otherwise: {run}")),
                _ if Instant::now() > deadline => return failed(format!("the source was not read in time: {shown}")),
                _ => tokio::time::sleep(PAUSE).await,
            }
        }
    }

    /// Asks the register about the Udyam numbers that are on record by now, and shows what became of one.
    pub(super) async fn verify(&mut self) -> Result<()> {
        let body = json!({ "kinds": ["udyam"], "filter": { "text": "ERP" } });
        let dry = json!({ "kinds": ["udyam"], "filter": { "text": "ERP" }, "dry_run": true });
        let preflight = self.api.post("/api/v1/verifications", dry, StatusCode::OK).await?;
        self.say(format!(
            "A dry run says what a verification would ask: {} Udyam numbers of {} vendors.",
            preflight["preflight"]["udyam"], preflight["preflight"]["vendors"]
        ));
        let run = self.api.post("/api/v1/verifications", body, StatusCode::ACCEPTED).await?;
        let path = format!("/api/v1/verifications/{}", run["id"].as_str().unwrap_or_default());
        let run = self.ended(&path, "the verification").await?;
        self.say(format!("Asked the register through the queue: {}.", run["progress"]["outcomes"]));

        let found = self.api.get("/api/v1/vendors?q=ERP-1").await?;
        let vendor = found["items"][0]["id"].as_str().unwrap_or_default().to_owned();
        let status = self.api.get(&format!("/api/v1/vendors/{vendor}/status")).await?;
        if (status["status"].as_str(), status["rank"].as_str()) != (Some("micro"), Some("verified")) {
            return failed(format!("the register's word is not the vendor's status: {status}"));
        }
        self.say(format!("  ERP-1: {}", status["explanation"].as_str().unwrap_or_default()));
        let findings = self.api.get(&format!("/api/v1/vendors/{vendor}/findings")).await?;
        let passed = findings["findings"].as_array().into_iter().flatten();
        let passed = passed.filter(|finding| finding["outcome"] == "passed").count();
        self.say(format!("  {passed} of its checks are passed; each has a name and a reason."));
        Ok(())
    }

    /// Everybody as CSV, as an import would take it.
    pub(super) async fn export(&mut self) -> Result<()> {
        let body = json!({ "format": "csv", "reveal_identifiers": true });
        let export = self.api.post("/api/v1/exports", body, StatusCode::ACCEPTED).await?;
        let path = format!("/api/v1/exports/{}", export["id"].as_str().unwrap_or_default());
        let export = self.ended(&path, "the export").await?;
        let url = export["download"]["url"].as_str().unwrap_or_default().to_owned();
        let file = browser()?.request(Method::GET, url).send().await?;
        if file.status() != StatusCode::OK {
            return failed(format!("the exported file answered {}", file.status()));
        }
        let lines = file.text().await?.lines().count();
        self.say(format!(
            "Exported {} vendors as CSV behind a signed link: {lines} lines with the header.",
            export["rows"]
        ));
        Ok(())
    }

    /// Something that runs behind a queue, once it is completed.
    async fn ended(&mut self, path: &str, what: &str) -> Result<Value> {
        let deadline = Instant::now() + Duration::from_secs(120);
        loop {
            let shown = self.api.get(path).await?;
            match shown["state"].as_str() {
                Some("completed") => return Ok(shown),
                Some("failed" | "halted" | "cancelled") => return failed(format!("{what} ended otherwise: {shown}")),
                _ if Instant::now() > deadline => return failed(format!("{what} was not completed in time: {shown}")),
                _ => tokio::time::sleep(PAUSE).await,
            }
        }
    }
}
