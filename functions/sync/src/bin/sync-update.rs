//! Wiring of `sync-update`.

fn main() -> Result<(), runtime::StartError> {
    runtime::serve_http(&sync::update::ROUTE)
}
