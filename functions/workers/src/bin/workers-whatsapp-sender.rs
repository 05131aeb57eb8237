//! Wiring of `workers-whatsapp-sender`.

fn main() -> Result<(), runtime::StartError> {
    runtime::serve_queue(&workers::whatsapp_sender::WORKER)
}
