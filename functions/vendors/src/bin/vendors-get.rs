//! Wiring of `vendors-get`.

fn main() -> Result<(), runtime::StartError> {
    runtime::serve_http(&vendors::get::ROUTE)
}
