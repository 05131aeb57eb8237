//! Wiring of `segments-list`.

fn main() -> Result<(), runtime::StartError> {
    runtime::serve_http(&segments::list::ROUTE)
}
