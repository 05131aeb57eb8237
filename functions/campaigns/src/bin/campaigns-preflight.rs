//! Wiring of `campaigns-preflight`.

fn main() -> Result<(), runtime::StartError> {
    runtime::serve_http(&campaigns::preflight::ROUTE)
}
