//! Wiring of `vendors-create`.

fn main() -> Result<(), runtime::StartError> {
    runtime::serve_http(&vendors::create::ROUTE)
}
