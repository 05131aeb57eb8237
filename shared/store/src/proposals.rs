//! Udyam numbers vendors sent on WhatsApp: proposals that a person of the organisation accepts or rejects.
//!
//! A proposal is no declaration: it has neither date nor class, and nobody signed it. So it changes no vendor's status, also
//! when it is accepted.

use std::collections::{BTreeSet, HashMap};

use aws_sdk_dynamodb::types::ReturnValue;
use domain::identifiers::Udyam;
use domain::vendor_record::Vendor;
use domain::{CampaignId, ProposalId, UserId, VendorId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::client::{Listing, item, key_item, place, read, s};
use crate::{Page, PageRequest, Store, StoreError, campaigns, keys, vendors};

/// Where a proposal stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProposalState {
    /// Nobody has looked at it.
    Proposed,
    /// Found right.
    Accepted,
    /// Found wrong, or not the vendor's.
    Rejected,
}

impl ProposalState {
    /// The name on the wire and in storage.
    pub const fn as_str(self) -> &'static str {
        match self {
            ProposalState::Proposed => "proposed",
            ProposalState::Accepted => "accepted",
            ProposalState::Rejected => "rejected",
        }
    }
}

/// A Udyam number a vendor sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proposal {
    /// Identity, made from the message: one message is one proposal.
    pub id: ProposalId,
    /// The vendor; unknown where no campaign wrote to the number, or several vendors share it.
    #[serde(default)]
    pub vendor_id: Option<VendorId>,
    /// The campaign whose message was answered.
    #[serde(default)]
    pub campaign_id: Option<CampaignId>,
    /// The number.
    pub udyam: Udyam,
    /// The message it was in.
    pub message_id: String,
    /// The telephone number it came from, masked.
    pub from_masked: String,
    /// The evidence: what the message says.
    pub text: String,
    /// When the message was sent.
    pub received_at: Timestamp,
    /// Where it stands.
    pub state: ProposalState,
    /// Who decided.
    #[serde(default)]
    pub reviewed_by: Option<UserId>,
    /// When.
    #[serde(default)]
    pub reviewed_at: Option<Timestamp>,
    /// Why.
    #[serde(default)]
    pub note: Option<String>,
}

/// Stores a proposal. One that is stored stays as it is, reviewed or not.
///
/// # Errors
/// When the table cannot be written.
pub async fn propose(store: &Store, proposal: &Proposal) -> Result<(), StoreError> {
    let mut stored = item(keys::proposal(proposal.id), "proposal", proposal)?;
    stored.insert("gsi1pk".into(), s(keys::PROPOSALS));
    stored.insert("gsi1sk".into(), s(keys::by_time(proposal.received_at, proposal.id)));
    store.put_fresh(stored).await
}

/// Lists proposals, newest first.
///
/// # Errors
/// When the table cannot be read.
pub async fn list(store: &Store, page: &PageRequest) -> Result<Page<Proposal>, StoreError> {
    store.list(Listing::gsi1(keys::PROPOSALS).newest_first(), page).await
}

/// The most pages read for one page of a state; what is left comes with the next.
const PAGES_READ: usize = 10;

/// Lists the proposals of a state, newest first. A page may be short although others follow.
///
/// # Errors
/// When the table cannot be read.
pub async fn list_in_state(store: &Store, state: ProposalState, page: &PageRequest) -> Result<Page<Proposal>, StoreError> {
    let wanted = usize::try_from(page.limit).unwrap_or(usize::MAX);
    let mut request = page.clone();
    let mut items = Vec::new();
    for _ in 0..PAGES_READ {
        let (found, next) = store.list_items(Listing::gsi1(keys::PROPOSALS).newest_first(), &request).await?;
        for item in found {
            let place = place(&item);
            let proposal: Proposal = read(item)?;
            if proposal.state == state {
                items.push(proposal);
                if items.len() == wanted {
                    // Perhaps in the middle of what was read: the next page goes on after this one.
                    return Ok(Page { items, next: Some(place) });
                }
            }
        }
        match next {
            Some(next) => request.after = Some(next),
            None => return Ok(Page { items, next: None }),
        }
    }
    Ok(Page { items, next: request.after })
}

