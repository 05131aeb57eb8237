//! HTTP functions: one route each, served by one non-generic loop.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Instant;

use domain::user::Permission;
use http::Method;
use http::header::{HeaderName, HeaderValue};
use lambda_http::{Body, RequestExt as _};
use store::gcra::{self, Rate, Reservation};
use store::idempotency::{self, Begin, SavedResponse};

use crate::app::App;
use crate::config::{Config, Var};
use crate::extract::Request;
use crate::problem::{ApiError, bad_request, conflict, invalid};
use crate::respond::Response;
use crate::{guard, telemetry};

/// Whatever stopped a function from starting.
pub type StartError = Box<dyn std::error::Error + Send + Sync>;

/// A handler's future. Boxed, so that the serving code is compiled once and not per handler.
pub type HandlerFuture<'a> = Pin<Box<dyn Future<Output = Result<Response, ApiError>> + Send + 'a>>;

/// Who may call a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Anyone; limited by address.
    Public,
    /// Anyone, but slowly: routes where guessing pays.
    PublicSensitive,
    /// Signed-in users whose role carries the permission; limited by user.
    Requires(Permission),
}

/// A route: what API Gateway sends to one function.
#[derive(Debug, Clone)]
pub struct Route {
    /// The function's name.
    pub name: &'static str,
    /// Method.
    pub method: Method,
    /// Path in API Gateway's notation.
    pub path: &'static str,
    /// Who may call it.
    pub access: Access,
    /// Whether `Idempotency-Key` is honoured.
    pub idempotent: bool,
    /// The most bytes of a body.
    pub max_body: usize,
    /// What to do instead with a larger body.
    pub instead: Option<&'static str>,
    /// Settings beyond those every route of its access needs.
    pub needs: &'static [Var],
    /// The handler.
    pub handler: for<'a> fn(&'a App, Request) -> HandlerFuture<'a>,
}

/// The most bytes of a JSON body.
pub const MAX_JSON: usize = 1_000_000;

impl Route {
    /// A route that takes and gives JSON.
    pub const fn new(
        name: &'static str,
        method: Method,
        path: &'static str,
        access: Access,
        handler: for<'a> fn(&'a App, Request) -> HandlerFuture<'a>,
    ) -> Self {
        Self {
            name,
            method,
            path,
            access,
            idempotent: false,
            max_body: MAX_JSON,
            instead: None,
            needs: &[],
            handler,
        }
    }

    /// The same route, honouring `Idempotency-Key`.
    #[must_use]
    pub const fn idempotent(mut self) -> Self {
        self.idempotent = true;
        self
    }

    /// The same route with more settings.
    #[must_use]
    pub const fn needing(mut self, needs: &'static [Var]) -> Self {
        self.needs = needs;
        self
    }

    /// The same route taking larger bodies.
    #[must_use]
    pub const fn taking(mut self, max_body: usize) -> Self {
        self.max_body = max_body;
        self
    }

    /// The same route, which tells whose body is too large what to do instead.
    #[must_use]
    pub const fn or_rather(mut self, instead: &'static str) -> Self {
        self.instead = Some(instead);
        self
    }

    /// Every setting the function must have.
    pub fn settings(&self) -> Vec<Var> {
        let mut settings = self.needs.to_vec();
        if let Access::Requires(_) = self.access {
            settings.extend([Var::TableName, Var::SigningSecretArn]);
        }
        settings.sort();
        settings.dedup();
        settings
    }
}

/// Runs a route as a Lambda function until the environment is shut down.
///
/// # Errors
/// A missing setting, by name.
pub fn serve_http(route: &'static Route) -> Result<(), StartError> {
    telemetry::init();
    let config = Config::from_env(&route.settings()).inspect_err(|error| tracing::error!(function = route.name, %error, "cannot start"))?;
    let app = Arc::new(App::new(config));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(lambda_http::run(lambda_http::service_fn(move |event: lambda_http::Request| {
        let app = Arc::clone(&app);
        async move { Ok::<Response, std::convert::Infallible>(dispatch(&app, route, request_of(event)).await) }
    })))
}

