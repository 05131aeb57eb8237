//! The Meta simulator as a client sees it: over HTTP, and from the callback URL its webhooks reach.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::get;
use serde_json::{Value, json};
use tests::meta_simulator::{
    Answer, Fault, FaultKind, HeaderFormat, Limits, MetaSimulator, MetaSimulatorOptions, NumberHealth, Operation, Outcome, Template, TemplateStatus,
    WebhookRules, WebhookTarget, known_codes, sign,
};
use tokio::net::TcpListener;

/// An odd last digit: sent and delivered.
const VENDOR: &str = "919876543211";
/// An even last digit: read as well.
const READER: &str = "919876543210";

fn options() -> MetaSimulatorOptions {
    let letter = Template::new("declaration", "en", "Dear {{1}}, please answer by {{2}}.")
        .header_text("FY {{1}}")
        .footer("Reply STOP to opt out")
        .url_button("Answer", "https://msme.example/f/{{1}}")
        .quick_reply("Not an MSME");
    let document = Template::new("notice", "hi", "{{1}} जी").header_media(HeaderFormat::Document);
    let image = Template::new("poster", "en", "Hello")
        .header_media(HeaderFormat::Image)
        .category("MARKETING");
    let named = Template::new("named", "en", "Dear {{name}} of {{city}}");
    let plain = |name: &str, status| Template::new(name, "en", "Hello").status(status);
    MetaSimulatorOptions {
        sent_delay: Duration::from_millis(1),
        delivered_delay: Duration::from_millis(5),
        read_delay: Duration::from_millis(10),
        templates: vec![
            letter,
            document,
            image,
            named,
            plain("hello", TemplateStatus::Approved),
            plain("paused", TemplateStatus::Paused),
            plain("disabled", TemplateStatus::Disabled),
            plain("pending", TemplateStatus::Pending),
        ],
        ..MetaSimulatorOptions::default()
    }
}

struct World {
    meta: MetaSimulator,
    http: reqwest::Client,
}

impl World {
    async fn start() -> Self {
        Self::with(options()).await
    }

    async fn with(options: MetaSimulatorOptions) -> Self {
        let meta = MetaSimulator::start(options).await.expect("the simulator starts");
        let http = tests::http().timeout(Duration::from_millis(1500)).build().expect("a client");
        Self { meta, http }
    }

    fn path(&self, rest: &str) -> String {
        format!("{}/{}{rest}", self.meta.api_url(), self.meta.options().phone_number_id)
    }

    async fn try_post(&self, payload: &Value) -> reqwest::Result<reqwest::Response> {
        let token = &self.meta.options().access_token;
        self.http.post(self.path("/messages")).bearer_auth(token).json(payload).send().await
    }

    async fn post(&self, payload: &Value) -> (u16, Value) {
        let response = self.try_post(payload).await.expect("an answer");
        let status = response.status().as_u16();
        (status, response.json().await.unwrap_or_default())
    }

    async fn get(&self, url: String) -> (u16, Value) {
        let token = &self.meta.options().access_token;
        let response = self.http.get(url).bearer_auth(token).send().await.expect("an answer");
        (response.status().as_u16(), response.json().await.expect("JSON"))
    }

    /// Sends the simplest template and answers the HTTP status and Meta's code, 0 for none.
    async fn send(&self, to: &str) -> (u16, u64) {
        let (status, body) = self.post(&hello(to)).await;
        (status, body["error"]["code"].as_u64().unwrap_or_default())
    }

    /// The statuses in the waiting webhooks, as `(status, recipient)`, in the order of arrival.
    fn take_statuses(&self) -> Vec<(String, String)> {
        let mut statuses = Vec::new();
        for webhook in self.meta.take_webhooks() {
            for change in webhook.json()["entry"][0]["changes"].as_array().expect("changes") {
                for status in change["value"]["statuses"].as_array().into_iter().flatten() {
                    let text = |key: &str| status[key].as_str().expect("text").to_owned();
                    statuses.push((text("status"), text("recipient_id")));
                }
            }
        }
        statuses
    }
}

fn hello(to: &str) -> Value {
    json!({
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        "to": to,
        "type": "template",
        "template": {"name": "hello", "language": {"code": "en"}},
        "biz_opaque_callback_data": format!("v1:cmp_1:1:{to}"),
    })
}

fn text(text: &str) -> Value {
    json!({"type": "text", "text": text})
}

/// The full template message, before a test breaks it.
fn declaration() -> Value {
    let mut payload = hello(VENDOR);
    payload["template"] = json!({
        "name": "declaration",
        "language": {"code": "en", "policy": "deterministic"},
        "components": [
            {"type": "header", "parameters": [text("27")]},
            {"type": "body", "parameters": [text("Rao & Söhne"), text("31 January 2027")]},
            {"type": "button", "sub_type": "url", "index": "0", "parameters": [text("tok_1")]},
            {"type": "button", "sub_type": "quick_reply", "index": 1, "parameters": [{"type": "payload", "payload": "not_msme"}]},
        ],
    });
    payload
}

