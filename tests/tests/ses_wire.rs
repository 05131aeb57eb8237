//! `messaging` against the SES simulator over HTTP: what is on the wire, how often, and what each answer is taken for.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_sdk_sesv2::config::retry::RetryConfig;
use aws_sdk_sesv2::config::timeout::TimeoutConfig;
use aws_sdk_sesv2::config::{BehaviorVersion, Credentials, Region};
use axum::Router;
use axum::extract::{Form, State};
use axum::routing::post;
use domain::delivery::{EventKind, Recipient};
use domain::template::EmailContent;
use domain::{CampaignId, VendorId};
use messaging::ses_events::{self, ParsedEvent};
use messaging::{CampaignContext, EmailTemplate, EntryResult, OutgoingEmail, SendError, Ses, Variables, Wait};
use serde_json::{Value, json};
use tests::ses_simulator::{EventTopic, Fault, FaultKind, Outcome, SesSimulator, SesSimulatorOptions};
use tokio::net::TcpListener;

const CAMPAIGN: &str = "cmp_01ARZ3NDEKTSV4RRFFQ69G5FAV";
const TOPIC: &str = "arn:aws:sns:ap-south-1:123456789012:events";

/// Long enough for an answer on a busy machine, short enough to wait for in a test.
const TIMEOUT: Duration = Duration::from_millis(1500);

struct World {
    simulator: SesSimulator,
    ses: Ses,
    topic: Arc<Mutex<Vec<String>>>,
}

impl World {
    async fn start() -> Self {
        let options = SesSimulatorOptions {
            send_event_delay: Duration::from_millis(1),
            delivery_event_delay: Duration::from_millis(5),
            ..SesSimulatorOptions::default()
        };
        let simulator = SesSimulator::start(options).await.expect("the simulator starts");
        let topic: Arc<Mutex<Vec<String>>> = Arc::default();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let endpoint = format!("http://{}", listener.local_addr().expect("an address"));
        let router = Router::new().route("/", post(publish_batch)).with_state(Arc::clone(&topic));
        tokio::spawn(async move { axum::serve(listener, router).await });
        simulator.set_event_topic(EventTopic::new(endpoint, TOPIC));
        let ses = ses(&simulator.url());
        Self { simulator, ses, topic }
    }

    async fn with_fault(kind: FaultKind) -> Self {
        let world = Self::start().await;
        world.simulator.inject(Fault::once(kind));
        world
    }

    async fn send(&self, addresses: &[&str]) -> Result<Vec<EntryResult>, SendError> {
        let messages: Vec<OutgoingEmail> = addresses.iter().enumerate().map(|(n, address)| message(n, address)).collect();
        self.ses.send_chunk(&messages).await
    }

    fn calls(&self) -> u64 {
        self.simulator.requests().values().sum()
    }

