//! Wiring of `public-show-form`.

fn main() -> Result<(), runtime::StartError> {
    runtime::serve_http(&public::show_form::ROUTE)
}
