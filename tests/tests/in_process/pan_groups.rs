//! One PAN, many codes: one of them is asked, and its answer counts for all.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::collections::BTreeMap;

use campaigns::{create, execute, preflight};
use domain::campaign::{Audience, Campaign, CampaignContent, CampaignState, Routing, UnknownPolicy};
use domain::delivery::{AttemptResult, Channel, Outcome, OutcomePack};
use domain::links::{Link, Purpose};
use domain::segment::VendorFilter;
use domain::status::{self, Evidence, StatusEntry};
use domain::suppression::{SuppressionReason, SuppressionSource};
use domain::user::Role;
use domain::vendor::{MsmeStatus, RawVendor, VendorProfile};
use domain::vendor_record::Vendor;
use domain::work::{CampaignMessage, Task};
use domain::{CampaignId, ResponseId, TemplateId, UserId, VendorId};
use jiff::SignedDuration;
use jiff::civil::{Date, date};
use runtime::{KeyUse, Message, Var};
use serde_json::{Value, json};
use store::ChunkRef;
use store::chunks::{self, ChunkState, Claim, Ending, PlannedChunk};
use store::responses::Applied;
use store::suppressions::{self, Suppression};
use templates::create_email;
use tests::ses_simulator::{SesSimulator, SesSimulatorOptions};

use crate::support::{self, Answer, TestApp};

const PAN: &str = "AAPFU0939F";
const BOTH: [Channel; 2] = Channel::ALL;

/// Which addresses a vendor has.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reached {
    Nowhere,
    ByEmail,
    ByPhone,
    Everywhere,
}

fn vendor(app: &TestApp, code: &str, pan: Option<&str>, reached: Reached) -> Vendor {
    let has = |one| matches!(reached, Reached::Everywhere) || reached == one;
    let raw = RawVendor {
        vendor_code: Some(code.to_owned()),
        company_name: Some(format!("Castings {code}")),
        emails: has(Reached::ByEmail).then(|| "accounts@kaveri.example".to_owned()).into_iter().collect(),
        phone_numbers: has(Reached::ByPhone).then(|| "9876500001".to_owned()).into_iter().collect(),
        pan_number: pan.map(str::to_owned),
        ..RawVendor::default()
    };
    let now = app.app().now();
    Vendor {
        id: VendorId::from_ulid(app.app().new_ulid()),
        profile: VendorProfile::parse(raw).expect("a valid vendor").0,
        msme_status: MsmeStatus::Unknown,
        origin: None,
        deleted_at: None,
        created_at: now,
        updated_at: now,
        version: 1,
    }
}

async fn stored(app: &TestApp, code: &str, reached: Reached) -> Vendor {
    let vendor = vendor(app, code, Some(PAN), reached);
    support::store_vendor(app.store(), &vendor).await;
    vendor
}

/// Has the planner do whatever waits for it.
async fn work(app: &TestApp) {
    loop {
        let sent = app.take_messages(Var::PlanQueueUrl);
        if sent.is_empty() {
            return;
        }
        let messages = sent.iter().map(|message| Message {
            id: "m".to_owned(),
            body: message["MessageBody"].as_str().unwrap().to_owned(),
            correlation_id: String::new(),
            receive_count: 1,
        });
        assert!(
            (workers::campaign_planner::WORKER.handler)(app.app(), messages.collect())
                .await
                .is_empty()
        );
    }
}

/// A campaign whose plan was made by the planner.
async fn planned(app: &TestApp, channels: &[Channel], audience: Audience) -> CampaignId {
    let (id, now) = (CampaignId::from_ulid(app.app().new_ulid()), app.app().now());
    let template = |channel| channels.contains(&channel).then(|| TemplateId::from_ulid(app.app().new_ulid()));
    let content = CampaignContent {
        name: "Declarations".to_owned(),
        description: None,
        template_id: template(Channel::Email),
        whatsapp_template_id: template(Channel::Whatsapp),
        routing: Routing::Every,
        unknown_policy: UnknownPolicy::Leave,
        quiet_hours: domain::schedule::QuietHours::default(),
        audience: store::audience::resolve(app.store(), &audience).await.unwrap(),
        deadline: now + SignedDuration::from_hours(24 * 30),
    };
    let campaign = Campaign {
        id,
        content,
        state: CampaignState::Planning,
        halt_reason: None,
        waived: Vec::new(),
        origin: None,
        chunks: 0,
        targeted: 0,
        created_by: UserId::from_ulid(app.app().new_ulid()),
        created_at: now,
        updated_at: now,
        executed_at: Some(now),
        planned_at: None,
        sent_at: None,
        completed_at: None,
        version: 1,
    };
    store::campaigns::create(app.store(), &campaign).await.unwrap();
    let message = Message {
        id: "m".to_owned(),
        body: serde_json::to_string(&CampaignMessage::new(id, Task::Plan)).unwrap(),
        correlation_id: String::new(),
        receive_count: 1,
    };
    assert!((workers::campaign_planner::WORKER.handler)(app.app(), vec![message]).await.is_empty());
    work(app).await;
    id
}

