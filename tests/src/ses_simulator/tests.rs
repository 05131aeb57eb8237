//! The simulator seen from outside: over HTTP, with the real SES client, and from the topic its events reach.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use aws_sdk_sesv2::config::{BehaviorVersion, Credentials, Region, retry::RetryConfig, timeout::TimeoutConfig};
use aws_sdk_sesv2::operation::send_bulk_email::{SendBulkEmailError, SendBulkEmailOutput};
use aws_sdk_sesv2::types::{
    Body, BulkEmailContent, BulkEmailEntry, BulkEmailStatus, Content, Destination, EmailContent, EmailTemplateContent, Message as SesMessage,
    MessageHeader, MessageTag, RawMessage, ReplacementEmailContent, ReplacementTemplate, Template,
};
use aws_smithy_http_client::Builder as HttpClientBuilder;
use axum::extract::{Form, State as Extract};
use axum::http::StatusCode;
use axum::routing::post;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::*;

const FROM: &str = "MSME Campaign <campaign@example.in>";
const TOPIC: &str = "arn:aws:sns:ap-south-1:123456789012:events";

/// A topic that keeps what is published, after refusing the first few calls.
#[derive(Debug, Default)]
struct Sink {
    calls: Mutex<Vec<HashMap<String, String>>>,
    authorizations: Mutex<Vec<String>>,
    refusals_left: AtomicUsize,
}

impl Sink {
    fn events(&self) -> Vec<Value> {
        let calls = self.calls.lock().expect("lock");
        let mut events = Vec::new();
        for call in calls.iter() {
            for member in 1..=10 {
                let key = format!("PublishBatchRequestEntries.member.{member}.Message");
                events.extend(call.get(&key).map(|body| serde_json::from_str(body).expect("event JSON")));
            }
        }
        events
    }
}

async fn publish_batch(
    Extract(sink): Extract<Arc<Sink>>,
    headers: axum::http::HeaderMap,
    Form(form): Form<HashMap<String, String>>,
) -> (StatusCode, String) {
    if sink
        .refusals_left
        .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1))
        .is_ok()
    {
        return (StatusCode::SERVICE_UNAVAILABLE, String::new());
    }
    let authorization = headers.get("authorization").and_then(|value| value.to_str().ok()).unwrap_or_default();
    sink.authorizations.lock().expect("lock").push(authorization.to_owned());
    sink.calls.lock().expect("lock").push(form);
    (StatusCode::OK, "<PublishBatchResponse><Failed/></PublishBatchResponse>".to_owned())
}

struct World {
    ses: SesSimulator,
    sink: Arc<Sink>,
    client: aws_sdk_sesv2::Client,
    http: reqwest::Client,
}

impl World {
    async fn start() -> Self {
        let world = Self::without_topic().await;
        world.set_topic().await;
        world
    }

    async fn without_topic() -> Self {
        let options = SesSimulatorOptions {
            send_event_delay: Duration::from_millis(1),
            delivery_event_delay: Duration::from_millis(5),
            ..SesSimulatorOptions::default()
        };
        let ses = SesSimulator::start(options).await.expect("simulator starts");
        let config = aws_sdk_sesv2::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .http_client(HttpClientBuilder::new().build_http())
            .endpoint_url(ses.url())
            .region(Region::new("ap-south-1"))
            .credentials_provider(Credentials::new("AKIATEST", "secret", None, None, "test"))
            .retry_config(RetryConfig::disabled())
            .timeout_config(TimeoutConfig::builder().operation_timeout(Duration::from_millis(400)).build())
            .build();
        let http = crate::http().build().expect("client");
        Self {
            ses,
            sink: Arc::default(),
            client: aws_sdk_sesv2::Client::from_conf(config),
            http,
        }
    }

