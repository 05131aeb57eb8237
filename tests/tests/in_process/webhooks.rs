//! What providers post: verified, and put into the queue as it came.

use jiff::{SignedDuration, Timestamp};
use messaging::sendgrid_events;
use runtime::Var;
use serde_json::{Value, json};
use tests::sendgrid_simulator::{SignedBatch, WebhookKey};
use webhooks::receive_sendgrid::ROUTE;

use crate::support::{Answer, TestApp};

const PATH: &str = "/api/v1/webhooks/sendgrid";

/// An app that has the key's public half, and the time it is there.
async fn start(key: &WebhookKey) -> (TestApp, Timestamp) {
    let app = TestApp::start().await;
    app.set_email_providers(&json!({ "sendgrid_webhook_public_key": key.public() }));
    let now = app.app().now();
    (app, now)
}

fn event(n: usize) -> Value {
    json!({
        "email": format!("v{n}@example.in"), "timestamp": 1_793_593_800, "event": "delivered",
        "sg_event_id": format!("e{n}"), "sg_message_id": format!("m{n}.recvd-1"),
        "campaign": "cmp_01ARZ3NDEKTSV4RRFFQ69G5FAV", "chunk": "7", "recipient": format!("vnd_01ARZ3NDEKTSV4RRFFQ69G{n:04}"),
    })
}

async fn post(app: &TestApp, batch: &SignedBatch) -> Answer {
    app.anonymous()
        .call(&ROUTE, PATH)
        .header(sendgrid_events::SIGNATURE_HEADER, &batch.signature)
        .header(sendgrid_events::TIMESTAMP_HEADER, &batch.timestamp)
        .body("application/json", batch.body.clone())
        .await
}

fn queued(app: &TestApp) -> Vec<String> {
    let messages = app.take_messages(Var::DeliveryEventsQueueUrl);
    messages
        .iter()
        .map(|message| message["MessageBody"].as_str().expect("a body").to_owned())
        .collect()
}

#[tokio::test]
async fn a_signed_batch_is_queued_in_messages_that_fit() {
    let key = WebhookKey::new(7);
    let (app, now) = start(&key).await;
    let events: Vec<Value> = (0..1_500).map(event).collect();
    let batch = key.sign(&events, now.as_second());
    post(&app, &batch).await.expect(204);
    let bodies = queued(&app);
    assert_eq!(bodies.len(), batch.body.len().div_ceil(200_000));
    let mut parsed = Vec::new();
    for body in &bodies {
        assert!(body.len() < 256_000 && sendgrid_events::is_envelope(body), "{}", body.len());
        parsed.extend(sendgrid_events::parse(body).expect("events that parse"));
    }
    assert_eq!(parsed, sendgrid_events::parse(&batch.body).expect("events that parse"));
    assert_eq!(parsed.len(), 1_500);
}

#[tokio::test]
async fn nothing_is_taken_that_sendgrid_did_not_sign_now() {
    let key = WebhookKey::new(7);
    let (app, now) = start(&key).await;
    let good = key.sign(&[event(0)], now.as_second());
    let forged = WebhookKey::new(8).sign(&[event(0)], now.as_second());
    post(&app, &forged).await.expect(403);
    let changed = SignedBatch {
        body: good.body.replace("delivered", "bounce"),
        ..good.clone()
    };
    post(&app, &changed).await.expect(403);
    app.anonymous()
        .call(&ROUTE, PATH)
        .body("application/json", good.body.clone())
        .await
        .expect(403);
    assert_eq!(queued(&app), Vec::<String>::new());
    post(&app, &good).await.expect(204);
    assert_eq!(queued(&app).len(), 1);
    app.advance(SignedDuration::from_mins(11));
    post(&app, &good).await.expect(403);
    assert_eq!(queued(&app), Vec::<String>::new());
}

#[tokio::test]
async fn what_is_signed_but_no_batch_is_refused_and_an_empty_one_is_nothing_to_do() {
    let key = WebhookKey::new(7);
    let (app, now) = start(&key).await;
    post(&app, &key.sign(&[json!(7)], now.as_second())).await.expect(400);
    post(&app, &key.sign(&[], now.as_second())).await.expect(204);
    assert_eq!(queued(&app), Vec::<String>::new());
}

#[tokio::test]
async fn a_stack_without_sendgrid_has_no_such_path() {
    let app = TestApp::start().await;
    let now = app.app().now();
    post(&app, &WebhookKey::new(7).sign(&[event(0)], now.as_second())).await.expect(404);
}

#[tokio::test]
async fn a_batch_the_queue_does_not_take_is_posted_again() {
    let key = WebhookKey::new(7);
    let (app, now) = start(&key).await;
    let batch = key.sign(&[event(0)], now.as_second());
    app.fail_after("SendMessageBatch", 0);
    post(&app, &batch).await.expect(500);
    post(&app, &batch).await.expect(204);
    assert_eq!(queued(&app).len(), 1);
}
