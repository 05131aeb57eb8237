//! Test messages: to the caller alone, and to nobody's account.

use campaigns::{create, execute, get, test_send};
use domain::VendorId;
use domain::delivery::Channel;
use domain::suppression::{SuppressionReason, SuppressionSource};
use domain::user::Role;
use domain::vendor::{MsmeStatus, RawVendor, VendorProfile};
use domain::vendor_record::Vendor;
use jiff::SignedDuration;
use public::{show_form, show_unsubscribe};
use serde_json::{Value, json};
use store::suppressions::{self, Suppression};
use templates::{create_email, create_whatsapp};
use tests::meta_simulator::{MetaSimulator, MetaSimulatorOptions, Template};
use tests::ses_simulator::{SesSimulator, SesSimulatorOptions};

use crate::support::{self, Answer, Client, TestApp};

const DEADLINE: &str = "2026-12-31T18:29:59Z";

async fn vendor(app: &TestApp) -> Vendor {
    let raw = RawVendor {
        vendor_code: Some("V-1".to_owned()),
        company_name: Some("Kaveri Castings".to_owned()),
        emails: vec!["accounts@kaveri.example".to_owned()],
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

/// A draft with a template for each channel; gives its path.
async fn draft(client: &Client<'_>) -> String {
    let email = json!({
        "name": "First request",
        "subject": "{{ company_name }}: your MSME status",
        "html": "<a href=\"{{ form_url }}\">answer</a>",
        "text": "{{ form_url }}\n{{ unsubscribe_url }}",
    });
    let email = client
        .post(&create_email::ROUTE, "/api/v1/templates/email", email)
        .await
        .expect(201)
        .json();
    let whatsapp = json!({
        "name": "By WhatsApp", "template_name": "msme_declaration_request", "language": "en", "body": ["{{ company_name }}"],
        "buttons": [{ "index": 0, "sub_type": "url", "parameter": "{{ form_token }}" }],
    });
    let whatsapp = client
        .post(&create_whatsapp::ROUTE, "/api/v1/templates/whatsapp", whatsapp)
        .await
        .expect(201)
        .json();
    let body = json!({ "name": "Declarations", "template_id": email["id"], "whatsapp_template_id": whatsapp["id"], "deadline": DEADLINE });
    let created = client.post(&create::ROUTE, "/api/v1/campaigns", body).await.expect(201);
    created.header("location").expect("a location").to_owned()
}

async fn start() -> (SesSimulator, MetaSimulator, TestApp) {
    let ses = SesSimulator::start(SesSimulatorOptions::default()).await.expect("the simulator starts");
    let meta = MetaSimulator::start(MetaSimulatorOptions::default()).await.expect("the simulator starts");
    let template = Template::new("msme_declaration_request", "en", "Dear {{1}}, please answer.");
    meta.put_template(template.url_button("Declare", "https://campaigns.buyer.example/f/{{1}}"));
    let app = TestApp::start_with(&[("AWS_ENDPOINT_URL_SESV2", &ses.url())]).await;
    let options = meta.options();
    app.set_whatsapp(&json!({
        "access_token": options.access_token,
        "phone_number_id": options.phone_number_id,
        "business_account_id": options.waba_id,
        "api_url": meta.api_url(),
    }));
    (ses, meta, app)
}

async fn test(client: &Client<'_>, path: &str, body: Value) -> Answer {
    client
        .post(&test_send::ROUTE, &format!("{path}/test-send"), body)
        .header("host", "api.buyer.example")
        .await
}

fn errors(field: &str, code: &str) -> Vec<(String, String)> {
    vec![(field.to_owned(), code.to_owned())]
}

/// The path of the link that begins with this.
fn link<'a>(text: &'a str, prefix: &str) -> &'a str {
    let start = text.find(prefix).expect("the link is there") + "https://api.buyer.example".len();
    text[start..].split_whitespace().next().expect("a link")
}

