//! Verifications: runs through the real worker against the Cashfree simulator, results, findings and dated statuses.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use domain::user::Role;
use domain::verification::{Asked, Kind};
use jiff::SignedDuration;
use runtime::{Message, Var};
use serde_json::{Value, json};
use tests::cashfree_simulator::universe::name_of;
use tests::cashfree_simulator::{CLIENT_ID, CLIENT_SECRET, CashfreeFault, CashfreeSimulator, Entry};
use vendors::{create as create_vendor, findings, get as get_vendor, status};
use verifications::{cancel, get, list, of_vendor, start};

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
        let secret = json!({ "provider": "cashfree", "url": simulator.url(), "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET });
        app.set_verification(&secret);
        Self { app, simulator }
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
    assert_eq!((&over["state"], &over["progress"]["retries"]), (&json!("completed"), &json!(2)), "{over}");
    assert_eq!(over["progress"]["outcomes"]["verified"], json!(1));
    assert!(
        world.app.app().now().duration_since(begun) >= SignedDuration::from_secs(40),
        "not before the provider wants"
    );
    assert_eq!(results(&manager, &path).await[0]["attempts"], json!(3));

    for _ in 0..9 {
        world.simulator.inject(CashfreeFault::Refuse {
            status: 502,
            code: "verification_failed",
        });
    }
    let asked = world.asked().len();
    let second = begin(&manager, json!({ "kinds": ["udyam"], "vendor_ids": [id_of(&path)] })).await;
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
    assert_eq!(
        register_findings(&manager, &path).await,
        [("udyam_not_asked".to_owned(), "not_applicable".to_owned())]
    );
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

    let other = begin(&manager, json!({ "kinds": ["udyam"], "filter": {} })).await;
    world.drain().await;
    assert_eq!(run(&manager, &other).await["state"], json!("completed"));
    manager.post(&cancel::ROUTE, &format!("{other}/cancel"), json!({})).await.expect(409);
}

#[tokio::test]
async fn a_segment_of_120_vendors_is_asked_about_each_identifier_once_whoever_bears_it() {
    let world = World::start_with(&[("VERIFICATION_PER_SECOND", "200")]).await;
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
    let body = json!({ "kinds": ["udyam"], "vendor_ids": [id_of(&path)] });
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
