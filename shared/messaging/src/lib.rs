//! Messages on their way out and what is heard of them afterwards: templates, providers of e-mail, WhatsApp, and their events.
//!
//! Nothing here reads a clock or the environment, stores anything, or tries anything twice: one call to a provider is one
//! attempt, and the classification of its answer says what may be done next.

pub mod classify;
pub mod email_providers;
pub mod render;
pub mod sendgrid;
pub mod sendgrid_events;
pub mod ses;
pub mod ses_events;
pub mod smtp;
pub mod whatsapp;

pub use classify::{EntryResult, SendError, Wait};
pub use email_providers::{Attempt, EmailProvider, SingleSender};
pub use render::{CampaignContext, EmailTemplate, RenderError, RenderedEmail, Variables};
pub use sendgrid::SendGrid;
pub use ses::{OutgoingEmail, Ses};
pub use smtp::{Smtp, SmtpCredentials, SmtpTls};
pub use whatsapp::{OutgoingWhatsapp, RenderedWhatsapp, WhatsApp, WhatsappTemplate};