/// Who is asked through each channel, by code, in planning order.
async fn asked(app: &TestApp, campaign: CampaignId) -> BTreeMap<&'static str, Vec<String>> {
    let mut asked: BTreeMap<&'static str, Vec<String>> = BTreeMap::new();
    for summary in chunks::summaries(app.store(), campaign).await.unwrap() {
        let chunk = summary.chunk(campaign);
        let (log, _) = chunks::log(app.store(), chunk).await.unwrap();
        let codes = log.recipients.into_iter().map(|recipient| recipient.code);
        asked.entry(chunk.channel.as_str()).or_default().extend(codes);
    }
    asked
}

fn once_per_pan() -> Audience {
    Audience {
        once_per_pan: true,
        ..Audience::default()
    }
}

#[track_caller]
fn assert_asked(found: &BTreeMap<&'static str, Vec<String>>, expected: &[(&str, &[&str])]) {
    let expected: BTreeMap<&str, Vec<String>> = expected
        .iter()
        .map(|(channel, codes)| (*channel, codes.iter().map(|code| (*code).to_owned()).collect()))
        .collect();
    assert_eq!(*found, expected);
}

#[tokio::test]
async fn one_vendor_of_each_pan_is_asked_across_pages_and_chunks_and_the_same_by_both_channels() {
    let app = TestApp::start().await;
    // The codes of a PAN are 550 apart: on different pages of the walk. Of every tenth the first has no address.
    let pan = |i: u32| format!("ABCPA{:04}B", i % 550 + 1);
    let vendors: Vec<Vendor> = (0..1_110)
        .map(|i| {
            let reached = if i < 550 && i % 10 == 0 { Reached::Nowhere } else { Reached::Everywhere };
            let pan = (i < 1_100).then(|| pan(i));
            vendor(&app, &format!("V-{i:04}"), pan.as_deref(), reached)
        })
        .collect();
    let new: Vec<_> = vendors.into_iter().map(Into::into).collect();
    store::vendors::create_batch(app.store(), &new, support::by()).await.expect("stored");

    let campaign = planned(&app, &BOTH, once_per_pan()).await;
    let expected: Vec<String> = (0..1_110)
        .filter(|i| match i {
            0..550 => i % 10 != 0,
            550..1_100 => i % 10 == 0,
            _ => true,
        })
        .map(|i| format!("V-{i:04}"))
        .collect();
    assert_eq!(expected.len(), 560);
    let found = asked(&app, campaign).await;
    assert_eq!(found["email"], expected);
    assert_eq!(found["whatsapp"], expected);
    let stored = store::campaigns::get(app.store(), campaign).await.unwrap();
    assert_eq!(
        (stored.state, stored.targeted),
        (CampaignState::Sending, 1_120),
        "a message for each channel"
    );

    // Without the option everyone is.
    let everyone = planned(&app, &[Channel::Email], Audience::default()).await;
    assert_eq!(asked(&app, everyone).await["email"].len(), 1_110);
}

#[tokio::test]
async fn who_is_asked_can_be_reached_by_the_campaigns_channels() {
    let app = TestApp::start().await;
    stored(&app, "V-1", Reached::Nowhere).await;
    stored(&app, "V-2", Reached::ByEmail).await;
    stored(&app, "V-3", Reached::ByPhone).await;
    let by = async |channels: &[Channel]| asked(&app, planned(&app, channels, once_per_pan()).await).await;
    assert_asked(&by(&[Channel::Email]).await, &[("email", &["V-2"])]);
    assert_asked(&by(&[Channel::Whatsapp]).await, &[("whatsapp", &["V-3"])]);
    assert_asked(&by(&BOTH).await, &[("email", &["V-2"]), ("whatsapp", &["V-2"])]);
    stored(&app, "V-4", Reached::Everywhere).await;
    assert_asked(&by(&BOTH).await, &[("email", &["V-4"]), ("whatsapp", &["V-4"])]);
}

