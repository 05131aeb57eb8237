//! The delivery path in one process: the workers' own code on DynamoDB in memory, the SES simulator, and queues that only the
//! harness's clock moves.
//!
//! [`Harness::drain`] does what Lambda's event source mappings do, with the template's batch sizes and windows, as a
//! simulation of discrete events: it looks for the batch that is due first, moves the clock there, and calls the worker. So
//! an hour of sending takes seconds, and a run with the same seed delivers in the same order.
//!
//! The clock belongs to the thread: a harness lives on a current-thread runtime, as `#[tokio::test]` makes one.

mod aws;

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_lambda_events::event::dynamodb::Event as StreamEvent;
use aws_lambda_events::event::sqs::SqsEvent;
use domain::campaign::{Audience, Campaign, CampaignContent, CampaignOrigin, CampaignState, OriginKind, Routing, UnknownPolicy};
use domain::declaration::{Activity, Declaration, Response};
use domain::delivery::{Channel, ChunkLog, Counts, RecipientStatus};
use domain::template::EmailContent;
use domain::template::WhatsappContent;
use domain::vendor::{MsmeStatus, RawVendor, VendorProfile};
use domain::vendor_record::Vendor;
use domain::work::{CampaignMessage, ChunkMessage, Task};
use domain::{CampaignId, ResponseId, TemplateId, UserId, VendorId};
use futures::future::join_all;
use jiff::{SignedDuration, Timestamp};
use runtime::{App, Config, EmailProviderSecrets, SigningKeys, StreamWorker, Var, WhatsappAccount, Worker};
use serde_json::{Value, json};
use store::campaigns::{MessageSnapshot, TemplateSnapshot};
use store::chunks::{self, ChunkSummary};
use store::vendors::{By, NewVendor};
use store::{ChunkRef, Store};

pub use aws::{Queue, QueueMessage};

use crate::aws_in_process::{TABLE, serve_dynamodb};
use crate::meta_simulator::{MetaSimulator, MetaSimulatorOptions};
use crate::ses_simulator::{EventTopic, SesSimulator, SesSimulatorOptions};
use aws::{Aws, StreamItem, TOPIC};

/// Why the harness could not go on.
pub type Error = Box<dyn std::error::Error + Send + Sync>;

/// 2 November 2026, 10:00 in India.
const START_MS: i64 = 1_793_593_800_000;

// The template's event source mappings; `tests/tests/delivery.rs` compares them with it.
/// Chunks sent at once.
pub const SENDERS: usize = 2;
/// Chunks of WhatsApp messages sent at once.
pub const WHATSAPP_SENDERS: usize = 2;
/// Events in a batch.
pub const EVENT_BATCH: usize = 500;
/// How long a batch of events gathers.
pub const EVENT_WINDOW: Duration = Duration::from_secs(10);
/// Stream records in a batch.
pub const STREAM_BATCH: usize = 1_000;
/// How long a batch of stream records gathers.
pub const STREAM_WINDOW: Duration = Duration::from_secs(30);
/// How often a message is received before it is a dead letter.
pub const MAX_RECEIVES: u32 = 5;

const VISIBILITY_MS: i64 = 360_000;
// The simulator publishes within milliseconds; half a minute is for a machine that is busy with something else.
const PATIENCE: Duration = Duration::from_secs(30);

thread_local! {
    static NOW_MS: Cell<i64> = const { Cell::new(START_MS) };
}

fn now_ms() -> i64 {
    NOW_MS.with(Cell::get)
}

/// The harness's time, for an [`App`].
pub fn clock() -> Timestamp {
    Timestamp::from_millisecond(now_ms()).unwrap_or(Timestamp::MAX)
}

/// When SES's events reach the queue after the message was accepted: least and most, in milliseconds.
#[derive(Debug, Clone, Copy)]
pub struct Timing {
    /// `Send`.
    pub send_event_ms: (i64, i64),
    /// `Delivery` and `Bounce`.
    pub delivery_event_ms: (i64, i64),
    /// `Complaint`.
    pub complaint_event_ms: (i64, i64),
}

