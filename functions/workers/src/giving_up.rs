//! Messages that fail, or kill their worker, at every receive.

use runtime::{Message, RecordError};

/// Who receives a message so often says that it is given up rather than being killed as those before it. The queue gives it up one
/// receive later (`maxReceiveCount` in the template), should saying so fail.
const AT: u32 = 4;

/// Whether to say that a message is given up instead of working on it.
pub(crate) fn is_due(message: &Message) -> bool {
    message.receive_count >= AT
}

/// Lets the queue move the message to the dead letters, where operators see it.
pub(crate) fn error() -> RecordError {
    "given up: failed, or was cut off, at every receive before".into()
}
