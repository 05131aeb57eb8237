//! Suppressions: from events, links and people, through the API, and never undone by anything but a removal.

use std::collections::BTreeSet;

use domain::delivery::{Channel, DeliveryEvent, EventKind};
use domain::suppression::{SuppressionId, SuppressionReason, SuppressionSource};
use domain::user::Role;
use domain::vendor::{MsmeStatus, RawVendor, VendorProfile};
use domain::vendor_record::Vendor;
use domain::{CampaignId, VendorId};
use jiff::SignedDuration;
use runtime::Message;
use serde_json::{Value, json};
use store::ChunkRef;
use store::chunks::PlannedChunk;
use store::suppressions::{self as stored, Suppression};
use suppressions::{check, create, get, list, remove};

use crate::support::{self, Answer, Client, TestApp};

const PATH: &str = "/api/v1/suppressions";
const EMAIL: &str = "accounts@asha.example";
const WHY: &str = "The vendor wrote that the mailbox works again";

/// A vendor whose address is [`EMAIL`], and campaigns that write to it.
struct Written {
    app: TestApp,
    vendor: Vendor,
    campaigns: Vec<CampaignId>,
}

impl Written {
    async fn start() -> Self {
        let app = TestApp::start().await;
        let raw = RawVendor {
            vendor_code: Some("V-1".into()),
            company_name: Some("Asha Castings".into()),
            emails: vec![EMAIL.into()],
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
        Self {
            app,
            vendor,
            campaigns: Vec::new(),
        }
    }

    fn id() -> SuppressionId {
        SuppressionId::of(Channel::Email, EMAIL)
    }

    /// Plans another campaign to the vendor, a day later.
    async fn campaign(&mut self) -> ChunkRef {
        self.app.advance(SignedDuration::from_hours(24));
        let campaign = CampaignId::from_ulid(self.app.app().new_ulid());
        let chunk = ChunkRef {
            campaign,
            channel: Channel::Email,
            number: 1,
        };
        let planned = PlannedChunk {
            chunk,
            recipients: vec![self.vendor.clone().into()],
            planned_through: String::new(),
            root: campaign,
            may_be_answered: false,
            follow_up: false,
        };
        let now = self.app.app().now();
        store::chunks::plan(self.app.store(), &[planned], now).await.expect("the chunk is stored");
        self.campaigns.push(campaign);
        chunk
    }

    /// An event of SES about the message of a campaign.
    fn event(&self, chunk: ChunkRef, kind: &str, detail: &str) -> String {
        let at = self.app.app().now();
        let message_id = format!("ses-{}", chunk.campaign);
        let feedback = format!("feedback-{}", chunk.campaign);
        let mut event = json!({
            "eventType": kind,
            "mail": {
                "timestamp": at, "messageId": message_id, "destination": [EMAIL],
                "tags": {"campaign": [chunk.campaign], "chunk": [chunk.number.to_string()], "recipient": [self.vendor.id]},
            },
        });
        match kind {
            "Delivery" => event["delivery"] = json!({ "timestamp": at }),
            "Complaint" => event["complaint"] = json!({ "feedbackId": feedback, "complaintFeedbackType": detail, "timestamp": at }),
            _ => {
                let (bounce_type, sub_type) = detail.split_once(':').expect("a type and a subtype");
                event["bounce"] = json!({ "feedbackId": feedback, "bounceType": bounce_type, "bounceSubType": sub_type, "timestamp": at });
            }
        }
        event.to_string()
    }

    /// Hands bodies to the worker as one batch; gives the positions that are to come again.
    async fn hear(&self, bodies: &[String]) -> Vec<String> {
        let messages = bodies.iter().enumerate().map(|(n, body)| Message {
            id: n.to_string(),
            body: body.clone(),
            correlation_id: String::new(),
            receive_count: 1,
        });
        let failures = (workers::delivery_events::WORKER.handler)(self.app.app(), messages.collect()).await;
        failures.into_iter().map(|failure| failure.id).collect()
    }

    /// One campaign after the other, each with this result: `s`oft bounce, `d`elivered, `c`ontent rejected.
    async fn results(&mut self, results: &str) {
        for result in results.chars() {
            let chunk = self.campaign().await;
            let body = match result {
                's' => self.event(chunk, "Bounce", "Transient:MailboxFull"),
                'c' => self.event(chunk, "Bounce", "Transient:ContentRejected"),
                _ => self.event(chunk, "Delivery", ""),
            };
            assert_eq!(self.hear(&[body]).await, Vec::<String>::new());
        }
    }

    async fn reason(&self) -> Option<SuppressionReason> {
        let found = stored::find(self.app.store(), &Self::id()).await.expect("the table answers");
        found.map(|found| found.suppression.reason)
    }

    /// What the history says, oldest first.
    async fn history(&self) -> Vec<String> {
        let record = stored::record(self.app.store(), &Self::id()).await.expect("there is a record");
        let said = |change: stored::Change| format!("{:?} {}", change.kind, change.reason).to_lowercase();
        record.history.into_iter().map(said).collect()
    }

    async fn bounce_items(&self) -> usize {
        self.app.items(&format!("BOUNCES#email#{}", Self::id().hash())).await.len()
    }

    async fn lift(&self) -> Answer {
        self.app.advance(SignedDuration::from_hours(1));
        let admin = self.app.as_role(Role::Admin).await;
        admin
            .post(&remove::ROUTE, &format!("{PATH}/{}/remove", Self::id()), json!({ "reason": WHY }))
            .await
    }
}

fn ids(page: &Answer) -> Vec<String> {
    let page = page.json();
    let items = page["items"].as_array().expect("items").iter();
    items.map(|item| item["id"].as_str().expect("an id").to_owned()).collect()
}

async fn suppress<'a>(client: &Client<'a>, channel: &str, address: &str) -> Answer {
    let body = json!({ "channel": channel, "address": address, "note": "Asked by telephone" });
    client.post(&create::ROUTE, PATH, body).await
}

