//! Wiring of `workers-delivery-events`.

fn main() -> Result<(), runtime::StartError> {
    runtime::serve_queue(&workers::delivery_events::WORKER)
}
