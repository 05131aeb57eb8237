//! Wiring of `auth-refresh`.

fn main() -> Result<(), runtime::StartError> {
    runtime::serve_http(&auth::refresh::ROUTE)
}