#[tokio::test]
async fn three_soft_bounces_of_the_last_five_make_an_address_unreachable() {
    for (results, unreachable) in [
        ("ss", false),
        ("sss", true),
        ("sdsds", true),
        ("ssddds", false),
        ("ssdddss", false),
        ("ccccc", false),
        ("sscccd", false),
        ("sscds", true),
        // What fell out of the last five does not come back.
        ("sddddsddddsddddsddddsdddds", false),
    ] {
        let mut written = Written::start().await;
        written.results(results).await;
        assert_eq!(written.reason().await, unreachable.then_some(SuppressionReason::SoftBounces), "{results}");
        assert_eq!(written.bounce_items().await, usize::from(results.contains('s')), "{results}");
    }
}

#[tokio::test]
async fn a_soft_bounce_told_again_counts_once_in_any_batch() {
    let mut written = Written::start().await;
    let (first, second) = (written.campaign().await, written.campaign().await);
    let bodies: Vec<String> = [first, second].map(|chunk| written.event(chunk, "Bounce", "Transient:General")).into();
    let again: Vec<String> = bodies.iter().cycle().take(6).cloned().collect();
    for batch in [&bodies[..1], &again[..], &bodies[1..]] {
        assert!(written.hear(batch).await.is_empty());
    }
    assert_eq!(written.reason().await, None);
    written.results("s").await;
    assert_eq!(written.reason().await, Some(SuppressionReason::SoftBounces));
    let after = written.app.everything().await;
    assert!(written.hear(&again).await.is_empty());
    assert_eq!(written.app.everything().await, after);
}