fn with_header(template: &str, language: &str, parameter: Value, body: Value) -> Value {
    let mut payload = hello(VENDOR);
    payload["template"] = json!({
        "name": template,
        "language": {"code": language},
        "components": [{"type": "header", "parameters": [parameter]}, {"type": "body", "parameters": body}],
    });
    payload
}

#[tokio::test]
async fn a_full_template_message_is_accepted_rendered_and_kept() {
    let world = World::start().await;
    let mut payload = declaration();
    payload["to"] = json!(format!("+{VENDOR}"));
    let (status, body) = world.post(&payload).await;
    assert_eq!(status, 200, "{body}");
    let message = &world.meta.messages_to("+91 98765 43211")[0];
    let expected = json!({
        "messaging_product": "whatsapp",
        "contacts": [{"input": "+919876543211", "wa_id": VENDOR}],
        "messages": [{"id": message.id, "message_status": "accepted"}],
    });
    assert_eq!(body, expected);
    assert!(message.id.starts_with("wamid.HBgM"), "{}", message.id);
    assert_eq!(message.body, "Dear Rao & Söhne, please answer by 31 January 2027.");
    assert_eq!(message.callback_data.as_deref(), Some("v1:cmp_1:1:919876543211"));
    let rendered = json!({"header": message.header, "footer": message.footer, "buttons": message.buttons});
    let expected = json!({
        "header": {"format": "text", "text": "FY 27"},
        "footer": "Reply STOP to opt out",
        "buttons": [
            {"type": "url", "text": "Answer", "url": "https://msme.example/f/tok_1"},
            {"type": "quick_reply", "text": "Not an MSME", "payload": "not_msme"},
        ],
    });
    assert_eq!(rendered, expected);
}

