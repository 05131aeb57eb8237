//! Wiring of `vendors-list`.

fn main() -> Result<(), runtime::StartError> {
    runtime::serve_http(&vendors::list::ROUTE)
}
