//! Handling messages one by one, so that one that cannot be handled does not take the others with it.

use runtime::{Message, RecordError, RecordFailure};

/// Runs `handle` on every message and collects the failures.
pub(crate) async fn each<F>(messages: Vec<Message>, handle: impl Fn(Message) -> F) -> Vec<RecordFailure>
where
    F: Future<Output = Result<(), RecordError>>,
{
    let mut failures = Vec::new();
    for message in messages {
        let id = message.id.clone();
        if let Err(error) = handle(message).await {
            failures.push(RecordFailure { id, error });
        }
    }
    failures
}
