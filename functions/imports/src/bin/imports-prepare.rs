//! Wiring of `imports-prepare`.

fn main() -> Result<(), runtime::StartError> {
    runtime::serve_http(&imports::prepare::ROUTE)
}
