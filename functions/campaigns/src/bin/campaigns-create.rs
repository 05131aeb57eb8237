//! Wiring of `campaigns-create`.

fn main() -> Result<(), runtime::StartError> {
    runtime::serve_http(&campaigns::create::ROUTE)
}