#[tokio::test]
async fn of_a_pan_one_is_asked_among_those_the_audience_means() {
    let app = TestApp::start().await;
    let manager = app.as_role(Role::CampaignManager).await;
    for (code, tag) in [("V-1", None), ("V-2", Some("critical")), ("V-3", Some("critical"))] {
        let mut vendor = vendor(&app, code, Some(PAN), Reached::Everywhere);
        vendor.profile.tags = tag.map(str::to_owned).into_iter().collect();
        support::store_vendor(app.store(), &vendor).await;
    }
    let third = stored(&app, "V-4", Reached::ByEmail).await.id;
    let fourth = stored(&app, "V-5", Reached::Everywhere).await.id;
    let emails = async |audience: Audience| {
        let audience = Audience {
            once_per_pan: true,
            ..audience
        };
        asked(&app, planned(&app, &[Channel::Email], audience).await)
            .await
            .remove("email")
            .unwrap_or_default()
    };
    assert_eq!(emails(Audience::default()).await, ["V-1"]);
    let critical = VendorFilter {
        tags: vec!["critical".to_owned()],
        ..VendorFilter::default()
    };
    let filter = Some(critical.clone());
    assert_eq!(
        emails(Audience {
            filter,
            ..Audience::default()
        })
        .await,
        ["V-2"]
    );
    let words = Some(VendorFilter {
        text: Some("v-3".to_owned()),
        ..critical
    });
    assert_eq!(
        emails(Audience {
            filter: words,
            ..Audience::default()
        })
        .await,
        ["V-3"]
    );
    let body = json!({ "name": "Critical", "filter": { "tags": ["critical"] } });
    let segment = manager.post(&segments::create::ROUTE, "/api/v1/segments", body).await.expect(201).json();
    let segment_id = segment["id"].as_str().unwrap().parse().ok();
    assert_eq!(
        emails(Audience {
            segment_id,
            ..Audience::default()
        })
        .await,
        ["V-2"]
    );
    let vendor_ids = vec![fourth, third];
    assert_eq!(
        emails(Audience {
            vendor_ids,
            ..Audience::default()
        })
        .await,
        ["V-4"]
    );
}

/// Says how the first message to each vendor of a campaign's first chunk went.
async fn attempt(app: &TestApp, chunk: ChunkRef, results: &[(VendorId, AttemptResult)]) {
    let (token, now) = (app.app().new_ulid(), app.app().now());
    let claim = chunks::claim(app.store(), chunk, token, now + SignedDuration::from_mins(1), now)
        .await
        .unwrap();
    assert!(matches!(claim, Claim::Won(_)), "{claim:?}");
    let outcomes = results.iter().map(|(recipient, result)| Outcome {
        recipient: *recipient,
        result: *result,
        message_id: None,
        reason: None,
    });
    let pack = OutcomePack {
        attempt: 1,
        at: now,
        wave: 0,
        late: false,
        by: None,
        outcomes: outcomes.collect(),
    };
    let (mut log, items) = chunks::log(app.store(), chunk).await.unwrap();
    log.attempts.push(pack.clone());
    let ending = Ending {
        next: ChunkState::Closed,
        parked: false,
        counts: &log.counts(),
        items: items + 1,
    };
    chunks::record(app.store(), chunk, token, &pack, ending).await.unwrap();
}

fn first_chunk(campaign: CampaignId) -> ChunkRef {
    ChunkRef {
        campaign,
        channel: Channel::Email,
        number: 1,
    }
}

#[tokio::test]
async fn a_reminder_asks_one_that_was_reached_before() {
    let app = TestApp::start().await;
    let mut ids = Vec::new();
    for code in ["V-1", "V-2", "V-3"] {
        ids.push(stored(&app, code, Reached::Everywhere).await.id);
    }
    let first = planned(&app, &[Channel::Email], Audience::default()).await;
    let results = [AttemptResult::Failed, AttemptResult::Accepted, AttemptResult::Accepted];
    attempt(&app, first_chunk(first), &ids.into_iter().zip(results).collect::<Vec<_>>()).await;
    // A code that came later was never asked.
    stored(&app, "V-0", Reached::Everywhere).await;
    let reminder = Audience {
        not_answered: Some(first),
        ..once_per_pan()
    };
    let reminder = planned(&app, &[Channel::Email], reminder).await;
    assert_asked(&asked(&app, reminder).await, &[("email", &["V-2"])]);
}

