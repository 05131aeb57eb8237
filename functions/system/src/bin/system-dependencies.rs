//! Wiring of `system-dependencies`.

fn main() -> Result<(), runtime::StartError> {
    runtime::serve_http(&system::dependencies::ROUTE)
}
