//! Messages on their way out and what is heard of them afterwards: templates, Amazon SES, and the events SES publishes.
//!
//! Nothing here reads a clock or the environment, stores anything, or tries anything twice: one call to a provider is one
//! attempt, and the classification of its answer says what may be done next.

pub mod classify;
pub mod render;
pub mod ses;
pub mod ses_events;

pub use classify::{EntryResult, SendError, Wait};
pub use render::{CampaignContext, EmailTemplate, RenderError, RenderedEmail, Variables};
pub use ses::{OutgoingEmail, Ses};
