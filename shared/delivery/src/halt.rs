//! Stopping a campaign because going on would do harm.

use domain::CampaignId;
use domain::campaign::CampaignState;
use store::StoreError;

use crate::ports::{Error, Ports};

/// Stops the campaign with a reason an operator can act on.
///
/// # Errors
/// When the table cannot be written.
pub async fn halt(ports: &impl Ports, campaign: CampaignId, reason: &str) -> Result<(), Error> {
    tracing::error!(campaign_id = %campaign, reason, "campaign halted");
    // The campaign may move on while we look, but only forward.
    for from in [CampaignState::Planning, CampaignState::Sending, CampaignState::Collecting] {
        match ports.transition(campaign, from, CampaignState::Halted, Some(reason)).await {
            Ok(_) => break,
            Err(StoreError::Conflict(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}
