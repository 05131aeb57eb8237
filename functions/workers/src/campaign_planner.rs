//! Works on campaigns as a whole: plans them, takes them up again, looks after them.

use std::time::Duration;

use delivery::Queue as _;
use domain::VendorId;
use domain::work::{CampaignMessage, Task};
use engine::Live;
use runtime::{App, Message, RecordError, Var, Worker};
use store::responses::Applied;

use crate::each::each;

/// The worker.
pub static WORKER: Worker = Worker {
    name: "workers-campaign-planner",
    needs: &[
        Var::TableName,
        Var::PlanQueueUrl,
        Var::EmailQueueUrl,
        Var::WhatsappQueueUrl,
        Var::EmailProviders,
        Var::SesMaxSendRate,
    ],
    handler: |app, messages| Box::pin(each(messages, move |message| handle(app, message))),
};

// The function may run for 60 s; the rest is for finishing the batch at hand.
const BUDGET: Duration = Duration::from_secs(40);

async fn handle(app: &App, message: Message) -> Result<(), RecordError> {
    let work: CampaignMessage = message.json()?;
    let live = Live::new(app, &message.correlation_id, BUDGET)?;
    match &work.task {
        Task::Plan | Task::PlanFrom { .. } => delivery::plan(&live, &work).await,
        Task::Resume { scope, by } => delivery::resume(&live, work.campaign_id, *scope, by).await,
        Task::Reconcile => delivery::reconcile(&live, work.campaign_id).await,
        Task::ShareAnswer { vendor, after } => share_answer(app, &live, &work, *vendor, *after).await,
    }
}

/// Applies an answer to the other codes of its PAN, however many there are: what does not fit into this run is left to another
/// message, and whatever fails comes again with this one.
async fn share_answer(app: &App, live: &Live<'_>, work: &CampaignMessage, vendor: VendorId, after: Option<VendorId>) -> Result<(), RecordError> {
    match store::responses::apply_to_pan(app.store()?, vendor, work.campaign_id, after, app.now(), || live.has_time()).await? {
        Applied::Done => Ok(()),
        Applied::Through(through) => {
            let task = Task::ShareAnswer {
                vendor,
                after: Some(through),
            };
            live.enqueue_campaign(&CampaignMessage::new(work.campaign_id, task)).await
        }
    }
}
