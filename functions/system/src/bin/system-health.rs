//! Wiring of `system-health`.

fn main() -> Result<(), runtime::StartError> {
    runtime::serve_http(&system::health::ROUTE)
}
