//! Wiring of `campaigns-cancel`.

fn main() -> Result<(), runtime::StartError> {
    runtime::serve_http(&campaigns::cancel::ROUTE)
}