#[tokio::test]
async fn a_bounce_that_was_noted_but_not_judged_is_judged_when_it_comes_again() {
    let mut written = Written::start().await;
    // One fault waits through two bounces: neither makes a query, so an address costs one call until its third bounce.
    written.app.fail_after("Query", 0);
    written.results("ss").await;
    let chunk = written.campaign().await;
    let batch = [
        written.event(chunk, "Bounce", "Transient:MailboxFull"),
        written.event(chunk, "Delivery", ""),
    ];
    assert_eq!(written.hear(&batch).await, ["0"], "the other message of the batch is done");
    assert_eq!(written.reason().await, None);
    assert!(written.hear(&batch[..1]).await.is_empty());
    assert_eq!(written.reason().await, Some(SuppressionReason::SoftBounces));
}

#[tokio::test]
async fn a_delivery_costs_nothing_but_its_own_record() {
    let mut written = Written::start().await;
    let chunk = written.campaign().await;
    for operation in ["GetItem", "BatchGetItem", "Query", "UpdateItem", "PutItem", "TransactWriteItems"] {
        written.app.fail_after(operation, 0);
        let delivery = written.event(chunk, "Delivery", "");
        assert!(written.hear(&[delivery]).await.is_empty(), "{operation} is called");
    }
    assert_eq!(written.bounce_items().await, 0);
}

#[tokio::test]
async fn the_first_evidence_stands_and_others_go_to_the_history() {
    let mut written = Written::start().await;
    let (first, second) = (written.campaign().await, written.campaign().await);
    let hard = written.event(first, "Bounce", "Permanent:General");
    let complaint = written.event(second, "Complaint", "abuse");
    assert!(written.hear(&[hard.clone(), complaint.clone()]).await.is_empty());
    let before = written.app.everything().await;
    assert!(written.hear(&[complaint, hard]).await.is_empty());
    assert_eq!(written.app.everything().await, before, "a redelivery changes nothing");

    let found = stored::find(written.app.store(), &Written::id())
        .await
        .unwrap()
        .expect("it is suppressed");
    assert_eq!(found.masked.as_deref(), Some("a***@asha.example"));
    assert_eq!(found.suppression.reason, SuppressionReason::HardBounce);
    assert_eq!(found.suppression.source, Some(SuppressionSource::Event));
    assert_eq!(found.suppression.evidence.campaign, Some(first.campaign));
    assert_eq!(
        found.suppression.evidence.message_id,
        Some(format!("ses-{0}/feedback-{0}", first.campaign))
    );
    assert_eq!(written.history().await, ["added hard_bounce", "added complaint"]);
}

#[tokio::test]
async fn events_of_sendgrid_suppress_as_those_of_ses_do() {
    let mut written = Written::start().await;
    let chunk = written.campaign().await;
    let event = |name: &str, more: Value| {
        let mut event = json!({
            "email": EMAIL, "timestamp": written.app.app().now().as_second(), "event": name, "sg_event_id": format!("e-{name}"),
            "sg_message_id": "m1.filter0001.1.2.3", "campaign": chunk.campaign, "chunk": "1", "recipient": written.vendor.id,
        });
        for (name, value) in more.as_object().into_iter().flatten() {
            event[name] = value.clone();
        }
        event
    };
    let envelope = |events: Value| json!({ "source": "sendgrid", "events": events }).to_string();
    let blocked = event("bounce", json!({ "type": "blocked", "bounce_classification": "Content" }));
    let events = envelope(json!([event("processed", json!({})), blocked]));
    assert_eq!(written.hear(&[events, "{\"source\":\"sendgrid\"}".to_owned()]).await, ["1"]);
    assert_eq!((written.reason().await, written.bounce_items().await), (None, 0));
    let full = event("bounce", json!({ "type": "blocked", "bounce_classification": "Mailbox Unavailable" }));
    assert!(written.hear(&[envelope(json!([full]))]).await.is_empty());
    assert_eq!((written.reason().await, written.bounce_items().await), (None, 1));
    assert!(written.hear(&[envelope(json!([event("spamreport", json!({}))]))]).await.is_empty());
    assert_eq!(written.reason().await, Some(SuppressionReason::Complaint));
    let (log, _) = store::chunks::log(written.app.store(), chunk).await.unwrap();
    let kinds: BTreeSet<String> = log.events.iter().map(|event: &DeliveryEvent| format!("{:?}", event.kind)).collect();
    let expected = [EventKind::Sent, EventKind::SoftBounced, EventKind::Complained].map(|kind| format!("{kind:?}"));
    assert_eq!(kinds, BTreeSet::from(expected));
}

