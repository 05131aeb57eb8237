//! The files of an import in the bucket.

use aws_sdk_s3::primitives::ByteStream;
use domain::ImportId;
use runtime::{App, RecordError, Var};

/// Every import file is text of one kind.
pub(crate) const CONTENT_TYPE: &str = "text/csv; charset=utf-8";

/// Where the uploaded file lies.
pub fn source_key(import: ImportId) -> String {
    format!("imports/{import}/source.csv")
}

/// Where the rejected rows lie.
pub fn rejects_key(import: ImportId) -> String {
    format!("imports/{import}/rejects.csv")
}

/// Stores a file, over an older one.
///
/// # Errors
/// When the bucket cannot be written.
pub async fn write(app: &App, key: &str, bytes: Vec<u8>) -> Result<(), RecordError> {
    let bucket = app.config().get(Var::BucketName)?;
    app.s3()
        .put_object()
        .bucket(bucket)
        .key(key)
        .content_type(CONTENT_TYPE)
        .body(ByteStream::from(bytes))
        .send()
        .await?;
    Ok(())
}

/// Reads a file whole; none if it is not there.
///
/// # Errors
/// When the bucket cannot be read.
pub async fn read(app: &App, key: &str) -> Result<Option<Vec<u8>>, RecordError> {
    let bucket = app.config().get(Var::BucketName)?;
    match app.s3().get_object().bucket(bucket).key(key).send().await {
        Ok(output) => Ok(Some(output.body.collect().await?.to_vec())),
        Err(error) if error.as_service_error().is_some_and(|error| error.is_no_such_key()) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
