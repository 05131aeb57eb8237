//! Runs the Meta simulator by itself: point `WHATSAPP_API_URL` at the URL it prints.

use std::io::Write;
use std::path::PathBuf;

use clap::Parser;
use tests::meta_simulator::{MetaSimulator, MetaSimulatorOptions, Template, WebhookTarget};

/// A stand-in for Meta's WhatsApp Cloud API with a page of conversations.
#[derive(Debug, Parser)]
struct Arguments {
    /// Port on 127.0.0.1; 0 picks a free one.
    #[arg(long, default_value_t = 4580)]
    port: u16,
    /// Callback URL of webhooks; without it they wait until `PUT /_simulator/webhook-target`.
    #[arg(long)]
    callback_url: Option<String>,
    /// JSON file with the templates of the account, in the shape of Meta's listing.
    #[arg(long)]
    templates: Option<PathBuf>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::io::Result<()> {
    let arguments = Arguments::parse();
    let templates: Vec<Template> = match arguments.templates {
        Some(path) => serde_json::from_slice(&std::fs::read(path)?)?,
        None => Vec::new(),
    };
    let simulator = MetaSimulator::start(MetaSimulatorOptions {
        port: arguments.port,
        webhook_target: arguments.callback_url.map(WebhookTarget::Url).unwrap_or_default(),
        templates,
        ..MetaSimulatorOptions::default()
    })
    .await?;
    let options = simulator.options();
    writeln!(
        std::io::stdout(),
        "WhatsApp simulator and conversations: {}\nAPI: {}\nPhone number id: {}\nAccess token: {}\nApp secret: {}\nVerify token: {}",
        simulator.url(),
        simulator.api_url(),
        options.phone_number_id,
        options.access_token,
        options.app_secret,
        options.verify_token,
    )?;
    tokio::signal::ctrl_c().await?;
    simulator.shutdown().await;
    Ok(())
}
