//! Wiring of `imports-create`.

fn main() -> Result<(), runtime::StartError> {
    runtime::serve_http(&imports::create::ROUTE)
}
