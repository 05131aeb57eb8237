//! Wiring of `templates-create-whatsapp`.

fn main() -> Result<(), runtime::StartError> {
    runtime::serve_http(&templates::create_whatsapp::ROUTE)
}
