//! Wiring of `vendors-findings`.

fn main() -> Result<(), runtime::StartError> {
    runtime::serve_http(&vendors::findings::ROUTE)
}
