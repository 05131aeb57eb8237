//! Wiring of `campaigns-clone`.

fn main() -> Result<(), runtime::StartError> {
    runtime::serve_http(&campaigns::clone::ROUTE)
}
