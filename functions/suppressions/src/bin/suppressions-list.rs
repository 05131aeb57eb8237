//! Wiring of `suppressions-list`.

fn main() -> Result<(), runtime::StartError> {
    runtime::serve_http(&suppressions::list::ROUTE)
}
