//! Wiring of `segments-create`.

fn main() -> Result<(), runtime::StartError> {
    runtime::serve_http(&segments::create::ROUTE)
}
