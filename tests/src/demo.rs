//! The main job, as a user would do it over HTTP: import vendors, write a template, run a campaign, collect answers.
//!
//! `make demo` prints it; a stack test asserts on what it returns.

use std::collections::HashSet;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use reqwest::{Client, Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};

use crate::local::LocalStack;
use crate::ses_simulator::Message;

/// The vendors the repository ships: synthetic, with the dirt of real exports.
pub fn sample_vendors() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("data/vendors.csv")
}

/// What went wrong, in words for the person at the terminal.
#[derive(Debug)]
pub struct DemoError(String);

impl fmt::Display for DemoError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for DemoError {}

impl From<reqwest::Error> for DemoError {
    fn from(error: reqwest::Error) -> Self {
        DemoError(format!("a request failed: {error}"))
    }
}

fn failed<T>(what: impl Into<String>) -> Result<T, DemoError> {
    Err(DemoError(what.into()))
}

/// The last line of the demo.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// The ledger's counts, in the line's order, `responded` last.
    pub counts: Vec<(&'static str, u64)>,
    /// Whether the ledger balances, by its own word and by our addition.
    pub balanced: bool,
    /// How long everything took, the start of the stack included.
    pub seconds: u64,
}

/// Between two looks at something that runs behind a queue.
const PAUSE: Duration = Duration::from_millis(500);

const CLASSES: [&str; 7] = ["accepted", "delivered", "bounced", "suppressed", "skipped", "failed", "unknown"];

impl Summary {
    fn of(ledger: &Value, seconds: u64) -> Self {
        let counts = &ledger["channels"][0]["counts"];
        let of = |name: &str| counts[name].as_u64().unwrap_or(0);
        let mut line = vec![("targeted", of("targeted"))];
        line.extend(CLASSES.map(|class| (class, of(class))));
        line.push(("responded", of("responded")));
        let sum: u64 = CLASSES.iter().map(|class| of(class)).sum();
        Self {
            counts: line,
            balanced: ledger["balanced"] == true && of("pending") == 0 && sum == of("targeted"),
            seconds,
        }
    }

    /// A count by name.
    pub fn count(&self, name: &str) -> u64 {
        self.counts.iter().find(|(found, _)| *found == name).map_or(0, |(_, count)| *count)
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "demo:")?;
        for (name, count) in &self.counts {
            write!(f, " {name}={count}")?;
        }
        write!(f, " balanced={} seconds={}", if self.balanced { "yes" } else { "no" }, self.seconds)
    }
}

/// How the form is answered by the vendors that answer; the rest stay silent, as vendors do.
const ANSWERS: [(&str, usize); 5] = [
    ("micro", 24),
    ("small", 12),
    ("medium", 4),
    ("registered_trader", 3),
    ("not_registered", 7),
];

/// Runs the main job against a running stack, telling `say` what happens.
///
/// # Errors
/// The first step that did not do what it should, with what the API answered.
pub async fn run(stack: &LocalStack, vendors_csv: &Path, started: Instant, say: &mut dyn FnMut(&str)) -> Result<Summary, DemoError> {
    let api = Api::login(stack).await?;
    say(&format!("Signed in as {}.", stack.admin_email()));

    import(&api, vendors_csv, say).await?;
    let template = create_template(&api, say).await?;
    let campaign = execute_campaign(&api, &template, say).await?;
    watch_sending(&api, &campaign, say).await?;
    wait_for_events(&api, &campaign, say).await?;

    let (answered, unsubscribed) = vendors_react(stack, say).await?;
    let ledger = wait_for_ledger(&api, &campaign, |counts| {
        counts["responded"].as_u64() == Some(answered) && counts["unsubscribed"].as_u64() == Some(unsubscribed)
    })
    .await?;
    show_ledger(&ledger, say);
    show_recipients(&api, &campaign, say).await?;
    show_dashboard(&api, say).await?;
    Ok(Summary::of(&ledger, started.elapsed().as_secs()))
}

/// The API with a signed-in administrator.
struct Api {
    client: Client,
    base: String,
    token: String,
}

impl Api {
    async fn login(stack: &LocalStack) -> Result<Self, DemoError> {
        let client = Client::builder().timeout(Duration::from_secs(60)).build()?;
        let mut api = Self {
            client,
            base: stack.api_url().to_owned(),
            token: String::new(),
        };
        let body = json!({ "email": stack.admin_email(), "password": stack.admin_password() });
        let answer = api.json(Method::POST, "/api/v1/auth/login", Some(body), StatusCode::OK).await?;
        api.token = answer["access_token"].as_str().unwrap_or_default().to_owned();
        Ok(api)
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.client.request(method, format!("{}{path}", self.base));
        if self.token.is_empty() {
            request
        } else {
            request.bearer_auth(&self.token)
        }
    }

