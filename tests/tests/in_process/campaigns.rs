//! Campaigns through the API, with what is shown of them: status, ledger, recipients and the dashboard.

use std::collections::BTreeMap;

use analytics::dashboard;
use campaigns::{create, delete, execute, get, ledger, list, recipients, status, update};
use domain::campaign::CampaignState;
use domain::delivery::{AttemptResult, Channel, DeliveryEvent, EventKind, Outcome, OutcomePack, Recipient, RecipientClass};
use domain::user::Role;
use domain::vendor::{MsmeStatus, RawVendor, VendorProfile};
use domain::vendor_record::Vendor;
use domain::{CampaignId, VendorId};
use jiff::SignedDuration;
use runtime::Var;
use serde_json::{Value, json};
use store::ChunkRef;
use store::chunks::{self, ChunkState, Claim, Ending, Planned, PlannedChunk};
use system::dependencies;
use templates::create_email;

use crate::support::{self, Answer, Client, TestApp};

const CAMPAIGNS: &str = "/api/v1/campaigns";
const DASHBOARD: &str = "/api/v1/analytics/dashboard";
const DEADLINE: &str = "2026-12-31T18:29:59Z";
const NO_TEMPLATE: &str = "tpl_01ARZ3NDEKTSV4RRFFQ69G5FAV";

/// Creates a template; gives its id.
async fn template(client: &Client<'_>) -> String {
    let body = json!({
        "name": "First request",
        "subject": "{{ company_name }}: your MSME status",
        "html": "<p>Dear {{ company_name }},</p><a href=\"{{ form_url }}\">answer</a>",
        "text": "Dear {{ company_name }}, answer here: {{ form_url }}",
    });
    let created = client.post(&create_email::ROUTE, "/api/v1/templates/email", body).await.expect(201);
    created.json()["id"].as_str().expect("an id").to_owned()
}

fn campaign(name: &str, template_id: &str) -> Value {
    json!({ "name": name, "template_id": template_id, "deadline": DEADLINE })
}

/// Creates a campaign; gives its path.
async fn created(client: &Client<'_>, body: Value) -> String {
    let answer = client.post(&create::ROUTE, CAMPAIGNS, body).await.expect(201);
    answer.header("location").expect("a location").to_owned()
}

fn id_of(path: &str) -> CampaignId {
    path.rsplit('/').next().and_then(|id| id.parse().ok()).expect("a campaign's path")
}

/// Stores a vendor.
async fn vendor(app: &TestApp, code: &str, status: MsmeStatus, email: Option<&str>) -> Vendor {
    let raw = RawVendor {
        vendor_code: Some(code.into()),
        company_name: Some(format!("Castings {code}")),
        emails: email.map(Into::into).into_iter().collect(),
        ..RawVendor::default()
    };
    let (profile, _) = VendorProfile::parse(raw).expect("a valid vendor");
    let now = app.app().now();
    let vendor = Vendor {
        id: VendorId::from_ulid(app.app().new_ulid()),
        profile,
        msme_status: status,
        origin: None,
        deleted_at: None,
        created_at: now,
        updated_at: now,
        version: 1,
    };
    support::store_vendor(app.store(), &vendor).await;
    vendor
}

/// Stores vendors `V-01` … `V-<count>` that can be reached.
async fn vendors(app: &TestApp, count: usize) -> Vec<Vendor> {
    let mut stored = Vec::new();
    for i in 1..=count {
        stored.push(vendor(app, &format!("V-{i:02}"), MsmeStatus::Unknown, Some("accounts@kaveri.example")).await);
    }
    stored
}

/// A campaign that is being planned, with a template and these many vendors.
async fn executed(app: &TestApp, client: &Client<'_>, count: usize) -> (String, Vec<Vendor>) {
    let vendors = vendors(app, count).await;
    let path = created(client, campaign("Declarations", &template(client).await)).await;
    run(client, &path).await.expect(202);
    (path, vendors)
}

async fn run(client: &Client<'_>, path: &str) -> Answer {
    client.call(&execute::ROUTE, &format!("{path}/execute")).await
}

