//! A campaign starts by itself.

use domain::campaign::CampaignState;
use runtime::{App, RecordError};
use store::schedules;

use super::{Fired, Outcome, refusal};

/// Sends the campaign. What keeps it from being sent is shown on it, and it goes on waiting.
pub(super) async fn start(app: &App, fired: &Fired) -> Result<Outcome, RecordError> {
    match fired.campaign.state {
        // Planning: this very firing may have started it, and died before its plan message was sent.
        CampaignState::Scheduled | CampaignState::Planning => {}
        state => return Ok(Outcome::of(format!("skipped:{state}"))),
    }
    match campaigns::start(app, &fired.campaign, &fired.correlation_id).await {
        Ok(()) => Ok(Outcome::of("started")),
        Err(error) => {
            let code = refusal(error)?;
            schedules::explain_wait(app.store()?, fired.campaign.id, &format!("schedule_refused:{code}"), app.now()).await?;
            Ok(Outcome::of(format!("refused:{code}")))
        }
    }
}

/// Leaves it to a person: execute the campaign, or take the schedule back.
pub(super) async fn ask(app: &App, fired: &Fired) -> Result<Outcome, RecordError> {
    if fired.campaign.state != CampaignState::Scheduled {
        return Ok(Outcome::of(format!("skipped:{}", fired.campaign.state)));
    }
    schedules::explain_wait(app.store()?, fired.campaign.id, "schedule_late", app.now()).await?;
    Ok(Outcome {
        result: "late:asked".to_owned(),
        question: Some(fired.question()),
    })
}
