//! Wiring of `campaigns-test-send`.

fn main() -> Result<(), runtime::StartError> {
    runtime::serve_http(&campaigns::test_send::ROUTE)
}
