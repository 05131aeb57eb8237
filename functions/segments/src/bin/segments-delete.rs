//! Wiring of `segments-delete`.

fn main() -> Result<(), runtime::StartError> {
    runtime::serve_http(&segments::delete::ROUTE)
}
