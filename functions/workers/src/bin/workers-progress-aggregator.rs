//! Wiring of `workers-progress-aggregator`.

fn main() -> Result<(), runtime::StartError> {
    runtime::serve_stream(&workers::progress_aggregator::WORKER)
}