    async fn set_topic(&self) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("bind");
        let endpoint = format!("http://{}", listener.local_addr().expect("address"));
        let router = Router::new().route("/", post(publish_batch)).with_state(Arc::clone(&self.sink));
        tokio::spawn(async move { axum::serve(listener, router).await });
        self.ses.set_event_topic(EventTopic::new(endpoint, TOPIC));
    }

    async fn send_bulk(
        &self,
        entries: Vec<BulkEmailEntry>,
    ) -> std::result::Result<SendBulkEmailOutput, aws_sdk_sesv2::error::SdkError<SendBulkEmailError>> {
        let content = EmailTemplateContent::builder()
            .subject("For {{name}}")
            .html("<!doctype html><html><head></head><body><p>{{name}}</p>{{{body}}}</body></html>")
            .text("{{{name}}} {{greeting}}")
            .build();
        let template = Template::builder()
            .template_content(content)
            .template_data(r#"{"greeting": "hello", "body": ""}"#)
            .headers(header("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"))
            .headers(header("X-Campaign", "default"))
            .build();
        self.client
            .send_bulk_email()
            .from_email_address(FROM)
            .reply_to_addresses("help@example.in")
            .configuration_set_name("main")
            .default_content(BulkEmailContent::builder().template(template).build())
            .default_email_tags(tag("campaign", "01J"))
            .set_bulk_email_entries(Some(entries))
            .send()
            .await
    }

    /// Sends one message and answers its events, in order of arrival.
    async fn events_of(&self, address: &str, count: usize) -> Vec<Value> {
        self.send_bulk(vec![entry(address)]).await.expect("sent");
        self.wait_for_events(count).await
    }

    async fn wait_for_events(&self, count: usize) -> Vec<Value> {
        for _ in 0..1000 {
            let status = self.ses.events();
            if status.waiting == 0 && status.published >= count {
                assert_eq!(status.published, count);
                return self.sink.events();
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("the topic has {:?} of {count} events", self.ses.events());
    }

    async fn get(&self, path: &str) -> reqwest::Response {
        self.http.get(format!("{}{path}", self.ses.url())).send().await.expect("answer")
    }

    async fn post_raw(&self, path: &str, body: Value) -> reqwest::Response {
        self.http
            .post(format!("{}{path}", self.ses.url()))
            .json(&body)
            .send()
            .await
            .expect("answer")
    }
}

fn header(name: &str, value: &str) -> MessageHeader {
    MessageHeader::builder().name(name).value(value).build().expect("header")
}

fn tag(name: &str, value: &str) -> MessageTag {
    MessageTag::builder().name(name).value(value).build().expect("tag")
}

fn entry_with(address: &str, data: Value) -> BulkEmailEntry {
    let replacement = ReplacementTemplate::builder().replacement_template_data(data.to_string()).build();
    BulkEmailEntry::builder()
        .destination(Destination::builder().to_addresses(address).build())
        .replacement_email_content(ReplacementEmailContent::builder().replacement_template(replacement).build())
        .replacement_headers(header("List-Unsubscribe", "<https://example.in/u/1>"))
        .replacement_headers(header("x-campaign", "own"))
        .replacement_tags(tag("recipient", "r1"))
        .build()
}

fn entry(address: &str) -> BulkEmailEntry {
    entry_with(address, json!({"name": "Asha"}))
}

fn statuses(output: &SendBulkEmailOutput) -> Vec<&BulkEmailStatus> {
    output.bulk_email_entry_results().iter().filter_map(|result| result.status()).collect()
}

fn types(events: &[Value]) -> Vec<&str> {
    events.iter().filter_map(|event| event["eventType"].as_str()).collect()
}

fn find<'a>(events: &'a [Value], event_type: &str) -> &'a Value {
    events.iter().find(|event| event["eventType"] == event_type).expect("event of that type")
}

