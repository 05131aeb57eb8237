//! Wiring of `sync-create`.

fn main() -> Result<(), runtime::StartError> {
    runtime::serve_http(&sync::create::ROUTE)
}
