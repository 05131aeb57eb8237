//! Wiring of `segments-get`.

fn main() -> Result<(), runtime::StartError> {
    runtime::serve_http(&segments::get::ROUTE)
}
