//! Dated status over HTTP: what a declaration, a person's check, the calendar and another code of the PAN make of it, and the answers
//! that rest on it.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use aws_lambda_events::event::sqs::{SqsEvent, SqsMessage};
use domain::user::Role;
use domain::vendor::MsmeStatus;
use jiff::SignedDuration;
use serde_json::{Value, json};
use vendors::{add_status, classify, create, delete, get, history, list, restore, share_status, status, update, verdict};

use crate::support::{Client, TestApp};

const VENDORS: &str = "/api/v1/vendors";

async fn created(client: &Client<'_>, body: Value) -> String {
    let answer = client.post(&create::ROUTE, VENDORS, body).await.expect(201);
    answer.header("location").unwrap().to_owned()
}

async fn kaveri(client: &Client<'_>) -> String {
    created(
        client,
        json!({ "vendor_code": "V-1", "company_name": "Kaveri", "pan_number": "AAPFU0939F" }),
    )
    .await
}

async fn add(client: &Client<'_>, path: &str, body: Value) -> Value {
    let answer = client.post(&add_status::ROUTE, &format!("{path}/status"), body).await;
    answer.expect(201).json()
}

async fn on(client: &Client<'_>, path: &str, query: &str) -> Value {
    let answer = client.get(&status::ROUTE, &format!("{path}/status{query}")).await;
    answer.expect(200).json()
}

/// The stack's clock ticks, as it does every five minutes.
async fn tick(app: &TestApp) {
    let mut message = SqsMessage::default();
    message.message_id = Some("message".to_owned());
    message.body = Some(json!({ "kind": "tick" }).to_string());
    let mut event = SqsEvent::default();
    event.records = vec![message];
    let answer = runtime::work(app.app(), &workers::scheduled_campaign::WORKER, event).await;
    assert!(answer.batch_item_failures.is_empty());
}

#[tokio::test]
async fn a_record_that_was_read_can_be_sent_back_and_every_field_survives() {
    let app = TestApp::start().await;
    let manager = app.as_role(Role::CampaignManager).await;
    let record = json!({
        "vendor_code": "V-1", "company_name": "Kaveri Castings LLP", "contact_person_name": "Asha Rao",
        "emails": ["a@kaveri.example", "b@kaveri.example"], "phone_numbers": ["+919876500001", "+919876500002"],
        "registered_address": "12 Sample Estate", "city": "Bengaluru", "state": "Karnataka", "pin_code": "560001", "country": "IN",
        "supplier_type": "manufacturer", "category": "Castings", "business_category": "Foundry", "group_category": "Kaveri Group",
        "annual_turnover_paise": 12_500_000_000_u64, "year_established": 1998, "currency": "INR",
        "gst_numbers": ["29AAPFU0939F1ZR"], "pan_number": "AAPFU0939F", "udyam_number": "UDYAM-KR-03-0000001",
        "udyam_registration_date": "2021-07-15", "activity": "manufacturing", "msme_status": "Non MSME",
        "opt_ins": [{ "channel": "whatsapp", "source": "supplier portal", "text_version": "v2", "at": "2026-01-05T06:00:00Z" }],
        "tags": ["critical"], "attributes": { "plant": "Hosur" },
        "nda": true, "sqa": false, "four_m": true, "code_of_conduct": true, "compliance_agreement": false, "self_declaration": true,
    });
    let path = created(&manager, record.clone()).await;
    let read = manager.get(&get::ROUTE, &path).await.expect(200).json();
    for (name, value) in record.as_object().unwrap() {
        let expected = if name == "msme_status" { &json!("not_registered") } else { value };
        assert_eq!(&read[name], expected, "{name}");
    }
    let sent_back = manager.put(&update::ROUTE, &path, read.clone()).await.expect(200).json();
    for (name, value) in read.as_object().unwrap().iter().filter(|(name, _)| *name != "updated_at") {
        assert_eq!(&sent_back[name], value, "{name}");
    }
    let mut other = read.clone();
    other["msme_status"] = json!("micro");
    let refused = manager.put(&update::ROUTE, &path, other).await.expect(422);
    assert_eq!(refused.field_errors()[0].0, "msme_status");

    // A value of another type is named by its place.
    let mut mistyped = read;
    mistyped["opt_ins"][0]["at"] = json!("yesterday");
    let refused = manager.put(&update::ROUTE, &path, mistyped).await.expect(400);
    assert_eq!(refused.field_errors()[0].0, "opt_ins[0].at", "{}", refused.text());
}

