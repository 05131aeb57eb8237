//! Cashfree's Secure ID (Verification Suite), one `POST` per identifier.
//!
//! | register | page | request | answer |
//! |---|---|---|---|
//! | Udyam | <https://www.cashfree.com/docs/api-reference/vrs/v2/udyam/verify-udyam> | `verification_id`, `udyam` | `status` `SUCCESS`, `udyam_number`, `enterprise_name`, `enterprise_type`, `classification_history` …; before 2026 `status` `VALID`, `udyam`, `enterprise_data`, `enterprise_type_data` |
//! | GSTIN | <https://www.cashfree.com/docs/api-reference/vrs/v2/gstin/verify-gstin> | `GSTIN` | `GSTIN`, `valid`, `message`, `legal_name_of_business`, `gst_in_status`, `date_of_registration` … |
//! | PAN | <https://www.cashfree.com/docs/api-reference/vrs/v2/pan/verify-pan-sync> | `pan` | `pan`, `valid`, `pan_status` (`VALID`, `INVALID`, `DELETED`, `DEACTIVATED`), `registered_name`, `type` |
//!
//! Every request has the headers `x-client-id` and `x-client-secret`. Errors are `{"type", "code", "message"}` with 400, 401, 403, 409,
//! 422, 429, 500 or 502; 429 comes with the headers of <https://www.cashfree.com/docs/api-reference/rate-limits>.
//!
//! Accounts that have no fixed address to call from send `x-cf-signature` as well; see [`CashfreePublicKey`]. Without it they are answered
//! with 403, which is [`Outcome::Auth`](domain::verification::Outcome::Auth) with its code.

mod answer;
mod signature;

use std::fmt;

use domain::verification::{Asked, Kind, Verification, VerificationRequest};
use futures::future::BoxFuture;
use outbound::https::{Answer, Https};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;

use crate::Verifier;

use answer::unsigned;
pub use answer::{answered, unanswered};
pub use signature::{CashfreePublicKey, UnreadableKey};

/// The name in reasons and in the history.
pub const PROVIDER: &str = "cashfree";

/// The production API. The sandbox, which knows test data only, is `https://sandbox.cashfree.com/verification`.
pub const CASHFREE_URL: &str = "https://api.cashfree.com/verification";

/// The version whose answers are read; `pan_status` came with 2022-09-12.
const API_VERSION: &str = "2024-12-01";

/// An enterprise has its units listed, and some have hundreds.
const MAX_ANSWER_BYTES: usize = 512 * 1024;

/// Longer than a day is not a time to wait, but a time of day.
const MAX_WAIT_SECS: u32 = 86_400;

/// What Cashfree knows an account by.
#[derive(Clone)]
pub struct CashfreeCredentials {
    /// `x-client-id`.
    pub client_id: SecretString,
    /// `x-client-secret`.
    pub client_secret: SecretString,
    /// The key `x-cf-signature` is made with, where the account has to sign.
    pub public_key: Option<CashfreePublicKey>,
}

impl fmt::Debug for CashfreeCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CashfreeCredentials(…)")
    }
}

/// Asks through one Cashfree account.
#[derive(Clone)]
pub struct Cashfree {
    https: Https,
    base_url: String,
    credentials: CashfreeCredentials,
    api_version: SecretString,
}

impl fmt::Debug for Cashfree {
    /// Without the credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cashfree").field("base_url", &self.base_url).finish_non_exhaustive()
    }
}

impl Cashfree {
    /// Asks the API at `base_url` ([`CASHFREE_URL`]). `https` says how long an answer may take: the registers behind Cashfree often
    /// need ten seconds.
    pub fn new(https: Https, base_url: &str, credentials: CashfreeCredentials) -> Self {
        let trimmed = |secret: &SecretString| SecretString::from(secret.expose_secret().trim());
        Self {
            https: https.with_max_answer_bytes(MAX_ANSWER_BYTES),
            base_url: base_url.trim_end_matches('/').to_owned(),
            // A secret pasted with its line break could not be sent at all.
            credentials: CashfreeCredentials {
                client_id: trimmed(&credentials.client_id),
                client_secret: trimmed(&credentials.client_secret),
                public_key: credentials.public_key,
            },
            api_version: SecretString::from(API_VERSION),
        }
    }

    async fn ask(&self, request: &VerificationRequest) -> Verification {
        let url = format!("{}/{}", self.base_url, request.asked.kind().as_str());
        let CashfreeCredentials {
            client_id,
            client_secret,
            public_key,
        } = &self.credentials;
        let signature = match public_key.as_ref().map(|key| key.sign(client_id.expose_secret(), request.at.as_second())) {
            Some(Err(UnreadableKey)) => return unsigned(request),
            Some(Ok(signature)) => Some(signature),
            None => None,
        };
        let mut headers = vec![("x-client-id", client_id), ("x-client-secret", client_secret)];
        headers.extend(signature.iter().map(|signature| ("x-cf-signature", signature)));
        if request.asked.kind() == Kind::Pan {
            headers.push(("x-api-version", &self.api_version));
        }
        match self.https.post_json_with(&url, &headers, body(request)).await {
            Ok(answer) => answered(request, answer.status, retry_after_secs(&answer), &answer.body),
            Err(no_answer) => unanswered(request, no_answer),
        }
    }
}

impl Verifier for Cashfree {
    fn provider(&self) -> &'static str {
        PROVIDER
    }

    fn verify<'a>(&'a self, request: &'a VerificationRequest) -> BoxFuture<'a, Verification> {
        Box::pin(self.ask(request))
    }
}

fn body(request: &VerificationRequest) -> Vec<u8> {
    let body = match &request.asked {
        Asked::Udyam(udyam) => json!({ "verification_id": request.id.as_str(), "udyam": udyam.as_str() }),
        Asked::Gstin(gstin) => json!({ "GSTIN": gstin.as_str() }),
        Asked::Pan(pan) => json!({ "pan": pan.as_str() }),
    };
    body.to_string().into_bytes()
}

/// `Retry-After` as a number of seconds, or what Cashfree's own headers say. A date would need a clock.
fn retry_after_secs(answer: &Answer) -> Option<u32> {
    let names = ["retry-after", "x-ratelimit-retry", "x-ratelimit-reset"];
    let seconds = names.iter().filter_map(|name| answer.header(name)?.trim().parse::<u32>().ok());
    seconds.filter(|seconds| (1..=MAX_WAIT_SECS).contains(seconds)).max()
}
