//! Wiring of `workers-whatsapp-events`.

fn main() -> Result<(), runtime::StartError> {
    runtime::serve_queue(&workers::whatsapp_events::WORKER)
}
