//! Asking the registers through a provider: a [`Verifier`] makes one request and says what became of it. What the outcomes are and what
//! follows from them is [`domain::verification`].
//!
//! Nothing here reads a clock or the environment, logs anything, or asks twice: one call is one attempt, and
//! [`Verification::is_retryable`] says whether another may be worth its price.

pub mod cashfree;

use domain::verification::{Verification, VerificationRequest};
use futures::future::BoxFuture;

pub use cashfree::{Cashfree, CashfreeCredentials, CashfreePublicKey, UnreadableKey};

/// A provider that can ask the registers.
pub trait Verifier: Send + Sync {
    /// Its name in reasons and in the history: `cashfree`.
    fn provider(&self) -> &'static str;

    /// Asks once. Whatever goes wrong is an outcome too.
    fn verify<'a>(&'a self, request: &'a VerificationRequest) -> BoxFuture<'a, Verification>;
}
