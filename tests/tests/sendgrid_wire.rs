//! `messaging` against the SendGrid simulator over HTTP: what is on the wire, how often, and what each answer is taken for.

use std::time::Duration;

use domain::delivery::EventKind;
use jiff::Timestamp;
use messaging::email_providers::may_fail_over;
use messaging::sendgrid_events::{self, SignatureError};
use messaging::{Attempt, EntryResult, OutgoingEmail, RenderedEmail, SendGrid, SingleSender, Wait};
use outbound::https::Https;
use serde_json::{Value, json};
use tests::sendgrid_simulator::{API_KEY, SendGridFault, SendGridSimulator, WebhookKey};
use tokio::net::TcpListener;

const CAMPAIGN: &str = "cmp_01ARZ3NDEKTSV4RRFFQ69G5FAV";
const NOW: i64 = 1_795_341_600;

/// Long enough for an answer on a busy machine, short enough to wait for in a test.
const TIMEOUT: Duration = Duration::from_millis(1500);

fn sendgrid(url: &str, key: &str) -> SendGrid {
    let https = Https::new(TIMEOUT).expect("TLS is there");
    let (from, name) = ("msme@example.in".to_owned(), "Example \"Industries\"".to_owned());
    SendGrid::new(https, url, key.to_owned(), from, name)
}

fn message(n: usize, address: &str) -> OutgoingEmail {
    OutgoingEmail {
        recipient: format!("vnd_01ARZ3NDEKTSV4RRFFQ69G{n:04}").parse().expect("a vendor id"),
        to: address.to_owned(),
        email: RenderedEmail {
            subject: "Rao & \"Söhne\" \\ लिमिटेड".to_owned(),
            html: "<p>Rao &amp; {{name}}</p>".to_owned(),
            text: "Rao & {{name}}\n-name-".to_owned(),
        },
        unsubscribe_url: format!("https://msme.example/unsubscribe/{n}"),
        campaign: CAMPAIGN.parse().expect("a campaign id"),
        chunk: 7,
    }
}

struct World {
    simulator: SendGridSimulator,
    sendgrid: SendGrid,
}

impl World {
    async fn start() -> Self {
        let simulator = SendGridSimulator::start().await.expect("the simulator starts");
        let sendgrid = sendgrid(&simulator.url(), API_KEY);
        Self { simulator, sendgrid }
    }

    /// What one message comes to under a fault.
    async fn under(fault: SendGridFault) -> (Self, EntryResult) {
        let world = Self::start().await;
        world.simulator.inject(fault);
        let result = world.sendgrid.send(&message(0, "asha@example.in")).await;
        (world, result)
    }

    /// Requests made and messages accepted.
    fn counts(&self) -> (usize, usize) {
        (self.simulator.requests(), self.simulator.messages().len())
    }
}

fn unknown(reason: &str) -> EntryResult {
    EntryResult::Unknown { reason: reason.to_owned() }
}

