//! Finding vendors as people type, lists page by page, segments and audiences that mean what they say.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::collections::BTreeSet;

use campaigns::{clone, execute, preflight};
use domain::VendorId;
use domain::user::Role;
use domain::vendor::{MsmeStatus, ParsedVendor, RawVendor};
use domain::vendor_record::Vendor;
use serde_json::{Value, json};
use vendors::{create, list};

use crate::support::{self, Client, TestApp};

const VENDORS: &str = "/api/v1/vendors";
const SEGMENTS: &str = "/api/v1/segments";
const CAMPAIGNS: &str = "/api/v1/campaigns";
const NOBODY: &str = "cmp_01ARZ3NDEKTSV4RRFFQ69G5FAV";

async fn created(client: &Client<'_>, body: Value) -> String {
    let answer = client.post(&create::ROUTE, VENDORS, body).await.expect(201);
    answer.json()["id"].as_str().unwrap().to_owned()
}

/// The codes a list shows, page after page.
async fn codes(client: &Client<'_>, query: &[(&str, &str)]) -> Vec<String> {
    let query = serde_urlencoded::to_string(query).unwrap();
    let (mut codes, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = client.get(&list::ROUTE, &format!("{VENDORS}?{query}{cursor}")).await.expect(200).json();
        let items = page["items"].as_array().unwrap();
        codes.extend(items.iter().map(|item| item["vendor_code"].as_str().unwrap().to_owned()));
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => {
                assert_eq!(page["total"], json!(codes.len()), "{query}");
                return codes;
            }
        }
    }
}

/// The field and code of the 422 a list answers.
async fn refused(client: &Client<'_>, query: &str) -> (String, String) {
    let answer = client.get(&list::ROUTE, &format!("{VENDORS}?{query}")).await.expect(422);
    answer.field_errors().swap_remove(0)
}

#[tokio::test]
async fn vendors_are_found_as_people_type() {
    let app = TestApp::start().await;
    let manager = app.as_role(Role::CampaignManager).await;
    let long = format!("{}@castings.example", "accounts.".repeat(6).trim_end_matches('.'));
    for body in [
        json!({ "vendor_code": "V-1", "company_name": "Kaveri Castings Pvt.Ltd.", "phone_number": "+91 98765 43210", "email": long }),
        json!({ "vendor_code": "910012345678", "company_name": "Godavari,Forge" }),
        json!({ "vendor_code": "V-3", "company_name": "कावेरी कास्टिंग्स", "gst_number": "27AAPFU0939F1ZV" }),
    ] {
        created(&manager, body).await;
    }
    let check = async |q: &str, expected: &[&str]| assert_eq!(codes(&manager, &[("q", q)]).await, expected, "{q}");
    for number in [
        "+91 98765 43210",
        "98765 43210",
        "+9198765",
        "00919876543210",
        "098765 43210",
        "(+91) 98765-43210",
    ] {
        check(number, &["V-1"]).await;
    }
    check("910012345678", &["910012345678"]).await;
    for name in [
        "Kaveri Castings Pvt.Ltd.",
        "Kaveri,Castings",
        "kaveri limi",
        "kaveri pr",
        "ka",
        long.as_str(),
    ] {
        check(name, &["V-1"]).await;
    }
    check("godavari forge", &["910012345678"]).await;
    for name in ["कावेरी", "कास्टिंग्स कावेरी", "27 AAPFU 0939F 1ZV"] {
        check(name, &["V-3"]).await;
    }
    assert_eq!(
        refused(&manager, &format!("q={}", "x".repeat(1_500))).await,
        ("text".to_owned(), "too_long".to_owned())
    );
    check(&"य".repeat(200), &[]).await;
}

#[tokio::test]
async fn what_a_list_cannot_mean_is_refused() {
    let app = TestApp::start().await;
    let manager = app.as_role(Role::CampaignManager).await;
    let kinds = ["Trader, wholesale", "ÉTAT", "Trader"];
    for (code, kind) in ["V-1", "V-2", "V-3"].into_iter().zip(kinds) {
        created(
            &manager,
            json!({ "vendor_code": code, "company_name": "Kaveri", "supplier_type": kind, "tags": ["Été"] }),
        )
        .await;
    }
    let check = async |query: &[(&str, &str)], expected: &[&str]| assert_eq!(codes(&manager, query).await, expected, "{query:?}");
    check(&[("supplier_type", "trader,état")], &["V-2", "V-3"]).await;
    check(&[("supplier_type", "TRADER,  wholesale"), ("supplier_type", "ÉTAT")], &["V-1", "V-2"]).await;
    check(&[("tag", " ÉTÉ ")], &["V-1", "V-2", "V-3"]).await;
    check(
        &[("msme_status", "unknown,unknown,unknown,unknown,unknown,unknown,unknown")],
        &["V-1", "V-2", "V-3"],
    )
    .await;

    let many = (0..31).map(|i| format!("t{i}")).collect::<Vec<_>>().join(",");
    for (query, field, code) in [
        ("colour=red", "query", "unknown_parameter"),
        (&format!("tag={many}"), "tags", "too_many"),
        (&format!("tag={}", "t".repeat(41)), "tags", "too_long"),
        (&format!("supplier_type={}", "t".repeat(61)), "supplier_types", "too_long"),
        ("suppressed_email=perhaps", "suppressed_email", "true_or_false"),
    ] {
        assert_eq!(refused(&manager, query).await, (field.to_owned(), code.to_owned()), "{query}");
    }
}

