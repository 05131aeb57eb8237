//! WhatsApp through Meta's Cloud API: template messages on their way out, and what its webhook says of them and of the vendors'
//! answers.
//!
//! As everywhere in this crate, one call is one attempt, and only an answer that proves Meta did not take a message permits another.

pub mod approved;
pub mod classify;
pub mod client;
pub mod payload;
pub mod stop_words;
pub mod webhook;

pub use approved::ApprovedTemplate;
pub use classify::Class;
pub use client::{ApiError, NumberHealth, WhatsApp};
pub use payload::{Callback, OutgoingWhatsapp, RenderedWhatsapp, WhatsappTemplate};
pub use webhook::{Inbound, StatusEvent, TemplateStatusChange, WebhookEvent};