    /// The parsed events, once `count` have reached the topic.
    async fn events(&self, count: usize) -> Vec<ParsedEvent> {
        let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
        loop {
            let bodies = self.topic.lock().unwrap_or_else(PoisonError::into_inner).clone();
            if bodies.len() >= count {
                let parsed = |body: &String| ses_events::parse(body).expect("an event that parses");
                return bodies.iter().flat_map(parsed).collect();
            }
            assert!(tokio::time::Instant::now() < deadline, "the topic has {} of {count} events", bodies.len());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

/// A topic that wraps each message as SNS does for a queue without raw delivery.
async fn publish_batch(State(topic): State<Arc<Mutex<Vec<String>>>>, Form(form): Form<HashMap<String, String>>) -> String {
    let mut bodies = topic.lock().unwrap_or_else(PoisonError::into_inner);
    for member in 1..=10 {
        if let Some(message) = form.get(&format!("PublishBatchRequestEntries.member.{member}.Message")) {
            bodies.push(json!({"Type": "Notification", "TopicArn": TOPIC, "Message": message}).to_string());
        }
    }
    "<PublishBatchResponse><Failed/></PublishBatchResponse>".to_owned()
}

/// A client as the functions have it: one attempt, explicit timeouts.
fn ses(endpoint: &str) -> Ses {
    let config = aws_sdk_sesv2::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .endpoint_url(endpoint)
        .region(Region::new("ap-south-1"))
        .credentials_provider(Credentials::new("AKIATEST", "secret", None, None, "test"))
        .retry_config(RetryConfig::disabled())
        .timeout_config(
            TimeoutConfig::builder()
                .connect_timeout(TIMEOUT)
                .operation_attempt_timeout(TIMEOUT)
                .build(),
        )
        .build();
    Ses::new(
        aws_sdk_sesv2::Client::from_conf(config),
        "Example Industries <msme@example.in>".to_owned(),
        "main".to_owned(),
    )
}

fn vendor(n: usize) -> VendorId {
    format!("vnd_01ARZ3NDEKTSV4RRFFQ69G{n:04}").parse().expect("a vendor id")
}

fn campaign() -> CampaignId {
    CAMPAIGN.parse().expect("a campaign id")
}

fn message(n: usize, address: &str) -> OutgoingEmail {
    let content = EmailContent {
        name: "Declaration".to_owned(),
        subject: "{{ company_name }}: please answer by {{ deadline }}".to_owned(),
        html: "<p>{{ company_name }} {{ '{{name}}' }}</p><a href=\"{{ form_url }}\">Answer</a>".to_owned(),
        text: "{{ company_name }}\n{{ form_url }}".to_owned(),
    };
    let recipient = Recipient {
        id: vendor(n),
        code: format!("V-{n}"),
        name: format!("Rao & \"Söhne\" <{n}> \\ लिमिटेड"),
        contact: None,
        email: Some(address.to_owned()),
        phone: None,
        city: None,
        state: None,
        gstin: None,
        pan: None,
        pan_digest: None,
        udyam: None,
    };
    let unsubscribe_url = format!("https://msme.example/unsubscribe/{n}");
    let context = CampaignContext {
        organisation_name: "Example Industries",
        campaign_name: "FY 27",
        deadline: "2027-01-31T18:29:59Z".parse().expect("a time"),
        form_url: &format!("https://msme.example/f/{n}"),
        unsubscribe_url: &unsubscribe_url,
    };
    let template = EmailTemplate::compile(&content).expect("a template that compiles");
    let email = template.render(&Variables::for_recipient(&recipient, &context)).expect("a message");
    OutgoingEmail {
        recipient: vendor(n),
        to: address.to_owned(),
        email,
        unsubscribe_url,
        campaign: campaign(),
        chunk: 7,
    }
}

/// The first letter of each result, in order.
fn letters(results: &[EntryResult]) -> String {
    let letter = |result: &EntryResult| match result {
        EntryResult::Accepted { .. } => 'A',
        EntryResult::Retry { .. } => 'R',
        EntryResult::Failed { .. } => 'F',
        EntryResult::Unknown { .. } => 'U',
        EntryResult::Stop { .. } => 'S',
    };
    results.iter().map(letter).collect()
}

#[track_caller]
fn assert_ambiguous(result: Result<Vec<EntryResult>, SendError>, reason: &str) {
    assert_eq!(result, Err(SendError::Ambiguous { reason: reason.to_owned() }));
}

#[tokio::test]
async fn each_recipient_gets_its_own_message_headers_and_tags_in_one_call() {
    let world = World::start().await;
    let addresses: Vec<String> = (0..50).map(|n| format!("v{n}@example.in")).collect();
    let addresses: Vec<&str> = addresses.iter().map(String::as_str).collect();
    let results = world.send(&addresses).await.expect("an answer");
    assert_eq!(world.calls(), 1);
    assert_eq!(letters(&results), "A".repeat(50));

    let sent = world.simulator.messages();
    assert_eq!(sent.len(), 50);
    for (n, (message, result)) in sent.iter().zip(&results).enumerate() {
        assert_eq!(
            *result,
            EntryResult::Accepted {
                message_id: message.id.clone()
            }
        );
        assert_eq!(message.to, [format!("v{n}@example.in")]);
        assert_eq!(message.from, "Example Industries <msme@example.in>");
        assert_eq!(message.configuration_set.as_deref(), Some("main"));
        assert_eq!(
            message.header("List-Unsubscribe"),
            Some(format!("<https://msme.example/unsubscribe/{n}>").as_str())
        );
        assert_eq!(message.header("List-Unsubscribe-Post"), Some("List-Unsubscribe=One-Click"));
        assert_eq!((message.tag("campaign"), message.tag("chunk")), (Some(CAMPAIGN), Some("7")));
        assert_eq!(message.tag("recipient"), Some(vendor(n).to_string().as_str()));
    }
}

#[tokio::test]
async fn what_was_rendered_arrives_unchanged_and_escaped_once() {
    let world = World::start().await;
    world.send(&["asha@example.in"]).await.expect("an answer");
    let sent = world.simulator.messages();
    let message = sent.first().expect("a message");
    assert_eq!(message.subject, "Rao & \"Söhne\" <0> \\ लिमिटेड: please answer by 31 January 2027");
    assert_eq!(message.text.as_deref(), Some("Rao & \"Söhne\" <0> \\ लिमिटेड\nhttps://msme.example/f/0"));
    // Braces in a value are not a template of SES.
    let html = message.html.as_deref().unwrap_or_default();
    assert!(
        html.contains("<p>Rao &amp; &quot;Söhne&quot; &lt;0&gt; \\ लिमिटेड {{name}}</p><a href=\"https://msme.example/f/0\">"),
        "{html}"
    );
}

#[tokio::test]
async fn results_come_back_in_order_each_in_its_class() {
    let world = World::start().await;
    for (entry, status) in [
        (1, "TRANSIENT_FAILURE"),
        (2, "MESSAGE_REJECTED"),
        (3, "FAILED"),
        (4, "ACCOUNT_SENDING_PAUSED"),
        (5, "ACCOUNT_THROTTLED"),
    ] {
        let kind = FaultKind::EntryStatus {
            status: status.to_owned(),
            error: None,
            accepted: false,
        };
        world.simulator.inject(Fault::once(kind).entry(entry));
    }
    let results = world
        .send(&[
            "a@example.in",
            "b@example.in",
            "c@example.in",
            "d@example.in",
            "e@example.in",
            "f@example.in",
            "not-an-address",
        ])
        .await;
    let results = results.expect("an answer");
    assert_eq!(letters(&results), "ARFUSRF");
    assert_eq!(
        results[1],
        EntryResult::Retry {
            reason: "ses:transient_failure".to_owned(),
            wait: None
        }
    );
    assert_eq!(
        results[5],
        EntryResult::Retry {
            reason: "ses:account_throttled".to_owned(),
            wait: Some(Wait::Throttled)
        }
    );
    assert_eq!(
        results[6],
        EntryResult::Failed {
            reason: "ses:invalid_parameter".to_owned()
        }
    );
    assert_eq!(world.calls(), 1);
}

#[tokio::test]
async fn a_503_is_ambiguous_and_asked_once() {
    let world = World::with_fault(FaultKind::ServerErrorBefore { status: 503 }).await;
    assert_ambiguous(world.send(&["a@example.in"]).await, "ses:service_unavailable");
    assert_eq!(world.calls(), 1);
}

#[tokio::test]
async fn a_500_after_acceptance_is_ambiguous_and_sends_one_message() {
    let world = World::with_fault(FaultKind::ServerErrorAfter { status: 500 }).await;
    assert_ambiguous(world.send(&["a@example.in"]).await, "ses:internal_service_error");
    assert_eq!((world.calls(), world.simulator.messages().len()), (1, 1));
}

#[tokio::test]
async fn a_timeout_is_ambiguous_and_asked_once() {
    let world = World::with_fault(FaultKind::TimeoutBefore { answer_after_ms: None }).await;
    assert_ambiguous(world.send(&["a@example.in"]).await, "ses:timeout");
    assert_eq!((world.calls(), world.simulator.messages().len()), (1, 0));
}

#[tokio::test]
async fn a_timeout_after_acceptance_is_ambiguous_and_its_send_event_resolves_it() {
    let world = World::with_fault(FaultKind::TimeoutAfter { answer_after_ms: None }).await;
    assert_ambiguous(world.send(&["a@example.in"]).await, "ses:timeout");
    assert_eq!((world.calls(), world.simulator.messages().len()), (1, 1));
    let events = world.events(2).await;
    assert!(
        events
            .iter()
            .any(|event| event.event.kind == EventKind::Sent && event.event.recipient == vendor(0))
    );
}

#[tokio::test]
async fn throttle_and_quota_prove_that_nothing_was_accepted() {
    for (kind, wait, reason) in [
        (FaultKind::Throttle, Wait::Throttled, "ses:too_many_requests"),
        (FaultKind::DailyQuota, Wait::DailyQuota, "ses:limit_exceeded"),
    ] {
        let world = World::with_fault(kind).await;
        let result = world.send(&["a@example.in"]).await;
        assert_eq!(
            result,
            Err(SendError::NotAccepted {
                reason: reason.to_owned(),
                wait
            })
        );
        assert_eq!((world.calls(), world.simulator.messages().len()), (1, 0));
        assert_eq!(world.send(&["a@example.in"]).await.map(|results| letters(&results)), Ok("A".to_owned()));
    }
}

#[tokio::test]
async fn a_paused_account_stops_the_campaign() {
    let world = World::with_fault(FaultKind::SendingPaused).await;
    let expected = SendError::StopCampaign {
        reason: "ses:sending_paused".to_owned(),
    };
    assert_eq!(world.send(&["a@example.in"]).await, Err(expected));
}

#[tokio::test]
async fn no_connection_means_not_accepted() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let refused = format!("http://{}", listener.local_addr().expect("an address"));
    drop(listener);
    // RFC 6761 keeps `.invalid` out of the DNS for good.
    for endpoint in [refused.as_str(), "http://ses.invalid"] {
        let result = ses(endpoint).send_chunk(&[message(0, "a@example.in")]).await;
        let expected = SendError::NotAccepted {
            reason: "ses:unreachable".to_owned(),
            wait: Wait::Unreachable,
        };
        assert_eq!(result, Err(expected), "{endpoint}");
    }
}

#[tokio::test]
async fn a_connection_lost_after_the_request_is_ambiguous() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let endpoint = format!("http://{}", listener.local_addr().expect("an address"));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            // The request arrives, the answer never does.
            let _ = stream.readable().await;
            let _ = stream.try_read(&mut [0; 64]);
        }
    });
    assert_ambiguous(ses(&endpoint).send_chunk(&[message(0, "a@example.in")]).await, "ses:connection_lost");
}

