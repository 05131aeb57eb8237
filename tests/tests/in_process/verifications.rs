//! Verifications: runs through the real worker against the Cashfree simulator, results, findings and dated statuses.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::collections::BTreeSet;

use domain::user::Role;
use domain::verification::{Asked, Kind};
use jiff::SignedDuration;
use runtime::{Message, Var};
use serde_json::{Value, json};
use tests::cashfree_simulator::universe::name_of;
use tests::cashfree_simulator::{CLIENT_ID, CLIENT_SECRET, CashfreeFault, CashfreeSimulator, Entry};
use vendors::{create as create_vendor, findings, get as get_vendor, status};
use verifications::{cancel, get, list, of_vendor, resume, start};

use crate::support::{Client, TestApp};

const RUNS: &str = "/api/v1/verifications";

/// An app whose provider is a simulator.
struct World {
    app: TestApp,
    simulator: CashfreeSimulator,
}

impl World {
    async fn start() -> Self {
        Self::start_with(&[]).await
    }

    async fn start_with(environment: &[(&str, &str)]) -> Self {
        let app = TestApp::start_with(environment).await;
        let simulator = CashfreeSimulator::start().await.expect("the simulator starts");
        let world = Self { app, simulator };
        world.set_account(json!({}));
        world
    }

    /// Fills in the account's secret, but for what a test wants otherwise.
    fn set_account(&self, more: Value) {
        let mut secret = json!({ "provider": "cashfree", "url": self.simulator.url(), "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET });
        secret.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.app.set_verification(&secret);
    }

    /// What the queue holds, as Lambda would hand it to the worker, and after how long.
    fn messages(&self) -> Vec<(Message, i64)> {
        let sent = self.app.take_messages(Var::VerificationQueueUrl);
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let message = |entry: &Value| Message {
            id: "m-1".to_owned(),
            body: text(&entry["MessageBody"]),
            correlation_id: text(&entry["MessageAttributes"]["correlation_id"]["StringValue"]),
            receive_count: 1,
        };
        sent.iter()
            .map(|entry| (message(entry), entry["DelaySeconds"].as_i64().unwrap_or(0)))
            .collect()
    }

    /// Hands a message to the worker; false when it is to be delivered again.
    async fn deliver(&self, message: &Message) -> bool {
        (workers::verification::WORKER.handler)(self.app.app(), vec![message.clone()])
            .await
            .is_empty()
    }

    /// Works until the queue is empty, and gives everything that was in it. Time passes as messages are kept back.
    async fn drain(&self) -> Vec<Message> {
        let mut seen = Vec::new();
        for _ in 0..500 {
            let messages = self.messages();
            if messages.is_empty() {
                return seen;
            }
            for (message, delay_secs) in messages {
                self.app.advance(SignedDuration::from_secs(delay_secs));
                assert!(self.deliver(&message).await, "{}", message.body);
                seen.push(message);
            }
        }
        panic!("the queue is never empty");
    }

    /// A manager who has just signed in: no token outlasts the days that pass in a test.
    async fn manager(&self) -> Client<'_> {
        self.app.as_role(Role::CampaignManager).await
    }

    fn asked(&self) -> Vec<String> {
        self.simulator.accepted().into_iter().map(|request| request.identifier).collect()
    }
}

fn udyam(number: u32) -> String {
    format!("UDYAM-MH-26-{number:07}")
}

/// Creates a vendor with a Udyam number under the name the register has for it, and gives its path.
async fn vendor(client: &Client<'_>, number: u32, more: Value) -> String {
    let mut body = json!({ "vendor_code": format!("V-{number}"), "company_name": name_of(&udyam(number)), "udyam_number": udyam(number) });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    // What a test leaves out on purpose.
    body.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    let created = client.post(&create_vendor::ROUTE, "/api/v1/vendors", body).await.expect(201);
    created.header("location").unwrap().to_owned()
}

fn id_of(path: &str) -> &str {
    path.rsplit('/').next().unwrap()
}

/// Starts a run and gives its path.
async fn begin(client: &Client<'_>, body: Value) -> String {
    let accepted = client.post(&start::ROUTE, RUNS, body).await.expect(202);
    accepted.header("location").unwrap().to_owned()
}

async fn run(client: &Client<'_>, path: &str) -> Value {
    client.get(&get::ROUTE, path).await.expect(200).json()
}

async fn results(client: &Client<'_>, vendor: &str) -> Vec<Value> {
    let answer = client.get(&of_vendor::ROUTE, &format!("{vendor}/verifications")).await.expect(200).json();
    answer["items"].as_array().unwrap().clone()
}

/// `(code, outcome)` of each finding of a register.
async fn register_findings(client: &Client<'_>, vendor: &str) -> Vec<(String, String)> {
    let answer = client.get(&findings::ROUTE, &format!("{vendor}/findings")).await.expect(200).json();
    let found = answer["verifications"].as_array().unwrap().iter();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    found.map(|finding| (text(&finding["code"]), text(&finding["outcome"]))).collect()
}

async fn status_on(client: &Client<'_>, vendor: &str, day: &str) -> Value {
    client.get(&status::ROUTE, &format!("{vendor}/status?on={day}")).await.expect(200).json()["status"].clone()
}

#[tokio::test]
async fn every_outcome_is_counted_kept_and_made_a_finding() {
    let world = World::start().await;
    let manager = world.app.as_role(Role::CampaignManager).await;
    let mut paths = Vec::new();
    for number in [120, 125, 126, 127, 130] {
        // The register has 127 under another name than we do.
        let more = if number == 127 {
            json!({ "company_name": "Kaveri Castings" })
        } else {
            json!({})
        };
        paths.push(vendor(&manager, number, more).await);
    }
    let refused = CashfreeFault::Refuse {
        status: 400,
        code: "udyam_value_invalid",
    };
    world.simulator.inject_for(&udyam(130), refused);
    let path = begin(&manager, json!({ "kinds": ["udyam"], "filter": {} })).await;
    let begun = run(&manager, &path).await;
    assert_eq!(
        (&begun["state"], &begun["preflight"]["requests"]),
        (&json!("running"), &json!(5)),
        "{begun}"
    );
    world.drain().await;

    let over = run(&manager, &path).await;
    assert_eq!(over["state"], json!("completed"), "{over}");
    assert_eq!(over["progress"]["asked"], json!(5));
    assert_eq!(over["progress"]["vendors_done"], json!(5));
    let expected =
        json!({ "verified": 1, "mismatch": 2, "not_found": 1, "invalid_input": 1, "auth": 0, "quota": 0, "timeout": 0, "provider_error": 0 });
    assert_eq!(over["progress"]["outcomes"], expected);

    let expected = [
        ("verified", "udyam_verified", "passed"),
        ("not_found", "udyam_not_found", "failed"),
        ("mismatch", "udyam_cancelled", "failed"),
        ("mismatch", "udyam_name_differs", "failed"),
        ("invalid_input", "udyam_refused", "failed"),
    ];
    for (vendor, (outcome, code, finding)) in paths.iter().zip(expected) {
        let kept = results(&manager, vendor).await;
        assert_eq!(kept.len(), 1, "{kept:?}");
        assert_eq!(
            (&kept[0]["outcome"], &kept[0]["is_conclusive"]),
            (&json!(outcome), &json!(true)),
            "{kept:?}"
        );
        let identifier = kept[0]["identifier"].as_str().unwrap();
        assert!(identifier.starts_with("UDYAM-MH-26-XXXX"), "{identifier}");
        assert_eq!(register_findings(&manager, vendor).await, [(code.to_owned(), finding.to_owned())]);
    }
    // Only what is the vendor's own and in force changes its status.
    let statuses = async |vendor: &str| manager.get(&get_vendor::ROUTE, vendor).await.expect(200).json()["msme_status"].clone();
    assert_eq!(statuses(&paths[0]).await, json!("micro"));
    for vendor in &paths[1..] {
        assert_eq!(statuses(vendor).await, json!("unknown"), "silence and errors say nothing");
    }
    let runs = manager.get(&list::ROUTE, RUNS).await.expect(200).json();
    assert_eq!(runs["items"][0]["id"], over["id"]);
}

#[tokio::test]
async fn what_went_unanswered_is_asked_again_and_given_up_after_five_times() {
    let world = World::start().await;
    let manager = world.app.as_role(Role::CampaignManager).await;
    let path = vendor(&manager, 120, json!({})).await;
    world.simulator.inject(CashfreeFault::RateLimited { retry_after_secs: 40 });
    world.simulator.inject(CashfreeFault::Html);
    let first = begin(&manager, json!({ "kinds": ["udyam"], "vendor_ids": [id_of(&path)] })).await;
    let begun = world.app.app().now();
    world.drain().await;
    let over = run(&manager, &first).await;
    // Too many requests: nobody looked at that one.
    assert_eq!((&over["state"], &over["progress"]["retries"]), (&json!("completed"), &json!(1)), "{over}");
    assert_eq!(over["progress"]["outcomes"]["verified"], json!(1));
    assert!(
        world.app.app().now().duration_since(begun) >= SignedDuration::from_secs(40),
        "not before the provider wants"
    );
    assert_eq!(results(&manager, &path).await[0]["attempts"], json!(2));

    for _ in 0..9 {
        world.simulator.inject(CashfreeFault::Refuse {
            status: 502,
            code: "verification_failed",
        });
    }
    let asked = world.asked().len();
    let again = json!({ "kinds": ["udyam"], "vendor_ids": [id_of(&path)], "not_asked_within_days": 0 });
    let second = begin(&manager, again).await;
    world.drain().await;
    let over = run(&manager, &second).await;
    assert_eq!(
        (&over["state"], &over["progress"]["outcomes"]["provider_error"]),
        (&json!("completed"), &json!(1)),
        "{over}"
    );
    assert_eq!(world.asked().len() - asked, 5);
    let kept = results(&manager, &path).await;
    assert_eq!(
        (&kept[0]["outcome"], &kept[0]["is_conclusive"]),
        (&json!("provider_error"), &json!(false)),
        "the newest first"
    );
    // What was known stays known.
    assert_eq!(
        register_findings(&manager, &path).await,
        [("udyam_verified".to_owned(), "passed".to_owned())]
    );
}

#[tokio::test]
async fn an_account_without_money_halts_the_run_with_the_reason() {
    let world = World::start().await;
    let manager = world.app.as_role(Role::CampaignManager).await;
    for number in 0..60 {
        vendor(&manager, 1_000 + number * 10, json!({})).await;
    }
    world.simulator.set_balance(20);
    let path = begin(&manager, json!({ "kinds": ["udyam"], "filter": {} })).await;
    let messages = world.drain().await;
    let over = run(&manager, &path).await;
    assert_eq!(over["state"], json!("halted"), "{over}");
    let reason = over["reason"].as_str().unwrap();
    assert!(
        reason.starts_with("cashfree:insufficient_balance") && reason.contains("recharge"),
        "{reason}"
    );
    assert_eq!(over["progress"]["outcomes"]["verified"], json!(20), "what was paid for is kept");
    let asked = world.asked().len();
    assert!((21..=28).contains(&asked), "those that were under way, and no more: {asked}");
    for message in &messages {
        assert!(world.deliver(message).await);
    }
    assert!(world.messages().is_empty());
    assert_eq!(world.asked().len(), asked);
}

#[tokio::test]
async fn the_sample_of_an_inactive_account_halts_the_run_and_is_nobodys_answer() {
    let world = World::start().await;
    let manager = world.app.as_role(Role::CampaignManager).await;
    let path = vendor(&manager, 120, json!({})).await;
    world.simulator.inject(CashfreeFault::WrongIdentifier);
    let begun = begin(&manager, json!({ "kinds": ["udyam"], "filter": {} })).await;
    world.drain().await;
    let over = run(&manager, &begun).await;
    assert_eq!(over["state"], json!("halted"), "{over}");
    assert!(over["reason"].as_str().unwrap().contains("not active"), "{over}");
    assert_eq!(register_findings(&manager, &path).await, [], "nothing was said of the vendor");
    assert_eq!(over["progress"]["asked"], json!(0));
}

#[tokio::test]
async fn messages_may_come_twice_and_workers_may_die_but_nothing_is_paid_twice() {
    // Each as often as the worker makes the call at least, so that the failure is the worker's.
    let calls = [
        ("PutItem", 6),
        ("UpdateItem", 6),
        ("TransactWriteItems", 6),
        ("SendMessageBatch", 1),
        ("BatchGetItem", 2),
    ];
    for (operation, at_least) in calls {
        for successes in 0..at_least {
            let world = World::start().await;
            let manager = world.app.as_role(Role::CampaignManager).await;
            for number in 0..4 {
                vendor(&manager, 100 + number * 10, json!({})).await;
            }
            let path = begin(&manager, json!({ "kinds": ["udyam"], "filter": {} })).await;
            world.app.fail_after(operation, successes);
            let mut delivered = Vec::new();
            for _ in 0..200 {
                let messages = world.messages();
                if messages.is_empty() {
                    break;
                }
                for (message, delay_secs) in messages {
                    world.app.advance(SignedDuration::from_secs(delay_secs));
                    // After a failure SQS delivers again when the message becomes visible.
                    while !world.deliver(&message).await {
                        world.app.advance(SignedDuration::from_secs(540));
                    }
                    world.deliver(&message).await;
                    delivered.push(message);
                }
            }
            for message in &delivered {
                assert!(world.deliver(message).await);
            }
            let over = run(&manager, &path).await;
            let case = format!("{operation} fails after {successes}: {over}");
            assert_eq!(over["state"], json!("completed"), "{case}");
            assert_eq!(over["progress"]["outcomes"]["verified"], json!(4), "{case}");
            assert_eq!(over["progress"]["vendors_done"], json!(4), "{case}");
            let asked = world.asked();
            assert_eq!(over["progress"]["asked"], json!(asked.len()), "{case}");
            // An answer that could not be written down was lost, as with a worker that died: it is asked for again, and both are counted.
            let lost = usize::try_from(over["progress"]["retries"].as_u64().unwrap()).unwrap();
            assert!(lost <= 1 && asked.len() == 4 + lost, "{case}");
        }
    }
}

#[tokio::test]
async fn after_a_cancellation_nothing_more_is_asked() {
    let world = World::start().await;
    let manager = world.app.as_role(Role::CampaignManager).await;
    for number in 0..60 {
        vendor(&manager, 1_000 + number * 10, json!({})).await;
    }
    let path = begin(&manager, json!({ "kinds": ["udyam"], "filter": {} })).await;
    let (plan, _) = world.messages().remove(0);
    assert!(world.deliver(&plan).await);
    let pages = world.messages();
    assert!(world.deliver(&pages[0].0).await);
    let asked = world.asked().len();
    assert_eq!(asked, 50);
    let cancelled = manager
        .post(&cancel::ROUTE, &format!("{path}/cancel"), json!({}))
        .await
        .expect(200)
        .json();
    assert_eq!(cancelled["state"], json!("cancelled"));
    assert!(world.deliver(&pages[1].0).await);
    world.drain().await;
    assert_eq!(world.asked().len(), asked);
    let over = run(&manager, &path).await;
    assert_eq!(
        (&over["state"], &over["progress"]["outcomes"]["verified"]),
        (&json!("cancelled"), &json!(50)),
        "{over}"
    );
    assert_eq!(over["progress"]["vendors_done"], json!(50));
    manager.post(&cancel::ROUTE, &format!("{path}/cancel"), json!({})).await.expect(200);

    let other = begin(&manager, json!({ "kinds": ["udyam"], "filter": {}, "not_asked_within_days": 0 })).await;
    world.drain().await;
    assert_eq!(run(&manager, &other).await["state"], json!("completed"));
    manager.post(&cancel::ROUTE, &format!("{other}/cancel"), json!({})).await.expect(409);
}

#[tokio::test]
async fn a_segment_of_120_vendors_is_asked_about_each_identifier_once_whoever_bears_it() {
    let world = World::start_with(&[("VERIFICATION_PER_MINUTE", "12000")]).await;
    let manager = world.app.as_role(Role::CampaignManager).await;
    for number in 0..120 {
        // Every other vendor is another code of the vendor before it: same PAN, same Udyam number.
        let serial = number / 2 * 10;
        let more = json!({
            "vendor_code": format!("V-{number}"),
            "pan_number": format!("AABCV{:04}K", 1_000 + serial),
            "tags": "critical",
        });
        vendor(&manager, 10_000 + serial, more).await;
    }
    vendor(&manager, 900_007, json!({})).await;
    vendor(&manager, 900_008, json!({ "udyam_number": null, "tags": "critical" })).await;
    let segment = json!({ "name": "Critical", "filter": { "tags": ["critical"] } });
    let segment = manager
        .post(&segments::create::ROUTE, "/api/v1/segments", segment)
        .await
        .expect(201)
        .json();
    let path = begin(&manager, json!({ "kinds": ["udyam", "pan"], "segment_id": segment["id"] })).await;
    let begun = run(&manager, &path).await;
    let preflight = json!({ "vendors": 121, "vendors_without_identifiers": 1, "udyam": 60, "gstin": 0, "pan": 60, "requests": 120 });
    assert_eq!(begun["preflight"], preflight);
    world.drain().await;
    let over = run(&manager, &path).await;
    assert_eq!(over["state"], json!("completed"), "{over}");
    assert_eq!(
        (&over["progress"]["vendors_done"], &over["progress"]["asked"]),
        (&json!(120), &json!(120))
    );
    let outcomes: u64 = over["progress"]["outcomes"].as_object().unwrap().values().filter_map(Value::as_u64).sum();
    assert_eq!(outcomes, 240, "both codes of a PAN have a result each");
    let mut asked = world.asked();
    asked.sort();
    asked.dedup();
    assert_eq!(asked.len(), 120);
}

#[tokio::test]
async fn the_register_settles_what_a_vendor_was_year_by_year_and_its_history_grows() {
    let world = World::start().await;
    let manager = world.app.as_role(Role::CampaignManager).await;
    // Small this year, micro the year before; our record says micro, and trading.
    let path = vendor(
        &manager,
        123,
        json!({ "msme_status": "micro", "activity": "trading", "udyam_registration_date": "2022-01-02" }),
    )
    .await;
    let body = json!({ "kinds": ["udyam"], "vendor_ids": [id_of(&path)], "not_asked_within_days": 0 });
    begin(&manager, body.clone()).await;
    world.drain().await;
    let codes: Vec<String> = register_findings(&manager, &path).await.into_iter().map(|(code, _)| code).collect();
    assert_eq!(codes, ["udyam_class_differs", "udyam_activity_differs"]);
    assert_eq!(status_on(&manager, &path, "2024-03-31").await, json!("micro"));
    assert_eq!(status_on(&manager, &path, "2024-04-01").await, json!("small"));
    let now = manager.get(&status::ROUTE, &format!("{path}/status")).await.expect(200).json();
    assert_eq!(
        (&now["status"], &now["entry"]["evidence"]["kind"]),
        (&json!("small"), &json!("verification")),
        "{now}"
    );
    assert_eq!(now["entry"]["evidence"]["provider"], json!("cashfree"));
    assert_eq!(now["entry"]["class_rule"], json!("2020"));
    let entries = now["history"].as_array().unwrap().len();

    // Nothing new: another result, but no other status.
    begin(&manager, body.clone()).await;
    world.drain().await;
    let again = manager.get(&status::ROUTE, &format!("{path}/status")).await.expect(200).json();
    assert_eq!(again["history"].as_array().unwrap().len(), entries);
    assert_eq!(results(&manager, &path).await.len(), 2);

    // The class moved on.
    let name = name_of(&udyam(123));
    world.simulator.register(
        &udyam(123),
        Entry {
            enterprise_type: "Medium",
            earlier_type: "Micro",
            ..Entry::active(&name)
        },
    );
    begin(&manager, body).await;
    world.drain().await;
    assert_eq!(status_on(&manager, &path, "2024-04-01").await, json!("medium"));
    assert_eq!(status_on(&manager, &path, "2024-03-31").await, json!("micro"));
    assert_eq!(results(&manager, &path).await.len(), 3);
}

#[tokio::test]
async fn all_three_registers_are_held_against_each_other() {
    let world = World::start().await;
    let manager = world.app.as_role(Role::CampaignManager).await;
    let name = name_of("AABCV0120K");
    let gstin = "27AABCV0120K1Z";
    let gstin = format!("{gstin}{}", domain::identifiers::Gstin::check_character(gstin).unwrap());
    let more = json!({ "company_name": name, "udyam_number": null, "pan_number": "AABCV0120K", "gst_number": gstin });
    let path = vendor(&manager, 120, more).await;
    let begun = begin(&manager, json!({ "kinds": ["pan", "gstin", "udyam", "pan"], "filter": {} })).await;
    world.drain().await;
    let over = run(&manager, &begun).await;
    assert_eq!(
        (&over["kinds"], &over["progress"]["asked"]),
        (&json!(["udyam", "gstin", "pan"]), &json!(2)),
        "{over}"
    );
    let kept = results(&manager, &path).await;
    let text = Value::from(kept).to_string();
    assert!(!text.contains("AABCV0120K") && text.contains("AABCVXXXXK"), "{text}");
    let found = register_findings(&manager, &path).await;
    assert_eq!(
        found,
        [
            ("gstin_verified".to_owned(), "passed".to_owned()),
            ("pan_verified".to_owned(), "passed".to_owned())
        ]
    );
    let asked = Asked::Pan("AABCV0120K".parse().unwrap());
    assert_eq!(asked.kind(), Kind::Pan);
}

#[tokio::test]
async fn what_cannot_be_begun_is_said_with_the_fix() {
    let world = World::start().await;
    let manager = world.app.as_role(Role::CampaignManager).await;
    let path = vendor(&manager, 120, json!({})).await;
    let wrong = [
        (json!({ "kinds": [], "filter": {} }), "kinds"),
        (json!({ "kinds": ["udyam"] }), "vendor_ids"),
        (json!({ "kinds": ["udyam"], "filter": {}, "vendor_ids": [id_of(&path)] }), "vendor_ids"),
        (
            json!({ "kinds": ["udyam"], "vendor_ids": ["vnd_01KAQ2N5K3Q7Z1D6F9G2H4J8M5"] }),
            "vendor_ids",
        ),
        (
            json!({ "kinds": ["udyam"], "segment_id": "seg_01KAQ2N5K3Q7Z1D6F9G2H4J8M5" }),
            "segment_id",
        ),
        (json!({ "kinds": ["pan"], "filter": {} }), "kinds"),
        (json!({ "kinds": ["udyam"], "filter": { "states": ["Atlantis"] } }), "states"),
        (json!({ "kinds": ["udyam"], "filter": {}, "max_requests": 0 }), "max_requests"),
        (
            json!({ "kinds": ["udyam"], "filter": {}, "not_asked_within_days": 4_000 }),
            "not_asked_within_days",
        ),
    ];
    for (body, field) in wrong {
        let answer = manager.post(&start::ROUTE, RUNS, body.clone()).await.expect(422);
        assert_eq!(answer.field_errors()[0].0, field, "{body}");
    }
    let viewer = world.app.as_role(Role::Viewer).await;
    viewer
        .post(&start::ROUTE, RUNS, json!({ "kinds": ["udyam"], "filter": {} }))
        .await
        .expect(403);
    viewer.get(&list::ROUTE, RUNS).await.expect(200);
    manager
        .get(&get::ROUTE, &format!("{RUNS}/ver_01KAQ2N5K3Q7Z1D6F9G2H4J8M5"))
        .await
        .expect(404);

    let bare = TestApp::start().await;
    let manager = bare.as_role(Role::CampaignManager).await;
    vendor(&manager, 120, json!({})).await;
    let answer = manager
        .post(&start::ROUTE, RUNS, json!({ "kinds": ["udyam"], "filter": {} }))
        .await
        .expect(409);
    assert!(
        answer.text().contains("not set up") && answer.text().contains("VerificationSecretArn"),
        "{}",
        answer.text()
    );
}

async fn go_on(client: &Client<'_>, path: &str) -> Value {
    let answer = client.post(&resume::ROUTE, &format!("{path}/resume"), json!({})).await;
    answer.expect(202).json()
}

/// Vendors with Udyam numbers the register has in force: every tenth number.
async fn vendors_in_force(client: &Client<'_>, count: u32) -> Vec<String> {
    let mut paths = Vec::new();
    for number in 0..count {
        paths.push(vendor(client, 1_000 + number * 10, json!({})).await);
    }
    paths
}

fn everybody() -> Value {
    json!({ "kinds": ["udyam"], "filter": {} })
}

#[tokio::test]
async fn a_halted_run_goes_on_where_it_was_halted() {
    let world = World::start().await;
    let manager = world.app.as_role(Role::CampaignManager).await;
    let paths = vendors_in_force(&manager, 60).await;
    world.simulator.set_balance(20);
    let path = begin(&manager, everybody()).await;
    world.drain().await;
    let halted = run(&manager, &path).await;
    assert_eq!(
        (&halted["state"], &halted["progress"]["asked"]),
        (&json!("halted"), &json!(20)),
        "{halted}"
    );
    let mut told = 0;
    for vendor in &paths {
        told += results(&manager, vendor).await.len();
    }
    assert_eq!(told, 20, "what nobody answered is in nobody's history");

    // Not mended: it halts again, and is no further.
    go_on(&manager, &path).await;
    world.drain().await;
    assert_eq!(run(&manager, &path).await["state"], json!("halted"));

    world.simulator.set_balance(1_000);
    let viewer = world.app.as_role(Role::Viewer).await;
    viewer.post(&resume::ROUTE, &format!("{path}/resume"), json!({})).await.expect(403);
    let running = go_on(&manager, &path).await;
    assert_eq!(
        (&running["state"], &running["reason"], &running["ended_at"]),
        (&json!("running"), &Value::Null, &Value::Null)
    );
    go_on(&manager, &path).await;
    world.drain().await;
    let over = run(&manager, &path).await;
    assert_eq!(over["state"], json!("completed"), "{over}");
    assert_eq!(
        (
            &over["progress"]["outcomes"]["verified"],
            &over["progress"]["asked"],
            &over["progress"]["retries"]
        ),
        (&json!(60), &json!(60), &json!(0)),
        "{over}"
    );
    for vendor in &paths {
        assert_eq!(results(&manager, vendor).await.len(), 1);
    }
    manager.post(&resume::ROUTE, &format!("{path}/resume"), json!({})).await.expect(409);
}

#[tokio::test]
async fn keys_that_were_mended_count_at_once() {
    let world = World::start().await;
    let manager = world.app.as_role(Role::CampaignManager).await;
    let vendor = vendor(&manager, 120, json!({})).await;
    world.set_account(json!({ "client_secret": "cfsk_wrong" }));
    let path = begin(&manager, everybody()).await;
    world.drain().await;
    let halted = run(&manager, &path).await;
    assert_eq!(halted["state"], json!("halted"), "{halted}");
    assert!(
        halted["reason"].as_str().unwrap().starts_with("cashfree:authentication_failed"),
        "{halted}"
    );
    assert_eq!(results(&manager, &vendor).await.len(), 0);

    // An account that may be used from anywhere has to sign.
    world.set_account(json!({}));
    world.simulator.require_signatures(world.app.app().now().as_second());
    go_on(&manager, &path).await;
    world.drain().await;
    let halted = run(&manager, &path).await;
    assert!(halted["reason"].as_str().unwrap().contains("public key"), "{halted}");

    let refused = |secret: Value| {
        world.set_account(secret);
        manager.post(&resume::ROUTE, &format!("{path}/resume"), json!({}))
    };
    let answer = refused(json!({ "public_key": "-----BEGIN PUBLIC KEY-----" })).await.expect(409);
    assert!(answer.text().contains("public_key") && answer.text().contains("PEM"), "{}", answer.text());
    world.app.set_verification(&json!([]));
    let answer = manager.post(&start::ROUTE, RUNS, everybody()).await.expect(409);
    assert!(answer.text().contains("JSON object"), "{}", answer.text());

    world.set_account(json!({ "public_key": CashfreeSimulator::public_key().replace('\n', "\\n") }));
    go_on(&manager, &path).await;
    world.drain().await;
    assert_eq!(run(&manager, &path).await["state"], json!("completed"));
}

#[tokio::test]
async fn an_account_spoilt_under_way_halts_the_run_and_says_how() {
    for (secret, reason) in [
        (json!([]), "secret_unreadable"),
        (json!({ "client_id": "", "client_secret": "" }), "not_set_up"),
        (
            json!({ "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, "public_key": "no key" }),
            "cashfree:public_key_unreadable",
        ),
    ] {
        let world = World::start().await;
        let manager = world.app.as_role(Role::CampaignManager).await;
        vendor(&manager, 120, json!({})).await;
        let path = begin(&manager, everybody()).await;
        world.app.set_verification(&secret);
        world.app.app().forget_verification_account().await;
        world.drain().await;
        let halted = run(&manager, &path).await;
        assert_eq!(halted["state"], json!("halted"), "{halted}");
        assert!(halted["reason"].as_str().unwrap().starts_with(reason), "{halted}");
        assert_eq!(world.asked().len(), 0);
    }
}

#[tokio::test]
async fn an_outage_halts_the_run_instead_of_ending_it_with_nothing() {
    let world = World::start().await;
    let manager = world.app.as_role(Role::CampaignManager).await;
    let paths = vendors_in_force(&manager, 30).await;
    for _ in 0..40 {
        world.simulator.inject(CashfreeFault::Html);
    }
    let path = begin(&manager, everybody()).await;
    world.drain().await;
    let halted = run(&manager, &path).await;
    assert_eq!(halted["state"], json!("halted"), "{halted}");
    assert!(halted["reason"].as_str().unwrap().starts_with("provider_unavailable"), "{halted}");
    assert!(
        world.asked().len() <= 10 + 8,
        "those that were under way, and no more: {}",
        world.asked().len()
    );
    for vendor in &paths {
        assert_eq!(register_findings(&manager, vendor).await, []);
    }
    // Still down: the first failure tells.
    let asked = world.asked().len();
    go_on(&manager, &path).await;
    world.drain().await;
    assert_eq!(run(&manager, &path).await["state"], json!("halted"));
    assert!(world.asked().len() - asked <= 8);

    world.simulator.clear_faults();
    go_on(&manager, &path).await;
    world.drain().await;
    let over = run(&manager, &path).await;
    assert_eq!(
        (&over["state"], &over["progress"]["outcomes"]["verified"]),
        (&json!("completed"), &json!(30)),
        "{over}"
    );
}

#[tokio::test]
async fn a_register_that_chokes_on_the_last_identifiers_of_a_run_does_not_keep_it_from_ending() {
    let world = World::start().await;
    let manager = world.app.as_role(Role::CampaignManager).await;
    vendors_in_force(&manager, 2).await;
    for _ in 0..60 {
        world.simulator.inject(CashfreeFault::Html);
    }
    let path = begin(&manager, everybody()).await;
    for _ in 0..6 {
        world.drain().await;
        if run(&manager, &path).await["state"] == json!("completed") {
            break;
        }
        go_on(&manager, &path).await;
    }
    let over = run(&manager, &path).await;
    assert_eq!(over["state"], json!("completed"), "{over}");
    assert!(world.asked().len() <= 12, "{}", world.asked().len());
}

#[tokio::test]
async fn a_limit_is_only_a_wait_and_no_attempt() {
    let world = World::start().await;
    let manager = world.app.as_role(Role::CampaignManager).await;
    let path = vendor(&manager, 120, json!({})).await;
    // Far more often than an identifier has attempts.
    for _ in 0..12 {
        world.simulator.inject(CashfreeFault::RateLimited { retry_after_secs: 90 });
    }
    let first = begin(&manager, everybody()).await;
    let (plan, _) = world.messages().remove(0);
    assert!(world.deliver(&plan).await);
    let (page, _) = world.messages().remove(0);
    assert!(world.deliver(&page).await);
    let waiting = run(&manager, &first).await;
    assert_eq!(waiting["waiting_for"], json!("too_many_requests"), "{waiting}");
    world.drain().await;
    let manager = world.manager().await;
    let over = run(&manager, &first).await;
    assert_eq!(
        (&over["state"], &over["progress"]["outcomes"]["verified"], &over["progress"]["asked"]),
        (&json!("completed"), &json!(1), &json!(1)),
        "{over}"
    );
    assert_eq!(results(&manager, &path).await[0]["attempts"], json!(1));
}

#[tokio::test]
async fn a_page_that_cannot_be_worked_on_does_not_hold_up_the_others() {
    let world = World::start().await;
    let manager = world.app.as_role(Role::CampaignManager).await;
    vendors_in_force(&manager, 60).await;
    let path = begin(&manager, everybody()).await;
    let (plan, _) = world.messages().remove(0);
    assert!(world.deliver(&plan).await);
    let mut pages = world.messages();
    assert_eq!(pages.len(), 2);
    let (mut poison, _) = pages.remove(0);
    world.app.fail_after("BatchGetItem", 0);
    assert!(!world.deliver(&poison).await);
    // Failed or killed every time: the last receive says so, and goes to the dead letters.
    poison.receive_count = 5;
    assert!(!world.deliver(&poison).await);
    assert!(world.deliver(&pages[0].0).await);
    world.drain().await;
    let over = run(&manager, &path).await;
    assert_eq!(over["state"], json!("completed"), "{over}");
    let progress = &over["progress"];
    assert_eq!(
        (&progress["pages_failed"], &progress["vendors_failed"], &progress["vendors_done"]),
        (&json!(1), &json!(50), &json!(10)),
        "{over}"
    );
    assert_eq!(over["examples"]["not_done"].as_array().unwrap().len(), 50);
    // Whoever starts another run pays for those only.
    begin(&manager, everybody()).await;
    world.drain().await;
    assert_eq!(world.asked().len(), 60);
}

#[tokio::test]
async fn what_a_page_that_is_given_up_had_asked_is_counted() {
    let world = World::start().await;
    let manager = world.app.as_role(Role::CampaignManager).await;
    vendors_in_force(&manager, 40).await;
    let path = begin(&manager, everybody()).await;
    let (plan, _) = world.messages().remove(0);
    assert!(world.deliver(&plan).await);
    let (mut page, _) = world.messages().remove(0);
    // One identifier of the forty fails, and does so until the page is given up.
    world.app.fail_after("TransactWriteItems", 30);
    assert!(!world.deliver(&page).await);
    page.receive_count = 5;
    assert!(!world.deliver(&page).await);
    let over = run(&manager, &path).await;
    let (asked, counted) = (world.asked().len() as u64, over["progress"]["asked"].as_u64().unwrap());
    assert!(
        counted == asked || counted + 1 == asked,
        "of {asked} questions {counted} are counted: {over}"
    );
    let failed = over["progress"]["vendors_failed"].as_u64().unwrap();
    assert!((1..=2).contains(&failed), "the others are dealt with: {over}");
}

#[tokio::test]
async fn a_cancelled_registration_ends_what_rested_on_it() {
    let world = World::start().await;
    let manager = world.app.as_role(Role::CampaignManager).await;
    let verified = vendor(&manager, 120, json!({})).await;
    let entered = vendor(&manager, 126, json!({ "msme_status": "small" })).await;
    let all = json!({ "kinds": ["udyam"], "filter": {}, "not_asked_within_days": 0 });
    begin(&manager, all.clone()).await;
    world.drain().await;
    assert_eq!(status_on(&manager, &verified, "2026-11-02").await, json!("micro"));
    assert_eq!(
        status_on(&manager, &entered, "2026-11-02").await,
        json!("not_registered"),
        "126 is cancelled"
    );

    world.app.advance(SignedDuration::from_hours(48));
    let manager = world.manager().await;
    let ended = Entry {
        state: tests::cashfree_simulator::universe::State::Cancelled,
        ..Entry::active(&name_of(&udyam(120)))
    };
    world.simulator.register(&udyam(120), ended);
    begin(&manager, all.clone()).await;
    world.drain().await;
    let now = manager.get(&status::ROUTE, &format!("{verified}/status")).await.expect(200).json();
    assert_eq!(now["status"], json!("not_registered"), "{now}");
    assert_eq!(status_on(&manager, &verified, "2026-11-03").await, json!("micro"));
    let entries = now["history"].as_array().unwrap().len();
    // Once is enough.
    begin(&manager, all).await;
    world.drain().await;
    let again = manager.get(&status::ROUTE, &format!("{verified}/status")).await.expect(200).json();
    assert_eq!(again["history"].as_array().unwrap().len(), entries);
}

#[tokio::test]
async fn what_the_register_went_back_to_stands_again() {
    let world = World::start().await;
    let manager = world.app.as_role(Role::CampaignManager).await;
    let path = vendor(&manager, 120, json!({})).await;
    for (class, day) in [("Micro", "micro"), ("Small", "small"), ("Micro", "micro")] {
        let entry = Entry {
            enterprise_type: class,
            ..Entry::active(&name_of(&udyam(120)))
        };
        world.simulator.register(&udyam(120), entry);
        let manager = world.manager().await;
        begin(&manager, json!({ "kinds": ["udyam"], "filter": {}, "not_asked_within_days": 0 })).await;
        world.drain().await;
        assert_eq!(status_on(&manager, &path, "2026-11-02").await, json!(day));
        world.app.advance(SignedDuration::from_hours(1));
    }
}

#[tokio::test]
async fn a_number_that_is_hardly_the_vendors_own_changes_no_status() {
    let world = World::start().await;
    let manager = world.app.as_role(Role::CampaignManager).await;
    // One number, two PANs.
    let mut both = Vec::new();
    for (code, pan) in [("V-A", "AABCV0120K"), ("V-B", "AABCW0120K")] {
        both.push(vendor(&manager, 120, json!({ "vendor_code": code, "pan_number": pan })).await);
    }
    // A company's number with a person's PAN.
    let person = vendor(&manager, 130, json!({ "pan_number": "AABPV0120K" })).await;
    // Its contact is called like somebody else's enterprise.
    world.simulator.register(&udyam(140), Entry::active("ASHA RAO"));
    let contact = json!({ "company_name": "Kaveri Castings", "contact_person_name": "Asha Rao", "pan_number": "AABCK0120K" });
    let contact = vendor(&manager, 140, contact).await;
    let path = begin(&manager, everybody()).await;
    world.drain().await;
    let codes = async |vendor: &str| -> Vec<String> { register_findings(&manager, vendor).await.into_iter().map(|(code, _)| code).collect() };
    for vendor in &both {
        assert_eq!(codes(vendor).await, ["udyam_of_two_pans"]);
    }
    assert_eq!(codes(&person).await, ["udyam_pan_holder_differs"]);
    assert_eq!(codes(&contact).await, ["udyam_name_differs"]);
    for vendor in both.iter().chain([&person, &contact]) {
        assert_eq!(status_on(&manager, vendor, "2026-11-02").await, json!("unknown"));
    }
    let over = run(&manager, &path).await;
    let examples = over["examples"]["mismatch"].as_array().unwrap();
    assert_eq!(examples.len(), 4, "{over}");
    let text = over.to_string();
    assert!(
        text.contains("V-A") && !text.contains("0000120") && !text.contains("AABCV0120K"),
        "{text}"
    );
}

#[tokio::test]
async fn what_was_told_not_long_ago_is_not_paid_for_again() {
    let world = World::start().await;
    let manager = world.app.as_role(Role::CampaignManager).await;
    vendors_in_force(&manager, 4).await;
    begin(&manager, everybody()).await;
    world.drain().await;
    assert_eq!(world.asked().len(), 4);
    world.app.advance(SignedDuration::from_hours(24 * 20));
    let manager = world.manager().await;
    vendor(&manager, 9_000, json!({})).await;
    let second = begin(&manager, everybody()).await;
    for message in world.drain().await {
        assert!(world.deliver(&message).await);
    }
    let over = run(&manager, &second).await;
    assert_eq!(
        (
            &over["state"],
            &over["progress"]["asked"],
            &over["progress"]["skipped"],
            &over["progress"]["vendors_done"]
        ),
        (&json!("completed"), &json!(1), &json!(4), &json!(5)),
        "{over}"
    );
    // Eleven days later the first four are a month old.
    world.app.advance(SignedDuration::from_hours(24 * 11));
    let manager = world.manager().await;
    let third = begin(&manager, everybody()).await;
    world.drain().await;
    let over = run(&manager, &third).await;
    assert_eq!(
        (&over["progress"]["asked"], &over["progress"]["skipped"]),
        (&json!(4), &json!(1)),
        "{over}"
    );
}

#[tokio::test]
async fn two_runs_do_not_ask_about_the_same_and_none_asks_more_than_it_may() {
    let world = World::start().await;
    let manager = world.app.as_role(Role::CampaignManager).await;
    vendors_in_force(&manager, 4).await;
    let capped = json!({ "kinds": ["udyam"], "filter": {}, "max_requests": 3 });
    let first = begin(&manager, capped).await;
    let answer = manager
        .post(&start::ROUTE, RUNS, json!({ "kinds": ["udyam", "pan"], "filter": {} }))
        .await
        .expect(409);
    assert!(answer.text().contains(id_of(&first)), "{}", answer.text());
    world.drain().await;
    let halted = run(&manager, &first).await;
    assert_eq!((&halted["state"], &halted["max_requests"]), (&json!("halted"), &json!(3)), "{halted}");
    assert!(halted["reason"].as_str().unwrap().starts_with("max_requests"), "{halted}");
    assert_eq!(world.asked().len(), 3);
    manager.post(&resume::ROUTE, &format!("{first}/resume"), json!({})).await.expect(409);

    // Who comes into the scope after the preflight does not make it dearer.
    let second = begin(&manager, everybody()).await;
    for number in 500..510 {
        vendor(&manager, number * 10, json!({})).await;
    }
    world.drain().await;
    assert_eq!(world.asked().len(), 3 + 4);
    assert_eq!(run(&manager, &second).await["state"], json!("halted"));
}

#[tokio::test]
async fn a_dry_run_says_what_it_would_cost_and_asks_nothing() {
    let world = World::start_with(&[("VERIFICATION_PER_MINUTE", "90"), ("VERIFICATION_DAILY_LIMIT", "3")]).await;
    let manager = world.app.as_role(Role::CampaignManager).await;
    vendors_in_force(&manager, 4).await;
    let body = json!({ "kinds": ["udyam"], "filter": {}, "dry_run": true });
    let unknown = manager.post(&start::ROUTE, RUNS, body.clone()).await.expect(200).json();
    assert_eq!(
        (&unknown["preflight"]["udyam"], &unknown["estimated_cost_paise"]),
        (&json!(4), &Value::Null),
        "{unknown}"
    );
    assert!(unknown["cost"].as_str().unwrap().contains("not known"), "{unknown}");
    world.set_account(json!({ "price_paise": { "udyam": 325 } }));
    let known = manager.post(&start::ROUTE, RUNS, body).await.expect(200).json();
    assert_eq!(
        (&known["estimated_cost_paise"], &known["estimated_seconds"]),
        (&json!(1_300), &json!(86_401)),
        "three today, one tomorrow: {known}"
    );
    assert!(known["cost"].as_str().unwrap().contains("₹13.00"), "{known}");
    assert!(world.messages().is_empty() && world.asked().is_empty());
    assert_eq!(manager.get(&list::ROUTE, RUNS).await.expect(200).json()["items"], json!([]));
}

#[tokio::test]
async fn a_days_fill_leaves_the_rest_for_the_next_day() {
    let world = World::start_with(&[("VERIFICATION_PER_MINUTE", "60000"), ("VERIFICATION_DAILY_LIMIT", "3")]).await;
    let manager = world.app.as_role(Role::CampaignManager).await;
    vendors_in_force(&manager, 4).await;
    let path = begin(&manager, everybody()).await;
    let (plan, _) = world.messages().remove(0);
    assert!(world.deliver(&plan).await);
    let (page, _) = world.messages().remove(0);
    assert!(world.deliver(&page).await);
    let waiting = run(&manager, &path).await;
    assert_eq!(
        (&waiting["state"], &waiting["waiting_for"]),
        (&json!("running"), &json!("daily_limit")),
        "{waiting}"
    );
    // Midnight in India.
    assert_eq!(waiting["waiting_until"], json!("2026-11-02T18:30:00Z"), "{waiting}");
    assert_eq!((world.asked().len(), &waiting["progress"]["asked"]), (3, &json!(3)));
    world.drain().await;
    let manager = world.manager().await;
    assert_eq!(run(&manager, &path).await["progress"]["outcomes"]["verified"], json!(4));
    assert!(world.app.app().now() > "2026-11-02T18:30:00Z".parse::<jiff::Timestamp>().unwrap());
}

#[tokio::test]
async fn a_register_that_is_slow_five_times_is_a_timeout_and_asked_again_by_the_next_run() {
    let world = World::start().await;
    let manager = world.app.as_role(Role::CampaignManager).await;
    let path = vendor(&manager, 120, json!({})).await;
    for _ in 0..5 {
        world.simulator.inject(CashfreeFault::Refuse {
            status: 504,
            code: "gateway_timeout",
        });
    }
    let first = begin(&manager, everybody()).await;
    world.drain().await;
    let over = run(&manager, &first).await;
    assert_eq!(
        (&over["state"], &over["progress"]["outcomes"]["timeout"], &over["progress"]["retries"]),
        (&json!("completed"), &json!(1), &json!(4)),
        "{over}"
    );
    assert_eq!(over["examples"]["timeout"][0]["vendor_id"], json!(id_of(&path)));
    assert_eq!(
        register_findings(&manager, &path).await,
        [("udyam_not_asked".to_owned(), "not_applicable".to_owned())]
    );
    // Nothing was told, so nothing is left out.
    let second = begin(&manager, everybody()).await;
    world.drain().await;
    assert_eq!(run(&manager, &second).await["progress"]["outcomes"]["verified"], json!(1));
}

#[tokio::test]
async fn an_answer_nobody_has_described_is_paid_for_twice_at_most() {
    let world = World::start().await;
    let manager = world.app.as_role(Role::CampaignManager).await;
    vendor(&manager, 120, json!({})).await;
    for _ in 0..5 {
        world.simulator.inject(CashfreeFault::SuccessWithFailure);
    }
    let path = begin(&manager, everybody()).await;
    world.drain().await;
    let over = run(&manager, &path).await;
    assert_eq!(
        (
            &over["state"],
            &over["progress"]["outcomes"]["provider_error"],
            &over["progress"]["asked"]
        ),
        (&json!("completed"), &json!(1), &json!(2)),
        "{over}"
    );
}

#[tokio::test]
async fn a_run_of_many_pages_goes_down_its_lanes_and_every_message_may_come_twice() {
    let world = World::start().await;
    let manager = world.app.as_role(Role::CampaignManager).await;
    vendors_in_force(&manager, 260).await;
    let path = begin(&manager, everybody()).await;
    let mut pages = BTreeSet::new();
    for _ in 0..100 {
        let messages = world.messages();
        if messages.is_empty() {
            break;
        }
        assert!(messages.len() <= 8, "four lanes, each message twice at most: {}", messages.len());
        for (message, delay_secs) in messages {
            world.app.advance(SignedDuration::from_secs(delay_secs));
            assert!(world.deliver(&message).await && world.deliver(&message).await);
            let body: Value = serde_json::from_str(&message.body).unwrap();
            pages.extend(body["number"].as_u64());
        }
    }
    let over = run(&manager, &path).await;
    assert_eq!(
        (&over["state"], &over["progress"]["vendors_done"], &over["progress"]["asked"]),
        (&json!("completed"), &json!(260), &json!(260)),
        "{over}"
    );
    assert_eq!(pages, (1..=6).collect());
    assert_eq!(world.asked().len(), 260);
}

#[tokio::test]
async fn two_runs_side_by_side_share_one_pace() {
    // A twentieth of a second apart.
    let world = World::start_with(&[("VERIFICATION_PER_MINUTE", "1200")]).await;
    let manager = world.app.as_role(Role::CampaignManager).await;
    for number in 0..6_u32 {
        let pan = format!("AABCV{:04}K", 1_000 + number * 10);
        vendor(&manager, 10_000 + number * 10, json!({ "pan_number": pan })).await;
    }
    let begun = world.app.app().now();
    let first = begin(&manager, everybody()).await;
    let second = begin(&manager, json!({ "kinds": ["pan"], "filter": {} })).await;
    world.drain().await;
    for path in [&first, &second] {
        let over = run(&manager, path).await;
        assert_eq!((&over["state"], &over["progress"]["asked"]), (&json!("completed"), &json!(6)), "{over}");
    }
    let pace = store::gcra::Rate {
        name: "verification:cashfree",
        unit_micros: 50_000,
        horizon_micros: 60_000_000,
    };
    // When all that was reserved is through: every question of both runs had a slot of its own.
    let ahead = store::gcra::reserve(world.app.store(), pace, 1, begun).await.unwrap();
    let store::gcra::Reservation::After(micros) = ahead else {
        panic!("nothing is refused that far ahead")
    };
    assert!(micros >= 12 * 50_000, "{micros}");
}
