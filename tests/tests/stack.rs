//! The real template, deployed to the local stack: what only shows when every part is the real one.

use std::time::{Duration, Instant};

use runtime::App;
use serde_json::json;
use tests::demo;
use tests::local::{LocalStack, Options, prepare};

async fn stack(name: &str) -> LocalStack {
    let options = Options::for_test(name);
    prepare(&options).expect("the functions build");
    LocalStack::start(options).await.expect("the stack starts")
}

async fn send(app: &App, queue_url: &str, body: &serde_json::Value) {
    app.sqs()
        .send_message()
        .queue_url(queue_url)
        .message_body(body.to_string())
        .send()
        .await
        .expect("the queue takes the message");
}

/// Messages waiting and in flight.
async fn depth(app: &App, queue_url: &str) -> u64 {
    use aws_sdk_sqs::types::QueueAttributeName::All;
    let output = app
        .sqs()
        .get_queue_attributes()
        .queue_url(queue_url)
        .attribute_names(All)
        .send()
        .await
        .expect("the queue answers");
    let attributes = output.attributes.unwrap_or_default();
    [
        "ApproximateNumberOfMessages",
        "ApproximateNumberOfMessagesNotVisible",
        "ApproximateNumberOfMessagesDelayed",
    ]
    .iter()
    .filter_map(|name| attributes.get(&(*name).into())?.parse::<u64>().ok())
    .sum()
}

/// Polls until `ready`, or fails with `what` after `seconds`.
async fn until(what: &str, seconds: u64, mut ready: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(seconds);
    while !ready().await {
        assert!(Instant::now() < deadline, "waited {seconds} s in vain: {what}");
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
}

fn output<'a>(stack: &'a LocalStack, name: &str) -> &'a str {
    stack.outputs().get(name).unwrap_or_else(|| panic!("the stack has an output {name}"))
}

/// One call of CloudWatch's JSON protocol.
async fn cloudwatch(stack: &LocalStack, operation: &str, input: serde_json::Value) -> serde_json::Value {
    let environment = stack.environment();
    let access_key = environment
        .iter()
        .find(|(name, _)| name == "AWS_ACCESS_KEY_ID")
        .map_or("", |(_, value)| value.as_str());
    let credentials =
        format!("AWS4-HMAC-SHA256 Credential={access_key}/20260101/ap-south-1/monitoring/aws4_request, SignedHeaders=host, Signature=none");
    let request = tests::http()
        .build()
        .expect("a client")
        .post(stack.aws_endpoint())
        .header("authorization", credentials)
        .header("x-amz-target", format!("GraniteServiceVersion20100801.{operation}"))
        .header("content-type", "application/x-amz-json-1.0")
        .body(input.to_string());
    let response = request.send().await.expect("CloudWatch answers");
    let (status, body) = (response.status(), response.text().await.expect("a body"));
    assert!(status.is_success(), "{operation}: {status}: {body}");
    serde_json::from_str(&body).unwrap_or_default()
}

/// The alarm on a queue's depth.
async fn alarm_on(stack: &LocalStack, queue_name: &str) -> serde_json::Value {
    let described = cloudwatch(stack, "DescribeAlarms", json!({})).await;
    let alarms = described["MetricAlarms"].as_array().cloned().unwrap_or_default();
    let dimensions = json!([{ "Name": "QueueName", "Value": queue_name }]);
    let found = alarms.into_iter().find(|alarm| alarm["Dimensions"] == dimensions);
    found.unwrap_or_else(|| panic!("no alarm watches {queue_name}: {described}"))
}

const DLQS: [&str; 11] = [
    "PlanDlqUrl",
    "EmailDlqUrl",
    "WhatsappDlqUrl",
    "WhatsappEventsDlqUrl",
    "ImportDlqUrl",
    "DeliveryEventsDlqUrl",
    "ProgressDlqUrl",
    "ScheduleDlqUrl",
    "ExportDlqUrl",
    "SyncDlqUrl",
    "VerificationDlqUrl",
];

/// The classes of one account in which somebody is.
fn standing(account: &demo::Account) -> Vec<(&'static str, u64)> {
    account.counts.iter().copied().filter(|(_, count)| *count > 0).collect()
}

