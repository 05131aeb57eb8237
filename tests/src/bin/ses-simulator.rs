//! Runs the SES simulator by itself: point `AWS_ENDPOINT_URL_SESV2` at the URL it prints.

use std::io::Write;
use std::time::Duration;

use clap::Parser;
use tests::ses_simulator::{EventTopic, SesSimulator, SesSimulatorOptions};

/// A stand-in for Amazon SES v2 with an inbox page.
#[derive(Debug, Parser)]
struct Arguments {
    /// Port on 127.0.0.1; 0 picks a free one.
    #[arg(long, default_value_t = 4579)]
    port: u16,
    /// SNS endpoint that events are published to.
    #[arg(long, default_value = "http://localhost:4566")]
    sns_endpoint: String,
    /// SNS topic of the configuration set; without it events wait until `PUT /_simulator/event-topic`.
    #[arg(long)]
    topic_arn: Option<String>,
    /// Access key for SNS; by default the topic's account.
    #[arg(long)]
    access_key: Option<String>,
    /// Recipients a second, as GetAccount reports them.
    #[arg(long, default_value_t = 14.0)]
    max_send_rate: f64,
    /// Milliseconds from acceptance to the Send event.
    #[arg(long, default_value_t = 50)]
    send_event_delay_ms: u64,
    /// Milliseconds from acceptance to the Delivery or Bounce event.
    #[arg(long, default_value_t = 200)]
    delivery_event_delay_ms: u64,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::io::Result<()> {
    let arguments = Arguments::parse();
    let event_topic = arguments.topic_arn.map(|arn| EventTopic {
        endpoint: arguments.sns_endpoint,
        arn,
        access_key: arguments.access_key,
    });
    let simulator = SesSimulator::start(SesSimulatorOptions {
        port: arguments.port,
        event_topic,
        max_send_rate: arguments.max_send_rate,
        send_event_delay: Duration::from_millis(arguments.send_event_delay_ms),
        delivery_event_delay: Duration::from_millis(arguments.delivery_event_delay_ms),
        ..SesSimulatorOptions::default()
    })
    .await?;
    writeln!(std::io::stdout(), "SES simulator and inbox: {}", simulator.url())?;
    tokio::signal::ctrl_c().await?;
    simulator.shutdown().await;
    Ok(())
}