fn chunk(path: &str, number: u32) -> ChunkRef {
    ChunkRef {
        campaign: id_of(path),
        channel: Channel::Email,
        number,
    }
}

/// Plans chunks of these sizes, without finishing the plan.
async fn plan(app: &TestApp, path: &str, vendors: &[Vendor], sizes: &[usize]) {
    let mut rest = vendors;
    let mut planned = Vec::new();
    for (number, size) in (1..).zip(sizes) {
        let (these, others) = rest.split_at(*size);
        rest = others;
        planned.push(PlannedChunk {
            chunk: chunk(path, number),
            recipients: these.iter().cloned().map(Recipient::from).collect(),
            planned_through: String::new(),
            root: id_of(path),
            may_be_answered: false,
            follow_up: false,
        });
    }
    let stored = chunks::plan(app.store(), &planned, app.app().now()).await.expect("the chunks are stored");
    assert_eq!(stored, Planned::Stored);
}

async fn finish_plan(app: &TestApp, path: &str, chunks: u32, targeted: u32) {
    store::campaigns::finish_plan(app.store(), id_of(path), chunks, targeted, app.app().now())
        .await
        .expect("the plan is finished");
}

/// Records one attempt at a chunk and folds it.
async fn attempt(app: &TestApp, chunk: ChunkRef, results: &[(&Vendor, AttemptResult)], next: ChunkState) {
    let (token, now) = (app.app().new_ulid(), app.app().now());
    let claim = chunks::claim(app.store(), chunk, token, now + SignedDuration::from_mins(1), now)
        .await
        .expect("the table answers");
    assert!(matches!(claim, Claim::Won(_)), "{claim:?}");
    let outcomes = results.iter().map(|(vendor, result)| Outcome {
        recipient: vendor.id,
        result: *result,
        message_id: (*result == AttemptResult::Accepted).then(|| format!("m-{}", vendor.id)),
        reason: (*result == AttemptResult::Skipped).then(|| "no_email".to_owned()),
    });
    let pack = OutcomePack {
        attempt: 1,
        at: now,
        wave: 0,
        late: false,
        by: None,
        outcomes: outcomes.collect(),
    };
    let (mut log, items) = chunks::log(app.store(), chunk).await.expect("the chunk is there");
    log.attempts.push(pack.clone());
    let ending = Ending {
        next,
        parked: false,
        counts: &log.counts(),
        items: items + 1,
    };
    chunks::record(app.store(), chunk, token, &pack, ending)
        .await
        .expect("the attempt is recorded");
    chunks::fold(app.store(), chunk).await.expect("the chunk is folded");
}

/// Records an event of a recipient and folds its chunk.
async fn event(app: &TestApp, chunk: ChunkRef, vendor: &Vendor, kind: EventKind) {
    let event = DeliveryEvent {
        recipient: vendor.id,
        kind,
        provider_id: format!("{kind:?}"),
        at: app.app().now(),
        reason: None,
    };
    chunks::record_events(app.store(), BTreeMap::from([(chunk, vec![event])]))
        .await
        .expect("the event is recorded");
    chunks::fold(app.store(), chunk).await.expect("the chunk is folded");
}

/// Moves a campaign as an operator or a worker would.
async fn pass(app: &TestApp, path: &str, states: &[CampaignState]) {
    for pair in states.windows(2) {
        store::campaigns::transition(app.store(), id_of(path), pair[0], pair[1], None, app.app().now())
            .await
            .expect("the campaign moves");
    }
}

fn detail(answer: &Answer) -> String {
    answer.json()["detail"].as_str().unwrap_or_default().to_owned()
}

fn errors(field: &str, code: &str) -> Vec<(String, String)> {
    vec![(field.to_owned(), code.to_owned())]
}