#[tokio::test]
async fn a_removal_is_kept_and_a_later_complaint_suppresses_again() {
    let mut written = Written::start().await;
    let chunk = written.campaign().await;
    let complaint = written.event(chunk, "Complaint", "abuse");
    assert!(written.hear(std::slice::from_ref(&complaint)).await.is_empty());
    let record = written.lift().await.expect(200).json();
    assert_eq!(record["current"], Value::Null);
    let [added, removed] = record["history"].as_array().expect("a history").as_slice() else {
        panic!("{record}")
    };
    assert_eq!((&added["kind"], &added["campaign_id"]), (&json!("added"), &json!(chunk.campaign)));
    assert_eq!(
        (&removed["kind"], &removed["reason"], &removed["note"]),
        (&json!("removed"), &json!("complaint"), &json!(WHY))
    );
    assert!(removed["by"].as_str().is_some_and(|by| by.starts_with("usr_")), "{removed}");
    assert!(removed["at"].as_str() > added["at"].as_str());
    assert_eq!(written.reason().await, None);
    written.lift().await.expect(404);

    assert!(written.hear(&[complaint]).await.is_empty());
    assert_eq!(written.reason().await, None, "the event the admin knew of, delivered again, is no news");
    let another = written.campaign().await;
    let complaint = written.event(another, "Complaint", "abuse");
    assert!(written.hear(&[complaint]).await.is_empty());
    assert_eq!(written.reason().await, Some(SuppressionReason::Complaint));
    assert_eq!(written.history().await, ["added complaint", "removed complaint", "added complaint"]);
}

#[tokio::test]
async fn a_removal_forgets_soft_bounces_and_an_opt_out_counts_after_it() {
    let mut written = Written::start().await;
    written.results("sss").await;
    written.lift().await.expect(200);
    assert_eq!(written.bounce_items().await, 0);
    written.results("s").await;
    assert_eq!(written.reason().await, None);
    let opt_out = Suppression::new(SuppressionReason::Unsubscribe, written.app.app().now(), SuppressionSource::Link);
    let opt_out = opt_out.because_of(written.campaigns[0], None);
    assert!(
        stored::add(written.app.store(), Channel::Email, "Accounts@ASHA.example", &opt_out)
            .await
            .unwrap()
    );
    assert_eq!(written.reason().await, Some(SuppressionReason::Unsubscribe));
}

#[tokio::test]
async fn a_removal_needs_an_admin_and_a_reason() {
    let written = Written::start().await;
    let manager = written.app.as_role(Role::CampaignManager).await;
    suppress(&manager, "email", EMAIL).await.expect(201);
    let path = format!("{PATH}/{}/remove", Written::id());
    let reason = json!({ "reason": WHY });
    for role in [Role::CampaignManager, Role::Viewer, Role::Vendor] {
        let client = written.app.as_role(role).await;
        client.post(&remove::ROUTE, &path, reason.clone()).await.expect(403);
    }
    let admin = written.app.as_role(Role::Admin).await;
    for short in ["", "please", "  too short  "] {
        let refused = admin.post(&remove::ROUTE, &path, json!({ "reason": short })).await.expect(422);
        assert_eq!(refused.field_errors(), [("reason".to_owned(), "too_short".to_owned())]);
    }
    admin
        .post(&remove::ROUTE, &format!("{PATH}/email-1/remove"), reason.clone())
        .await
        .expect(404);
    assert_eq!(written.reason().await, Some(SuppressionReason::Admin));
    admin.post(&remove::ROUTE, &path, reason).await.expect(200);
}

