//! What the queues carry: names of work, never the work itself. Whoever receives one reads the table.

use serde::{Deserialize, Serialize};

use crate::CampaignId;

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
