//! Wiring of `campaigns-update`.

fn main() -> Result<(), runtime::StartError> {
    runtime::serve_http(&campaigns::update::ROUTE)
}