#[tokio::test]
async fn a_message_arrives_as_it_was_rendered_with_its_headers_and_arguments() {
    let world = World::start().await;
    let result = world.sendgrid.send(&message(3, "asha@example.in")).await;
    let messages = world.simulator.messages();
    let sent = messages.first().expect("a message");
    assert_eq!(result, EntryResult::Accepted { message_id: sent.id.clone() });
    let expected = message(3, "asha@example.in").email;
    assert_eq!(sent.at("/subject"), expected.subject);
    assert_eq!(
        (sent.at("/content/0/value"), sent.at("/content/1/value")),
        (expected.text.into(), expected.html.into())
    );
    assert_eq!(sent.at("/from"), json!({"email": "msme@example.in", "name": "Example \"Industries\""}));
    let headers = json!({
        "List-Unsubscribe": "<https://msme.example/unsubscribe/3>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    });
    assert_eq!(sent.at("/headers"), headers);
    let arguments = json!({"campaign": CAMPAIGN, "chunk": "7", "recipient": "vnd_01ARZ3NDEKTSV4RRFFQ69G0003"});
    assert_eq!(sent.at("/custom_args"), arguments);
    assert_eq!(world.counts(), (1, 1));
}

#[tokio::test]
async fn every_refusal_has_its_class_and_is_asked_once() {
    let stop = |reason: &str| EntryResult::Stop { reason: reason.to_owned() };
    let failed = |reason: &str| EntryResult::Failed { reason: reason.to_owned() };
    let refuse = |status, field, message| SendGridFault::Refuse {
        status,
        field: Some(field),
        message,
    };
    let throttled = EntryResult::Retry {
        reason: "sendgrid:http_429".to_owned(),
        wait: Some(Wait::Throttled),
    };
    let unverified = "The from address does not match a verified Sender Identity.";
    for (fault, expected) in [
        (
            refuse(400, "personalizations.0.to.0.email", "Does not contain a valid address."),
            failed("sendgrid:http_400"),
        ),
        (refuse(400, "from.email", unverified), stop("sendgrid:sender_identity")),
        (SendGridFault::status(401), stop("sendgrid:http_401")),
        (refuse(403, "from", unverified), stop("sendgrid:sender_identity")),
        (SendGridFault::status(403), stop("sendgrid:http_403")),
        (SendGridFault::status(404), stop("sendgrid:http_404")),
        (SendGridFault::status(405), stop("sendgrid:http_405")),
        (SendGridFault::status(413), failed("sendgrid:http_413")),
        (SendGridFault::status(415), stop("sendgrid:http_415")),
        (SendGridFault::status(429), throttled),
        (SendGridFault::status(500), unknown("sendgrid:http_500")),
        (SendGridFault::status(503), unknown("sendgrid:http_503")),
    ] {
        let (world, result) = World::under(fault.clone()).await;
        assert_eq!(result, expected, "{fault:?}");
        assert_eq!(world.counts(), (1, 0), "{fault:?}");
    }
}

#[tokio::test]
async fn a_wrong_key_stops_the_campaign() {
    let world = World::start().await;
    let result = sendgrid(&world.simulator.url(), "SG.wrong").send(&message(0, "asha@example.in")).await;
    assert_eq!(
        result,
        EntryResult::Stop {
            reason: "sendgrid:http_401".to_owned()
        }
    );
    assert!(may_fail_over(&result));
}

#[tokio::test]
async fn an_answer_lost_after_acceptance_is_unknown_and_asked_once() {
    for (fault, reason, accepted) in [
        (SendGridFault::AcceptThenFail { status: 503 }, "sendgrid:http_503", 1),
        (SendGridFault::AcceptThenSilence, "sendgrid:timeout", 1),
        (SendGridFault::Silence, "sendgrid:timeout", 0),
        (SendGridFault::AcceptWithoutId, "sendgrid:accepted_without_message_id", 1),
    ] {
        let (world, result) = World::under(fault.clone()).await;
        assert_eq!(result, unknown(reason), "{fault:?}");
        assert!(!may_fail_over(&result));
        assert_eq!(world.counts(), (1, accepted), "{fault:?}");
    }
}

#[tokio::test]
async fn no_connection_means_not_accepted() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let refused = format!("http://{}", listener.local_addr().expect("an address"));
    drop(listener);
    // RFC 6761 keeps `.invalid` out of the DNS for good.
    for url in [refused.as_str(), "http://sendgrid.invalid", "https://sendgrid.invalid"] {
        let result = sendgrid(url, API_KEY).send(&message(0, "asha@example.in")).await;
        let expected = EntryResult::Retry {
            reason: "sendgrid:unreachable".to_owned(),
            wait: Some(Wait::Unreachable),
        };
        assert_eq!(result, expected, "{url}");
        assert!(may_fail_over(&result));
    }
}

#[tokio::test]
async fn a_connection_lost_after_the_request_is_unknown() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            // The request arrives, the answer never does.
            let _ = stream.readable().await;
            let _ = stream.try_read(&mut [0; 64]);
        }
    });
    let result = sendgrid(&url, API_KEY).send(&message(0, "asha@example.in")).await;
    assert_eq!(result, unknown("sendgrid:connection_lost"));
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let (world, result) = World::under(SendGridFault::status(307)).await;
    assert_eq!(
        result,
        EntryResult::Stop {
            reason: "sendgrid:http_307".to_owned()
        }
    );
    assert_eq!(world.counts(), (1, 0));
}

