//! Wiring of `templates-test-send`.

fn main() -> Result<(), runtime::StartError> {
    runtime::serve_http(&templates::test_send::ROUTE)
}