#[tokio::test]
async fn preflight_counts_a_pan_once_and_so_does_what_is_executed() {
    let ses = SesSimulator::start(SesSimulatorOptions::default()).await.expect("the simulator starts");
    let app = TestApp::start_with(&[("AWS_ENDPOINT_URL_SESV2", &ses.url())]).await;
    let manager = app.as_role(Role::CampaignManager).await;
    stored(&app, "V-1", Reached::Nowhere).await;
    stored(&app, "V-2", Reached::ByEmail).await;
    stored(&app, "V-3", Reached::ByEmail).await;
    support::store_vendor(app.store(), &vendor(&app, "V-4", None, Reached::ByEmail)).await;
    let template = json!({
        "name": "First request", "subject": "Your MSME status",
        "html": "<a href=\"{{ form_url }}\">answer</a> {{ unsubscribe_url }}", "text": "{{ form_url }} {{ unsubscribe_url }}",
    });
    let template = manager
        .post(&create_email::ROUTE, "/api/v1/templates/email", template)
        .await
        .expect(201)
        .json();
    let body =
        json!({ "name": "Declarations", "deadline": "2026-12-31T18:29:59Z", "template_id": template["id"], "audience": { "once_per_pan": true } });
    let created = manager.post(&create::ROUTE, "/api/v1/campaigns", body).await.expect(201);
    let path = created.header("location").unwrap().to_owned();
    let report = manager.call(&preflight::ROUTE, &format!("{path}/preflight")).await.expect(200).json();
    let email = &report["channels"][0];
    assert_eq!((&email["targeted"], &email["reachable"]), (&json!(2), &json!(2)), "{report}");
    manager.call(&execute::ROUTE, &format!("{path}/execute")).await.expect(202);
    work(&app).await;
    let campaign = path.rsplit('/').next().unwrap().parse().unwrap();
    assert_asked(&asked(&app, campaign).await, &[("email", &["V-2", "V-4"])]);
}

const MICRO: [(&str, &str); 7] = [
    ("status", "micro"),
    ("udyam_number", "UDYAM-MH-12-0123456"),
    ("registration_date", "2021-07-15"),
    ("activity", "manufacturing"),
    ("signatory_name", "Asha Rao"),
    ("signatory_designation", "Partner"),
    ("consent", "yes"),
];

/// The vendor sends the form of its link.
async fn send(app: &TestApp, campaign: CampaignId, vendor: VendorId, fields: &[(&str, &str)]) -> Answer {
    let link = Link {
        purpose: Purpose::Form,
        campaign,
        vendor,
        channel: Channel::Email,
        chunk: 1,
        expires_at: app.app().now() + SignedDuration::from_hours(24),
    };
    let keys = app.app().signing_keys().await.unwrap();
    let path = format!("/f/{}", link.sign(&keys.active(KeyUse::Link)));
    let fields: serde_json::Map<String, Value> = fields.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
    let answer = app.anonymous().post(&public::answer_form::ROUTE, &path, Value::Object(fields));
    answer.header("accept", "application/json").await
}

async fn history(app: &TestApp, vendor: VendorId) -> Vec<StatusEntry> {
    store::vendors::status_history(app.store(), vendor).await.unwrap()
}

async fn status_today(app: &TestApp, vendor: VendorId) -> MsmeStatus {
    store::vendors::get(app.store(), vendor).await.unwrap().msme_status
}

/// That the only entry of each is what another code answered.
async fn assert_shared(app: &TestApp, campaign: CampaignId, from: VendorId, to: &[VendorId], response: ResponseId) {
    for vendor in to {
        let [entry] = &history(app, *vendor).await[..] else {
            panic!("one entry of {vendor}");
        };
        let evidence = Evidence::SamePan {
            vendor_id: from,
            response_id: Some(response),
            campaign_id: Some(campaign),
            rank: None,
            known_until: Some(entry.known_until()),
        };
        assert_eq!(
            (&entry.evidence, entry.status, entry.effective_from),
            (&evidence, MsmeStatus::Micro, date(2021, 7, 15))
        );
        assert_eq!(status_today(app, *vendor).await, MsmeStatus::Micro);
    }
}

