//! Udyam numbers vendors sent on WhatsApp: who sees them, and who decides.

use domain::identifiers::Udyam;
use domain::user::Role;
use domain::vendor::{MsmeStatus, RawVendor, VendorProfile};
use domain::vendor_record::Vendor;
use domain::{CampaignId, ProposalId, VendorId};
use jiff::SignedDuration;
use responses::{list_proposals, review_proposal};
use serde_json::{Value, json};
use store::proposals::{self, Proposal, ProposalState};

use crate::support::{self, Answer, Client, TestApp};

const PATH: &str = "/api/v1/responses/proposals";
const UDYAM: &str = "UDYAM-MH-26-0012345";
const TEXT: &str = "Our number is UDYAM-MH-26-0012345, thank you";

fn review_path(id: &str) -> String {
    format!("{PATH}/{id}/review")
}

/// Stores a proposal of a second later than the one before, of nobody known.
async fn propose(app: &TestApp) -> Proposal {
    propose_with(app, None, None).await
}

async fn propose_with(app: &TestApp, vendor_id: Option<VendorId>, campaign_id: Option<CampaignId>) -> Proposal {
    app.advance(SignedDuration::from_secs(1));
    let id = ProposalId::from_ulid(app.app().new_ulid());
    let proposal = Proposal {
        id,
        vendor_id,
        campaign_id,
        udyam: Udyam::parse(UDYAM).expect("a Udyam number").value,
        message_id: format!("wamid.{id}"),
        from_masked: "+91XXXXXX3210".to_owned(),
        text: TEXT.to_owned(),
        received_at: app.app().now(),
        state: ProposalState::Proposed,
        reviewed_by: None,
        reviewed_at: None,
        note: None,
    };
    proposals::propose(app.store(), &proposal).await.expect("the proposal is stored");
    proposal
}

