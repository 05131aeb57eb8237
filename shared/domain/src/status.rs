//! Dated MSME status: what a vendor was, from when, on what evidence.

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::vendor::MsmeStatus;
use crate::{CampaignId, ResponseId, UserId};

/// One entry of a vendor's append-only status history.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StatusEntry {
    /// The class from `effective_from` on.
    pub status: MsmeStatus,
    /// The Indian calendar day the class counts from.
    pub effective_from: Date,
    /// When the entry was written.
    pub recorded_at: Timestamp,
    /// What the entry rests on.
    pub evidence: Evidence,
}

/// What a status entry rests on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Evidence {
    /// The vendor declared it on the public form.
    Declaration {
        /// The answer.
        response_id: ResponseId,
        /// The campaign that asked.
        campaign_id: CampaignId,
    },
    /// A user entered it.
    Entered {
        /// Who entered it.
        by: UserId,
    },
}
