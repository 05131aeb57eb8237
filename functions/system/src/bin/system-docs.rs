//! Wiring of `system-docs`.

fn main() -> Result<(), runtime::StartError> {
    runtime::serve_http(&system::docs::ROUTE)
}
