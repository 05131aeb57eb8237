//! The provider of verifications on the local stack: the Cashfree simulator, and the account's secret.

use serde_json::json;

use super::aws::Aws;
use super::error::{Context as _, Error};
use crate::cashfree_simulator::{CLIENT_ID, CLIENT_SECRET, CashfreeSimulator};

/// Starts the simulator. Its port is nobody's concern: only the functions call it.
pub(super) async fn start() -> Result<CashfreeSimulator, Error> {
    CashfreeSimulator::start()
        .await
        .context(|| "cannot start the simulator of verifications".to_owned())
}

/// Does by hand what an operator does once: fills in the account's secret.
pub(super) async fn connect(simulator: &CashfreeSimulator, aws: &Aws, secret_id: &str) -> Result<(), Error> {
    let account = json!({
        "provider": "cashfree",
        "url": simulator.url(),
        "client_id": CLIENT_ID,
        "client_secret": CLIENT_SECRET,
    });
    let input = json!({ "SecretId": secret_id, "SecretString": account.to_string() });
    aws.secrets_manager("PutSecretValue", &input).await?;
    Ok(())
}
