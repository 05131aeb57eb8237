//! What speaks against a campaign apart from its audience: its state, deadline, templates and the accounts it goes through.

use std::collections::BTreeMap;

use domain::campaign::{Campaign, CampaignState};
use domain::delivery::Channel;
use domain::preflight::{Account, Finding, Severity, of_accounts};
use domain::template::{EmailContent, TemplateContent, WhatsappContent};
use domain::{FieldError, TemplateId};
use engine::quota;
use messaging::{EmailTemplate, WhatsappTemplate};
use runtime::{ApiError, App, Var};
use store::campaigns::{MessageSnapshot, TemplateSnapshot};

use crate::templates::snapshot_of;

/// The settings a function that checks campaigns needs.
pub(crate) const NEEDS: [Var; 3] = [Var::EmailProviders, Var::SesMaxSendRate, Var::WhatsappSecretArn];

/// A campaign looked over.
#[derive(Debug, Default)]
pub(crate) struct Checks {
    pub(crate) findings: Vec<Finding>,
    pub(crate) email: Option<Ready<EmailContent, EmailTemplate>>,
    pub(crate) whatsapp: Option<Ready<WhatsappContent, WhatsappTemplate>>,
    /// The accounts of each channel, first choice first.
    pub(crate) accounts: BTreeMap<Channel, Vec<Account>>,
    /// What Meta counts the WhatsApp template among.
    pub(crate) category: Option<String>,
}

/// A template that can be sent.
#[derive(Debug)]
pub(crate) struct Ready<C, T> {
    pub(crate) snapshot: TemplateSnapshot<C>,
    pub(crate) compiled: T,
}

impl Checks {
    /// Looks a campaign over. What is wrong with it is a finding, not an error.
    pub(crate) async fn of(app: &App, campaign: &Campaign) -> Result<Self, ApiError> {
        let content = &campaign.content;
        let mut checks = Checks::default();
        if !matches!(campaign.state, CampaignState::Draft | CampaignState::Scheduled) {
            checks.findings.push(Finding::blocker(
                "wrong_state",
                format!("the campaign is {}: only a draft or a scheduled campaign can be executed", campaign.state),
            ));
        }
        if content.deadline <= app.now() {
            checks
                .findings
                .push(Finding::blocker("deadline_past", "the deadline has passed: move it before executing"));
        }
        checks.check_email(app, content.template_id).await?;
        checks.check_whatsapp(app, content.whatsapp_template_id).await?;
        Ok(checks)
    }

    /// What *execute* refuses the campaign for.
    pub(crate) fn blockers(&self) -> Vec<Finding> {
        let blockers = self.findings.iter().filter(|finding| finding.severity == Severity::Blocker);
        blockers.cloned().collect()
    }

    /// The messages as they are now.
    pub(crate) fn into_message(self, campaign: &Campaign) -> MessageSnapshot {
        MessageSnapshot {
            email: self.email.map(|ready| ready.snapshot),
            whatsapp: self.whatsapp.map(|ready| ready.snapshot),
            campaign_name: campaign.content.name.clone(),
            deadline: campaign.content.deadline,
        }
    }

    async fn check_email(&mut self, app: &App, id: Option<TemplateId>) -> Result<(), ApiError> {
        let Some(id) = id else { return Ok(()) };
        let Some(snapshot) = self.template(app, id, Channel::Email, |content| content.as_email().cloned()).await? else {
            return Ok(());
        };
        match EmailTemplate::compile(&snapshot.content) {
            Err(errors) => self.add(Channel::Email, Finding::blocker("template_invalid", sentence(&errors))),
            Ok(compiled) => {
                if !compiled.has_unsubscribe_link() {
                    let message = "the template has no {{ unsubscribe_url }} in both parts: vendors can opt out by their mail program's button alone";
                    self.add(Channel::Email, Finding::warning("no_unsubscribe_link", message));
                }
                self.email = Some(Ready { snapshot, compiled });
            }
        }
        self.take_accounts(app, Channel::Email).await
    }

    async fn check_whatsapp(&mut self, app: &App, id: Option<TemplateId>) -> Result<(), ApiError> {
        let Some(id) = id else { return Ok(()) };
        let Some(snapshot) = self
            .template(app, id, Channel::Whatsapp, |content| content.as_whatsapp().cloned())
            .await?
        else {
            return Ok(());
        };
        match WhatsappTemplate::compile(&snapshot.content) {
            Err(errors) => self.add(Channel::Whatsapp, Finding::blocker("template_invalid", sentence(&errors))),
            Ok(compiled) => {
                if !compiled.has_form_link() {
                    let message = "the message holds no link to the form: write {{ form_token }} behind a button, or {{ form_url }} in the text";
                    self.add(Channel::Whatsapp, Finding::warning("no_form_link", message));
                }
                self.whatsapp = Some(Ready { snapshot, compiled });
            }
        }
        if !quota::is_whatsapp_configured(app).await.map_err(ApiError::Internal)? {
            let message = "WhatsApp is not set up: fill in access_token and phone_number_id in its secret";
            self.add(Channel::Whatsapp, Finding::blocker("whatsapp_not_configured", message));
            return Ok(());
        }
        self.ask_meta(app).await;
        self.take_accounts(app, Channel::Whatsapp).await
    }

    /// Asks Meta about the template; without an answer the campaign may go all the same.
    async fn ask_meta(&mut self, app: &App) {
        let Some(ready) = &self.whatsapp else { return };
        let content = ready.snapshot.content.clone();
        let (name, language) = (&content.template_name, &content.language);
        let finding = match quota::approved_template(app, &content).await {
            Err(reason) => Finding::warning("template_unchecked", format!("Meta was not asked whether {name} is approved: {reason}")),
            Ok(None) => Finding::blocker(
                "template_not_approved",
                format!("Meta knows no template {name} in the language {language}: correct the name, or submit it for approval"),
            ),
            Ok(Some(approved)) => {
                self.category.clone_from(&approved.category);
                let mismatches = approved.mismatches(&content);
                if !approved.is_approved() {
                    let message = format!(
                        "Meta shows {name} ({language}) as {}: only an approved template can be sent",
                        approved.status
                    );
                    Finding::blocker("template_not_approved", message)
                } else if !mismatches.is_empty() {
                    Finding::blocker("template_parameters_mismatch", sentence(&mismatches))
                } else {
                    return;
                }
            }
        };
        self.add(Channel::Whatsapp, finding);
    }

    async fn take_accounts(&mut self, app: &App, channel: Channel) -> Result<(), ApiError> {
        let accounts = quota::accounts(app, channel).await.map_err(ApiError::Internal)?;
        self.findings.extend(of_accounts(channel, &accounts));
        self.accounts.insert(channel, accounts);
        Ok(())
    }

    fn add(&mut self, channel: Channel, finding: Finding) {
        self.findings.push(finding.on(channel));
    }

    /// A template as it is now.
    async fn template<T>(
        &mut self,
        app: &App,
        id: TemplateId,
        channel: Channel,
        of_channel: impl Fn(&TemplateContent) -> Option<T>,
    ) -> Result<Option<TemplateSnapshot<T>>, ApiError> {
        let snapshot = snapshot_of(app.store()?, Some(id), of_channel).await?;
        if snapshot.is_none() {
            self.add(channel, Finding::blocker("template_missing", "the template was deleted: choose another"));
        }
        Ok(snapshot)
    }
}

fn sentence(errors: &[FieldError]) -> String {
    let errors: Vec<String> = errors.iter().map(|error| format!("{}: {}", error.field, error.message)).collect();
    errors.join("; ")
}
