//! Wiring of `verifications-of-vendor`.

fn main() -> Result<(), runtime::StartError> {
    runtime::serve_http(&verifications::of_vendor::ROUTE)
}