#[tokio::test]
async fn an_answer_counts_for_every_code_of_the_pan_and_sending_it_again_changes_nothing() {
    let app = TestApp::start().await;
    let one = stored(&app, "V-1", Reached::Everywhere).await.id;
    let others = [
        stored(&app, "V-2", Reached::Nowhere).await.id,
        stored(&app, "V-3", Reached::Everywhere).await.id,
    ];
    let stranger = vendor(&app, "V-9", Some("AAKFD7113K"), Reached::Everywhere);
    support::store_vendor(app.store(), &stranger).await;
    let campaign = planned(&app, &BOTH, once_per_pan()).await;
    let receipt = send(&app, campaign, one, &MICRO).await.expect(201).json();
    let response: ResponseId = receipt["response_id"].as_str().unwrap().parse().unwrap();
    assert_eq!(status_today(&app, one).await, MsmeStatus::Micro);
    work(&app).await;
    assert!(matches!(history(&app, one).await[0].evidence, Evidence::Declaration { response_id, .. } if response_id == response));
    assert_shared(&app, campaign, one, &others, response).await;
    assert_eq!(history(&app, stranger.id).await, []);

    let before = app.everything().await;
    send(&app, campaign, one, &MICRO).await.expect(409);
    assert_eq!(app.everything().await, before);
    let counts = app.store().vendor_counts().await.unwrap();
    let micro = counts.by_status.iter().find(|(status, _)| *status == MsmeStatus::Micro);
    assert_eq!(micro.map(|(_, count)| *count), Some(3));
}

/// What waits for the planner, as Lambda would hand it over.
fn waiting(app: &TestApp) -> Vec<Message> {
    let sent = app.take_messages(Var::PlanQueueUrl);
    let message = |entry: &Value| Message {
        id: "m".to_owned(),
        body: entry["MessageBody"].as_str().unwrap().to_owned(),
        correlation_id: String::new(),
        receive_count: 1,
    };
    sent.iter().map(message).collect()
}

async fn is_handled(app: &TestApp, message: &Message) -> bool {
    (workers::campaign_planner::WORKER.handler)(app.app(), vec![message.clone()])
        .await
        .is_empty()
}

#[tokio::test]
async fn an_answer_that_was_applied_half_way_is_applied_in_full_when_its_message_comes_again() {
    let app = TestApp::start().await;
    let one = stored(&app, "V-1", Reached::Everywhere).await.id;
    let mut others = Vec::new();
    for code in ["V-2", "V-3", "V-4"] {
        others.push(stored(&app, code, Reached::Everywhere).await.id);
    }
    // Each code is a transaction, and then a write that it has answered.
    for (round, (operation, successes)) in [("TransactWriteItems", 0), ("TransactWriteItems", 2), ("PutItem", 1)]
        .into_iter()
        .enumerate()
    {
        let campaign = planned(&app, &[Channel::Email], once_per_pan()).await;
        send(&app, campaign, one, &MICRO).await.expect(201);
        let [message] = &waiting(&app)[..] else { panic!("one message") };
        app.fail_after(operation, successes);
        assert!(!is_handled(&app, message).await, "{operation}");
        app.advance(SignedDuration::from_mins(5));
        assert!(is_handled(&app, message).await, "{operation}");
        for vendor in &others {
            assert_eq!(history(&app, *vendor).await.len(), round + 1, "one entry for each answer");
            assert_eq!(status_today(&app, *vendor).await, MsmeStatus::Micro);
        }
        let before = app.everything().await;
        assert!(is_handled(&app, message).await, "late, and once more");
        assert_eq!(app.everything().await, before);
    }
}

#[tokio::test]
async fn a_message_without_an_answer_changes_nothing_and_without_the_message_there_is_no_answer() {
    let app = TestApp::start().await;
    let one = stored(&app, "V-1", Reached::Everywhere).await.id;
    stored(&app, "V-2", Reached::Everywhere).await;
    let campaign = planned(&app, &[Channel::Email], once_per_pan()).await;
    app.fail_after("SendMessageBatch", 0);
    send(&app, campaign, one, &MICRO).await.expect(500);
    assert_eq!(history(&app, one).await, []);

    app.fail_after("TransactWriteItems", 0);
    send(&app, campaign, one, &MICRO).await.expect(500);
    let before = app.everything().await;
    work(&app).await;
    assert_eq!(app.everything().await, before);
    send(&app, campaign, one, &MICRO).await.expect(201);
}

#[tokio::test]
async fn a_large_group_is_gone_through_in_stretches() {
    let app = TestApp::start().await;
    let one = stored(&app, "V-1", Reached::Everywhere).await.id;
    let mut others = Vec::new();
    for i in 2..=5 {
        others.push(stored(&app, &format!("V-{i}"), Reached::Nowhere).await.id);
    }
    let campaign = planned(&app, &[Channel::Email], once_per_pan()).await;
    send(&app, campaign, one, &MICRO).await.expect(201);
    others.sort_unstable();
    let mut after = None;
    for vendor in &others {
        let applied = store::responses::apply_to_pan(app.store(), one, campaign, after, app.app().now(), || false).await;
        assert_eq!(history(&app, *vendor).await.len(), 1, "one more each time");
        match applied.unwrap() {
            Applied::Through(through) => after = Some(through),
            Applied::Done => assert_eq!(Some(vendor), others.last()),
        }
    }
}

