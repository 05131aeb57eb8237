//! Wiring of `sync-get`.

fn main() -> Result<(), runtime::StartError> {
    runtime::serve_http(&sync::get::ROUTE)
}
