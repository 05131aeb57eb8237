//! Sync sources: made through the API, read by the worker from a server on this machine or from a folder of the bucket.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use domain::user::Role;
use jiff::SignedDuration;
use runtime::{Message, Var};
use serde_json::{Value, json};
use sync::{create, delete, get, list, list_runs, run, update};
use tokio::net::TcpListener;
use tokio::sync::Notify;

use crate::support::{Answer, Client, TestApp};

const SOURCES: &str = "/api/v1/sync-sources";
const SECRET: &str = "Bearer s3cret-of-the-erp";

/// Another system.
struct Erp {
    address: String,
    says: Arc<Says>,
}

struct Says {
    content_type: Mutex<&'static str>,
    body: Mutex<Vec<u8>>,
    /// What is at an address, where it is not the same as everywhere.
    at: Mutex<BTreeMap<String, Value>>,
    /// The header `authorization` of each request.
    asked: Mutex<Vec<Option<String>>>,
    /// Told when a request for `/slow` has come; it is never answered.
    is_waiting: Notify,
}

impl Erp {
    async fn start() -> Self {
        let says = Arc::new(Says {
            content_type: Mutex::new("application/json; charset=utf-8"),
            body: Mutex::default(),
            at: Mutex::default(),
            asked: Mutex::default(),
            is_waiting: Notify::new(),
        });
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let address = format!("http://{}", listener.local_addr().expect("an address"));
        let router = Router::new().fallback(Self::answer).with_state(Arc::clone(&says));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { address, says }
    }

    async fn answer(State(says): State<Arc<Says>>, uri: Uri, headers: HeaderMap) -> Response {
        let authorization = headers.get("authorization").map(|value| value.to_str().expect("text").to_owned());
        says.asked.lock().expect("unpoisoned").push(authorization);
        if uri.path() == "/slow" {
            says.is_waiting.notify_one();
            std::future::pending::<()>().await;
        }
        if uri.path() == "/inside" {
            return (StatusCode::FOUND, [("location", "http://169.254.169.254/latest/meta-data/")]).into_response();
        }
        if let Some(body) = says.at.lock().expect("unpoisoned").get(&uri.to_string()) {
            return ([("content-type", "application/json")], body.to_string()).into_response();
        }
        let content_type = *says.content_type.lock().expect("unpoisoned");
        let body = says.body.lock().expect("unpoisoned").clone();
        ([("content-type", content_type)], body).into_response()
    }

    fn has_json(&self, body: Value) {
        *self.says.content_type.lock().expect("unpoisoned") = "application/json; charset=utf-8";
        *self.says.body.lock().expect("unpoisoned") = body.to_string().into_bytes();
    }

    /// What is at one address only.
    fn has_at(&self, address: &str, body: Value) {
        self.says.at.lock().expect("unpoisoned").insert(address.to_owned(), body);
    }

    fn has_csv(&self, body: impl Into<Vec<u8>>) {
        *self.says.content_type.lock().expect("unpoisoned") = "text/csv";
        *self.says.body.lock().expect("unpoisoned") = body.into();
    }

    fn asked(&self) -> Vec<Option<String>> {
        self.says.asked.lock().expect("unpoisoned").clone()
    }

    /// A source of CSV that is read by hand.
    fn csv_source(&self, policy: Value) -> Value {
        json!({ "name": "ERP", "origin": { "kind": "https", "url": format!("{}/vendors", self.address), "format": "csv" }, "policy": policy })
    }
}

/// Makes a source and gives its path.
async fn made(admin: &Client<'_>, body: Value) -> String {
    let created = admin.post(&create::ROUTE, SOURCES, body).await.expect(201);
    created.header("location").expect("a location").to_owned()
}

async fn asked_to_run(admin: &Client<'_>, source: &str) -> Answer {
    admin.post(&run::ROUTE, &format!("{source}/run"), json!({})).await
}

/// What the queue holds, as Lambda would hand it to the worker.
fn queued(app: &TestApp, queue: Var) -> Vec<Message> {
    let sent = app.take_messages(queue);
    sent.iter().map(|entry| message(entry["MessageBody"].as_str().expect("a body"))).collect()
}

fn message(body: &str) -> Message {
    Message {
        id: "m-1".to_owned(),
        body: body.to_owned(),
        correlation_id: "c-1".to_owned(),
        receive_count: 1,
    }
}

/// Hands a message to the worker; tells whether it is done with.
async fn delivered(app: &TestApp, message: Message) -> bool {
    (workers::sync::WORKER.handler)(app.app(), vec![message]).await.is_empty()
}

/// Works until both queues are empty: time for a second look does not pass, it is taken at once.
async fn work(app: &TestApp) {
    assert!(work_at_most(app, 50).await, "the queues never become empty");
}

/// Works off the queues some times; tells whether they are empty.
async fn work_at_most(app: &TestApp, times: usize) -> bool {
    for _ in 0..times {
        let imports = queued(app, Var::ImportQueueUrl);
        let failures = (workers::import::WORKER.handler)(app.app(), imports).await;
        assert!(failures.is_empty(), "{failures:?}");
        let messages = queued(app, Var::SyncQueueUrl);
        if messages.is_empty() {
            return true;
        }
        for message in messages {
            assert!(delivered(app, message).await);
        }
    }
    false
}

async fn runs(admin: &Client<'_>, source: &str) -> Vec<Value> {
    let answer = admin.get(&list_runs::ROUTE, &format!("{source}/runs")).await.expect(200).json();
    answer["items"].as_array().expect("items").clone()
}

/// Has a source read and gives what became of it.
async fn read(app: &TestApp, admin: &Client<'_>, source: &str) -> Value {
    asked_to_run(admin, source).await.expect(202);
    work(app).await;
    runs(admin, source).await.swap_remove(0)
}

/// State, and creates, updates, unchanged, rejected.
fn outcome(run: &Value) -> (&str, [u64; 4]) {
    let state = run["state"].as_str().expect("a state");
    (
        state,
        ["creates", "updates", "unchanged", "rejected"].map(|name| run["diff"][name].as_u64().unwrap_or_default()),
    )
}

fn error(run: &Value) -> (&str, &str) {
    assert_eq!(run["state"], "failed", "{run}");
    (
        run["error"]["code"].as_str().expect("a code"),
        run["error"]["message"].as_str().expect("a message"),
    )
}

async fn vendor_names(app: &TestApp) -> Vec<String> {
    let manager = app.as_role(Role::CampaignManager).await;
    let answer = manager.get(&vendors::list::ROUTE, "/api/v1/vendors").await.expect(200).json();
    let items = answer["items"].as_array().expect("items");
    let mut names: Vec<String> = items
        .iter()
        .map(|item| item["company_name"].as_str().expect("a name").to_owned())
        .collect();
    names.sort();
    names
}

