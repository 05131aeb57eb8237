//! Wiring of `vendors-list-groups`.

fn main() -> Result<(), runtime::StartError> {
    runtime::serve_http(&vendors::list_groups::ROUTE)
}
