//! Wiring of `templates-update`.

fn main() -> Result<(), runtime::StartError> {
    runtime::serve_http(&templates::update::ROUTE)
}
