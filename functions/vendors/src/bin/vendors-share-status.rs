//! Wiring of `vendors-share-status`.

fn main() -> Result<(), runtime::StartError> {
    runtime::serve_http(&vendors::share_status::ROUTE)
}
