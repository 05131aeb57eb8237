//! Wiring of `suppressions-remove`.

fn main() -> Result<(), runtime::StartError> {
    runtime::serve_http(&suppressions::remove::ROUTE)
}
