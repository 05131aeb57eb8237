//! Every route, worker and API description of the product, gathered from the crates that own them.

mod conventions;
mod examples;

use runtime::{Route, StreamWorker, Worker};
use serde_json::Value;
use utoipa::OpenApi as _;

/// Every route.
pub fn routes() -> Vec<&'static Route> {
    let mut routes = Vec::new();
    routes.extend(analytics::ROUTES);
    routes.extend(auth::ROUTES);
    routes.extend(campaigns::ROUTES);
    routes.extend(exports::ROUTES);
    routes.extend(imports::ROUTES);
    routes.extend(public::ROUTES);
    routes.extend(responses::ROUTES);
    routes.extend(segments::ROUTES);
    routes.extend(suppressions::ROUTES);
    routes.extend(sync::ROUTES);
    routes.extend(system::ROUTES);
    routes.extend(templates::ROUTES);
    routes.extend(users::ROUTES);
    routes.extend(vendors::ROUTES);
    routes.extend(verifications::ROUTES);
    routes.extend(webhooks::ROUTES);
    routes
}

/// Every queue worker.
pub fn queue_workers() -> Vec<&'static Worker> {
    vec![
        &workers::campaign_planner::WORKER,
        &workers::delivery_events::WORKER,
        &workers::email_sender::WORKER,
        &workers::export::WORKER,
        &workers::import::WORKER,
        &workers::scheduled_campaign::WORKER,
        &workers::sync::WORKER,
        &workers::verification::WORKER,
        &workers::whatsapp_events::WORKER,
        &workers::whatsapp_sender::WORKER,
    ]
}

/// Every stream worker.
pub fn stream_workers() -> Vec<&'static StreamWorker> {
    vec![&workers::progress_aggregator::WORKER]
}

/// The routes of the documentation itself, which the document leaves out.
pub const UNDOCUMENTED: [&str; 2] = ["system-docs", "system-openapi"];

/// The OpenAPI 3.1 document: what the crates say of their operations, and what holds for all of them.
///
/// As JSON, because the conventions are laid over operations whatever their types.
pub fn openapi() -> Value {
    let mut document = auth::Docs::openapi();
    for part in [
        users::Docs::openapi(),
        vendors::Docs::openapi(),
        verifications::Docs::openapi(),
        segments::Docs::openapi(),
        imports::Docs::openapi(),
        sync::Docs::openapi(),
        exports::Docs::openapi(),
        templates::Docs::openapi(),
        campaigns::Docs::openapi(),
        analytics::Docs::openapi(),
        public::Docs::openapi(),
        responses::Docs::openapi(),
        suppressions::Docs::openapi(),
        webhooks::Docs::openapi(),
        system::Docs::openapi(),
    ] {
        document.merge(part);
    }
    let mut document = serde_json::to_value(document).unwrap_or_default();
    conventions::apply(&mut document, &routes());
    examples::apply(&mut document);
    document
}
