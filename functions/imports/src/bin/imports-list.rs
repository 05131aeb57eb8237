//! Wiring of `imports-list`.

fn main() -> Result<(), runtime::StartError> {
    runtime::serve_http(&imports::list::ROUTE)
}