#[tokio::test]
async fn what_a_person_compared_with_the_certificate_stands_against_a_declaration() {
    let app = TestApp::start().await;
    let manager = app.as_role(Role::CampaignManager).await;
    let path = kaveri(&manager).await;
    add(
        &manager,
        &path,
        json!({ "status": "micro", "effective_from": "2021-05-01", "note": "their letter" }),
    )
    .await;
    let checked = json!({
        "status": "small", "effective_from": "2021-05-01", "note": "certificate of 3 May", "compared_with": "certificate",
        "certificate_sha256": "AB".repeat(32),
    });
    assert_eq!(add(&manager, &path, checked).await["msme_status"], json!("small"));
    // What is merely typed does not undo it, and the answer says why.
    add(
        &manager,
        &path,
        json!({ "status": "Non MSME", "effective_from": "2021-05-01", "note": "hearsay" }),
    )
    .await;
    let answer = on(&manager, &path, "?on=2022-01-01").await;
    assert_eq!((&answer["status"], &answer["rank"]), (&json!("small"), &json!("documented")), "{answer}");
    assert_eq!(answer["entry"]["evidence"]["certificate_sha256"], json!("ab".repeat(32)));
    assert_eq!(answer["entry"]["verified_by"]["by"]["with"], json!("certificate"));
    assert_eq!(answer["entry"]["class_rule"], json!("2020"));
    assert!(
        answer["superseded"]
            .as_array()
            .unwrap()
            .iter()
            .any(|entry| entry["because"] == json!("stronger_evidence"))
    );

    let changes = manager.get(&history::ROUTE, &format!("{path}/history")).await.expect(200).json();
    assert_eq!(changes["items"][1]["kind"], json!("status_changed"));
    assert_eq!(
        changes["items"][1]["fields"][0],
        json!({ "field": "msme_status", "from": "micro", "to": "small" }),
        "{changes}"
    );
    assert!(
        changes["items"][1]["fields"][1]["to"]
            .as_str()
            .unwrap()
            .contains("`small` from 2021-05-01")
    );
}

#[tokio::test]
async fn a_status_typed_by_mistake_is_taken_back() {
    let app = TestApp::start().await;
    let manager = app.as_role(Role::CampaignManager).await;
    let path = kaveri(&manager).await;
    add(
        &manager,
        &path,
        json!({ "status": "medium", "effective_from": "2021-05-01", "note": "meant another vendor" }),
    )
    .await;
    let after = add(
        &manager,
        &path,
        json!({ "status": "unknown", "effective_from": "2021-05-01", "note": "wrong vendor" }),
    )
    .await;
    assert_eq!(after["msme_status"], json!("unknown"));
    assert_eq!(on(&manager, &path, "?on=2024-01-01").await["status"], json!("unknown"));
}

/// How many vendors are micro, small and unknown, by lists and by totals. Signs in anew: the clock may have moved.
async fn by_class(app: &TestApp) -> [u64; 3] {
    let viewer = app.as_role(Role::Viewer).await;
    let counts = app.store().vendor_counts().await.unwrap();
    let mut found = [0; 3];
    for (found, class) in found.iter_mut().zip([MsmeStatus::Micro, MsmeStatus::Small, MsmeStatus::Unknown]) {
        let answer = viewer.get(&list::ROUTE, &format!("{VENDORS}?msme_status={class}")).await;
        *found = answer.expect(200).json()["total"].as_u64().unwrap();
        let counted = counts.by_status.iter().find(|(status, _)| *status == class);
        assert_eq!(counted.map(|(_, count)| *count), Some(*found), "totals follow lists: {class}");
    }
    found
}

