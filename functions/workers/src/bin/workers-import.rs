//! Wiring of `workers-import`.

fn main() -> Result<(), runtime::StartError> {
    runtime::serve_queue(&workers::import::WORKER)
}