#[tokio::test]
async fn a_campaign_there_is_none_of_never_means_everybody() {
    let app = TestApp::start().await;
    let manager = app.as_role(Role::CampaignManager).await;
    created(
        &manager,
        json!({ "vendor_code": "V-1", "company_name": "Kaveri", "email": "a@kaveri.example" }),
    )
    .await;
    for field in ["responded", "not_responded"] {
        let wrong = (field.to_owned(), "unknown".to_owned());
        assert_eq!(refused(&manager, &format!("{field}={NOBODY}")).await, wrong);
        let filter = json!({ field: NOBODY });
        let segment = json!({ "name": "Segment", "filter": filter });
        let export = json!({ "format": "csv", "filter": filter });
        let campaign = campaign(&manager, json!({ "filter": filter })).await;
        for (route, path, body) in [
            (&segments::create::ROUTE, SEGMENTS, segment),
            (&exports::create::ROUTE, "/api/v1/exports", export),
            (&campaigns::create::ROUTE, CAMPAIGNS, campaign),
        ] {
            let errors = manager.post(route, path, body).await.expect(422).field_errors();
            assert_eq!(errors, std::slice::from_ref(&wrong), "{path}");
        }
    }

    // A draft that was there when it was named, and is deleted before the campaign starts.
    let other = drafted(&manager, json!({})).await;
    let id = other["id"].as_str().unwrap();
    let draft = drafted(&manager, json!({ "filter": { "not_responded": id } })).await;
    manager.delete(&campaigns::delete::ROUTE, &format!("{CAMPAIGNS}/{id}")).await.expect(204);
    let path = format!("{CAMPAIGNS}/{}/execute", draft["id"].as_str().unwrap());
    let errors = manager.call(&execute::ROUTE, &path).await.expect(422).field_errors();
    assert_eq!(errors, [("not_responded".to_owned(), "unknown".to_owned())]);
}

/// The body of a campaign with this audience.
async fn campaign(client: &Client<'_>, audience: Value) -> Value {
    let template = json!({
        "name": "First request", "subject": "{{ company_name }}", "html": "<a href=\"{{ form_url }}\">answer</a>", "text": "{{ form_url }}",
    });
    let template = client
        .post(&templates::create_email::ROUTE, "/api/v1/templates/email", template)
        .await
        .expect(201)
        .json();
    json!({ "name": "Declarations", "template_id": template["id"], "deadline": "2026-12-31T18:29:59Z", "audience": audience })
}

async fn drafted(client: &Client<'_>, audience: Value) -> Value {
    let body = campaign(client, audience).await;
    client.post(&campaigns::create::ROUTE, CAMPAIGNS, body).await.expect(201).json()
}

#[tokio::test]
async fn an_audience_asks_for_states_and_tags_however_they_are_written() {
    let app = TestApp::start().await;
    let manager = app.as_role(Role::CampaignManager).await;
    for (code, state) in [("V-1", "Karnataka"), ("V-2", "Kerala")] {
        let body = json!({ "vendor_code": code, "company_name": "Kaveri", "state": state, "tags": ["critical"],
            "email": "a@kaveri.example", "supplier_type": if code == "V-1" { "Job Work" } else { "Trader" } });
        created(&manager, body).await;
    }
    for audience in [
        json!({ "supplier_types": [" job  WORK"] }),
        json!({ "filter": { "states": ["KA"], "tags": ["Critical "] } }),
        json!({ "states": ["29"] }),
    ] {
        let draft = drafted(&manager, audience).await;
        let path = format!("{CAMPAIGNS}/{}/preflight", draft["id"].as_str().unwrap());
        let report = manager.call(&preflight::ROUTE, &path).await.expect(200).json();
        assert_eq!(report["channels"][0]["targeted"], json!(1), "{report}");
    }
    let wrong = campaign(&manager, json!({ "states": ["Atlantis"] })).await;
    let errors = manager.post(&campaigns::create::ROUTE, CAMPAIGNS, wrong).await.expect(422).field_errors();
    assert_eq!(errors[0].0, "audience.states");
}