    async fn json(&self, method: Method, path: &str, body: Option<Value>, expected: StatusCode) -> Result<Value, DemoError> {
        let mut request = self.request(method.clone(), path);
        if let Some(body) = &body {
            request = request.json(body);
        }
        self.send(request, &format!("{method} {path}"), expected).await
    }

    async fn send(&self, request: RequestBuilder, what: &str, expected: StatusCode) -> Result<Value, DemoError> {
        let response = request.send().await?;
        let status = response.status();
        let text = response.text().await?;
        if status != expected {
            return failed(format!("{what} answered {status}, expected {expected}: {text}"));
        }
        serde_json::from_str(&text).map_err(|error| DemoError(format!("{what} answered no JSON: {error}")))
    }

    async fn get(&self, path: &str) -> Result<Value, DemoError> {
        self.json(Method::GET, path, None, StatusCode::OK).await
    }
}

async fn import(api: &Api, vendors_csv: &Path, say: &mut dyn FnMut(&str)) -> Result<(), DemoError> {
    let bytes = std::fs::read(vendors_csv).map_err(|error| DemoError(format!("cannot read {}: {error}", vendors_csv.display())))?;
    let name = vendors_csv
        .file_name()
        .map_or_else(|| "vendors.csv".into(), |name| name.to_string_lossy().into_owned());
    let size = bytes.len() / 1024;
    let part = reqwest::multipart::Part::bytes(bytes).file_name(name.clone()).mime_str("text/csv")?;
    let form = reqwest::multipart::Form::new().part("file", part);
    let request = api
        .request(Method::POST, "/api/v1/files/import-vendors")
        .header("idempotency-key", "demo-import")
        .multipart(form);
    let job = api.send(request, "the import", StatusCode::ACCEPTED).await?;
    let path = format!("/api/v1/imports/{}", job["id"].as_str().unwrap_or_default());
    say(&format!("Uploaded {name} ({size} KB); the import runs behind a queue."));

    let deadline = Instant::now() + Duration::from_secs(300);
    let job = loop {
        let job = api.get(&path).await?;
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
    say(&format!(
        "Imported {} of {} rows; {} are handed back with a reason, {} have a warning.",
        counts["imported"], counts["rows"], counts["rejected"], counts["with_warnings"]
    ));
    for error in job["errors"].as_array().into_iter().flatten().take(4) {
        say(&format!(
            "  row {}: {} = {:?}: {}",
            error["row"],
            error["column"].as_str().unwrap_or_default(),
            error["value"].as_str().unwrap_or_default(),
            error["reason"].as_str().unwrap_or_default()
        ));
    }
    if let Some(rejects) = job["rejects_url"].as_str() {
        let response = api.request(Method::GET, rejects).send().await?;
        let lines = response.text().await?.lines().count();
        say(&format!(
            "  … all of them in {rejects} ({lines} lines, ready to be corrected and uploaded again)."
        ));
    }
    Ok(())
}

async fn create_template(api: &Api, say: &mut dyn FnMut(&str)) -> Result<String, DemoError> {
    let body = json!({
        "name": "MSME status 2026-27",
        "subject": "{{ company_name }}: please confirm your MSME status by {{ deadline }}",
        "html": "<p>Dear {{ contact_name }},</p>\n<p>{{ organisation_name }} must know which of its suppliers are micro, small or medium enterprises. \
                 Our records show you as vendor <strong>{{ vendor_code }}</strong>{% if gstin %} with GSTIN {{ gstin }}{% endif %}.</p>\n\
                 <p><a href=\"{{ form_url }}\">Declare your status</a>: it takes two minutes and stays open until {{ deadline }}.</p>\n\
                 <p>We never ask for bank details or Aadhaar. <a href=\"{{ unsubscribe_url }}\">Do not write to me again</a></p>\n",
        "text": "Dear {{ contact_name }},\n\n{{ organisation_name }} must know which of its suppliers are micro, small or medium enterprises.\n\
                 Our records show you as vendor {{ vendor_code }}.\n\nDeclare your status until {{ deadline }}:\n{{ form_url }}\n\n\
                 We never ask for bank details or Aadhaar.\nTo hear no more of this:\n{{ unsubscribe_url }}\n",
    });
    let template = api.json(Method::POST, "/api/v1/templates/email", Some(body), StatusCode::CREATED).await?;
    let id = template["id"].as_str().unwrap_or_default().to_owned();
    let vendors = api.get("/api/v1/vendors?limit=1").await?;
    let path = format!("/api/v1/templates/{id}/preview");
    let preview = api
        .json(
            Method::POST,
            &path,
            Some(json!({ "vendor_id": vendors["items"][0]["id"] })),
            StatusCode::OK,
        )
        .await?;
    say(&format!(
        "Created a template and previewed it with the first of {} vendors:",
        vendors["total"]
    ));
    say(&format!("  Subject: {}", preview["subject"].as_str().unwrap_or_default()));
    for line in preview["text"].as_str().unwrap_or_default().lines().take(4) {
        say(&format!("  {line}"));
    }
    Ok(id)
}

async fn execute_campaign(api: &Api, template: &str, say: &mut dyn FnMut(&str)) -> Result<String, DemoError> {
    let deadline = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(24 * 30);
    let body = json!({ "name": "MSME status 2026-27", "template_id": template, "deadline": deadline });
    let campaign = api.json(Method::POST, "/api/v1/campaigns", Some(body), StatusCode::CREATED).await?;
    let id = campaign["id"].as_str().unwrap_or_default().to_owned();
    let execute = format!("/api/v1/campaigns/{id}/execute");
    // Twice, with one key: what a double click does.
    for _ in 0..2 {
        let request = api.request(Method::POST, &execute).header("idempotency-key", format!("execute-{id}"));
        api.send(request, "execute", StatusCode::ACCEPTED).await?;
    }
    say(&format!("Executed campaign {id} (and clicked twice: it is planned once)."));
    Ok(id)
}

async fn watch_sending(api: &Api, campaign: &str, say: &mut dyn FnMut(&str)) -> Result<(), DemoError> {
    let path = format!("/api/v1/campaigns/{campaign}/status");
    let mut shown = String::new();
    let deadline = Instant::now() + Duration::from_secs(900);
    loop {
        let status = api.get(&path).await?;
        let line = format!(
            "  {:<10} {:>3} % sent, {} of {} chunks, {} recipients",
            status["state"].as_str().unwrap_or_default(),
            status["sent_percent"],
            status["chunks_closed"],
            status["chunks"],
            status["counts"]["targeted"]
        );
        if line != shown {
            say(&line);
            shown = line;
        }
        match status["state"].as_str() {
            Some("collecting" | "completed") => return Ok(()),
            Some("halted" | "cancelled") => return failed(format!("the campaign stopped: {status}")),
            _ if Instant::now() > deadline => return failed(format!("sending did not end in time: {status}")),
            _ => tokio::time::sleep(Duration::from_millis(700)).await,
        }
    }
}

async fn wait_for_events(api: &Api, campaign: &str, say: &mut dyn FnMut(&str)) -> Result<(), DemoError> {
    let ledger = wait_for_ledger(api, campaign, |counts| {
        counts["pending"] == 0 && counts["accepted"] == 0 && counts["unknown"] == 0
    })
    .await?;
    let counts = &ledger["channels"][0]["counts"];
    say(&format!(
        "The mailboxes have answered: {} delivered, {} bounced, {} complained.",
        counts["delivered"], counts["bounced"], counts["complained"]
    ));
    Ok(())
}

async fn wait_for_ledger(api: &Api, campaign: &str, ready: impl Fn(&Value) -> bool) -> Result<Value, DemoError> {
    let path = format!("/api/v1/campaigns/{campaign}/ledger");
    let deadline = Instant::now() + Duration::from_secs(180);
    loop {
        let ledger = api.get(&path).await?;
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

/// Some vendors open their personal link and answer, one of them twice; one opts out.
async fn vendors_react(stack: &LocalStack, say: &mut dyn FnMut(&str)) -> Result<(u64, u64), DemoError> {
    let browser = Client::builder().timeout(Duration::from_secs(60)).build()?;
    let mut seen = HashSet::new();
    let mut reached: Vec<Message> = stack
        .simulator()
        .messages()
        .into_iter()
        .filter(|message| {
            // A bounced message has no reader, and a vendor that shares an address answers once here.
            message
                .to
                .first()
                .is_some_and(|to| !to.contains("@simulator.") && seen.insert(to.clone()))
        })
        .collect();
    reached.sort_by(|a, b| a.to.cmp(&b.to));
    let mut readers = reached.iter();

    let mut answered = 0_u64;
    'answers: for (status, count) in ANSWERS {
        for _ in 0..count {
            let Some(message) = readers.next() else { break 'answers };
            let url = link(&message.text.clone().unwrap_or_default(), "/f/")?;
            let page = browser.get(&url).send().await?;
            if page.status() != StatusCode::OK {
                return failed(format!("the form answered {}", page.status()));
            }
            let form = answer(status, answered);
            let reply = browser.post(&url).form(&form).send().await?;
            if reply.status() != StatusCode::OK {
                return failed(format!("an answer was refused with {}: {}", reply.status(), reply.text().await?));
            }
            if answered == 0 {
                let again = browser.post(&url).form(&form).send().await?;
                if again.status() != StatusCode::CONFLICT {
                    return failed(format!("a second answer got {}, expected 409", again.status()));
                }
            }
            answered += 1;
        }
    }
    say(&format!(
        "{answered} vendors opened their link and answered (one tried twice and was told so)."
    ));

    let mut unsubscribed = 0;
    if let Some(message) = readers.next() {
        let header = message.header("List-Unsubscribe").unwrap_or_default().trim_matches(['<', '>']).to_owned();
        let reply = browser.post(&header).form(&[("List-Unsubscribe", "One-Click")]).send().await?;
        if reply.status() != StatusCode::OK {
            return failed(format!("one-click unsubscribe answered {}", reply.status()));
        }
        unsubscribed = 1;
        say("One vendor used its mail program's unsubscribe button (RFC 8058).");
    }
    Ok((answered, unsubscribed))
}

fn link(text: &str, path: &str) -> Result<String, DemoError> {
    let found = text.split_whitespace().find(|word| word.starts_with("http") && word.contains(path));
    found
        .map(str::to_owned)
        .ok_or_else(|| DemoError("a message holds no personal link".to_owned()))
}

fn answer(status: &str, number: u64) -> Vec<(&'static str, String)> {
    let registered = status != "not_registered";
    let mut form = vec![
        ("status", status.to_owned()),
        (
            "activity",
            ["manufacturing", "services", "trading"][usize::try_from(number % 3).unwrap_or(0)].to_owned(),
        ),
        ("signatory_name", "Demo Signatory".to_owned()),
        ("signatory_designation", "Proprietor".to_owned()),
        ("consent", "yes".to_owned()),
    ];
    if registered {
        form.push(("udyam_number", format!("UDYAM-MH-12-{:07}", 1_000 + number)));
        form.push(("registration_date", "2021-07-15".to_owned()));
        form.push(("classification_year", "2025-26".to_owned()));
    }
    form
}

fn show_ledger(ledger: &Value, say: &mut dyn FnMut(&str)) {
    let counts = &ledger["channels"][0]["counts"];
    say(&format!(
        "\nLedger of {} ({}):",
        ledger["id"].as_str().unwrap_or_default(),
        ledger["state"].as_str().unwrap_or_default()
    ));
    say(&format!("  {:<12} {:>6}", "targeted", counts["targeted"]));
    for class in ["pending"].into_iter().chain(CLASSES) {
        let reasons: Vec<String> = counts["reasons"]
            .as_object()
            .into_iter()
            .flatten()
            .filter_map(|(name, count)| name.strip_prefix(&format!("{class}:")).map(|reason| format!("{reason} {count}")))
            .collect();
        say(&format!("  {:<12} {:>6}  {}", format!("= {class}"), counts[class], reasons.join(", ")));
    }
    say(&format!(
        "  beside: responded {}, complained {}, unsubscribed {}",
        counts["responded"], counts["complained"], counts["unsubscribed"]
    ));
}

async fn show_recipients(api: &Api, campaign: &str, say: &mut dyn FnMut(&str)) -> Result<(), DemoError> {
    let page = api.get(&format!("/api/v1/campaigns/{campaign}/recipients?class=bounced&limit=3")).await?;
    for recipient in page["items"].as_array().into_iter().flatten() {
        say(&format!(
            "  bounced: {} {} ({})",
            recipient["vendor_code"].as_str().unwrap_or_default(),
            recipient["company_name"].as_str().unwrap_or_default(),
            recipient["reason"].as_str().unwrap_or_default()
        ));
    }
    Ok(())
}

async fn show_dashboard(api: &Api, say: &mut dyn FnMut(&str)) -> Result<(), DemoError> {
    let dashboard = api.get("/api/v1/analytics/dashboard").await?;
    say("\nDashboard:");
    say(&format!(
        "  vendors {} by status {}",
        dashboard["vendors"]["total"], dashboard["vendors"]["by_status"]
    ));
    say(&format!(
        "  delivery {} %, bounces {} %, responses {} %",
        dashboard["rates"]["delivery_percent"], dashboard["rates"]["bounce_percent"], dashboard["rates"]["response_percent"]
    ));
    Ok(())
}
