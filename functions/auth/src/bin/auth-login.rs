//! Wiring of `auth-login`.

fn main() -> Result<(), runtime::StartError> {
    runtime::serve_http(&auth::login::ROUTE)
}
