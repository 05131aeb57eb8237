//! Wiring of `workers-scheduled-campaign`.

fn main() -> Result<(), runtime::StartError> {
    runtime::serve_queue(&workers::scheduled_campaign::WORKER)
}
