//! Wiring of `sync-list`.

fn main() -> Result<(), runtime::StartError> {
    runtime::serve_http(&sync::list::ROUTE)
}
