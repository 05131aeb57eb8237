//! The ports, on the real services.

use std::time::{Duration, Instant};

use delivery::{Audience, Clock, Error, Messages, Provider, Queue, Stretch, Table};
use domain::campaign::{Audience as Filter, Campaign, CampaignState};
use domain::delivery::{AttemptResult, Channel, ChunkLog, OutcomePack, Recipient};
use domain::suppression::{SuppressionReason, SuppressionSource};
use domain::work::{CampaignMessage, ChunkMessage};
use domain::{CampaignId, VendorId};
use jiff::{SignedDuration, Timestamp};
use messaging::EntryResult;
use messaging::whatsapp::{OutgoingWhatsapp, WhatsApp};
use runtime::{App, Metrics, Outgoing, Var};
use store::chunks::{self, ChunkState, ChunkSummary, Claim, Ending, Planned, PlannedChunk, SendCheck, SendQuestion};
use store::gcra::{Rate, Reservation};
use store::providers::ProviderState;
use store::suppressions::{self, Suppression};
use store::{ChunkRef, Store, StoreError, audience, campaigns};
use tokio::sync::OnceCell;
use ulid::Ulid;

use crate::message::{Compiled, Message};
use crate::providers;

/// The world of one invocation.
#[derive(Debug)]
pub struct Live<'a> {
    app: &'a App,
    store: &'a Store,
    correlation_id: &'a str,
    until: Instant,
    /// One client for all waves of a chunk: each would shake hands again.
    whatsapp: OnceCell<WhatsApp>,
    lookups: audience::Lookups,
}

impl<'a> Live<'a> {
    /// The world of an invocation that may begin new steps for as long as `budget`.
    ///
    /// # Errors
    /// When the function does not declare the table.
    pub fn new(app: &'a App, correlation_id: &'a str, budget: Duration) -> Result<Self, Error> {
        Ok(Self {
            app,
            store: app.store()?,
            correlation_id,
            until: Instant::now() + budget,
            whatsapp: OnceCell::new(),
            lookups: audience::Lookups::default(),
        })
    }

    async fn send_whatsapp(&self, messages: &[&OutgoingWhatsapp]) -> Result<Vec<EntryResult>, Error> {
        let client = self.whatsapp.get_or_try_init(|| providers::whatsapp(self.app)).await?;
        Ok(providers::send_whatsapp(client, messages).await)
    }

    const fn queue(channel: Channel) -> Var {
        match channel {
            Channel::Email => Var::EmailQueueUrl,
            Channel::Whatsapp => Var::WhatsappQueueUrl,
        }
    }
}

impl Clock for Live<'_> {
    fn now(&self) -> Timestamp {
        self.app.now()
    }

    fn new_token(&self) -> Ulid {
        self.app.new_ulid()
    }

    fn random_below(&self, bound: u32) -> u32 {
        rand::random_range(0..bound.max(1))
    }

    async fn sleep(&self, time: SignedDuration) {
        tokio::time::sleep(time.unsigned_abs()).await;
    }
}

