//! Wiring of `suppressions-create`.

fn main() -> Result<(), runtime::StartError> {
    runtime::serve_http(&suppressions::create::ROUTE)
}
