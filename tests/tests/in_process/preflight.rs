//! What would come of a campaign: preflight, and what *execute* makes of it.

use campaigns::{create, execute, preflight};
use domain::VendorId;
use domain::delivery::Channel;
use domain::suppression::{SuppressionReason, SuppressionSource};
use domain::user::Role;
use domain::vendor::{MsmeStatus, RawVendor, VendorProfile};
use domain::vendor_record::Vendor;
use jiff::SignedDuration;
use runtime::Var;
use serde_json::{Value, json};
use store::suppressions::{self, Suppression};
use templates::{create_email, create_whatsapp};
use tests::meta_simulator::{MetaSimulator, MetaSimulatorOptions, NumberHealth, Template, TemplateStatus};
use tests::ses_simulator::{SesSimulator, SesSimulatorOptions};

use crate::support::{self, Answer, Client, TestApp};

const CAMPAIGNS: &str = "/api/v1/campaigns";
const DEADLINE: &str = "2026-12-31T18:29:59Z";

/// Stores a vendor; `fields` are columns of an import file.
async fn vendor(app: &TestApp, code: &str, fields: &[(&str, &str)]) -> Vendor {
    let mut raw = RawVendor {
        vendor_code: Some(code.to_owned()),
        company_name: Some(format!("Castings {code}")),
        ..RawVendor::default()
    };
    for (column, value) in fields {
        assert!(raw.fill(column, value), "{column}");
    }
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

async fn email_template(client: &Client<'_>, text: &str) -> Value {
    let body = json!({
        "name": "First request",
        "subject": "Your MSME status",
        "html": format!("<p>{text}</p><a href=\"{{{{ form_url }}}}\">answer</a> {{{{ unsubscribe_url }}}}"),
        "text": format!("{text} {{{{ form_url }}}} {{{{ unsubscribe_url }}}}"),
    });
    let created = client.post(&create_email::ROUTE, "/api/v1/templates/email", body).await.expect(201);
    created.json()["id"].clone()
}

async fn whatsapp_template(client: &Client<'_>, body: &[&str]) -> Value {
    let body = json!({
        "name": "By WhatsApp",
        "template_name": "msme_declaration_request",
        "language": "en",
        "body": body,
        "buttons": [{ "index": 0, "sub_type": "url", "parameter": "{{ form_token }}" }],
    });
    let created = client.post(&create_whatsapp::ROUTE, "/api/v1/templates/whatsapp", body).await.expect(201);
    created.json()["id"].clone()
}

async fn campaign(client: &Client<'_>, with: Value) -> String {
    let mut body = json!({ "name": "Declarations", "deadline": DEADLINE });
    body.as_object_mut()
        .expect("an object")
        .extend(with.as_object().expect("an object").clone());
    let created = client.post(&create::ROUTE, CAMPAIGNS, body).await.expect(201);
    created.header("location").expect("a location").to_owned()
}

async fn report(client: &Client<'_>, path: &str) -> Value {
    client.call(&preflight::ROUTE, &format!("{path}/preflight")).await.expect(200).json()
}

async fn run(client: &Client<'_>, path: &str) -> Answer {
    client.call(&execute::ROUTE, &format!("{path}/execute")).await
}

fn codes(findings: &Value) -> Vec<&str> {
    let findings = findings.as_array().expect("a list");
    findings.iter().filter_map(|finding| finding["code"].as_str()).collect()
}

async fn ses(options: SesSimulatorOptions) -> (SesSimulator, TestApp) {
    let simulator = SesSimulator::start(options).await.expect("the simulator starts");
    let app = TestApp::start_with(&[("AWS_ENDPOINT_URL_SESV2", &simulator.url())]).await;
    (simulator, app)
}

/// Meta with our template, and an app that knows it.
async fn meta(app: &TestApp, health: NumberHealth) -> MetaSimulator {
    let meta = MetaSimulator::start(MetaSimulatorOptions {
        health,
        ..MetaSimulatorOptions::default()
    })
    .await
    .expect("the simulator starts");
    let template = Template::new("msme_declaration_request", "en", "Dear {{1}}, please answer.");
    meta.put_template(template.url_button("Declare", "https://campaigns.buyer.example/f/{{1}}"));
    let options = meta.options();
    app.set_whatsapp(&json!({
        "access_token": options.access_token,
        "phone_number_id": options.phone_number_id,
        "business_account_id": options.waba_id,
        "api_url": meta.api_url(),
    }));
    meta
}

#[tokio::test]
async fn a_report_tells_whom_it_reaches_and_whom_not_and_why() {
    let (simulator, app) = ses(SesSimulatorOptions {
        max_send_rate: 1.0,
        max_24_hour_send: 200.0,
        production_access_enabled: false,
        ..SesSimulatorOptions::default()
    })
    .await;
    let manager = app.as_role(Role::CampaignManager).await;
    let city = ("city", "Pune");
    vendor(&app, "V-1", &[("email", "one@kaveri.example"), city, ("pan_number", "AAPFU0939F")]).await;
    vendor(&app, "V-2", &[("email", "ONE@kaveri.example"), city, ("pan_number", "AAPFU0939F")]).await;
    vendor(&app, "V-3", &[("email", "three@kaveri.example")]).await;
    vendor(&app, "V-4", &[city]).await;
    vendor(&app, "V-5", &[("email", "five@kaveri.example"), city]).await;
    let gone = Suppression::new(SuppressionReason::Unsubscribe, app.app().now(), SuppressionSource::Link);
    suppressions::add(app.store(), Channel::Email, "five@kaveri.example", &gone)
        .await
        .expect("it is stored");
    let template = email_template(&manager, "{{ city }} {{ udyam_number|default(\"\") }}").await;
    let path = campaign(&manager, json!({ "template_id": template })).await;

    let shown = report(&manager, &path).await;
    assert_eq!(shown["can_execute"], true, "{shown}");
    assert_eq!(
        (&shown["audience"], &shown["reachable"], &shown["complete"]),
        (&json!(5), &json!(2), &json!(true))
    );
    let channel = &shown["channels"][0];
    assert_eq!(channel["no_address"], json!({ "count": 1, "examples": ["V-4"] }));
    assert_eq!(channel["suppressed"], json!([{ "name": "unsubscribe", "count": 1, "examples": ["V-5"] }]));
    assert_eq!(channel["missing_variables"], json!([{ "name": "city", "count": 1, "examples": ["V-3"] }]));
    assert_eq!(channel["duplicate_addresses"]["examples"], json!(["V-2"]));
    assert_eq!(shown["duplicates_by_pan"], json!({ "count": 1, "examples": ["V-2"] }));
    assert_eq!(channel["estimated_seconds"], 2, "one a second");
    assert_eq!(
        codes(&shown["warnings"]),
        [
            "sandbox",
            "duplicate_pan",
            "no_address",
            "suppressed",
            "missing_variable",
            "duplicate_address"
        ]
    );
    let cost = &shown["cost"];
    assert_eq!(cost["lines"][0]["usd_micros"], 320, "two messages at sixteen cents a thousand");
    assert!(cost["paise"].as_u64() > Some(0) && cost["price_table_date"].is_string(), "{cost}");

    // A second look asks nobody: the answer is ten minutes good.
    report(&manager, &path).await;
    assert_eq!(simulator.requests()["GetAccount"], 1);
    app.advance(SignedDuration::from_mins(10));
    report(&manager, &path).await;
    assert_eq!(simulator.requests()["GetAccount"], 2);
    run(&manager, &path).await.expect(202);
}

#[tokio::test]
async fn execute_refuses_what_preflight_blocks_with_the_same_codes() {
    let (_simulator, app) = ses(SesSimulatorOptions {
        sending_enabled: false,
        ..SesSimulatorOptions::default()
    })
    .await;
    let manager = app.as_role(Role::CampaignManager).await;
    let email = email_template(&manager, "Hello").await;
    let whatsapp = whatsapp_template(&manager, &["{{ company_name }}"]).await;
    let path = campaign(&manager, json!({ "template_id": email, "whatsapp_template_id": whatsapp })).await;
    let shown = report(&manager, &path).await;
    assert_eq!(shown["can_execute"], false);
    assert_eq!(
        codes(&shown["blockers"]),
        ["email_sending_disabled", "whatsapp_not_configured", "no_recipients"]
    );
    let refused = run(&manager, &path).await.expect(422);
    let expected = ["email_sending_disabled", "whatsapp_not_configured"].map(|code| ("campaign".to_owned(), code.to_owned()));
    assert_eq!(refused.field_errors(), expected);
    assert_eq!(app.take_messages(Var::PlanQueueUrl), Vec::<Value>::new());

    // Nobody who lacks a value gets a message, so nobody is reachable.
    let (_simulator, app) = ses(SesSimulatorOptions::default()).await;
    let manager = app.as_role(Role::CampaignManager).await;
    vendor(&app, "V-1", &[("email", "one@kaveri.example")]).await;
    let path = campaign(&manager, json!({ "template_id": email_template(&manager, "{{ gstin }}").await })).await;
    assert_eq!(codes(&report(&manager, &path).await["blockers"]), ["nobody_reachable"]);
    let refused = run(&manager, &path).await.expect(422);
    assert_eq!(refused.field_errors(), [("campaign".to_owned(), "nobody_reachable".to_owned())]);
    vendor(&app, "V-2", &[("email", "two@kaveri.example"), ("gst_number", "27AAPFU0939F1ZV")]).await;
    run(&manager, &path).await.expect(202);
    let started = report(&manager, &path).await;
    assert_eq!(codes(&started["blockers"]), ["wrong_state"]);
}

#[tokio::test]
async fn a_whatsapp_template_must_be_approved_and_fit() {
    let app = TestApp::start().await;
    let health = NumberHealth {
        messaging_limit: "TIER_250".to_owned(),
        quality_rating: "YELLOW".to_owned(),
        ..NumberHealth::default()
    };
    let meta = meta(&app, health).await;
    let manager = app.as_role(Role::CampaignManager).await;
    for number in 0..3 {
        vendor(&app, &format!("V-{number}"), &[("phone_number", &format!("987650000{number}"))]).await;
    }
    let fitting = whatsapp_template(&manager, &["{{ company_name }}"]).await;
    let path = campaign(&manager, json!({ "whatsapp_template_id": fitting })).await;
    let shown = report(&manager, &path).await;
    assert_eq!(codes(&shown["blockers"]), Vec::<&str>::new(), "{shown}");
    assert_eq!(codes(&shown["warnings"]), ["quality_low"]);
    let account = &shown["channels"][0]["accounts"][0];
    assert_eq!(
        (&account["limit_24h"], &account["remaining_24h"], &account["per_second"]),
        (&json!(250), &json!(250), &json!(80))
    );
    assert_eq!(shown["cost"]["lines"][0]["item"], "whatsapp utility messages");
    assert_eq!(shown["cost"]["paise"], 35, "three at 11.5 paise, rounded up");

    let misfit = whatsapp_template(&manager, &["{{ company_name }}", "{{ deadline }}"]).await;
    let other = campaign(&manager, json!({ "whatsapp_template_id": misfit })).await;
    assert_eq!(codes(&report(&manager, &other).await["blockers"]), ["template_parameters_mismatch"]);

    meta.set_template_status("msme_declaration_request", "en", TemplateStatus::Paused);
    assert_eq!(codes(&report(&manager, &path).await["blockers"]), ["template_not_approved"]);
    let refused = run(&manager, &path).await.expect(422);
    assert_eq!(refused.field_errors(), [("campaign".to_owned(), "template_not_approved".to_owned())]);

    // Meta being silent stops nobody.
    meta.shutdown().await;
    assert_eq!(codes(&report(&manager, &path).await["blockers"]), Vec::<&str>::new());
    run(&manager, &path).await.expect(202);
}

#[tokio::test]
async fn a_viewer_reads_no_preflight_and_a_lost_quota_is_a_warning() {
    let app = TestApp::start().await;
    let manager = app.as_role(Role::CampaignManager).await;
    vendor(&app, "V-1", &[("email", "one@kaveri.example")]).await;
    let path = campaign(&manager, json!({ "template_id": email_template(&manager, "Hello").await })).await;
    let viewer = app.as_role(Role::Viewer).await;
    viewer.call(&preflight::ROUTE, &format!("{path}/preflight")).await.expect(403);
    // The tests' AWS has no SES unless there is a simulator.
    let shown = report(&manager, &path).await;
    assert_eq!(codes(&shown["warnings"]), ["quota_unknown"]);
    assert_eq!(shown["channels"][0]["accounts"][0]["per_second"], 14, "the setting");
}