#[tokio::test]
async fn a_test_goes_to_the_caller_with_the_vendors_values_and_links_that_open_nothing() {
    let (ses, _meta, app) = start().await;
    let user = app.new_user(Role::CampaignManager, "none").await;
    let manager = app.as_user(&user).await;
    let vendor = vendor(&app).await;
    let path = draft(&manager).await;
    let before = app.items(&format!("CAMPAIGN#{}", path.rsplit('/').next().expect("an id"))).await;
    let body = json!({ "vendor_id": vendor.id.to_string(), "channel": "email" });
    let sent = test(&manager, &path, body.clone()).await.expect(200).json();
    assert_eq!((&sent["outcome"], &sent["provider"]), (&json!("accepted"), &json!("ses")), "{sent}");
    assert!(sent["message_id"].is_string());

    assert_eq!(ses.messages().len(), 1, "the vendor got nothing");
    let messages = ses.messages_to(&user.email);
    let message = serde_json::to_value(&messages[0]).expect("a message is JSON");
    assert_eq!(message["subject"], "[TEST] Kaveri Castings: your MSME status");
    let text = message["text"].as_str().expect("a text").to_owned();

    // The links say what they are, whatever becomes of the campaign.
    manager.call(&execute::ROUTE, &format!("{path}/execute")).await.expect(202);
    let anonymous = app.anonymous();
    let form = anonymous
        .get(&show_form::ROUTE, link(&text, "https://api.buyer.example/f/"))
        .await
        .expect(410);
    assert!(form.text().contains("test message"), "{}", form.text());
    anonymous
        .get(&show_unsubscribe::ROUTE, link(&text, "https://api.buyer.example/unsubscribe/"))
        .await
        .expect(410);
    assert_eq!(before.len(), 1, "nothing of a test is stored with the campaign");
    assert_eq!(manager.get(&get::ROUTE, &path).await.expect(200).json()["targeted"], 0);
}

#[tokio::test]
async fn a_test_goes_nowhere_else() {
    let (ses, meta, app) = start().await;
    let user = app.new_user(Role::CampaignManager, "none").await;
    let manager = app.as_user(&user).await;
    let vendor = vendor(&app).await.id.to_string();
    let path = draft(&manager).await;
    let refused = |body: Value, field: &'static str, code: &'static str| {
        let (manager, path) = (&manager, &path);
        async move {
            let answer = test(manager, path, body).await.expect(422);
            assert_eq!(answer.field_errors(), errors(field, code));
        }
    };
    refused(
        json!({ "vendor_id": vendor, "channel": "email", "to": "accounts@kaveri.example" }),
        "to",
        "not_your_own",
    )
    .await;
    refused(json!({ "vendor_id": vendor, "channel": "whatsapp" }), "to", "required").await;
    refused(
        json!({ "vendor_id": vendor, "channel": "whatsapp", "to": "022 6900 0000" }),
        "to",
        "phone_not_mobile",
    )
    .await;
    refused(
        json!({ "vendor_id": "vnd_01ARZ3NDEKTSV4RRFFQ69G5FAV", "channel": "email" }),
        "vendor_id",
        "not_found",
    )
    .await;
    let viewer = app.as_role(Role::Viewer).await;
    test(&viewer, &path, json!({ "vendor_id": vendor, "channel": "email" })).await.expect(403);

    let complaint = Suppression::new(SuppressionReason::Complaint, app.app().now(), SuppressionSource::Event);
    suppressions::add(app.store(), Channel::Email, &user.email, &complaint)
        .await
        .expect("it is stored");
    test(&manager, &path, json!({ "vendor_id": vendor, "channel": "email" }))
        .await
        .expect(409);
    assert!(ses.messages().is_empty() && meta.messages().is_empty());
}

#[tokio::test]
async fn five_whatsapp_tests_an_hour_and_a_refusal_is_told() {
    let (_ses, meta, app) = start().await;
    let manager = app.as_role(Role::CampaignManager).await;
    let vendor = vendor(&app).await.id.to_string();
    let path = draft(&manager).await;
    let body = json!({ "vendor_id": vendor, "channel": "whatsapp", "to": "98765 00009" });
    for _ in 0..5 {
        let sent = test(&manager, &path, body.clone()).await.expect(200).json();
        assert_eq!((&sent["outcome"], &sent["to"]), (&json!("accepted"), &json!("+91XXXXXX0009")), "{sent}");
    }
    let limited = test(&manager, &path, body.clone()).await.expect(429);
    assert!(limited.header("retry-after").is_some());
    assert_eq!(meta.messages_to("+919876500009").len(), 5);

    app.advance(SignedDuration::from_mins(12));
    let again = app.as_role(Role::Admin).await;
    meta.set_template_status("msme_declaration_request", "en", tests::meta_simulator::TemplateStatus::Paused);
    let refused = test(&again, &path, body).await.expect(200).json();
    assert_eq!((&refused["outcome"], &refused["reason"]), (&json!("refused"), &json!("whatsapp:132015")));
}
