//! Wiring of `workers-sync`.

fn main() -> Result<(), runtime::StartError> {
    runtime::serve_queue(&workers::sync::WORKER)
}
