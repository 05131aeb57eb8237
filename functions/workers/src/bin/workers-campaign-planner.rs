//! Wiring of `workers-campaign-planner`.

fn main() -> Result<(), runtime::StartError> {
    runtime::serve_queue(&workers::campaign_planner::WORKER)
}
