//! Wiring of `users-me`.

fn main() -> Result<(), runtime::StartError> {
    runtime::serve_http(&users::me::ROUTE)
}
