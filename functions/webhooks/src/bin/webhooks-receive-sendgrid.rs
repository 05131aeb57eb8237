//! Wiring of `webhooks-receive-sendgrid`.

fn main() -> Result<(), runtime::StartError> {
    runtime::serve_http(&webhooks::receive_sendgrid::ROUTE)
}
