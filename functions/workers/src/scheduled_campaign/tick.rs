//! The stack's own clock.

use domain::campaign::CampaignState;
use domain::work::{CampaignMessage, Task};
use runtime::{App, Outgoing, RecordError, Var};
use store::campaigns;

/// Asks the providers what they grant, and has every campaign that has begun and is not over looked after. One message each, so that one that fails does not keep the
/// others waiting; a tick delivered twice costs reading.
pub(super) async fn tick(app: &App, correlation_id: &str) -> Result<(), RecordError> {
    let store = app.store()?;
    if let Err(error) = engine::quota::refresh(app).await {
        // The senders go on with what they know.
        tracing::error!(%error, "the providers' quotas are not refreshed");
    }
    let mut messages = Vec::new();
    for state in CampaignState::ACTIVE {
        let campaigns = campaigns::list_in_state(store, state).await?;
        messages.extend(campaigns.into_iter().map(|campaign| Outgoing {
            body: CampaignMessage::new(campaign, Task::Reconcile),
            delay_secs: 0,
        }));
    }
    runtime::send(app, Var::PlanQueueUrl, correlation_id, &messages).await
}
