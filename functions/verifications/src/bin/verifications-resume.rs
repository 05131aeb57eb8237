//! Wiring of `verifications-resume`.

fn main() -> Result<(), runtime::StartError> {
    runtime::serve_http(&verifications::resume::ROUTE)
}
