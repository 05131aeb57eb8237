//! Wiring of `workers-email-sender`.

fn main() -> Result<(), runtime::StartError> {
    runtime::serve_queue(&workers::email_sender::WORKER)
}
