//! Wiring of `system-openapi`.

fn main() -> Result<(), runtime::StartError> {
    runtime::serve_http(&system::openapi::ROUTE)
}
