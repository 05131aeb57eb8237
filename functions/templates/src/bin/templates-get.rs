//! Wiring of `templates-get`.

fn main() -> Result<(), runtime::StartError> {
    runtime::serve_http(&templates::get::ROUTE)
}