/// Walks a list two at a time; gives `field` of every item, and checks the total of each page.
async fn walk(client: &Client<'_>, route: &'static runtime::Route, base: &str, field: &str, total: &Value) -> Vec<String> {
    let (mut seen, mut path) = (Vec::new(), base.to_owned());
    loop {
        let page = client.get(route, &path).await.expect(200).json();
        let items = page["items"].as_array().expect("a list of items");
        assert!((1..=2).contains(&items.len()), "{page}");
        assert_eq!(&page["total"], total, "{page}");
        seen.extend(items.iter().map(|item| item[field].as_str().expect("a text").to_owned()));
        match page["next_cursor"].as_str() {
            Some(cursor) => path = format!("{base}&cursor={cursor}"),
            None => return seen,
        }
    }
}

#[tokio::test]
async fn a_created_campaign_is_a_draft_and_reads_back() {
    let app = TestApp::start().await;
    let manager = app.as_role(Role::CampaignManager).await;
    let template = template(&manager).await;
    let answer = manager
        .post(&create::ROUTE, CAMPAIGNS, campaign(" Declarations ", &template))
        .await
        .expect(201);
    let body = answer.json();
    let path = answer.header("location").unwrap().to_owned();
    assert_eq!(path, format!("{CAMPAIGNS}/{}", body["id"].as_str().unwrap()));
    for (field, value) in [
        ("name", json!("Declarations")),
        ("template_id", json!(template)),
        ("state", json!("draft")),
        ("deadline", json!(DEADLINE)),
        ("targeted", json!(0)),
        ("executed_at", Value::Null),
    ] {
        assert_eq!(body[field], value, "{field} in {body}");
    }
    let read = manager.get(&get::ROUTE, &path).await.expect(200);
    assert_eq!((read.json(), read.etag()), (body, answer.etag()));
}

#[tokio::test]
async fn a_campaign_needs_a_template_that_exists_and_a_deadline_ahead() {
    let app = TestApp::start().await;
    let manager = app.as_role(Role::CampaignManager).await;
    let template = template(&manager).await;
    for id in [NO_TEMPLATE, "template", ""] {
        let refused = manager.post(&create::ROUTE, CAMPAIGNS, campaign("A", id)).await.expect(422);
        assert_eq!(refused.field_errors(), errors("template_id", "not_found"), "{id}");
    }
    for deadline in ["2026-11-01T00:00:00Z", "2028-01-01T00:00:00Z"] {
        let mut body = campaign("A", &template);
        body["deadline"] = json!(deadline);
        let refused = manager.post(&create::ROUTE, CAMPAIGNS, body).await.expect(422);
        assert_eq!(refused.field_errors(), errors("deadline", "out_of_range"), "{deadline}");
    }
    assert_eq!(manager.get(&list::ROUTE, CAMPAIGNS).await.expect(200).json()["items"], json!([]));
}

#[tokio::test]
async fn a_draft_is_changed_and_deleted_in_the_version_that_was_read() {
    let app = TestApp::start().await;
    let manager = app.as_role(Role::CampaignManager).await;
    let template = template(&manager).await;
    let path = created(&manager, campaign("First", &template)).await;
    let etag = manager.get(&get::ROUTE, &path).await.expect(200).etag().to_owned();
    let change = |name: &str| manager.put(&update::ROUTE, &path, campaign(name, &template));

    let changed = change("Second").if_match(&etag).await.expect(200);
    assert_ne!(changed.etag(), etag);
    change("Lost update").if_match(&etag).await.expect(412);
    manager.delete(&delete::ROUTE, &path).if_match(&etag).await.expect(412);
    assert_eq!(manager.get(&get::ROUTE, &path).await.expect(200).json()["name"], "Second");

    manager.delete(&delete::ROUTE, &path).if_match(changed.etag()).await.expect(204);
    manager.get(&get::ROUTE, &path).await.expect(404);
    change("Gone").await.expect(404);
}

#[tokio::test]
async fn an_executed_campaign_is_neither_changed_nor_deleted() {
    let app = TestApp::start().await;
    let manager = app.as_role(Role::CampaignManager).await;
    let (path, _) = executed(&app, &manager, 1).await;
    let body = campaign("Other", &template(&manager).await);
    for refused in [
        manager.put(&update::ROUTE, &path, body).await,
        manager.delete(&delete::ROUTE, &path).await,
    ] {
        let refused = refused.expect(409);
        assert!(detail(&refused).contains("is planning"), "{}", refused.text());
    }
    assert_eq!(manager.get(&get::ROUTE, &path).await.expect(200).json()["name"], "Declarations");
}