#[tokio::test]
async fn missing_results_are_unknown() {
    let answer = json!({"BulkEmailEntryResults": [{"Status": "SUCCESS", "MessageId": "m-1"}]});
    let results = answer_of(answer).await.expect("an answer");
    assert_eq!(letters(&results), "AU");
    assert_eq!(letters(&answer_of(json!({})).await.expect("an answer")), "UU");
}

/// What two messages come to when SES answers 200 with `answer`.
async fn answer_of(answer: Value) -> Result<Vec<EntryResult>, SendError> {
    let server = wiremock::MockServer::start().await;
    let response = wiremock::ResponseTemplate::new(200).set_body_json(answer);
    wiremock::Mock::given(wiremock::matchers::any())
        .respond_with(response)
        .expect(1)
        .mount(&server)
        .await;
    ses(&server.uri())
        .send_chunk(&[message(0, "a@example.in"), message(1, "b@example.in")])
        .await
}

#[tokio::test]
async fn messages_too_long_for_one_call_are_sent_in_several_and_none_after_a_failure() {
    let long = |n: usize| {
        let mut message = message(n, &format!("v{n}@example.in"));
        message.email.html = "x".repeat(200_000);
        message
    };
    let messages: Vec<OutgoingEmail> = (0..10).map(long).collect();
    let world = World::start().await;
    let results = world.ses.send_chunk(&messages).await.expect("answers");
    assert_eq!((letters(&results), world.calls()), ("A".repeat(10), 3));

    let world = World::start().await;
    world
        .simulator
        .inject(Fault::once(FaultKind::ServerErrorAfter { status: 500 }).to("v4@example.in"));
    let results = world.ses.send_chunk(&messages).await.expect("answers");
    assert_eq!((letters(&results), world.calls()), ("AAAAUUUURR".to_owned(), 2));
    assert_eq!(world.simulator.messages().len(), 8);
}

