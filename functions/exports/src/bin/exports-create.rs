//! Wiring of `exports-create`.

fn main() -> Result<(), runtime::StartError> {
    runtime::serve_http(&exports::create::ROUTE)
}