#[tokio::test]
async fn json_becomes_vendors_by_the_mapping_and_the_secret_goes_nowhere_else() {
    let (app, erp) = (TestApp::start().await, Erp::start().await);
    let admin = app.as_role(Role::Admin).await;
    app.set_sync_secrets(&json!({ "erp": { "host": "127.0.0.1", "value": SECRET }, "other": "x" }));
    erp.has_json(json!({ "data": { "count": 2, "vendors": [
        { "id": "V-1", "firm": "Kaveri Castings", "address": { "city": "Pune", "pin": 411001 }, "mails": ["a@kaveri.example", "b@kaveri.example"] },
        { "id": "V-2", "firm": "Asha Forge", "plant": { "name": "Hosur" }, "mails": [] },
    ] } }));
    let source = made(&admin, json!({
        "name": "ERP of plant 2",
        "origin": { "kind": "https", "url": format!("{}/vendors?page=all", erp.address), "format": "json", "json_path": "data.vendors",
            "auth": { "name": "Authorization", "secret_name": "erp" } },
        "mapping": { "id": "vendor_code", "firm": "company_name", "mails": "email", "address.city": "city", "address.pin": "pin_code", "plant.name": "attributes.plant" },
        "policy": { "apply": "automatically" },
    })).await;
    let run = read(&app, &admin, &source).await;
    assert_eq!(outcome(&run), ("applied", [2, 0, 0, 0]), "{run}");
    assert_eq!(run["import_state"], "completed");
    assert_eq!(run["applied"]["created"], 2);
    assert_eq!(run["trigger"]["by"], "person");
    assert_eq!(erp.asked(), [Some(SECRET.to_owned())]);
    assert_eq!(vendor_names(&app).await, ["Asha Forge", "Kaveri Castings"]);

    let manager = app.as_role(Role::CampaignManager).await;
    let vendor = manager.get(&vendors::list::ROUTE, "/api/v1/vendors?q=kaveri").await.expect(200).json()["items"][0].clone();
    assert_eq!((&vendor["city"], &vendor["pin_code"]), (&json!("Pune"), &json!("411001")));
    assert_eq!(vendor["emails"], json!(["a@kaveri.example", "b@kaveri.example"]));

    // The import is one like others, with a report and a name that says where it is from.
    let import = format!("/api/v1/imports/{}", run["import_id"].as_str().expect("an import"));
    let import = manager.get(&imports::get::ROUTE, &import).await.expect(200).json();
    assert_eq!(import["file_name"], "ERP-of-plant-2-2026-11-02.csv");

    let told = [
        admin.get(&get::ROUTE, &source).await.expect(200).text(),
        admin.get(&list::ROUTE, SOURCES).await.expect(200).text(),
        admin.get(&list_runs::ROUTE, &format!("{source}/runs")).await.expect(200).text(),
        serde_json::to_string(&app.everything().await).expect("JSON"),
    ];
    for text in told {
        assert!(!text.contains("s3cret"), "{text}");
    }
    let shown = admin.get(&get::ROUTE, &source).await.expect(200).json();
    assert_eq!(shown["origin"]["auth"], json!({ "name": "Authorization", "secret_name": "erp" }));
    assert_eq!(shown["last_run"]["state"], "applied");
}

#[tokio::test]
async fn a_clean_file_is_applied_and_any_other_waits_for_a_person() {
    let (app, erp) = (TestApp::start().await, Erp::start().await);
    let admin = app.as_role(Role::Admin).await;
    let source = made(&admin, erp.csv_source(json!({ "apply": "when_clean", "max_changed_percent": 30 }))).await;
    let rows = |name: &str| format!("vendor_code,company_name\nV-1,{name}\nV-2,Asha\nV-3,Ravi\nV-4,Meena\n");
    erp.has_csv(rows("Kaveri"));
    let run = read(&app, &admin, &source).await;
    assert_eq!(outcome(&run), ("waiting", [4, 0, 0, 0]));
    assert_eq!(run["reason"], "4 of 4 rows are new or change a vendor, which is more than 30 %");
    assert!(vendor_names(&app).await.is_empty());

    // A person agrees, as to any import.
    let confirm = format!("/api/v1/imports/{}/confirm", run["import_id"].as_str().expect("an import"));
    admin.post(&imports::confirm::ROUTE, &confirm, json!({})).await.expect(202);
    work(&app).await;
    let run = runs(&admin, &source).await.swap_remove(0);
    assert_eq!(outcome(&run), ("applied", [4, 0, 0, 0]));
    assert_eq!(run["reason"], Value::Null);
    assert_eq!(vendor_names(&app).await.len(), 4);

    let run = read(&app, &admin, &source).await;
    assert_eq!(outcome(&run).0, "unchanged", "{run}");
    erp.has_csv(format!("{}\n", rows("Kaveri")));
    let run = read(&app, &admin, &source).await;
    assert_eq!(outcome(&run), ("applied", [0, 0, 4, 0]), "{run}");
    erp.has_csv(rows("Kaveri Castings"));
    let run = read(&app, &admin, &source).await;
    assert_eq!(outcome(&run), ("applied", [0, 1, 3, 0]), "{run}");
    assert!(vendor_names(&app).await.contains(&"Kaveri Castings".to_owned()));

    erp.has_csv(format!("{}V-1,Twice\n", rows("Kaveri Works")));
    let run = read(&app, &admin, &source).await;
    assert_eq!(outcome(&run).0, "waiting");
    assert!(run["reason"].as_str().expect("a reason").contains("rejected"), "{run}");
    assert!(vendor_names(&app).await.contains(&"Kaveri Castings".to_owned()));
}

#[tokio::test]
async fn who_asks_first_is_asked_once_a_later_reading_takes_the_place_of_an_earlier_one() {
    let (app, erp) = (TestApp::start().await, Erp::start().await);
    let admin = app.as_role(Role::Admin).await;
    let source = made(&admin, erp.csv_source(json!({ "apply": "ask" }))).await;
    erp.has_csv("vendor_code,company_name\nV-1,Old Name\n");
    let first = read(&app, &admin, &source).await;
    assert_eq!(
        (outcome(&first).0, &first["reason"]),
        ("waiting", &json!("this source asks before anything is applied"))
    );
    erp.has_csv("vendor_code,company_name\nV-1,New Name\n");
    read(&app, &admin, &source).await;
    let both = runs(&admin, &source).await;
    let states: Vec<_> = both
        .iter()
        .map(|run| (run["state"].as_str().unwrap(), run["import_state"].as_str().unwrap()))
        .collect();
    assert_eq!(states, [("waiting", "ready"), ("superseded", "cancelled")]);

    // The past cannot be confirmed over the present any more.
    let confirm = |run: &Value| format!("/api/v1/imports/{}/confirm", run["import_id"].as_str().unwrap());
    admin.post(&imports::confirm::ROUTE, &confirm(&both[1]), json!({})).await.expect(409);
    admin.post(&imports::confirm::ROUTE, &confirm(&both[0]), json!({})).await.expect(202);
    work(&app).await;
    assert_eq!(vendor_names(&app).await, ["New Name"]);
}

#[tokio::test]
async fn a_mapping_that_does_not_fit_waits_whatever_the_policy() {
    let (app, erp) = (TestApp::start().await, Erp::start().await);
    let admin = app.as_role(Role::Admin).await;
    let mut body = erp.csv_source(json!({ "apply": "automatically" }));
    body["mapping"] = json!({ "Firm": "company_name" });
    let source = made(&admin, body).await;
    erp.has_csv("vendor_code,Supplier\nV-1,Kaveri\n");
    let run = read(&app, &admin, &source).await;
    assert_eq!(run["state"], "waiting", "{run}");
    assert!(
        run["reason"].as_str().unwrap().starts_with("the mapping does not fit the file: "),
        "{run}"
    );
    assert!(vendor_names(&app).await.is_empty());
}

