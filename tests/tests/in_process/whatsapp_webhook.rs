//! What Meta posts, from its signature to what becomes of it: the simulator's webhooks through the route, the queue and the worker.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::campaign::{Audience, Campaign, CampaignContent, CampaignState, Routing, UnknownPolicy};
use domain::delivery::{Channel, Counts, Recipient};
use domain::schedule::QuietHours;
use domain::suppression::{SuppressionId, SuppressionReason};
use domain::template::WhatsappContent;
use domain::vendor::{MsmeStatus, RawVendor, VendorProfile};
use domain::vendor_record::Vendor;
use domain::{CampaignId, TemplateId, UserId, VendorId};
use jiff::SignedDuration;
use runtime::{Message, Var};
use serde_json::{Value, json};
use store::campaigns::{MessageSnapshot, TemplateSnapshot};
use store::chunks::PlannedChunk;
use store::proposals::{Proposal, ProposalState, Review};
use store::suppressions::{Removal, Suppression};
use store::{ChunkRef, PageRequest, StoreError};
use tests::meta_simulator::{Fault, FaultKind, MetaSimulator, MetaSimulatorOptions, Outcome, Template, TemplateStatus, Webhook, WebhookRules, sign};
use webhooks::{receive_whatsapp, verify_whatsapp};

use crate::support::{self, Answer, TestApp};

const PATH: &str = "/api/v1/webhooks/whatsapp";
/// An even last digit: messages are read.
const PHONE: &str = "+919876543210";
const OTHER: &str = "+919876543212";
const TEMPLATE: &str = "declaration";

/// An app, and Meta behind it.
struct World {
    app: TestApp,
    meta: MetaSimulator,
    http: reqwest::Client,
}

impl World {
    async fn start() -> Self {
        let options = MetaSimulatorOptions {
            templates: vec![Template::new(TEMPLATE, "en", "Hello"), Template::new("other", "en", "Hello")],
            ..MetaSimulatorOptions::default()
        };
        let meta = MetaSimulator::start(options).await.expect("the simulator starts");
        let app = TestApp::start().await;
        let options = meta.options();
        app.set_whatsapp(&json!({ "app_secret": options.app_secret, "verify_token": options.verify_token }));
        let http = tests::http().timeout(Duration::from_secs(5)).build().expect("a client");
        Self { app, meta, http }
    }

    async fn vendor(&self, code: &str, phone: &str) -> Vendor {
        let raw = RawVendor {
            vendor_code: Some(code.into()),
            company_name: Some(format!("Castings {code}")),
            phone_numbers: vec![phone.into()],
            ..RawVendor::default()
        };
        let now = self.app.app().now();
        let vendor = Vendor {
            id: VendorId::from_ulid(self.app.app().new_ulid()),
            profile: VendorProfile::parse(raw).expect("a valid vendor").0,
            msme_status: MsmeStatus::Unknown,
            origin: None,
            deleted_at: None,
            created_at: now,
            updated_at: now,
            version: 1,
        };
        support::store_vendor(self.app.store(), &vendor).await;
        vendor
    }

    /// A campaign under way that sends the template to the vendors; a day after the one before.
    async fn campaign(&self, template: &str, vendors: &[&Vendor]) -> ChunkRef {
        self.app.advance(SignedDuration::from_hours(24));
        let (store, now) = (self.app.store(), self.app.app().now());
        let id = CampaignId::from_ulid(self.app.app().new_ulid());
        let template_id = TemplateId::from_ulid(self.app.app().new_ulid());
        let content = CampaignContent {
            name: "Declarations".to_owned(),
            description: None,
            template_id: None,
            whatsapp_template_id: Some(template_id),
            routing: Routing::default(),
            unknown_policy: UnknownPolicy::default(),
            quiet_hours: QuietHours::default(),
            audience: Audience::default(),
            deadline: now + SignedDuration::from_hours(240),
        };
        let campaign = Campaign {
            id,
            content,
            state: CampaignState::Draft,
            halt_reason: None,
            waived: Vec::new(),
            origin: None,
            chunks: 0,
            targeted: 0,
            created_by: UserId::from_ulid(self.app.app().new_ulid()),
            created_at: now,
            updated_at: now,
            executed_at: None,
            planned_at: None,
            sent_at: None,
            completed_at: None,
            version: 1,
        };
        store::campaigns::create(store, &campaign).await.expect("the campaign is stored");
        let content: WhatsappContent =
            serde_json::from_value(json!({ "name": "Request", "template_name": template, "language": "en" })).expect("a template");
        let snapshot = MessageSnapshot {
            email: None,
            whatsapp: Some(TemplateSnapshot {
                template_id,
                template_version: 1,
                content,
            }),
            campaign_name: "Declarations".to_owned(),
            deadline: campaign.content.deadline,
        };
        store::campaigns::start(store, &campaign, &snapshot, now)
            .await
            .expect("the campaign starts");
        let chunk = ChunkRef {
            campaign: id,
            channel: Channel::Whatsapp,
            number: 1,
        };
        let planned = PlannedChunk {
            chunk,
            recipients: vendors.iter().map(|vendor| Recipient::from((*vendor).clone())).collect(),
            planned_through: String::new(),
            root: id,
            may_be_answered: false,
            follow_up: false,
        };
        store::chunks::plan(store, &[planned], now).await.expect("the chunk is stored");
        let targeted = u32::try_from(vendors.len()).expect("a few");
        store::campaigns::finish_plan(store, id, 1, targeted, now)
            .await
            .expect("the plan is finished");
        chunk
    }

