//! What the queues carry: names of work, never the work itself. Whoever receives one reads the table.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::delivery::Channel;
use crate::{CampaignId, VendorId};

/// Work on a campaign as a whole, one message after the other: plan it, take it up again, look after it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CampaignMessage {
    /// The campaign.
    pub campaign_id: CampaignId,
    /// What to do.
    #[serde(default)]
    pub task: Task,
}

/// What to do with a campaign. Each may be delivered any number of times.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Task {
    /// Plan, or go on planning. Where to go on is in the table: each chunk knows the place it was planned through.
    #[default]
    Plan,
    /// Go on planning where a planner that ran out of time had read to. Spares its successor a stretch without a single match; a
    /// stale or repeated one costs reading, never a second message.
    PlanFrom {
        /// The channel whose chunks were being planned.
        channel: Channel,
        /// How far it had read.
        read_through: String,
    },
    /// Enqueue again what an operator wants sent.
    Resume {
        /// Which recipients.
        scope: Scope,
        /// The operator's id.
        by: String,
    },
    /// Look for what got stuck, resolve what stayed unknown, move on whom the first channel did not reach, finish what is due.
    Reconcile,
    /// Apply a vendor's answer to the other codes of its PAN. The campaign is the one that asked first. Sent before the answer is
    /// stored: without one there is nothing to do.
    ShareAnswer {
        /// Whose answer.
        vendor: VendorId,
        /// How far a worker that ran out of time had come, by vendor id.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        after: Option<VendorId>,
    },
}

/// Which recipients a resumption takes up. `pending` ones are always among them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Those not sent yet.
    #[default]
    Pending,
    /// Also those the provider refused.
    Failed,
    /// Also those whose provider's answer was lost: they may get the message twice.
    Unknown,
}

impl CampaignMessage {
    /// Do `task` with the campaign.
    pub const fn new(campaign_id: CampaignId, task: Task) -> Self {
        Self { campaign_id, task }
    }
}

/// Send a chunk.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct ChunkMessage {
    /// The campaign.
    pub campaign_id: CampaignId,
    /// The channel; which queue it came through says the same, and a message that says otherwise is refused.
    #[serde(default = "email")]
    pub channel: Channel,
    /// The chunk's number.
    pub chunk: u32,
}

const fn email() -> Channel {
    Channel::Email
}
