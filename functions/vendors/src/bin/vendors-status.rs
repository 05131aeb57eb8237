//! Wiring of `vendors-status`.

fn main() -> Result<(), runtime::StartError> {
    runtime::serve_http(&vendors::status::ROUTE)
}
