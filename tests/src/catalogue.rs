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

/// What each crate says of its operations, and of the schemas they use.
fn documents() -> [utoipa::openapi::OpenApi; 16] {
    [
        auth::Docs::openapi(),
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
    ]
}

/// The OpenAPI 3.1 document: what the crates say of their operations, and what holds for all of them.
///
/// As JSON, because the conventions are laid over operations whatever their types.
pub fn openapi() -> Value {
    let document = documents().into_iter().reduce(|mut document, part| {
        document.merge(part);
        document
    });
    let mut document = serde_json::to_value(document).unwrap_or_default();
    conventions::apply(&mut document, &routes());
    examples::apply(&mut document);
    document
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;

    #[test]
    fn a_name_means_one_schema_whichever_crate_uses_it() {
        let mut seen = BTreeMap::new();
        let mut ambiguous = BTreeSet::new();
        for document in documents() {
            for (name, schema) in document.components.into_iter().flat_map(|components| components.schemas) {
                let schema = serde_json::to_value(schema).unwrap();
                if *seen.entry(name.clone()).or_insert_with(|| schema.clone()) != schema {
                    ambiguous.insert(name);
                }
            }
        }
        assert!(ambiguous.is_empty(), "in one document only one schema of a name is left: {ambiguous:?}");
    }

    #[test]
    fn every_schema_that_is_referred_to_is_there() {
        let document = openapi();
        let text = document.to_string();
        let references = text.split("\"#/components/schemas/").skip(1).filter_map(|rest| rest.split('"').next());
        let missing: BTreeSet<&str> = references.filter(|name| document["components"]["schemas"].get(name).is_none()).collect();
        assert!(missing.is_empty(), "{missing:?}");
    }
}
