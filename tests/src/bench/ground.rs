//! What a worker stands on while it is measured from outside: DynamoDB in this process, files on the disk, a queue that keeps nothing.
//!
//! The worker runs in a process of its own ([`work`]), so that its memory is its own and not that of the database.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Instant;
use std::{env, fs};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use futures::StreamExt as _;
use runtime::{App, Config, Message, SigningKeys, Var, Worker};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::Error;
use crate::aws_in_process::{TABLE, serve_dynamodb, unchunked};

/// Tells a process of this program that it is to work, and at what.
pub const CHILD: &str = "MSME_BENCH_WORK";

const BUCKET: &str = "files";

/// The services.
pub(super) struct Ground {
    /// The app of this process.
    pub(super) app: App,
    endpoint: String,
    directory: PathBuf,
}

/// What a worker used.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) struct Used {
    /// From its first call to its last.
    pub(super) seconds: f64,
    /// The most memory it had at once, in MB.
    pub(super) peak_mb: f64,
}

#[derive(Serialize, Deserialize)]
struct Work {
    endpoint: String,
    worker: String,
    message: Value,
}

struct Services {
    dynamodb: String,
    http: reqwest::Client,
    directory: PathBuf,
}

impl Ground {
    /// An empty table, and an empty directory for the bucket.
    pub(super) async fn start(directory: PathBuf) -> Result<Self, Error> {
        let _ = fs::remove_dir_all(&directory);
        fs::create_dir_all(&directory)?;
        let services = Arc::new(Services {
            dynamodb: serve_dynamodb().await?,
            http: crate::http().build()?,
            directory: directory.clone(),
        });
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let endpoint = format!("http://{}", listener.local_addr()?);
        let router = Router::new()
            .fallback(answer)
            .layer(axum::extract::DefaultBodyLimit::disable())
            .with_state(services);
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(Self {
            app: app(&endpoint)?,
            endpoint,
            directory,
        })
    }

    /// Where a file of the bucket lies on the disk.
    pub(super) fn path(&self, key: &str) -> PathBuf {
        path_of(&self.directory, &format!("/{BUCKET}/{key}"))
    }

    /// Lets a worker handle one message in a process of its own.
    pub(super) async fn work(&self, worker: &str, message: Value) -> Result<Used, Error> {
        let work = Work {
            endpoint: self.endpoint.clone(),
            worker: worker.to_owned(),
            message,
        };
        let output = tokio::process::Command::new(env::current_exe()?)
            .env(CHILD, serde_json::to_string(&work)?)
            // Log lines of the worker are not what is measured.
            .stderr(Stdio::null())
            .output()
            .await?;
        let text = String::from_utf8(output.stdout)?;
        let last = text
            .lines()
            .last()
            .filter(|_| output.status.success())
            .ok_or("the worker's process failed")?;
        Ok(serde_json::from_str(last)?)
    }
}

/// The part of the process that works: handles the message, and gives what it used as JSON.
///
/// # Errors
/// When the worker fails.
pub async fn work(work: &str) -> Result<String, Error> {
    let Work { endpoint, worker, message } = serde_json::from_str(work)?;
    let app = app(&endpoint)?;
    let workers: [&Worker; 2] = [&workers::import::WORKER, &workers::export::WORKER];
    let worker = workers.into_iter().find(|known| known.name == worker).ok_or("there is no such worker")?;
    let message = Message {
        id: "1".to_owned(),
        body: message.to_string(),
        correlation_id: "bench".to_owned(),
        receive_count: 1,
    };
    let started = Instant::now();
    if let Some(failure) = (worker.handler)(&app, vec![message]).await.into_iter().next() {
        return Err(failure.error);
    }
    let seconds = started.elapsed().as_secs_f64();
    let status = fs::read_to_string("/proc/self/status")?;
    let peak = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse::<f64>().ok());
    let peak_mb = peak.ok_or("the kernel does not report peak memory")? / 1024.0;
    Ok(serde_json::to_string(&Used { seconds, peak_mb })?)
}

fn app(endpoint: &str) -> Result<App, Error> {
    let config = Config::from_lookup(&[Var::TableName, Var::BucketName, Var::ImportQueueUrl, Var::ExportQueueUrl], |name| {
        let value = match name {
            "STAGE" => "local",
            "TABLE_NAME" => TABLE,
            "BUCKET_NAME" => BUCKET,
            "IMPORT_QUEUE_URL" => "http://sqs.example/000000000000/import",
            "EXPORT_QUEUE_URL" => "http://sqs.example/000000000000/export",
            "AWS_REGION" => "ap-south-1",
            "AWS_ACCESS_KEY_ID" => "AKIAIOSFODNN7EXAMPLE",
            "AWS_SECRET_ACCESS_KEY" => "not-a-secret",
            "AWS_ENDPOINT_URL" => endpoint,
            _ => return None,
        };
        Some(value.to_owned())
    })?;
    let keys = SigningKeys::parse(&json!({"active": "k1", "k1": "signing-master-of-the-bench-".repeat(3)}).to_string())?;
    Ok(App::new(config).with_signing_keys(keys))
}