#[tokio::test]
async fn no_import_and_no_edit_of_a_vendor_lifts_a_suppression() {
    let written = Written::start().await;
    let app = &written.app;
    let manager = app.as_role(Role::CampaignManager).await;
    suppress(&manager, "email", EMAIL).await.expect(201);
    let partition = format!("SUPPRESS#email#{}", Written::id().hash());
    let before = app.items(&partition).await;

    let path = format!("/api/v1/vendors/{}", written.vendor.id);
    let body = |email: &str| json!({ "vendor_code": "V-1", "company_name": "Asha Castings", "email": email });
    manager.put(&vendors::update::ROUTE, &path, body("new@asha.example")).await.expect(200);
    manager.put(&vendors::update::ROUTE, &path, body(EMAIL)).await.expect(200);
    manager.delete(&vendors::delete::ROUTE, &path).await.expect(204);
    let csv = format!(
        "vendor_code,company_name,email\r\nV-1,Asha Castings,{EMAIL}\r\nV-2,Asha Works,{}\r\n",
        EMAIL.to_uppercase()
    );
    crate::imports::import(app, &manager, csv).await;

    assert_eq!(app.store().vendor_counts().await.unwrap().total, 2, "the vendors are imported");
    assert_eq!(app.items(&partition).await, before);
}

#[tokio::test]
async fn a_list_is_newest_first_filtered_paged_and_shows_no_address() {
    let app = TestApp::start().await;
    let admin = app.as_role(Role::Admin).await;
    let mut expected = Vec::new();
    for n in 0..7 {
        suppress(&admin, "email", &format!("person{n}@asha.example")).await.expect(201);
        expected.insert(0, SuppressionId::of(Channel::Email, &format!("person{n}@asha.example")).to_string());
        let phone = format!("987654321{n}");
        suppress(&admin, "whatsapp", &phone).await.expect(201);
        app.advance(SignedDuration::from_secs(1));
    }
    let viewer = app.as_role(Role::Viewer).await;
    let mut found = Vec::new();
    let mut query = "channel=email&reason=admin&limit=2".to_owned();
    loop {
        let page = viewer.get(&list::ROUTE, &format!("{PATH}?{query}")).await.expect(200);
        assert!(!page.text().contains("person"), "{}", page.text());
        assert!(page.text().contains("p***@asha.example"));
        found.extend(ids(&page));
        match page.json()["next_cursor"].as_str() {
            Some(cursor) => query = format!("channel=email&reason=admin&limit=2&cursor={cursor}"),
            None => break,
        }
        // A page that ended with the last match is followed by an empty one.
        if found.len() == 7 {
            break;
        }
    }
    assert_eq!(found, expected);
    let all = viewer.get(&list::ROUTE, PATH).await.expect(200);
    assert_eq!(ids(&all).len(), 14);
    assert!(all.text().contains("+91XXXXXX3210"));
    let none = viewer.get(&list::ROUTE, &format!("{PATH}?reason=complaint")).await.expect(200);
    assert_eq!((ids(&none).len(), &none.json()["next_cursor"]), (0, &Value::Null));
    viewer.get(&list::ROUTE, &format!("{PATH}?channel=sms")).await.expect(422);
    viewer.get(&list::ROUTE, &format!("{PATH}?reason=mood")).await.expect(422);
    app.as_role(Role::Vendor).await.get(&list::ROUTE, PATH).await.expect(403);
}