#[tokio::test]
async fn the_simulators_events_are_understood() {
    let world = World::start().await;
    world.simulator.inject(
        Fault::once(FaultKind::EndAs {
            outcome: Outcome::SoftBounced,
        })
        .to("soft@example.in"),
    );
    let addresses = [
        "ok@example.in",
        "bounce@simulator.amazonses.com",
        "soft@example.in",
        "complaint@simulator.amazonses.com",
        "suppressionlist@simulator.amazonses.com",
    ];
    let results = world.send(&addresses).await.expect("an answer");
    // A Send for each, one more for each but the complaint, and two for that.
    let events = world.events(11).await;
    let find = |n: usize, kind: EventKind| {
        events
            .iter()
            .find(|event| event.event.recipient == vendor(n) && event.event.kind == kind)
            .unwrap_or_else(|| panic!("recipient {n} has no {kind:?}"))
    };
    for (n, (address, result)) in addresses.iter().zip(&results).enumerate() {
        let sent = find(n, EventKind::Sent);
        assert_eq!((sent.chunk.campaign, sent.chunk.number), (campaign(), 7));
        assert_eq!(sent.address.as_deref(), Some(*address));
        assert_eq!(
            *result,
            EntryResult::Accepted {
                message_id: sent.event.provider_id.clone()
            }
        );
    }
    let detail = |n: usize, kind: EventKind| (find(n, kind).event.reason.as_deref(), find(n, kind).suppress);
    assert_eq!(detail(0, EventKind::Delivered), (None, None));
    assert_eq!(detail(1, EventKind::HardBounced), (Some("permanent:general"), Some("hard_bounce")));
    assert_eq!(detail(2, EventKind::SoftBounced), (Some("transient:mailboxfull"), None));
    assert_eq!(detail(3, EventKind::Delivered), (None, None));
    assert_eq!(detail(3, EventKind::Complained), (Some("abuse"), Some("complaint")));
    assert_eq!(detail(4, EventKind::HardBounced), (Some("permanent:suppressed"), Some("hard_bounce")));
}
