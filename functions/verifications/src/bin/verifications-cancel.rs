//! Wiring of `verifications-cancel`.

fn main() -> Result<(), runtime::StartError> {
    runtime::serve_http(&verifications::cancel::ROUTE)
}
