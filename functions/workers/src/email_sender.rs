//! Sends chunks of e-mail.

use std::time::Duration;

use domain::delivery::Channel;
use domain::work::ChunkMessage;
use engine::Live;
use runtime::{App, Message, Outgoing, RecordError, Var, Worker};
use store::ChunkRef;

use crate::each::each;

/// The worker.
pub static WORKER: Worker = Worker {
    name: "workers-email-sender",
    needs: &[
        Var::TableName,
        Var::EmailQueueUrl,
        Var::SigningSecretArn,
        Var::PublicBaseUrl,
        Var::FromAddress,
        Var::OrganisationName,
        Var::SesConfigurationSet,
        Var::SesMaxSendRate,
        Var::EmailProviders,
        Var::EmailProvidersSecretArn,
    ],
    handler: |app, messages| Box::pin(each(messages, move |message| send(app, message, Channel::Email, Var::EmailQueueUrl))),
};

// The function may run for 60 s, and a step of a sender takes 20 s at most.
const BUDGET: Duration = Duration::from_secs(35);

/// Takes one chunk a step further, and brings it back where it has to wait.
pub(crate) async fn send(app: &App, message: Message, channel: Channel, queue: Var) -> Result<(), RecordError> {
    let body: ChunkMessage = message.json()?;
    if body.channel != channel {
        return Err(format!("a chunk of {} came through the queue of {}", body.channel.as_str(), channel.as_str()).into());
    }
    let live = Live::new(app, &message.correlation_id, BUDGET)?;
    let chunk = ChunkRef {
        campaign: body.campaign_id,
        channel,
        number: body.chunk,
    };
    match delivery::send_chunk(&live, chunk).await? {
        delivery::Step::Done | delivery::Step::Parked => Ok(()),
        // A new message instead of a failure: waiting must not use up the receive count.
        delivery::Step::Again(delay_secs) => {
            let tenant = body.campaign_id.to_string();
            runtime::send_as(app, queue, &message.correlation_id, Some(&tenant), &[Outgoing { body, delay_secs }]).await
        }
    }
}
