//! Wiring of `campaigns-export-recipients`.

fn main() -> Result<(), runtime::StartError> {
    runtime::serve_http(&campaigns::export_recipients::ROUTE)
}
