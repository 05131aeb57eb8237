//! Wiring of `campaigns-recipients`.

fn main() -> Result<(), runtime::StartError> {
    runtime::serve_http(&campaigns::recipients::ROUTE)
}