/// How a harness starts.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Chooses delays and, if shuffled, the order of events.
    pub seed: u64,
    /// Whether queues hand out messages in any order instead of oldest first.
    pub shuffled: bool,
    /// `SES_MAX_SEND_RATE`.
    pub ses_max_send_rate: u32,
    /// `EMAIL_PROVIDERS`.
    pub email_providers: &'static str,
    /// Lets one chunk go whenever this rate permits, as pacing does in production; without it, [`SENDERS`] at once.
    pub messages_per_second: Option<u32>,
    /// The same for chunks of WhatsApp messages, of which there are [`WHATSAPP_SENDERS`] at once otherwise.
    pub whatsapp_per_second: Option<u32>,
    /// When events arrive.
    pub timing: Timing,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            seed: 1,
            shuffled: false,
            // No test waits for its turn.
            ses_max_send_rate: 1_000_000,
            email_providers: "ses",
            messages_per_second: None,
            whatsapp_per_second: None,
            timing: Timing {
                send_event_ms: (500, 1_500),
                delivery_event_ms: (1_500, 6_000),
                complaint_event_ms: (60_000, 120_000),
            },
        }
    }
}

/// What one turn of [`Harness::drain`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Turn {
    /// A plan message.
    Plan,
    /// Chunk messages.
    Send,
    /// Chunk messages of WhatsApp.
    SendWhatsapp,
    /// A batch of delivery events.
    Events,
    /// A batch of what WhatsApp's webhook told.
    WhatsappEvents,
    /// A batch of stream records.
    Stream,
}

/// The delivery path.
pub struct Harness {
    app: App,
    keys: SigningKeys,
    aws: Arc<Aws>,
    endpoint: String,
    /// SES.
    pub simulator: SesSimulator,
    /// WhatsApp.
    pub meta: MetaSimulator,
    accounts: (WhatsappAccount, EmailProviderSecrets),
    stream: Vec<StreamItem>,
    dead_letters: Vec<(Queue, QueueMessage)>,
    next_send_ms: i64,
    next_whatsapp_ms: i64,
    invocations: BTreeMap<Turn, u64>,
    options: Options,
}

impl std::fmt::Debug for Harness {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Harness")
            .field("endpoint", &self.endpoint)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

impl Harness {
    /// Starts everything, on an empty table.
    ///
    /// # Errors
    /// When a port or the database cannot be had, or the template cannot be read.
    pub async fn start(options: Options) -> Result<Self, Error> {
        NOW_MS.with(|now| now.set(START_MS));
        let dynamodb = serve_dynamodb().await?;
        let simulator = SesSimulator::start(SesSimulatorOptions {
            // The harness delays events by its own clock.
            send_event_delay: Duration::ZERO,
            delivery_event_delay: Duration::ZERO,
            // What the account grants is what senders go by once it was asked.
            max_send_rate: f64::from(options.ses_max_send_rate),
            ..SesSimulatorOptions::default()
        })
        .await?;
        let (aws, endpoint) = Aws::serve(dynamodb, simulator.url(), options.timing, options.seed).await?;
        simulator.set_event_topic(EventTopic::new(endpoint.clone(), TOPIC));
        let meta = MetaSimulator::start(MetaSimulatorOptions::default()).await?;
        let accounts = (whatsapp_account(&meta)?, EmailProviderSecrets::default());
        let keys = SigningKeys::parse(&json!({"active": "k1", "k1": "signing-master-of-the-harness-".repeat(3)}).to_string())?;
        let app = app(&endpoint, &options, &keys, &accounts)?;
        Ok(Self {
            app,
            keys,
            aws,
            endpoint,
            simulator,
            meta,
            accounts,
            stream: Vec::new(),
            dead_letters: Vec::new(),
            next_send_ms: 0,
            next_whatsapp_ms: 0,
            invocations: BTreeMap::new(),
            options,
        })
    }

    /// The app every worker runs with.
    pub const fn app(&self) -> &App {
        &self.app
    }

    /// Another app on the same services, as another execution environment has one.
    ///
    /// # Errors
    /// None that starting did not have.
    pub fn another_app(&self) -> Result<App, Error> {
        app(&self.endpoint, &self.options, &self.keys, &self.accounts)
    }

    /// From now on the workers reach these e-mail providers beside SES; as in the secret's JSON.
    ///
    /// # Errors
    /// When the JSON is not of the documented form.
    pub fn set_email_providers(&mut self, secret: &Value) -> Result<(), Error> {
        self.accounts.1 = EmailProviderSecrets::parse(&secret.to_string())?;
        self.app = self.another_app()?;
        Ok(())
    }

    /// The table.
    ///
    /// # Errors
    /// None: the app declares it.
    pub fn store(&self) -> Result<&Store, Error> {
        Ok(self.app.store()?)
    }

    /// Lets time pass.
    pub fn advance(&self, by: SignedDuration) {
        NOW_MS.with(|now| now.set(now.get() + i64::try_from(by.as_millis()).unwrap_or(0)));
    }