/// Reads API Gateway's event.
pub fn request_of(event: lambda_http::Request) -> Request {
    let context = event.request_context_ref().cloned();
    let (request_id, source_ip) = match &context {
        Some(lambda_http::request::RequestContext::ApiGatewayV2(context)) => (
            context.request_id.clone().unwrap_or_default(),
            context.http.source_ip.clone().unwrap_or_default(),
        ),
        _ => (String::new(), String::new()),
    };
    let request_id = if request_id.is_empty() {
        event.lambda_context_ref().map(|context| context.request_id.clone()).unwrap_or_default()
    } else {
        request_id
    };
    let pairs = |map: lambda_http::aws_lambda_events::query_map::QueryMap| {
        map.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect::<Vec<_>>()
    };
    let (query, path_parameters) = (pairs(event.query_string_parameters()), pairs(event.path_parameters()));
    let path = event.raw_http_path().to_owned();
    let (parts, body) = event.into_parts();
    let correlation_id = parts
        .headers
        .get("x-correlation-id")
        .and_then(|value| value.to_str().ok())
        .filter(|id| (1..=128).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte)))
        .map_or_else(|| request_id.clone(), str::to_owned);
    Request {
        method: parts.method,
        path: if path.is_empty() { parts.uri.path().to_owned() } else { path },
        headers: parts.headers,
        query,
        path_parameters,
        body: body.to_vec(),
        source_ip,
        request_id,
        correlation_id,
        caller: None,
    }
}

/// Answers one request: guard, limits, idempotency, handler, headers, one log line.
pub async fn dispatch(app: &App, route: &Route, mut request: Request) -> Response {
    let started = Instant::now();
    let (request_id, correlation_id, instance) = (request.request_id.clone(), request.correlation_id.clone(), request.path.clone());
    let mut limits = None;
    let result = answer(app, route, &mut request, &mut limits).await;
    let caller = request.caller.as_ref().map(|caller| caller.id().to_string());
    let mut response = result.unwrap_or_else(|error| {
        if let ApiError::Internal(source) = &error {
            tracing::error!(function = route.name, request_id, correlation_id, error = %chain(source.as_ref()), "request failed");
        }
        error.into_response(&instance, &request_id)
    });
    let headers = response.headers_mut();
    let mut set = |name: &'static str, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(HeaderName::from_static(name), value);
        }
    };
    set("strict-transport-security", "max-age=63072000; includeSubDomains");
    set("x-content-type-options", "nosniff");
    set("x-request-id", &request_id);
    set("x-correlation-id", &correlation_id);
    if let Some((limit, remaining, reset)) = limits {
        set("ratelimit-limit", &limit);
        set("ratelimit-remaining", &remaining);
        set("ratelimit-reset", &reset);
    }
    if !response.headers().contains_key("content-security-policy") {
        response.headers_mut().insert(
            "content-security-policy",
            HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"),
        );
    }
    if !response.headers().contains_key("cache-control") {
        response.headers_mut().insert("cache-control", HeaderValue::from_static("no-store"));
    }
    tracing::info!(
        function = route.name,
        request_id,
        correlation_id,
        method = %route.method,
        route = route.path,
        status = response.status().as_u16(),
        user_id = caller,
        ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
        "request"
    );
    response
}

/// An error with its causes, in one line.
pub(crate) fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

type LimitHeaders = Option<(String, String, String)>;

async fn answer(app: &App, route: &Route, request: &mut Request, limits: &mut LimitHeaders) -> Result<Response, ApiError> {
    if request.body.len() > route.max_body {
        return Err(ApiError::TooLarge(route.max_body, route.instead));
    }
    match route.access {
        Access::Public if route.needs.contains(&Var::TableName) => {
            let name = format!("limit:ip:{}", request.source_ip);
            *limits = limit(app, &name, LIMIT_PUBLIC).await?;
        }
        Access::Public => {}
        Access::PublicSensitive => {
            let name = format!("limit:sensitive:{}:{}", route.name, request.source_ip);
            *limits = limit(app, &name, LIMIT_SENSITIVE).await?;
        }
        Access::Requires(permission) => {
            let caller = guard::authenticate(app, request).await?;
            *limits = limit(app, &format!("limit:user:{}", caller.id()), LIMIT_USER).await?;
            guard::authorize(caller.user.role, permission)?;
            request.caller = Some(caller);
        }
    }
    match request.header("idempotency-key").map(str::to_owned) {
        Some(key) if route.idempotent => once(app, route, request, &key).await,
        _ => (route.handler)(app, request.clone()).await,
    }
}

