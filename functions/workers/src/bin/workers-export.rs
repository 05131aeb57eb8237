//! Wiring of `workers-export`.

fn main() -> Result<(), runtime::StartError> {
    runtime::serve_queue(&workers::export::WORKER)
}