#[tokio::test]
async fn a_bulk_call_answers_each_entry_in_order_and_keeps_what_was_sent() {
    let world = World::without_topic().await;
    let long_tag = tag("recipient", "not a tag");
    let bad_tag = BulkEmailEntry::builder()
        .destination(Destination::builder().to_addresses("b@example.in").build())
        .replacement_tags(long_tag)
        .build();
    let output = world
        .send_bulk(vec![
            entry_with("a@example.in", json!({"name": "<Asha> & Co", "body": "<b>bold</b>"})),
            bad_tag,
            entry("no-at-sign"),
            entry("d@example.in"),
        ])
        .await
        .expect("answered");

    use BulkEmailStatus::{InvalidParameter, Success};
    assert_eq!(statuses(&output), [&Success, &InvalidParameter, &InvalidParameter, &Success]);
    let results = output.bulk_email_entry_results();
    assert!(results[1].error().is_some_and(|error| error.starts_with("Invalid tag value <not a tag>")));
    assert_eq!(results[2].error(), Some("Missing final '@domain'"));

    let messages = world.ses.messages();
    let ids: Vec<_> = messages.iter().map(|message| Some(message.id.as_str())).collect();
    assert_eq!(ids, [results[0].message_id(), results[3].message_id()]);
    let message = &messages[0];
    assert_eq!(message.id.len(), "0109019a5c1e2d3f-0a1b2c3d-0e0f-4abc-8def-0123456789ab-000000".len());
    assert_eq!((message.from.as_str(), &message.to[..]), (FROM, &["a@example.in".to_owned()][..]));
    assert_eq!(message.reply_to, ["help@example.in"]);
    assert_eq!(message.subject, "For &lt;Asha&gt; &amp; Co");
    let html = message.html.as_deref().expect("HTML part");
    assert!(html.contains("<p>&lt;Asha&gt; &amp; Co</p><b>bold</b>"), "{html}");
    assert_eq!(message.text.as_deref(), Some("<Asha> & Co hello"));
    assert_eq!(message.configuration_set.as_deref(), Some("main"));
    assert_eq!((message.tag("campaign"), message.tag("recipient")), (Some("01J"), Some("r1")));
    assert_eq!(message.header("List-Unsubscribe-Post"), Some("List-Unsubscribe=One-Click"));
    assert_eq!(message.header("X-Campaign"), Some("own"));
    assert_eq!(message.headers.len(), 3);
    assert_eq!(world.ses.requests(), BTreeMap::from([("SendBulkEmail".to_owned(), 1)]));
}