impl Table for Live<'_> {
    async fn transition(&self, id: CampaignId, from: CampaignState, next: CampaignState, reason: Option<&str>) -> Result<Campaign, StoreError> {
        campaigns::transition(self.store, id, from, next, reason, self.app.now()).await
    }

    async fn resume_campaign(&self, seen: &Campaign, next: CampaignState) -> Result<Campaign, StoreError> {
        campaigns::resume(self.store, seen, next, self.app.now()).await
    }

    async fn finish_plan(&self, id: CampaignId, chunks: u32, targeted: u32) -> Result<(), StoreError> {
        campaigns::finish_plan(self.store, id, chunks, targeted, self.app.now()).await
    }

    async fn plan_chunks(&self, planned: &[PlannedChunk]) -> Result<Planned, StoreError> {
        chunks::plan(self.store, planned, self.app.now()).await
    }

    async fn last_planned(&self, id: CampaignId, channel: Channel) -> Result<Vec<ChunkSummary>, StoreError> {
        chunks::last_planned(self.store, id, channel).await
    }

    async fn summaries(&self, id: CampaignId) -> Result<Vec<ChunkSummary>, StoreError> {
        chunks::summaries(self.store, id).await
    }

    async fn progress(&self, id: CampaignId) -> Result<(Campaign, Vec<ChunkSummary>), StoreError> {
        chunks::progress(self.store, id).await
    }

    async fn claim(&self, chunk: ChunkRef, token: Ulid, until: Timestamp) -> Result<Claim, StoreError> {
        chunks::claim(self.store, chunk, token, until, self.app.now()).await
    }

    async fn release(&self, chunk: ChunkRef, token: Ulid, parked: bool) -> Result<(), StoreError> {
        chunks::release(self.store, chunk, token, parked, self.app.now()).await
    }

    async fn log(&self, chunk: ChunkRef) -> Result<(ChunkLog, u32), StoreError> {
        chunks::log(self.store, chunk).await
    }

    async fn check(&self, chunk: ChunkRef, question: SendQuestion<'_>) -> Result<SendCheck, StoreError> {
        chunks::check_before_send(self.store, chunk, question).await
    }

    async fn record(&self, chunk: ChunkRef, token: Ulid, pack: &OutcomePack, ending: Ending<'_>) -> Result<(), StoreError> {
        chunks::record(self.store, chunk, token, pack, ending).await
    }

    async fn record_wave(&self, chunk: ChunkRef, token: Ulid, pack: &OutcomePack, until: Timestamp) -> Result<(), StoreError> {
        chunks::record_wave(self.store, chunk, token, pack, until).await
    }

    async fn record_late(&self, chunk: ChunkRef, token: Ulid, pack: &OutcomePack) -> Result<(), StoreError> {
        chunks::record_late(self.store, chunk, token, pack).await
    }

    async fn amend(&self, chunk: ChunkRef, seen: &ChunkSummary, token: Ulid, pack: &OutcomePack, next: ChunkState) -> Result<bool, StoreError> {
        chunks::amend(self.store, chunk, seen, token, pack, next).await
    }

    async fn set_escalated(&self, chunk: ChunkRef, escalated: u32) -> Result<(), StoreError> {
        chunks::set_escalated(self.store, chunk, escalated).await
    }

    async fn reserve(&self, rate: Rate<'_>, seen: &ProviderState, units: u32) -> Result<Reservation, StoreError> {
        store::providers::reserve(self.store, rate, seen, units, self.app.now()).await
    }

    async fn provider(&self, name: &str) -> Result<ProviderState, StoreError> {
        store::providers::get(self.store, name).await
    }

    async fn take(&self, name: &str, seen: &ProviderState, wanted: u32) -> Result<u32, StoreError> {
        store::providers::take(self.store, name, seen, wanted, self.app.now()).await
    }

    async fn close_provider(&self, name: &str, until: Timestamp, reason: &str) -> Result<(), StoreError> {
        store::providers::close(self.store, name, until, reason).await
    }

    async fn provider_failed(&self, name: &str) -> Result<u32, StoreError> {
        store::providers::failed(self.store, name).await
    }

    async fn provider_recovered(&self, name: &str) -> Result<(), StoreError> {
        store::providers::recovered(self.store, name).await
    }
}

impl Audience for Live<'_> {
    async fn walk(&self, filter: &Filter, channels: &[Channel], place: Option<&str>) -> Result<Stretch, StoreError> {
        let audience::Stretch { vendors, next } = audience::walk(self.store, &self.lookups, filter, channels, place).await?;
        Ok(Stretch {
            recipients: vendors.into_iter().map(|(vendor, place)| (Recipient::from(vendor), place)).collect(),
            next,
        })
    }

    async fn instead_of(&self, campaign: &Campaign, unreached: &[VendorId]) -> Result<Vec<Recipient>, StoreError> {
        let vendors = audience::instead_of(self.store, campaign, unreached).await?;
        Ok(vendors.into_iter().map(Recipient::from).collect())
    }
}

