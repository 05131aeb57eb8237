//! Schedules: made through the API, fired into the worker.

use aws_lambda_events::event::sqs::{SqsEvent, SqsMessage};
use campaigns::{create, delete, get, list_schedules, schedule, unschedule};
use domain::campaign::CampaignState;
use domain::user::Role;
use domain::vendor::{MsmeStatus, RawVendor, VendorProfile};
use domain::vendor_record::Vendor;
use domain::{CampaignId, VendorId};
use jiff::{SignedDuration, Timestamp};
use runtime::Var;
use serde_json::{Value, json};
use templates::create_email;

use crate::support::{self, Answer, Client, TestApp};

/// A draft with a vendor to ask; gives its path. Tests begin on 2 November 2026, 10:00 in India.
async fn draft(app: &TestApp, client: &Client<'_>) -> String {
    let raw = RawVendor {
        vendor_code: Some("V-1".into()),
        company_name: Some("Kaveri Test Castings".into()),
        emails: vec!["accounts@kaveri.example".into()],
        ..RawVendor::default()
    };
    let now = app.app().now();
    let vendor = Vendor {
        id: VendorId::from_ulid(app.app().new_ulid()),
        profile: VendorProfile::parse(raw).expect("a valid vendor").0,
        msme_status: MsmeStatus::Unknown,
        origin: None,
        deleted_at: None,
        created_at: now,
        updated_at: now,
        version: 1,
    };
    support::store_vendor(app.store(), &vendor).await;
    let template = json!({ "name": "Request", "subject": "Status", "html": "<a href=\"{{ form_url }}\">answer</a>", "text": "{{ form_url }}" });
    let template = client
        .post(&create_email::ROUTE, "/api/v1/templates/email", template)
        .await
        .expect(201)
        .json();
    let campaign = json!({ "name": "Declarations", "template_id": template["id"], "deadline": "2026-12-31T18:29:59Z" });
    let created = client.post(&create::ROUTE, "/api/v1/campaigns", campaign).await.expect(201);
    created.header("location").expect("a location").to_owned()
}

async fn scheduled(client: &Client<'_>, path: &str, body: Value) -> Answer {
    client.post(&schedule::ROUTE, &format!("{path}/schedule"), body).await
}

async fn schedules(client: &Client<'_>, path: &str) -> Vec<Value> {
    let list = client.get(&list_schedules::ROUTE, &format!("{path}/schedules")).await.expect(200).json();
    list["items"].as_array().cloned().unwrap_or_default()
}

async fn campaign(client: &Client<'_>, path: &str) -> Value {
    client.get(&get::ROUTE, path).await.expect(200).json()
}

/// Delivers what EventBridge would put into the queue; tells whether it is to come again.
async fn fire(app: &TestApp, schedule: &Value, scheduled_for: &str) -> bool {
    let told = &app.schedules()[schedule["id"].as_str().expect("an id")];
    let input = told["Target"]["Input"].as_str().expect("an input");
    deliver(app, &input.replace("<aws.scheduler.scheduled-time>", scheduled_for)).await
}

async fn deliver(app: &TestApp, body: &str) -> bool {
    let mut message = SqsMessage::default();
    message.message_id = Some("m-1".to_owned());
    message.body = Some(body.to_owned());
    let mut event = SqsEvent::default();
    event.records = vec![message];
    let response = runtime::work(app.app(), &workers::scheduled_campaign::WORKER, event).await;
    !response.batch_item_failures.is_empty()
}

fn tasks(app: &TestApp) -> Vec<Value> {
    let messages = app.take_messages(Var::PlanQueueUrl);
    let body = |message: &Value| serde_json::from_str(message["MessageBody"].as_str().unwrap_or_default()).expect("a JSON body");
    messages.iter().map(body).collect()
}

