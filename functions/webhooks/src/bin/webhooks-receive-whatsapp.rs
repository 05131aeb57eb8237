//! Wiring of `webhooks-receive-whatsapp`.

fn main() -> Result<(), runtime::StartError> {
    runtime::serve_http(&webhooks::receive_whatsapp::ROUTE)
}