#[tokio::test]
async fn a_message_is_refused_as_meta_refuses_it() {
    let world = World::start().await;
    let edit = |pointer: &str, value: Value| {
        let mut payload = declaration();
        *payload.pointer_mut(pointer).expect("a place in the payload") = value;
        payload
    };
    let without = |pointer: &str, key: &str| {
        let mut payload = declaration();
        let object = payload.pointer_mut(pointer).and_then(Value::as_object_mut).expect("an object");
        object.remove(key).expect("the key");
        payload
    };
    let plus = |pointer: &str, key: &str, value: Value| {
        let mut payload = declaration();
        payload.pointer_mut(pointer).expect("a place in the payload")[key] = value;
        payload
    };
    let template = |name: &str, language: &str| edit("/template", json!({"name": name, "language": {"code": language}}));
    let link = |kind: &str| json!({"type": kind, kind: {"link": "https://msme.example/file"}});
    let body = "/template/components/1/parameters";
    let cases = [
        ("no product", without("", "messaging_product"), 100),
        ("another product", edit("/messaging_product", json!("sms")), 100),
        ("another recipient type", edit("/recipient_type", json!("crowd")), 100),
        ("no recipient", without("", "to"), 100),
        ("letters in the number", edit("/to", json!("98765abc43")), 131_009),
        ("a number that is too long", edit("/to", json!("9198765432101234")), 131_009),
        ("the sender's own number", edit("/to", json!("912269000000")), 131_021),
        ("a text message", edit("/type", json!("text")), 131_051),
        ("no type", without("", "type"), 131_051),
        ("no template", without("", "template"), 100),
        ("an unexpected key", plus("", "preview", json!(true)), 100),
        ("an unexpected key in the template", plus("/template", "namespace", json!("x")), 100),
        (
            "an unexpected key in a parameter",
            plus("/template/components/1/parameters/0", "value", json!("x")),
            100,
        ),
        (
            "callback data of 513 characters",
            edit("/biz_opaque_callback_data", json!("x".repeat(513))),
            100,
        ),
        ("callback data that is no text", edit("/biz_opaque_callback_data", json!(7)), 100),
        ("no template name", without("/template", "name"), 131_008),
        ("no language", without("/template", "language"), 131_008),
        ("no language code", without("/template/language", "code"), 131_008),
        ("another policy", edit("/template/language/policy", json!("fallback")), 100),
        ("an unknown template", template("nobody", "en"), 132_001),
        ("another language", template("hello", "hi"), 132_001),
        ("a template in review", template("pending", "en"), 132_001),
        ("a paused template", template("paused", "en"), 132_015),
        ("a disabled template", template("disabled", "en"), 132_016),
        ("no components", without("/template", "components"), 132_000),
        ("components that are no list", edit("/template/components", json!({})), 100),
        ("an unknown component", edit("/template/components/0/type", json!("footer")), 100),
        (
            "a component twice",
            edit("/template/components/0", json!({"type": "body", "parameters": []})),
            100,
        ),
        ("too few parameters", edit(body, json!([text("a")])), 132_000),
        ("too many parameters", edit(body, json!([text("a"), text("b"), text("c")])), 132_000),
        ("an image in the body", edit(body, json!([text("a"), link("image")])), 132_012),
        ("an unknown parameter type", edit(body, json!([text("a"), {"type": "emoji"}])), 100),
        ("no parameter type", edit(body, json!([text("a"), {"text": "b"}])), 131_008),
        ("no text", edit(body, json!([text("a"), {"type": "text"}])), 131_008),
        ("an empty text", edit(body, json!([text("a"), text("")])), 131_008),
        ("a number as text", edit(body, json!([text("a"), {"type": "text", "text": 7}])), 131_009),
        ("a line break", edit(body, json!([text("a"), text("b\nc")])), 100),
        (
            "a text that is too long",
            edit(body, json!([text("a"), text(&"b".repeat(1024))])),
            132_005,
        ),
        (
            "a document in a text header",
            edit("/template/components/0/parameters", json!([link("document")])),
            132_012,
        ),
        (
            "a button that the template has not",
            edit("/template/components/2", json!({"type": "button", "sub_type": "quick_reply", "index": 5})),
            132_000,
        ),
        (
            "another kind of button",
            edit("/template/components/2", json!({"type": "button", "sub_type": "quick_reply", "index": 0})),
            132_012,
        ),
        (
            "no parameter of a URL button",
            edit("/template/components/2/parameters", json!([])),
            132_000,
        ),
        (
            "a URL button left out",
            edit(
                "/template/components",
                json!([declaration()["template"]["components"][0], declaration()["template"]["components"][1]]),
            ),
            131_008,
        ),
        ("no sub type", without("/template/components/2", "sub_type"), 131_008),
        ("no index", without("/template/components/2", "index"), 131_008),
        (
            "an index that is no number",
            edit("/template/components/2/index", json!("first")),
            131_009,
        ),
        (
            "a payload that is too long",
            edit("/template/components/3/parameters/0/payload", json!("x".repeat(129))),
            131_009,
        ),
        (
            "no payload",
            edit("/template/components/3/parameters/0", json!({"type": "payload"})),
            131_008,
        ),
        ("text as a payload", edit("/template/components/3/parameters/0", text("x")), 132_012),
        ("no document", template("notice", "hi"), 132_000),
        (
            "an image for a document",
            with_header("notice", "hi", link("image"), json!([text("a")])),
            132_012,
        ),
        (
            "a document without a source",
            with_header("notice", "hi", json!({"type": "document", "document": {}}), json!([text("a")])),
            131_008,
        ),
        (
            "a document from nowhere",
            with_header(
                "notice",
                "hi",
                json!({"type": "document", "document": {"link": "file.pdf"}}),
                json!([text("a")]),
            ),
            131_009,
        ),
        (
            "a medium that was never uploaded",
            with_header("notice", "hi", json!({"type": "document", "document": {"id": "1"}}), json!([text("a")])),
            131_009,
        ),
        (
            "a header that the template has not",
            with_header("hello", "en", text("x"), json!([])),
            132_000,
        ),
        (
            "a name that the template has not",
            edit(
                "/template",
                json!({
                    "name": "named", "language": {"code": "en"},
                    "components": [{"type": "body", "parameters": [
                        {"type": "text", "parameter_name": "name", "text": "a"}, {"type": "text", "parameter_name": "town", "text": "b"},
                    ]}],
                }),
            ),
            132_012,
        ),
    ];
    for (case, payload, expected) in &cases {
        let (status, body) = world.post(payload).await;
        assert_eq!(body["error"]["code"], *expected, "{case}: {body}");
        assert_eq!(status, if *expected == 132_001 { 404 } else { 400 }, "{case}");
        assert!(
            body["error"]["fbtrace_id"].is_string() && body["error"]["type"] == "OAuthException",
            "{case}: {body}"
        );
    }
    assert!(world.meta.messages().is_empty());
    assert_eq!(world.meta.requests().len(), cases.len());
    assert_eq!(world.meta.waiting(), 0);
}

#[tokio::test]
async fn a_wrong_count_is_explained_in_metas_words() {
    let world = World::start().await;
    let mut payload = declaration();
    payload["template"]["components"][1]["parameters"] = json!([text("a")]);
    let (_, mut body) = world.post(&payload).await;
    body["error"]["fbtrace_id"].take();
    let expected = json!({"error": {
        "message": "(#132000) Number of parameters does not match the expected number of params",
        "type": "OAuthException",
        "code": 132_000,
        "error_data": {
            "messaging_product": "whatsapp",
            "details": "body: number of localizable_params (1) does not match the expected number of params (2)",
        },
        "fbtrace_id": null,
    }});
    assert_eq!(body, expected);
}

