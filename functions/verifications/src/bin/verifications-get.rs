//! Wiring of `verifications-get`.

fn main() -> Result<(), runtime::StartError> {
    runtime::serve_http(&verifications::get::ROUTE)
}