    /// Sends the campaign's message to a vendor; gives Meta's id of it.
    async fn send(&self, chunk: ChunkRef, vendor: &Vendor) -> String {
        let phone = vendor.profile.phone_number().expect("a number").as_str();
        let body = json!({
            "messaging_product": "whatsapp", "recipient_type": "individual", "to": phone, "type": "template",
            "template": { "name": TEMPLATE, "language": { "code": "en" } },
            "biz_opaque_callback_data": format!("v1:{}:{}:{}", chunk.campaign, chunk.number, vendor.id),
        });
        let options = self.meta.options();
        let url = format!("{}/{}/messages", self.meta.api_url(), options.phone_number_id);
        let response = self
            .http
            .post(url)
            .bearer_auth(&options.access_token)
            .json(&body)
            .send()
            .await
            .expect("an answer");
        let answer: Value = response.json().await.expect("JSON");
        answer["messages"][0]["id"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
    }

    async fn post(&self, webhook: &Webhook) -> Answer {
        let signature = webhook.header("x-hub-signature-256").expect("Meta signs");
        self.app
            .anonymous()
            .call(&receive_whatsapp::ROUTE, PATH)
            .header("x-hub-signature-256", signature)
            .body("application/json", webhook.body.clone())
            .await
    }

    fn queued(&self) -> Vec<String> {
        let messages = self.app.take_messages(Var::WhatsappEventsQueueUrl);
        messages
            .iter()
            .map(|message| message["MessageBody"].as_str().expect("a body").to_owned())
            .collect()
    }

    /// Hands bodies to the worker as one batch; gives the positions that are to come again.
    async fn hear(&self, bodies: &[String]) -> Vec<String> {
        let messages = bodies.iter().enumerate().map(|(n, body)| Message {
            id: n.to_string(),
            body: body.clone(),
            correlation_id: String::new(),
            receive_count: 1,
        });
        let failures = (workers::whatsapp_events::WORKER.handler)(self.app.app(), messages.collect()).await;
        failures.into_iter().map(|failure| format!("{}: {}", failure.id, failure.error)).collect()
    }

    /// Lets everything that waits at Meta arrive; gives the messages it came in.
    async fn arrive(&self) -> Vec<String> {
        for webhook in self.meta.take_webhooks() {
            self.post(&webhook).await.expect(200);
        }
        let bodies = self.queued();
        assert_eq!(self.hear(&bodies).await, Vec::<String>::new());
        bodies
    }

    async fn counts(&self, chunk: ChunkRef) -> Counts {
        store::chunks::log(self.app.store(), chunk).await.expect("the chunk is there").0.counts()
    }

    async fn suppression(&self, phone: &str) -> Option<Suppression> {
        let found = store::suppressions::find(self.app.store(), &SuppressionId::of(Channel::Whatsapp, phone)).await;
        found.expect("the table answers").map(|found| found.suppression)
    }

    async fn proposals(&self) -> Vec<Proposal> {
        let page = PageRequest { limit: 50, after: None };
        store::proposals::list(self.app.store(), &page).await.expect("the table answers").items
    }

    async fn standing(&self, chunk: ChunkRef) -> (CampaignState, Option<String>) {
        let campaign = store::campaigns::get(self.app.store(), chunk.campaign)
            .await
            .expect("the campaign is there");
        (campaign.state, campaign.halt_reason)
    }
}

fn halted(reason: &str) -> (CampaignState, Option<String>) {
    (CampaignState::Halted, Some(reason.to_owned()))
}

const SENDING: (CampaignState, Option<String>) = (CampaignState::Sending, None);

#[tokio::test]
async fn meta_is_shown_that_the_address_is_ours() {
    let world = World::start().await;
    let client = world.app.anonymous();
    let ask = |query: Vec<(String, String)>| {
        let query: Vec<String> = query.iter().map(|(name, value)| format!("{name}={value}")).collect();
        client.get(&verify_whatsapp::ROUTE, &format!("{PATH}?{}", query.join("&")))
    };
    let answer = ask(world.meta.handshake_query("1158201444")).await.expect(200);
    assert_eq!(answer.text(), "1158201444");
    assert_eq!(answer.header("content-type"), Some("text/plain; charset=utf-8"));
    for (name, wrong) in [
        ("hub.verify_token", "simulator-verify-tokem"),
        ("hub.verify_token", ""),
        ("hub.mode", "unsubscribe"),
    ] {
        let mut query = world.meta.handshake_query("1158201444");
        query
            .iter_mut()
            .filter(|(known, _)| known == name)
            .for_each(|(_, value)| *value = wrong.to_owned());
        ask(query).await.expect(403);
    }
}

#[tokio::test]
async fn a_stack_without_whatsapp_has_no_such_path() {
    let app = TestApp::start().await;
    let client = app.anonymous();
    let query = "hub.mode=subscribe&hub.verify_token=&hub.challenge=1";
    client.get(&verify_whatsapp::ROUTE, &format!("{PATH}?{query}")).await.expect(404);
    let call = client
        .call(&receive_whatsapp::ROUTE, PATH)
        .header("x-hub-signature-256", &sign("", b"{}"));
    call.body("application/json", "{}").await.expect(404);
    assert_eq!(app.take_messages(Var::WhatsappEventsQueueUrl), Vec::<Value>::new());
}

#[tokio::test]
async fn nothing_is_taken_that_meta_did_not_sign() {
    let world = World::start().await;
    world.meta.reply(PHONE, "धन्यवाद");
    let good = world.meta.take_webhooks().remove(0);
    let forged = Webhook {
        headers: vec![("x-hub-signature-256".to_owned(), sign("another-secret", &good.body))],
        ..good.clone()
    };
    world.post(&forged).await.expect(403);
    let changed = Webhook {
        body: [good.body.as_slice(), b" "].concat(),
        ..good.clone()
    };
    world.post(&changed).await.expect(403);
    let call = world.app.anonymous().call(&receive_whatsapp::ROUTE, PATH);
    call.body("application/json", good.body.clone()).await.expect(403);
    assert_eq!(world.queued(), Vec::<String>::new());

    // What the queue does not take, Meta posts again.
    world.app.fail_after("SendMessageBatch", 0);
    world.post(&good).await.expect(500);
    world.post(&good).await.expect(200);
    let bodies = world.queued();
    assert_eq!(bodies.len(), 1);
    assert_eq!(serde_json::from_str::<Value>(&bodies[0]).expect("JSON"), good.json());
}

#[tokio::test]
async fn the_signature_is_of_the_bytes_however_the_gateway_hands_them_over() {
    let world = World::start().await;
    // Meta escapes what is not ASCII; one spelling of a body is not another.
    let body = br#"{"object":"whatsapp_business_account","entry":[],"note":"\u0927\u0928\u094d\u092f\u0935\u093e\u0926 \/ok"}"#;
    let event = |body: &str, is_base64: bool| {
        let signature = sign(
            &world.meta.options().app_secret,
            br#"{"object":"whatsapp_business_account","entry":[],"note":"\u0927\u0928\u094d\u092f\u0935\u093e\u0926 \/ok"}"#,
        );
        json!({
            "version": "2.0", "routeKey": "POST /api/v1/webhooks/whatsapp", "rawPath": PATH, "rawQueryString": "",
            "headers": { "content-type": "application/json", "x-hub-signature-256": signature },
            "requestContext": {
                "accountId": "1", "apiId": "a", "domainName": "d", "domainPrefix": "p", "requestId": "r", "routeKey": "k", "stage": "$default",
                "time": "22/Nov/2026:10:00:00 +0000", "timeEpoch": 1_795_341_600_000_i64,
                "http": { "method": "POST", "path": PATH, "protocol": "HTTP/1.1", "sourceIp": "203.0.113.24", "userAgent": "facebookexternalua" },
            },
            "body": body, "isBase64Encoded": is_base64,
        })
    };
    let text = std::str::from_utf8(body).expect("ASCII");
    for (event, status) in [
        (event(&STANDARD.encode(body), true), 200),
        (event(text, false), 200),
        // The bytes are those of the base64 text itself.
        (event(&STANDARD.encode(body), false), 403),
    ] {
        let request = runtime::request_of(lambda_http::request::from_str(&event.to_string()).expect("an event of API Gateway"));
        let response = runtime::dispatch(world.app.app(), &receive_whatsapp::ROUTE, request).await;
        assert_eq!(response.status().as_u16(), status);
    }
    assert_eq!(world.queued().len(), 2);
}

#[tokio::test]
async fn statuses_count_once_however_often_and_in_whatever_order_they_come() {
    let world = World::start().await;
    let (read, delivered) = (world.vendor("V-1", PHONE).await, world.vendor("V-2", "+919876543211").await);
    let chunk = world.campaign(TEMPLATE, &[&read, &delivered]).await;
    let rules = WebhookRules {
        batch: 1,
        copies: 2,
        reversed: true,
    };
    world.meta.set_webhook_rules(rules);
    world.send(chunk, &read).await;
    world.send(chunk, &delivered).await;
    let bodies = world.arrive().await;
    // Sent, delivered and read of one, sent and delivered of the other, everything twice.
    assert_eq!(bodies.len(), 10);
    let counts = world.counts(chunk).await;
    assert_eq!((counts.targeted, counts.delivered, counts.accepted), (2, 2, 0));

    let before = world.app.everything().await;
    assert_eq!(world.hear(&bodies).await, Vec::<String>::new());
    assert_eq!(world.app.everything().await, before, "the same batch again writes what is there");
    for body in bodies.iter().rev() {
        assert_eq!(world.hear(std::slice::from_ref(body)).await, Vec::<String>::new());
    }
    assert_eq!(world.counts(chunk).await, counts);
}

#[tokio::test]
async fn a_status_of_no_campaign_and_a_webhook_of_something_else_are_let_pass() {
    let world = World::start().await;
    let update = json!({ "object": "whatsapp_business_account", "entry": [{ "id": "1", "changes": [
        { "field": "account_update", "value": { "event": "VERIFIED_ACCOUNT" } },
        { "field": "messages", "value": { "statuses": [{ "id": "wamid.X", "status": "sent", "timestamp": "1", "recipient_id": "919876543210" }] } },
    ] }] });
    let before = world.app.everything().await;
    assert_eq!(world.hear(&[update.to_string()]).await, Vec::<String>::new());
    assert_eq!(world.app.everything().await, before);
    // What is no webhook at all comes again and ends in the dead-letter queue, and takes nothing with it.
    let failures = world.hear(&[update.to_string(), "{}".to_owned()]).await;
    assert_eq!(failures.len(), 1, "{failures:?}");
}

#[tokio::test]
async fn stop_in_hindi_opts_out_once_and_an_administrator_can_undo_it() {
    let world = World::start().await;
    let vendor = world.vendor("V-1", PHONE).await;
    let first = world.campaign(TEMPLATE, &[&vendor]).await;
    let second = world.campaign(TEMPLATE, &[&vendor]).await;
    world.send(first, &vendor).await;
    world.send(second, &vendor).await;
    let id = world.meta.reply(PHONE, "कृपया बंद करें।");
    // The statuses that show whom the number belongs to are in the same batch.
    let bodies = world.arrive().await;

    let suppression = world.suppression(PHONE).await.expect("an opt-out");
    assert_eq!(suppression.reason, SuppressionReason::WhatsappStop);
    assert_eq!(
        suppression.evidence.campaign,
        Some(second.campaign),
        "the newest campaign that wrote to the number"
    );
    assert_eq!(suppression.evidence.message_id, Some(id.replace('/', "_")));
    assert_eq!((world.counts(first).await.unsubscribed, world.counts(second).await.unsubscribed), (0, 1));
    assert_eq!(world.proposals().await, []);

    let removal = Removal {
        entry: world.app.app().new_ulid(),
        by: UserId::from_ulid(world.app.app().new_ulid()),
        why: "The vendor asked to be written to again".to_owned(),
        at: world.app.app().now(),
    };
    store::suppressions::remove(world.app.store(), &SuppressionId::of(Channel::Whatsapp, PHONE), removal)
        .await
        .expect("the suppression is lifted");
    // Told again, also when another campaign has written to the number since.
    let third = world.campaign(TEMPLATE, &[&vendor]).await;
    world.send(third, &vendor).await;
    world.arrive().await;
    assert_eq!(world.hear(&bodies).await, Vec::<String>::new());
    assert_eq!(world.suppression(PHONE).await, None);
    assert_eq!(world.counts(third).await.unsubscribed, 0);
}

#[tokio::test]
async fn the_button_of_an_older_message_opts_out_of_that_campaign() {
    let world = World::start().await;
    let vendor = world.vendor("V-1", PHONE).await;
    let first = world.campaign(TEMPLATE, &[&vendor]).await;
    let second = world.campaign(TEMPLATE, &[&vendor]).await;
    let message = world.send(first, &vendor).await;
    world.send(second, &vendor).await;
    world.arrive().await;
    world.meta.tap(&message, "No more", "STOP").expect("the message is there");
    world.arrive().await;
    assert_eq!(
        world.suppression(PHONE).await.expect("an opt-out").evidence.campaign,
        Some(first.campaign)
    );
    assert_eq!((world.counts(first).await.unsubscribed, world.counts(second).await.unsubscribed), (1, 0));
}

#[tokio::test]
async fn a_stop_from_a_number_nobody_wrote_to_counts_too() {
    let world = World::start().await;
    world.meta.reply(OTHER, "STOP");
    world.arrive().await;
    let suppression = world.suppression(OTHER).await.expect("an opt-out");
    assert_eq!(
        (suppression.reason, suppression.evidence.campaign),
        (SuppressionReason::WhatsappStop, None)
    );
}

#[tokio::test]
async fn a_udyam_number_is_one_proposal_and_other_words_are_only_kept() {
    let world = World::start().await;
    let vendor = world.vendor("V-1", PHONE).await;
    let chunk = world.campaign(TEMPLATE, &[&vendor]).await;
    world.send(chunk, &vendor).await;
    world.meta.reply(PHONE, "Our udyam no is udyam mh 26 0012345, thank you");
    world.meta.reply(PHONE, "धन्यवाद");
    let bodies = world.arrive().await;
    assert_eq!(world.hear(&bodies).await, Vec::<String>::new());

    let proposals = world.proposals().await;
    let [proposal] = proposals.as_slice() else { panic!("{proposals:?}") };
    assert_eq!(proposal.udyam.as_str(), "UDYAM-MH-26-0012345");
    assert_eq!((proposal.vendor_id, proposal.campaign_id), (Some(vendor.id), Some(chunk.campaign)));
    assert_eq!(
        (proposal.state, proposal.from_masked.as_str()),
        (ProposalState::Proposed, "+91XXXXXX3210")
    );
    assert!(proposal.text.contains("thank you"));
    assert_eq!(world.suppression(PHONE).await, None);
    // A proposal is no answer.
    assert_eq!(world.counts(chunk).await.responded, 0);
    let kept = world.app.everything().await;
    let kept: Vec<_> = kept.iter().filter(|item| item["entity"]["S"] == "inbound_message").collect();
    assert_eq!(kept.len(), 2);
    assert!(!kept.iter().any(|item| item.to_string().contains("9876543210")), "the number is masked");

    let review = |state| Review {
        state,
        by: UserId::from_ulid(world.app.app().new_ulid()),
        at: world.app.app().now(),
        note: Some("Found in the register".to_owned()),
    };
    let accepted = store::proposals::review(world.app.store(), proposal.id, &review(ProposalState::Accepted))
        .await
        .expect("the decision is stored");
    assert_eq!(accepted.state, ProposalState::Accepted);
    let again = store::proposals::review(world.app.store(), proposal.id, &review(ProposalState::Rejected)).await;
    assert!(matches!(again, Err(StoreError::Conflict(_))), "{again:?}");
    assert_eq!(world.hear(&bodies).await, Vec::<String>::new());
    assert_eq!(world.proposals().await, [accepted], "told again, it stays decided");
}

#[tokio::test]
async fn whose_udyam_number_it_is_stays_open_where_vendors_share_a_telephone() {
    let world = World::start().await;
    let (one, two) = (world.vendor("V-1", PHONE).await, world.vendor("V-2", PHONE).await);
    let chunk = world.campaign(TEMPLATE, &[&one, &two]).await;
    world.send(chunk, &one).await;
    world.send(chunk, &two).await;
    world.meta.reply(PHONE, "UDYAM-MH-26-0012345");
    world.arrive().await;
    let proposals = world.proposals().await;
    assert_eq!(proposals.len(), 1);
    assert_eq!((proposals[0].vendor_id, proposals[0].campaign_id), (None, Some(chunk.campaign)));
}

#[tokio::test]
async fn a_paused_template_halts_the_campaigns_that_send_it() {
    let world = World::start().await;
    let vendor = world.vendor("V-1", PHONE).await;
    let sends_it = world.campaign(TEMPLATE, &[&vendor]).await;
    let sends_another = world.campaign("other", &[&vendor]).await;
    assert!(world.meta.set_template_status(TEMPLATE, "en", TemplateStatus::Paused));
    let bodies = world.arrive().await;
    assert_eq!(world.standing(sends_it).await, halted("template_paused:declaration"));
    assert_eq!(world.standing(sends_another).await, SENDING);

    // An operator lets it go on; the same news told again does not stop it.
    let store = world.app.store();
    let seen = store::campaigns::get(store, sends_it.campaign).await.expect("the campaign is there");
    store::campaigns::resume(store, &seen, CampaignState::Sending, world.app.app().now())
        .await
        .expect("it goes on");
    assert_eq!(world.hear(&bodies).await, Vec::<String>::new());
    assert_eq!(world.standing(sends_it).await, SENDING);

    assert!(world.meta.set_template_status("other", "en", TemplateStatus::Approved));
    world.arrive().await;
    assert_eq!(world.standing(sends_another).await, SENDING);
    assert!(world.meta.set_template_status("other", "en", TemplateStatus::Disabled));
    world.arrive().await;
    assert_eq!(world.standing(sends_another).await, halted("template_disabled:other"));
}

#[tokio::test]
async fn a_failure_says_what_it_means_for_number_and_campaign() {
    let world = World::start().await;
    let (first, second) = (world.vendor("V-1", PHONE).await, world.vendor("V-2", OTHER).await);
    let chunk = world.campaign(TEMPLATE, &[&first, &second]).await;
    let ends_as = |code| {
        Fault::once(FaultKind::EndAs {
            outcome: Outcome::Failed { code },
        })
    };
    world.meta.inject(ends_as(131_050));
    world.send(chunk, &first).await;
    world.arrive().await;
    let suppression = world.suppression(PHONE).await.expect("an opt-out with Meta");
    assert_eq!(
        (suppression.reason, suppression.evidence.campaign),
        (SuppressionReason::ProviderOptOut, Some(chunk.campaign))
    );
    assert_eq!(world.standing(chunk).await, SENDING);

    world.meta.inject(ends_as(131_048));
    world.send(chunk, &second).await;
    world.arrive().await;
    assert_eq!(world.standing(chunk).await, halted("whatsapp:131048"));
    assert_eq!(world.suppression(OTHER).await, None);
    let counts = world.counts(chunk).await;
    assert_eq!((counts.failed, counts.delivered), (2, 0));
}

#[tokio::test]
async fn what_is_not_recorded_comes_again_as_a_whole() {
    let world = World::start().await;
    let vendor = world.vendor("V-1", PHONE).await;
    let chunk = world.campaign(TEMPLATE, &[&vendor]).await;
    world.send(chunk, &vendor).await;
    for webhook in world.meta.take_webhooks() {
        world.post(&webhook).await.expect(200);
    }
    let bodies = world.queued();
    world.app.fail_after("BatchWriteItem", 0);
    assert_eq!(world.hear(&bodies).await.len(), bodies.len());
    assert_eq!(world.hear(&bodies).await, Vec::<String>::new());
    assert_eq!(world.counts(chunk).await.delivered, 1);
}