#[tokio::test]
async fn every_code_of_a_pan_counts_as_having_answered() {
    let app = TestApp::start().await;
    let one = stored(&app, "V-1", Reached::Everywhere).await.id;
    stored(&app, "V-2", Reached::Everywhere).await;
    support::store_vendor(app.store(), &vendor(&app, "V-9", None, Reached::Everywhere)).await;
    let campaign = planned(&app, &[Channel::Email], once_per_pan()).await;
    send(&app, campaign, one, &MICRO).await.expect(201);
    work(&app).await;
    let manager = app.as_role(Role::CampaignManager).await;
    let codes = async |query: &str| -> Vec<String> {
        let list = manager
            .get(&vendors::list::ROUTE, &format!("/api/v1/vendors?{query}"))
            .await
            .expect(200)
            .json();
        let code = |item: &Value| item["vendor_code"].as_str().unwrap().to_owned();
        list["items"].as_array().unwrap().iter().map(code).collect()
    };
    assert_eq!(codes(&format!("responded={campaign}")).await, ["V-1", "V-2"]);
    assert_eq!(codes(&format!("not_responded={campaign}")).await, ["V-9"]);
}

#[tokio::test]
async fn a_code_that_another_one_spoke_for_may_still_answer_itself() {
    let app = TestApp::start().await;
    let one = stored(&app, "V-1", Reached::Everywhere).await.id;
    let two = stored(&app, "V-2", Reached::Everywhere).await.id;
    let campaign = planned(&app, &[Channel::Email], Audience::default()).await;
    send(&app, campaign, one, &MICRO).await.expect(201);
    store::responses::apply_to_pan(app.store(), one, campaign, None, app.app().now(), || true)
        .await
        .unwrap();
    assert_eq!(history(&app, two).await.len(), 1);
    send(&app, campaign, two, &MICRO).await.expect(201);
    assert_eq!(history(&app, two).await.len(), 2);
}

#[tokio::test]
async fn an_answer_to_a_reminder_counts_for_every_code_of_the_pan() {
    let app = TestApp::start().await;
    let manager = app.as_role(Role::CampaignManager).await;
    let one = stored(&app, "V-1", Reached::Everywhere).await.id;
    let two = stored(&app, "V-2", Reached::Everywhere).await.id;
    let campaign = planned(&app, &[Channel::Email], once_per_pan()).await;
    let schedule = json!({ "kind": "reminder", "expression": "rate(5 days)" });
    let path = format!("/api/v1/campaigns/{campaign}/schedule");
    manager.post(&campaigns::schedule::ROUTE, &path, schedule).await.expect(201);
    let schedules = app.schedules();
    let input = schedules.values().next().unwrap()["Target"]["Input"].as_str().unwrap().to_owned();
    app.advance(SignedDuration::from_hours(5 * 24));
    let fired = Message {
        id: "m".to_owned(),
        body: input.replace("<aws.scheduler.scheduled-time>", &app.app().now().to_string()),
        correlation_id: String::new(),
        receive_count: 1,
    };
    let failures = (workers::scheduled_campaign::WORKER.handler)(app.app(), vec![fired]).await;
    assert!(failures.is_empty(), "{failures:?}");
    let manager = app.as_role(Role::CampaignManager).await;
    let all = manager.get(&campaigns::list::ROUTE, "/api/v1/campaigns").await.expect(200).json();
    let reminder = all["items"]
        .as_array()
        .unwrap()
        .iter()
        .find(|item| item["id"] != json!(campaign.to_string()))
        .unwrap();
    assert_eq!(reminder["audience"]["not_answered"], json!(campaign.to_string()), "{reminder}");
    let reminder: CampaignId = reminder["id"].as_str().unwrap().parse().unwrap();
    let chunk = PlannedChunk {
        chunk: ChunkRef {
            campaign: reminder,
            channel: Channel::Email,
            number: 1,
        },
        recipients: vec![store::vendors::get(app.store(), one).await.unwrap().into()],
        planned_through: String::new(),
        root: campaign,
        may_be_answered: true,
        follow_up: false,
    };
    chunks::plan(app.store(), &[chunk], app.app().now()).await.unwrap();
    let receipt = send(&app, reminder, one, &MICRO).await.expect(201).json();
    work(&app).await;
    let response: ResponseId = receipt["response_id"].as_str().unwrap().parse().unwrap();
    assert_shared(&app, reminder, one, &[two], response).await;
}