#[tokio::test]
async fn named_parameters_and_media_by_link_or_id_are_accepted() {
    let world = World::start().await;
    let mut named = hello(VENDOR);
    named["template"] = json!({"name": "named", "language": {"code": "en"}, "components": [{"type": "BODY", "parameters": [
        {"type": "text", "parameter_name": "city", "text": "Pune"}, {"type": "text", "parameter_name": "name", "text": "Rao"},
    ]}]});
    assert_eq!(world.post(&named).await.0, 200);
    assert_eq!(world.meta.messages()[0].body, "Dear Rao of Pune");

    let by_link = json!({"type": "document", "document": {"link": "https://msme.example/notice.pdf", "filename": "Notice.pdf"}});
    assert_eq!(world.post(&with_header("notice", "hi", by_link, json!([text("राव")]))).await.0, 200);

    let upload = |mime: &'static str, product: &'static str| {
        let part = reqwest::multipart::Part::bytes(b"\x89PNG".to_vec())
            .file_name("poster.png")
            .mime_str(mime)
            .expect("a type");
        let form = reqwest::multipart::Form::new().text("messaging_product", product).part("file", part);
        let token = &world.meta.options().access_token;
        world.http.post(world.path("/media")).bearer_auth(token).multipart(form).send()
    };
    let refused = upload("application/octet-stream", "whatsapp").await.expect("an answer");
    assert_eq!(refused.status(), 400);
    assert_eq!(upload("image/png", "sms").await.expect("an answer").status(), 400);
    let answer: Value = upload("image/png", "whatsapp").await.expect("an answer").json().await.expect("JSON");
    let id = answer["id"].as_str().expect("a media id");
    let by_id = json!({"type": "image", "image": {"id": id}});
    assert_eq!(world.post(&with_header("poster", "en", by_id, json!([]))).await.0, 200);
    let (_, medium) = world.get(format!("{}/{id}", world.meta.api_url())).await;
    assert_eq!((&medium["mime_type"], &medium["file_size"]), (&json!("image/png"), &json!(4)));
}

#[tokio::test]
async fn a_request_needs_the_token_and_the_right_id() {
    let world = World::start().await;
    for token in [None, Some("Bearer wrong"), Some("Basic x")] {
        let mut request = world.http.post(world.path("/messages")).json(&hello(VENDOR));
        if let Some(token) = token {
            request = request.header("authorization", token);
        }
        let response = request.send().await.expect("an answer");
        assert_eq!(response.status(), 401);
        let body: Value = response.json().await.expect("JSON");
        assert_eq!(body["error"]["code"], 190, "{body}");
        assert!(!format!("{:?}", world.meta.requests()).contains("wrong"), "a token is never recorded");
    }
    let (status, body) = world.get(format!("{}/1234", world.meta.api_url())).await;
    assert_eq!(
        (status, &body["error"]["code"], &body["error"]["error_subcode"]),
        (400, &json!(100), &json!(33))
    );
    let (status, body) = world.get(format!("{}/v23.0/a/b/c", world.meta.url())).await;
    assert_eq!((status, &body["error"]["code"]), (400, &json!(2500)));
}

#[tokio::test]
async fn every_listed_error_can_be_injected_and_has_a_number() {
    let world = World::start().await;
    let listed = [
        4, 80_007, 130_429, 131_016, 131_057, 131_056, 1, 2, 131_000, 135_000, 131_049, 131_021, 131_026, 131_047, 130_472, 131_050, 131_048,
        131_064, 368, 131_031, 131_042, 130_497, 131_063, 132_001, 132_005, 132_007, 132_015, 132_016, 190, 100, 131_008, 131_009, 132_000, 132_008,
        132_012,
    ];
    let status_of = |code| match code {
        190 => 401,
        368 | 131_031 | 130_497 => 403,
        132_001 => 404,
        130_429 => 429,
        131_000 | 131_016 | 131_057 => 500,
        2 => 503,
        _ => 400,
    };
    for code in listed {
        assert!(known_codes().any(|known| known == code), "{code} is in the table");
        world.meta.inject(Fault::error(code).to(VENDOR));
        assert_eq!(world.send(VENDOR).await, (status_of(code), u64::from(code)), "injected");
        let number = format!("919990{code:06}");
        assert_eq!(world.send(&number).await, (status_of(code), u64::from(code)), "by number");
    }
    assert!(world.meta.messages().is_empty());
    assert_eq!(world.send(VENDOR).await, (200, 0), "a fault happens once");

    world.meta.inject(Fault::once(FaultKind::Error {
        code: 130_429,
        status: Some(400),
        details: None,
        accepted: true,
    }));
    assert_eq!(world.send(READER).await, (400, 130_429));
    assert_eq!(world.meta.messages_to(READER).len(), 1, "an error does not prove that nothing was sent");
}

