//! Wiring of `public-show-unsubscribe`.

fn main() -> Result<(), runtime::StartError> {
    runtime::serve_http(&public::show_unsubscribe::ROUTE)
}