#[tokio::test]
async fn single_sends_take_simple_raw_and_template_content() {
    let world = World::without_topic().await;
    let text = |data: &str| Content::builder().data(data).build().expect("content");
    let simple = SesMessage::builder()
        .subject(text("नमस्ते"))
        .body(Body::builder().html(text("<p>hi</p>")).text(text("hi")).build())
        .headers(header("X-Own", "1"))
        .build();
    let raw = "From: c@example.in\r\nTo: raw@example.in\r\nSubject: Raw\r\n\r\nraw body";
    let raw = RawMessage::builder()
        .data(aws_sdk_sesv2::primitives::Blob::new(raw))
        .build()
        .expect("raw");
    let template = Template::builder()
        .template_content(EmailTemplateContent::builder().subject("Hi {{name}}").text("{{name}}").build())
        .template_data(r#"{"name": "Asha"}"#)
        .build();
    let contents = [
        EmailContent::builder().simple(simple).build(),
        EmailContent::builder().raw(raw).build(),
        EmailContent::builder().template(template).build(),
    ];
    for content in contents {
        let destination = content
            .raw()
            .is_none()
            .then(|| Destination::builder().to_addresses("a@example.in").build());
        let sent = world
            .client
            .send_email()
            .from_email_address(FROM)
            .set_destination(destination)
            .content(content)
            .send()
            .await
            .expect("sent");
        assert!(sent.message_id().is_some());
    }
    let messages = world.ses.messages();
    let subjects: Vec<_> = messages.iter().map(|message| message.subject.as_str()).collect();
    assert_eq!(subjects, ["नमस्ते", "Raw", "Hi Asha"]);
    assert_eq!(
        (messages[1].to[0].as_str(), messages[1].text.as_deref()),
        ("raw@example.in", Some("raw body"))
    );
    assert_eq!(world.ses.messages_to("A@example.in").len(), 2);

    let account = world.client.get_account().send().await.expect("account");
    let quota = account.send_quota().expect("quota");
    assert_eq!(
        (quota.max_send_rate(), quota.max24_hour_send(), quota.sent_last24_hours()),
        (14.0, 50_000.0, 3.0)
    );
    assert!(account.sending_enabled() && account.production_access_enabled());
}

#[tokio::test]
async fn requests_that_ses_refuses_are_refused_with_its_errors() {
    let world = World::without_topic().await;
    let body = |key: &str, value: Value| {
        let mut body = json!({
            "FromEmailAddress": "c@example.in",
            "Destination": {"ToAddresses": ["a@example.in"]},
            "Content": {"Simple": {"Subject": {"Data": "s"}, "Body": {"Text": {"Data": "t"}}}},
        });
        body[key] = value;
        body
    };
    let many: Vec<_> = (0..51).map(|n| format!("a{n}@example.in")).collect();
    let template = json!({"Template": {"TemplateName": "stored"}});
    let headers: Vec<_> = (0..16).map(|n| json!({"Name": format!("X-{n}"), "Value": "v"})).collect();
    let too_many_headers = json!({"Simple": {"Subject": {"Data": "s"}, "Body": {"Text": {"Data": "t"}}, "Headers": headers}});
    let cases = [
        (
            body("FromEmailAddress", json!(null)),
            400,
            "BadRequestException",
            "Missing required header 'From'.",
        ),
        (
            body("Destination", json!({"ToAddresses": many})),
            400,
            "BadRequestException",
            "Recipient count exceeds 50.",
        ),
        (
            body("Destination", json!({})),
            400,
            "BadRequestException",
            "Destination must have at least one recipient.",
        ),
        (body("Content", template), 404, "NotFoundException", "Template stored does not exist"),
        (
            body("Content", json!({})),
            400,
            "BadRequestException",
            "Content must be exactly one of Simple, Raw and Template.",
        ),
        (
            body("Content", too_many_headers),
            400,
            "BadRequestException",
            "1 validation error detected",
        ),
        (
            body("EmailTags", json!([{"Name": "a b", "Value": "v"}])),
            400,
            "BadRequestException",
            "Invalid tag name <a b>",
        ),
    ];
    for (body, status, code, message) in cases {
        let answer = world.post_raw("/v2/email/outbound-emails", body).await;
        assert_eq!(answer.status(), status, "{message}");
        assert_eq!(answer.headers()["x-amzn-errortype"], code);
        let body: Value = answer.json().await.expect("JSON");
        assert_eq!(body["__type"], code);
        assert!(body["message"].as_str().is_some_and(|text| text.starts_with(message)), "{body}");
    }
    assert!(world.ses.messages().is_empty());

    let entries = (0..51).map(|n| entry(&format!("a{n}@example.in"))).collect();
    let error = world.send_bulk(entries).await.expect_err("51 entries").into_service_error();
    assert!(error.is_bad_request_exception(), "{error:?}");
    let body = json!({"name": "x".repeat(1024 * 1024)});
    let error = world
        .send_bulk(vec![entry_with("a@example.in", body)])
        .await
        .expect_err("1 MB")
        .into_service_error();
    assert!(error.is_bad_request_exception(), "{error:?}");
    assert_eq!(world.get("/v2/email/nothing").await.status(), 404);
}

#[tokio::test]
async fn a_delivered_message_publishes_send_and_delivery_in_the_form_of_ses() {
    let world = World::start().await;
    let events = world.events_of("Asha@example.in", 2).await;
    assert_eq!(types(&events), ["Send", "Delivery"]);
    let message = &world.ses.messages()[0];
    for event in &events {
        let mail = &event["mail"];
        assert_eq!(mail["messageId"], message.id.as_str());
        assert_eq!(mail["source"], FROM);
        assert_eq!(mail["sendingAccountId"], "123456789012");
        assert_eq!(mail["sourceArn"], "arn:aws:ses:ap-south-1:123456789012:identity/example.in");
        assert_eq!(mail["destination"], json!(["Asha@example.in"]));
        assert_eq!(mail["headersTruncated"], false);
        assert_eq!(mail["tags"]["ses:configuration-set"], json!(["main"]));
        assert_eq!(mail["tags"]["campaign"], json!(["01J"]));
        assert_eq!(mail["tags"]["recipient"], json!(["r1"]));
        assert_eq!(mail["commonHeaders"]["from"], json!([FROM]));
        let unsubscribe = json!({"name": "List-Unsubscribe", "value": "<https://example.in/u/1>"});
        assert!(mail["headers"].as_array().is_some_and(|headers| headers.contains(&unsubscribe)));
        let at = mail["timestamp"].as_str().expect("timestamp");
        assert!(at.len() == 24 && at.ends_with('Z'), "{at}");
    }
    assert_eq!(events[0]["send"], json!({}));
    assert_eq!(events[0]["mail"]["commonHeaders"].get("subject"), None);
    assert_eq!(events[1]["mail"]["commonHeaders"]["subject"], "For Asha");
    assert_eq!(events[1]["delivery"]["recipients"], json!(["asha@example.in"]));
    assert_eq!(events[1]["delivery"]["smtpResponse"], "250 2.6.0 Message received");
    assert!(message.events.iter().all(|event| event.state == EventState::Published));

    let call = world.sink.calls.lock().expect("lock")[0].clone();
    assert_eq!((call["Action"].as_str(), call["TopicArn"].as_str()), ("PublishBatch", TOPIC));
    let authorization = world.sink.authorizations.lock().expect("lock")[0].clone();
    assert!(authorization.starts_with("AWS4-HMAC-SHA256 Credential=123456789012/20260101/ap-south-1/sns/aws4_request, "));
}

#[tokio::test]
async fn mailbox_simulator_addresses_end_as_ses_documents() {
    for (local, expected, outcome) in [
        ("success+1", vec!["Send", "Delivery"], Outcome::Delivered),
        ("ooto", vec!["Send", "Delivery"], Outcome::Delivered),
        ("bounce+campaign-7", vec!["Send", "Bounce"], Outcome::Bounced),
        ("suppressionlist", vec!["Send", "Bounce"], Outcome::Suppressed),
        ("complaint+x", vec!["Send", "Delivery", "Complaint"], Outcome::Complained),
    ] {
        let world = World::start().await;
        let address = format!("{local}@simulator.amazonses.com");
        let events = world.events_of(&address, expected.len()).await;
        // Four calls are under way at a time, as with SNS the order of arrival is not promised.
        let mut arrived = types(&events);
        arrived.sort_by_key(|event_type| expected.iter().position(|expected| expected == event_type));
        assert_eq!(arrived, expected, "{address}");
        assert_eq!(world.ses.messages()[0].outcome, outcome);
        match outcome {
            Outcome::Bounced => {
                let bounce = &find(&events, "Bounce")["bounce"];
                assert_eq!(
                    (&bounce["bounceType"], &bounce["bounceSubType"]),
                    (&json!("Permanent"), &json!("General"))
                );
                let recipient = json!({
                    "emailAddress": address, "action": "failed", "status": "5.1.1",
                    "diagnosticCode": "smtp; 550 5.1.1 user unknown",
                });
                assert_eq!(bounce["bouncedRecipients"], json!([recipient]));
                assert!(bounce["feedbackId"].is_string() && bounce["reportingMTA"].is_string());
            }
            Outcome::Suppressed => {
                let bounce = &find(&events, "Bounce")["bounce"];
                assert_eq!(
                    (&bounce["bounceType"], &bounce["bounceSubType"]),
                    (&json!("Permanent"), &json!("Suppressed"))
                );
                assert_eq!(bounce["reportingMTA"], "dns; amazonses.com");
            }
            Outcome::Complained => {
                let complaint = &find(&events, "Complaint")["complaint"];
                assert_eq!(complaint["complainedRecipients"], json!([{"emailAddress": address}]));
                assert_eq!(complaint["complaintFeedbackType"], "abuse");
            }
            _ => {}
        }
    }
}

#[tokio::test]
async fn a_message_that_cannot_be_rendered_is_accepted_and_fails_in_an_event() {
    let world = World::start().await;
    let output = world.send_bulk(vec![entry_with("a@example.in", json!({}))]).await.expect("answered");
    assert_eq!(statuses(&output), [&BulkEmailStatus::Success]);
    let events = world.wait_for_events(1).await;
    assert_eq!(types(&events), ["Rendering Failure"]);
    assert_eq!(
        events[0]["failure"]["errorMessage"],
        "Attribute 'name' is not present in the rendering data."
    );
    assert_eq!(events[0]["mail"]["tags"]["campaign"], json!(["01J"]));
    let message = &world.ses.messages()[0];
    assert!(!message.was_sent() && message.html.is_none());
    assert_eq!(message.outcome, Outcome::RenderingFailed);
}

#[tokio::test]
async fn events_wait_for_a_topic_and_are_retried_until_it_answers() {
    let world = World::without_topic().await;
    world.sink.refusals_left.store(3, Ordering::SeqCst);
    let entries = (0..50).map(|n| entry(&format!("a{n}@example.in"))).collect();
    world.send_bulk(entries).await.expect("sent");
    assert_eq!(
        world.ses.events(),
        QueueStatus {
            waiting: 100,
            published: 0,
            lost: 0
        }
    );
    tokio::time::sleep(Duration::from_millis(10)).await;
    world.set_topic().await;
    let events = world.wait_for_events(100).await;
    assert_eq!(events.len(), 100);
    assert_eq!(world.sink.calls.lock().expect("lock").len(), 10);
}

#[tokio::test]
async fn without_a_configuration_set_ses_publishes_nothing() {
    let world = World::start().await;
    let body = json!({
        "FromEmailAddress": "c@example.in",
        "Destination": {"ToAddresses": ["bounce@simulator.amazonses.com"]},
        "Content": {"Raw": {"Data": STANDARD.encode("Subject: s\r\n\r\nb")}},
    });
    assert_eq!(world.post_raw("/v2/email/outbound-emails", body).await.status(), 200);
    assert_eq!(world.ses.messages()[0].outcome, Outcome::Bounced);
    assert_eq!(
        world.ses.events(),
        QueueStatus {
            waiting: 0,
            published: 0,
            lost: 0
        }
    );
}

#[tokio::test]
async fn faults_before_acceptance_accept_nothing_and_happen_as_often_as_asked() {
    let world = World::without_topic().await;
    let expect_error = async |kind: FaultKind, is_expected: fn(&SendBulkEmailError) -> bool| {
        world.ses.inject(Fault::once(kind.clone()));
        let error = world
            .send_bulk(vec![entry("a@example.in")])
            .await
            .expect_err("fault")
            .into_service_error();
        assert!(is_expected(&error), "{kind:?}: {error:?}");
    };
    expect_error(FaultKind::Throttle, SendBulkEmailError::is_too_many_requests_exception).await;
    expect_error(FaultKind::DailyQuota, SendBulkEmailError::is_limit_exceeded_exception).await;
    expect_error(FaultKind::SendingPaused, SendBulkEmailError::is_sending_paused_exception).await;
    let suspended = FaultKind::Error {
        status: 400,
        code: "AccountSuspendedException".to_owned(),
        message: "suspended".to_owned(),
    };
    expect_error(suspended, SendBulkEmailError::is_account_suspended_exception).await;
    expect_error(FaultKind::ServerErrorBefore { status: 503 }, |error| {
        error.meta().code() == Some("ServiceUnavailable")
    })
    .await;
    assert!(world.ses.messages().is_empty());
    assert_eq!(world.ses.requests()["SendBulkEmail"], 5);

    world.ses.inject(Fault::once(FaultKind::Throttle).times(2).to("b@example.in"));
    assert!(world.send_bulk(vec![entry("a@example.in")]).await.is_ok());
    assert!(world.send_bulk(vec![entry("a@example.in"), entry("B@example.in")]).await.is_err());
    assert!(world.send_bulk(vec![entry("b@example.in")]).await.is_err());
    assert!(world.send_bulk(vec![entry("b@example.in")]).await.is_ok());
    assert!(world.ses.faults().is_empty());
}

#[tokio::test]
async fn an_entry_fault_strikes_one_entry() {
    let world = World::without_topic().await;
    let status = |status: &str, accepted| FaultKind::EntryStatus {
        status: status.to_owned(),
        error: None,
        accepted,
    };
    world.ses.inject(Fault::once(status("TRANSIENT_FAILURE", false)).entry(1));
    world.ses.inject(Fault::once(status("FAILED", true)).to("c@example.in"));
    world.ses.inject(Fault::once(status("MESSAGE_REJECTED", false)).to("d@example.in"));
    let entries = || ["a", "b", "c", "d"].iter().map(|name| entry(&format!("{name}@example.in"))).collect();
    let output = world.send_bulk(entries()).await.expect("answered");
    use BulkEmailStatus::{Failed, MessageRejected, Success, TransientFailure};
    assert_eq!(statuses(&output), [&Success, &TransientFailure, &Failed, &MessageRejected]);
    assert_eq!(output.bulk_email_entry_results()[2].message_id(), None);
    assert_eq!(world.ses.messages().len(), 2);
    assert_eq!(world.ses.messages_to("c@example.in").len(), 1);
    let output = world.send_bulk(entries()).await.expect("answered");
    assert_eq!(statuses(&output), [&Success; 4]);
}

#[tokio::test]
async fn faults_after_acceptance_lose_the_answer_and_not_the_message() {
    let world = World::start().await;
    world.ses.inject(Fault::once(FaultKind::ServerErrorAfter { status: 500 }));
    let error = world.send_bulk(vec![entry("a@example.in")]).await.expect_err("500");
    assert_eq!(error.raw_response().map(|response| response.status().as_u16()), Some(500));

    world.ses.inject(Fault::once(FaultKind::TimeoutAfter { answer_after_ms: None }));
    let error = world.send_bulk(vec![entry("a@example.in")]).await.expect_err("timeout");
    assert!(matches!(error, aws_sdk_sesv2::error::SdkError::TimeoutError(_)), "{error:?}");
    assert_eq!(world.ses.messages().len(), 2);
    assert_eq!(world.wait_for_events(4).await.len(), 4);

    world.ses.inject(Fault::once(FaultKind::TimeoutBefore { answer_after_ms: None }));
    assert!(world.send_bulk(vec![entry("a@example.in")]).await.is_err());
    world.ses.inject(Fault::once(FaultKind::TimeoutBefore { answer_after_ms: Some(20) }));
    let error = world.send_bulk(vec![entry("a@example.in")]).await.expect_err("late 503");
    assert_eq!(error.raw_response().map(|response| response.status().as_u16()), Some(503));
    assert_eq!(world.ses.messages().len(), 2);

    world.ses.inject(Fault::once(FaultKind::TimeoutAfter { answer_after_ms: Some(20) }));
    assert!(world.send_bulk(vec![entry("a@example.in")]).await.is_ok());
    assert_eq!(world.ses.requests()["SendBulkEmail"], 5);
}

#[tokio::test]
async fn events_get_lost_duplicated_and_changed_on_request() {
    let world = World::start().await;
    world.ses.inject(Fault::once(FaultKind::EventLoss {
        event_type: Some("Delivery".to_owned()),
    }));
    assert_eq!(types(&world.events_of("a@example.in", 1).await), ["Send"]);
    assert_eq!(world.ses.events().lost, 1);
    assert_eq!(world.ses.messages()[0].events[1].state, EventState::Lost);

    world.ses.inject(Fault::once(FaultKind::EventDuplication {
        event_type: Some("Send".to_owned()),
        copies: 3,
    }));
    world.events_of("a@example.in", 5).await;

    world.ses.inject(
        Fault::once(FaultKind::EndAs {
            outcome: Outcome::SoftBounced,
        })
        .to("soft@example.in"),
    );
    let events = world.events_of("soft@example.in", 7).await;
    let bounce = &find(&events, "Bounce")["bounce"];
    assert_eq!(
        (&bounce["bounceType"], &bounce["bounceSubType"]),
        (&json!("Transient"), &json!("MailboxFull"))
    );
}

#[tokio::test]
async fn another_process_can_drive_the_simulator() {
    let world = World::without_topic().await;
    let faults = json!([{"kind": "throttle", "times": null, "to": "z@example.in"},
                        {"kind": "entry_status", "status": "FAILED", "entry": 0}]);
    let added = world.post_raw("/_simulator/faults", faults).await;
    assert_eq!(added.status(), 201);
    assert_eq!(world.ses.faults()[0], Fault::always(FaultKind::Throttle).to("z@example.in"));
    assert_eq!(world.ses.faults()[1].times, Some(1));
    let url = |path: &str| format!("{}{path}", world.ses.url());
    assert_eq!(world.http.delete(url("/_simulator/faults")).send().await.expect("answer").status(), 204);

    world.send_bulk(vec![entry("a@example.in"), entry("b@example.in")]).await.expect("sent");
    let listed: Value = world.get("/_simulator/messages?to=b@example.in").await.json().await.expect("JSON");
    assert_eq!(listed["total"], 1);
    let message: Message = serde_json::from_value(listed["messages"][0].clone()).expect("message");
    assert_eq!(message, world.ses.messages()[1]);
    let one: Value = world
        .get(&format!("/_simulator/messages/{}", message.id))
        .await
        .json()
        .await
        .expect("JSON");
    assert_eq!(one["subject"], "For Asha");
    let after: Value = world.get("/_simulator/messages?after=0&limit=5").await.json().await.expect("JSON");
    assert_eq!(after["total"], 1);
    let requests: Value = world.get("/_simulator/requests").await.json().await.expect("JSON");
    assert_eq!(requests, json!({"SendBulkEmail": 1}));

    let topic = EventTopic::new("http://127.0.0.1:9", TOPIC);
    let put = world.http.put(url("/_simulator/event-topic")).json(&topic).send().await.expect("answer");
    assert_eq!(put.status(), 204);
    let stored: EventTopic = world.get("/_simulator/event-topic").await.json().await.expect("JSON");
    assert_eq!(stored, topic);
    assert_eq!(world.post_raw("/_simulator/reset", json!({})).await.status(), 204);
    assert!(world.ses.messages().is_empty() && world.ses.requests().is_empty());
    let events: QueueStatus = world.get("/_simulator/events").await.json().await.expect("JSON");
    assert_eq!(
        events,
        QueueStatus {
            waiting: 0,
            published: 0,
            lost: 0
        }
    );
}

#[tokio::test]
async fn the_inbox_shows_messages_and_runs_nothing_of_them() {
    let world = World::without_topic().await;
    let evil = json!({"name": "</iframe><script>alert(1)</script>", "body": "<a href=\"https://example.in\">x</a>"});
    world
        .send_bulk(vec![entry_with("a@example.in", evil), entry("bounce@simulator.amazonses.com")])
        .await
        .expect("sent");
    let list = world.get("/").await;
    let policy = list.headers()["content-security-policy"].to_str().expect("policy").to_owned();
    assert!(policy.starts_with("default-src 'none'; style-src 'self';"), "{policy}");
    let list = list.text().await.expect("page");
    assert!(list.contains("a@example.in") && list.contains("Bounced <b>1</b>"));
    assert!(!list.contains("<script"));

    let filtered = world.get("/?q=A%40EXAMPLE&outcome=bounced").await.text().await.expect("page");
    assert!(filtered.contains("Nothing matches") && filtered.contains("value=\"A@EXAMPLE\""));

    let id = world.ses.messages()[0].id.clone();
    let page = world.get(&format!("/messages/{id}")).await.text().await.expect("page");
    assert!(page.contains("sandbox=\"allow-popups allow-popups-to-escape-sandbox\" srcdoc=\"&lt;!doctype html"));
    assert!(page.contains("&lt;base target=&quot;_blank&quot;&gt;"));
    assert!(page.contains("List-Unsubscribe-Post") && page.contains("campaign"));
    assert!(!page.contains("<script"));
    assert_eq!(world.get("/messages/none").await.status(), 404);
    let style = world.get("/assets/inbox.css").await;
    assert_eq!(style.headers()["content-type"], "text/css; charset=utf-8");
}

#[tokio::test]
async fn shutting_down_frees_the_port_although_a_request_hangs() {
    let world = World::without_topic().await;
    world.ses.inject(Fault::once(FaultKind::TimeoutBefore { answer_after_ms: None }));
    let address = world.ses.url().trim_start_matches("http://").to_owned();
    let _ = world.send_bulk(vec![entry("a@example.in")]).await;
    let World { ses, .. } = world;
    tokio::time::timeout(Duration::from_secs(5), ses.shutdown()).await.expect("shuts down");
    TcpListener::bind(address).await.expect("the port is free");
}
