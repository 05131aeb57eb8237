//! Wiring of `vendors-add-status`.

fn main() -> Result<(), runtime::StartError> {
    runtime::serve_http(&vendors::add_status::ROUTE)
}
