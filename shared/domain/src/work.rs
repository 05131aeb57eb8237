//! What the queues carry: names of work, never the work itself. Whoever receives one reads the table.

use serde::{Deserialize, Serialize};

use crate::CampaignId;

/// Plan, or go on planning, a campaign. Where to go on is in the table: each chunk knows the place it was planned through.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PlanMessage {
    /// The campaign.
    pub campaign_id: CampaignId,
    /// How far a planner that ran out of time had read. Spares its successor a stretch without a single match; a stale or
    /// repeated one costs reading, never a second message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read_through: Option<String>,
}

impl PlanMessage {
    /// Plan the campaign from wherever its chunks end.
    pub const fn new(campaign_id: CampaignId) -> Self {
        Self {
            campaign_id,
            read_through: None,
        }
    }
}

/// Send a chunk.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct ChunkMessage {
    /// The campaign.
    pub campaign_id: CampaignId,
    /// The chunk's number.
    pub chunk: u32,
}
