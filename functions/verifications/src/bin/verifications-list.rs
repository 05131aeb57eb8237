//! Wiring of `verifications-list`.

fn main() -> Result<(), runtime::StartError> {
    runtime::serve_http(&verifications::list::ROUTE)
}
