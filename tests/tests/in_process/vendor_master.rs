//! The vendor master beyond reading and writing: restoring, history, dated status, verdicts, findings, search, segments, groups.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use domain::VendorId;
use domain::user::Role;
use serde_json::{Value, json};
use vendors::{add_status, create, delete, findings, get, group, history, list, list_groups, restore, share_status, status, update, verdict};

use crate::support::{Client, TestApp};

const VENDORS: &str = "/api/v1/vendors";
const SEGMENTS: &str = "/api/v1/segments";

/// Creates a vendor and gives its path.
async fn created(client: &Client<'_>, body: Value) -> String {
    let answer = client.post(&create::ROUTE, VENDORS, body).await.expect(201);
    answer.header("location").unwrap().to_owned()
}

async fn codes(client: &Client<'_>, query: &str) -> Vec<String> {
    let answer = client.get(&list::ROUTE, &format!("{VENDORS}?{query}")).await.expect(200).json();
    let items = answer["items"].as_array().unwrap();
    let codes: Vec<String> = items.iter().map(|item| item["vendor_code"].as_str().unwrap().to_owned()).collect();
    assert_eq!(answer["total"], json!(codes.len()), "{query}");
    codes
}

#[tokio::test]
async fn a_deleted_vendor_is_restored_as_it_was_unless_its_code_was_given_away() {
    let app = TestApp::start().await;
    let manager = app.as_role(Role::CampaignManager).await;
    let path = created(
        &manager,
        json!({ "vendor_code": "V-1", "company_name": "Kaveri Castings", "email": "a@kaveri.example" }),
    )
    .await;
    let before = manager.get(&get::ROUTE, &path).await.expect(200).json();
    manager.delete(&delete::ROUTE, &path).await.expect(204);
    assert_eq!(codes(&manager, "q=kaveri").await, Vec::<String>::new(), "what is deleted is not found");
    let deleted = manager.get(&list::ROUTE, &format!("{VENDORS}?deleted=true")).await.expect(200).json();
    assert_eq!(
        (&deleted["total"], &deleted["items"][0]["vendor_code"]),
        (&json!(1), &json!("V-1")),
        "but can be found to be restored"
    );
    assert!(deleted["items"][0]["deleted_at"].is_string());
    let refused = manager.get(&list::ROUTE, &format!("{VENDORS}?deleted=true&q=kaveri")).await.expect(422);
    assert_eq!(refused.field_errors()[0].0, "deleted");

    let restored = manager
        .post(&restore::ROUTE, &format!("{path}/restore"), json!({}))
        .await
        .expect(200)
        .json();
    assert_eq!(restored["emails"], before["emails"]);
    assert_eq!(codes(&manager, "q=kaveri").await, ["V-1"]);
    assert_eq!(codes(&manager, "deleted=true").await, Vec::<String>::new());
    manager.post(&restore::ROUTE, &format!("{path}/restore"), json!({})).await.expect(200);

    manager.delete(&delete::ROUTE, &path).await.expect(204);
    created(&manager, json!({ "vendor_code": "v-1", "company_name": "Another" })).await;
    let refused = manager.post(&restore::ROUTE, &format!("{path}/restore"), json!({})).await.expect(409);
    assert!(refused.text().contains("another vendor"), "{}", refused.text());
}