#[tokio::test]
async fn a_status_begins_and_ends_by_the_calendar_in_lists_and_totals_too() {
    let app = TestApp::start().await;
    let manager = app.as_role(Role::CampaignManager).await;
    let path = kaveri(&manager).await;
    let gone = created(&manager, json!({ "vendor_code": "V-2", "company_name": "Tapti" })).await;
    for path in [&path, &gone] {
        let entry = json!({ "status": "micro", "effective_from": "2026-04-01", "effective_to": "2026-11-05", "note": "certificate of a year" });
        add(&manager, path, entry).await;
        add(
            &manager,
            path,
            json!({ "status": "small", "effective_from": "2026-11-10", "note": "announced" }),
        )
        .await;
    }
    manager.delete(&delete::ROUTE, &gone).await.expect(204);
    assert_eq!(by_class(&app).await, [1, 0, 0]);
    // Tests begin on 2 November 2026.
    app.advance(SignedDuration::from_hours(24 * 4));
    tick(&app).await;
    assert_eq!(by_class(&app).await, [0, 0, 1]);
    app.advance(SignedDuration::from_hours(24 * 4));
    tick(&app).await;
    tick(&app).await;
    assert_eq!(by_class(&app).await, [0, 1, 0]);
    let manager = app.as_role(Role::CampaignManager).await;
    let changes = manager.get(&history::ROUTE, &format!("{path}/history")).await.expect(200).json();
    assert_eq!(
        (&changes["items"][0]["by"], &changes["items"][0]["kind"]),
        (&json!("calendar"), &json!("status_changed"))
    );
    assert_eq!(changes["items"].as_array().unwrap().len(), 5, "once for each turn: {changes}");

    // One that was deleted meanwhile comes back as what it is by then.
    let restored = manager
        .post(&restore::ROUTE, &format!("{gone}/restore"), json!({}))
        .await
        .expect(200)
        .json();
    assert_eq!(restored["msme_status"], json!("small"));
    assert_eq!(by_class(&app).await, [0, 2, 0]);
    assert!(app.items("DIRECTORY#2026-11-06").await.is_empty() && app.items("DIRECTORY#2026-11-10").await.is_empty());
}

#[tokio::test]
async fn sharing_a_status_makes_it_neither_stronger_nor_weaker() {
    let app = TestApp::start().await;
    let manager = app.as_role(Role::CampaignManager).await;
    let one = kaveri(&manager).await;
    let other = created(
        &manager,
        json!({ "vendor_code": "V-2", "company_name": "Kaveri 2", "pan_number": "AAPFU0939F" }),
    )
    .await;
    add(
        &manager,
        &one,
        json!({ "status": "micro", "effective_from": "2021-05-01", "note": "their letter" }),
    )
    .await;
    let share = async |path: &str| {
        let answer = manager.post(&share_status::ROUTE, &format!("{path}/group/share-status"), json!({})).await;
        answer.expect(200).json()["vendor_ids"].as_array().unwrap().len()
    };
    assert_eq!(share(&one).await, 1);
    let shared = on(&manager, &other, "").await;
    assert_eq!((&shared["status"], &shared["rank"]), (&json!("micro"), &json!("entered")));
    assert_eq!(shared["entry"]["evidence"]["kind"], json!("same_pan"));

    // Again, after an edit, and back: nobody needs it.
    let renamed = json!({ "vendor_code": "V-1", "company_name": "Kaveri Works", "pan_number": "AAPFU0939F" });
    manager.put(&update::ROUTE, &one, renamed).await.expect(200);
    assert_eq!((share(&one).await, share(&other).await), (0, 0));
    // A person's later entry still corrects it.
    let corrected = add(
        &manager,
        &other,
        json!({ "status": "small", "effective_from": "2021-05-01", "note": "certificate seen" }),
    )
    .await;
    assert_eq!(corrected["msme_status"], json!("small"));
}

#[tokio::test]
async fn figures_come_to_a_class_beside_what_is_on_record() {
    let app = TestApp::start().await;
    let manager = app.as_role(Role::CampaignManager).await;
    let body = json!({ "vendor_code": "V-1", "company_name": "Kaveri", "annual_turnover": "9 crore" });
    let path = created(&manager, body).await;
    add(
        &manager,
        &path,
        json!({ "status": "small", "effective_from": "2021-05-01", "note": "certificate seen" }),
    )
    .await;
    let ask = async |query: &str| manager.get(&classify::ROUTE, &format!("{path}/classification?{query}")).await;
    let crore = |tenths: u64| tenths * 100_000_000;

    let by_record = ask(&format!("investment_paise={}&on=2025-03-31", crore(20))).await.expect(200).json();
    assert_eq!(
        (&by_record["class"], &by_record["rule"], &by_record["turnover_from"], &by_record["agrees"]),
        (&json!("small"), &json!("2020"), &json!("record"), &json!(true)),
        "{by_record}"
    );
    let later = ask(&format!("investment_paise={}&on=2025-04-01", crore(20))).await.expect(200).json();
    assert_eq!((&later["class"], &later["agrees"]), (&json!("micro"), &json!(false)), "{later}");

    let query = format!(
        "investment_paise={}&turnover_paise={}&on=2026-03-31&previous_investment_paise={}&previous_turnover_paise={}&previous_on=2025-03-31",
        crore(20),
        crore(500),
        crore(20),
        crore(90)
    );
    let moved = ask(&query).await.expect(200).json();
    let reclassified = &moved["reclassification"];
    assert_eq!(
        (
            &reclassified["movement"],
            &reclassified["effective_from"],
            &reclassified["benefits_until"]
        ),
        (&json!("up"), &json!("2026-04-01"), &json!("2029-03-31")),
        "{moved}"
    );
    assert!(reclassified["explanation"].as_array().unwrap().len() >= 4, "{moved}");

    for (query, field) in [
        ("on=2026-03-31", "investment_paise"),
        ("investment_paise=-1", "investment_paise"),
        ("investment_paise=1&turnover_paise=1.5", "turnover_paise"),
        ("investment_paise=1&previous_investment_paise=1", "previous_turnover_paise"),
        (
            "investment_paise=1&on=2026-03-31&previous_investment_paise=1&previous_turnover_paise=1&previous_on=2026-03-31",
            "previous_on",
        ),
        ("investment_paise=1&on=31.3.2026", "on"),
    ] {
        assert_eq!(ask(query).await.expect(422).field_errors()[0].0, field, "{query}");
    }
    let bare = created(&manager, json!({ "vendor_code": "V-2", "company_name": "Tapti" })).await;
    let refused = manager.get(&classify::ROUTE, &format!("{bare}/classification?investment_paise=1")).await;
    assert_eq!(refused.expect(422).field_errors()[0].0, "turnover_paise");
}

