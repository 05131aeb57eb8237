//! Meta's WhatsApp on the local stack: the simulator, its approved template, and the account's secret.

use serde_json::json;

use super::aws::Aws;
use super::error::{Context as _, Error};
use crate::meta_simulator::{MetaSimulator, MetaSimulatorOptions, Template, WebhookTarget};

/// The template that is approved from the start, in English.
pub const TEMPLATE: &str = "msme_declaration_request";

/// Starts the simulator with the template of an organisation that has gone through Meta's review.
pub(super) async fn start(options: MetaSimulatorOptions, port: u16, api_url: &str) -> Result<MetaSimulator, Error> {
    let mut templates = options.templates.clone();
    templates.push(approved(api_url));
    let options = MetaSimulatorOptions { port, templates, ..options };
    MetaSimulator::start(options)
        .await
        .context(|| "cannot start the WhatsApp simulator".to_owned())
}

fn approved(api_url: &str) -> Template {
    let body = "Dear {{1}}, {{2}} must know which of its suppliers are micro, small or medium enterprises. Please declare your \
                status by {{3}}: it takes two minutes. You may also answer here with your Udyam number.";
    Template::new(TEMPLATE, "en", body)
        .footer("Reply STOP to get no more of these")
        .url_button("Declare your status", format!("{api_url}/f/{{{{1}}}}"))
}

/// Does by hand what an operator does once: fills in the account's secret, and enters the webhook's address with Meta.
pub(super) async fn connect(simulator: &MetaSimulator, aws: &Aws, secret_id: &str, api_url: &str) -> Result<(), Error> {
    let options = simulator.options();
    let account = json!({
        "access_token": options.access_token,
        "app_secret": options.app_secret,
        "verify_token": options.verify_token,
        "phone_number_id": options.phone_number_id,
        "business_account_id": options.waba_id,
        "api_url": simulator.api_url(),
    });
    let input = json!({ "SecretId": secret_id, "SecretString": account.to_string() });
    aws.secrets_manager("PutSecretValue", &input).await?;
    simulator.set_webhook_target(WebhookTarget::Url(format!("{api_url}/api/v1/webhooks/whatsapp")));
    simulator
        .verify_callback()
        .await
        .map_err(|reason| Error::new(format!("Meta's verification of the WhatsApp webhook failed: {reason}")))
}