#[tokio::test]
async fn a_lost_answer_leaves_an_accepted_message_with_its_webhooks() {
    let world = World::start().await;
    let cases = [
        ("919992000001", FaultKind::DropAfter),
        ("919992000002", FaultKind::TimeoutAfter { answer_after_ms: None }),
        ("919992000003", FaultKind::ServerErrorAfter { status: 500 }),
        ("919992000004", FaultKind::ServerErrorAfter { status: 503 }),
    ];
    for (number, kind) in cases {
        for to in [number, VENDOR] {
            if to == VENDOR {
                world.meta.inject(Fault::once(kind.clone()));
            }
            let outcome = world.try_post(&hello(to)).await;
            match &kind {
                FaultKind::DropAfter => {
                    let error = outcome.expect_err("no answer");
                    assert!(error.is_request() && !error.is_timeout(), "{error:?}");
                }
                FaultKind::ServerErrorAfter { status } => {
                    let response = outcome.expect("an answer");
                    assert_eq!(response.status().as_u16(), *status);
                    assert!(response.json::<Value>().await.is_err(), "the edge answers a page");
                }
                _ => assert!(outcome.expect_err("no answer").is_timeout()),
            }
            let request = world.meta.requests().pop().expect("recorded");
            let expected = match &kind {
                FaultKind::DropAfter => Answer::Dropped,
                FaultKind::ServerErrorAfter { status } => Answer::Status { status: *status, code: None },
                _ => Answer::None,
            };
            assert_eq!(request.answer, expected);
            let statuses = world.take_statuses();
            assert_eq!(statuses[0], ("sent".to_owned(), to.to_owned()), "{kind:?}");
            assert!(statuses.iter().any(|(status, _)| status == "delivered"));
        }
    }
    assert_eq!(world.meta.messages().len(), 8);

    world.meta.inject(Fault::once(FaultKind::GarbledAfter));
    let response = world.try_post(&hello(VENDOR)).await.expect("an answer");
    assert_eq!(response.status(), 200);
    assert!(response.json::<Value>().await.is_err());
    assert_eq!(world.meta.messages().len(), 9);
}

#[tokio::test]
async fn before_acceptance_a_failure_leaves_nothing() {
    let world = World::start().await;
    assert!(world.try_post(&hello("919992000005")).await.is_err());
    let faults = [
        FaultKind::DropBefore,
        FaultKind::TimeoutBefore { answer_after_ms: None },
        FaultKind::TimeoutBefore { answer_after_ms: Some(10) },
        FaultKind::ServerErrorBefore { status: 502 },
    ];
    for kind in faults {
        world.meta.inject(Fault::once(kind.clone()));
        let answered = world.try_post(&hello(VENDOR)).await.is_ok_and(|response| response.status().is_success());
        assert!(!answered, "{kind:?}");
    }
    assert!(world.meta.messages().is_empty() && world.meta.waiting() == 0);
    assert_eq!(world.meta.request_counts()[&Operation::SendMessage], 5);
}

#[tokio::test]
async fn a_number_or_a_rule_decides_what_becomes_of_a_message() {
    let world = World::start().await;
    let check = async |to: &str, expected: &[&str]| {
        assert_eq!(world.send(to).await, (200, 0), "{to}");
        let statuses = world.take_statuses();
        let names: Vec<&str> = statuses.iter().map(|(status, _)| status.as_str()).collect();
        assert_eq!(names, expected, "{to}");
    };
    check(VENDOR, &["sent", "delivered"]).await;
    check(READER, &["sent", "delivered", "read"]).await;
    check("919991131026", &["sent", "failed"]).await;
    check("919992000006", &[]).await;
    check("919992000007", &["sent"]).await;
    check("919992000008", &["sent", "read"]).await;
    let outcome = Outcome::NeverSent { code: 131_049 };
    world.meta.inject(Fault::always(FaultKind::EndAs { outcome }).to("*3211"));
    check(VENDOR, &["failed"]).await;
    check(VENDOR, &["failed"]).await;
    world.meta.clear_faults();
    check(VENDOR, &["sent", "delivered"]).await;
    assert_eq!(world.meta.duplicates().len(), 1, "the same callback data four times");
    assert_eq!(world.meta.duplicates()[0].len(), 4);
}

