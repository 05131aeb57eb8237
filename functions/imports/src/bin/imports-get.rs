//! Wiring of `imports-get`.

fn main() -> Result<(), runtime::StartError> {
    runtime::serve_http(&imports::get::ROUTE)
}
