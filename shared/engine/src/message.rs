//! What one recipient of a campaign gets, through either channel.

use std::sync::Arc;

use domain::delivery::{Channel, Recipient};
use domain::links::{Link, Purpose};
use domain::{CampaignId, FieldError};
use jiff::{SignedDuration, Timestamp};
use messaging::whatsapp::{OutgoingWhatsapp, WhatsappTemplate};
use messaging::{CampaignContext, EmailTemplate, OutgoingEmail, Variables};
use runtime::{App, KeyUse, RecordError, Var};
use store::ChunkRef;
use store::campaigns::{self, MessageSnapshot};
use tokio::sync::Mutex;

// An opt-out link works longer than the form: people unsubscribe from old mail.
const UNSUBSCRIBE: SignedDuration = SignedDuration::from_hours(24 * 400);

/// A message ready to go.
#[derive(Debug, Clone)]
pub enum Message {
    /// An e-mail.
    Email(Box<OutgoingEmail>),
    /// A WhatsApp message.
    Whatsapp(Box<OutgoingWhatsapp>),
}

/// A campaign's message, compiled.
#[derive(Debug)]
pub struct Compiled {
    snapshot: MessageSnapshot,
    email: Option<EmailTemplate>,
    whatsapp: Option<WhatsappTemplate>,
}

impl Compiled {
    /// Compiles what a campaign sends.
    ///
    /// # Errors
    /// What is wrong with either template, by field.
    pub fn new(snapshot: MessageSnapshot) -> Result<Self, Vec<FieldError>> {
        let email = snapshot.email.as_ref().map(|email| EmailTemplate::compile(&email.content)).transpose()?;
        let whatsapp = snapshot
            .whatsapp
            .as_ref()
            .map(|whatsapp| WhatsappTemplate::compile(&whatsapp.content))
            .transpose()?;
        Ok(Self { snapshot, email, whatsapp })
    }

    /// The message as it was when the campaign was executed. Kept between invocations: it cannot change.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn of_campaign(app: &App, campaign: CampaignId) -> Result<Arc<Self>, RecordError> {
        static LAST: Mutex<Option<(CampaignId, Arc<Compiled>)>> = Mutex::const_new(None);
        let mut last = LAST.lock().await;
        if let Some((id, compiled)) = last.as_ref()
            && *id == campaign
        {
            return Ok(Arc::clone(compiled));
        }
        let snapshot = campaigns::message(app.store()?, campaign).await?;
        let compiled = Self::new(snapshot).map_err(|errors| format!("the campaign's message does not compile: {errors:?}"))?;
        let compiled = Arc::new(compiled);
        *last = Some((campaign, Arc::clone(&compiled)));
        Ok(compiled)
    }

    /// Renders the message of each recipient; where that cannot be done, the reason: `missing_variable:city`.
    ///
    /// # Errors
    /// When the settings or the signing keys cannot be read.
    pub async fn render(&self, app: &App, chunk: ChunkRef, recipients: &[Recipient]) -> Result<Vec<Result<Message, String>>, RecordError> {
        self.render_at(app, app.config().get(Var::PublicBaseUrl)?, chunk, recipients).await
    }

    /// [`Compiled::render`], with links to another address than the configured one.
    ///
    /// # Errors
    /// As [`Compiled::render`].
    pub async fn render_at(
        &self,
        app: &App,
        base: &str,
        chunk: ChunkRef,
        recipients: &[Recipient],
    ) -> Result<Vec<Result<Message, String>>, RecordError> {
        let writer = Writer::new(app, base).await?;
        Ok(recipients.iter().map(|recipient| writer.write(self, chunk, recipient)).collect())
    }
}

/// What all messages of a chunk share.
struct Writer<'a> {
    key: [u8; 32],
    base: &'a str,
    organisation_name: &'a str,
    now: Timestamp,
}

impl<'a> Writer<'a> {
    async fn new(app: &'a App, base: &'a str) -> Result<Self, RecordError> {
        let keys = app.signing_keys().await.map_err(|error| format!("signing keys: {error:?}"))?;
        Ok(Self {
            key: keys.active(KeyUse::Link),
            base,
            organisation_name: app.config().get(Var::OrganisationName)?,
            now: app.now(),
        })
    }

    fn link(&self, purpose: Purpose, path: &str, chunk: ChunkRef, recipient: &Recipient, expires_at: Timestamp) -> String {
        let link = Link {
            purpose,
            campaign: chunk.campaign,
            vendor: recipient.id,
            channel: chunk.channel,
            chunk: chunk.number,
            expires_at,
        };
        format!("{}/{path}/{}", self.base, link.sign(&self.key))
    }

    fn write(&self, compiled: &Compiled, chunk: ChunkRef, recipient: &Recipient) -> Result<Message, String> {
        let snapshot = &compiled.snapshot;
        let form_url = self.link(Purpose::Form, "f", chunk, recipient, snapshot.deadline);
        let unsubscribe_url = self.link(Purpose::Unsubscribe, "unsubscribe", chunk, recipient, self.now + UNSUBSCRIBE);
        let context = CampaignContext {
            organisation_name: self.organisation_name,
            campaign_name: &snapshot.campaign_name,
            deadline: snapshot.deadline,
            form_url: &form_url,
            unsubscribe_url: &unsubscribe_url,
        };
        let variables = Variables::for_recipient(recipient, &context);
        let to = recipient
            .address(chunk.channel)
            .ok_or_else(|| domain::delivery::no_address(chunk.channel).to_owned())?
            .to_owned();
        let no_template = || "no_template".to_owned();
        match chunk.channel {
            Channel::Email => {
                let template = compiled.email.as_ref().ok_or_else(no_template)?;
                let email = template.render(&variables).map_err(|error| error.reason())?;
                Ok(Message::Email(Box::new(OutgoingEmail {
                    recipient: recipient.id,
                    to,
                    email,
                    unsubscribe_url,
                    campaign: chunk.campaign,
                    chunk: chunk.number,
                })))
            }
            Channel::Whatsapp => {
                let template = compiled.whatsapp.as_ref().ok_or_else(no_template)?;
                let message = template.render(&variables).map_err(|error| error.reason())?;
                Ok(Message::Whatsapp(Box::new(OutgoingWhatsapp {
                    recipient: recipient.id,
                    to,
                    message,
                    campaign: chunk.campaign,
                    chunk: chunk.number,
                })))
            }
        }
    }
}
