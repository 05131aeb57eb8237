//! Wiring of `campaigns-schedule`.

fn main() -> Result<(), runtime::StartError> {
    runtime::serve_http(&campaigns::schedule::ROUTE)
}