fn path_of(directory: &Path, path: &str) -> PathBuf {
    directory.join(path.trim_start_matches('/').replace('/', "__"))
}

async fn answer(State(services): State<Arc<Services>>, method: Method, uri: Uri, headers: HeaderMap, body: Body) -> Response {
    let target = headers.get("x-amz-target").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let answered = match target.split_once('.') {
        Some(("AmazonSQS", _)) => sent(body).await,
        Some(_) => forward(&services, headers.clone(), body).await,
        None => file(&services, &method, &uri, &headers, body).await,
    };
    answered.unwrap_or_else(|error| (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response())
}

async fn forward(services: &Services, mut headers: HeaderMap, body: Body) -> Result<Response, Error> {
    headers.remove("host");
    let body = axum::body::to_bytes(body, usize::MAX).await?;
    let answer = services.http.post(&services.dynamodb).headers(headers).body(body).send().await?;
    let (status, headers) = (answer.status(), answer.headers().clone());
    Ok((status, headers, answer.bytes().await?).into_response())
}

/// Takes messages and forgets them: whoever measures sends its own.
async fn sent(body: Body) -> Result<Response, Error> {
    let request: Value = serde_json::from_slice(&axum::body::to_bytes(body, usize::MAX).await?)?;
    let entries = request["Entries"].as_array().cloned().unwrap_or_default();
    let taken: Vec<Value> = entries
        .iter()
        .map(|entry| json!({ "Id": entry["Id"], "MessageId": entry["Id"], "MD5OfMessageBody": "0" }))
        .collect();
    let body = json!({ "Successful": taken, "Failed": [] }).to_string();
    Ok(([("content-type", "application/x-amz-json-1.0")], body).into_response())
}

async fn file(services: &Services, method: &Method, uri: &Uri, headers: &HeaderMap, body: Body) -> Result<Response, Error> {
    let path = path_of(&services.directory, uri.path());
    let query: HashMap<String, String> = serde_urlencoded::from_str(uri.query().unwrap_or_default())?;
    match *method {
        Method::PUT => {
            // A part lies beside the file, under its number.
            let path = match query.get("partNumber") {
                Some(number) => path.with_extension(format!("part-{number:0>5}")),
                None => path,
            };
            let bytes = axum::body::to_bytes(body, usize::MAX).await?;
            let is_chunked = headers
                .get("content-encoding")
                .is_some_and(|coding| coding.as_bytes().starts_with(b"aws-chunked"));
            fs::write(path, if is_chunked { unchunked(&bytes) } else { bytes.to_vec() })?;
            Ok([("etag", "\"0\"")].into_response())
        }
        Method::GET => match tokio::fs::read(&path).await {
            Ok(bytes) => {
                // Piece by piece, as S3 sends.
                let pieces: Vec<Result<Bytes, std::io::Error>> = bytes.chunks(64 * 1024).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
                Ok(([("etag", "\"0\"")], Body::from_stream(futures::stream::iter(pieces).fuse())).into_response())
            }
            Err(_) => {
                let error = "<Error><Code>NoSuchKey</Code></Error>";
                Ok((StatusCode::NOT_FOUND, [("content-type", "application/xml")], error).into_response())
            }
        },
        Method::DELETE => {
            let _ = fs::remove_file(path);
            Ok(StatusCode::NO_CONTENT.into_response())
        }
        Method::POST if query.contains_key("uploads") => {
            let begun = "<InitiateMultipartUploadResult><UploadId>upload</UploadId></InitiateMultipartUploadResult>";
            Ok(([("content-type", "application/xml")], begun).into_response())
        }
        Method::POST => {
            let mut whole = Vec::new();
            for number in 1..=10_000 {
                let part = path.with_extension(format!("part-{number:05}"));
                let Ok(bytes) = fs::read(&part) else { break };
                whole.extend(bytes);
                fs::remove_file(part)?;
            }
            fs::write(path, whole)?;
            let completed = "<CompleteMultipartUploadResult><ETag>0</ETag></CompleteMultipartUploadResult>";
            Ok(([("content-type", "application/xml")], completed).into_response())
        }
        _ => Ok(StatusCode::NOT_IMPLEMENTED.into_response()),
    }
}
