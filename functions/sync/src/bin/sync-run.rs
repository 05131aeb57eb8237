//! Wiring of `sync-run`.

fn main() -> Result<(), runtime::StartError> {
    runtime::serve_http(&sync::run::ROUTE)
}
