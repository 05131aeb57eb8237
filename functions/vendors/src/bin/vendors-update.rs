//! Wiring of `vendors-update`.

fn main() -> Result<(), runtime::StartError> {
    runtime::serve_http(&vendors::update::ROUTE)
}
