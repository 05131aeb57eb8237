//! Wiring of `campaigns-pause`.

fn main() -> Result<(), runtime::StartError> {
    runtime::serve_http(&campaigns::pause::ROUTE)
}
