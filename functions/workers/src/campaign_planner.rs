//! Works on campaigns as a whole: plans them, takes them up again, looks after them.

use std::time::Duration;

use domain::work::{CampaignMessage, Task};
use engine::Live;
use runtime::{App, Message, RecordError, Var, Worker};

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
    }
}
