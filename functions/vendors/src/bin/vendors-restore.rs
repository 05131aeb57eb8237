//! Wiring of `vendors-restore`.

fn main() -> Result<(), runtime::StartError> {
    runtime::serve_http(&vendors::restore::ROUTE)
}