    /// AWS calls since the start or the last [`reset_calls`](Self::reset_calls), by operation, retries included.
    pub fn calls(&self) -> BTreeMap<String, u64> {
        self.aws.calls()
    }

    /// Units of capacity DynamoDB charged for those calls, by operation; for refused writes it names none.
    pub fn units(&self) -> BTreeMap<String, f64> {
        self.aws.units()
    }

    /// Invocations of workers in [`drain`](Self::drain) since the start; where senders run side by side, of both together.
    pub const fn invocations(&self) -> &BTreeMap<Turn, u64> {
        &self.invocations
    }

    /// Forgets the calls so far.
    pub fn reset_calls(&self) {
        self.aws.reset_calls();
    }

    /// Waits until an operation has been called so often in all.
    pub async fn called(&self, operation: &str, times: u64) {
        self.aws.called(operation, times).await;
    }

    /// Waits until so many calls have been made in all.
    pub async fn called_in_all(&self, times: u64) {
        self.aws.called_in_all(times).await;
    }

    /// Loses the answer of the next call of an operation, which is carried out all the same.
    pub fn lose_next_answer(&self, operation: &str) {
        self.aws.cut(operation);
    }

    /// The messages in a queue.
    pub fn messages(&self, queue: Queue) -> Vec<QueueMessage> {
        self.aws.messages(queue)
    }

    /// Takes all messages out of a queue, visible or not.
    pub fn take_messages(&self, queue: Queue) -> Vec<QueueMessage> {
        self.aws.take_all(queue)
    }

    /// Puts a message into a queue; its body is given as it is.
    pub fn send_message(&self, queue: Queue, body: impl Into<String>) {
        self.aws.push(queue, body.into(), None, now_ms());
    }

    /// Enqueues a campaign's plan, as *execute* does.
    pub fn send_plan(&self, campaign: CampaignId) {
        self.send_message(Queue::Plan, json!(CampaignMessage::new(campaign, Task::Plan)).to_string());
    }

    /// Enqueues work on a campaign.
    pub fn send_task(&self, campaign: CampaignId, task: Task) {
        self.send_message(Queue::Plan, json!(CampaignMessage::new(campaign, task)).to_string());
    }

    /// Enqueues a chunk of e-mail.
    pub fn send_chunk(&self, campaign: CampaignId, chunk: u32) {
        let message = ChunkMessage {
            campaign_id: campaign,
            channel: Channel::Email,
            chunk,
        };
        self.send_message(Queue::Email, json!(message).to_string());
    }

    /// Fires the stack's five-minute tick.
    ///
    /// # Errors
    /// When the worker fails.
    pub async fn tick(&self) -> Result<(), Error> {
        let message = QueueMessage {
            id: "tick".to_owned(),
            body: json!({"kind": "tick"}).to_string(),
            correlation_id: None,
            receive_count: 1,
            ready_ms: now_ms(),
        };
        let failed = invoke(&self.app, &workers::scheduled_campaign::WORKER, vec![message]).await;
        if failed.is_empty() { Ok(()) } else { Err("the tick failed".into()) }
    }

    /// Lets time pass with a tick every five minutes, and everything happen that is due.
    ///
    /// # Errors
    /// When a service of the harness fails.
    pub async fn run_ticking(&mut self, time: SignedDuration) -> Result<(), Error> {
        let end = now_ms() + i64::try_from(time.as_millis())?;
        while now_ms() < end {
            let left = SignedDuration::from_millis(end - now_ms());
            self.run_for(left.min(SignedDuration::from_mins(5))).await?;
            self.tick().await?;
        }
        self.run_for(SignedDuration::from_mins(1)).await
    }

    /// Messages that failed [`MAX_RECEIVES`] times.
    pub fn dead_letters(&self) -> &[(Queue, QueueMessage)] {
        &self.dead_letters
    }

    /// Stores vendors `V-00001` to `V-<n>`, each with an address of its own that is delivered to.
    ///
    /// # Errors
    /// When the table refuses.
    pub async fn seed_vendors(&self, count: usize) -> Result<Vec<Vendor>, Error> {
        let vendors = (1..=count)
            .map(|n| self.vendor(&format!("V-{n:05}"), Some(&format!("vendor{n}@example.in"))))
            .collect::<Result<Vec<_>, _>>()?;
        self.store_vendors(vendors).await
    }

    /// Stores a vendor for each address, `V-00001` first.
    ///
    /// # Errors
    /// When the table refuses, or an address is none.
    pub async fn seed_addresses(&self, addresses: &[Option<&str>]) -> Result<Vec<Vendor>, Error> {
        let vendors = addresses
            .iter()
            .enumerate()
            .map(|(n, address)| self.vendor(&format!("V-{:05}", n + 1), *address))
            .collect::<Result<Vec<_>, _>>()?;
        self.store_vendors(vendors).await
    }