#[tokio::test]
async fn campaigns_are_listed_newest_first_page_by_page() {
    let app = TestApp::start().await;
    let manager = app.as_role(Role::CampaignManager).await;
    let template = template(&manager).await;
    // Enough that some are made at a time written shorter than the others', like 04:30:00.03Z.
    let mut names: Vec<_> = (1..=11).map(|i| format!("Campaign {i}")).collect();
    for name in &names {
        created(&manager, campaign(name, &template)).await;
    }
    names.reverse();
    let listed = walk(&manager, &list::ROUTE, &format!("{CAMPAIGNS}?limit=2"), "name", &Value::Null).await;
    assert_eq!(listed, names);
}

#[tokio::test]
async fn executing_plans_once_and_again_is_harmless() {
    let app = TestApp::start().await;
    let manager = app.as_role(Role::CampaignManager).await;
    vendors(&app, 1).await;
    let path = created(&manager, campaign("Declarations", &template(&manager).await)).await;
    let keyed = || manager.call(&execute::ROUTE, &format!("{path}/execute")).idempotency_key("go-1");

    let first = keyed().await.expect(202);
    assert_eq!(first.json()["state"], "planning");
    assert_eq!(first.json()["status_url"], json!(format!("{path}/status")));
    let second = keyed().await.expect(202);
    assert_eq!(second.header("idempotency-replayed"), Some("true"));
    assert_eq!(second.text(), first.text());

    let messages = app.take_messages(Var::PlanQueueUrl);
    assert_eq!(messages.len(), 1, "{messages:?}");
    let body: Value = serde_json::from_str(messages[0]["MessageBody"].as_str().unwrap()).unwrap();
    assert_eq!(body["campaign_id"], first.json()["id"], "{body}");
    let read = manager.get(&get::ROUTE, &path).await.expect(200).json();
    assert_eq!(read["state"], "planning");
    assert!(read["executed_at"].is_string(), "{read}");

    // The plan message may have been lost.
    run(&manager, &path).await.expect(202);
    assert_eq!(app.take_messages(Var::PlanQueueUrl).len(), 1);
    let after = manager.get(&get::ROUTE, &path).await.expect(200).json();
    assert_eq!(after, read, "a second click changes nothing");
}

#[tokio::test]
async fn what_cannot_be_sent_is_not_executed() {
    let app = TestApp::start().await;
    let manager = app.as_role(Role::CampaignManager).await;
    let template = template(&manager).await;
    vendor(&app, "V-1", MsmeStatus::Unknown, None).await;
    let path = created(&manager, campaign("Nobody", &template)).await;
    let refused = run(&manager, &path).await.expect(422);
    assert_eq!(refused.field_errors(), errors("campaign", "nobody_reachable"));

    vendor(&app, "V-2", MsmeStatus::Micro, Some("accounts@kaveri.example")).await;
    let mut small = campaign("Small ones", &template);
    small["audience"] = json!({ "msme_statuses": ["small"] });
    let small = created(&manager, small).await;
    let refused = run(&manager, &small).await.expect(422);
    assert_eq!(refused.field_errors(), errors("campaign", "no_recipients"));

    let template_path = format!("/api/v1/templates/{template}");
    manager.delete(&templates::delete::ROUTE, &template_path).await.expect(204);
    let refused = run(&manager, &path).await.expect(422);
    assert_eq!(refused.field_errors(), errors("campaign", "template_missing"));

    app.advance(SignedDuration::from_hours(24 * 90));
    let later = app.as_role(Role::CampaignManager).await;
    let refused = run(&later, &path).await.expect(422);
    assert_eq!(
        refused.field_errors(),
        [errors("campaign", "deadline_past"), errors("campaign", "template_missing")].concat()
    );

    assert_eq!(app.take_messages(Var::PlanQueueUrl), Vec::<Value>::new());
    assert_eq!(later.get(&get::ROUTE, &path).await.expect(200).json()["state"], "draft");
}

