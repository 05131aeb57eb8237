//! Recipients of a campaign: listed, filtered, exported, resolved by an operator; and what status says of its channels.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics with the place")]

use campaigns::{create, execute, export_recipients, ledger, pause, recipients, resolve, status};
use domain::delivery::{AttemptResult, Channel, DeliveryEvent, EventKind, Outcome, OutcomePack, Recipient};
use domain::user::Role;
use domain::vendor::{MsmeStatus, RawVendor, VendorProfile};
use domain::vendor_record::Vendor;
use domain::{CampaignId, VendorId};
use jiff::SignedDuration;
use runtime::Var;
use serde_json::{Value, json};
use store::ChunkRef;
use store::chunks::{self, ChunkState, Claim, Ending, PlannedChunk};
use templates::create_email;

use crate::support::{self, Answer, Client, TestApp};

const CAMPAIGNS: &str = "/api/v1/campaigns";
const NOTE: &str = "Accounts confirmed by phone.";

/// Stores vendors `V-01` … that can be reached, named as given.
async fn vendors(app: &TestApp, names: &[&str]) -> Vec<Vendor> {
    let mut stored = Vec::new();
    for (i, name) in (1..).zip(names) {
        let raw = RawVendor {
            vendor_code: Some(format!("V-{i:02}")),
            company_name: Some((*name).to_owned()),
            emails: vec![format!("v{i}@kaveri.example")],
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
        stored.push(vendor);
    }
    stored
}

/// A campaign that is sending, to stored vendors; gives its path.
async fn executed(app: &TestApp, client: &Client<'_>) -> String {
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
    let body = json!({ "name": "=Declarations", "template_id": template["id"], "deadline": "2026-12-31T18:29:59Z" });
    let created = client.post(&create::ROUTE, CAMPAIGNS, body).await.expect(201);
    let path = created.header("location").unwrap().to_owned();
    client.call(&execute::ROUTE, &format!("{path}/execute")).await.expect(202);
    store::campaigns::finish_plan(app.store(), id_of(&path), 1, 1, app.app().now())
        .await
        .unwrap();
    app.take_messages(Var::PlanQueueUrl);
    path
}

fn id_of(path: &str) -> CampaignId {
    path.rsplit('/').next().and_then(|id| id.parse().ok()).expect("a campaign's path")
}

/// Plans a chunk; gives its name.
async fn plan(app: &TestApp, path: &str, channel: Channel, number: u32, recipients: Vec<Recipient>) -> ChunkRef {
    let chunk = ChunkRef {
        campaign: id_of(path),
        channel,
        number,
    };
    let planned = PlannedChunk {
        chunk,
        recipients,
        planned_through: String::new(),
        root: chunk.campaign,
        may_be_answered: false,
        follow_up: false,
    };
    chunks::plan(app.store(), &[planned], app.app().now()).await.unwrap();
    chunk
}

/// Records one attempt at a chunk, which closes it.
async fn attempt(app: &TestApp, chunk: ChunkRef, results: &[(VendorId, AttemptResult, Option<&str>)]) {
    let (token, now) = (app.app().new_ulid(), app.app().now());
    let claim = chunks::claim(app.store(), chunk, token, now + SignedDuration::from_mins(1), now)
        .await
        .unwrap();
    assert!(matches!(claim, Claim::Won(_)), "{claim:?}");
    let outcomes = results.iter().map(|(recipient, result, reason)| Outcome {
        recipient: *recipient,
        result: *result,
        message_id: (*result == AttemptResult::Accepted).then(|| "-m".to_owned()),
        reason: reason.map(str::to_owned),
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

/// A campaign whose seven recipients, four by e-mail and three by WhatsApp, stand differently.
async fn varied(app: &TestApp, client: &Client<'_>) -> (String, Vec<Vendor>) {
    let vendors = vendors(app, &["=Kaveri \"Castings\"", "Tapti, Tools", "Godavari", "Narmada"]).await;
    let path = executed(app, client).await;
    let all: Vec<Recipient> = vendors.iter().cloned().map(Recipient::from).collect();
    let [a, b, c, d] = [0, 1, 2, 3].map(|i| vendors[i].id);
    let email = plan(app, &path, Channel::Email, 1, all.clone()).await;
    attempt(
        app,
        email,
        &[
            (a, AttemptResult::Accepted, None),
            (b, AttemptResult::Skipped, Some("missing_variable:city")),
            (c, AttemptResult::Failed, Some("ses:message_rejected")),
            (d, AttemptResult::Unknown, Some("ses:timeout")),
        ],
    )
    .await;
    let whatsapp = plan(app, &path, Channel::Whatsapp, 1, all[..3].to_vec()).await;
    attempt(
        app,
        whatsapp,
        &[
            (a, AttemptResult::Failed, Some("whatsapp:131026")),
            (b, AttemptResult::Accepted, None),
            (c, AttemptResult::Unknown, Some("whatsapp:timeout")),
        ],
    )
    .await;
    let event = |kind| DeliveryEvent {
        recipient: a,
        kind,
        provider_id: "-m".to_owned(),
        at: app.app().now(),
        reason: None,
    };
    let events = vec![event(EventKind::Read), event(EventKind::Responded)];
    chunks::record_events(app.store(), [(email, events)].into()).await.unwrap();
    chunks::fold(app.store(), email).await.unwrap();
    (path, vendors)
}

/// `channel vendor_code class` of each item.
fn rows(page: &Value) -> Vec<String> {
    let text = |item: &Value, field: &str| item[field].as_str().unwrap().to_owned();
    let items = page["items"].as_array().unwrap().iter();
    items
        .map(|item| format!("{} {} {}", text(item, "channel"), text(item, "vendor_code"), text(item, "class")))
        .collect()
}

#[tokio::test]
async fn recipients_are_found_by_channel_class_reason_and_answer() {
    let app = TestApp::start().await;
    let viewer = app.as_role(Role::Viewer).await;
    let (path, _) = varied(&app, &app.as_role(Role::CampaignManager).await).await;
    let all = [
        "email V-01 delivered",
        "email V-02 skipped",
        "email V-03 failed",
        "email V-04 unknown",
        "whatsapp V-01 failed",
        "whatsapp V-02 accepted",
        "whatsapp V-03 unknown",
    ];
    let cases: [(&str, &[&str], Option<u64>); 12] = [
        ("", &all, Some(7)),
        ("channel=whatsapp", &all[4..], Some(3)),
        ("class=failed", &[all[2], all[4]], Some(2)),
        ("class=failed&channel=email", &[all[2]], Some(1)),
        ("reason=whatsapp", &[all[4], all[6]], Some(2)),
        ("reason=whatsapp:131026", &[all[4]], Some(1)),
        ("reason=missing_variable", &[all[1]], Some(1)),
        ("reason=whatsapp&class=unknown", &[all[6]], Some(1)),
        ("reason=missing", &[], Some(0)),
        ("responded=true", &[all[0]], Some(1)),
        ("responded=false", &all[1..], Some(6)),
        ("responded=false&class=delivered", &[], None),
    ];
    for (query, expected, total) in cases {
        let page = viewer
            .get(&recipients::ROUTE, &format!("{path}/recipients?{query}"))
            .await
            .expect(200)
            .json();
        assert_eq!(rows(&page), expected, "{query}");
        assert_eq!(page["total"].as_u64(), total, "{query}");
        assert_eq!(page["next_cursor"], Value::Null, "{query}");

        // One at a time it is the same list.
        let (mut seen, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = viewer
                .get(&recipients::ROUTE, &format!("{path}/recipients?{query}&limit=1{cursor}"))
                .await
                .expect(200)
                .json();
            seen.extend(rows(&page));
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        assert_eq!(seen, expected, "{query}, one a page");
    }
    let first = viewer.get(&recipients::ROUTE, &format!("{path}/recipients")).await.json()["items"][0].clone();
    for (field, value) in [
        ("read", json!(true)),
        ("responded", json!(true)),
        ("duplicated", json!(false)),
        ("attempts", json!(1)),
    ] {
        assert_eq!(first[field], value, "{field}");
    }
    for (query, field) in [("channel=fax", "channel"), ("class=lost", "class"), ("responded=maybe", "responded")] {
        let refused = viewer.get(&recipients::ROUTE, &format!("{path}/recipients?{query}")).await.expect(422);
        assert_eq!(refused.field_errors(), [(field.to_owned(), "unknown".to_owned())]);
    }
}

#[tokio::test]
async fn the_export_has_every_recipient_and_no_formula_and_no_address() {
    let app = TestApp::start().await;
    let manager = app.as_role(Role::CampaignManager).await;
    let (path, _) = varied(&app, &manager).await;
    let answer = manager
        .get(&export_recipients::ROUTE, &format!("{path}/recipients/export"))
        .await
        .expect(200);
    assert_eq!(answer.header("content-type"), Some("text/csv; charset=utf-8"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert!(answer.header("content-disposition").unwrap().ends_with("-recipients.csv\""));
    let text = answer.text();
    assert!(text.starts_with("\u{feff}campaign,channel,vendor_code,"), "{text}");
    assert!(!text.contains("@kaveri.example"), "{text}");
    let mut reader = csv::Reader::from_reader(text.trim_start_matches('\u{feff}').as_bytes());
    let rows: Vec<Vec<String>> = reader.records().map(|row| row.unwrap().iter().map(str::to_owned).collect()).collect();
    assert_eq!(rows.len(), 7);
    let time = rows[0][10].clone();
    assert!(time.starts_with("2026-11-02 10:00:"), "{time} is Indian");
    let expected = [
        "'=Declarations",
        "email",
        "V-01",
        "'=Kaveri \"Castings\"",
        "delivered",
        "",
        "'-m",
        "1",
        "yes",
        "yes",
        &time,
    ];
    assert_eq!(rows[0], expected);
    assert_eq!(rows[1][3..7], ["Tapti, Tools", "skipped", "missing_variable:city", ""]);

    let failed = manager
        .get(
            &export_recipients::ROUTE,
            &format!("{path}/recipients/export?class=failed&channel=whatsapp"),
        )
        .await
        .expect(200);
    assert_eq!(failed.text().lines().count(), 2, "{}", failed.text());
    app.as_role(Role::Vendor)
        .await
        .get(&export_recipients::ROUTE, &format!("{path}/recipients/export"))
        .await
        .expect(403);
}

#[tokio::test]
async fn a_large_export_goes_through_the_bucket_part_by_part() {
    let app = TestApp::start().await;
    let manager = app.as_role(Role::CampaignManager).await;
    let template = vendors(&app, &["Kaveri"]).await.remove(0);
    let path = executed(&app, &manager).await;
    // 40 recipients of 9,000 characters a chunk: 3.2 MB after 9 chunks, 7.2 MB after 20.
    let long = "x".repeat(9_000);
    for number in 1..=20 {
        let recipients = (0..40).map(|_| Recipient {
            id: VendorId::from_ulid(app.app().new_ulid()),
            name: long.clone(),
            ..Recipient::from(template.clone())
        });
        let chunk = plan(&app, &path, Channel::Email, number, recipients.collect()).await;
        if number != 9 && number != 20 {
            continue;
        }
        let answer = manager
            .get(&export_recipients::ROUTE, &format!("{path}/recipients/export"))
            .await
            .expect(303);
        let location = answer.header("location").unwrap();
        let (address, query) = location.split_once('?').unwrap();
        let key = &address[address.find("exports/").unwrap()..];
        assert!(key.starts_with(&format!("exports/{}/", chunk.campaign)) && key.ends_with(".csv"), "{key}");
        assert!(query.contains("X-Amz-Signature") && query.contains("X-Amz-Expires=300"), "{query}");
        let file = String::from_utf8(app.object(key).expect("the file is in the bucket")).unwrap();
        assert!(file.starts_with('\u{feff}'));
        let rows = csv::Reader::from_reader(file.trim_start_matches('\u{feff}').as_bytes())
            .into_records()
            .count();
        assert_eq!(rows, 40 * usize::try_from(number).unwrap());
    }
}

async fn resolved(client: &Client<'_>, path: &str, vendor: VendorId, channel: &str, resolution: &str) -> Answer {
    let body = json!({ "channel": channel, "resolution": resolution, "note": NOTE });
    client.post(&resolve::ROUTE, &format!("{path}/recipients/{vendor}/resolve"), body).await
}

fn detail(answer: &Answer) -> String {
    answer.json()["detail"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn an_operator_settles_what_is_unknown_and_nothing_else() {
    let app = TestApp::start().await;
    let manager = app.as_role(Role::CampaignManager).await;
    let vendors = vendors(&app, &["A", "B", "C", "D", "E"]).await;
    let path = executed(&app, &manager).await;
    let asked: Vec<Recipient> = vendors[..4].iter().cloned().map(Recipient::from).collect();
    let chunk = plan(&app, &path, Channel::Email, 1, asked).await;
    let [a, b, c, d, e] = [0, 1, 2, 3, 4].map(|i| vendors[i].id);
    let lost = (AttemptResult::Unknown, Some("ses:timeout"));
    attempt(
        &app,
        chunk,
        &[
            (a, AttemptResult::Accepted, None),
            (b, lost.0, lost.1),
            (c, lost.0, lost.1),
            (d, lost.0, lost.1),
        ],
    )
    .await;

    let refused = resolved(&manager, &path, a, "email", "accepted").await.expect(409);
    assert!(detail(&refused).contains("the recipient is accepted"), "{}", refused.text());
    resolved(&manager, &path, e, "email", "accepted").await.expect(404);
    resolved(&manager, &path, b, "whatsapp", "accepted").await.expect(404);
    let body = json!({ "channel": "email", "resolution": "accepted", "note": "too short" });
    let short = manager
        .post(&resolve::ROUTE, &format!("{path}/recipients/{b}/resolve"), body)
        .await
        .expect(422);
    assert_eq!(short.field_errors(), [("note".to_owned(), "length".to_owned())]);
    let viewer = app.as_role(Role::Viewer).await;
    resolved(&viewer, &path, b, "email", "accepted").await.expect(403);

    let accepted = resolved(&manager, &path, b, "email", "accepted").await.expect(200).json();
    assert_eq!(
        (&accepted["class"], &accepted["reason"]),
        (&json!("accepted"), &json!("operator:accepted"))
    );
    let failed = resolved(&manager, &path, c, "email", "failed").await.expect(200).json();
    assert_eq!((&failed["class"], &failed["reason"]), (&json!("failed"), &json!("operator:failed")));
    assert!(app.take_messages(Var::EmailQueueUrl).is_empty());

    manager.call(&pause::ROUTE, &format!("{path}/pause")).await.expect(200);
    let refused = resolved(&manager, &path, d, "email", "resend").await.expect(409);
    assert!(detail(&refused).contains("paused"), "{}", refused.text());
    manager.call(&campaigns::resume::ROUTE, &format!("{path}/resume")).await.expect(202);
    let again = resolved(&manager, &path, d, "email", "resend").await.expect(200).json();
    assert_eq!((&again["class"], &again["reason"]), (&json!("pending"), &json!("operator:resend")));
    let messages = app.take_messages(Var::EmailQueueUrl);
    assert_eq!(messages.len(), 1);
    let message: Value = serde_json::from_str(messages[0]["MessageBody"].as_str().unwrap()).unwrap();
    assert_eq!(message, json!({ "campaign_id": id_of(&path), "channel": "email", "chunk": 1 }));
    assert_eq!(messages[0]["MessageGroupId"], json!(id_of(&path)));
    let refused = resolved(&manager, &path, d, "email", "failed").await.expect(409);
    assert!(detail(&refused).contains("the recipient is pending"), "{}", refused.text());

    // Who decided, and why, is on record with each decision.
    let decisions: Vec<String> = app
        .items(&format!("CAMPAIGN#{}#email#1", id_of(&path)))
        .await
        .iter()
        .filter_map(|item| item["by"]["S"].as_str().map(str::to_owned))
        .collect();
    assert_eq!(decisions.len(), 3, "{decisions:?}");
    assert!(decisions.iter().all(|by| by.starts_with("usr_") && by.ends_with(NOTE)), "{decisions:?}");
    chunks::fold(app.store(), chunk).await.unwrap();
    let counts = manager.get(&ledger::ROUTE, &format!("{path}/ledger")).await.json()["channels"][0]["counts"].clone();
    for (class, count) in [("accepted", 2), ("failed", 1), ("pending", 1), ("unknown", 0)] {
        assert_eq!(counts[class], count, "{counts}");
    }
}

#[tokio::test]
async fn while_others_of_its_chunk_are_being_sent_to_an_unknown_recipient_waits() {
    let app = TestApp::start().await;
    let manager = app.as_role(Role::CampaignManager).await;
    let vendors = vendors(&app, &["A", "B"]).await;
    let path = executed(&app, &manager).await;
    let asked = vendors.iter().cloned().map(Recipient::from).collect();
    let chunk = plan(&app, &path, Channel::Email, 1, asked).await;
    let lost = (AttemptResult::Unknown, Some("ses:timeout"));
    attempt(&app, chunk, &[(vendors[0].id, lost.0, lost.1), (vendors[1].id, lost.0, lost.1)]).await;
    resolved(&manager, &path, vendors[0].id, "email", "resend").await.expect(200);
    let refused = resolved(&manager, &path, vendors[1].id, "email", "accepted").await.expect(409);
    assert!(detail(&refused).contains("being sent to"), "{}", refused.text());
}

#[tokio::test]
async fn status_tells_what_each_channel_waits_for() {
    let app = TestApp::start().await;
    let manager = app.as_role(Role::CampaignManager).await;
    let vendors = vendors(&app, &["A", "B", "C"]).await;
    let path = executed(&app, &manager).await;
    let asked = |i: usize| vec![Recipient::from(vendors[i].clone())];
    let first = plan(&app, &path, Channel::Email, 1, asked(0)).await;
    let second = plan(&app, &path, Channel::Email, 2, asked(1)).await;
    let third = plan(&app, &path, Channel::Email, 3, asked(2)).await;
    let (token, now) = (app.app().new_ulid(), app.app().now());
    attempt(&app, first, &[(vendors[0].id, AttemptResult::Accepted, None)]).await;
    chunks::claim(app.store(), second, token, now + SignedDuration::from_mins(1), now)
        .await
        .unwrap();
    chunks::claim(app.store(), third, token, now + SignedDuration::from_mins(1), now)
        .await
        .unwrap();
    chunks::release(app.store(), third, token, true, now).await.unwrap();
    let until = now + SignedDuration::from_mins(15);
    store::providers::close(app.store(), "ses", until, "ses:daily_quota").await.unwrap();
    store::providers::close(app.store(), "whatsapp", until, "whatsapp:130429").await.unwrap();

    let body = manager.get(&status::ROUTE, &format!("{path}/status")).await.expect(200).json();
    assert_eq!(
        (&body["state"], &body["chunks"], &body["waived"]),
        (&json!("sending"), &json!(3), &json!([]))
    );
    let channels = body["channels"].as_array().unwrap();
    assert_eq!(channels.len(), 1, "only the campaign's channels");
    for (field, value) in [
        ("channel", json!("email")),
        ("chunks", json!(3)),
        ("chunks_closed", json!(1)),
        ("chunks_parked", json!(1)),
        ("in_flight", json!(1)),
    ] {
        assert_eq!(channels[0][field], value, "{field} in {body}");
    }
    let closed = &channels[0]["closed_providers"];
    assert_eq!(
        (closed[0]["name"].clone(), closed[0]["closed_reason"].clone()),
        (json!("ses"), json!("ses:daily_quota"))
    );
    assert!(closed[0]["closed_until"].as_str().unwrap().starts_with("2026-11-02T04:45:"), "{closed}");

    app.advance(SignedDuration::from_mins(14));
    let body = manager.get(&status::ROUTE, &format!("{path}/status")).await.expect(200).json();
    assert_eq!(body["channels"][0]["closed_providers"].as_array().map(Vec::len), Some(1));
    app.advance(SignedDuration::from_secs(70));
    let manager = app.as_role(Role::CampaignManager).await;
    let body = manager.get(&status::ROUTE, &format!("{path}/status")).await.expect(200).json();
    assert_eq!(body["channels"][0]["closed_providers"], json!([]), "open again");
}
