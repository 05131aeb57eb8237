//! One PAN, many codes: one of them is asked, and its answer counts for all.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::collections::BTreeMap;

use campaigns::{create, execute, preflight};
use domain::campaign::{Audience, Campaign, CampaignContent, CampaignState, Routing, UnknownPolicy};
use domain::delivery::{AttemptResult, Channel, Outcome, OutcomePack};
use domain::links::{Link, Purpose};
use domain::segment::VendorFilter;
use domain::status::{self, Evidence, StatusEntry};
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
use store::chunks::{self, ChunkState, Claim, Ending};
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
            known_until: None,
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

#[tokio::test]
async fn an_answer_that_was_applied_half_way_is_applied_in_full_when_the_form_is_sent_again() {
    let app = TestApp::start().await;
    let one = stored(&app, "V-1", Reached::Everywhere).await.id;
    let mut others = Vec::new();
    for code in ["V-2", "V-3", "V-4"] {
        others.push(stored(&app, code, Reached::Everywhere).await.id);
    }
    for (attempt, transactions) in [0, 1, 2, 3].into_iter().enumerate() {
        // The answer itself is a transaction, then each code is one.
        let campaign = planned(&app, &[Channel::Email], once_per_pan()).await;
        app.fail_after("TransactWriteItems", transactions);
        send(&app, campaign, one, &MICRO).await.expect(500);
        let mut applied = 0;
        for vendor in &others {
            applied += u32::from(history(&app, *vendor).await.len() > attempt);
        }
        assert_eq!(applied, transactions.saturating_sub(1));

        let again = send(&app, campaign, one, &MICRO).await;
        assert_eq!(again.status, if transactions == 0 { 201 } else { 409 }, "{}", again.text());
        for vendor in &others {
            assert_eq!(history(&app, *vendor).await.len(), attempt + 1, "one entry for each answer");
            assert_eq!(status_today(&app, *vendor).await, MsmeStatus::Micro);
        }
        let before = app.everything().await;
        send(&app, campaign, one, &MICRO).await.expect(409);
        assert_eq!(app.everything().await, before);
    }
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

    app.advance(SignedDuration::from_hours(24 * 365));
    let newcomer = stored(&app, "V-3", Reached::Everywhere).await.id;
    let second = planned(&app, &[Channel::Email], once_per_pan()).await;
    let mut small = MICRO;
    small[0].1 = "small";
    send(&app, second, one, &small).await.expect(201);
    for vendor in [one, other] {
        let from: Vec<Date> = history(&app, vendor).await.iter().map(|entry| entry.effective_from).collect();
        assert_eq!(from, [date(2021, 7, 15), date(2027, 4, 1)]);
        assert_eq!(on(&app, vendor, date(2027, 3, 31)).await, MsmeStatus::Micro);
        assert_eq!(on(&app, vendor, date(2027, 4, 1)).await, MsmeStatus::Small);
        assert_eq!(status_today(&app, vendor).await, MsmeStatus::Small);
    }
    // Of a code that nothing was known of before, the years since registration are told by the only answer there is.
    assert_eq!(history(&app, newcomer).await[0].effective_from, date(2021, 7, 15));

    // Links of both years sent again: nothing is added, although by now the first answer would count from another day.
    let before = app.everything().await;
    send(&app, first, one, &MICRO).await.expect(409);
    send(&app, second, one, &small).await.expect(409);
    let after = app.everything().await;
    let entries = |items: &[Value]| items.iter().filter(|item| item["pk"]["S"] != json!(format!("VENDOR#{newcomer}"))).count();
    assert_eq!(entries(&after), entries(&before));
    assert_eq!(history(&app, other).await.len(), 2);
}
