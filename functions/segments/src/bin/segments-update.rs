//! Wiring of `segments-update`.

fn main() -> Result<(), runtime::StartError> {
    runtime::serve_http(&segments::update::ROUTE)
}
