//! Asking the registers whether a Udyam registration, a GSTIN or a PAN is what a vendor says it is: what is asked, what comes of it,
//! and what follows for the vendor. How a provider is spoken to is elsewhere.
//!
//! - What the register says is kept apart from what we make of it: [`Facts`] are the register's, [`compare`] holds them against
//!   [`OurRecord`] and lists each [`Mismatch`] by field.
//! - That nothing was found is an answer. That nothing could be asked is none, and never taken for one: [`Outcome::is_conclusive`].

mod compare;
mod facts;
mod finding;
mod names;
mod outcome;
mod result;
mod statuses;

pub use compare::{Field, Mismatch, OurRecord, compare, within};
pub use facts::{Classification, EnterpriseType, Facts, Standing, parse_date};
pub use finding::{RegisterFinding, findings};
pub use names::{SIMILAR_PERCENT, similarity_percent};
pub use outcome::{Asked, InvalidRequestId, Kind, Next, Outcome, RequestId, Verification, VerificationRequest};
pub use result::{VerificationResult, identifiers_of, pan_of};
pub use statuses::{record_after, status_entries, status_of};
