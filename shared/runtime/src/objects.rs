//! Files in the bucket: to and from the disk, so that memory does not hold them, and links that need no token.

use std::fs::File;
use std::io::Seek as _;
use std::path::Path;
use std::time::Duration;

use aws_sdk_s3::error::SdkError;
use aws_sdk_s3::operation::get_object::GetObjectError;
use aws_sdk_s3::presigning::PresigningConfig;
use aws_sdk_s3::primitives::{ByteStream, Length};
use jiff::Timestamp;
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
    app.s3()
        .put_object()
        .bucket(bucket)
        .key(key)
        .content_type(content_type)
        .body(body)
        .send()
        .await?;
    Ok(())
}

/// How often an open file is sent again. The SDK cannot do it: of a file without a name it has read there is nothing left to send.
const TRIES: u32 = 3;

/// Stores a file that is open and may have no name any more, from its beginning, over an older one.
///
/// # Errors
/// When the file cannot be read or the bucket cannot be written.
pub async fn put_open_file(app: &App, key: &str, file: &File, content_type: &str) -> Result<(), RecordError> {
    let bucket = app.config().get(Var::BucketName)?;
    let bytes = file.metadata()?.len();
    for attempt in 1.. {
        let mut again = file.try_clone()?;
        again.rewind()?;
        let body = ByteStream::read_from()
            .file(tokio::fs::File::from_std(again))
            .length(Length::Exact(bytes))
            .build()
            .await?;
        let put = app.s3().put_object().bucket(bucket).key(key).content_type(content_type);
        match put.content_length(i64::try_from(bytes)?).body(body).send().await {
            Ok(_) => break,
            // What the bucket refuses it would refuse again.
            Err(error) if attempt == TRIES || error.raw_response().is_some_and(|response| response.status().is_client_error()) => {
                return Err(error.into());
            }
            Err(_) => tokio::time::sleep(Duration::from_millis(200 << attempt)).await,
        }
    }
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

/// What became of fetching a file whose content must stay the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FetchedSame {
    /// It is on the disk.
    Whole {
        /// What the bucket calls this content.
        etag: String,
    },
    /// There is no such file.
    Missing,
    /// It has more bytes than allowed; what is on the disk is a part of it.
    TooLarge,
    /// It has another content by now.
    Replaced,
}

/// Fetches a file to the disk, a piece at a time, up to `max_bytes`.
///
/// # Errors
/// When the bucket cannot be read or the disk cannot be written.
pub async fn get_file(app: &App, key: &str, path: &Path, max_bytes: u64) -> Result<Fetched, RecordError> {
    let bucket = app.config().get(Var::BucketName)?;
    match app.s3().get_object().bucket(bucket).key(key).send().await {
        Ok(output) => to_disk(output.body, path, max_bytes).await,
        Err(error) if is_missing(&error) => Ok(Fetched::Missing),
        Err(error) => Err(error.into()),
    }
}

/// [`get_file`], for a file that is read more than once: given the `etag` of the first time, it is fetched only if its content is still
/// the same.
///
/// # Errors
/// As [`get_file`].
pub async fn get_same_file(app: &App, key: &str, path: &Path, max_bytes: u64, etag: Option<&str>) -> Result<FetchedSame, RecordError> {
    let bucket = app.config().get(Var::BucketName)?;
    let get = app.s3().get_object().bucket(bucket).key(key).set_if_match(etag.map(str::to_owned));
    let output = match get.send().await {
        Ok(output) => output,
        Err(error) if is_missing(&error) => return Ok(FetchedSame::Missing),
        Err(error) if error.raw_response().is_some_and(|response| response.status().as_u16() == 412) => return Ok(FetchedSame::Replaced),
        Err(error) => return Err(error.into()),
    };
    let found = output.e_tag.unwrap_or_default();
    // A store that does not know the condition answers with what it has.
    if etag.is_some_and(|etag| etag != found) {
        return Ok(FetchedSame::Replaced);
    }
    Ok(match to_disk(output.body, path, max_bytes).await? {
        Fetched::Whole(_) => FetchedSame::Whole { etag: found },
        Fetched::Missing => FetchedSame::Missing,
        Fetched::TooLarge => FetchedSame::TooLarge,
    })
}

