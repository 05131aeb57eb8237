//! Wiring of `vendors-delete`.

fn main() -> Result<(), runtime::StartError> {
    runtime::serve_http(&vendors::delete::ROUTE)
}