#[tokio::test]
async fn an_address_is_checked_by_any_spelling() {
    let app = TestApp::start().await;
    let manager = app.as_role(Role::CampaignManager).await;
    let viewer = app.as_role(Role::Viewer).await;
    suppress(&viewer, "email", EMAIL).await.expect(403);
    let created = suppress(&manager, "whatsapp", "+91 98765 43210").await.expect(201);
    let location = created.header("location").expect("a location").to_owned();
    assert_eq!(location, format!("{PATH}/{}", SuppressionId::of(Channel::Whatsapp, "919876543210")));
    assert_eq!(created.json()["address"], "+91XXXXXX3210");
    let detail = viewer.get(&get::ROUTE, &location).await.expect(200).json();
    assert_eq!(detail["current"]["reason"], "admin");
    assert_eq!(detail["history"][0]["note"], "Asked by telephone");

    let checked = async |query: &str| {
        let answer = viewer.get(&check::ROUTE, &format!("{PATH}/check?{query}")).await.expect(200).json();
        answer["suppressed"].as_bool().expect("a yes or no")
    };
    assert!(checked("channel=whatsapp&address=9876543210").await);
    assert!(checked("channel=whatsapp&address=%2B919876543210").await);
    assert!(!checked("channel=whatsapp&address=9876543211").await);
    assert!(!checked(&format!("channel=email&address={EMAIL}")).await);
    for wrong in [
        "",
        "channel=email",
        "address=a@b.example",
        "channel=email&address=a",
        "channel=sms&address=9876543210",
    ] {
        viewer.get(&check::ROUTE, &format!("{PATH}/check?{wrong}")).await.expect(422);
    }
    let unknown = SuppressionId::of(Channel::Email, EMAIL);
    viewer.get(&get::ROUTE, &format!("{PATH}/{unknown}")).await.expect(404);
}

#[tokio::test]
async fn what_a_person_adds_is_checked_and_repeated_once() {
    let app = TestApp::start().await;
    let manager = app.as_role(Role::CampaignManager).await;
    let good = json!({ "channel": "email", "address": EMAIL, "reason": "unsubscribe", "note": "By letter" });
    let but = |field: &str, value: Value| {
        let mut body = good.clone();
        body[field] = value;
        body
    };
    for (body, status) in [
        (but("address", json!("nobody")), 422),
        (but("note", json!(" ")), 422),
        (but("note", json!("x".repeat(501))), 422),
        (but("reason", json!("soft_bounces")), 422),
        (but("reason", json!("mood")), 400),
        (but("channel", json!("sms")), 400),
        (but("until", json!("2020-01-01T00:00:00Z")), 422),
        (but("source", json!("event")), 400),
    ] {
        manager.post(&create::ROUTE, PATH, body).await.expect(status);
    }
    let post = || manager.post(&create::ROUTE, PATH, good.clone()).idempotency_key("one");
    post().await.expect(201);
    let again = post().await.expect(201);
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    let id = SuppressionId::of(Channel::Email, EMAIL);
    assert_eq!(stored::record(app.store(), &id).await.unwrap().history.len(), 1);
}

#[tokio::test]
async fn a_suppression_that_would_end_gives_way_to_one_for_good() {
    let written = Written::start().await;
    let manager = written.app.as_role(Role::CampaignManager).await;
    let until = written.app.app().now() + SignedDuration::from_hours(240);
    let body = json!({ "channel": "email", "address": EMAIL, "note": "Closed until Diwali is over", "until": until });
    let created = manager.post(&create::ROUTE, PATH, body).await.expect(201).json();
    assert_eq!(created["until"].as_str().map(|until| &until[..19]), Some(&until.to_string()[..19]));
    let opt_out = Suppression::new(SuppressionReason::Unsubscribe, written.app.app().now(), SuppressionSource::Link);
    stored::add(written.app.store(), Channel::Email, EMAIL, &opt_out).await.unwrap();
    let found = stored::find(written.app.store(), &Written::id())
        .await
        .unwrap()
        .expect("it is suppressed");
    assert_eq!(
        (found.suppression.reason, found.suppression.expires_at),
        (SuppressionReason::Unsubscribe, None)
    );
    assert_eq!(written.history().await, ["added admin", "added unsubscribe"]);
}
