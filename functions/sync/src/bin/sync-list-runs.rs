//! Wiring of `sync-list-runs`.

fn main() -> Result<(), runtime::StartError> {
    runtime::serve_http(&sync::list_runs::ROUTE)
}
