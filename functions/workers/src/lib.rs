//! Everything that runs off a queue or the table's stream.

pub mod campaign_planner;
pub mod delivery_events;
pub mod email_sender;
pub mod export;
pub mod import;
pub mod progress_aggregator;
pub mod scheduled_campaign;
pub mod sync;
pub mod verification;
pub mod whatsapp_events;
pub mod whatsapp_sender;

mod digest;
mod each;
mod giving_up;
