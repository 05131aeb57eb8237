//! Sends chunks of WhatsApp messages.

use domain::delivery::Channel;
use runtime::{Var, Worker};

use crate::each::each;
use crate::email_sender::send;

/// The worker.
pub static WORKER: Worker = Worker {
    name: "workers-whatsapp-sender",
    needs: &[
        Var::TableName,
        Var::WhatsappQueueUrl,
        Var::SigningSecretArn,
        Var::PublicBaseUrl,
        Var::OrganisationName,
        Var::WhatsappSecretArn,
    ],
    handler: |app, messages| {
        Box::pin(each(messages, move |message| {
            send(app, message, Channel::Whatsapp, Var::WhatsappQueueUrl)
        }))
    },
};
