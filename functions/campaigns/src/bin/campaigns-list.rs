//! Wiring of `campaigns-list`.

fn main() -> Result<(), runtime::StartError> {
    runtime::serve_http(&campaigns::list::ROUTE)
}
