//! A campaign's life in the hands of an operator: pausing, resuming, cancelling, cloning.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics with the place")]

use std::collections::BTreeSet;

use axum::http::{HeaderMap, Method};
use campaigns::{cancel, clone, create, execute, get, pause, resume, schedule};
use domain::CampaignId;
use domain::campaign::CampaignState;
use domain::delivery::{Channel, RecipientClass};
use domain::user::Role;
use jiff::SignedDuration;
use runtime::{Request, Route, Var};
use serde_json::{Value, json};
use store::users::{SESSION_SECS, Session};
use templates::create_email;
use tests::harness::{Harness, Options, Queue, Turn};
use tests::ses_simulator::{Fault, FaultKind};

use crate::support::{Client, TestApp};

const CAMPAIGNS: &str = "/api/v1/campaigns";
const DEADLINE: &str = "2026-12-31T18:29:59Z";

/// Creates a draft; gives its path.
async fn draft(client: &Client<'_>) -> String {
    let template = json!({
        "name": "First request",
        "subject": "Your MSME status",
        "html": "<a href=\"{{ form_url }}\">answer</a>",
        "text": "{{ form_url }}",
    });
    let template = client
        .post(&create_email::ROUTE, "/api/v1/templates/email", template)
        .await
        .expect(201)
        .json();
    let body = json!({ "name": "Declarations", "template_id": template["id"], "deadline": DEADLINE });
    let created = client.post(&create::ROUTE, CAMPAIGNS, body).await.expect(201);
    created.header("location").unwrap().to_owned()
}

async fn set(app: &TestApp, path: &str, attribute: &str, value: &str) {
    let pk = format!("CAMPAIGN#{}", path.rsplit('/').next().unwrap());
    app.set_attribute(&pk, "META", attribute, json!({ "S": value })).await;
}

