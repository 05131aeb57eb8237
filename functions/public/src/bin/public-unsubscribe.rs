//! Wiring of `public-unsubscribe`.

fn main() -> Result<(), runtime::StartError> {
    runtime::serve_http(&public::unsubscribe::ROUTE)
}