#[tokio::test]
async fn a_started_campaign_of_a_segment_is_cloned_with_the_segment() {
    let app = TestApp::start().await;
    let manager = app.as_role(Role::CampaignManager).await;
    created(
        &manager,
        json!({ "vendor_code": "V-1", "company_name": "Kaveri", "email": "a@kaveri.example", "tags": ["critical"] }),
    )
    .await;
    let body = json!({ "name": "Critical", "filter": { "tags": ["critical"] } });
    let segment = manager.post(&segments::create::ROUTE, SEGMENTS, body).await.expect(201);
    let draft = drafted(&manager, json!({ "segment_id": segment.json()["id"] })).await;
    let path = format!("{CAMPAIGNS}/{}", draft["id"].as_str().unwrap());
    manager.call(&execute::ROUTE, &format!("{path}/execute")).await.expect(202);
    let started = manager.get(&campaigns::get::ROUTE, &path).await.expect(200).json();
    assert_eq!(started["audience"]["filter"], json!({ "tags": ["critical"] }));
    let copy = manager.call(&clone::ROUTE, &format!("{path}/clone")).await.expect(201).json();
    assert_eq!(copy["audience"], json!({ "segment_id": segment.json()["id"] }));

    // Gone meanwhile: the copy says what is missing.
    manager
        .delete(&segments::delete::ROUTE, segment.header("location").unwrap())
        .await
        .expect(204);
    let path = format!("{CAMPAIGNS}/{}/execute", copy["id"].as_str().unwrap());
    let errors = manager.call(&execute::ROUTE, &path).await.expect(422).field_errors();
    assert_eq!(errors, [("audience.segment_id".to_owned(), "segment_gone".to_owned())]);
}

#[tokio::test]
async fn suppression_is_asked_for_by_channel_or_for_either() {
    let app = TestApp::start().await;
    let manager = app.as_role(Role::CampaignManager).await;
    for (code, email, phone) in [
        ("V-1", Some("a@kaveri.example"), Some("9876543210")),
        ("V-2", Some("a@godavari.example"), Some("9876543211")),
        ("V-3", None, Some("9876543212")),
    ] {
        created(
            &manager,
            json!({ "vendor_code": code, "company_name": "Kaveri", "email": email, "phone_number": phone }),
        )
        .await;
    }
    for (channel, address) in [("email", "a@kaveri.example"), ("whatsapp", "+919876543211")] {
        let body = json!({ "channel": channel, "address": address, "note": "asked by telephone" });
        manager.post(&suppressions::create::ROUTE, "/api/v1/suppressions", body).await.expect(201);
    }
    for (query, expected) in [
        (vec![("suppressed", "true")], vec!["V-1", "V-2"]),
        (vec![("suppressed", "false")], vec!["V-3"]),
        (vec![("suppressed_email", "true")], vec!["V-1"]),
        (vec![("suppressed_email", "false")], vec!["V-2", "V-3"]),
        (vec![("suppressed_whatsapp", "true"), ("limit", "1")], vec!["V-2"]),
        (vec![("suppressed_whatsapp", "false"), ("limit", "1")], vec!["V-1", "V-3"]),
        (vec![("suppressed", "true"), ("q", "kaveri"), ("sort", "updated")], vec!["V-2", "V-1"]),
    ] {
        assert_eq!(codes(&manager, &query).await, expected, "{query:?}");
    }
}

fn vendor(app: &TestApp, raw: RawVendor, status: MsmeStatus) -> Vendor {
    let now = app.app().now();
    Vendor {
        id: VendorId::from_ulid(app.app().new_ulid()),
        profile: ParsedVendor::parse(raw).unwrap().profile,
        msme_status: status,
        origin: None,
        deleted_at: None,
        created_at: now,
        updated_at: now,
        version: 1,
    }
}