    /// Stores vendors.
    ///
    /// # Errors
    /// When the table refuses.
    pub async fn store_vendors(&self, vendors: Vec<Vendor>) -> Result<Vec<Vendor>, Error> {
        for batch in vendors.chunks(1_000) {
            let batch: Vec<NewVendor> = batch.iter().cloned().map(NewVendor::from).collect();
            store::vendors::create_batch(self.store()?, &batch, self.by()).await?;
        }
        Ok(vendors)
    }

    /// Who changes vendors where nobody in particular does.
    pub fn by(&self) -> By<'static> {
        By {
            who: "test",
            at: self.app.now(),
            entry: self.app.new_ulid(),
        }
    }

    /// A vendor that is not stored yet, without a telephone.
    ///
    /// # Errors
    /// When the code or the address is none.
    pub fn vendor(&self, code: &str, email: Option<&str>) -> Result<Vendor, Error> {
        self.vendor_with_phone(code, email, None)
    }

    /// A vendor that is not stored yet.
    ///
    /// # Errors
    /// When the code, the address or the number is none.
    pub fn vendor_with_phone(&self, code: &str, email: Option<&str>, phone: Option<&str>) -> Result<Vendor, Error> {
        let raw = RawVendor {
            vendor_code: Some(code.to_owned()),
            company_name: Some(format!("Company {code} & Sons Private Limited")),
            contact_person_name: Some("Asha Kulkarni".to_owned()),
            emails: email.map(str::to_owned).into_iter().collect(),
            phone_numbers: phone.map(str::to_owned).into_iter().collect(),
            city: Some("Pune".to_owned()),
            state: Some("Maharashtra".to_owned()),
            ..RawVendor::default()
        };
        let (profile, _) = VendorProfile::parse(raw).map_err(|errors| format!("{errors:?}"))?;
        let now = self.app.now();
        Ok(Vendor {
            id: VendorId::from_ulid(self.app.new_ulid()),
            profile,
            msme_status: MsmeStatus::Unknown,
            origin: None,
            deleted_at: None,
            created_at: now,
            updated_at: now,
            version: 1,
        })
    }

    /// A message with a few variables.
    pub fn content(&self) -> EmailContent {
        EmailContent {
            name: "Declaration".to_owned(),
            subject: "{{ company_name }}: please declare your MSME status".to_owned(),
            html: "<p>Dear {{ contact_name }},</p><p>please <a href=\"{{ form_url }}\">declare your MSME status</a> by {{ deadline }}.</p>\
                   <p><a href=\"{{ unsubscribe_url }}\">Unsubscribe</a></p>"
                .to_owned(),
            text: "Dear {{ contact_name }}, please declare your MSME status by {{ deadline }}: {{ form_url }}\nUnsubscribe: {{ unsubscribe_url }}\n"
                .to_owned(),
        }
    }

    /// What fills the WhatsApp template.
    pub fn whatsapp_content(&self) -> WhatsappContent {
        WhatsappContent {
            name: "Declaration".to_owned(),
            template_name: WHATSAPP_TEMPLATE.to_owned(),
            language: "en".to_owned(),
            header: None,
            body: ["{{ contact_name }}", "{{ organisation_name }}", "{{ deadline }}"]
                .map(str::to_owned)
                .to_vec(),
            buttons: vec![domain::template::Button {
                index: 0,
                sub_type: domain::template::ButtonKind::Url,
                parameter: "{{ form_token }}".to_owned(),
            }],
            body_text: None,
        }
    }

    /// Stores a draft that asks every vendor by e-mail.
    ///
    /// # Errors
    /// When the table refuses.
    pub async fn seed_campaign(&self) -> Result<Campaign, Error> {
        self.seed_campaign_with(|_| {}).await
    }

