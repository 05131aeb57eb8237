//! Wiring of `verifications-start`.

fn main() -> Result<(), runtime::StartError> {
    runtime::serve_http(&verifications::start::ROUTE)
}
