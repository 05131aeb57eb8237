//! The front door: a plain `http://localhost:<port>` for the HTTP API, which MiniStack serves under a host name that
//! browsers and e-mail links do not resolve everywhere.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use tokio::net::TcpListener;

use super::error::{Context as _, Error};

/// What API Gateway takes in one request.
const MAX_BODY_BYTES: usize = 10 * 1024 * 1024;
/// Above API Gateway's own limit of 30 s, which the emulator leaves to the function's timeout.
const TIMEOUT: Duration = Duration::from_secs(35);

/// Headers that concern one connection only (RFC 9110, 7.6.1), and the length, which each side computes itself.
const CONNECTION_HEADERS: [HeaderName; 8] = [
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// What the gateway forwards to. The API's id is known only once the stack is deployed.
#[derive(Debug)]
pub(super) struct Gateway {
    endpoint: String,
    api_id: OnceLock<String>,
    client: reqwest::Client,
}

impl Gateway {
    /// Serves `port` on this machine until the runtime ends.
    pub(super) async fn serve(port: u16, endpoint: String) -> Result<Arc<Self>, Error> {
        let client = crate::http()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(TIMEOUT)
            .build()
            .context(|| "cannot build an HTTP client".to_owned())?;
        let gateway = Arc::new(Self {
            endpoint,
            api_id: OnceLock::new(),
            client,
        });
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))
            .await
            .context(|| format!("cannot listen on port {port}"))?;
        let service = Router::new()
            .fallback(forward)
            .with_state(Arc::clone(&gateway))
            .into_make_service_with_connect_info::<SocketAddr>();
        tokio::spawn(async move {
            let _ = axum::serve(listener, service).await;
        });
        Ok(gateway)
    }

    /// Names the API to forward to. The first call counts.
    pub(super) fn set_api(&self, api_id: String) {
        let _ = self.api_id.set(api_id);
    }
}

/// Passes a request on: method, path, query, headers and body as they came.
async fn forward(State(gateway): State<Arc<Gateway>>, ConnectInfo(peer): ConnectInfo<SocketAddr>, request: Request) -> Response {
    let Some(api_id) = gateway.api_id.get() else {
        return plain(
            StatusCode::SERVICE_UNAVAILABLE,
            "The local stack is still being deployed. Try again in a few seconds.\n",
        );
    };
    let (head, body) = request.into_parts();
    let Ok(body) = to_bytes(body, MAX_BODY_BYTES).await else {
        // API Gateway's own words.
        let message = serde_json::json!({"message": "Request Entity Too Large"}).to_string();
        return (StatusCode::PAYLOAD_TOO_LARGE, [(header::CONTENT_TYPE, "application/json")], message).into_response();
    };

    // Addressed by path: by host name, MiniStack answers /health itself and drops the slash that ends a one-segment path.
    let path_and_query = head.uri.path_and_query().map_or("/", |path| path.as_str());
    let url = format!("{}/_aws/execute-api/{api_id}/$default{path_and_query}", gateway.endpoint);
    let mut headers = end_to_end(&head.headers);
    add_forwarded(&mut headers, peer, head.headers.get(header::HOST));

    match gateway.client.request(head.method, url).headers(headers).body(body).send().await {
        Ok(answer) => {
            let status = answer.status();
            let headers = end_to_end(answer.headers());
            match answer.bytes().await {
                Ok(body) => (status, headers, Body::from(body)).into_response(),
                Err(error) => unreachable_stack(&error),
            }
        }
        Err(error) => unreachable_stack(&error),
    }
}

/// The headers meant for the other end, in order, repeated ones (`Set-Cookie`) included.
fn end_to_end(headers: &HeaderMap) -> HeaderMap {
    headers
        .iter()
        .filter(|(name, _)| !CONNECTION_HEADERS.contains(name) && name.as_str() != "keep-alive")
        .fold(HeaderMap::with_capacity(headers.len() + 3), |mut kept, (name, value)| {
            kept.append(name.clone(), value.clone());
            kept
        })
}

/// Appends what API Gateway would: who called, and how.
fn add_forwarded(headers: &mut HeaderMap, peer: SocketAddr, host: Option<&HeaderValue>) {
    let earlier = headers.get("x-forwarded-for").and_then(|value| value.to_str().ok());
    let chain = earlier.map_or_else(|| peer.ip().to_string(), |earlier| format!("{earlier}, {}", peer.ip()));
    let port = host
        .and_then(|host| host.to_str().ok()?.rsplit_once(':'))
        .map_or("80", |(_, port)| port)
        .to_owned();
    for (name, value) in [
        ("x-forwarded-for", chain.as_str()),
        ("x-forwarded-proto", "http"),
        ("x-forwarded-port", port.as_str()),
    ] {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
}

fn unreachable_stack(error: &reqwest::Error) -> Response {
    if error.is_timeout() {
        return plain(
            StatusCode::GATEWAY_TIMEOUT,
            "The function did not answer in time. Its log is in .local/log/ministack.log.\n",
        );
    }
    plain(
        StatusCode::BAD_GATEWAY,
        &format!("MiniStack does not answer ({error}). Is the local stack still running? Its log is in .local/log/ministack.log.\n"),
    )
}

fn plain(status: StatusCode, text: &str) -> Response {
    (status, [(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text.to_owned()).into_response()
}
