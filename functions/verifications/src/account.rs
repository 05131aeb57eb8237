//! Whether the provider of verifications can be asked at all.

use std::sync::Arc;

use runtime::problem::conflict;
use runtime::{ApiError, App, InvalidSecret, VerificationAccount};
use verification::{CashfreePublicKey, cashfree};

/// The account as it is at this moment, if it can be used.
///
/// Read anew, because whoever was just told what is wrong with it has just mended it.
pub(crate) async fn ready(app: &App) -> Result<Arc<VerificationAccount>, ApiError> {
    let account = app.verification_account_since(app.now()).await.map_err(|error| match error {
        ApiError::Internal(error) if error.is::<InvalidSecret>() => not_set_up(&format!("{error}; correct the secret")),
        other => other,
    })?;
    if account.credentials().is_none() {
        return Err(not_set_up("put client_id and client_secret of your Cashfree account into the secret"));
    }
    if account.provider() != cashfree::PROVIDER {
        let provider = account.provider();
        return Err(not_set_up(&format!(
            "{provider} is no provider this stack knows; write cashfree as provider into the secret"
        )));
    }
    if account.public_key().map(CashfreePublicKey::parse).is_some_and(|key| key.is_err()) {
        return Err(not_set_up(
            "public_key is no RSA public key; put the PEM file of Cashfree's dashboard, with \\n for its line breaks, into the secret",
        ));
    }
    Ok(account)
}

fn not_set_up(what: &str) -> ApiError {
    conflict(format!(
        "verification is not set up: {what} that the stack's output VerificationSecretArn names"
    ))
}
