//! What can go wrong with the table, in six words a caller can act on.

use std::error::Error;

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};

/// A failed table operation.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The item is not there.
    #[error("not found")]
    NotFound,
    /// The item is there but not in the state the write required.
    #[error("conflict: {0}")]
    Conflict(&'static str),
    /// The place a listing was to go on from is of another listing.
    #[error("the place to go on from is of another listing")]
    Place,
    /// The table or a transaction is busy; worth another try.
    #[error("the table is throttling")]
    Throttled,
    /// The item is there but cannot be read as what it should be.
    #[error("corrupt item {pk} / {sk}: {reason}")]
    Corrupt {
        /// Partition key.
        pk: String,
        /// Sort key.
        sk: String,
        /// What did not fit.
        reason: String,
    },
    /// The table cannot be reached or refused the request.
    #[error("the table is unavailable")]
    Unavailable(#[source] Box<dyn Error + Send + Sync>),
}

impl StoreError {
    pub(crate) fn encoding(error: serde_dynamo::Error) -> Self {
        StoreError::Unavailable(Box::new(error))
    }
}

impl<E, R> From<SdkError<E, R>> for StoreError
where
    E: ProvideErrorMetadata + Error + Send + Sync + 'static,
    R: std::fmt::Debug + Send + Sync + 'static,
{
    fn from(error: SdkError<E, R>) -> Self {
        match error.as_service_error().and_then(ProvideErrorMetadata::code) {
            Some("ConditionalCheckFailedException") => StoreError::Conflict("a condition did not hold"),
            Some("ProvisionedThroughputExceededException" | "ThrottlingException" | "RequestLimitExceeded" | "TransactionConflictException") => {
                StoreError::Throttled
            }
            _ => StoreError::Unavailable(Box::new(error)),
        }
    }
}