    /// Stores a draft whose content is changed first.
    ///
    /// # Errors
    /// When the table refuses.
    pub async fn seed_campaign_with(&self, change: impl FnOnce(&mut CampaignContent)) -> Result<Campaign, Error> {
        let now = self.app.now();
        let campaign = Campaign {
            id: CampaignId::from_ulid(self.app.new_ulid()),
            content: CampaignContent {
                name: "MSME declaration 2026-27".to_owned(),
                description: None,
                template_id: Some(TemplateId::from_ulid(self.app.new_ulid())),
                whatsapp_template_id: None,
                routing: Routing::Every,
                unknown_policy: UnknownPolicy::Leave,
                quiet_hours: domain::schedule::QuietHours::default(),
                audience: Audience::default(),
                deadline: now + SignedDuration::from_hours(24 * 30),
            },
            state: CampaignState::Draft,
            halt_reason: None,
            waived: Vec::new(),
            origin: None,
            chunks: 0,
            targeted: 0,
            created_by: UserId::from_ulid(self.app.new_ulid()),
            created_at: now,
            updated_at: now,
            executed_at: None,
            planned_at: None,
            sent_at: None,
            completed_at: None,
            version: 1,
        };
        let mut campaign = campaign;
        change(&mut campaign.content);
        store::campaigns::create(self.store()?, &campaign).await?;
        Ok(campaign)
    }

    /// Starts a campaign with this message and enqueues its plan.
    ///
    /// # Errors
    /// When the table refuses.
    pub async fn execute(&self, campaign: &Campaign, content: EmailContent) -> Result<(), Error> {
        let message = MessageSnapshot {
            email: campaign.content.template_id.map(|template_id| TemplateSnapshot {
                template_id,
                template_version: 1,
                content,
            }),
            whatsapp: campaign.content.whatsapp_template_id.map(|template_id| TemplateSnapshot {
                template_id,
                template_version: 1,
                content: self.whatsapp_content(),
            }),
            campaign_name: campaign.content.name.clone(),
            deadline: campaign.content.deadline,
        };
        store::campaigns::start(self.store()?, campaign, &message, self.app.now()).await?;
        self.send_plan(campaign.id);
        Ok(())
    }

    /// A campaign to every vendor, executed.
    ///
    /// # Errors
    /// When the table refuses.
    pub async fn executed_campaign(&self) -> Result<CampaignId, Error> {
        let campaign = self.seed_campaign().await?;
        self.execute(&campaign, self.content()).await?;
        Ok(campaign.id)
    }

    /// Stores and starts a reminder of a campaign, as a schedule does.
    ///
    /// # Errors
    /// When the table refuses.
    pub async fn reminder_of(&self, parent: CampaignId) -> Result<CampaignId, Error> {
        let parent = self.campaign(parent).await?;
        let now = self.app.now();
        let reminder = Campaign {
            id: CampaignId::from_ulid(self.app.new_ulid()),
            content: CampaignContent {
                audience: Audience {
                    not_answered: Some(parent.id),
                    ..Audience::default()
                },
                ..parent.content.clone()
            },
            state: CampaignState::Draft,
            origin: Some(CampaignOrigin {
                kind: OriginKind::Reminder,
                parent: parent.id,
                root: parent.root(),
                scheduled_for: now,
            }),
            chunks: 0,
            targeted: 0,
            created_at: now,
            updated_at: now,
            executed_at: None,
            planned_at: None,
            sent_at: None,
            version: 1,
            ..parent
        };
        store::campaigns::create(self.store()?, &reminder).await?;
        self.execute(&reminder, self.content()).await?;
        Ok(reminder.id)
    }

    /// A vendor's answer: not registered.
    pub fn answer(&self, campaign: CampaignId, vendor: VendorId) -> Response {
        let submitted_at = self.app.now();
        Response {
            id: ResponseId::from_ulid(self.app.new_ulid()),
            campaign_id: campaign,
            vendor_id: vendor,
            declaration: Declaration {
                status: MsmeStatus::NotRegistered,
                udyam: None,
                registration_date: None,
                classification_year: None,
                activity: Activity::Services,
                pan: None,
                gstins: Vec::new(),
                signatory_name: "Asha Kulkarni".to_owned(),
                signatory_designation: "Proprietor".to_owned(),
                consent_version: "1".to_owned(),
                fiscal_year: domain::declaration::fiscal_year(submitted_at),
            },
            submitted_at,
            source_hash: "0".repeat(64),
        }
    }