impl Queue for Live<'_> {
    async fn enqueue_chunks(&self, campaign: CampaignId, channel: Channel, numbers: &[u32], delay_secs: i32) -> Result<(), Error> {
        let messages: Vec<_> = numbers
            .iter()
            .map(|chunk| Outgoing {
                body: ChunkMessage {
                    campaign_id: campaign,
                    channel,
                    chunk: *chunk,
                },
                delay_secs,
            })
            .collect();
        // The campaign is the tenant: a large one does not keep a small one waiting.
        let tenant = campaign.to_string();
        runtime::send_as(self.app, Self::queue(channel), self.correlation_id, Some(&tenant), &messages).await
    }

    async fn enqueue_campaign(&self, message: &CampaignMessage) -> Result<(), Error> {
        let message = Outgoing {
            body: message.clone(),
            delay_secs: 0,
        };
        runtime::send(self.app, Var::PlanQueueUrl, self.correlation_id, &[message]).await
    }

    fn has_time(&self) -> bool {
        Instant::now() < self.until
    }
}

impl Messages for Live<'_> {
    type Message = Message;

    fn providers(&self, channel: Channel) -> Vec<Provider> {
        providers::of_channel(self.app, channel).unwrap_or_else(|error| {
            // Without a provider chunks wait, and the reconciler says so; nothing is lost while somebody mends the setting.
            tracing::error!(channel = channel.as_str(), %error, "no provider can be used");
            Vec::new()
        })
    }

    async fn render(&self, chunk: ChunkRef, recipients: &[Recipient]) -> Result<Vec<Result<Message, String>>, Error> {
        let compiled = Compiled::of_campaign(self.app, chunk.campaign).await?;
        compiled.render(self.app, chunk, recipients).await
    }

    async fn send(&self, provider: Provider, messages: &[&Message]) -> Vec<EntryResult> {
        let mut emails = Vec::new();
        let mut whatsapps = Vec::new();
        for message in messages {
            match message {
                Message::Email(email) => emails.push(&**email),
                Message::Whatsapp(whatsapp) => whatsapps.push(&**whatsapp),
            }
        }
        // A chunk is of one channel, so one of the two is empty.
        let sent = if whatsapps.is_empty() {
            providers::send_email(self.app, provider.name, &emails).await
        } else {
            self.send_whatsapp(&whatsapps).await
        };
        sent.unwrap_or_else(|error| {
            tracing::error!(provider = provider.name, %error, "the provider is not set up");
            let reason = format!("{}:not_configured", provider.name);
            vec![EntryResult::Stop { reason }; messages.len()]
        })
    }

    fn recorded(&self, chunk: ChunkRef, pack: &OutcomePack) {
        let count =
            |result: AttemptResult| u32::try_from(pack.outcomes.iter().filter(|outcome| outcome.result == result).count()).unwrap_or(u32::MAX);
        let counts = [
            AttemptResult::Accepted,
            AttemptResult::Suppressed,
            AttemptResult::Skipped,
            AttemptResult::Failed,
            AttemptResult::Retry,
            AttemptResult::Unknown,
        ]
        .map(count);
        let names = match chunk.channel {
            Channel::Email => [
                "EmailsSent",
                "EmailsSuppressed",
                "EmailsSkipped",
                "EmailsFailed",
                "EmailsRetried",
                "EmailsUnknown",
            ],
            Channel::Whatsapp => [
                "WhatsappSent",
                "WhatsappSuppressed",
                "WhatsappSkipped",
                "WhatsappFailed",
                "WhatsappRetried",
                "WhatsappUnknown",
            ],
        };
        let mut counted = [("", 0); 6];
        for ((slot, name), count) in counted.iter_mut().zip(names).zip(counts) {
            *slot = (name, count);
        }
        Metrics {
            stage: &self.app.config().stage,
            properties: &[
                ("campaign_id", chunk.campaign.to_string()),
                ("chunk", format!("{}-{}", chunk.channel.as_str(), chunk.number)),
            ],
            counts: &counted,
        }
        .emit(self.app.now());
    }

    async fn opted_out(&self, chunk: ChunkRef, recipient: VendorId, address: &str, reason: &str) -> Result<(), Error> {
        tracing::info!(campaign_id = %chunk.campaign, vendor_id = %recipient, reason, "the provider told of an opt-out");
        let suppression =
            Suppression::new(SuppressionReason::ProviderOptOut, self.app.now(), SuppressionSource::Event).because_of(chunk.campaign, None);
        suppressions::add(self.store, chunk.channel, address, &suppression).await?;
        Ok(())
    }
}
