//! Templates through the API.

use domain::user::Role;
use serde_json::{Value, json};
use templates::{create_email, delete, get, list, preview, update};

use crate::support::{Client, TestApp};

const PATH: &str = "/api/v1/templates/email";

fn body(name: &str) -> Value {
    json!({
        "name": name,
        "subject": "{{ company_name }}: your MSME status",
        "html": "<p>Dear {{ contact_name }} of {{ city }},</p><a href=\"{{ form_url }}\">answer {{ organisation_name }}</a>",
        "text": "Dear {{ contact_name }}, answer here: {{ form_url }}",
    })
}

async fn create(client: &Client<'_>, body: Value) -> String {
    let created = client.post(&create_email::ROUTE, PATH, body).await.expect(201);
    created.header("location").expect("a location").to_owned()
}

#[tokio::test]
async fn a_template_is_created_read_changed_and_deleted() {
    let app = TestApp::start().await;
    let manager = app.as_role(Role::CampaignManager).await;
    let path = create(&manager, body("First request")).await;

    let read = manager.get(&get::ROUTE, &path).await.expect(200);
    assert_eq!(read.json()["name"], "First request");
    assert_eq!(
        read.json()["variables"],
        json!(["city", "company_name", "contact_name", "form_url", "organisation_name"])
    );

    let etag = read.etag().to_owned();
    let changed = manager
        .put(&update::ROUTE, &path, body("Second request"))
        .if_match(&etag)
        .await
        .expect(200);
    assert_eq!(changed.json()["name"], "Second request");
    manager.put(&update::ROUTE, &path, body("Lost update")).if_match(&etag).await.expect(412);
    manager.delete(&delete::ROUTE, &path).if_match(&etag).await.expect(412);

    manager.delete(&delete::ROUTE, &path).if_match(changed.etag()).await.expect(204);
    manager.get(&get::ROUTE, &path).await.expect(404);
}

#[tokio::test]
async fn the_list_is_newest_first_goes_on_and_leaves_the_parts_out() {
    let app = TestApp::start().await;
    let manager = app.as_role(Role::CampaignManager).await;
    for name in ["one", "two", "three"] {
        create(&manager, body(name)).await;
    }
    let names = |page: &Value| {
        page["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| item["name"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let first = manager.get(&list::ROUTE, "/api/v1/templates?limit=2").await.expect(200).json();
    assert_eq!(names(&first), ["three", "two"]);
    assert_eq!(first["items"][0].get("html"), None);
    let cursor = first["next_cursor"].as_str().unwrap();
    let second = manager
        .get(&list::ROUTE, &format!("/api/v1/templates?limit=2&cursor={cursor}"))
        .await
        .expect(200)
        .json();
    assert_eq!(names(&second), ["one"]);
}

#[tokio::test]
async fn a_template_that_could_not_be_sent_is_refused_with_every_reason() {
    let app = TestApp::start().await;
    let manager = app.as_role(Role::CampaignManager).await;
    let mut wrong = body("Wrong");
    wrong["subject"] = "{{ compny_name }}".into();
    wrong["html"] = "{% if city %}".into();
    let errors = manager.post(&create_email::ROUTE, PATH, wrong.clone()).await.expect(422).field_errors();
    let fields: Vec<_> = errors.iter().map(|(field, _)| field.as_str()).collect();
    assert_eq!(fields, ["subject", "html"]);

    let mut no_link = body("No link");
    no_link["text"] = "Dear {{ contact_name }}".into();
    let errors = manager.post(&create_email::ROUTE, PATH, no_link).await.expect(422).field_errors();
    assert_eq!(errors, [("text".to_owned(), "missing_form_url".to_owned())]);

    let path = create(&manager, body("Right")).await;
    manager.put(&update::ROUTE, &path, wrong).await.expect(422);
    manager.post(&create_email::ROUTE, PATH, json!({ "name": "x" })).await.expect(400);
    let mut unknown = body("Unknown field");
    unknown["role"] = "admin".into();
    manager.post(&create_email::ROUTE, PATH, unknown).await.expect(400);
}

#[tokio::test]
async fn a_preview_without_a_vendor_shows_a_made_up_one_and_our_own_name() {
    let app = TestApp::start().await;
    let manager = app.as_role(Role::CampaignManager).await;
    let path = create(&manager, body("Preview")).await;
    let shown = manager.call(&preview::ROUTE, &format!("{path}/preview")).await.expect(200).json();
    assert_eq!(shown["subject"], "Kaveri Test Castings LLP: your MSME status");
    assert_eq!(
        shown["html"],
        "<p>Dear Asha Rao of Coimbatore,</p><a href=\"https://msme.example/f/sample\">answer Buyer Industries Ltd</a>"
    );
    assert_eq!(shown["missing"], json!([]));
}

#[tokio::test]
async fn a_preview_for_a_vendor_shows_its_record_and_names_what_is_missing() {
    let app = TestApp::start().await;
    let manager = app.as_role(Role::CampaignManager).await;
    let path = create(&manager, body("Preview")).await;
    let vendor = json!({ "vendor_code": "V-1", "company_name": "Rao & <Sons>" });
    let vendor = manager.post(&vendors::create::ROUTE, "/api/v1/vendors", vendor).await.expect(201).json();
    let ask = json!({ "vendor_id": vendor["id"] });

    let viewer = app.as_role(Role::Viewer).await;
    let shown = viewer.post(&preview::ROUTE, &format!("{path}/preview"), ask).await.expect(200).json();
    assert_eq!(shown["subject"], "Rao & <Sons>: your MSME status");
    assert!(
        shown["html"]
            .as_str()
            .unwrap()
            .starts_with("<p>Dear Rao &amp; &lt;Sons&gt; of [city],</p>"),
        "{}",
        shown["html"]
    );
    assert_eq!(shown["missing"], json!(["city"]));

    for unknown in ["vnd_01JZ0000000000000000000000", "V-1"] {
        let answer = viewer
            .post(&preview::ROUTE, &format!("{path}/preview"), json!({ "vendor_id": unknown }))
            .await
            .expect(422);
        assert_eq!(answer.field_errors(), [("vendor_id".to_owned(), "not_found".to_owned())]);
    }
}

#[tokio::test]
async fn a_repeated_creation_makes_one_template_and_a_viewer_makes_none() {
    let app = TestApp::start().await;
    let manager = app.as_role(Role::CampaignManager).await;
    let first = manager
        .post(&create_email::ROUTE, PATH, body("Once"))
        .idempotency_key("k")
        .await
        .expect(201);
    let again = manager
        .post(&create_email::ROUTE, PATH, body("Once"))
        .idempotency_key("k")
        .await
        .expect(201);
    assert_eq!(first.header("location"), again.header("location"));
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    assert_eq!(
        manager.get(&list::ROUTE, "/api/v1/templates").await.json()["items"]
            .as_array()
            .map(Vec::len),
        Some(1)
    );

    let viewer = app.as_role(Role::Viewer).await;
    viewer.post(&create_email::ROUTE, PATH, body("No")).await.expect(403);
    viewer.get(&get::ROUTE, first.header("location").unwrap()).await.expect(200);
}
