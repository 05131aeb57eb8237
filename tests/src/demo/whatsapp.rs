//! The WhatsApp campaign: those e-mail did not reach, some of whom WhatsApp does not reach either; and what vendors write back.

use std::time::{Duration, Instant};

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::api::Api;
use super::email::answer;
use super::ledger::is_settled;
use super::{Demo, DemoError, PAUSE, Result, failed};
use crate::local::TEMPLATE;
use crate::meta_simulator::{Button, Fault, FaultKind, Message, Outcome};

/// Not on WhatsApp, or has not accepted its terms.
const UNDELIVERABLE: u32 = 131_026;
/// Vendors whose message cannot be delivered.
const LOST: usize = 2;
/// Vendors who open the button's link and answer the form.
const ANSWERS: usize = 3;

impl Demo<'_> {
    /// Asks by WhatsApp whom a campaign did not reach; nothing where it reached everyone, or nobody else has a mobile number.
    pub(super) async fn ask_by_whatsapp(&mut self, campaign: &str) -> Result<Option<Value>> {
        let vendors = self.unreached(campaign).await?;
        if vendors.len() < LOST + 3 + ANSWERS {
            self.say("Too few vendors with a mobile number are left over to show it.");
            return Ok(None);
        }
        let whatsapp = self.prepare_whatsapp(&vendors).await?;
        let phone = |place: usize| vendors[place].phone.as_str();
        let simulator = self.stack.whatsapp();
        let outcome = Outcome::Failed { code: UNDELIVERABLE };
        for place in 0..LOST {
            simulator.inject(Fault::always(FaultKind::EndAs { outcome }).to(phone(place)));
        }
        simulator.inject(Fault::once(FaultKind::DropAfter).to(phone(LOST)));
        self.preflight(&whatsapp).await?;
        let execute = format!("/api/v1/campaigns/{whatsapp}/execute");
        self.api.json(Method::POST, &execute, None, StatusCode::ACCEPTED).await?;
        self.watch_sending(&whatsapp).await?;
        let ledger = self.wait_for_ledger(&whatsapp, is_settled).await?;
        let counts = &ledger["channels"][0]["counts"];
        if !simulator.duplicates().is_empty() {
            return failed("a WhatsApp message was sent twice");
        }
        self.say(format!(
            "Meta's webhooks have told: {} delivered, {} of them read, {} not on WhatsApp. To one the connection broke after Meta had taken it: \
             unknown, until the webhook said so; nobody got it twice.",
            counts["delivered"], counts["read"], counts["failed"]
        ));

        let [stops, registered] = [phone(LOST + 1), phone(LOST + 2)];
        simulator.reply(stops, "STOP");
        simulator.reply(registered, "Namaste, our Udyam number is UDYAM-GJ-01-0012345");
        for (place, vendor) in vendors.iter().enumerate().skip(LOST + 3).take(ANSWERS) {
            let url = form_url(simulator.messages_to(&vendor.phone).last())?;
            let status = Api::answer(&url, &answer("micro", 500 + u64::try_from(place).unwrap_or(0))).await?;
            if status != StatusCode::OK {
                return failed(format!("an answer by WhatsApp's link was refused with {status}"));
            }
        }
        self.say(format!(
            "{ANSWERS} vendors tapped the button and answered the form; one wrote STOP; one wrote its Udyam number into the chat."
        ));
        let answers = u64::try_from(ANSWERS).unwrap_or(0);
        let ledger = self
            .wait_for_ledger(&whatsapp, |counts| {
                counts["responded"].as_u64() == Some(answers) && counts["unsubscribed"] == 1
            })
            .await?;
        self.show_suppression(stops).await?;
        self.show_proposal().await?;
        Ok(Some(ledger))
    }

    /// The vendors e-mail did not reach, by code, with their mobile numbers.
    async fn unreached(&self, campaign: &str) -> Result<Vec<Vendor>> {
        let mut vendors = Vec::new();
        for class in ["bounced", "skipped"] {
            let path = format!("/api/v1/campaigns/{campaign}/recipients?class={class}&limit=100");
            for recipient in self.api.all(&path).await?.into_iter().take(100) {
                let id = recipient["vendor_id"].as_str().unwrap_or_default();
                let vendor = self.api.get(&format!("/api/v1/vendors/{id}")).await?;
                if let (Some(code), Some(phone)) = (vendor["vendor_code"].as_str(), vendor["phone_numbers"][0].as_str()) {
                    vendors.push(Vendor {
                        code: code.to_owned(),
                        id: id.to_owned(),
                        phone: phone.to_owned(),
                    });
                }
            }
        }
        vendors.sort_by(|a, b| a.code.cmp(&b.code));
        Ok(vendors)
    }

    async fn prepare_whatsapp(&mut self, vendors: &[Vendor]) -> Result<String> {
        let body = json!({
            "name": "MSME status, WhatsApp",
            "template_name": TEMPLATE,
            "language": "en",
            "body": ["{{ contact_name }}", "{{ organisation_name }}", "{{ deadline }}"],
            "buttons": [{ "index": 0, "sub_type": "url", "parameter": "{{ form_token }}" }],
        });
        let template = self.api.create("/api/v1/templates/whatsapp", body).await?;
        let ids: Vec<&str> = vendors.iter().map(|vendor| vendor.id.as_str()).collect();
        let body = json!({
            "name": "MSME status 2026-27, by WhatsApp",
            "whatsapp_template_id": template,
            "audience": { "vendor_ids": ids },
            // The demo runs at any hour.
            "quiet_hours": { "from": "00:00", "to": "00:00" },
            "deadline": jiff::Timestamp::now() + jiff::SignedDuration::from_hours(24 * 30),
        });
        let campaign = self.api.create("/api/v1/campaigns", body).await?;
        self.say(format!(
            "Filled in the template Meta approved ({TEMPLATE}), and drafted a campaign for {} vendors whose mail bounced or who have no address.",
            vendors.len()
        ));
        Ok(campaign)
    }

    /// Shows that STOP keeps messages away from a number.
    async fn show_suppression(&mut self, phone: &str) -> Result<()> {
        let digits = phone.trim_start_matches('+');
        let path = format!("/api/v1/suppressions/check?channel=whatsapp&address={digits}");
        let checked = self.api.get(&path).await?;
        if checked["suppressed"] != true {
            return failed(format!("STOP did not suppress the number: {checked}"));
        }
        self.say(format!(
            "STOP was heard: the number is suppressed for WhatsApp ({}), whatever is imported later.",
            checked["suppression"]["reason"].as_str().unwrap_or_default()
        ));
        Ok(())
    }

    /// Shows what the Udyam number in the chat has become.
    async fn show_proposal(&mut self) -> Result<()> {
        let deadline = Instant::now() + Duration::from_secs(60);
        let proposal = loop {
            let page = self.api.get("/api/v1/responses/proposals?state=proposed").await?;
            if let Some(proposal) = page["items"].as_array().and_then(|items| items.first()) {
                break proposal.clone();
            }
            if Instant::now() > deadline {
                return failed("the Udyam number in the chat made no proposal");
            }
            tokio::time::sleep(PAUSE).await;
        };
        self.say(format!(
            "The Udyam number is a proposal for a person to review, and changes nobody's status: {} from {}, \"{}\", {}.",
            proposal["udyam_number"].as_str().unwrap_or_default(),
            proposal["company_name"].as_str().unwrap_or_default(),
            proposal["text"].as_str().unwrap_or_default(),
            proposal["state"].as_str().unwrap_or_default()
        ));
        Ok(())
    }
}

/// A vendor with a mobile number.
struct Vendor {
    code: String,
    id: String,
    phone: String,
}

/// The link behind a message's button.
fn form_url(message: Option<&Message>) -> Result<String> {
    let url = message.and_then(|message| {
        message.buttons.iter().find_map(|button| match button {
            Button::Url { url, .. } => Some(url.clone()),
            _ => None,
        })
    });
    url.ok_or_else(|| DemoError("a WhatsApp message holds no link to the form".to_owned()))
}
