//! Handlers and stores against DynamoDB in process. One binary, so that it is linked once.

mod support;

mod auth;
mod campaigns;
mod imports;
mod lifecycle;
mod preflight;
mod public;
mod recipients;
mod responses;
mod schedules;
mod suppressions;
mod templates;
mod test_send;
mod vendor_master;
mod vendors;
mod webhooks;
mod whatsapp_webhook;