#[tokio::test]
async fn a_start_is_scheduled_and_fires_once() {
    let app = TestApp::start().await;
    let manager = app.as_role(Role::CampaignManager).await;
    let path = draft(&app, &manager).await;
    let made = scheduled(&manager, &path, json!({ "kind": "start", "expression": "at(2026-11-03T10:00:00)" }))
        .await
        .expect(201)
        .json();
    assert_eq!(made["next"], json!(["2026-11-03T04:30:00Z"]), "{made}");
    assert_eq!(campaign(&manager, &path).await["state"], "scheduled");
    let told = app.schedules()[made["id"].as_str().expect("an id")].clone();
    for (field, value) in [
        ("ScheduleExpression", json!("at(2026-11-03T04:30:00)")),
        ("ScheduleExpressionTimezone", json!("UTC")),
        ("GroupName", json!("stack")),
        ("ActionAfterCompletion", json!("DELETE")),
        ("FlexibleTimeWindow", json!({ "Mode": "OFF" })),
    ] {
        assert_eq!(told[field], value, "{field} in {told}");
    }

    app.advance(SignedDuration::from_hours(24));
    for _ in 0..2 {
        assert!(!fire(&app, &made, "2026-11-03T04:30:00Z").await);
    }
    let manager = app.as_role(Role::CampaignManager).await;
    assert_eq!(campaign(&manager, &path).await["state"], "planning");
    assert_eq!(tasks(&app).len(), 1, "one plan, however often it is delivered");
    let after = &schedules(&manager, &path).await[0];
    for (field, value) in [
        ("state", json!("done")),
        ("last_result", json!("started")),
        ("last_fired", json!("2026-11-03T04:30:00Z")),
        ("occurrences", json!(1)),
    ] {
        assert_eq!(after[field], value, "{field} in {after}");
    }
}

#[tokio::test]
async fn a_late_start_asks_and_the_answer_may_be_no() {
    let app = TestApp::start().await;
    let manager = app.as_role(Role::CampaignManager).await;
    let path = draft(&app, &manager).await;
    let made = scheduled(&manager, &path, json!({ "kind": "start", "expression": "at(2026-11-02T12:00:00)" }))
        .await
        .expect(201)
        .json();
    app.advance(SignedDuration::from_hours(4));
    // An emulator leaves the placeholder: the time is then the schedule's own.
    assert!(!fire(&app, &made, "<aws.scheduler.scheduled-time>").await);
    assert_eq!(tasks(&app), Vec::<Value>::new());
    let manager = app.as_role(Role::CampaignManager).await;
    let waiting = campaign(&manager, &path).await;
    assert_eq!(
        (&waiting["state"], &waiting["halt_reason"]),
        (&json!("scheduled"), &json!("schedule_late"))
    );
    let asked = &schedules(&manager, &path).await[0];
    assert_eq!(asked["question"]["scheduled_for"], "2026-11-02T06:30:00Z", "{asked}");

    let one = format!("{path}/schedules/{}", made["id"].as_str().expect("an id"));
    for _ in 0..2 {
        manager.delete(&unschedule::ROUTE, &one).await.expect(204);
    }
    assert_eq!(campaign(&manager, &path).await["state"], "draft");
    assert_eq!(schedules(&manager, &path).await[0]["state"], "cancelled");
    assert!(app.schedules().is_empty());
}

#[tokio::test]
async fn each_occurrence_is_a_campaign_of_its_own_made_once() {
    let app = TestApp::start().await;
    let manager = app.as_role(Role::CampaignManager).await;
    let path = draft(&app, &manager).await;
    let made = scheduled(
        &manager,
        &path,
        json!({ "kind": "recurring", "expression": "cron(0 10 ? * MON *)", "answer_days": 5 }),
    )
    .await
    .expect(201)
    .json();
    app.advance(SignedDuration::from_hours(7 * 24));
    // A worker that dies after the copy was made leaves it to the next.
    app.fail_after("SendMessageBatch", 0);
    assert!(fire(&app, &made, "2026-11-09T04:30:00Z").await, "it is delivered again");
    for _ in 0..2 {
        assert!(!fire(&app, &made, "2026-11-09T04:30:00Z").await);
    }
    let manager = app.as_role(Role::CampaignManager).await;
    let after = &schedules(&manager, &path).await[0];
    assert_eq!((&after["state"], &after["occurrences"]), (&json!("active"), &json!(1)), "{after}");
    let id: CampaignId = after["last_result"]
        .as_str()
        .and_then(|result| result.strip_prefix("created:"))
        .expect("a campaign")
        .parse()
        .expect("an id");
    let copy = store::campaigns::get(app.store(), id).await.expect("the copy is stored");
    assert_eq!(
        (copy.state, copy.content.name.as_str()),
        (CampaignState::Planning, "Declarations – 2026-11-09")
    );
    assert_eq!(copy.content.deadline, "2026-11-14T04:30:00Z".parse::<Timestamp>().expect("a time"));
    assert_eq!(copy.root(), id, "it has answers of its own");
    assert_eq!(campaign(&manager, &path).await["state"], "scheduled", "and its parent waits for the next");
}

