//! Wiring of `responses-review-proposal`.

fn main() -> Result<(), runtime::StartError> {
    runtime::serve_http(&responses::review_proposal::ROUTE)
}
