//! The e-mail campaign: prepared, throttled, paused, resumed, with an answer that is lost, and vendors who react.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use reqwest::{Method, StatusCode};
use serde_json::json;

use super::api::{Api, browser};
use super::ledger::is_settled;
use super::{Demo, DemoError, PAUSE, Result, failed};
use crate::ses_simulator::{Fault, FaultKind, Message};

/// How the form is answered by the vendors that answer; the rest stay silent, as vendors do.
const ANSWERS: [(&str, usize); 5] = [
    ("micro", 24),
    ("small", 12),
    ("medium", 4),
    ("registered_trader", 3),
    ("not_registered", 7),
];

impl Demo<'_> {
    /// Writes a template, previews it, drafts a campaign with it, and has it checked before anything is sent.
    pub(super) async fn prepare_email_campaign(&mut self) -> Result<String> {
        let template = self.create_template().await?;
        let deadline = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(24 * 30);
        let body = json!({ "name": "MSME status 2026-27", "template_id": template, "deadline": deadline });
        let campaign = self.api.create("/api/v1/campaigns", body).await?;
        self.preflight(&campaign).await?;
        self.test_send(&campaign).await?;
        Ok(campaign)
    }

    async fn create_template(&mut self) -> Result<String> {
        let body = json!({
            "name": "MSME status 2026-27",
            "subject": "{{ company_name }}: please confirm your MSME status by {{ deadline }}",
            "html": "<p>Dear {{ contact_name }},</p>\n<p>{{ organisation_name }} must know which of its suppliers are micro, small or medium enterprises. \
                     Our records show you as vendor <strong>{{ vendor_code }}</strong>{% if gstin %} with GSTIN {{ gstin }}{% endif %}.</p>\n\
                     <p><a href=\"{{ form_url }}\">Declare your status</a>: it takes two minutes and stays open until {{ deadline }}.</p>\n\
                     <p>We never ask for bank details or Aadhaar. <a href=\"{{ unsubscribe_url }}\">Do not write to me again</a></p>\n",
            "text": "Dear {{ contact_name }},\n\n{{ organisation_name }} must know which of its suppliers are micro, small or medium enterprises.\n\
                     Our records show you as vendor {{ vendor_code }}.\n\nDeclare your status until {{ deadline }}:\n{{ form_url }}\n\n\
                     We never ask for bank details or Aadhaar.\nTo hear no more of this:\n{{ unsubscribe_url }}\n",
        });
        let id = self.api.create("/api/v1/templates/email", body).await?;
        let vendors = self.api.get("/api/v1/vendors?limit=1").await?;
        let path = format!("/api/v1/templates/{id}/preview");
        let preview = self
            .api
            .post(&path, json!({ "vendor_id": vendors["items"][0]["id"] }), StatusCode::OK)
            .await?;
        self.say(format!(
            "Created a template and previewed it with the first of {} vendors:",
            vendors["total"]
        ));
        self.say(format!("  Subject: {}", preview["subject"].as_str().unwrap_or_default()));
        for line in preview["text"].as_str().unwrap_or_default().lines().take(4) {
            self.say(format!("  {line}").trim_end());
        }
        Ok(id)
    }

    /// What would come of executing the campaign now.
    pub(super) async fn preflight(&mut self, campaign: &str) -> Result<()> {
        let path = format!("/api/v1/campaigns/{campaign}/preflight");
        let report = self.api.json(Method::POST, &path, None, StatusCode::OK).await?;
        let cost = &report["cost"];
        self.say(format!(
            "Preflight: {} of {} vendors can be reached, in about {} s, for at most ₹ {:.2} by the list prices of {}.",
            report["reachable"],
            report["audience"],
            report["estimated_seconds"],
            cost["paise"].as_f64().unwrap_or_default() / 100.0,
            cost["price_table_date"].as_str().unwrap_or_default()
        ));
        for (list, word) in [("blockers", "blocker"), ("warnings", "warning")] {
            for finding in report[list].as_array().into_iter().flatten() {
                let count = finding["count"].as_u64().filter(|count| *count > 0);
                self.say(format!(
                    "  {word} {}{}: {}",
                    finding["code"].as_str().unwrap_or_default(),
                    count.map_or_else(String::new, |count| format!(" ({count})")),
                    finding["message"].as_str().unwrap_or_default()
                ));
            }
        }
        if report["can_execute"] == true {
            Ok(())
        } else {
            failed(format!(
                "the preflight found what keeps the campaign from being executed: {}",
                report["blockers"]
            ))
        }
    }

    /// Sends what one vendor would get to the administrator.
    async fn test_send(&mut self, campaign: &str) -> Result<()> {
        let vendors = self.api.get("/api/v1/vendors?limit=1").await?;
        let body = json!({ "vendor_id": vendors["items"][0]["id"], "channel": "email" });
        let path = format!("/api/v1/campaigns/{campaign}/test-send");
        let sent = self.api.post(&path, body, StatusCode::OK).await?;
        if sent["outcome"] != "accepted" {
            return failed(format!("the test message was not taken: {sent}"));
        }
        let own = self.stack.simulator().messages_to(self.stack.admin_email());
        let subject = own.last().map(|message| message.subject.clone()).unwrap_or_default();
        self.say(format!("Test send to our own inbox: {subject}"));
        Ok(())
    }

    /// Executes the campaign while SES says "too fast" to everything.
    pub(super) async fn execute_throttled(&mut self, campaign: &str) -> Result<()> {
        self.stack.simulator().inject(Fault::always(FaultKind::Throttle));
        let execute = format!("/api/v1/campaigns/{campaign}/execute");
        // Twice, with one key: what a double click does.
        for _ in 0..2 {
            let request = self
                .api
                .request(Method::POST, &execute)
                .header("idempotency-key", format!("execute-{campaign}"));
            self.api.send(request, "execute", StatusCode::ACCEPTED).await?;
        }
        self.say(format!("Executed campaign {campaign} (and clicked twice: it is planned once)."));
        Ok(())
    }

    /// Pauses the campaign when all of it is enqueued, and lets it go on.
    pub(super) async fn pause_and_resume(&mut self, campaign: &str) -> Result<()> {
        let calls = |demo: &Self| demo.stack.simulator().requests().get("SendBulkEmail").copied().unwrap_or(0);
        let path = format!("/api/v1/campaigns/{campaign}");
        let deadline = Instant::now() + Duration::from_secs(120);
        let planned = loop {
            let status = self.api.get(&format!("{path}/status")).await?;
            if status["planned"] == true && calls(self) > 1 {
                break status;
            }
            if Instant::now() > deadline {
                return failed(format!("the campaign was not planned in time: {status}"));
            }
            tokio::time::sleep(PAUSE).await;
        };
        self.say(format!(
            "SES throttles every call for the moment (429), so {} chunks wait in the queue, and nothing is lost.",
            planned["chunks"]
        ));
        self.api.json(Method::POST, &format!("{path}/pause"), None, StatusCode::OK).await?;
        // A throttled chunk comes back within five seconds, meets the pause, and calls SES no more. One that had passed the check
        // before may still call it once.
        let (mut heard, mut since) = (calls(self), Instant::now());
        while since.elapsed() < Duration::from_secs(6) {
            if Instant::now() > deadline {
                return failed("the campaign is paused, and SES is called all the same");
            }
            tokio::time::sleep(PAUSE).await;
            if calls(self) != heard {
                (heard, since) = (calls(self), Instant::now());
            }
        }
        let status = self.api.get(&format!("{path}/status")).await?;
        let sent = self.sent_by(campaign).len();
        if status["state"] != "paused" || sent > 0 {
            return failed(format!("the pause let {sent} messages through: {status}"));
        }
        self.say("Paused with everything enqueued: each chunk meets the pause, and SES has not been called for six seconds.");

        // From here on nobody hears of SES, and one of its answers is lost.
        self.stack.hold_ses_events();
        self.stack.simulator().clear_faults();
        self.stack.simulator().inject(Fault::once(FaultKind::ServerErrorAfter { status: 500 }));
        self.api
            .post(&format!("{path}/resume"), json!({ "scope": "pending" }), StatusCode::ACCEPTED)
            .await?;
        self.say("SES takes mail again; resumed:");
        Ok(())
    }

    /// The messages of a campaign.
    fn sent_by(&self, campaign: &str) -> Vec<Message> {
        let is_of_campaign = |message: &Message| message.tags.iter().any(|tag| tag.name == "campaign" && tag.value == campaign);
        let mut messages = self.stack.simulator().messages();
        // A test message carries the campaign's tag too, but goes to ourselves.
        messages.retain(|message| is_of_campaign(message) && !message.to.iter().any(|to| to.contains(self.stack.admin_email())));
        messages
    }

    /// Shows the recipients whose answer was lost.
    pub(super) async fn show_unknown(&mut self, campaign: &str) -> Result<()> {
        let ledger = self.api.get(&format!("/api/v1/campaigns/{campaign}/ledger")).await?;
        let counts = &ledger["channels"][0]["counts"];
        if counts["unknown"] == 0 {
            return failed(format!("an answer of SES was lost, and nobody is unknown: {counts}"));
        }
        self.say(format!(
            "SES took one call and answered it with a 500: {} accepted, {} unknown, {} skipped. Whether those went out nobody can say, so they are not sent again:",
            counts["accepted"], counts["unknown"], counts["skipped"]
        ));
        self.show_class(campaign, "unknown", 2).await
    }

    /// Lets the mailboxes speak, which also tells what became of the unknown.
    pub(super) async fn resolve_unknown(&mut self, campaign: &str) -> Result<()> {
        self.stack.release_ses_events();
        let ledger = self.wait_for_ledger(campaign, is_settled).await?;
        let messages = self.sent_by(campaign);
        let recipients: HashSet<_> = messages
            .iter()
            .flat_map(|message| message.tags.iter().filter(|tag| tag.name == "recipient").map(|tag| tag.value.clone()))
            .collect();
        if recipients.len() != messages.len() {
            return failed(format!("{} messages went to {} vendors", messages.len(), recipients.len()));
        }
        let counts = &ledger["channels"][0]["counts"];
        self.say(format!(
            "Then SES's own events arrive, and say it: {} unknown. {} delivered, {} bounced, {} complained; {} messages to as many vendors, none twice.",
            counts["unknown"],
            counts["delivered"],
            counts["bounced"],
            counts["complained"],
            messages.len()
        ));
        Ok(())
    }

    /// Some vendors open their personal link and answer, one of them twice; one opts out.
    pub(super) async fn vendors_react(&mut self, campaign: &str) -> Result<(u64, u64)> {
        let mut seen = HashSet::new();
        let mut reached = self.sent_by(campaign);
        // A bounced message has no reader, and a vendor that shares an address answers once here.
        reached.retain(|message| {
            let to = message.to.first();
            to.is_some_and(|to| !to.contains("@simulator.") && seen.insert(to.clone()))
        });
        reached.sort_by(|a, b| a.to.cmp(&b.to));
        let mut readers = reached.iter();

        let mut answered = 0_u64;
        'answers: for (status, count) in ANSWERS {
            for _ in 0..count {
                let Some(message) = readers.next() else { break 'answers };
                let url = link(message.text.as_deref().unwrap_or_default(), "/f/")?;
                let form = answer(status, answered);
                let reply = Api::answer(&url, &form).await?;
                if reply != StatusCode::OK {
                    return failed(format!("an answer was refused with {reply}"));
                }
                if answered == 0 {
                    let again = Api::answer(&url, &form).await?;
                    if again != StatusCode::CONFLICT {
                        return failed(format!("a second answer got {again}, expected 409"));
                    }
                }
                answered += 1;
            }
        }
        self.say(format!(
            "{answered} vendors opened their link and answered (one tried twice and was told so)."
        ));

        let mut unsubscribed = 0;
        if let Some(message) = readers.next() {
            let header = message.header("List-Unsubscribe").unwrap_or_default().trim_matches(['<', '>']).to_owned();
            let reply = browser()?.post(&header).form(&[("List-Unsubscribe", "One-Click")]).send().await?;
            if reply.status() != StatusCode::OK {
                return failed(format!("one-click unsubscribe answered {}", reply.status()));
            }
            unsubscribed = 1;
            self.say("One vendor used its mail program's unsubscribe button (RFC 8058).");
        }
        Ok((answered, unsubscribed))
    }
}

fn link(text: &str, path: &str) -> Result<String> {
    let found = text.split_whitespace().find(|word| word.starts_with("http") && word.contains(path));
    found
        .map(str::to_owned)
        .ok_or_else(|| DemoError("a message holds no personal link".to_owned()))
}

/// A filled-in form.
pub(super) fn answer(status: &str, number: u64) -> Vec<(&'static str, String)> {
    let registered = status != "not_registered";
    let mut form = vec![
        ("status", status.to_owned()),
        (
            "activity",
            ["manufacturing", "services", "trading"][usize::try_from(number % 3).unwrap_or(0)].to_owned(),
        ),
        ("signatory_name", "Demo Signatory".to_owned()),
        ("signatory_designation", "Proprietor".to_owned()),
        ("consent", "yes".to_owned()),
    ];
    if registered {
        form.push(("udyam_number", format!("UDYAM-MH-12-{:07}", 1_000 + number)));
        form.push(("registration_date", "2021-07-15".to_owned()));
        form.push(("classification_year", "2025-26".to_owned()));
    }
    form
}
