//! Wiring of `vendors-verdict`.

fn main() -> Result<(), runtime::StartError> {
    runtime::serve_http(&vendors::verdict::ROUTE)
}