#[tokio::test]
async fn a_campaign_that_is_over_or_stopped_is_not_executed_again() {
    use CampaignState::{Cancelled, Collecting, Completed, Halted, Paused, Planning, Sending};
    let app = TestApp::start().await;
    let manager = app.as_role(Role::CampaignManager).await;
    vendors(&app, 1).await;
    let template = template(&manager).await;
    for states in [
        &[Planning, Sending, Collecting, Completed][..],
        &[Planning, Halted],
        &[Planning, Paused],
        &[Planning, Cancelled],
        &[Planning, Sending],
    ] {
        let path = created(&manager, campaign("Declarations", &template)).await;
        run(&manager, &path).await.expect(202);
        pass(&app, &path, states).await;
        app.take_messages(Var::PlanQueueUrl);
        let refused = run(&manager, &path).await.expect(409);
        let state = states.last().unwrap().as_str();
        assert!(detail(&refused).contains(&format!("is {state}")), "{}", refused.text());
        assert_eq!(app.take_messages(Var::PlanQueueUrl), Vec::<Value>::new());
    }
}

#[tokio::test]
async fn a_ledger_balances_once_the_plan_is_complete_and_not_before() {
    let app = TestApp::start().await;
    let manager = app.as_role(Role::CampaignManager).await;
    let (path, vendors) = executed(&app, &manager, 5).await;
    let read = async || manager.get(&ledger::ROUTE, &format!("{path}/ledger")).await.expect(200).json();
    assert_eq!(read().await["balanced"], json!(false), "nothing is planned");
    plan(&app, &path, &vendors, &[3, 2]).await;
    let planning = read().await;
    assert_eq!(
        (&planning["balanced"], &planning["channels"][0]["counts"]["targeted"]),
        (&json!(false), &json!(5)),
        "the plan may grow: {planning}"
    );

    finish_plan(&app, &path, 2, 5).await;
    let one = [
        (&vendors[0], AttemptResult::Accepted),
        (&vendors[1], AttemptResult::Skipped),
        (&vendors[2], AttemptResult::Unknown),
    ];
    attempt(&app, chunk(&path, 1), &one, ChunkState::Closed).await;
    let ledger = read().await;
    assert_eq!((&ledger["state"], &ledger["balanced"]), (&json!("sending"), &json!(true)), "{ledger}");
    let account = &ledger["channels"][0];
    let sum: u64 = RecipientClass::ALL
        .iter()
        .map(|class| account["counts"][class.as_str()].as_u64().unwrap())
        .sum();
    assert_eq!((sum, &account["counts"]["targeted"]), (5, &json!(5)), "{ledger}");
    assert_eq!(account["counts"]["reasons"]["skipped:no_email"], json!(1), "{ledger}");
    let links: Vec<_> = account["recipients"].as_array().unwrap().iter().collect();
    assert_eq!(links.len(), RecipientClass::ALL.len());
    for link in links {
        assert_eq!(link["count"], account["counts"][link["class"].as_str().unwrap()], "{link}");
        let page = manager.get(&recipients::ROUTE, link["url"].as_str().unwrap()).await.expect(200).json();
        assert_eq!(
            (&page["total"], page["items"].as_array().unwrap().len() as u64),
            (&link["count"], link["count"].as_u64().unwrap())
        );
    }
}