/// Reads a proposal.
///
/// # Errors
/// [`StoreError::NotFound`], or when the table cannot be read.
pub async fn get(store: &Store, id: ProposalId) -> Result<Proposal, StoreError> {
    store.get(keys::proposal(id)).await?.ok_or(StoreError::NotFound)
}

/// What proposals are about, as it is now.
#[derive(Debug, Default)]
pub struct Subjects {
    /// The vendors; those deleted are left out.
    pub vendors: HashMap<VendorId, Vendor>,
    /// The campaigns' names; those deleted are left out.
    pub campaigns: HashMap<CampaignId, String>,
}

/// Reads what proposals are about, a hundred items a call.
///
/// # Errors
/// When the table cannot be read.
pub async fn subjects(store: &Store, proposals: &[Proposal]) -> Result<Subjects, StoreError> {
    // BatchGetItem refuses a key that occurs twice.
    let vendors: BTreeSet<VendorId> = proposals.iter().filter_map(|proposal| proposal.vendor_id).collect();
    let campaigns: BTreeSet<CampaignId> = proposals.iter().filter_map(|proposal| proposal.campaign_id).collect();
    let mut subjects = Subjects::default();
    let vendors = vendors.into_iter().map(|id| key_item(keys::vendor(id))).collect();
    for item in store.get_all(vendors).await? {
        if let Some(vendor) = vendors::from_item(item)? {
            subjects.vendors.insert(vendor.id, vendor);
        }
    }
    let campaigns = campaigns.into_iter().map(|id| key_item(keys::campaign(id))).collect();
    for item in store.get_all(campaigns).await? {
        let campaign = campaigns::from_item(item)?;
        subjects.campaigns.insert(campaign.id, campaign.content.name);
    }
    Ok(subjects)
}

/// What somebody decided about a proposal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Review {
    /// Accepted or rejected.
    pub state: ProposalState,
    /// Who decided.
    pub by: UserId,
    /// When.
    pub at: Timestamp,
    /// Why.
    pub note: Option<String>,
}

/// Records a decision.
///
/// # Errors
/// [`StoreError::NotFound`], or [`StoreError::Conflict`] when it was decided before.
pub async fn review(store: &Store, id: ProposalId, review: &Review) -> Result<Proposal, StoreError> {
    let Review { state, by, at, note } = review;
    let update = store
        .client
        .update_item()
        .table_name(&store.table)
        .set_key(Some(key_item(keys::proposal(id))))
        .update_expression("SET #state = :state, reviewed_by = :by, reviewed_at = :at, note = :note")
        // Race: two people decide at once; the first decision stands, and the second person sees it.
        .condition_expression("#state = :proposed")
        .expression_attribute_names("#state", "state")
        .expression_attribute_values(":state", s(state.as_str()))
        .expression_attribute_values(":proposed", s(ProposalState::Proposed.as_str()))
        .expression_attribute_values(":by", s(by.to_string()))
        .expression_attribute_values(":at", s(at.to_string()))
        .expression_attribute_values(":note", serde_dynamo::to_attribute_value(note).map_err(StoreError::encoding)?)
        .return_values(ReturnValue::AllNew);
    match update.send().await.map_err(StoreError::from) {
        Ok(output) => read(output.attributes.unwrap_or_default()),
        Err(StoreError::Conflict(_)) => {
            let standing = get(store, id).await?;
            // Our own earlier write, whose answer the SDK lost and tried again.
            let is_this = standing.state == *state && standing.reviewed_by == Some(*by) && standing.reviewed_at == Some(*at);
            if is_this {
                Ok(standing)
            } else {
                Err(StoreError::Conflict("the proposal was decided before"))
            }
        }
        Err(error) => Err(error),
    }
}
