//! Handlers and stores against DynamoDB in process. One binary, so that it is linked once.

mod support;

mod auth;
mod campaigns;
mod exports;
mod imports;
mod lifecycle;
mod pan_groups;
mod preflight;
mod public;
mod recipients;
mod responses;
mod schedules;
mod search;
mod suppressions;
mod sync;
mod templates;
mod test_send;
mod vendor_master;
mod vendor_status;
mod vendors;
mod verifications;
mod webhooks;
mod whatsapp_webhook;