async fn to_disk(mut body: ByteStream, path: &Path, max_bytes: u64) -> Result<Fetched, RecordError> {
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

/// What became of reading a small file.
#[derive(Debug)]
pub enum FetchedBytes {
    /// All of it.
    Whole(Vec<u8>),
    /// There is no such file.
    Missing,
    /// It has more bytes than allowed; they were not read.
    TooLarge,
}

/// Reads a file of up to `max_bytes` into memory.
///
/// # Errors
/// When the bucket cannot be read.
pub async fn get(app: &App, key: &str, max_bytes: u64) -> Result<FetchedBytes, RecordError> {
    let bucket = app.config().get(Var::BucketName)?;
    match app.s3().get_object().bucket(bucket).key(key).send().await {
        Ok(output)
            if output
                .content_length
                .and_then(|length| u64::try_from(length).ok())
                .is_some_and(|length| length > max_bytes) =>
        {
            Ok(FetchedBytes::TooLarge)
        }
        Ok(output) => Ok(FetchedBytes::Whole(output.body.collect().await?.to_vec())),
        Err(error) if is_missing(&error) => Ok(FetchedBytes::Missing),
        Err(error) => Err(error.into()),
    }
}

fn is_missing(error: &SdkError<GetObjectError>) -> bool {
    error.as_service_error().is_some_and(GetObjectError::is_no_such_key)
}

/// How many bytes a file has; none if there is no such file.
///
/// # Errors
/// When the bucket cannot be read.
pub async fn size(app: &App, key: &str) -> Result<Option<u64>, RecordError> {
    let bucket = app.config().get(Var::BucketName)?;
    match app.s3().head_object().bucket(bucket).key(key).send().await {
        Ok(output) => Ok(Some(u64::try_from(output.content_length.unwrap_or_default())?)),
        Err(error) if error.as_service_error().is_some_and(|error| error.is_not_found()) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// A file of the bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its key.
    pub key: String,
    /// How many bytes it has.
    pub bytes: u64,
    /// What S3 tells its content by.
    pub etag: String,
    /// When it was put there.
    pub put_at: Timestamp,
}

/// The first `most` files under a prefix, by key, and whether there are more.
///
/// # Errors
/// When the bucket cannot be read.
pub async fn list(app: &App, prefix: &str, most: i32) -> Result<(Vec<Listed>, bool), RecordError> {
    let bucket = app.config().get(Var::BucketName)?;
    let output = app.s3().list_objects_v2().bucket(bucket).prefix(prefix).max_keys(most).send().await?;
    let has_more = output.is_truncated.unwrap_or_default();
    let mut files = Vec::new();
    for object in output.contents.unwrap_or_default() {
        let (Some(key), Some(etag), Some(put_at)) = (object.key, object.e_tag, object.last_modified) else {
            continue;
        };
        files.push(Listed {
            key,
            bytes: u64::try_from(object.size.unwrap_or_default())?,
            etag: etag.trim_matches('"').to_owned(),
            put_at: Timestamp::from_millisecond(put_at.to_millis()?)?,
        });
    }
    Ok((files, has_more))
}

/// Copies a file within the bucket, over an older one, if its content is still the one of `etag`. False where it is gone or changed.
///
/// # Errors
/// When the bucket cannot be read or written.
pub async fn copy(app: &App, from: &str, etag: &str, to: &str) -> Result<bool, RecordError> {
    let bucket = app.config().get(Var::BucketName)?;
    let copied = app
        .s3()
        .copy_object()
        .bucket(bucket)
        .key(to)
        .copy_source(format!("{bucket}/{}", escaped(from)))
        .copy_source_if_match(format!("\"{etag}\""))
        .send()
        .await;
    match copied {
        Ok(_) => Ok(true),
        Err(error) => match error.as_service_error().and_then(aws_sdk_s3::error::ProvideErrorMetadata::code) {
            Some("NoSuchKey" | "PreconditionFailed") => Ok(false),
            _ => Err(error.into()),
        },
    }
}

/// A key as the source of a copy is written: every byte that is not a plain letter or digit, `-._~` or `/`, as `%XX`.
fn escaped(key: &str) -> String {
    let mut escaped = String::with_capacity(key.len());
    for byte in key.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => escaped.push(char::from(byte)),
            _ => escaped.push_str(&format!("%{byte:02X}")),
        }
    }
    escaped
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

/// Deletes a file if its content is still the one of `etag`: what replaced it meanwhile stays.
///
/// # Errors
/// When the bucket cannot be written.
pub async fn delete_unchanged(app: &App, key: &str, etag: &str) -> Result<(), RecordError> {
    let bucket = app.config().get(Var::BucketName)?;
    let delete = app.s3().delete_object().bucket(bucket).key(key).if_match(format!("\"{etag}\""));
    match delete.send().await {
        Ok(_) => Ok(()),
        Err(error) => match error.as_service_error().and_then(aws_sdk_s3::error::ProvideErrorMetadata::code) {
            Some("NoSuchKey" | "PreconditionFailed") => Ok(()),
            _ => Err(error.into()),
        },
    }
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

/// A link that takes one file by PUT, for a while, and only where there is none yet: whoever has the link cannot replace what was
/// checked. The client sends `If-None-Match: *`, which is signed.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html>
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
        .content_length(i64::try_from(bytes)?)
        .if_none_match("*");
    Ok(request.presigned(PresigningConfig::expires_in(good_for)?).await?.uri().to_owned())
}
