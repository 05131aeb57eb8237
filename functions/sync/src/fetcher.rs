//! What reads the addresses of sources.

use outbound::{Fetcher, Policy};
use runtime::{ApiError, App, Var};

/// A fetcher that reads from nowhere but where the stage allows.
///
/// # Errors
/// When the setting names no policy of the stage.
pub fn fetcher(app: &App) -> Result<Fetcher, ApiError> {
    let policy = Policy::parse(app.config().get(Var::OutboundPolicy)?, &app.config().stage);
    let policy = policy.map_err(|error| ApiError::Internal(Box::new(error)))?;
    Fetcher::new(policy).map_err(ApiError::Internal)
}