#[tokio::test]
async fn nothing_inside_is_read_from() {
    let app = TestApp::start_with(&[("OUTBOUND_POLICY", "public")]).await;
    let erp = Erp::start().await;
    let admin = app.as_role(Role::Admin).await;
    let body = |url: &str| json!({ "name": "ERP", "origin": { "kind": "https", "url": url, "format": "csv" } });
    for (url, code) in [
        ("https://169.254.169.254/latest/meta-data/", "address_refused"),
        ("https://10.0.0.1/vendors.csv", "address_refused"),
        ("https://[::1]/vendors.csv", "address_refused"),
        (erp.address.as_str(), "url_scheme"),
        ("https://erp:pass@erp.example.in/", "url_credentials"),
        ("https://erp.example.in:22/", "url_port"),
    ] {
        let refused = admin.post(&create::ROUTE, SOURCES, body(url)).await.expect(422);
        assert_eq!(refused.field_errors(), [("origin.url".to_owned(), code.to_owned())], "{url}");
    }
    // A name tells only when it is resolved.
    let source = made(&admin, body("https://localhost/vendors.csv")).await;
    let run = read(&app, &admin, &source).await;
    assert_eq!(error(&run).0, "address_refused");
    assert!(error(&run).1.contains("a loopback address"), "{run}");
    assert!(erp.asked().is_empty());
}

#[tokio::test]
async fn a_redirect_inside_is_not_followed() {
    let (app, erp) = (TestApp::start().await, Erp::start().await);
    let admin = app.as_role(Role::Admin).await;
    let url = format!("{}/inside", erp.address);
    let source = made(
        &admin,
        json!({ "name": "ERP", "origin": { "kind": "https", "url": url, "format": "csv" } }),
    )
    .await;
    let run = read(&app, &admin, &source).await;
    assert_eq!(error(&run).0, "address_refused");
}

#[tokio::test]
async fn answers_that_are_too_large_or_of_another_kind_are_refused() {
    let (app, erp) = (TestApp::start().await, Erp::start().await);
    let admin = app.as_role(Role::Admin).await;
    let source = made(&admin, erp.csv_source(json!({ "apply": "automatically" }))).await;
    erp.has_csv(vec![b'x'; 50 * 1024 * 1024 + 1]);
    assert_eq!(error(&read(&app, &admin, &source).await).0, "too_large");
    erp.has_json(json!([{ "vendor_code": "V-1" }]));
    assert_eq!(error(&read(&app, &admin, &source).await).0, "content_type");

    let mut body = erp.csv_source(json!({ "apply": "automatically" }));
    body["origin"]["format"] = json!("json");
    let source = made(&admin, body).await;
    for (answer, code) in [
        (json!({ "vendors": [] }), "json_no_list"),
        (json!([]), "json_empty"),
        (json!(["V-1"]), "json_no_object"),
    ] {
        erp.has_json(answer);
        assert_eq!(error(&read(&app, &admin, &source).await).0, code);
    }
    *erp.says.body.lock().unwrap() = b"<html>sign in".to_vec();
    assert_eq!(error(&read(&app, &admin, &source).await).0, "json_malformed");
    assert!(vendor_names(&app).await.is_empty());
}

#[tokio::test]
async fn an_answer_that_does_not_come_is_not_waited_for_longer_than_a_minute() {
    let (app, erp) = (TestApp::start().await, Erp::start().await);
    let admin = app.as_role(Role::Admin).await;
    let url = format!("{}/slow", erp.address);
    let source = made(
        &admin,
        json!({ "name": "ERP", "origin": { "kind": "https", "url": url, "format": "csv" } }),
    )
    .await;
    asked_to_run(&admin, &source).await.expect(202);
    let mut message = queued(&app, Var::SyncQueueUrl).remove(0);
    // The last time: before that it may yet come.
    message.receive_count = 3;
    let minute = async {
        // Nothing else is under way once the request has arrived: the minute passes for it alone.
        erp.says.is_waiting.notified().await;
        tokio::time::pause();
        tokio::time::advance(Duration::from_secs(61)).await;
        tokio::time::resume();
    };
    let (is_done, ()) = tokio::join!(delivered(&app, message), minute);
    assert!(is_done);
    let run = runs(&admin, &source).await.swap_remove(0);
    assert_eq!(
        error(&run),
        (
            "timeout",
            "the file did not arrive within 60 seconds: make it smaller, or its server faster"
        )
    );
}

#[tokio::test]
async fn a_missing_secret_is_named_and_nothing_is_sent_without_it() {
    let (app, erp) = (TestApp::start().await, Erp::start().await);
    let admin = app.as_role(Role::Admin).await;
    let mut body = erp.csv_source(json!({ "apply": "ask" }));
    body["origin"]["auth"] = json!({ "name": "x-api-key", "secret_name": "erp" });
    let source = made(&admin, body).await;
    let run = read(&app, &admin, &source).await;
    assert_eq!(
        error(&run),
        (
            "secret_missing",
            "the secret of sync sources has no value named erp: add it there, or correct origin.auth.secret_name"
        )
    );
    app.set_sync_secrets(&json!(["s3cret"]));
    let run = read(&app, &admin, &source).await;
    assert_eq!(error(&run).0, "secret_malformed");
    assert!(!run.to_string().contains("s3cret"));
    assert!(erp.asked().is_empty());
}

#[tokio::test]
async fn a_schedule_reads_once_for_each_of_its_times_and_a_failure_waits_for_the_next() {
    let (app, erp) = (TestApp::start().await, Erp::start().await);
    let admin = app.as_role(Role::Admin).await;
    let mut body = erp.csv_source(json!({ "apply": "automatically" }));
    body["schedule"] = json!({ "expression": "cron(0 6 * * ? *)" });
    let source = made(&admin, body).await;
    let schedules = app.schedules();
    let (_, schedule) = schedules.first_key_value().expect("a schedule");
    assert_eq!(schedule["ScheduleExpression"], "cron(0 6 * * ? *)");
    assert_eq!(schedule["ScheduleExpressionTimezone"], "Asia/Kolkata");
    let input = schedule["Target"]["Input"].as_str().expect("an input");
    let fire = |time: &str| message(&input.replace("<aws.scheduler.scheduled-time>", time));
    let shown = admin.get(&get::ROUTE, &source).await.expect(200).json();
    assert_eq!(shown["schedule"]["next"][0], "2026-11-03T00:30:00Z");

    *erp.says.content_type.lock().unwrap() = "text/html";
    assert!(delivered(&app, fire("2026-11-03T00:30:00Z")).await, "a failed reading is not tried again");
    assert!(delivered(&app, fire("2026-11-03T00:30:00Z")).await);
    assert_eq!(erp.asked().len(), 1);
    erp.has_csv("vendor_code,company_name\nV-1,Kaveri\n");
    for _ in 0..2 {
        assert!(delivered(&app, fire("2026-11-04T00:30:00Z")).await);
    }
    work(&app).await;
    let all = runs(&admin, &source).await;
    assert_eq!(
        all.iter().map(|run| run["state"].as_str().unwrap()).collect::<Vec<_>>(),
        ["applied", "failed"]
    );
    assert_eq!(all[0]["trigger"], json!({ "by": "schedule", "scheduled_for": "2026-11-04T00:30:00Z" }));
    assert_eq!(erp.asked().len(), 2);
    assert_eq!(vendor_names(&app).await, ["Kaveri"]);
}