#[tokio::test]
async fn many_messages_go_ten_at_a_time_and_results_keep_their_order() {
    let world = World::start().await;
    let messages: Vec<OutgoingEmail> = (0..35).map(|n| message(n, &format!("v{n}@example.in"))).collect();
    world.simulator.inject_for("v12@example.in", SendGridFault::status(413));
    let sender = SingleSender::Sendgrid(world.sendgrid.clone());
    let attempt = Attempt {
        number: 1,
        at: Timestamp::from_second(NOW).expect("a time"),
    };
    let results = sender.send_all(&messages, attempt).await;
    assert_eq!((world.counts(), results.len()), ((35, 34), 35));
    assert_eq!(world.simulator.most_at_once(), 10);
    let sent = world.simulator.messages();
    for (n, result) in results.iter().enumerate() {
        let own = sent.iter().find(|message| message.to == format!("v{n}@example.in"));
        match result {
            EntryResult::Accepted { message_id } => assert_eq!(own.map(|message| &message.id), Some(message_id)),
            other => assert_eq!((n, own.is_none()), (12, true), "{other:?}"),
        }
    }

    // An outage leaves one wave unknown, and the rest unattempted.
    world.simulator.inject_for("v3@example.in", SendGridFault::AcceptThenFail { status: 500 });
    let results = sender.send_all(&messages, attempt).await;
    assert_eq!(world.simulator.requests(), 45);
    assert_eq!(results[3], unknown("sendgrid:http_500"));
    assert!(matches!(&results[10], EntryResult::Retry { reason, .. } if reason == "sendgrid:not_attempted"));
    assert_eq!(results.len(), 35);
}

#[tokio::test]
async fn the_simulators_signed_events_are_verified_and_understood() {
    let world = World::start().await;
    let result = world.sendgrid.send(&message(3, "asha@example.in")).await;
    let EntryResult::Accepted { message_id } = result else {
        panic!("{result:?}")
    };
    let messages = world.simulator.messages();
    let sent = messages.first().expect("a message");
    let none = Value::Null;
    let bounce = json!({"type": "bounce", "bounce_classification": "Invalid Address", "reason": "550 5.1.1 no such user"});
    let events = [
        sent.event("processed", NOW, &none),
        sent.event("deferred", NOW + 1, &none),
        sent.event("delivered", NOW + 2, &none),
        sent.event("open", NOW + 3, &none),
        sent.event("bounce", NOW + 4, &bounce),
    ];
    let key = WebhookKey::new(7);
    let batch = key.sign(&events, NOW);
    let verify = |public: &str, body: &str, secs: i64| {
        let now = Timestamp::from_second(NOW + secs).expect("a time");
        sendgrid_events::verify(public, &batch.timestamp, &batch.signature, body.as_bytes(), now)
    };
    assert_eq!(verify(&key.public(), &batch.body, 5), Ok(()));
    assert_eq!(verify(&key.public(), &batch.body, 3600), Err(SignatureError::Stale));
    assert_eq!(verify(&WebhookKey::new(8).public(), &batch.body, 5), Err(SignatureError::Mismatch));
    assert_eq!(
        verify(&key.public(), &batch.body.replace("asha", "ravi"), 5),
        Err(SignatureError::Mismatch)
    );

    let parsed = sendgrid_events::parse(&batch.body).expect("events that parse");
    let kinds: Vec<EventKind> = parsed.iter().map(|parsed| parsed.event.kind).collect();
    assert_eq!(kinds, [EventKind::Sent, EventKind::Delayed, EventKind::Delivered, EventKind::HardBounced]);
    for parsed in &parsed {
        assert_eq!(parsed.event.message_id(), message_id);
        assert_eq!((parsed.chunk.campaign.to_string().as_str(), parsed.chunk.number), (CAMPAIGN, 7));
        assert_eq!(parsed.event.recipient, message(3, "").recipient);
    }
    assert_eq!(
        (parsed[3].event.reason.as_deref(), parsed[3].suppress),
        (Some("bounce:invalid_address"), Some("hard_bounce"))
    );
}
