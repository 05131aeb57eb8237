//! Files in the bucket: to and from the disk, so that memory does not hold them, and links that need no token.

use std::path::Path;
use std::time::Duration;

use aws_sdk_s3::error::SdkError;
use aws_sdk_s3::operation::get_object::GetObjectError;
use aws_sdk_s3::presigning::PresigningConfig;
use aws_sdk_s3::primitives::ByteStream;
use tokio::io::AsyncWriteExt as _;

use crate::app::App;
use crate::config::Var;
use crate::queue::RecordError;

/// Stores a file from the disk, over an older one.
///
/// # Errors
/// When the file cannot be read or the bucket cannot be written.
pub async fn put_file(app: &App, key: &str, path: &Path, content_type: &str) -> Result<(), RecordError> {
    let body = ByteStream::from_path(path).await?;
    let bucket = app.config().get(Var::BucketName)?;
    app.s3().put_object().bucket(bucket).key(key).content_type(content_type).body(body).send().await?;
    Ok(())
}

/// Stores a few bytes, over an older file.
///
/// # Errors
/// When the bucket cannot be written.
pub async fn put(app: &App, key: &str, bytes: Vec<u8>, content_type: &str) -> Result<(), RecordError> {
    let bucket = app.config().get(Var::BucketName)?;
    let put = app.s3().put_object().bucket(bucket).key(key).content_type(content_type);
    put.body(ByteStream::from(bytes)).send().await?;
    Ok(())
}

/// What became of fetching a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fetched {
    /// It is on the disk, with this many bytes.
    Whole(u64),
    /// There is no such file.
    Missing,
    /// It has more bytes than allowed; what is on the disk is a part of it.
    TooLarge,
}

/// Fetches a file to the disk, a piece at a time, up to `max_bytes`.
///
/// # Errors
/// When the bucket cannot be read or the disk cannot be written.
pub async fn get_file(app: &App, key: &str, path: &Path, max_bytes: u64) -> Result<Fetched, RecordError> {
    let bucket = app.config().get(Var::BucketName)?;
    let mut body = match app.s3().get_object().bucket(bucket).key(key).send().await {
        Ok(output) => output.body,
        Err(error) if is_missing(&error) => return Ok(Fetched::Missing),
        Err(error) => return Err(error.into()),
    };
    let mut file = tokio::fs::File::create(path).await?;
    let mut bytes = 0_u64;
    while let Some(piece) = body.try_next().await? {
        bytes += u64::try_from(piece.len())?;
        if bytes > max_bytes {
            return Ok(Fetched::TooLarge);
        }
        file.write_all(&piece).await?;
    }
    file.flush().await?;
    Ok(Fetched::Whole(bytes))
}

fn is_missing(error: &SdkError<GetObjectError>) -> bool {
    error.as_service_error().is_some_and(GetObjectError::is_no_such_key)
}

/// Deletes a file; one that is not there is no error.
///
/// # Errors
/// When the bucket cannot be written.
pub async fn delete(app: &App, key: &str) -> Result<(), RecordError> {
    let bucket = app.config().get(Var::BucketName)?;
    app.s3().delete_object().bucket(bucket).key(key).send().await?;
    Ok(())
}

/// A link that gives the file to whoever has it, for a while, under a name to save it by.
///
/// # Errors
/// When it cannot be signed.
pub async fn download_link(app: &App, key: &str, file_name: &str, good_for: Duration) -> Result<String, RecordError> {
    let request = app
        .s3()
        .get_object()
        .bucket(app.config().get(Var::BucketName)?)
        .key(key)
        .response_content_disposition(format!("attachment; filename=\"{file_name}\""));
    Ok(request.presigned(PresigningConfig::expires_in(good_for)?).await?.uri().to_owned())
}

/// A link that takes one file by PUT, for a while.
///
/// # Errors
/// When it cannot be signed.
pub async fn upload_link(app: &App, key: &str, content_type: &str, bytes: u64, good_for: Duration) -> Result<String, RecordError> {
    // The length is signed: nobody can store more under this link than was announced.
    let request = app
        .s3()
        .put_object()
        .bucket(app.config().get(Var::BucketName)?)
        .key(key)
        .content_type(content_type)
        .content_length(i64::try_from(bytes)?);
    Ok(request.presigned(PresigningConfig::expires_in(good_for)?).await?.uri().to_owned())
}