/// `(per minute, burst)` of public routes, by address: an office behind one address answers its forms unhindered.
const LIMIT_PUBLIC: (i64, i64) = (600, 150);
/// Of routes where guessing pays, by address and route.
const LIMIT_SENSITIVE: (i64, i64) = (30, 20);
/// Of signed-in users.
const LIMIT_USER: (i64, i64) = (1_200, 300);

async fn limit(app: &App, name: &str, (per_minute, burst): (i64, i64)) -> Result<LimitHeaders, ApiError> {
    let unit = 60_000_000 / per_minute;
    let rate = Rate {
        name,
        unit_micros: unit,
        horizon_micros: unit * (burst - 1),
    };
    let whole_secs = |micros: i64| (micros + 999_999) / 1_000_000;
    match gcra::reserve(app.store()?, rate, 1, app.now()).await? {
        Reservation::After(ahead) => Ok(Some((
            per_minute.to_string(),
            ((rate.horizon_micros - ahead) / unit).max(0).to_string(),
            whole_secs(ahead + unit).to_string(),
        ))),
        Reservation::Refused(wait) => Err(ApiError::TooManyRequests(whole_secs(wait))),
    }
}

/// Does the work of the first request with a key; later ones get its answer.
async fn once(app: &App, route: &Route, request: &Request, key: &str) -> Result<Response, ApiError> {
    if key.is_empty() || key.len() > 255 || !key.bytes().all(|byte| (0x21..=0x7e).contains(&byte)) {
        return Err(bad_request("Idempotency-Key must be 1 to 255 visible ASCII characters"));
    }
    let store = app.store()?;
    // The path is part of the scope: a key belongs to one operation on one resource by one caller.
    let scope = format!("{}#{}#{}", request.caller()?.id(), route.name, request.path.trim_end_matches('/'));
    let token = match idempotency::begin(store, &scope, key, &request.body, app.new_ulid().to_string(), app.now()).await? {
        Begin::Start(token) => token,
        Begin::Replay(saved) => return replay(saved),
        Begin::InFlight => {
            return Err(conflict(
                "a request with this Idempotency-Key is still being worked on: wait for it, then repeat",
            ));
        }
        Begin::DifferentBody => {
            return Err(invalid(
                "Idempotency-Key",
                "",
                "reused",
                "this key was used with another body: use a new key for a new request",
            ));
        }
    };
    let result = (route.handler)(app, request.clone()).await;
    match &result {
        Ok(response) => {
            let headers = ["content-type", "location", "etag"];
            let saved = SavedResponse {
                status: response.status().as_u16(),
                headers: headers
                    .iter()
                    .filter_map(|name| Some(((*name).to_owned(), response.headers().get(*name)?.to_str().ok()?.to_owned())))
                    .collect(),
                body: match response.body() {
                    Body::Text(text) => text.clone(),
                    _ => String::new(),
                },
            };
            if let Err(error) = idempotency::complete(store, &scope, key, &token, &saved).await {
                // The work is done and the client gets its answer; a repeat within a minute is told to wait.
                tracing::warn!(function = route.name, request_id = request.request_id, error = %chain(&error), "idempotency record not completed");
            }
        }
        Err(_) => {
            if let Err(error) = idempotency::abandon(store, &scope, key, &token).await {
                tracing::warn!(function = route.name, request_id = request.request_id, error = %chain(&error), "idempotency record not released");
            }
        }
    }
    result
}

fn replay(saved: SavedResponse) -> Result<Response, ApiError> {
    let mut builder = http::Response::builder().status(saved.status).header("idempotency-replayed", "true");
    for (name, value) in saved.headers {
        builder = builder.header(name, value);
    }
    builder.body(Body::Text(saved.body)).map_err(|error| ApiError::Internal(Box::new(error)))
}