    /// The campaign as it is now.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub async fn campaign(&self, id: CampaignId) -> Result<Campaign, Error> {
        Ok(store::campaigns::get(self.store()?, id).await?)
    }

    /// The chunks' summaries.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub async fn summaries(&self, id: CampaignId) -> Result<Vec<ChunkSummary>, Error> {
        Ok(chunks::summaries(self.store()?, id).await?)
    }

    /// The ledger: the sum of what the aggregator last wrote.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub async fn ledger(&self, id: CampaignId) -> Result<Counts, Error> {
        let mut counts = Counts::default();
        for chunk in self.summaries(id).await? {
            counts.merge(&chunk.counts);
        }
        Ok(counts)
    }

    /// A chunk's log.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub async fn chunk(&self, campaign: CampaignId, number: u32) -> Result<ChunkLog, Error> {
        let chunk = ChunkRef {
            campaign,
            channel: Channel::Email,
            number,
        };
        Ok(chunks::log(self.store()?, chunk).await?.0)
    }

    /// Every recipient's status by vendor code (`V-00001/whatsapp` for that channel), folded afresh.
    ///
    /// # Errors
    /// When the table cannot be read, or a vendor is in two chunks.
    pub async fn statuses(&self, id: CampaignId) -> Result<BTreeMap<String, RecipientStatus>, Error> {
        let mut all = BTreeMap::new();
        for summary in self.summaries(id).await? {
            let (log, _) = chunks::log(self.store()?, summary.chunk(id)).await?;
            for (recipient, status) in log.recipients.iter().zip(log.statuses()) {
                let name = match summary.channel {
                    Channel::Email => recipient.code.clone(),
                    Channel::Whatsapp => format!("{}/whatsapp", recipient.code),
                };
                if all.insert(name, status).is_some() {
                    return Err(format!("{} is asked twice", recipient.code).into());
                }
            }
        }
        Ok(all)
    }

    /// Lets everything happen that is under way.
    ///
    /// # Errors
    /// When something never ends: messages still come after 24 hours.
    pub async fn drain(&mut self) -> Result<(), Error> {
        let end = now_ms() + 86_400_000;
        while self.turn(end, |_| true).await?.is_some() {}
        if Queue::ALL.into_iter().any(|queue| !self.aws.ready_times(queue).is_empty()) {
            return Err("there is still work after 24 hours".into());
        }
        Ok(())
    }

    /// Lets everything happen that is due within `time`, then moves the clock there.
    ///
    /// # Errors
    /// When a service of the harness fails.
    pub async fn run_for(&mut self, time: SignedDuration) -> Result<(), Error> {
        let end = now_ms() + i64::try_from(time.as_millis())?;
        while self.turn(end, |_| true).await?.is_some() {}
        NOW_MS.with(|now| now.set(end));
        Ok(())
    }

    /// Takes turns of these kinds until none of them is left to take.
    ///
    /// # Errors
    /// When a service of the harness fails.
    pub async fn drain_only(&mut self, turns: &[Turn]) -> Result<(), Error> {
        let end = now_ms() + 86_400_000;
        while self.turn(end, |turn| turns.contains(&turn)).await?.is_some() {}
        Ok(())
    }

    /// Takes the turn that is due first, if one of the wanted is due by `end_ms`, moving the clock there.
    async fn turn(&mut self, end_ms: i64, wanted: impl Fn(Turn) -> bool) -> Result<Option<Turn>, Error> {
        self.settle().await?;
        let now = now_ms();
        let mut due: Vec<(i64, Turn)> = Vec::with_capacity(4);
        let first = |queue| self.aws.ready_times(queue).first().copied();
        due.extend(first(Queue::Plan).map(|at| (at, Turn::Plan)));
        due.extend(first(Queue::Email).map(|at| (at.max(self.next_send_ms), Turn::Send)));
        due.extend(first(Queue::Whatsapp).map(|at| (at.max(self.next_whatsapp_ms), Turn::SendWhatsapp)));
        due.extend(gathered(&self.aws.ready_times(Queue::WhatsappEvents), EVENT_BATCH, EVENT_WINDOW).map(|at| (at, Turn::WhatsappEvents)));
        due.extend(gathered(&self.aws.ready_times(Queue::DeliveryEvents), EVENT_BATCH, EVENT_WINDOW).map(|at| (at, Turn::Events)));
        let records: Vec<i64> = self.stream.iter().map(|item| item.at_ms).collect();
        due.extend(gathered(&records, STREAM_BATCH, STREAM_WINDOW).map(|at| (at, Turn::Stream)));
        let next = due.into_iter().filter(|(_, turn)| wanted(*turn)).min_by_key(|(at, _)| *at);
        let Some((at, turn)) = next.filter(|(at, _)| *at <= end_ms) else {
            return Ok(None);
        };
        NOW_MS.with(|clock| clock.set(at.max(now)));
        *self.invocations.entry(turn).or_default() += 1;
        match turn {
            Turn::Plan => self.work(Queue::Plan, &workers::campaign_planner::WORKER, 1).await,
            Turn::Send => self.send().await,
            Turn::SendWhatsapp => self.send_whatsapp().await,
            Turn::WhatsappEvents => self.work(Queue::WhatsappEvents, &workers::whatsapp_events::WORKER, EVENT_BATCH).await,
            Turn::Events => self.work(Queue::DeliveryEvents, &workers::delivery_events::WORKER, EVENT_BATCH).await,
            Turn::Stream => self.follow(&workers::progress_aggregator::WORKER).await?,
        }
        Ok(Some(turn))
    }

    /// Chunks at once, one message to an invocation.
    async fn send(&mut self) {
        let at_once = match self.options.messages_per_second {
            Some(rate) => {
                self.next_send_ms = next_slot_ms(self.next_send_ms, Channel::Email, rate);
                1
            }
            None => SENDERS,
        };
        let messages = self.aws.take(Queue::Email, at_once, self.options.shuffled);
        let batches = messages
            .into_iter()
            .map(|message| invoke(&self.app, &workers::email_sender::WORKER, vec![message]));
        for failed in join_all(batches).await {
            self.fail(Queue::Email, failed);
        }
    }

    async fn send_whatsapp(&mut self) {
        let at_once = match self.options.whatsapp_per_second {
            Some(rate) => {
                self.next_whatsapp_ms = next_slot_ms(self.next_whatsapp_ms, Channel::Whatsapp, rate);
                1
            }
            None => WHATSAPP_SENDERS,
        };
        let messages = self.aws.take(Queue::Whatsapp, at_once, self.options.shuffled);
        let batches = messages
            .into_iter()
            .map(|message| invoke(&self.app, &workers::whatsapp_sender::WORKER, vec![message]));
        for failed in join_all(batches).await {
            self.fail(Queue::Whatsapp, failed);
        }
    }

    async fn work(&mut self, queue: Queue, worker: &Worker, batch: usize) {
        let messages = self.aws.take(queue, batch, self.options.shuffled);
        let failed = invoke(&self.app, worker, messages).await;
        self.fail(queue, failed);
    }

    fn fail(&mut self, queue: Queue, failed: Vec<QueueMessage>) {
        for message in failed {
            if message.receive_count >= MAX_RECEIVES {
                self.dead_letters.push((queue, message));
            } else {
                self.aws.put_back(
                    queue,
                    QueueMessage {
                        ready_ms: now_ms() + VISIBILITY_MS,
                        ..message
                    },
                );
            }
        }
    }

    async fn follow(&mut self, worker: &StreamWorker) -> Result<(), Error> {
        let batch: Vec<StreamItem> = self.stream.drain(..self.stream.len().min(STREAM_BATCH)).collect();
        let records: Vec<&Value> = batch.iter().map(|item| &item.record).collect();
        let event: StreamEvent = serde_json::from_value(json!({"Records": records}))?;
        let response = runtime::follow(&self.app, worker, event).await;
        if !response.batch_item_failures.is_empty() {
            // Lambda goes on from the first failure; going on from the start of the batch is at least that.
            let later = now_ms() + 1_000;
            self.stream
                .splice(0..0, batch.into_iter().map(|item| StreamItem { at_ms: later, ..item }));
        }
        Ok(())
    }

    /// Waits until the simulator has published what it accepted, and takes what the table's stream holds.
    async fn settle(&mut self) -> Result<(), Error> {
        let deadline = Instant::now() + PATIENCE;
        while self.simulator.events().waiting > 0 {
            if Instant::now() > deadline {
                return Err(format!("events were not published: {:?}", self.simulator.events()).into());
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        for webhook in self.meta.take_webhooks() {
            // Within seconds, as Meta's do.
            let at = now_ms() + self.aws.random(500, 4_000);
            self.aws.push(Queue::WhatsappEvents, dated(&webhook.body, at)?, None, at);
        }
        self.stream.extend(self.aws.take_stream());
        Ok(())
    }
}

/// Runs a queue worker on a batch, as Lambda does, and gives the messages that failed.
pub async fn invoke(app: &App, worker: &Worker, messages: Vec<QueueMessage>) -> Vec<QueueMessage> {
    let records: Vec<Value> = messages
        .iter()
        .map(|message| {
            let attributes = message.correlation_id.as_ref().map_or_else(
                || json!({}),
                |id| json!({"correlation_id": {"stringValue": id, "dataType": "String", "stringListValues": [], "binaryListValues": []}}),
            );
            json!({
                "messageId": message.id,
                "body": message.body,
                "attributes": {"ApproximateReceiveCount": message.receive_count.to_string()},
                "messageAttributes": attributes,
            })
        })
        .collect();
    let event: SqsEvent = match serde_json::from_value(json!({"Records": records})) {
        Ok(event) => event,
        Err(error) => unreachable!("Lambda's own format: {error}"),
    };
    let response = runtime::work(app, worker, event).await;
    let failed: Vec<String> = response.batch_item_failures.into_iter().map(|failure| failure.item_identifier).collect();
    messages.into_iter().filter(|message| failed.contains(&message.id)).collect()
}

/// When the chunk after the next may go.
fn next_slot_ms(next_ms: i64, channel: Channel, rate: u32) -> i64 {
    let every_ms = i64::try_from(channel.chunk_size()).unwrap_or(50) * 1_000 / i64::from(rate.max(1));
    // The sender that is next has reserved its slot just before and waits those milliseconds for real.
    next_ms.max(now_ms() - 10) + every_ms
}

/// When a batch is handed over: as soon as it is full, or when its first item has waited for the window.
fn gathered(ready_ms: &[i64], batch: usize, window: Duration) -> Option<i64> {
    let first = ready_ms.first()?;
    let full = ready_ms.get(batch - 1).copied().unwrap_or(i64::MAX);
    Some(full.min(first + i64::try_from(window.as_millis()).unwrap_or(i64::MAX)))
}

/// A webhook as if Meta had sent it at this time of the harness's clock.
fn dated(body: &[u8], at_ms: i64) -> Result<String, Error> {
    fn date(value: &mut Value, seconds: &str) {
        match value {
            Value::Object(fields) => {
                for (name, value) in fields {
                    if name == "timestamp" {
                        *value = seconds.into();
                    } else {
                        date(value, seconds);
                    }
                }
            }
            Value::Array(values) => values.iter_mut().for_each(|value| date(value, seconds)),
            _ => {}
        }
    }
    let mut webhook: Value = serde_json::from_slice(body)?;
    date(&mut webhook, &(at_ms / 1_000).to_string());
    Ok(webhook.to_string())
}

/// The approved template of every campaign.
const WHATSAPP_TEMPLATE: &str = "msme_declaration";

fn whatsapp_account(meta: &MetaSimulator) -> Result<WhatsappAccount, Error> {
    let options = meta.options();
    meta.put_template(
        crate::meta_simulator::Template::new(
            WHATSAPP_TEMPLATE,
            "en",
            "Dear {{1}}, {{2}} asks you to declare your MSME status by {{3}}.",
        )
        .url_button("Declare", "https://campaigns.buyer.example/f/{{1}}"),
    );
    let secret = json!({
        "access_token": options.access_token,
        "app_secret": options.app_secret,
        "verify_token": options.verify_token,
        "phone_number_id": options.phone_number_id,
        "business_account_id": options.waba_id,
        "api_url": meta.api_url(),
    });
    Ok(WhatsappAccount::parse(&secret.to_string())?)
}

fn app(endpoint: &str, options: &Options, keys: &SigningKeys, accounts: &(WhatsappAccount, EmailProviderSecrets)) -> Result<App, Error> {
    let rate = options.ses_max_send_rate.to_string();
    let config = Config::from_lookup(&Var::ALL, |name| {
        let value = match name {
            "STAGE" => "local",
            "TABLE_NAME" => TABLE,
            "PLAN_QUEUE_URL" => Queue::Plan.url(),
            "EMAIL_QUEUE_URL" => Queue::Email.url(),
            "WHATSAPP_QUEUE_URL" => Queue::Whatsapp.url(),
            "WHATSAPP_EVENTS_QUEUE_URL" => Queue::WhatsappEvents.url(),
            "EMAIL_PROVIDERS" => options.email_providers,
            "PUBLIC_BASE_URL" => "https://campaigns.buyer.example",
            "FROM_ADDRESS" => "Buyer Industries <msme@buyer.example>",
            "ORGANISATION_NAME" => "Buyer Industries Ltd",
            "SES_CONFIGURATION_SET" => "campaigns",
            "SES_MAX_SEND_RATE" => &rate,
            "AWS_REGION" => "ap-south-1",
            "AWS_ACCESS_KEY_ID" => "AKIAIOSFODNN7EXAMPLE",
            "AWS_SECRET_ACCESS_KEY" => "not-a-secret",
            "AWS_ENDPOINT_URL" => endpoint,
            "CORS_ORIGINS" | "AWS_ENDPOINT_URL_SESV2" | "AWS_SESSION_TOKEN" => return None,
            _ => "not used by any worker of the delivery path",
        };
        Some(value.to_owned())
    })?;
    let (whatsapp, email_providers) = accounts.clone();
    Ok(App::new(config)
        .with_clock(clock)
        .with_signing_keys(keys.clone())
        .with_accounts(whatsapp, email_providers))
}