#[tokio::test]
async fn limits_are_enforced_when_asked_for() {
    let world = World::start().await;
    world.meta.set_limits(Limits {
        messages_per_second: Some(2),
        ..Limits::default()
    });
    assert_eq!(world.send(VENDOR).await, (200, 0));
    assert_eq!(world.send(READER).await, (200, 0));
    assert_eq!(world.send("919876543213").await, (429, 130_429));
    world.meta.clear();
    world.meta.set_limits(Limits {
        pair_interval_ms: Some(60_000),
        users_per_day: Some(2),
        ..Limits::default()
    });
    assert_eq!(world.send(VENDOR).await, (200, 0));
    assert_eq!(world.send(VENDOR).await, (400, 131_056));
    assert_eq!(world.send(READER).await, (200, 0));
    assert_eq!(world.send("919876543213").await, (400, 131_048));
}

#[tokio::test]
async fn the_number_and_the_templates_can_be_read() {
    let world = World::start().await;
    let fields = "?fields=throughput,quality_rating,whatsapp_business_manager_messaging_limit";
    world.meta.set_health(NumberHealth {
        quality_rating: "RED".to_owned(),
        messaging_limit: "TIER_2K".to_owned(),
        ..NumberHealth::default()
    });
    let (_, number) = world.get(world.path(fields)).await;
    let expected = json!({
        "id": world.meta.options().phone_number_id,
        "quality_rating": "RED",
        "throughput": {"level": "STANDARD"},
        "whatsapp_business_manager_messaging_limit": "TIER_2K",
    });
    assert_eq!(number, expected);
    assert_eq!(world.get(world.path("?fields=mood")).await.0, 400);

    let listing = |query: &str| format!("{}/{}/message_templates{query}", world.meta.api_url(), world.meta.options().waba_id);
    let (_, all) = world.get(listing("?limit=5")).await;
    let (_, rest) = world.get(listing("?limit=5&after=5")).await;
    assert_eq!(all["data"].as_array().map(Vec::len), Some(5));
    assert_eq!(rest["data"].as_array().map(Vec::len), Some(3));
    assert!(all["paging"]["next"].is_string() && rest["paging"]["next"].is_null());
    let (_, paused) = world.get(listing("?status=PAUSED&fields=name,status,components")).await;
    assert_eq!(paused["data"][0]["name"], "paused");
    assert_eq!(paused["data"][0]["components"], json!([{"type": "BODY", "text": "Hello"}]));
}

#[tokio::test]
async fn a_status_webhook_has_metas_shape_and_a_signature_over_its_bytes() {
    let world = World::start().await;
    world.send("919991131026").await;
    let webhooks = world.meta.take_webhooks();
    assert_eq!(webhooks.len(), 1, "both statuses fit into a request");
    let webhook = &webhooks[0];
    let signature = webhook.header("X-Hub-Signature-256").expect("signed");
    assert_eq!(signature, sign("simulator-app-secret", &webhook.body));
    assert_ne!(signature, sign("another-secret", &webhook.body));
    assert!(
        webhook.body.is_ascii() && webhook.body.windows(2).any(|pair| pair == b"\\/"),
        "escaped as Meta escapes"
    );

    let body = webhook.json();
    assert_eq!(body["object"], "whatsapp_business_account");
    assert_eq!(body["entry"][0]["id"], "102290129340398");
    let change = &body["entry"][0]["changes"][0];
    assert_eq!(change["field"], "messages");
    let metadata = json!({"display_phone_number": "912269000000", "phone_number_id": "106540352242922"});
    assert_eq!(change["value"]["metadata"], metadata);
    let [sent, failed] = change["value"]["statuses"].as_array().expect("statuses").as_slice() else {
        panic!("two statuses: {body}");
    };
    let message = &world.meta.messages()[0];
    assert_eq!(sent["id"], json!(message.id));
    assert_eq!(sent["recipient_id"], "919991131026");
    assert_eq!(sent["biz_opaque_callback_data"], "v1:cmp_1:1:919991131026");
    assert_eq!(sent["timestamp"], json!(message.statuses[0].at.as_second().to_string()));
    assert_eq!(sent["conversation"]["origin"]["type"], "utility");
    assert_eq!(sent["pricing"]["billable"], true);
    assert_eq!(failed["errors"][0]["code"], 131_026);
    assert_eq!(failed["errors"][0]["title"], "Message undeliverable");
    assert!(failed["errors"][0]["error_data"]["details"].is_string());
}