#[tokio::test]
async fn a_schedule_follows_the_settings_and_an_old_one_removes_itself() {
    let (app, erp) = (TestApp::start().await, Erp::start().await);
    let admin = app.as_role(Role::Admin).await;
    let mut body = erp.csv_source(json!({ "apply": "ask" }));
    body["schedule"] = json!({ "expression": "rate(12 hours)", "timezone": "UTC" });
    let source = made(&admin, body.clone()).await;
    let old = app.schedules();
    let (old_name, old_schedule) = old.first_key_value().expect("a schedule");

    // Another name keeps it, another rhythm replaces it.
    body["name"] = json!("The ERP");
    admin.put(&update::ROUTE, &source, body.clone()).await.expect(200);
    assert_eq!(app.schedules().keys().collect::<Vec<_>>(), [old_name]);
    body["schedule"]["expression"] = json!("rate(6 hours)");
    let updated = admin.put(&update::ROUTE, &source, body.clone()).await.expect(200);
    let new = app.schedules();
    assert_eq!(new.len(), 1);
    assert!(!new.contains_key(old_name));
    let input = old_schedule["Target"]["Input"].as_str().expect("an input");
    assert!(delivered(&app, message(&input.replace("<aws.scheduler.scheduled-time>", "2026-11-03T00:30:00Z"))).await);
    assert!(runs(&admin, &source).await.is_empty(), "an old schedule reads nothing");

    body["enabled"] = json!(false);
    admin.put(&update::ROUTE, &source, body.clone()).if_match("\"1\"").await.expect(412);
    let disabled = admin.put(&update::ROUTE, &source, body).if_match(updated.etag()).await.expect(200);
    assert!(app.schedules().is_empty());
    assert_eq!(disabled.json()["schedule"]["next"], json!([]));

    admin.delete(&delete::ROUTE, &source).await.expect(204);
    admin.get(&get::ROUTE, &source).await.expect(404);
    let input = new.first_key_value().expect("a schedule").1["Target"]["Input"]
        .as_str()
        .expect("an input")
        .to_owned();
    let fire = || message(&input.replace("<aws.scheduler.scheduled-time>", "2026-11-03T00:30:00Z"));
    assert!(!delivered(&app, fire()).await, "its source may be about to be stored");
    app.advance(SignedDuration::from_mins(16));
    assert!(delivered(&app, fire()).await);
}

/// What S3 says of a file.
fn arrival(key: &str, bytes: usize) -> Message {
    arrival_at(key, bytes, "2026-11-02T04:30:00.123Z", "0055AED6DCD90281E5")
}

/// What S3 says of a file that was put there at a time.
fn arrival_at(key: &str, bytes: usize, time: &str, sequencer: &str) -> Message {
    let object = json!({ "key": key, "size": bytes, "eTag": "0", "sequencer": sequencer });
    let record = json!({ "eventVersion": "2.1", "eventSource": "aws:s3", "eventName": "ObjectCreated:Put", "eventTime": time,
        "s3": { "s3SchemaVersion": "1.0", "bucket": { "name": "files" }, "object": object } });
    message(&json!({ "Records": [record] }).to_string())
}

