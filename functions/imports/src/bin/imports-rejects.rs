//! Wiring of `imports-rejects`.

fn main() -> Result<(), runtime::StartError> {
    runtime::serve_http(&imports::rejects::ROUTE)
}
