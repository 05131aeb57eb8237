//! What the core needs of the world, each trait sized to one part of it.

use domain::CampaignId;
use domain::VendorId;
use domain::campaign::{Audience as Filter, Campaign, CampaignState};
use domain::delivery::{Channel, ChunkLog, OutcomePack, Recipient};
use domain::work::CampaignMessage;
use jiff::{SignedDuration, Timestamp};
use messaging::EntryResult;
use store::chunks::{ChunkState, ChunkSummary, Claim, Ending, Planned, PlannedChunk, SendCheck, SendQuestion};
use store::gcra::{Rate, Reservation};
use store::providers::ProviderState;
use store::{ChunkRef, StoreError};
use ulid::Ulid;

/// Whatever stopped a step. The message it worked on comes again.
pub type Error = Box<dyn std::error::Error + Send + Sync>;

/// The world.
pub trait Ports: Clock + Table + Audience + Queue + Messages + Sync {}

impl<T: Clock + Table + Audience + Queue + Messages + Sync> Ports for T {}

/// The campaign with its chunks' summaries; `None` for a draft that was deleted while a message about it was under way.
pub(crate) async fn find_with_chunks(ports: &impl Ports, id: CampaignId) -> Result<Option<(Campaign, Vec<ChunkSummary>)>, Error> {
    match ports.progress(id).await {
        Ok(found) => Ok(Some(found)),
        Err(StoreError::NotFound) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Time and chance.
pub trait Clock {
    /// The time.
    fn now(&self) -> Timestamp;

    /// A token nobody else has.
    fn new_token(&self) -> Ulid;

    /// A number from 0 to `bound` − 1.
    fn random_below(&self, bound: u32) -> u32;

    /// Lets time pass.
    fn sleep(&self, time: SignedDuration) -> impl Future<Output = ()> + Send;
}

/// The table, in the words of `store`, whose functions of the same names say what each does and which races it decides.
pub trait Table {
    /// [`store::campaigns::transition`].
    fn transition(
        &self,
        id: CampaignId,
        from: CampaignState,
        next: CampaignState,
        reason: Option<&str>,
    ) -> impl Future<Output = Result<Campaign, StoreError>> + Send;

    /// [`store::campaigns::resume`].
    fn resume_campaign(&self, seen: &Campaign, next: CampaignState) -> impl Future<Output = Result<Campaign, StoreError>> + Send;

    /// [`store::campaigns::finish_plan`].
    fn finish_plan(&self, id: CampaignId, chunks: u32, targeted: u32) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// [`store::chunks::plan`].
    fn plan_chunks(&self, chunks: &[PlannedChunk]) -> impl Future<Output = Result<Planned, StoreError>> + Send;

    /// [`store::chunks::last_planned`].
    fn last_planned(&self, id: CampaignId, channel: Channel) -> impl Future<Output = Result<Vec<ChunkSummary>, StoreError>> + Send;

    /// [`store::chunks::summaries`].
    fn summaries(&self, id: CampaignId) -> impl Future<Output = Result<Vec<ChunkSummary>, StoreError>> + Send;

    /// [`store::chunks::progress`].
    fn progress(&self, id: CampaignId) -> impl Future<Output = Result<(Campaign, Vec<ChunkSummary>), StoreError>> + Send;

    /// [`store::chunks::claim`].
    fn claim(&self, chunk: ChunkRef, token: Ulid, until: Timestamp) -> impl Future<Output = Result<Claim, StoreError>> + Send;

    /// [`store::chunks::release`].
    fn release(&self, chunk: ChunkRef, token: Ulid, parked: bool) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// [`store::chunks::log`].
    fn log(&self, chunk: ChunkRef) -> impl Future<Output = Result<(ChunkLog, u32), StoreError>> + Send;

    /// [`store::chunks::check_before_send`].
    fn check(&self, chunk: ChunkRef, question: SendQuestion<'_>) -> impl Future<Output = Result<SendCheck, StoreError>> + Send;

    /// [`store::chunks::record`].
    fn record(&self, chunk: ChunkRef, token: Ulid, pack: &OutcomePack, ending: Ending<'_>) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// [`store::chunks::record_wave`].
    fn record_wave(&self, chunk: ChunkRef, token: Ulid, pack: &OutcomePack, until: Timestamp) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// [`store::chunks::record_late`].
    fn record_late(&self, chunk: ChunkRef, token: Ulid, pack: &OutcomePack) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// [`store::chunks::amend`].
    fn amend(
        &self,
        chunk: ChunkRef,
        seen: &ChunkSummary,
        token: Ulid,
        pack: &OutcomePack,
        next: ChunkState,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// [`store::chunks::set_escalated`].
    fn set_escalated(&self, chunk: ChunkRef, escalated: u32) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// [`store::providers::reserve`].
    fn reserve(&self, rate: Rate<'_>, seen: &ProviderState, units: u32) -> impl Future<Output = Result<Reservation, StoreError>> + Send;

    /// [`store::providers::get`].
    fn provider(&self, name: &str) -> impl Future<Output = Result<ProviderState, StoreError>> + Send;

    /// [`store::providers::take`].
    fn take(&self, name: &str, seen: &ProviderState, wanted: u32) -> impl Future<Output = Result<u32, StoreError>> + Send;

    /// [`store::providers::close`].
    fn close_provider(&self, name: &str, until: Timestamp, reason: &str) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// [`store::providers::failed`].
    fn provider_failed(&self, name: &str) -> impl Future<Output = Result<u32, StoreError>> + Send;

    /// [`store::providers::recovered`].
    fn provider_recovered(&self, name: &str) -> impl Future<Output = Result<(), StoreError>> + Send;
}

/// A stretch of an audience.
#[derive(Debug, Clone)]
pub struct Stretch {
    /// Its vendors as recipients, each with the place after it.
    pub recipients: Vec<(Recipient, String)>,
    /// Where to go on; `None` at the end.
    pub next: Option<String>,
}

/// Who is asked.
pub trait Audience {
    /// [`store::audience::walk`].
    fn walk(&self, filter: &Filter, channels: &[Channel], place: Option<&str>) -> impl Future<Output = Result<Stretch, StoreError>> + Send;

    /// [`store::audience::instead_of`].
    fn instead_of(&self, campaign: &Campaign, unreached: &[VendorId]) -> impl Future<Output = Result<Vec<Recipient>, StoreError>> + Send;
}

/// The queues. At least once, in any order.
pub trait Queue {
    /// Enqueues chunks of a campaign.
    fn enqueue_chunks(
        &self,
        campaign: CampaignId,
        channel: Channel,
        numbers: &[u32],
        delay_secs: i32,
    ) -> impl Future<Output = Result<(), Error>> + Send;

    /// Enqueues work on a campaign as a whole.
    fn enqueue_campaign(&self, message: &CampaignMessage) -> impl Future<Output = Result<(), Error>> + Send;

    /// Whether there is time for another step of a few seconds, or it must be left to the next run.
    fn has_time(&self) -> bool;
}

/// An account with a provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Provider {
    /// Names it in reasons, in metrics and in the table: `ses`, `sendgrid`, `smtp`, `whatsapp`.
    pub name: &'static str,
    /// How it takes messages.
    pub style: Style,
    /// Messages per second, where the provider was not asked or does not say.
    pub rate_per_second: u32,
}

/// How a provider takes messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// A chunk in one call.
    Bulk,
    /// One call per message, ten at once.
    Waves,
}

/// Rendering and sending.
pub trait Messages {
    /// A message ready to go.
    type Message: Send + Sync;

    /// The accounts of a channel, first choice first.
    fn providers(&self, channel: Channel) -> Vec<Provider>;

    /// Renders the campaign's message for each recipient; where that cannot be done, the reason: `missing_variable:city`.
    fn render(&self, chunk: ChunkRef, recipients: &[Recipient]) -> impl Future<Output = Result<Vec<Result<Self::Message, String>>, Error>> + Send;

    /// Hands messages to a provider, once, and says what became of each, in their order.
    fn send(&self, provider: Provider, messages: &[&Self::Message]) -> impl Future<Output = Vec<EntryResult>> + Send;

    /// What was recorded, for metrics.
    fn recorded(&self, chunk: ChunkRef, pack: &OutcomePack);

    /// Tells that a provider says a recipient wants no messages of this channel.
    fn opted_out(&self, chunk: ChunkRef, recipient: VendorId, address: &str, reason: &str) -> impl Future<Output = Result<(), Error>> + Send;
}
