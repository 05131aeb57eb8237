//! Wiring of `templates-list`.

fn main() -> Result<(), runtime::StartError> {
    runtime::serve_http(&templates::list::ROUTE)
}
