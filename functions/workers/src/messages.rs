//! What the queues carry: names of work, never the work itself. Whoever receives one reads the table.

use domain::CampaignId;
use domain::delivery::Channel;
use serde::{Deserialize, Serialize};
use store::ChunkRef;

/// Plan, or go on planning, a campaign. Where to go on is in the table.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct PlanMessage {
    /// The campaign.
    pub campaign_id: CampaignId,
}

/// Send a chunk.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct ChunkMessage {
    /// The campaign.
    pub campaign_id: CampaignId,
    /// The chunk's number.
    pub chunk: u32,
}

impl ChunkMessage {
    /// The chunk's name.
    pub const fn chunk(self) -> ChunkRef {
        ChunkRef {
            campaign: self.campaign_id,
            channel: Channel::Email,
            number: self.chunk,
        }
    }
}
