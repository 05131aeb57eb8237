//! Wiring of `vendors-history`.

fn main() -> Result<(), runtime::StartError> {
    runtime::serve_http(&vendors::history::ROUTE)
}