#[tokio::test]
async fn a_file_in_a_folder_is_taken_once_and_then_gone() {
    let app = TestApp::start().await;
    let admin = app.as_role(Role::Admin).await;
    let body = json!({ "name": "Drop", "origin": { "kind": "folder", "prefix": "erp-exports" }, "policy": { "apply": "automatically" } });
    let source = made(&admin, body.clone()).await;
    admin.post(&create::ROUTE, SOURCES, body).await.expect(409);
    let csv = b"vendor_code,company_name\nV-1,Kaveri\n".to_vec();
    app.put_object("drop/erp-exports/vendor%20list.csv", "text/csv", csv.clone());
    for _ in 0..2 {
        assert!(delivered(&app, arrival("drop/erp-exports/vendor+list.csv", csv.len())).await);
    }
    work(&app).await;
    let all = runs(&admin, &source).await;
    assert_eq!(all.len(), 1, "{all:?}");
    assert_eq!(outcome(&all[0]), ("applied", [1, 0, 0, 0]));
    assert_eq!(all[0]["trigger"], json!({ "by": "file", "file_name": "vendor list.csv" }));
    assert_eq!(all[0]["bytes"], csv.len());
    assert!(app.object("drop/erp-exports/vendor%20list.csv").is_none());
    assert_eq!(vendor_names(&app).await, ["Kaveri"]);

    // What is nobody's is left alone, and so is what was taken away before anybody looked.
    for key in ["drop/nobody/vendors.csv", "drop/erp-exports/", "imports/imp_1/source", "vendors.csv"] {
        app.put_object(key, "text/csv", csv.clone());
        assert!(delivered(&app, arrival(key, csv.len())).await);
        assert!(app.object(key).is_some(), "{key}");
    }
    assert!(delivered(&app, message(r#"{"Service":"Amazon S3","Event":"s3:TestEvent","Bucket":"files"}"#)).await);
    assert_eq!(runs(&admin, &source).await.len(), 1);
    assert!(delivered(&app, arrival("drop/erp-exports/gone.csv", 10)).await);
    assert_eq!(error(&runs(&admin, &source).await[0]).0, "file_gone");
}

const DROP: &str = "drop/erp-exports/vendors.csv";

fn drop_source(policy: &str) -> Value {
    json!({ "name": "Drop", "origin": { "kind": "folder", "prefix": "erp-exports" }, "policy": { "apply": policy } })
}

#[tokio::test]
async fn a_file_that_is_put_there_again_is_taken_again_whatever_is_in_it() {
    let app = TestApp::start().await;
    let admin = app.as_role(Role::Admin).await;
    let source = made(&admin, drop_source("automatically")).await;
    let csv = b"vendor_code,company_name\nV-1,Kaveri\n".to_vec();
    for (time, sequencer) in [("2026-11-02T04:30:00Z", "A1"), ("2026-11-02T04:40:00Z", "A2")] {
        app.put_object(DROP, "text/csv", csv.clone());
        for _ in 0..2 {
            assert!(delivered(&app, arrival_at(DROP, csv.len(), time, sequencer)).await);
        }
        work(&app).await;
    }
    let all = runs(&admin, &source).await;
    let outcomes: Vec<_> = all.iter().map(outcome).collect();
    assert_eq!(outcomes, [("applied", [0, 0, 1, 0]), ("applied", [1, 0, 0, 0])]);
}

#[tokio::test]
async fn files_are_stored_in_the_order_in_which_they_were_put_there() {
    let app = TestApp::start().await;
    let admin = app.as_role(Role::Admin).await;
    let source = made(&admin, drop_source("automatically")).await;
    let arrive = async |name: &str, time: &str, sequencer: &str, firm: &str| {
        let key = format!("drop/erp-exports/{name}");
        let csv = format!("vendor_code,company_name\nV-1,{firm}\n");
        app.put_object(&key, "text/csv", csv.clone());
        assert!(delivered(&app, arrival_at(&key, csv.len(), time, sequencer)).await);
    };
    // S3 tells of the older one later.
    arrive("b.csv", "2026-11-02T05:00:00Z", "B", "Today").await;
    arrive("a.csv", "2026-11-02T04:00:00Z", "A", "Yesterday").await;
    work(&app).await;
    assert_eq!(vendor_names(&app).await, ["Today"]);
    let states: Vec<_> = runs(&admin, &source).await.iter().map(|run| run["state"].clone()).collect();
    assert_eq!(states, ["applied", "applied"]);

    // An older version of a file that has been stored is nobody's news.
    arrive("b.csv", "2026-11-02T04:59:00Z", "AF", "Last week").await;
    work(&app).await;
    assert_eq!(runs(&admin, &source).await[0]["state"], "superseded");
    assert_eq!(vendor_names(&app).await, ["Today"]);
}

#[tokio::test]
async fn a_file_does_not_overtake_one_that_waits_for_a_person() {
    let app = TestApp::start().await;
    let admin = app.as_role(Role::Admin).await;
    let policy = json!({ "apply": "when_clean", "max_changed_percent": 100 });
    let mut body = drop_source("ask");
    body["policy"] = policy;
    let source = made(&admin, body).await;
    let arrive = async |name: &str, time: &str, csv: &str| {
        let key = format!("drop/erp-exports/{name}");
        app.put_object(&key, "text/csv", csv.to_owned());
        assert!(delivered(&app, arrival_at(&key, csv.len(), time, &time[11..13])).await);
        work_at_most(&app, 10).await
    };
    assert!(arrive("a.csv", "2026-11-02T04:00:00Z", "vendor_code,company_name\nV-1,Old\nV-1,Twice\n").await);
    assert!(!arrive("b.csv", "2026-11-02T05:00:00Z", "vendor_code,company_name\nV-1,New\n").await);
    let all = runs(&admin, &source).await;
    assert_eq!((&all[0]["state"], &all[1]["state"]), (&json!("checking"), &json!("waiting")));
    assert!(all[0]["reason"].as_str().unwrap().contains("an earlier file"), "{}", all[0]);
    assert!(vendor_names(&app).await.is_empty());

    // A later file of the same name says what the earlier one had to say, and nobody decides upon that any more.
    assert!(arrive("a.csv", "2026-11-02T06:00:00Z", "vendor_code,company_name\nV-1,Newest\n").await);
    let all = runs(&admin, &source).await;
    let states: Vec<&str> = all.iter().map(|run| run["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["applied", "applied", "superseded"], "{all:?}");
    assert_eq!(vendor_names(&app).await, ["Newest"]);
}

#[tokio::test]
async fn a_decision_upon_one_file_lets_those_behind_it_go_on() {
    let app = TestApp::start().await;
    let admin = app.as_role(Role::Admin).await;
    let mut body = drop_source("ask");
    body["policy"] = json!({ "apply": "when_clean", "max_changed_percent": 100 });
    let source = made(&admin, body).await;
    for (name, hour, csv) in [
        ("a.csv", "04", "V-1,Old\nV-1,Twice\n"),
        ("b.csv", "05", "V-1,New\n"),
        ("c.csv", "06", "V-2,Other\n"),
    ] {
        let (key, csv) = (format!("drop/erp-exports/{name}"), format!("vendor_code,company_name\n{csv}"));
        app.put_object(&key, "text/csv", csv.clone());
        let time = format!("2026-11-02T{hour}:00:00Z");
        assert!(delivered(&app, arrival_at(&key, csv.len(), &time, "A")).await);
    }
    assert!(!work_at_most(&app, 10).await);
    let first = runs(&admin, &source).await.swap_remove(2);
    assert_eq!(first["state"], "waiting", "{first}");
    let confirm = format!("/api/v1/imports/{}/confirm", first["import_id"].as_str().unwrap());
    admin.post(&imports::confirm::ROUTE, &confirm, json!({})).await.expect(202);
    work(&app).await;
    let all = runs(&admin, &source).await;
    assert!(all.iter().all(|run| run["state"] == "applied" && run["reason"] == Value::Null), "{all:?}");
    assert_eq!(vendor_names(&app).await, ["New", "Other"]);
}

#[tokio::test]
async fn a_file_that_could_not_be_taken_is_tried_anew_when_somebody_asks() {
    let app = TestApp::start().await;
    let admin = app.as_role(Role::Admin).await;
    let source = made(&admin, drop_source("automatically")).await;
    app.put_object(DROP, "text/csv", "vendor_code,company_name\nV-1,Kaveri\n".to_owned());
    // Who looks through the folder has begun with the file, and does not come to its end, time after time.
    asked_to_run(&admin, &source).await.expect(202);
    let mut look = queued(&app, Var::SyncQueueUrl).remove(0);
    app.fail_after("UpdateItem", 0);
    assert!(!delivered(&app, look.clone()).await);
    look.receive_count = 4;
    assert!(delivered(&app, look).await);
    let all = runs(&admin, &source).await;
    let of_file = all.iter().find(|run| run["trigger"]["by"] == "file").expect("a run of the file");
    assert_eq!(error(of_file).0, "interrupted");
    assert!(vendor_names(&app).await.is_empty());

    asked_to_run(&admin, &source).await.expect(202);
    work(&app).await;
    assert_eq!(vendor_names(&app).await, ["Kaveri"], "{:?}", runs(&admin, &source).await);
}

#[tokio::test]
async fn however_often_nothing_new_was_said_an_earlier_reading_gives_way() {
    let (app, erp) = (TestApp::start().await, Erp::start().await);
    let admin = app.as_role(Role::Admin).await;
    let source = made(&admin, erp.csv_source(json!({ "apply": "when_clean", "max_changed_percent": 100 }))).await;
    erp.has_csv("vendor_code,company_name\nV-1,Old\nV-1,Twice\n");
    let first = read(&app, &admin, &source).await;
    assert_eq!(first["state"], "waiting");
    for _ in 0..55 {
        assert_eq!(read(&app, &admin, &source).await["state"], "unchanged");
    }
    erp.has_csv("vendor_code,company_name\nV-1,New\n");
    assert_eq!(read(&app, &admin, &source).await["state"], "applied");
    let first = format!("/api/v1/imports/{}", first["import_id"].as_str().unwrap());
    assert_eq!(admin.get(&imports::get::ROUTE, &first).await.expect(200).json()["state"], "cancelled");
    assert_eq!(vendor_names(&app).await, ["New"]);
}

#[tokio::test]
async fn what_lies_in_a_folder_is_taken_when_somebody_asks_or_enables_the_source_again() {
    let app = TestApp::start().await;
    let admin = app.as_role(Role::Admin).await;
    let source = made(&admin, drop_source("automatically")).await;
    let put = |part: u32| {
        let csv = format!("vendor_code,company_name\nV-{part},Kaveri {part}\n");
        app.put_object(&format!("drop/erp-exports/part-{part}.csv"), "text/csv", csv);
    };
    put(1);
    put(2);
    app.put_object("drop/nobody/vendors.csv", "text/csv", "x");
    asked_to_run(&admin, &source).await.expect(202);
    work(&app).await;
    assert_eq!(vendor_names(&app).await, ["Kaveri 1", "Kaveri 2"]);
    let all = runs(&admin, &source).await;
    let states: Vec<_> = all.iter().map(|run| run["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["applied", "applied", "looked_through"]);
    assert_eq!(all[2]["reason"], "2 files lay in the folder: each has a run of its own");
    assert!(app.object("drop/erp-exports/part-1.csv").is_none() && app.object("drop/nobody/vendors.csv").is_some());

    let mut body = drop_source("automatically");
    body["enabled"] = json!(false);
    admin.put(&update::ROUTE, &source, body).await.expect(200);
    put(3);
    assert!(delivered(&app, arrival("drop/erp-exports/part-3.csv", 40)).await);
    work(&app).await;
    assert_eq!(vendor_names(&app).await.len(), 2);
    admin.put(&update::ROUTE, &source, drop_source("automatically")).await.expect(200);
    work(&app).await;
    assert_eq!(vendor_names(&app).await.len(), 3);
}

#[tokio::test]
async fn the_difference_is_told_vendor_by_vendor_without_identifiers() {
    let (app, erp) = (TestApp::start().await, Erp::start().await);
    let admin = app.as_role(Role::Admin).await;
    let source = made(&admin, erp.csv_source(json!({ "apply": "automatically" }))).await;
    erp.has_csv("vendor_code,company_name,city,pan_number\nV-1,Kaveri,Pune,AAPFU0939F\n");
    read(&app, &admin, &source).await;
    erp.has_csv("vendor_code,company_name,city,pan_number\nV-1,Kaveri,Hosur,AAKFD7113K\n");
    let run = read(&app, &admin, &source).await;
    assert_eq!(outcome(&run), ("applied", [0, 1, 0, 0]));
    let shown = admin.get(&get::ROUTE, &source).await.expect(200).json();
    let expected = json!([
        { "row": 2, "vendor_code": "V-1", "field": "city", "from": "Pune", "to": "Hosur" },
        { "row": 2, "vendor_code": "V-1", "field": "pan_number", "from": "AAPFUXXXXF", "to": "AAKFDXXXXK" },
    ]);
    assert_eq!(shown["last_run"]["changes"], expected, "{shown}");
    let import = format!("/api/v1/imports/{}", run["import_id"].as_str().expect("an import"));
    let import = admin.get(&imports::get::ROUTE, &import).await.expect(200).json();
    assert!(
        import.to_string().contains("AAKFDXXXXK") && !import.to_string().contains("AAKFD7113K"),
        "{import}"
    );
}

#[tokio::test]
async fn a_run_ends_as_its_import_does() {
    let (app, erp) = (TestApp::start().await, Erp::start().await);
    let admin = app.as_role(Role::Admin).await;
    let source = made(&admin, erp.csv_source(json!({ "apply": "automatically" }))).await;
    erp.has_csv("vendor_code,company_name\nV-1,Kaveri\n");
    asked_to_run(&admin, &source).await.expect(202);
    assert!(delivered(&app, queued(&app, Var::SyncQueueUrl).remove(0)).await);
    let dry_run = queued(&app, Var::ImportQueueUrl);
    assert!((workers::import::WORKER.handler)(app.app(), dry_run).await.is_empty());
    assert!(delivered(&app, queued(&app, Var::SyncQueueUrl).remove(0)).await);
    let run = runs(&admin, &source).await.swap_remove(0);
    assert_eq!((&run["state"], &run["ended_at"]), (&json!("applying"), &Value::Null), "{run}");
    let cancel = format!("/api/v1/imports/{}/cancel", run["import_id"].as_str().expect("an import"));
    admin.post(&imports::cancel::ROUTE, &cancel, json!({})).await;
    work(&app).await;
    let run = runs(&admin, &source).await.swap_remove(0);
    assert_eq!(run["state"], "cancelled", "{run}");
    assert!(vendor_names(&app).await.is_empty());
}

#[tokio::test]
async fn a_secret_goes_to_its_own_host_alone() {
    let (app, erp) = (TestApp::start().await, Erp::start().await);
    let admin = app.as_role(Role::Admin).await;
    let mut body = erp.csv_source(json!({ "apply": "ask" }));
    body["origin"]["auth"] = json!({ "name": "authorization", "secret_name": "erp" });
    let source = made(&admin, body).await;
    app.set_sync_secrets(&json!({ "erp": { "host": "erp.example.in", "value": SECRET } }));
    let run = read(&app, &admin, &source).await;
    assert_eq!(
        error(&run),
        (
            "secret_other_host",
            "the value named erp is bound to the host erp.example.in and goes to no other: correct the address, or the secret"
        )
    );
    app.set_sync_secrets(&json!({ "erp": SECRET }));
    let run = read(&app, &admin, &source).await;
    assert_eq!(error(&run).0, "secret_malformed");
    assert!(!run.to_string().contains("s3cret"));
    assert!(erp.asked().is_empty());
}

#[tokio::test]
async fn all_pages_are_read_and_one_of_several_is_not_taken_for_all() {
    let (app, erp) = (TestApp::start().await, Erp::start().await);
    let admin = app.as_role(Role::Admin).await;
    app.set_sync_secrets(&json!({ "erp": { "host": "127.0.0.1", "value": SECRET } }));
    let vendor = |number: u32| json!({ "vendor_code": format!("V-{number}"), "company_name": format!("Kaveri {number}") });
    erp.has_at("/vendors", json!({ "value": [vendor(1)], "@odata.nextLink": "/vendors?page=2" }));
    erp.has_at(
        "/vendors?page=2",
        json!({ "value": [vendor(2), vendor(3)], "@odata.nextLink": "?page=3" }),
    );
    erp.has_at("/vendors?page=3", json!({ "value": [] }));
    let mut body = json!({ "name": "ERP", "policy": { "apply": "automatically" }, "origin": {
        "kind": "https", "url": format!("{}/vendors", erp.address), "format": "json", "json_path": "value",
        "auth": { "name": "authorization", "secret_name": "erp" } } });
    let whole = made(&admin, body.clone()).await;
    let run = read(&app, &admin, &whole).await;
    assert_eq!(error(&run).0, "json_more_pages");
    assert!(error(&run).1.contains("@odata.nextLink"), "{run}");
    assert!(vendor_names(&app).await.is_empty());

    body["origin"]["next_path"] = json!("@odata.nextLink");
    let paged = made(&admin, body).await;
    let run = read(&app, &admin, &paged).await;
    assert_eq!(outcome(&run), ("applied", [3, 0, 0, 0]), "{run}");
    assert_eq!(vendor_names(&app).await, ["Kaveri 1", "Kaveri 2", "Kaveri 3"]);
    assert!(
        erp.asked().iter().all(|header| header.as_deref() == Some(SECRET)),
        "each page is asked for with the header"
    );

    // Wherever a page says the next one is, headers go to no other origin, and nothing inside is read.
    let before = erp.asked().len();
    for (link, code) in [
        ("http://localhost:1/vendors", "next_page_elsewhere"),
        ("http://169.254.169.254/latest", "address_refused"),
        ("/vendors", "json_no_next_page"),
    ] {
        erp.has_at("/vendors", json!({ "value": [vendor(1)], "@odata.nextLink": link }));
        assert_eq!(error(&read(&app, &admin, &paged).await).0, code, "{link}");
    }
    assert_eq!(erp.asked().len(), before + 3);
}

#[tokio::test]
async fn what_says_nothing_new_leaves_the_waiting_import_alone() {
    let (app, erp) = (TestApp::start().await, Erp::start().await);
    let admin = app.as_role(Role::Admin).await;
    let source = made(&admin, erp.csv_source(json!({ "apply": "ask" }))).await;
    erp.has_csv("vendor_code,company_name\nV-1,Kaveri\n");
    let first = read(&app, &admin, &source).await;
    assert_eq!(first["state"], "waiting");
    let second = read(&app, &admin, &source).await;
    assert_eq!((&second["state"], &second["import_id"]), (&json!("unchanged"), &Value::Null), "{second}");
    assert_eq!(runs(&admin, &source).await[1]["import_state"], "ready");

    // Other settings may make something else of it, and what a person has refused is asked anew.
    let mut body = erp.csv_source(json!({ "apply": "ask" }));
    body["mode"] = json!("create_only");
    admin.put(&update::ROUTE, &source, body).await.expect(200);
    let third = read(&app, &admin, &source).await;
    assert_eq!(third["state"], "waiting");
    let cancel = format!("/api/v1/imports/{}/cancel", third["import_id"].as_str().expect("an import"));
    admin.post(&imports::cancel::ROUTE, &cancel, json!({})).await;
    assert_eq!(read(&app, &admin, &source).await["state"], "waiting");
}

#[tokio::test]
async fn a_vendor_that_a_person_deleted_does_not_come_back_by_itself() {
    let (app, erp) = (TestApp::start().await, Erp::start().await);
    let admin = app.as_role(Role::Admin).await;
    let source = made(&admin, erp.csv_source(json!({ "apply": "automatically" }))).await;
    erp.has_csv("vendor_code,company_name\nV-1,Kaveri\nV-2,Asha\n");
    read(&app, &admin, &source).await;
    let list = admin.get(&vendors::list::ROUTE, "/api/v1/vendors?q=kaveri").await.expect(200).json();
    let vendor = format!("/api/v1/vendors/{}", list["items"][0]["id"].as_str().expect("an id"));
    let etag = admin.get(&vendors::get::ROUTE, &vendor).await.expect(200).etag().to_owned();
    admin.delete(&vendors::delete::ROUTE, &vendor).if_match(&etag).await.expect(204);

    erp.has_csv("vendor_code,company_name\nV-1,Kaveri\nV-2,Asha Forge\n");
    let run = read(&app, &admin, &source).await;
    assert_eq!(outcome(&run), ("applied", [0, 1, 0, 1]), "{run}");
    assert_eq!(vendor_names(&app).await, ["Asha Forge"]);
    let import = format!("/api/v1/imports/{}", run["import_id"].as_str().expect("an import"));
    let import = admin.get(&imports::get::ROUTE, &import).await.expect(200).text();
    assert!(import.contains("vendor_deleted"), "{import}");

    // One that came back and has another code by now leaves its old one free.
    let was_deleted = format!("{vendor}/restore");
    let restored = admin.call(&vendors::restore::ROUTE, &was_deleted).await.expect(200);
    let mut renamed = restored.json();
    renamed["vendor_code"] = json!("V-9");
    admin.put(&vendors::update::ROUTE, &vendor, renamed).await.expect(200);
    erp.has_csv("vendor_code,company_name\nV-1,Another\nV-2,Asha Forge\n");
    let run = read(&app, &admin, &source).await;
    assert_eq!(outcome(&run), ("applied", [1, 0, 1, 0]), "{run}");
    let list = admin.get(&vendors::list::ROUTE, "/api/v1/vendors?q=another").await.expect(200).json();
    let vendor = format!("/api/v1/vendors/{}", list["items"][0]["id"].as_str().expect("an id"));
    admin.delete(&vendors::delete::ROUTE, &vendor).await.expect(204);

    // A person may make one with this code, and the source goes on with that.
    let made_anew = json!({ "vendor_code": "V-1", "company_name": "Kaveri Anew" });
    admin.post(&vendors::create::ROUTE, "/api/v1/vendors", made_anew).await.expect(201);
    erp.has_csv("vendor_code,company_name\nV-1,Kaveri Works\nV-2,Asha Forge\n");
    let run = read(&app, &admin, &source).await;
    assert_eq!(outcome(&run), ("applied", [0, 1, 1, 0]), "{run}");
}

#[tokio::test]
async fn what_was_read_by_settings_of_the_past_is_left_to_a_person() {
    for change in [json!({ "enabled": false }), json!({ "name": "Other ERP" })] {
        let (app, erp) = (TestApp::start().await, Erp::start().await);
        let admin = app.as_role(Role::Admin).await;
        let mut body = erp.csv_source(json!({ "apply": "automatically" }));
        let source = made(&admin, body.clone()).await;
        erp.has_csv("vendor_code,company_name\nV-1,Kaveri\n");
        asked_to_run(&admin, &source).await.expect(202);
        assert!(delivered(&app, queued(&app, Var::SyncQueueUrl).remove(0)).await);
        for (name, value) in change.as_object().expect("an object") {
            body[name] = value.clone();
        }
        admin.put(&update::ROUTE, &source, body).await.expect(200);
        work(&app).await;
        let run = runs(&admin, &source).await.swap_remove(0);
        assert_eq!(run["state"], "waiting", "{run}");
        assert!(run["reason"].as_str().unwrap().contains("settings of the source changed"), "{run}");
        assert!(vendor_names(&app).await.is_empty());
    }
}

#[tokio::test]
async fn what_may_pass_is_tried_again_before_it_is_a_failure() {
    let (app, erp) = (TestApp::start().await, Erp::start().await);
    let admin = app.as_role(Role::Admin).await;
    let nobody = TcpListener::bind(("127.0.0.1", 0))
        .await
        .expect("a free port")
        .local_addr()
        .expect("an address");
    let mut body = erp.csv_source(json!({ "apply": "automatically" }));
    body["origin"]["url"] = json!(format!("http://{nobody}/vendors"));
    let source = made(&admin, body).await;
    asked_to_run(&admin, &source).await.expect(202);
    let mut message = queued(&app, Var::SyncQueueUrl).remove(0);
    for receive_count in 1..=2 {
        message.receive_count = receive_count;
        assert!(!delivered(&app, message.clone()).await);
        // The token of the time before has expired.
        let admin = app.as_role(Role::Admin).await;
        assert_eq!(runs(&admin, &source).await[0]["state"], "pulling");
        app.advance(SignedDuration::from_mins(18));
    }
    message.receive_count = 3;
    assert!(delivered(&app, message).await);
    let admin = app.as_role(Role::Admin).await;
    assert_eq!(error(&runs(&admin, &source).await[0]).0, "not_connected");
}

#[tokio::test]
async fn the_runs_of_a_deleted_source_can_still_be_read() {
    let (app, erp) = (TestApp::start().await, Erp::start().await);
    let admin = app.as_role(Role::Admin).await;
    let source = made(&admin, erp.csv_source(json!({ "apply": "automatically" }))).await;
    erp.has_csv("vendor_code,company_name\nV-1,Kaveri\n");
    read(&app, &admin, &source).await;
    admin.delete(&delete::ROUTE, &source).await.expect(204);
    assert_eq!(outcome(&runs(&admin, &source).await[0]), ("applied", [1, 0, 0, 0]));
    let nobody = format!("{SOURCES}/syn_00000000010000000000000001/runs");
    admin.get(&list_runs::ROUTE, &nobody).await.expect(404);
}

#[tokio::test]
async fn files_of_a_folder_do_not_take_each_others_place() {
    let app = TestApp::start().await;
    let admin = app.as_role(Role::Admin).await;
    let body = json!({ "name": "Drop", "origin": { "kind": "folder", "prefix": "erp-exports" }, "policy": { "apply": "ask" } });
    let source = made(&admin, body.clone()).await;
    for part in 1..=2 {
        let key = format!("drop/erp-exports/part-{part}.csv");
        let csv = format!("vendor_code,company_name\nV-{part},Kaveri\n");
        app.put_object(&key, "text/csv", csv.clone());
        assert!(delivered(&app, arrival(&key, csv.len())).await);
    }
    work(&app).await;
    let states: Vec<_> = runs(&admin, &source).await.iter().map(|run| run["state"].clone()).collect();
    assert_eq!(states, ["waiting", "waiting"]);

    // A disabled source takes nothing.
    let mut body = body;
    body["enabled"] = json!(false);
    admin.put(&update::ROUTE, &source, body).await.expect(200);
    app.put_object("drop/erp-exports/part-3.csv", "text/csv", "x");
    assert!(delivered(&app, arrival("drop/erp-exports/part-3.csv", 1)).await);
    assert!(app.object("drop/erp-exports/part-3.csv").is_some());
    assert_eq!(runs(&admin, &source).await.len(), 2);
}

#[tokio::test]
async fn a_worker_that_dies_anywhere_leaves_one_import() {
    // The table's writes, the import's dry run and our own second look, in turn.
    for (operation, successes) in [
        ("UpdateItem", 0),
        ("PutItem", 0),
        ("SendMessageBatch", 0),
        ("SendMessageBatch", 1),
        ("PutItem", 1),
    ] {
        let (app, erp) = (TestApp::start().await, Erp::start().await);
        let admin = app.as_role(Role::Admin).await;
        let source = made(&admin, erp.csv_source(json!({ "apply": "automatically" }))).await;
        erp.has_csv("vendor_code,company_name\nV-1,Kaveri\n");
        asked_to_run(&admin, &source).await.expect(202);
        let message = queued(&app, Var::SyncQueueUrl).remove(0);
        app.fail_after(operation, successes);
        assert!(!delivered(&app, message.clone()).await, "{operation} {successes}");
        app.advance(SignedDuration::from_mins(4));
        assert!(delivered(&app, message.clone()).await, "{operation} {successes}");
        work(&app).await;
        assert!(delivered(&app, message).await, "late, and once more");
        work(&app).await;
        let all = runs(&admin, &source).await;
        assert_eq!(all.len(), 1);
        assert_eq!(outcome(&all[0]), ("applied", [1, 0, 0, 0]), "{operation} {successes}");
        let imports = admin.get(&imports::list::ROUTE, "/api/v1/imports").await.expect(200).json();
        assert_eq!(imports["items"].as_array().expect("items").len(), 1, "{operation} {successes}");
    }
}

#[tokio::test]
async fn a_file_that_kills_its_worker_ends_the_run() {
    let (app, erp) = (TestApp::start().await, Erp::start().await);
    let admin = app.as_role(Role::Admin).await;
    let source = made(&admin, erp.csv_source(json!({ "apply": "ask" }))).await;
    asked_to_run(&admin, &source).await.expect(202);
    let mut message = queued(&app, Var::SyncQueueUrl).remove(0);
    message.receive_count = 4;
    assert!(delivered(&app, message).await);
    assert_eq!(error(&runs(&admin, &source).await[0]).0, "interrupted");
    assert!(erp.asked().is_empty());
}

#[tokio::test]
async fn a_policy_that_died_between_confirming_and_telling_is_finished() {
    let (app, erp) = (TestApp::start().await, Erp::start().await);
    let admin = app.as_role(Role::Admin).await;
    let source = made(&admin, erp.csv_source(json!({ "apply": "automatically" }))).await;
    erp.has_csv("vendor_code,company_name\nV-1,Kaveri\n");
    asked_to_run(&admin, &source).await.expect(202);
    assert!(delivered(&app, queued(&app, Var::SyncQueueUrl).remove(0)).await);
    let failures = (workers::import::WORKER.handler)(app.app(), queued(&app, Var::ImportQueueUrl)).await;
    assert!(failures.is_empty());
    let look = queued(&app, Var::SyncQueueUrl).remove(0);
    app.fail_after("SendMessageBatch", 0);
    assert!(!delivered(&app, look.clone()).await);
    assert!(delivered(&app, look).await);
    work(&app).await;
    assert_eq!(outcome(&runs(&admin, &source).await[0]), ("applied", [1, 0, 0, 0]));
    assert_eq!(vendor_names(&app).await, ["Kaveri"]);
}

#[tokio::test]
async fn only_administrators_see_or_make_sources_and_every_wrong_field_is_named() {
    let app = TestApp::start().await;
    let admin = app.as_role(Role::Admin).await;
    let good = json!({ "name": "Drop", "origin": { "kind": "folder", "prefix": "erp" } });
    for role in [Role::CampaignManager, Role::Viewer] {
        let client = app.as_role(role).await;
        client.post(&create::ROUTE, SOURCES, good.clone()).await.expect(403);
        client.get(&list::ROUTE, SOURCES).await.expect(403);
    }
    let wrong = json!({
        "name": "", "mapping": { "Firm": "firm", " ": "city" }, "policy": { "apply": "when_clean", "max_changed_percent": 120 },
        "schedule": { "expression": "rate(1 minute)" },
        "origin": { "kind": "https", "url": "ftp://erp.example.in/", "format": "csv", "json_path": "data", "auth": { "name": "Host", "secret_name": "Bearer s3cret" } },
    });
    let refused = admin.post(&create::ROUTE, SOURCES, wrong).await.expect(422);
    assert!(!refused.text().contains("s3cret"));
    let fields: Vec<_> = refused.field_errors();
    let expected = [
        ("schedule.expression", "too_often"),
        ("mapping", "header_empty"),
        ("mapping", "unknown_target"),
        ("origin.url", "url_scheme"),
        ("name", "length"),
        ("policy.max_changed_percent", "out_of_range"),
        ("origin.json_path", "not_wanted"),
        ("origin.auth.name", "malformed"),
        ("origin.auth.secret_name", "malformed"),
    ];
    assert_eq!(fields, expected.map(|(field, code)| (field.to_owned(), code.to_owned())));
    admin
        .post(&create::ROUTE, SOURCES, json!({ "name": "x", "origin": { "kind": "ftp" } }))
        .await
        .expect(400);

    // The same request again is the same run.
    let source = made(
        &admin,
        json!({ "name": "ERP", "origin": { "kind": "https", "url": "https://erp.example.in/", "format": "csv" } }),
    )
    .await;
    let ask = || admin.post(&run::ROUTE, &format!("{source}/run"), json!({})).idempotency_key("k-1");
    let (first, second) = (ask().await.expect(202), ask().await.expect(202));
    assert_eq!(first.json()["id"], second.json()["id"]);
    assert_eq!(queued(&app, Var::SyncQueueUrl).len(), 1);
}
