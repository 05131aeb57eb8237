//! Wiring of `campaigns-resume`.

fn main() -> Result<(), runtime::StartError> {
    runtime::serve_http(&campaigns::resume::ROUTE)
}
