//! Wiring of `webhooks-verify-whatsapp`.

fn main() -> Result<(), runtime::StartError> {
    runtime::serve_http(&webhooks::verify_whatsapp::ROUTE)
}
