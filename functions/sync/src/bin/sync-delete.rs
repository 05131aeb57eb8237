//! Wiring of `sync-delete`.

fn main() -> Result<(), runtime::StartError> {
    runtime::serve_http(&sync::delete::ROUTE)
}
