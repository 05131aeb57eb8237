//! Templates through the API.

use domain::user::Role;
use serde_json::{Value, json};
use templates::{create_email, create_whatsapp, delete, get, list, preview, update};

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

const WHATSAPP_PATH: &str = "/api/v1/templates/whatsapp";

fn whatsapp_body(name: &str) -> Value {
    json!({
        "name": name,
        "template_name": "msme_declaration_request",
        "language": "en",
        "header": { "type": "document", "media": { "link": "https://files.example.in/notice.pdf" }, "filename": "Notice.pdf" },
        "body": ["{{ contact_name }}", "{{ city }}"],
        "buttons": [
            { "index": 0, "sub_type": "url", "parameter": "{{ form_token }}" },
            { "index": 1, "sub_type": "quick_reply", "parameter": "not_msme" },
        ],
        "body_text": "Dear {{1}} of {{2}}, please answer.",
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

#[tokio::test]
async fn a_whatsapp_template_is_created_read_listed_changed_and_deleted() {
    let app = TestApp::start().await;
    let manager = app.as_role(Role::CampaignManager).await;
    create(&manager, body("By e-mail")).await;
    let created = manager
        .post(&create_whatsapp::ROUTE, WHATSAPP_PATH, whatsapp_body("By WhatsApp"))
        .await
        .expect(201);
    let path = created.header("location").expect("a location").to_owned();

    let read = manager.get(&get::ROUTE, &path).await.expect(200);
    assert_eq!(read.json(), created.json());
    let (shown, sent) = (read.json(), whatsapp_body("By WhatsApp"));
    assert_eq!(shown["channel"], "whatsapp");
    assert_eq!(shown["variables"], json!(["city", "contact_name", "form_token"]));
    for (field, value) in sent.as_object().unwrap() {
        assert_eq!(&shown[field], value, "{field}");
    }

    let items = manager.get(&list::ROUTE, "/api/v1/templates").await.expect(200).json()["items"].clone();
    let listed = |place: usize, field: &str| items[place][field].clone();
    assert_eq!((listed(0, "channel"), listed(1, "channel")), (json!("whatsapp"), json!("email")));
    assert_eq!(listed(0, "template_name"), "msme_declaration_request");
    assert_eq!((items[0].get("body"), items[0].get("subject")), (None, None));

    let changed = manager
        .put(&update::ROUTE, &path, whatsapp_body("Second request"))
        .if_match(read.etag())
        .await
        .expect(200);
    assert_eq!(changed.json()["name"], "Second request");
    // The channel of a template does not change.
    manager.put(&update::ROUTE, &path, body("By e-mail")).await.expect(400);
    manager.delete(&delete::ROUTE, &path).if_match(changed.etag()).await.expect(204);
}

#[tokio::test]
async fn a_whatsapp_template_meta_would_refuse_is_refused_with_every_reason() {
    let app = TestApp::start().await;
    let manager = app.as_role(Role::CampaignManager).await;
    let refused = async |change: &dyn Fn(&mut Value), expected: &[(&str, &str)]| {
        let mut body = whatsapp_body("Wrong");
        change(&mut body);
        let errors = manager
            .post(&create_whatsapp::ROUTE, WHATSAPP_PATH, body)
            .await
            .expect(422)
            .field_errors();
        let found: Vec<_> = errors.iter().map(|(field, code)| (field.as_str(), code.as_str())).collect();
        assert_eq!(found, expected);
    };
    refused(
        &|body| {
            body["template_name"] = "Msme Request".into();
            body["header"]["media"] = json!({ "link": "http://files.example.in/notice.pdf" });
            body["body"][0] = "two\nlines".into();
        },
        &[("template_name", "template_name"), ("header", "media_link"), ("body", "whitespace")],
    )
    .await;
    refused(&|body| body["body"][1] = "{{ citi }}".into(), &[("body", "unknown_variable")]).await;
    refused(
        &|body| body["buttons"][0]["parameter"] = "{{ form_url }}".into(),
        &[("buttons", "full_url")],
    )
    .await;
    refused(&|body| body["body"] = json!(["{{ city }}"]), &[("body_text", "placeholders")]).await;
    let mut unknown = whatsapp_body("Unknown field");
    unknown["header"]["role"] = "admin".into();
    manager.post(&create_whatsapp::ROUTE, WHATSAPP_PATH, unknown).await.expect(400);
    let viewer = app.as_role(Role::Viewer).await;
    viewer.post(&create_whatsapp::ROUTE, WHATSAPP_PATH, whatsapp_body("No")).await.expect(403);
}

#[tokio::test]
async fn a_whatsapp_preview_fills_the_approved_text_and_names_what_is_missing() {
    let app = TestApp::start().await;
    let manager = app.as_role(Role::CampaignManager).await;
    let created = manager
        .post(&create_whatsapp::ROUTE, WHATSAPP_PATH, whatsapp_body("Preview"))
        .await
        .expect(201);
    let path = format!("{}/preview", created.header("location").expect("a location"));
    let shown = manager.call(&preview::ROUTE, &path).await.expect(200).json();
    assert_eq!(shown["channel"], "whatsapp");
    assert_eq!(shown["text"], "Dear Asha Rao of Coimbatore, please answer.");
    assert_eq!(shown["buttons"], json!(["sample", "not_msme"]));

    let vendor = json!({ "vendor_code": "V-1", "company_name": "Rao & <Sons>" });
    let vendor = manager.post(&vendors::create::ROUTE, "/api/v1/vendors", vendor).await.expect(201).json();
    let ask = json!({ "vendor_id": vendor["id"] });
    let shown = manager.post(&preview::ROUTE, &path, ask).await.expect(200).json();
    assert_eq!(shown["text"], "Dear Rao & <Sons> of [city], please answer.");
    assert_eq!(shown["missing"], json!(["city"]));
}
