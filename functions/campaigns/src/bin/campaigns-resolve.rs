//! Wiring of `campaigns-resolve`.

fn main() -> Result<(), runtime::StartError> {
    runtime::serve_http(&campaigns::resolve::ROUTE)
}
