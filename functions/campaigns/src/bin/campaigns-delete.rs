//! Wiring of `campaigns-delete`.

fn main() -> Result<(), runtime::StartError> {
    runtime::serve_http(&campaigns::delete::ROUTE)
}