async fn group(app: &TestApp, vendor: VendorId) -> Value {
    let viewer = app.as_role(Role::Viewer).await;
    viewer
        .get(&vendors::group::ROUTE, &format!("/api/v1/vendors/{vendor}/group"))
        .await
        .expect(200)
        .json()
}

/// What contradicts, but for the names, which differ in all of these tests.
fn contradictions(group: &Value) -> Vec<&str> {
    let found = group["contradictions"].as_array().unwrap();
    let codes = found.iter().map(|found| found["code"].as_str().unwrap());
    codes.filter(|code| *code != "two_names").collect()
}

#[tokio::test]
async fn an_answer_about_another_pan_stays_with_the_code_that_gave_it() {
    for (field, value) in [("pan", "AAKFD7113K"), ("gstins", "29AAGCB7383J1Z4")] {
        let app = TestApp::start().await;
        let one = stored(&app, "V-1", Reached::Everywhere).await.id;
        let two = stored(&app, "V-2", Reached::Everywhere).await.id;
        let campaign = planned(&app, &[Channel::Email], once_per_pan()).await;
        let fields = [&MICRO[..], &[(field, value)]].concat();
        send(&app, campaign, one, &fields).await.expect(201);
        work(&app).await;
        assert_eq!(history(&app, two).await, [], "{field}");
        let found = group(&app, two).await;
        assert_eq!(contradictions(&found), ["answer_names_another_pan"], "{found}");
        assert_eq!(found["contradictions"][0]["members"], json!([one.to_string()]));
    }
}

#[tokio::test]
async fn an_answer_does_not_follow_a_pan_that_was_corrected_after_the_question() {
    let app = TestApp::start().await;
    let one = vendor(&app, "V-1", Some("AAKFD7113K"), Reached::Everywhere);
    support::store_vendor(app.store(), &one).await;
    let two = stored(&app, "V-2", Reached::Everywhere).await.id;
    let campaign = planned(&app, &[Channel::Email], once_per_pan()).await;
    let mut profile = one.profile.clone();
    profile.pan_number = vendor(&app, "V-X", Some(PAN), Reached::Nowhere).profile.pan_number;
    store::vendors::replace_profile(app.store(), &one, profile, support::by()).await.unwrap();
    send(&app, campaign, one.id, &MICRO).await.expect(201);
    work(&app).await;
    assert_eq!(history(&app, two).await, []);
    let found = group(&app, two).await;
    assert_eq!(contradictions(&found), ["pan_changed_after_asking"], "{found}");
}

#[tokio::test]
async fn what_codes_answered_contradicts_as_much_as_what_is_on_record() {
    let app = TestApp::start().await;
    let one = stored(&app, "V-1", Reached::Everywhere).await.id;
    let two = stored(&app, "V-2", Reached::Everywhere).await.id;
    let campaign = planned(&app, &[Channel::Email], Audience::default()).await;
    let mut other = MICRO;
    other[1].1 = "UDYAM-KR-03-0000001";
    send(&app, campaign, one, &MICRO).await.expect(201);
    send(&app, campaign, two, &other).await.expect(201);
    let found = group(&app, one).await;
    assert_eq!(contradictions(&found), ["two_udyams"], "{found}");
    assert_eq!(found["contradictions"][0]["members"], json!([one.to_string(), two.to_string()]));
    assert!(!found.to_string().contains("0123456"), "{found}");
    assert_eq!((&found["is_summary"], &found["more"]), (&json!(false), &json!(0)));
    let viewer = app.as_role(Role::Viewer).await;
    let list = viewer.get(&vendors::list_groups::ROUTE, "/api/v1/vendor-groups").await.expect(200).json();
    assert_eq!(list["items"][0]["is_summary"], json!(true), "{list}");
}

