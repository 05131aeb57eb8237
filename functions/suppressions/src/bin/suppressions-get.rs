//! Wiring of `suppressions-get`.

fn main() -> Result<(), runtime::StartError> {
    runtime::serve_http(&suppressions::get::ROUTE)
}
