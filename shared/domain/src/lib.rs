//! The rules of MSME Campaign Central: identifiers, vendors, campaigns, delivery outcomes and the ledger.
//!
//! Nothing here does I/O, knows AWS or HTTP, or reads a clock: time and randomness come in as arguments.

pub mod campaign;
pub mod classification;
pub mod columns;
pub mod declaration;
pub mod delivery;
pub mod hash;
pub mod identifiers;
pub mod ids;
pub mod import;
pub mod ladder;
pub mod links;
pub mod pan_group;
pub mod payment;
pub mod preflight;
pub mod repairs;
pub mod schedule;
pub mod search;
pub mod segment;
pub mod status;
pub mod suppression;
pub mod sync;
pub mod template;
pub mod user;
pub mod vendor;
pub mod vendor_change;
pub mod vendor_record;
pub mod verification;
pub mod work;

pub use ids::{
    CampaignId, ExportId, ImportId, InvalidId, ProposalId, ResponseId, ScheduleId, SegmentId, SyncRunId, SyncSourceId, TemplateId, UserId, VendorId,
    VerificationRunId,
};
pub use vendor::FieldError;
