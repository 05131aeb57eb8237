//! The few AWS calls the local stack makes itself. MiniStack reads only the scope of a signature, so an SDK would be ballast.

use serde_json::{Value, json};

use super::error::{Context as _, Error};
use super::ministack::{ACCOUNT, REGION};

/// A client of the emulator, never of AWS.
#[derive(Clone, Debug)]
pub(super) struct Aws {
    endpoint: String,
    http: reqwest::Client,
}

impl Aws {
    pub(super) fn new(endpoint: &str) -> Result<Self, Error> {
        let http = crate::http().build().context(|| "cannot build an HTTP client".to_owned())?;
        Ok(Self {
            endpoint: endpoint.to_owned(),
            http,
        })
    }

    /// Creates a bucket; one that exists is fine.
    pub(super) async fn create_bucket(&self, name: &str) -> Result<(), Error> {
        let location = format!(
            "<CreateBucketConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><LocationConstraint>{REGION}</LocationConstraint></CreateBucketConfiguration>"
        );
        let request = self.http.put(format!("{}/{name}", self.endpoint)).body(location);
        let status = self.send("s3", request, &format!("CreateBucket {name}")).await;
        status.map(drop)
    }

    /// Calls a query-protocol action of CloudFormation and returns its XML.
    pub(super) async fn cloudformation(&self, action: &str, stack: &str, more: &[(&str, &str)]) -> Result<String, Error> {
        let mut form = vec![("Action", action), ("Version", "2010-05-15"), ("StackName", stack)];
        form.extend_from_slice(more);
        self.send("cloudformation", self.http.post(&self.endpoint).form(&form), action).await
    }

    /// Calls an operation of Secrets Manager.
    pub(super) async fn secrets_manager(&self, operation: &str, input: &Value) -> Result<Value, Error> {
        let request = self
            .http
            .post(&self.endpoint)
            .header("x-amz-target", format!("secretsmanager.{operation}"))
            .header("content-type", "application/x-amz-json-1.1")
            .body(input.to_string());
        json_of(&self.send("secretsmanager", request, operation).await?, operation)
    }

    /// Reads a REST resource of `service`.
    pub(super) async fn get(&self, service: &str, path: &str) -> Result<Value, Error> {
        json_of(&self.send(service, self.http.get(format!("{}{path}", self.endpoint)), path).await?, path)
    }

    /// Creates a REST resource of API Gateway.
    pub(super) async fn create(&self, path: &str, input: &Value) -> Result<Value, Error> {
        let request = self.http.post(format!("{}{path}", self.endpoint)).json(input);
        json_of(&self.send("apigateway", request, path).await?, path)
    }

    /// Changes a REST resource of API Gateway.
    pub(super) async fn update(&self, path: &str, input: &Value) -> Result<(), Error> {
        let request = self.http.patch(format!("{}{path}", self.endpoint)).json(input);
        self.send("apigateway", request, path).await.map(drop)
    }

    /// Replaces a REST resource of `service`.
    pub(super) async fn put(&self, service: &str, path: &str, input: &Value) -> Result<(), Error> {
        let request = self.http.put(format!("{}{path}", self.endpoint)).json(input);
        self.send(service, request, path).await.map(drop)
    }

    async fn send(&self, service: &str, request: reqwest::RequestBuilder, operation: &str) -> Result<String, Error> {
        let scope = format!("AWS4-HMAC-SHA256 Credential={ACCOUNT}/20260101/{REGION}/{service}/aws4_request, SignedHeaders=host, Signature=0");
        let answer = request
            .header("authorization", scope)
            .send()
            .await
            .context(|| format!("{service} {operation}"))?;
        let status = answer.status();
        let text = answer.text().await.context(|| format!("{service} {operation}"))?;
        if status.is_success() {
            Ok(text)
        } else {
            Err(Error::new(format!("{service} {operation} answered {status}: {}", text.trim())))
        }
    }
}

fn json_of(text: &str, operation: &str) -> Result<Value, Error> {
    if text.trim().is_empty() {
        return Ok(json!({}));
    }
    serde_json::from_str(text).context(|| format!("{operation} answered something else than JSON"))
}

/// The text of every `<tag>` element in an answer of the query protocol, in order. Enough for flat answers, which these are.
pub(super) fn elements<'a>(xml: &'a str, tag: &str) -> impl Iterator<Item = &'a str> {
    let (open, close) = (format!("<{tag}>"), format!("</{tag}>"));
    let mut rest = xml;
    std::iter::from_fn(move || {
        let (_, after) = rest.split_once(open.as_str())?;
        let (text, after) = after.split_once(close.as_str())?;
        rest = after;
        Some(text)
    })
}

/// The text of the first `<tag>` element, unescaped; empty when there is none.
pub(super) fn element(xml: &str, tag: &str) -> String {
    let escaped = elements(xml, tag).next().unwrap_or_default();
    // The ampersand last, or an escaped "&lt;" would become "<".
    [
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&#34;", "\""),
        ("&apos;", "'"),
        ("&#39;", "'"),
        ("&#x27;", "'"),
        ("&#13;", "\r"),
        ("&#10;", "\n"),
        ("&amp;", "&"),
    ]
    .into_iter()
    .fold(escaped.to_owned(), |text, (entity, character)| text.replace(entity, character))
}
