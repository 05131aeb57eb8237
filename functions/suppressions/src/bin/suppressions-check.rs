//! Wiring of `suppressions-check`.

fn main() -> Result<(), runtime::StartError> {
    runtime::serve_http(&suppressions::check::ROUTE)
}
