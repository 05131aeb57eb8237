//! Wiring of `exports-get`.

fn main() -> Result<(), runtime::StartError> {
    runtime::serve_http(&exports::get::ROUTE)
}
