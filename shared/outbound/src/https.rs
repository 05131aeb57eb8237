//! One HTTPS request, made once: what a provider without an SDK is reached through.
//!
//! `reqwest`, told everything it would otherwise decide by itself: its cryptography (ring, as for the AWS SDK), its roots (Mozilla's, compiled
//! in: reading a system's bundle is most of a cold start), no proxy from the environment, no redirect, no second attempt.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

pub use reqwest::header::HeaderMap;
use reqwest::header::HeaderValue;
use reqwest::{Client, RequestBuilder, Response, header};
use secrecy::{ExposeSecret as _, SecretString};

/// Longer than any provider's handshake takes, and short enough to fail over within one invocation.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// Answers of most providers are short; what is longer is none.
const MAX_ANSWER_BYTES: usize = 64 * 1024;

/// A client that keeps its connections.
#[derive(Clone)]
pub struct Https {
    client: Client,
    max_answer_bytes: usize,
}

impl fmt::Debug for Https {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Https").finish_non_exhaustive()
    }
}

/// What came back.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body; empty if it did not arrive in full.
    pub body: Vec<u8>,
}

impl Answer {
    /// A header as text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// Why nothing came back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoAnswer {
    /// The address or a header is not one: nothing was sent.
    #[error("the request could not be built")]
    NotBuilt,
    /// No connection came about: nothing was sent.
    #[error("no connection was made")]
    NotConnected,
    /// The request may have arrived.
    #[error("no answer came in time")]
    TimedOut,
    /// The request may have arrived.
    #[error("the connection was lost before the answer")]
    Lost,
}

impl Https {
    /// A client whose requests take at most `timeout`, answer included. Plain `http://` works too, for simulators.
    ///
    /// # Errors
    /// When the cryptography library offers no version of TLS.
    pub fn new(timeout: Duration) -> Result<Self, NotBuilt> {
        let client = Client::builder()
            .tls_backend_preconfigured(tls()?)
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .connect_timeout(CONNECT_TIMEOUT.min(timeout))
            .timeout(timeout)
            .build()?;
        Ok(Self {
            client,
            max_answer_bytes: MAX_ANSWER_BYTES,
        })
    }

    /// The same client, for a provider whose answers may be as long as this; 64 KiB otherwise.
    #[must_use]
    pub fn with_max_answer_bytes(self, max_answer_bytes: usize) -> Self {
        Self { max_answer_bytes, ..self }
    }

    /// Posts JSON with a bearer token, once.
    ///
    /// # Errors
    /// What is known of a request that was not answered.
    pub async fn post_json(&self, url: &str, bearer: &str, body: Vec<u8>) -> Result<Answer, NoAnswer> {
        self.post(url, bearer, "application/json", body).await
    }

    /// Posts a body of this content type with a bearer token, once.
    ///
    /// # Errors
    /// What is known of a request that was not answered.
    pub async fn post(&self, url: &str, bearer: &str, content_type: &str, body: Vec<u8>) -> Result<Answer, NoAnswer> {
        let request = self.client.post(url).header(header::CONTENT_TYPE, content_type).body(body);
        self.exchange(request.bearer_auth(bearer)).await
    }

    /// Reads with a bearer token, once.
    ///
    /// # Errors
    /// What is known of a request that was not answered.
    pub async fn get(&self, url: &str, bearer: &str) -> Result<Answer, NoAnswer> {
        self.exchange(self.client.get(url).bearer_auth(bearer)).await
    }

    /// Posts JSON with headers of its own instead of a bearer token, once.
    ///
    /// # Errors
    /// What is known of a request that was not answered.
    pub async fn post_json_with(&self, url: &str, headers: &[(&'static str, &SecretString)], body: Vec<u8>) -> Result<Answer, NoAnswer> {
        let mut request = self.client.post(url).header(header::CONTENT_TYPE, "application/json").body(body);
        for (name, value) in headers {
            let mut value = HeaderValue::from_str(value.expose_secret()).map_err(|_| NoAnswer::NotBuilt)?;
            value.set_sensitive(true);
            request = request.header(*name, value);
        }
        self.exchange(request).await
    }

    async fn exchange(&self, request: RequestBuilder) -> Result<Answer, NoAnswer> {
        let mut response = request.send().await.map_err(|error| no_answer(&error))?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        // The status is the answer; a body that does not arrive takes nothing from it.
        let body = read(&mut response, self.max_answer_bytes).await.unwrap_or_default();
        Ok(Answer { status, headers, body })
    }
}

/// Why there is no client.
pub type NotBuilt = Box<dyn std::error::Error + Send + Sync>;

/// How providers are spoken to: ring, and the roots of Mozilla.
///
/// # Errors
/// When the cryptography library offers no version of TLS.
pub fn tls() -> Result<rustls::ClientConfig, NotBuilt> {
    let roots = rustls::RootCertStore {
        roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
    };
    let config =
        rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider())).with_safe_default_protocol_versions()?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

/// The whole body; none if it is cut off or too long.
async fn read(response: &mut Response, max_bytes: usize) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    while let Some(part) = response.chunk().await.ok()? {
        body.extend_from_slice(&part);
        if body.len() > max_bytes {
            return None;
        }
    }
    Some(body)
}

fn no_answer(error: &reqwest::Error) -> NoAnswer {
    if error.is_builder() {
        NoAnswer::NotBuilt
    } else if error.is_connect() {
        NoAnswer::NotConnected
    } else if error.is_timeout() {
        NoAnswer::TimedOut
    } else {
        NoAnswer::Lost
    }
}
