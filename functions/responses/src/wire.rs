//! Proposals on the wire.

use jiff::Timestamp;
use serde::Serialize;
use store::proposals::{Proposal, ProposalState, Subjects};
use utoipa::ToSchema;

/// Where a proposal stands.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReviewState {
    /// Nobody has decided.
    Proposed,
    /// Found right.
    Accepted,
    /// Found wrong, or not the vendor's.
    Rejected,
}

impl From<ProposalState> for ReviewState {
    fn from(state: ProposalState) -> Self {
        match state {
            ProposalState::Proposed => ReviewState::Proposed,
            ProposalState::Accepted => ReviewState::Accepted,
            ProposalState::Rejected => ReviewState::Rejected,
        }
    }
}

/// A Udyam number that a vendor sent on WhatsApp.
#[derive(Debug, Serialize, ToSchema)]
pub struct ProposalResponse {
    /// `prp_…`
    id: String,
    state: ReviewState,
    /// The number that was found in the message.
    #[schema(example = "UDYAM-MH-26-0012345")]
    udyam_number: String,
    /// The whole message, as it was sent.
    text: String,
    /// When it was sent.
    received_at: Timestamp,
    /// The telephone number it came from, masked.
    #[schema(example = "+91XXXXXX3210")]
    from: String,
    /// Meta's id of the message.
    message_id: String,
    /// The vendor, `vnd_…`; absent where no campaign wrote to the telephone number, or several vendors share it.
    vendor_id: Option<String>,
    /// The vendor's code; absent with the vendor, and for one that is deleted.
    vendor_code: Option<String>,
    /// The vendor's name; absent like its code.
    company_name: Option<String>,
    /// The Udyam number the vendor's record has, to compare.
    vendor_udyam_number: Option<String>,
    /// The campaign whose message was answered, `cmp_…`.
    campaign_id: Option<String>,
    /// Its name.
    campaign_name: Option<String>,
    /// The user who decided, `usr_…`.
    reviewed_by: Option<String>,
    /// When.
    reviewed_at: Option<Timestamp>,
    /// What that user had to say.
    note: Option<String>,
}

impl ProposalResponse {
    pub(crate) fn new(proposal: Proposal, subjects: &Subjects) -> Self {
        let Proposal {
            id,
            vendor_id,
            campaign_id,
            udyam,
            message_id,
            from_masked,
            text,
            received_at,
            state,
            reviewed_by,
            reviewed_at,
            note,
        } = proposal;
        let profile = vendor_id.and_then(|id| subjects.vendors.get(&id)).map(|vendor| &vendor.profile);
        Self {
            id: id.to_string(),
            state: state.into(),
            udyam_number: udyam.as_str().to_owned(),
            text,
            received_at,
            from: from_masked,
            message_id,
            vendor_id: vendor_id.map(|id| id.to_string()),
            vendor_code: profile.map(|profile| profile.vendor_code.as_str().to_owned()),
            company_name: profile.map(|profile| profile.company_name.clone()),
            vendor_udyam_number: profile
                .and_then(|profile| profile.udyam_number.as_ref())
                .map(|udyam| udyam.as_str().to_owned()),
            campaign_id: campaign_id.map(|id| id.to_string()),
            campaign_name: campaign_id.and_then(|id| subjects.campaigns.get(&id).cloned()),
            reviewed_by: reviewed_by.map(|id| id.to_string()),
            reviewed_at,
            note,
        }
    }
}