#[tokio::test]
async fn recipients_are_walked_in_planning_order_by_class_too() {
    let app = TestApp::start().await;
    let manager = app.as_role(Role::CampaignManager).await;
    let (path, vendors) = executed(&app, &manager, 7).await;
    plan(&app, &path, &vendors, &[3, 1, 3]).await;
    finish_plan(&app, &path, 3, 7).await;
    let accept = |these: &[usize]| these.iter().map(|i| (&vendors[*i], AttemptResult::Accepted)).collect::<Vec<_>>();
    attempt(&app, chunk(&path, 1), &accept(&[0, 2]), ChunkState::Pending).await;
    attempt(&app, chunk(&path, 3), &accept(&[4, 5, 6]), ChunkState::Closed).await;

    let base = format!("{path}/recipients?limit=2");
    let all = walk(&manager, &recipients::ROUTE, &base, "vendor_code", &json!(7)).await;
    assert_eq!(all, ["V-01", "V-02", "V-03", "V-04", "V-05", "V-06", "V-07"]);
    let accepted = walk(&manager, &recipients::ROUTE, &format!("{base}&class=accepted"), "vendor_code", &json!(5)).await;
    assert_eq!(accepted, ["V-01", "V-03", "V-05", "V-06", "V-07"]);
    let pending = walk(&manager, &recipients::ROUTE, &format!("{base}&class=pending"), "vendor_code", &json!(2)).await;
    assert_eq!(pending, ["V-02", "V-04"]);
    let none = manager.get(&recipients::ROUTE, &format!("{base}&class=bounced")).await.expect(200).json();
    assert_eq!(
        (&none["items"], &none["total"], &none["next_cursor"]),
        (&json!([]), &json!(0), &Value::Null)
    );

    let refused = manager.get(&recipients::ROUTE, &format!("{base}&class=lost")).await.expect(422);
    assert_eq!(refused.field_errors(), errors("class", "unknown"));
}

#[tokio::test]
async fn status_shows_how_far_sending_and_answering_are() {
    let app = TestApp::start().await;
    let manager = app.as_role(Role::CampaignManager).await;
    let (path, vendors) = executed(&app, &manager, 3).await;
    let read = async || manager.get(&status::ROUTE, &format!("{path}/status")).await.expect(200).json();
    let before = read().await;
    for (field, value) in [
        ("planned", json!(false)),
        ("chunks", json!(0)),
        ("sent_percent", json!(0)),
        ("responded_percent", json!(0)),
    ] {
        assert_eq!(before[field], value, "{field} in {before}");
    }
    plan(&app, &path, &vendors, &[2, 1]).await;
    finish_plan(&app, &path, 2, 3).await;
    let first = [(&vendors[0], AttemptResult::Accepted), (&vendors[1], AttemptResult::Retry)];
    attempt(&app, chunk(&path, 1), &first, ChunkState::Pending).await;
    attempt(&app, chunk(&path, 2), &[(&vendors[2], AttemptResult::Skipped)], ChunkState::Closed).await;
    event(&app, chunk(&path, 1), &vendors[0], EventKind::Responded).await;
    let after = read().await;
    for (field, value) in [
        ("state", json!("sending")),
        ("planned", json!(true)),
        ("chunks", json!(2)),
        ("chunks_closed", json!(1)),
        ("sent_percent", json!(66)),
        ("responded_percent", json!(33)),
    ] {
        assert_eq!(after[field], value, "{field} in {after}");
    }
}

#[tokio::test]
async fn the_dashboard_of_an_empty_stack_divides_by_nothing() {
    let app = TestApp::start().await;
    let viewer = app.as_role(Role::Viewer).await;
    let body = viewer.get(&dashboard::ROUTE, DASHBOARD).await.expect(200).json();
    assert_eq!((&body["vendors"]["total"], &body["vendors"]["known_percent"]), (&json!(0), &json!(0.0)));
    assert_eq!(body["campaigns"], json!({ "total": 0, "by_state": {} }));
    assert_eq!(body["delivery"]["targeted"], json!(0));
    for rate in ["delivery_percent", "bounce_percent", "response_percent"] {
        assert_eq!(body["rates"][rate], Value::Null, "{body}");
    }
    app.as_role(Role::Vendor).await.get(&dashboard::ROUTE, DASHBOARD).await.expect(403);
}

