//! Wiring of `users-update-me`.

fn main() -> Result<(), runtime::StartError> {
    runtime::serve_http(&users::update_me::ROUTE)
}
