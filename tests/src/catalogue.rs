//! Every route, worker and API description of the product, gathered from the crates that own them.

use runtime::{Route, StreamWorker, Worker};
use utoipa::OpenApi as _;
use utoipa::openapi::OpenApi;

/// Every route.
pub fn routes() -> Vec<&'static Route> {
    let mut routes = Vec::new();
    routes.extend(analytics::ROUTES);
    routes.extend(auth::ROUTES);
    routes.extend(campaigns::ROUTES);
    routes.extend(imports::ROUTES);
    routes.extend(public::ROUTES);
    routes.extend(system::ROUTES);
    routes.extend(templates::ROUTES);
    routes.extend(users::ROUTES);
    routes.extend(vendors::ROUTES);
    routes
}

/// Every queue worker.
pub fn queue_workers() -> Vec<&'static Worker> {
    vec![
        &workers::campaign_planner::WORKER,
        &workers::delivery_events::WORKER,
        &workers::email_sender::WORKER,
        &workers::import::WORKER,
    ]
}

/// Every stream worker.
pub fn stream_workers() -> Vec<&'static StreamWorker> {
    vec![&workers::progress_aggregator::WORKER]
}
