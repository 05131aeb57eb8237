//! Wiring of `vendors-group`.

fn main() -> Result<(), runtime::StartError> {
    runtime::serve_http(&vendors::group::ROUTE)
}