#[tokio::test]
async fn webhooks_are_duplicated_reordered_and_lost_on_request() {
    let world = World::start().await;
    let names = |statuses: Vec<(String, String)>| -> Vec<String> { statuses.into_iter().map(|(status, _)| status).collect() };

    world.meta.set_webhook_rules(WebhookRules {
        batch: 1,
        copies: 2,
        reversed: true,
    });
    world.send(READER).await;
    let statuses = names(world.take_statuses());
    assert_eq!(statuses, ["read", "read", "delivered", "delivered", "sent", "sent"]);
    let message = &world.meta.messages()[0];
    assert!(message.statuses.is_sorted_by_key(|status| status.at), "the timestamps stay true");

    world.meta.set_webhook_rules(WebhookRules::default());
    world.meta.inject(Fault::once(FaultKind::WebhookLoss {
        status: Some("delivered".to_owned()),
    }));
    world.meta.inject(
        Fault::once(FaultKind::WebhookDuplication {
            status: Some("sent".to_owned()),
            copies: 3,
        })
        .to(VENDOR),
    );
    world.send(READER).await;
    assert_eq!(names(world.take_statuses()), ["sent", "read"]);
    world.send(VENDOR).await;
    assert_eq!(names(world.take_statuses()), ["sent", "sent", "sent", "delivered"]);
    assert_eq!(world.meta.webhooks().lost, 1);
}

#[tokio::test]
async fn a_vendor_answers_and_a_template_changes_its_status() {
    let world = World::start().await;
    world.post(&declaration()).await;
    world.meta.take_webhooks();
    let message = world.meta.messages()[0].clone();
    let text_id = world.meta.reply("+91 98765 43211", "बंद करो / STOP");
    let tap_id = world.meta.tap(&message.id, "Not an MSME", "not_msme").expect("the message exists");
    assert!(world.meta.set_template_status("declaration", "en", TemplateStatus::Paused));
    assert!(!world.meta.set_template_status("declaration", "fr", TemplateStatus::Paused));
    assert_eq!(world.meta.waiting(), 3);
    let webhooks = world.meta.take_webhooks();
    let body = webhooks[0].json();
    let value = &body["entry"][0]["changes"][0]["value"];
    assert_eq!(value["contacts"][0], json!({"profile": {"name": "Vendor 3211"}, "wa_id": VENDOR}));
    let mut messages = value["messages"].clone();
    for message in messages.as_array_mut().expect("messages") {
        message["timestamp"].take();
    }
    let expected = json!([
        {"from": VENDOR, "id": text_id, "timestamp": null, "type": "text", "text": {"body": "बंद करो / STOP"}},
        {
            "from": VENDOR, "id": tap_id, "timestamp": null, "type": "button",
            "button": {"text": "Not an MSME", "payload": "not_msme"},
            "context": {"from": "912269000000", "id": message.id},
        },
    ]);
    assert_eq!(messages, expected);
    let change = &body["entry"][0]["changes"][1];
    assert_eq!(change["field"], "message_template_status_update");
    assert_eq!(change["value"]["event"], "PAUSED");
    assert_eq!(change["value"]["message_template_name"], "declaration");
    assert_eq!(change["value"]["message_template_language"], "en");
    assert!(body["entry"][0]["time"].is_number() && change["value"]["message_template_id"].is_number());
    let (_, refused) = world.post(&declaration()).await;
    assert_eq!(refused["error"]["code"], 132_015);
}

/// A callback URL that refuses the first few requests.
#[derive(Default)]
struct Callback {
    refusals_left: Mutex<usize>,
    bodies: Mutex<Vec<(String, Bytes)>>,
}

impl Callback {
    async fn start(refusals: usize) -> (Arc<Self>, String) {
        let callback = Arc::new(Self::default());
        *callback.refusals_left.lock().unwrap_or_else(PoisonError::into_inner) = refusals;
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}/webhook", listener.local_addr().expect("an address"));
        let router = Router::new()
            .route("/webhook", get(handshake).post(receive))
            .with_state(Arc::clone(&callback));
        tokio::spawn(async move { axum::serve(listener, router).await });
        (callback, url)
    }
}

async fn handshake(Query(query): Query<Vec<(String, String)>>) -> (StatusCode, String) {
    let value = |name: &str| {
        query
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.clone())
            .unwrap_or_default()
    };
    if value("hub.mode") == "subscribe" && value("hub.verify_token") == "simulator-verify-token" {
        (StatusCode::OK, value("hub.challenge"))
    } else {
        (StatusCode::FORBIDDEN, String::new())
    }
}

async fn receive(State(callback): State<Arc<Callback>>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let mut refusals = callback.refusals_left.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(left) = refusals.checked_sub(1) {
        *refusals = left;
        return StatusCode::NO_CONTENT;
    }
    let signature = headers["x-hub-signature-256"].to_str().expect("text").to_owned();
    callback.bodies.lock().unwrap_or_else(PoisonError::into_inner).push((signature, body));
    StatusCode::OK
}

