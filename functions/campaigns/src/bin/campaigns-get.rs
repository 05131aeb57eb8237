//! Wiring of `campaigns-get`.

fn main() -> Result<(), runtime::StartError> {
    runtime::serve_http(&campaigns::get::ROUTE)
}
