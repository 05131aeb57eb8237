//! Wiring of `campaigns-execute`.

fn main() -> Result<(), runtime::StartError> {
    runtime::serve_http(&campaigns::execute::ROUTE)
}