#[tokio::test]
async fn a_verdict_follows_the_organisations_settings_and_names_what_is_wrong() {
    let app = TestApp::start_with(&[("TRADER_POLICY", "not_covered"), ("BANK_RATES", "2026-08-01=600")]).await;
    let manager = app.as_role(Role::CampaignManager).await;
    let body = json!({ "vendor_code": "V-1", "company_name": "Kaveri", "activity": "trading", "udyam_registration_date": "2021-05-01" });
    let path = created(&manager, body).await;
    add(
        &manager,
        &path,
        json!({ "status": "micro", "effective_from": "2021-05-01", "note": "certificate seen" }),
    )
    .await;
    let ask = async |query: &str| {
        manager
            .get(&verdict::ROUTE, &format!("{path}/payment-verdict?accepted_on=2026-07-01{query}"))
            .await
    };

    let by_setting = ask("&paid_on=2026-09-01&amount_paise=10000000").await.expect(200).json();
    assert_eq!(
        (&by_setting["applies"], &by_setting["reasons"][0]["code"]),
        (&json!("no"), &json!("trader_excluded_by_setting"))
    );
    assert!(
        by_setting.get("interest").is_none() && by_setting.get("days_late").is_none(),
        "{by_setting}"
    );
    assert_eq!(by_setting["deduction"]["effect"], json!("not_affected"));

    let asked = ask("&traders=ask_professional").await.expect(200).json();
    assert_eq!(asked["applies"], json!("needs_professional"));
    let covered = ask("&traders=covered&paid_on=2026-09-01&amount_paise=10000000").await.expect(200).json();
    assert_eq!(covered["applies"], json!("yes"), "{covered}");
    // 17 July to 1 September: July's rate for 15 days, then that of the setting.
    assert_eq!(covered["interest"]["months"][0]["basis_points"], json!(1_650));
    assert!(covered["interest_note"].as_str().unwrap().contains("2026-08-01"));
    assert_eq!(
        (&covered["deduction"]["effect"], &covered["deduction"]["deducted_in"]),
        (&json!("in_year_of_expense"), &json!("2026-27"))
    );

    let capped = ask("&traders=covered&agreed_on=2026-12-01&contracted_on=2026-06-01&supplied_on=2026-06-28")
        .await
        .expect(200)
        .json();
    assert_eq!(
        (&capped["due"]["last_day"], &capped["due"]["is_capped"]),
        (&json!("2026-08-15"), &json!(true))
    );
    assert_eq!(
        (&capped["deduction"]["effect"], &capped["deduction"]["pay_by"]),
        (&json!("open_until_paid"), &json!("2027-03-31"))
    );

    for (query, field) in [
        ("&contracted_on=2026-07-02", "contracted_on"),
        ("&paid_on=2126-07-02", "paid_on"),
        ("&amount_paise=1", "paid_on"),
        ("&paid_on=2026-09-01&amount_paise=1.5", "amount_paise"),
        ("&paid_on=2026-09-01&amount_paise=18446744073709551615", "amount_paise"),
        ("&traders=perhaps", "traders"),
        ("&supplied_on=yesterday", "supplied_on"),
    ] {
        assert_eq!(ask(query).await.expect(422).field_errors()[0].0, field, "{query}");
    }
}
