//! Wiring of `imports-analyse`.

fn main() -> Result<(), runtime::StartError> {
    runtime::serve_http(&imports::analyse::ROUTE)
}