#[tokio::test]
async fn what_cannot_be_scheduled_is_refused_and_leaves_nothing() {
    let app = TestApp::start().await;
    let manager = app.as_role(Role::CampaignManager).await;
    let path = draft(&app, &manager).await;
    for (body, field, code) in [
        (json!({ "kind": "start" }), "expression", "required"),
        (json!({ "kind": "start", "expression": "tomorrow" }), "expression", "malformed"),
        (json!({ "kind": "start", "expression": "at(2026-11-02T09:00:00)" }), "expression", "past"),
        (
            json!({ "kind": "start", "expression": "at(2027-01-02T09:00:00)" }),
            "expression",
            "after_deadline",
        ),
        (json!({ "kind": "start", "expression": "rate(5 days)" }), "expression", "not_one_off"),
        (json!({ "kind": "expiry", "expression": "rate(5 days)" }), "expression", "not_wanted"),
        (
            json!({ "kind": "start", "expression": "at(2026-11-03T09:00:00)", "timezone": "IST" }),
            "timezone",
            "unknown",
        ),
        (
            json!({ "kind": "recurring", "expression": "cron(0 10 ? * MON *)", "timezone": "Nowhere/Land" }),
            "timezone",
            "refused",
        ),
    ] {
        let refused = scheduled(&manager, &path, body.clone()).await.expect(422);
        assert_eq!(refused.field_errors(), [(field.to_owned(), code.to_owned())], "{body}");
    }
    scheduled(&manager, &path, json!({ "kind": "expiry" })).await.expect(409);
    let viewer = app.as_role(Role::Viewer).await;
    let start = json!({ "kind": "start", "expression": "at(2026-11-03T10:00:00)" });
    scheduled(&viewer, &path, start.clone()).await.expect(403);
    assert!(app.schedules().is_empty() && schedules(&viewer, &path).await.is_empty());

    scheduled(&manager, &path, start.clone()).await.expect(201);
    scheduled(&manager, &path, start).await.expect(409);
    scheduled(&manager, &path, json!({ "kind": "expiry" })).await.expect(201);
    assert_eq!(app.schedules().len(), 2);
}

#[tokio::test]
async fn schedules_go_with_their_campaign_and_strays_remove_themselves() {
    let app = TestApp::start().await;
    let manager = app.as_role(Role::CampaignManager).await;
    let path = draft(&app, &manager).await;
    let made = scheduled(&manager, &path, json!({ "kind": "reminder", "expression": "rate(5 days)" }))
        .await
        .expect(201)
        .json();
    let told = app.schedules()[made["id"].as_str().expect("an id")]["Target"]["Input"]
        .as_str()
        .expect("an input")
        .to_owned();
    manager.delete(&delete::ROUTE, &path).await.expect(204);
    assert!(app.schedules().is_empty());
    assert!(deliver(&app, &told).await, "it may not be stored yet");
    app.advance(SignedDuration::from_hours(1));
    assert!(!deliver(&app, &told).await, "nobody knows it any more");
}

#[tokio::test]
async fn a_tick_has_running_campaigns_looked_after() {
    let app = TestApp::start().await;
    let manager = app.as_role(Role::CampaignManager).await;
    let path = draft(&app, &manager).await;
    assert!(!deliver(&app, r#"{"kind":"tick"}"#).await);
    assert_eq!(tasks(&app), Vec::<Value>::new(), "a draft needs no care");
    manager.call(&campaigns::execute::ROUTE, &format!("{path}/execute")).await.expect(202);
    assert_eq!(tasks(&app).len(), 1);
    assert!(!deliver(&app, r#"{"kind":"tick"}"#).await);
    let found = tasks(&app);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(
        (&found[0]["task"], path.ends_with(found[0]["campaign_id"].as_str().expect("an id"))),
        (&json!("reconcile"), true)
    );
}
