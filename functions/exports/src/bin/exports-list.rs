//! Wiring of `exports-list`.

fn main() -> Result<(), runtime::StartError> {
    runtime::serve_http(&exports::list::ROUTE)
}
