//! Handlers and stores against DynamoDB in process. One binary, so that it is linked once.

mod support;

mod auth;
mod campaigns;
mod imports;
mod public;
mod schedules;
mod suppressions;
mod templates;
mod vendors;
mod webhooks;