#[tokio::test]
async fn an_address_that_must_not_be_written_to_speaks_for_nobody() {
    let app = TestApp::start().await;
    for (code, email) in [("V-1", "gone@kaveri.example"), ("V-2", "accounts@kaveri.example")] {
        let mut vendor = vendor(&app, code, Some(PAN), Reached::Everywhere);
        let raw = RawVendor {
            vendor_code: Some(code.to_owned()),
            company_name: Some("Kaveri".to_owned()),
            emails: vec![email.to_owned()],
            pan_number: Some(PAN.to_owned()),
            ..RawVendor::default()
        };
        vendor.profile = VendorProfile::parse(raw).unwrap().0;
        support::store_vendor(app.store(), &vendor).await;
    }
    let gone = Suppression::new(SuppressionReason::HardBounce, app.app().now(), SuppressionSource::Event);
    suppressions::add(app.store(), Channel::Email, "gone@kaveri.example", &gone)
        .await
        .unwrap();
    let campaign = planned(&app, &[Channel::Email], once_per_pan()).await;
    assert_asked(&asked(&app, campaign).await, &[("email", &["V-2"])]);
}

/// Has a campaign looked after, as the tick does.
async fn look_after(app: &TestApp, campaign: CampaignId) {
    let message = Message {
        id: "m".to_owned(),
        body: serde_json::to_string(&CampaignMessage::new(campaign, Task::Reconcile)).unwrap(),
        correlation_id: String::new(),
        receive_count: 1,
    };
    assert!(is_handled(app, &message).await);
}

#[tokio::test]
async fn where_one_code_cannot_be_reached_the_next_is_asked() {
    let app = TestApp::start().await;
    let one = stored(&app, "V-1", Reached::Everywhere).await.id;
    stored(&app, "V-2", Reached::ByPhone).await;
    let three = stored(&app, "V-3", Reached::ByEmail).await.id;
    stored(&app, "V-4", Reached::ByEmail).await;
    let campaign = planned(&app, &[Channel::Email], once_per_pan()).await;
    look_after(&app, campaign).await;
    assert_asked(&asked(&app, campaign).await, &[("email", &["V-1"])]);

    attempt(&app, first_chunk(campaign), &[(one, AttemptResult::Failed)]).await;
    for _ in 0..2 {
        look_after(&app, campaign).await;
        assert_asked(&asked(&app, campaign).await, &[("email", &["V-1", "V-3"])]);
    }
    let second = ChunkRef {
        number: 2,
        ..first_chunk(campaign)
    };
    attempt(&app, second, &[(three, AttemptResult::Accepted)]).await;
    look_after(&app, campaign).await;
    assert_asked(&asked(&app, campaign).await, &[("email", &["V-1", "V-3"])]);
    send(&app, campaign, three, &MICRO).await.expect(201);
    work(&app).await;
    assert_eq!(status_today(&app, one).await, MsmeStatus::Micro);
}

async fn on(app: &TestApp, vendor: VendorId, day: Date) -> MsmeStatus {
    status::on(&history(app, vendor).await, day).status
}

#[tokio::test]
async fn this_years_answer_leaves_what_last_years_said_under_every_code() {
    let app = TestApp::start().await;
    let one = stored(&app, "V-1", Reached::Everywhere).await.id;
    let other = stored(&app, "V-2", Reached::Everywhere).await.id;
    let first = planned(&app, &[Channel::Email], once_per_pan()).await;
    send(&app, first, one, &MICRO).await.expect(201);
    work(&app).await;

    app.advance(SignedDuration::from_hours(24 * 365));
    let newcomer = stored(&app, "V-3", Reached::Everywhere).await.id;
    let second = planned(&app, &[Channel::Email], once_per_pan()).await;
    let mut small = MICRO;
    small[0].1 = "small";
    send(&app, second, one, &small).await.expect(201);
    work(&app).await;
    for vendor in [one, other] {
        let from: Vec<Date> = history(&app, vendor).await.iter().map(|entry| entry.effective_from).collect();
        assert_eq!(from, [date(2021, 7, 15), date(2027, 4, 1)]);
        assert_eq!(on(&app, vendor, date(2027, 3, 31)).await, MsmeStatus::Micro);
        assert_eq!(on(&app, vendor, date(2027, 4, 1)).await, MsmeStatus::Small);
        assert_eq!(status_today(&app, vendor).await, MsmeStatus::Small);
    }
    // Of a code that nothing was known of before, the years since registration are told by the only answer there is.
    assert_eq!(history(&app, newcomer).await[0].effective_from, date(2021, 7, 15));

    // Both years' answers applied again: nothing is added, although by now the first would count from another day.
    for (campaign, fields) in [(first, &MICRO), (second, &small)] {
        send(&app, campaign, one, fields).await.expect(409);
        store::responses::apply_to_pan(app.store(), one, campaign, None, app.app().now(), || true)
            .await
            .unwrap();
    }
    assert_eq!(history(&app, other).await.len(), 2);
}
