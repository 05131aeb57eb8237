//! Wiring of `imports-confirm`.

fn main() -> Result<(), runtime::StartError> {
    runtime::serve_http(&imports::confirm::ROUTE)
}
