//! The stack's own clock.

use std::time::Instant;

use domain::campaign::CampaignState;
use domain::work::{CampaignMessage, Task};
use runtime::{App, Outgoing, RecordError, Var};
use store::{campaigns, vendors};

/// How long vendors whose status turns by the calendar may take; who is left is seen at the next tick.
const TURNING_SECS: u64 = 15;

/// Asks the providers what they grant, has every campaign that has begun and is not over looked after, and brings vendors up to date
/// whose status begins or ends today. One message for each campaign, so that one that fails does not keep the others waiting; a tick
/// delivered twice costs reading.
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
    runtime::send(app, Var::PlanQueueUrl, correlation_id, &messages).await?;

    // Last, so that on the first of April campaigns do not wait for vendors.
    let began = Instant::now();
    let has_time = || began.elapsed().as_secs() < TURNING_SECS;
    let turned = vendors::turn_statuses(store, app.now(), || app.new_ulid(), has_time).await?;
    if turned > 0 {
        tracing::info!(vendors = turned, "statuses began or ended");
    }
    Ok(())
}