#[tokio::test]
async fn webhooks_wait_for_a_url_and_are_retried_until_it_answers_200() {
    let world = World::start().await;
    assert!(world.meta.verify_callback().await.is_err(), "there is no URL yet");
    for n in 0..20 {
        assert_eq!(world.send(&format!("9198765432{:02}", 2 * n + 1)).await, (200, 0));
    }
    assert_eq!(world.meta.waiting(), 40);
    let (callback, url) = Callback::start(2).await;
    world.meta.set_webhook_target(WebhookTarget::Url(url));
    assert_eq!(world.meta.verify_callback().await, Ok(()));

    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    while world.meta.waiting() > 0 {
        assert!(tokio::time::Instant::now() < deadline, "{:?}", world.meta.webhooks());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let status = world.meta.webhooks();
    assert_eq!((status.published, status.refused, status.lost), (40, 2, 0));
    let bodies = callback.bodies.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let mut statuses = 0;
    for (signature, body) in &bodies {
        assert_eq!(*signature, sign("simulator-app-secret", body));
        let body: Value = serde_json::from_slice(body).expect("JSON");
        statuses += body["entry"][0]["changes"][0]["value"]["statuses"].as_array().map_or(0, Vec::len);
    }
    assert_eq!(statuses, 40);
    assert!(bodies.len() < 40, "several statuses share a request");
}

#[tokio::test]
async fn another_process_controls_the_simulator_over_http() {
    let world = World::start().await;
    let base = world.meta.url();
    let url = |path: &str| format!("{base}/_simulator/{path}");
    let post = async |path: &str, body: Value| {
        let response = world.http.post(url(path)).json(&body).send().await.expect("an answer");
        assert!(response.status().is_success(), "{path}: {}", response.status());
    };
    post(
        "faults",
        json!([{"kind": "error", "code": 131_056, "to": VENDOR}, {"kind": "drop_after", "times": null, "to": "*10"}]),
    )
    .await;
    assert_eq!(world.send(VENDOR).await, (400, 131_056));
    assert!(world.try_post(&hello(READER)).await.is_err());
    post(
        "templates",
        json!({"name": "new", "language": "hi", "components": [{"type": "BODY", "text": "नमस्ते"}]}),
    )
    .await;
    post("template-status", json!({"name": "new", "language": "hi", "status": "DISABLED"})).await;
    post("replies", json!({"from": VENDOR, "text": "UDYAM-MH-01-0000001"})).await;
    let response = world.http.put(url("limits")).json(&json!({"messages_per_second": 80})).send().await;
    assert_eq!(response.expect("an answer").status(), 204);
    let response = world
        .http
        .put(url("webhook-target"))
        .json(&json!({"url": "http://127.0.0.1:1/"}))
        .send()
        .await;
    assert_eq!(response.expect("an answer").status(), 204);
    let response = world.http.put(url("webhook-target")).json(&json!("capture")).send().await;
    assert_eq!(response.expect("an answer").status(), 204);

    let (_, messages) = world.get(url(&format!("messages?to={READER}"))).await;
    assert_eq!((&messages["total"], &messages["messages"][0]["outcome"]), (&json!(1), &json!("read")));
    let (_, requests) = world.get(url("requests")).await;
    assert_eq!(requests[1]["answer"], "dropped");
    let (_, faults) = world.get(url("faults")).await;
    assert_eq!(faults.as_array().map(Vec::len), Some(1), "a standing rule stays");

    let page = world.http.get(format!("{base}/?with={READER}")).send().await.expect("a page");
    assert!(
        page.headers()["content-security-policy"]
            .to_str()
            .expect("text")
            .starts_with("default-src 'none'")
    );
    let page = page.text().await.expect("HTML");
    assert!(page.contains("+91 98765 43210") && page.contains("UDYAM-MH-01-0000001"), "{page}");
    let form = [("from", VENDOR), ("text", "<b>STOP</b>")];
    let response = world.http.post(format!("{base}/reply")).form(&form).send().await.expect("a page");
    let page = response.text().await.expect("HTML");
    assert!(page.contains("&lt;b&gt;STOP&lt;/b&gt;") && !page.contains("<b>STOP"), "{page}");
    assert_eq!(world.meta.replies().len(), 2);
}

#[tokio::test]
async fn requests_under_way_at_once_are_counted() {
    let world = World::with(MetaSimulatorOptions {
        answer_delay: Duration::from_millis(100),
        ..options()
    })
    .await;
    let payloads: Vec<Value> = (0..10).map(|n| hello(&format!("91987654320{n}"))).collect();
    let wave: Vec<_> = payloads.iter().map(|payload| world.send(payload["to"].as_str().expect("text"))).collect();
    for answer in futures::future::join_all(wave).await {
        assert_eq!(answer, (200, 0));
    }
    let peak = world.meta.peak_concurrency();
    assert!((2..=10).contains(&peak), "{peak}");
    world.meta.shutdown().await;
}
