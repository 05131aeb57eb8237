//! Wiring of `templates-preview`.

fn main() -> Result<(), runtime::StartError> {
    runtime::serve_http(&templates::preview::ROUTE)
}