#[tokio::test]
async fn the_main_job_runs_end_to_end_and_a_redelivered_message_sends_nothing_twice() {
    let stack = stack("main-job").await;
    let app = stack.clients().expect("the stack has an environment");
    let mut told = String::new();
    let summary = demo::run(&stack, &demo::sample_vendors(), Instant::now(), &mut |line| {
        told.push_str(line);
        told.push('\n');
    })
    .await
    .unwrap_or_else(|error| panic!("{error}\n{told}"));

    // The demo itself fails where the pause lets a message through, an unknown is not shown or is sent twice, or a vendor's STOP,
    // Udyam number or answer is not taken.
    assert!(summary.balanced, "{summary}\n{told}");
    let [email, whatsapp, reminder] = summary.accounts.as_slice() else {
        panic!("three campaigns: {summary}\n{told}");
    };
    // Every accepted row of the sample; eight bounces and two suppressed by SES; ten vendors without an e-mail address.
    let expected = [("targeted", 532), ("delivered", 512), ("bounced", 10), ("skipped", 10), ("responded", 50)];
    assert_eq!(standing(email), expected, "{told}");
    let expected = [("targeted", 20), ("delivered", 18), ("failed", 2), ("responded", 3)];
    assert_eq!((whatsapp.channel.as_str(), standing(whatsapp)), ("whatsapp", expected.to_vec()), "{told}");
    // Delivered, without the 50 who answered, the one who unsubscribed and the one who complained.
    assert_eq!(standing(reminder), [("targeted", 460), ("delivered", 460)], "{told}");
    for name in DLQS {
        assert_eq!(depth(&app, output(&stack, name)).await, 0, "{name} holds a message");
    }

    // The queues deliver at least once: the same messages again.
    let sent = || (stack.simulator().messages().len(), stack.whatsapp().messages().len());
    let before = sent();
    for chunk in 1..=11 {
        let message = json!({ "campaign_id": email.campaign, "channel": "email", "chunk": chunk });
        send(&app, output(&stack, "EmailQueueUrl"), &message).await;
    }
    let message = json!({ "campaign_id": whatsapp.campaign, "channel": "whatsapp", "chunk": 1 });
    send(&app, output(&stack, "WhatsappQueueUrl"), &message).await;
    send(&app, output(&stack, "PlanQueueUrl"), &json!({ "campaign_id": email.campaign })).await;
    for name in ["EmailQueueUrl", "WhatsappQueueUrl", "PlanQueueUrl"] {
        until("the redelivered messages are dealt with", 60, async || {
            depth(&app, output(&stack, name)).await == 0
        })
        .await;
    }
    assert_eq!(sent(), before, "a redelivered message was sent again");

    // What the template serves besides the API.
    let client = tests::http().build().expect("a client");
    for (path, expected) in [
        ("/health", "\"status\":\"ok\""),
        ("/health/", "\"status\":\"ok\""),
        ("/openapi.json", "openapi"),
        ("/docs/", "swagger-ui"),
    ] {
        let response = client.get(format!("{}{path}", stack.api_url())).send().await.expect("the API answers");
        assert_eq!(response.status(), 200, "{path}");
        assert_eq!(response.headers()["x-content-type-options"], "nosniff", "{path}");
        let body = response.text().await.expect("a body");
        assert!(body.contains(expected), "{path}: {body}");
    }
    stack.stop().await;
}

#[tokio::test]
async fn a_poison_record_goes_to_the_dead_letter_queue_and_the_rest_of_its_batch_is_handled() {
    use aws_sdk_sqs::types::QueueAttributeName::VisibilityTimeout;

    let stack = stack("poison").await;
    let app = stack.clients().expect("the stack has an environment");
    let (queue, dlq) = (
        output(&stack, "DeliveryEventsQueueUrl").to_owned(),
        output(&stack, "DeliveryEventsDlqUrl").to_owned(),
    );
    // Five receives at the template's three minutes would take a quarter of an hour.
    app.sqs()
        .set_queue_attributes()
        .queue_url(&queue)
        .attributes(VisibilityTimeout, "1")
        .send()
        .await
        .expect("the queue takes the attribute");

    let good = include_str!("../../events/workers-delivery-events.json");
    let good: serde_json::Value = serde_json::from_str(good).expect("the sample event is JSON");
    let good: serde_json::Value = serde_json::from_str(good["Records"][0]["body"].as_str().expect("a body")).expect("the body is JSON");
    send(&app, &queue, &good).await;
    send(&app, &queue, &json!({ "Type": "Notification", "Message": "{\"eventType\":\"Bounce\"}" })).await;
    send(&app, &queue, &good).await;

    until("the poison record is in the dead-letter queue, and only it", 120, async || {
        depth(&app, &dlq).await == 1 && depth(&app, &queue).await == 0
    })
    .await;
    let dead = app.sqs().receive_message().queue_url(&dlq).send().await.expect("the queue answers");
    let body = dead
        .messages
        .unwrap_or_default()
        .first()
        .and_then(|message| message.body.clone())
        .unwrap_or_default();
    assert!(body.contains("eventType"), "the record arrives whole: {body}");

    // The alarm watches that queue's depth. SQS publishes it as a metric; the emulator does not, so the test does.
    let queue_name = dlq.rsplit('/').next().expect("a queue url ends in its name");
    let alarm = alarm_on(&stack, queue_name).await;
    assert_eq!(alarm["MetricName"], "ApproximateNumberOfMessagesVisible");
    assert_ne!(alarm["StateValue"], "ALARM", "before the depth is known");
    let datum = json!({ "MetricName": alarm["MetricName"], "Dimensions": alarm["Dimensions"], "Value": 1.0 });
    cloudwatch(&stack, "PutMetricData", json!({ "Namespace": alarm["Namespace"], "MetricData": [datum] })).await;
    until("the alarm goes off", 30, async || {
        alarm_on(&stack, queue_name).await["StateValue"] == "ALARM"
    })
    .await;
    stack.stop().await;
}
