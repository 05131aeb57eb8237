//! Wiring of `templates-create-email`.

fn main() -> Result<(), runtime::StartError> {
    runtime::serve_http(&templates::create_email::ROUTE)
}