#[tokio::test]
async fn pages_of_every_list_hold_each_vendor_once_in_order() {
    const COUNT: usize = 1_200;
    let app = TestApp::start().await;
    let manager = app.as_role(Role::CampaignManager).await;
    let vendors: Vec<Vendor> = (0..COUNT)
        .map(|i| {
            let raw = RawVendor {
                vendor_code: Some(format!("V-{i:04}")),
                // The names run against the codes.
                company_name: Some(format!("N{:04} Industries {}", COUNT - i, ["Kaveri", "Godavari"][i % 2])),
                state: Some(["KA", "MH", "TN"][i % 3].to_owned()),
                emails: vec![format!("v{i}@kaveri.example")],
                ..RawVendor::default()
            };
            vendor(&app, raw, [MsmeStatus::Micro, MsmeStatus::Small][i % 2])
        })
        .collect();
    let new: Vec<_> = vendors.iter().cloned().map(Into::into).collect();
    store::vendors::create_batch(app.store(), &new, support::by()).await.unwrap();
    let every = |step: usize, from: usize| (from..COUNT).step_by(step).map(|i| format!("V-{i:04}")).collect::<Vec<_>>();
    let backwards = |mut codes: Vec<String>| {
        codes.reverse();
        codes
    };
    for (query, expected) in [
        (vec![("q", "industries")], every(1, 0)),
        (vec![("q", "in")], every(1, 0)),
        (vec![("q", "industries kaveri")], every(2, 0)),
        (vec![("q", "industries"), ("state", "MH")], every(3, 1)),
        (vec![("q", "industries"), ("sort", "name")], backwards(every(1, 0))),
        (vec![("state", "KA")], every(3, 0)),
        (vec![("msme_status", "small"), ("state", "29")], every(6, 3)),
        (vec![("state", "KA"), ("suppressed", "false")], every(3, 0)),
        (vec![("sort", "name")], backwards(every(1, 0))),
        (vec![("sort", "created")], backwards(every(1, 0))),
        (vec![("has_email", "true"), ("sort", "updated")], backwards(every(1, 0))),
        (vec![], every(1, 0)),
    ] {
        let mut paged = query.clone();
        paged.push(("limit", "170"));
        assert_eq!(codes(&manager, &paged).await, expected, "{query:?}");
    }
    assert_eq!(
        codes(&manager, &[("q", "industries v1199")]).await,
        ["V-1199"],
        "a rare word beside a common one"
    );
}

#[tokio::test]
async fn answers_lead_to_those_who_gave_them() {
    let app = TestApp::start().await;
    let manager = app.as_role(Role::CampaignManager).await;
    let mut ids = Vec::new();
    for (code, name) in [("V-1", "Kaveri"), ("V-2", "Godavari"), ("V-3", "Kaveri")] {
        ids.push(
            created(
                &manager,
                json!({ "vendor_code": code, "company_name": name, "email": "a@kaveri.example" }),
            )
            .await,
        );
    }
    let campaign = drafted(&manager, json!({})).await["id"].as_str().unwrap().to_owned();
    for id in &ids[1..] {
        app.put_key(&format!("CAMPAIGN#{campaign}#ANSWERS"), id).await;
    }
    let id = campaign.as_str();
    for (query, expected) in [
        (vec![("responded", id)], vec!["V-2", "V-3"]),
        (vec![("responded", id), ("limit", "1"), ("sort", "created")], vec!["V-3", "V-2"]),
        (vec![("responded", id), ("q", "kaveri")], vec!["V-3"]),
        (vec![("not_responded", id)], vec!["V-1"]),
        (vec![("not_responded", id), ("q", "kaveri")], vec!["V-1"]),
    ] {
        assert_eq!(codes(&manager, &query).await, expected, "{query:?}");
    }
}

#[tokio::test]
async fn a_list_of_a_segment_goes_on_only_while_the_segment_is_the_same() {
    let app = TestApp::start().await;
    let manager = app.as_role(Role::CampaignManager).await;
    for code in ["V-1", "V-2", "V-3"] {
        created(&manager, json!({ "vendor_code": code, "company_name": "Kaveri", "tags": ["critical"] })).await;
    }
    let everyone = json!({ "name": "Everyone", "filter": {} });
    let segment = manager.post(&segments::create::ROUTE, SEGMENTS, everyone).await.expect(201);
    let (path, id) = (
        segment.header("location").unwrap().to_owned(),
        segment.json()["id"].as_str().unwrap().to_owned(),
    );
    let query = [("segment", id.as_str()), ("limit", "2")];
    assert_eq!(codes(&manager, &query).await.len(), 3);
    for filter in [json!({ "tags": ["critical"] }), json!({ "text": "kaveri" }), json!({})] {
        let list = format!("{VENDORS}?segment={id}&limit=2");
        let first = manager.get(&list::ROUTE, &list).await.expect(200).json();
        let cursor = first["next_cursor"].as_str().unwrap();
        let changed = json!({ "name": "Everyone", "filter": filter });
        manager.put(&segments::update::ROUTE, &path, changed).await.expect(200);
        let wrong = ("cursor".to_owned(), "segment_changed".to_owned());
        assert_eq!(refused(&manager, &format!("segment={id}&limit=2&cursor={cursor}")).await, wrong);
        let seen: BTreeSet<String> = codes(&manager, &query).await.into_iter().collect();
        assert_eq!(seen.len(), 3, "started again it holds everyone");
    }
    let wrong = ("segment".to_owned(), "segment_given".to_owned());
    assert_eq!(refused(&manager, &format!("segment={id}&state=KA")).await, wrong);
}
