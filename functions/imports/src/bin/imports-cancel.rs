//! Wiring of `imports-cancel`.

fn main() -> Result<(), runtime::StartError> {
    runtime::serve_http(&imports::cancel::ROUTE)
}
