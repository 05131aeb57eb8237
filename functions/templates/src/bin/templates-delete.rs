//! Wiring of `templates-delete`.

fn main() -> Result<(), runtime::StartError> {
    runtime::serve_http(&templates::delete::ROUTE)
}
