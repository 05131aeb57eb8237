//! Starting a campaign: what *execute* and a schedule have in common.

use std::time::Duration;

use domain::FieldError;
use domain::campaign::{Campaign, CampaignState};
use domain::work::{CampaignMessage, Task};
use runtime::problem::conflict;
use runtime::{ApiError, App, Outgoing, Var};
use store::campaigns::{self, MessageSnapshot};

use crate::checks::{self, Checks};
use crate::survey::{Until, segment_gone, survey};

/// The settings a function that starts campaigns needs.
pub(crate) const NEEDS: [Var; 4] = [Var::PlanQueueUrl, checks::NEEDS[0], checks::NEEDS[1], checks::NEEDS[2]];

/// The functions may run for 29 s.
const BUDGET: Duration = Duration::from_secs(12);

/// Checks that the campaign can be sent as it is, copies its messages and has it planned. While it is being planned,
/// starting it again is harmless.
///
/// # Errors
/// 422 with what keeps it from being sent, 409 in another state or when it changed meanwhile.
pub async fn start(app: &App, campaign: &Campaign, correlation_id: &str) -> Result<(), ApiError> {
    match campaign.state {
        CampaignState::Draft | CampaignState::Scheduled => {
            let message = checked(app, campaign).await?;
            // The segment may have been deleted since the audience was looked through.
            campaigns::start(app.store()?, campaign, &message, app.now())
                .await
                .map_err(segment_gone)?;
        }
        // Started before, but its plan message may have been lost: another one is harmless.
        CampaignState::Planning => {}
        state => {
            return Err(conflict(format!(
                "the campaign is {state}: only a draft or a scheduled campaign can be executed"
            )));
        }
    }
    let message = Outgoing {
        body: CampaignMessage::new(campaign.id, Task::Plan),
        delay_secs: 0,
    };
    runtime::send(app, Var::PlanQueueUrl, correlation_id, &[message])
        .await
        .map_err(ApiError::Internal)
}

/// Refuses a campaign that preflight finds a blocker in. The audience is looked through no further than to the first vendor that would
/// get a message; one too large to find any in time is taken, and its ledger tells.
async fn checked(app: &App, campaign: &Campaign) -> Result<MessageSnapshot, ApiError> {
    let checks = Checks::of(app, campaign).await?;
    let mut blockers = checks.blockers();
    if blockers.is_empty() {
        let (survey, complete) = survey(app, campaign, &checks, Until::SomebodyReached, BUDGET).await?;
        blockers.extend(survey.blocker().filter(|_| complete));
    }
    if blockers.is_empty() {
        return Ok(checks.into_message(campaign));
    }
    let errors: Vec<FieldError> = blockers
        .into_iter()
        .map(|blocker| FieldError::new("campaign", "", blocker.code, &blocker.message))
        .collect();
    Err(errors.into())
}
