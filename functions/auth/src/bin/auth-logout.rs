//! Wiring of `auth-logout`.

fn main() -> Result<(), runtime::StartError> {
    runtime::serve_http(&auth::logout::ROUTE)
}
