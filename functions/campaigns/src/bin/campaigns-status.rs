//! Wiring of `campaigns-status`.

fn main() -> Result<(), runtime::StartError> {
    runtime::serve_http(&campaigns::status::ROUTE)
}