#[tokio::test]
async fn the_dashboard_counts_vendors_campaigns_and_deliveries() {
    let app = TestApp::start().await;
    let manager = app.as_role(Role::CampaignManager).await;
    let email = Some("accounts@kaveri.example");
    let (path, mut vendors) = executed(&app, &manager, 1).await;
    vendors.push(vendor(&app, "V-02", MsmeStatus::Micro, email).await);
    vendors.push(vendor(&app, "V-03", MsmeStatus::NotRegistered, email).await);
    created(&manager, campaign("Draft", &template(&manager).await)).await;
    plan(&app, &path, &vendors, &[3]).await;
    finish_plan(&app, &path, 1, 3).await;
    let all: Vec<_> = vendors.iter().map(|vendor| (vendor, AttemptResult::Accepted)).collect();
    attempt(&app, chunk(&path, 1), &all, ChunkState::Closed).await;
    event(&app, chunk(&path, 1), &vendors[0], EventKind::Delivered).await;
    event(&app, chunk(&path, 1), &vendors[0], EventKind::Responded).await;
    event(&app, chunk(&path, 1), &vendors[1], EventKind::HardBounced).await;

    let body = manager.get(&dashboard::ROUTE, DASHBOARD).await.expect(200).json();
    let figures = &body["vendors"];
    assert_eq!((&figures["total"], &figures["known_percent"]), (&json!(3), &json!(66.6)));
    for (status, count) in [("unknown", 1), ("micro", 1), ("not_registered", 1), ("small", 0)] {
        assert_eq!(figures["by_status"][status], json!(count), "{status} in {figures}");
    }
    assert_eq!(body["campaigns"], json!({ "total": 2, "by_state": { "draft": 1, "sending": 1 } }));
    assert_eq!(body["delivery"]["targeted"], json!(3));
    assert_eq!(
        body["rates"],
        json!({ "delivery_percent": 33.3, "bounce_percent": 33.3, "response_percent": 100.0 })
    );
}

#[tokio::test]
async fn a_viewer_reads_campaigns_but_does_not_run_them() {
    let app = TestApp::start().await;
    let manager = app.as_role(Role::CampaignManager).await;
    vendors(&app, 1).await;
    let body = campaign("Declarations", &template(&manager).await);
    let path = created(&manager, body.clone()).await;
    let viewer = app.as_role(Role::Viewer).await;
    viewer.get(&get::ROUTE, &path).await.expect(200);
    viewer.get(&list::ROUTE, CAMPAIGNS).await.expect(200);
    viewer.get(&status::ROUTE, &format!("{path}/status")).await.expect(200);
    viewer.get(&ledger::ROUTE, &format!("{path}/ledger")).await.expect(200);
    viewer.get(&recipients::ROUTE, &format!("{path}/recipients")).await.expect(200);

    run(&viewer, &path).await.expect(403);
    viewer.post(&create::ROUTE, CAMPAIGNS, body.clone()).await.expect(403);
    viewer.put(&update::ROUTE, &path, body).await.expect(403);
    viewer.delete(&delete::ROUTE, &path).await.expect(403);
    run(&app.anonymous(), &path).await.expect(401);
    assert_eq!(app.take_messages(Var::PlanQueueUrl), Vec::<Value>::new());
    assert_eq!(manager.get(&get::ROUTE, &path).await.expect(200).json()["state"], "draft");
}

#[tokio::test]
async fn dependencies_are_listed_for_those_who_sign_in() {
    let app = TestApp::start().await;
    let manager = app.as_role(Role::CampaignManager).await;
    executed(&app, &manager, 1).await;
    app.anonymous().get(&dependencies::ROUTE, "/health/dependencies").await.expect(401);
    let viewer = app.as_role(Role::Viewer).await;
    let body = viewer.get(&dependencies::ROUTE, "/health/dependencies").await.expect(200).json();
    // SES is not part of the tests' AWS.
    for (name, waiting) in [
        ("table", Value::Null),
        ("bucket", Value::Null),
        ("secrets", Value::Null),
        ("queue plan", json!(1)),
        ("queue email", json!(0)),
        ("queue import", json!(0)),
    ] {
        let found = body["dependencies"]
            .as_array()
            .unwrap()
            .iter()
            .find(|dependency| dependency["name"] == name);
        let found = found.unwrap_or_else(|| panic!("{name} in {body}"));
        assert_eq!((&found["status"], &found["waiting"]), (&json!("ok"), &waiting), "{found}");
    }
}