#[tokio::test]
async fn a_history_says_who_changed_what_and_when_even_of_a_deleted_vendor() {
    let app = TestApp::start().await;
    let manager = app.as_role(Role::CampaignManager).await;
    let body = json!({ "vendor_code": "V-1", "company_name": "Kaveri Castings", "city": "Hosur" });
    let path = created(&manager, body).await;
    let changed = json!({ "vendor_code": "V-1", "company_name": "Kaveri Castings LLP", "tags": ["critical"] });
    manager.put(&update::ROUTE, &path, changed).await.expect(200);
    manager.delete(&delete::ROUTE, &path).await.expect(204);

    let answer = manager.get(&history::ROUTE, &format!("{path}/history")).await.expect(200).json();
    let items = answer["items"].as_array().unwrap();
    let kinds: Vec<_> = items.iter().map(|item| item["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["deleted", "updated", "created"]);
    assert!(items.iter().all(|item| item["by"].as_str().unwrap().starts_with("usr_")), "{answer}");
    assert_eq!(
        items[1]["fields"],
        json!([
            { "field": "city", "from": "Hosur" },
            { "field": "company_name", "from": "Kaveri Castings", "to": "Kaveri Castings LLP" },
            { "field": "tags", "to": ["critical"] },
        ])
    );
}

#[tokio::test]
async fn a_status_is_dated_and_the_past_stays_what_it_was() {
    let app = TestApp::start().await;
    let manager = app.as_role(Role::CampaignManager).await;
    let path = created(&manager, json!({ "vendor_code": "V-1", "company_name": "Kaveri" })).await;
    let add = |body: Value| manager.post(&add_status::ROUTE, &format!("{path}/status"), body);
    add(json!({ "status": "micro", "effective_from": "2021-05-01", "note": "certificate seen" }))
        .await
        .expect(201);
    let now = add(json!({ "status": "small", "effective_from": "2025-04-01", "note": "reclassified" }))
        .await
        .expect(201);
    assert_eq!(now.json()["msme_status"], json!("small"));

    let on = async |query: &str| manager.get(&status::ROUTE, &format!("{path}/status{query}")).await.expect(200).json();
    assert_eq!(on("?on=2025-03-31").await["status"], json!("micro"));
    assert_eq!(on("?on=2020-12-31").await["status"], json!("unknown"));
    let today = on("").await;
    assert_eq!(today["status"], json!("small"));
    assert_eq!(today["history"].as_array().unwrap().len(), 2);
    assert_eq!(
        on("?on=2025-03-31&known_at=2026-01-01T00:00:00Z").await["status"],
        json!("unknown"),
        "nobody knew it then"
    );
    manager.get(&status::ROUTE, &format!("{path}/status?on=31-03-2025")).await.expect(422);

    for (body, field) in [
        (
            json!({ "status": "MSME Certified", "effective_from": "2025-04-01", "note": "a word" }),
            "status",
        ),
        (
            json!({ "status": "micro", "effective_from": "1925-04-01", "note": "a letter" }),
            "effective_from",
        ),
        (
            json!({ "status": "micro", "effective_from": "2025-04-01", "note": "a letter", "certificate_sha256": "abc" }),
            "certificate_sha256",
        ),
        (json!({ "status": "micro", "effective_from": "2025-04-01", "note": " " }), "note"),
        (
            json!({ "status": "micro", "effective_from": "2025-04-01", "effective_to": "2024-04-01", "note": "a letter" }),
            "effective_to",
        ),
    ] {
        assert_eq!(add(body).await.expect(422).field_errors()[0].0, field);
    }
    assert_eq!(codes(&manager, "msme_status=small").await, ["V-1"], "lists follow the status");
}

#[tokio::test]
async fn whether_a_payment_is_covered_is_answered_with_reasons() {
    let app = TestApp::start().await;
    let manager = app.as_role(Role::CampaignManager).await;
    let body = json!({ "vendor_code": "V-1", "company_name": "Kaveri", "activity": "manufacturing", "udyam_registration_date": "2021-05-01" });
    let path = created(&manager, body).await;
    let ask = async |query: &str| manager.get(&verdict::ROUTE, &format!("{path}/payment-verdict{query}")).await;
    let unknown = ask("?accepted_on=2026-07-01").await.expect(200).json();
    assert_eq!(unknown["applies"], json!("needs_evidence"), "{unknown}");

    let entry = json!({ "status": "micro", "effective_from": "2021-05-01", "note": "certificate seen" });
    manager.post(&add_status::ROUTE, &format!("{path}/status"), entry).await.expect(201);
    let covered = ask("?accepted_on=2026-07-01&paid_on=2026-09-01&amount_paise=10000000")
        .await
        .expect(200)
        .json();
    assert_eq!(covered["applies"], json!("yes"), "{covered}");
    assert_eq!(
        (&covered["due"]["last_day"], &covered["due"]["appointed_day"]),
        (&json!("2026-07-16"), &json!("2026-07-17"))
    );
    assert!(
        covered["days_late"].as_u64().unwrap() > 0 && covered["interest"]["interest_paise"].as_u64().unwrap() > 0,
        "{covered}"
    );
    ask("").await.expect(422);
}

#[tokio::test]
async fn findings_name_what_was_checked_and_who_else_claims_the_udyam_number() {
    let app = TestApp::start().await;
    let manager = app.as_role(Role::CampaignManager).await;
    let udyam = "UDYAM-MH-26-0012345";
    let vendor = |code: &str, pan: &str| json!({ "vendor_code": code, "company_name": "Kaveri", "pan_number": pan, "udyam_number": udyam });
    let path = created(&manager, vendor("V-1", "AAPFU0939F")).await;
    created(&manager, vendor("V-2", "AAKFD7113K")).await;
    let found = manager.get(&findings::ROUTE, &format!("{path}/findings")).await.expect(200).json();
    let found = found["findings"].as_array().unwrap();
    assert!(found.iter().any(|finding| finding["outcome"] == json!("passed")), "{found:?}");
    assert!(found.iter().any(|finding| finding["severity"] == json!("contradiction")), "{found:?}");
}

#[tokio::test]
async fn vendors_are_found_by_words_and_filters_in_any_order_with_exact_totals() {
    let app = TestApp::start().await;
    let manager = app.as_role(Role::CampaignManager).await;
    for (code, name, state, extra) in [
        (
            "V-1",
            "Kaveri Castings Pvt Ltd",
            "Karnataka",
            json!({ "email": "accounts@kaveri.example", "tags": "critical; plant-2" }),
        ),
        (
            "V-2",
            "Godavari Castings",
            "Maharashtra",
            json!({ "phone_number": "9876543210", "tags": "critical", "supplier_type": "Trader" }),
        ),
        (
            "V-3",
            "Zenith Forge",
            "Maharashtra",
            json!({ "gst_number": "27AAPFU0939F1ZV", "msme_status": "micro" }),
        ),
    ] {
        let mut body = json!({ "vendor_code": code, "company_name": name, "state": state });
        body.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        created(&manager, body).await;
    }
    let check = async |query: &str, expected: &[&str]| assert_eq!(codes(&manager, query).await, expected, "{query}");
    check("", &["V-1", "V-2", "V-3"]).await;
    check("q=castings", &["V-1", "V-2"]).await;
    check("q=cast+kav", &["V-1"]).await;
    check("q=27AAPFU", &["V-3"]).await;
    check("q=aapfu0939f", &["V-3"]).await;
    check("q=%2B919876543210", &["V-2"]).await;
    check("q=accounts%40kaveri", &["V-1"]).await;
    check("q=private+limited", &[]).await;
    check("state=MH", &["V-2", "V-3"]).await;
    check("state=27&tag=critical", &["V-2"]).await;
    check("tag=critical,plant-2", &["V-1"]).await;
    check("has_email=true", &["V-1"]).await;
    check("has_whatsapp=false", &["V-1", "V-3"]).await;
    check("supplier_type=trader", &["V-2"]).await;
    check("msme_status=micro,small", &["V-3"]).await;
    check("sort=name", &["V-2", "V-1", "V-3"]).await;
    check("sort=created", &["V-3", "V-2", "V-1"]).await;
    for query in [
        "q=x",
        "has_email=maybe",
        "sort=colour",
        "state=Atlantis",
        "msme_status=huge",
        "responded=nobody",
        "segment=seg_1",
    ] {
        manager.get(&list::ROUTE, &format!("{VENDORS}?{query}")).await.expect(422);
    }

    // Page by page the same, in every order.
    for sort in ["code", "name", "updated"] {
        let mut seen = Vec::new();
        let mut cursor = String::new();
        loop {
            let page = manager
                .get(&list::ROUTE, &format!("{VENDORS}?sort={sort}&state=MH&limit=1{cursor}"))
                .await
                .expect(200)
                .json();
            assert_eq!(page["total"], json!(2));
            seen.push(page["items"][0]["vendor_code"].clone());
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        assert_eq!(seen.len(), 2, "{sort}");
        assert_ne!(seen[0], seen[1], "{sort}");
    }

    // What changed is found as it is now, and no longer as it was.
    let path = format!(
        "{VENDORS}/{}",
        manager.get(&list::ROUTE, &format!("{VENDORS}?q=zenith")).await.json()["items"][0]["id"]
            .as_str()
            .unwrap()
    );
    let renamed = json!({ "vendor_code": "V-3", "company_name": "Nadir Forge", "state": "Kerala" });
    manager.put(&update::ROUTE, &path, renamed).await.expect(200);
    check("q=zenith", &[]).await;
    check("q=nadir", &["V-3"]).await;
    check("state=MH", &["V-2"]).await;
}

#[tokio::test]
async fn suppressed_vendors_are_filtered_by_the_address_campaigns_write_to() {
    let app = TestApp::start().await;
    let manager = app.as_role(Role::CampaignManager).await;
    created(
        &manager,
        json!({ "vendor_code": "V-1", "company_name": "Kaveri", "email": "Accounts@Kaveri.example" }),
    )
    .await;
    created(
        &manager,
        json!({ "vendor_code": "V-2", "company_name": "Godavari", "email": "a@godavari.example" }),
    )
    .await;
    let body = json!({ "channel": "email", "address": "accounts@kaveri.example", "note": "asked by telephone" });
    manager.post(&suppressions::create::ROUTE, "/api/v1/suppressions", body).await.expect(201);
    assert_eq!(codes(&manager, "suppressed=true").await, ["V-1"]);
    assert_eq!(codes(&manager, "suppressed=false").await, ["V-2"]);
}

#[tokio::test]
async fn a_segment_is_a_filter_by_name_for_lists_and_campaigns() {
    let app = TestApp::start().await;
    let manager = app.as_role(Role::CampaignManager).await;
    created(&manager, json!({ "vendor_code": "V-1", "company_name": "Kaveri", "tags": ["critical"] })).await;
    created(&manager, json!({ "vendor_code": "V-2", "company_name": "Godavari" })).await;
    let body = json!({ "name": "Critical", "filter": { "tags": ["Critical"] } });
    let segment = manager.post(&segments::create::ROUTE, SEGMENTS, body).await.expect(201);
    let path = segment.header("location").unwrap().to_owned();
    let id = segment.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(codes(&manager, &format!("segment={id}")).await, ["V-1"]);
    // Both earlier generations of words are understood here, too.
    let body = json!({ "name": "None", "filter": { "msme_statuses": ["Non MSME", "unknown"] } });
    let old = manager.post(&segments::create::ROUTE, SEGMENTS, body).await.expect(201);
    assert_eq!(old.json()["filter"]["msme_statuses"], json!(["not_registered", "unknown"]));
    manager
        .delete(&segments::delete::ROUTE, old.header("location").unwrap())
        .await
        .expect(204);

    let changed = json!({ "name": "Everyone in MH", "filter": { "states": ["MH"] } });
    let now = manager
        .put(&segments::update::ROUTE, &path, changed.clone())
        .if_match(segment.etag())
        .await
        .expect(200);
    assert_eq!(now.json()["filter"], json!({ "states": ["Maharashtra"] }));
    manager
        .put(&segments::update::ROUTE, &path, changed)
        .if_match(segment.etag())
        .await
        .expect(412);
    assert_eq!(
        manager.get(&segments::list::ROUTE, SEGMENTS).await.expect(200).json()["items"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    let wrong = json!({ "name": " ", "filter": { "text": "x", "states": ["Atlantis"] } });
    assert_eq!(
        manager
            .post(&segments::create::ROUTE, SEGMENTS, wrong)
            .await
            .expect(422)
            .field_errors()
            .len(),
        3
    );
    manager.delete(&segments::delete::ROUTE, &path).await.expect(204);
    manager.get(&segments::get::ROUTE, &path).await.expect(404);
}

#[tokio::test]
async fn codes_of_one_pan_are_one_group_that_shows_contradictions_and_shares_a_status() {
    let app = TestApp::start().await;
    let manager = app.as_role(Role::CampaignManager).await;
    let vendor =
        |code: &str, udyam: Option<&str>| json!({ "vendor_code": code, "company_name": "Kaveri", "pan_number": "AAPFU0939F", "udyam_number": udyam });
    let first = created(&manager, vendor("V-1", Some("UDYAM-MH-26-0012345"))).await;
    let second = created(&manager, vendor("V-2", Some("UDYAM-MH-26-0099999"))).await;
    created(
        &manager,
        json!({ "vendor_code": "V-9", "company_name": "Alone", "pan_number": "AAKFD7113K" }),
    )
    .await;

    let groups = manager.get(&list_groups::ROUTE, "/api/v1/vendor-groups").await.expect(200).json();
    assert_eq!(
        (&groups["total"], groups["items"][0]["members"].as_array().unwrap().len()),
        (&json!(1), 2),
        "{groups}"
    );
    assert_eq!(groups["items"][0]["pan"], json!("AAPFUXXXXF"));
    let shown = manager.get(&group::ROUTE, &format!("{first}/group")).await.expect(200).json();
    assert_eq!(shown["contradictions"][0]["code"], json!("two_udyams"), "{shown}");

    let share = async || {
        manager
            .post(&share_status::ROUTE, &format!("{first}/group/share-status"), json!({}))
            .await
    };
    share().await.expect(409);
    let entry = json!({ "status": "micro", "effective_from": "2021-05-01", "note": "certificate seen" });
    manager.post(&add_status::ROUTE, &format!("{first}/status"), entry).await.expect(201);
    let shared = share().await.expect(200).json();
    let id: VendorId = second.rsplit('/').next().unwrap().parse().unwrap();
    assert_eq!(shared["vendor_ids"], json!([id.to_string()]));
    let other = manager.get(&status::ROUTE, &format!("{second}/status")).await.expect(200).json();
    assert_eq!(other["status"], json!("micro"));
    assert_eq!(other["history"][0]["evidence"]["kind"], json!("same_pan"), "{other}");
    assert_eq!(share().await.expect(200).json()["vendor_ids"], json!([]), "sharing twice changes nothing");
    let lonely = created(&manager, json!({ "vendor_code": "V-7", "company_name": "No PAN" })).await;
    manager.get(&group::ROUTE, &format!("{lonely}/group")).await.expect(404);
}
