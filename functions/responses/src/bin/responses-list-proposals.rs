//! Wiring of `responses-list-proposals`.

fn main() -> Result<(), runtime::StartError> {
    runtime::serve_http(&responses::list_proposals::ROUTE)
}