#[tokio::test]
async fn each_operation_takes_the_states_it_is_for_and_names_the_others() {
    use CampaignState::{Cancelled, Collecting, Completed, Halted, Paused, Planning, Sending};
    type Operation = (&'static Route, &'static str, u16, &'static [CampaignState]);
    let operations: [Operation; 4] = [
        (&pause::ROUTE, "pause", 200, &[Planning, Sending, Collecting, Paused]),
        (&resume::ROUTE, "resume", 202, &[Planning, Sending, Collecting, Paused, Halted]),
        (
            &cancel::ROUTE,
            "cancel",
            200,
            &[
                CampaignState::Draft,
                CampaignState::Scheduled,
                Planning,
                Sending,
                Collecting,
                Paused,
                Halted,
                Cancelled,
            ],
        ),
        (&clone::ROUTE, "clone", 201, &CampaignState::ALL),
    ];
    let app = TestApp::start().await;
    let manager = app.as_role(Role::CampaignManager).await;
    for (route, operation, success, admitted) in operations {
        let path = draft(&manager).await;
        for state in CampaignState::ALL {
            set(&app, &path, "state", state.as_str()).await;
            let answer = manager.call(route, &format!("{path}/{operation}")).await;
            let after = manager.get(&get::ROUTE, &path).await.json()["state"].clone();
            if admitted.contains(&state) {
                let answer = answer.expect(success).json();
                if operation != "clone" {
                    assert_eq!(answer["state"], after, "{operation} of {state}");
                }
            } else {
                let detail = answer.expect(409).json()["detail"].as_str().unwrap().to_owned();
                assert!(detail.contains(&format!("the campaign is {state}")), "{operation} of {state}: {detail}");
                assert_eq!(after, json!(state.as_str()), "{operation} of {state} changed something");
            }
        }
    }
    assert_eq!(app.take_messages(Var::PlanQueueUrl).len(), 5, "each resumption is work for the planner");
    assert_eq!(Completed.as_str(), "completed");
}

#[tokio::test]
async fn who_may_only_read_stops_nothing() {
    let app = TestApp::start().await;
    let path = draft(&app.as_role(Role::Admin).await).await;
    for role in [Role::Viewer, Role::Vendor] {
        let client = app.as_role(role).await;
        for (route, operation) in [
            (&pause::ROUTE, "pause"),
            (&resume::ROUTE, "resume"),
            (&cancel::ROUTE, "cancel"),
            (&clone::ROUTE, "clone"),
        ] {
            client.call(route, &format!("{path}/{operation}")).await.expect(403);
        }
    }
}

#[tokio::test]
async fn a_halted_campaign_goes_on_and_does_not_halt_for_the_same_reason_again() {
    let app = TestApp::start().await;
    let manager = app.as_role(Role::CampaignManager).await;
    let path = draft(&manager).await;
    set(&app, &path, "state", "halted").await;
    set(&app, &path, "halt_reason", "bounce_rate").await;
    set(&app, &path, "planned_at", "2026-11-02T04:30:00Z").await;
    let resumed = manager
        .post(&resume::ROUTE, &format!("{path}/resume"), json!({ "scope": "failed" }))
        .await
        .expect(202);
    let status = format!("{path}/status");
    assert_eq!(resumed.header("location"), Some(status.as_str()));
    let body = resumed.json();
    // No chunk is open.
    assert_eq!(
        (&body["state"], &body["scope"], &body["status_url"]),
        (&json!("collecting"), &json!("failed"), &json!(status))
    );
    let campaign = manager.get(&get::ROUTE, &path).await.json();
    assert_eq!((&campaign["halt_reason"], &campaign["waived"]), (&Value::Null, &json!(["bounce_rate"])));
    let messages = app.take_messages(Var::PlanQueueUrl);
    let message: Value = serde_json::from_str(messages[0]["MessageBody"].as_str().unwrap()).unwrap();
    assert_eq!(message["task"]["resume"]["scope"], "failed");
    assert!(message["task"]["resume"]["by"].as_str().unwrap().starts_with("usr_"), "{message}");
}

#[tokio::test]
async fn after_its_deadline_a_campaign_is_not_resumed() {
    let app = TestApp::start().await;
    let admin = app.as_role(Role::Admin).await;
    let path = draft(&admin).await;
    set(&app, &path, "state", "paused").await;
    set(&app, &path, "deadline", "2026-11-01T00:00:00Z").await;
    let refused = admin.call(&resume::ROUTE, &format!("{path}/resume")).await.expect(409);
    let detail = refused.json()["detail"].as_str().unwrap().to_owned();
    assert!(detail.contains("2026-11-01T00:00:00Z") && detail.contains("passed"), "{detail}");
    assert_eq!(admin.get(&get::ROUTE, &path).await.json()["state"], "paused");
    assert!(app.take_messages(Var::PlanQueueUrl).is_empty());
}

#[tokio::test]
async fn a_cancelled_campaign_loses_its_schedules() {
    let app = TestApp::start().await;
    let admin = app.as_role(Role::Admin).await;
    let path = draft(&admin).await;
    let body = json!({ "kind": "start", "expression": "at(2026-12-01T10:00:00)" });
    admin.post(&schedule::ROUTE, &format!("{path}/schedule"), body).await.expect(201);
    assert_eq!(app.schedules().len(), 1);
    let cancelled = admin.call(&cancel::ROUTE, &format!("{path}/cancel")).await.expect(200);
    assert_eq!(cancelled.json()["state"], "cancelled");
    assert!(app.schedules().is_empty(), "{:?}", app.schedules());
    // Cancelled at the first try, schedules left over: the second one takes them.
    admin.call(&cancel::ROUTE, &format!("{path}/cancel")).await.expect(200);
    let refused = admin.call(&execute::ROUTE, &format!("{path}/execute")).await.expect(409);
    assert!(refused.text().contains("cancelled"), "{}", refused.text());
}

#[tokio::test]
async fn a_clone_is_a_draft_of_the_same_content() {
    let app = TestApp::start().await;
    let admin = app.as_role(Role::Admin).await;
    let path = draft(&admin).await;
    set(&app, &path, "state", "completed").await;
    set(&app, &path, "halt_reason", "bounce_rate").await;
    let original = admin.get(&get::ROUTE, &path).await.json();

    let answer = admin
        .call(&clone::ROUTE, &format!("{path}/clone"))
        .idempotency_key("once")
        .await
        .expect(201);
    let copy = answer.json();
    assert_eq!(
        answer.header("location").unwrap(),
        format!("{CAMPAIGNS}/{}", copy["id"].as_str().unwrap())
    );
    assert_ne!(copy["id"], original["id"]);
    assert_eq!(
        (&copy["name"], &copy["state"], &copy["halt_reason"]),
        (&json!("Declarations (copy)"), &json!("draft"), &Value::Null)
    );
    for field in [
        "description",
        "template_id",
        "whatsapp_template_id",
        "routing",
        "unknown_policy",
        "quiet_hours",
        "audience",
        "deadline",
    ] {
        assert_eq!(copy[field], original[field], "{field}");
    }
    let again = admin
        .call(&clone::ROUTE, &format!("{path}/clone"))
        .idempotency_key("once")
        .await
        .expect(201);
    assert_eq!(again.json()["id"], copy["id"], "one click, one copy");

    app.advance(SignedDuration::from_hours(24 * 90));
    let admin = app.as_role(Role::Admin).await;
    let refused = admin.call(&clone::ROUTE, &format!("{path}/clone")).await.expect(422);
    assert_eq!(refused.field_errors(), [("deadline".to_owned(), "required".to_owned())]);
    let body = json!({ "name": "Second round", "deadline": "2027-03-31T18:29:59Z" });
    let copy = admin.post(&clone::ROUTE, &format!("{path}/clone"), body).await.expect(201).json();
    assert_eq!(
        (&copy["name"], &copy["deadline"]),
        (&json!("Second round"), &json!("2027-03-31T18:29:59Z"))
    );
    let body = json!({ "deadline": "2026-11-03T00:00:00Z" });
    let refused = admin.post(&clone::ROUTE, &format!("{path}/clone"), body).await.expect(422);
    assert_eq!(refused.field_errors(), [("deadline".to_owned(), "out_of_range".to_owned())]);
}

// ---- with the workers ----------------------------------------------------------------------------------------------------

/// Posts as an administrator to a route of one campaign on the harness.
async fn post(harness: &Harness, route: &'static Route, campaign: CampaignId, body: Value) -> (u16, Value) {
    let (app, now) = (harness.app(), harness.app().now());
    let user = domain::user::User {
        id: domain::UserId::from_ulid(app.new_ulid()),
        email: format!("{}@buyer.example", app.new_ulid().to_string().to_lowercase()),
        display_name: "An operator".to_owned(),
        role: Role::Admin,
        disabled: false,
        session_epoch: 0,
        created_at: now,
        updated_at: now,
        version: 1,
    };
    let store = harness.store().unwrap();
    store::users::create(store, &user, "no password ever matches this").await.unwrap();
    let session = Session {
        current_hash: "no refresh secret hashes to this".to_owned(),
        previous_hash: None,
        rotated_at: now,
        created_at: now,
        user_epoch: 0,
        expires_at: now.as_second() + SESSION_SECS,
    };
    let family = app.new_ulid();
    store::users::open_session(store, user.id, family, &session).await.unwrap();
    let token = runtime::access_token(&app.signing_keys().await.unwrap(), &user, family, now).unwrap();
    let mut headers = HeaderMap::new();
    headers.insert("authorization", format!("Bearer {token}").parse().unwrap());
    headers.insert("content-type", "application/json".parse().unwrap());
    let request = Request {
        method: Method::POST,
        path: route.path.replace("{id}", &campaign.to_string()),
        headers,
        query: Vec::new(),
        path_parameters: vec![("id".to_owned(), campaign.to_string())],
        body: body.to_string().into_bytes(),
        source_ip: "198.51.100.7".to_owned(),
        request_id: "request".to_owned(),
        correlation_id: "correlation".to_owned(),
        caller: None,
    };
    let (parts, body) = runtime::dispatch(app, route, request).await.into_parts();
    (parts.status.as_u16(), serde_json::from_slice(&body).unwrap_or_default())
}

fn sent_to(harness: &Harness) -> Vec<String> {
    harness.simulator.messages().iter().flat_map(|message| message.to.clone()).collect()
}

#[tokio::test]
async fn a_campaign_paused_after_everything_is_enqueued_sends_nothing_and_resumed_sends_each_once() {
    const VENDORS: usize = 230;
    let mut harness = Harness::start(Options::default()).await.expect("the harness starts");
    harness.seed_vendors(VENDORS).await.unwrap();
    let id = harness.executed_campaign().await.unwrap();
    harness.drain_only(&[Turn::Plan]).await.unwrap();
    assert_eq!(harness.messages(Queue::Email).len(), 5, "everything is enqueued");

    let (status, paused) = post(&harness, &pause::ROUTE, id, json!({})).await;
    assert_eq!((status, &paused["state"]), (200, &json!("paused")), "{paused}");
    harness.drain().await.unwrap();
    assert!(sent_to(&harness).is_empty(), "a paused campaign sends nothing");
    assert_eq!(harness.campaign(id).await.unwrap().state, CampaignState::Paused);
    assert_eq!(harness.ledger(id).await.unwrap().pending, u32::try_from(VENDORS).unwrap());

    // Twice: two clicks.
    for _ in 0..2 {
        let (status, resumed) = post(&harness, &resume::ROUTE, id, json!({})).await;
        assert_eq!((status, &resumed["state"]), (202, &json!("sending")), "{resumed}");
    }
    harness.drain().await.unwrap();
    let sent = sent_to(&harness);
    assert_eq!(sent.len(), VENDORS, "each vendor gets one message");
    assert_eq!(sent.iter().collect::<BTreeSet<_>>().len(), VENDORS, "and no vendor two");
    let ledger = harness.ledger(id).await.unwrap();
    assert!(ledger.is_balanced() && ledger.delivered == ledger.targeted, "{ledger:?}");
    assert_eq!(harness.campaign(id).await.unwrap().state, CampaignState::Collecting);
}

#[tokio::test]
async fn unknown_recipients_are_sent_again_only_when_asked_for() {
    let mut harness = Harness::start(Options::default()).await.expect("the harness starts");
    harness.seed_vendors(40).await.unwrap();
    let id = harness.executed_campaign().await.unwrap();
    harness.simulator.inject(Fault::once(FaultKind::ServerErrorBefore { status: 503 }));
    harness.drain().await.unwrap();
    assert_eq!(harness.ledger(id).await.unwrap().of(RecipientClass::Unknown), 40);

    let (status, _) = post(&harness, &resume::ROUTE, id, json!({ "scope": "failed" })).await;
    assert_eq!(status, 202);
    harness.drain().await.unwrap();
    assert_eq!(harness.ledger(id).await.unwrap().of(RecipientClass::Unknown), 40, "failed is not unknown");

    let (status, resumed) = post(&harness, &resume::ROUTE, id, json!({ "scope": "unknown" })).await;
    assert_eq!((status, &resumed["state"]), (202, &json!("collecting")), "{resumed}");
    harness.drain().await.unwrap();
    let ledger = harness.ledger(id).await.unwrap();
    assert_eq!((ledger.delivered, ledger.unknown), (40, 0), "{ledger:?}");
    assert_eq!(harness.summaries(id).await.unwrap()[0].channel, Channel::Email);
}
