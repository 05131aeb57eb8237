//! Asking the registers, through a provider, whether a Udyam registration, a GSTIN or a PAN is what a vendor says it is.
//!
//! - A [`Verifier`] makes one request and says what became of it: [`Verification`], with exactly one [`Outcome`].
//! - What the register says is kept apart from what we make of it: [`Facts`] are the register's, [`compare`] holds them
//!   against [`OurRecord`] and lists each [`Mismatch`] by field.
//! - That nothing was found is an answer. That nothing could be asked is none, and never taken for one: [`Outcome::is_conclusive`].
//!
//! Nothing here reads a clock or the environment, logs anything, or asks twice: one call is one attempt, and
//! [`Verification::is_retryable`] says whether another may be worth its price.

pub mod cashfree;
mod compare;
mod facts;
mod names;
mod outcome;

use futures::future::BoxFuture;

pub use cashfree::{Cashfree, CashfreeCredentials};
pub use compare::{Field, Mismatch, OurRecord, compare};
pub use facts::{Classification, EnterpriseType, Facts, Standing, parse_date};
pub use names::{SIMILAR_PERCENT, similarity_percent};
pub use outcome::{Asked, InvalidRequestId, Kind, Next, Outcome, RequestId, Verification, VerificationRequest};

/// A provider that can ask the registers.
pub trait Verifier: Send + Sync {
    /// Its name in reasons and in the history: `cashfree`.
    fn provider(&self) -> &'static str;

    /// Asks once. Whatever goes wrong is an outcome too.
    fn verify<'a>(&'a self, request: &'a VerificationRequest) -> BoxFuture<'a, Verification>;
}
