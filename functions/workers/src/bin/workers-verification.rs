//! Wiring of `workers-verification`.

fn main() -> Result<(), runtime::StartError> {
    runtime::serve_queue(&workers::verification::WORKER)
}
