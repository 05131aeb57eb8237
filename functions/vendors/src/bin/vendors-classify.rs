//! Wiring of `vendors-classify`.

fn main() -> Result<(), runtime::StartError> {
    runtime::serve_http(&vendors::classify::ROUTE)
}