async fn vendor(app: &TestApp) -> Vendor {
    let raw = RawVendor {
        vendor_code: Some("V-1".into()),
        company_name: Some("Asha Castings".into()),
        phone_numbers: vec!["9876543210".into()],
        udyam_number: Some("UDYAM-KA-01-0000001".into()),
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
    vendor
}

/// Creates a draft; gives its id.
async fn campaign(client: &Client<'_>) -> CampaignId {
    let template = json!({
        "name": "Request", "subject": "Your MSME status", "html": "<a href=\"{{ form_url }}\">answer</a>", "text": "Answer: {{ form_url }}",
    });
    let template = client
        .post(&templates::create_email::ROUTE, "/api/v1/templates/email", template)
        .await
        .expect(201);
    let body = json!({ "name": "Declarations", "template_id": template.json()["id"], "deadline": "2026-12-31T18:29:59Z" });
    let created = client.post(&campaigns::create::ROUTE, "/api/v1/campaigns", body).await.expect(201);
    created.json()["id"].as_str().and_then(|id| id.parse().ok()).expect("an id")
}

async fn list(client: &Client<'_>, query: &str) -> Answer {
    client.get(&list_proposals::ROUTE, &format!("{PATH}?{query}")).await.expect(200)
}

fn ids(page: &Answer) -> Vec<String> {
    let page = page.json();
    let items = page["items"].as_array().expect("items").iter();
    items.map(|item| item["id"].as_str().expect("an id").to_owned()).collect()
}

async fn review(client: &Client<'_>, id: &str, body: Value) -> Answer {
    client.post(&review_proposal::ROUTE, &review_path(id), body).await
}

#[tokio::test]
async fn a_reviewer_sees_the_number_where_it_came_from_and_whose_it_may_be() {
    let app = TestApp::start().await;
    let manager = app.as_role(Role::CampaignManager).await;
    let vendor = vendor(&app).await;
    let campaign = campaign(&manager).await;
    let of_vendor = propose_with(&app, Some(vendor.id), Some(campaign)).await;
    let of_nobody = propose(&app).await;

    let page = list(&manager, "").await;
    assert_eq!(ids(&page), [of_nobody.id.to_string(), of_vendor.id.to_string()], "newest first");
    let page = page.json();
    let known = &page["items"][1];
    for (field, value) in [
        ("state", json!("proposed")),
        ("udyam_number", json!(UDYAM)),
        ("text", json!(TEXT)),
        ("received_at", json!(of_vendor.received_at)),
        ("from", json!("+91XXXXXX3210")),
        ("message_id", json!(of_vendor.message_id)),
        ("vendor_id", json!(vendor.id)),
        ("vendor_code", json!("V-1")),
        ("company_name", json!("Asha Castings")),
        ("vendor_udyam_number", json!("UDYAM-KA-01-0000001")),
        ("campaign_id", json!(campaign)),
        ("campaign_name", json!("Declarations")),
        ("reviewed_by", Value::Null),
    ] {
        assert_eq!(known[field], value, "{field}");
    }
    let unknown = &page["items"][0];
    for field in [
        "vendor_id",
        "vendor_code",
        "company_name",
        "vendor_udyam_number",
        "campaign_id",
        "campaign_name",
    ] {
        assert_eq!(unknown[field], Value::Null, "{field}");
    }

    store::vendors::remove(app.store(), &vendor, support::by()).await.unwrap();
    let deleted = &list(&manager, "").await.json()["items"][1];
    assert_eq!((&deleted["vendor_id"], &deleted["vendor_code"]), (&json!(vendor.id), &Value::Null));
}

#[tokio::test]
async fn a_proposal_is_decided_once_and_changes_no_vendor() {
    let app = TestApp::start().await;
    let vendor = vendor(&app).await;
    let proposal = propose_with(&app, Some(vendor.id), None).await;
    let id = proposal.id.to_string();
    let user = app.new_user(Role::CampaignManager, "no password ever matches this").await;
    let manager = app.as_user(&user).await;
    let admin = app.as_role(Role::Admin).await;

    let accepted = review(&manager, &id, json!({ "decision": "accept", "note": "  As on the certificate " })).await;
    let accepted = accepted.expect(200).json();
    assert_eq!(
        (&accepted["state"], &accepted["note"]),
        (&json!("accepted"), &json!("As on the certificate"))
    );
    assert_eq!(
        (&accepted["reviewed_by"], &accepted["company_name"]),
        (&json!(user.id), &json!("Asha Castings"))
    );
    let at = accepted["reviewed_at"].as_str().expect("a time");

    let second = review(&admin, &id, json!({ "decision": "reject" })).await.expect(409).json();
    let detail = second["detail"].as_str().expect("a detail");
    assert!(
        detail.contains("accepted") && detail.contains(&user.id.to_string()) && detail.contains(at),
        "{detail}"
    );
    review(&manager, &id, json!({ "decision": "accept" })).await.expect(409);
    assert_eq!(list(&manager, "").await.json()["items"], json!([accepted]), "the first decision stands");

    let after = store::vendors::get(app.store(), vendor.id).await.unwrap();
    assert_eq!(after, vendor);
    let items = app.items(&format!("VENDOR#{}", vendor.id)).await;
    let is_status = |item: &&Value| item["sk"].as_str().is_some_and(|sk| sk.starts_with("STATUS#"));
    assert_eq!(items.iter().find(is_status), None, "no dated status");

    let other = propose(&app).await.id.to_string();
    let rejected = review(&admin, &other, json!({ "decision": "reject", "note": " " }))
        .await
        .expect(200)
        .json();
    assert_eq!((&rejected["state"], &rejected["note"]), (&json!("rejected"), &Value::Null));
}

#[tokio::test]
async fn a_decision_stored_by_a_call_whose_answer_was_lost_is_not_refused() {
    let app = TestApp::start().await;
    let id = propose(&app).await.id;
    let decision = proposals::Review {
        state: ProposalState::Accepted,
        by: app.new_user(Role::Admin, "no password ever matches this").await.id,
        at: app.app().now(),
        note: None,
    };
    let first = proposals::review(app.store(), id, &decision).await.unwrap();
    assert_eq!(proposals::review(app.store(), id, &decision).await.unwrap(), first);
    let later = proposals::Review {
        at: app.app().now(),
        ..decision
    };
    assert!(proposals::review(app.store(), id, &later).await.is_err(), "the same person, another time");
}

#[tokio::test]
async fn a_list_is_filtered_by_state_and_paged() {
    let app = TestApp::start().await;
    let manager = app.as_role(Role::CampaignManager).await;
    let mut open = Vec::new();
    for n in 0..9 {
        let id = propose(&app).await.id.to_string();
        match n % 3 {
            0 => drop(review(&manager, &id, json!({ "decision": "accept" })).await.expect(200)),
            _ => open.insert(0, id),
        }
    }
    let viewer = app.as_role(Role::Viewer).await;
    for (filter, expected) in [("", 9), ("state=proposed&", 6), ("state=accepted&", 3), ("state=rejected&", 0)] {
        let (mut found, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = list(&viewer, &format!("{filter}limit=2{cursor}")).await;
            assert!(ids(&page).len() <= 2);
            found.extend(ids(&page));
            match page.json()["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        assert_eq!(found.len(), expected, "{filter}");
        if filter == "state=proposed&" {
            assert_eq!(found, open, "newest first");
        }
    }
    for (query, field) in [("state=open", "state"), ("limit=0", "limit"), ("cursor=abc", "cursor")] {
        let refused = viewer.get(&list_proposals::ROUTE, &format!("{PATH}?{query}")).await.expect(422);
        assert_eq!(refused.field_errors()[0].0, field);
    }
    let page = list(&viewer, "state=proposed&limit=2").await.json();
    let elsewhere = format!("{PATH}?state=accepted&cursor={}", page["next_cursor"].as_str().expect("a cursor"));
    viewer.get(&list_proposals::ROUTE, &elsewhere).await.expect(422);
}

#[tokio::test]
async fn reviewing_needs_a_manager_a_proposal_and_a_decision() {
    let app = TestApp::start().await;
    let id = propose(&app).await.id.to_string();
    let good = json!({ "decision": "accept" });
    for (role, may_read, may_review) in [
        (Role::Viewer, 200, 403),
        (Role::Vendor, 403, 403),
        (Role::Admin, 200, 404),
        (Role::CampaignManager, 200, 404),
    ] {
        let client = app.as_role(role).await;
        client.get(&list_proposals::ROUTE, PATH).await.expect(may_read);
        let unknown = ProposalId::from_ulid(app.app().new_ulid()).to_string();
        review(&client, &unknown, good.clone()).await.expect(may_review);
    }
    app.anonymous().get(&list_proposals::ROUTE, PATH).await.expect(401);
    review(&app.anonymous(), &id, good.clone()).await.expect(401);

    let manager = app.as_role(Role::CampaignManager).await;
    for (body, status) in [
        (json!({}), 400),
        (json!({ "decision": "accepted" }), 400),
        (json!({ "decision": "accept", "state": "accepted" }), 400),
        (json!({ "decision": "accept", "note": "x".repeat(501) }), 422),
    ] {
        review(&manager, &id, body).await.expect(status);
    }
    review(&manager, "vnd_01ARZ3NDEKTSV4RRFFQ69G5FAV", good).await.expect(404);
    assert_eq!(
        list(&manager, "state=proposed").await.json()["items"][0]["id"],
        json!(id),
        "nothing was decided"
    );
    let longest = json!({ "decision": "reject", "note": "ए".repeat(500) });
    review(&manager, &id, longest).await.expect(200);
}
