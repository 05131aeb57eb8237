//! The rules of MSME Campaign Central: identifiers, vendors, campaigns, delivery outcomes and the ledger.
//!
//! Nothing here does I/O, knows AWS or HTTP, or reads a clock: time and randomness come in as arguments.

pub mod campaign;
pub mod declaration;
pub mod delivery;
pub mod hash;
pub mod identifiers;
pub mod ids;
pub mod links;
pub mod preflight;
pub mod schedule;
pub mod status;
pub mod suppression;
pub mod template;
pub mod user;
pub mod vendor;
pub mod vendor_record;
pub mod work;

pub use ids::{CampaignId, ImportId, InvalidId, ProposalId, ResponseId, ScheduleId, TemplateId, UserId, VendorId};
pub use vendor::FieldError;
