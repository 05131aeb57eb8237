//! An app on the ground: real handlers over DynamoDB in process, with secrets, queues and objects in memory.
//!
//! Each [`TestApp`] is a world of its own, with a clock that moves only when asked, so tests need neither set-up nor order.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::future::IntoFuture;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use domain::UserId;
use domain::user::{Role, User};
use jiff::{SignedDuration, Timestamp};
use runtime::{App, Config, Request, Route, SigningKeys, Var};
use serde_json::{Value, json};
use store::Store;
use store::users::{SESSION_SECS, Session};
use tests::aws_in_process::{TABLE, serve_dynamodb, unchunked};
use tokio::net::TcpListener;
use ulid::Ulid;

/// Name of the signing secret.
const SIGNING_SECRET: &str = "signing";
/// Name of the bootstrap administrator's secret.
const BOOTSTRAP_SECRET: &str = "bootstrap";
/// Name of the secret of e-mail providers.
const EMAIL_PROVIDERS_SECRET: &str = "email-providers";
/// Name of the secret of the WhatsApp account.
const WHATSAPP_SECRET: &str = "whatsapp";
/// Name of the secret of the account with a provider of verifications.
const VERIFICATION_SECRET: &str = "verification";
/// Name of the secret of sync sources.
const SYNC_SECRET: &str = "sync";
/// Who becomes the first administrator.
pub(crate) const BOOTSTRAP_EMAIL: &str = "admin@buyer.example";
/// The first administrator's initial password.
pub(crate) const BOOTSTRAP_PASSWORD: &str = "initial-password-of-the-stack";
/// The bucket.
pub(crate) const BUCKET: &str = "files";
/// Base of links in messages.
pub(crate) const PUBLIC_BASE_URL: &str = "https://campaigns.buyer.example";
/// The address requests come from unless a test says otherwise.
const CLIENT_ADDRESS: &str = "198.51.100.7";

/// When every test begins: 2 November 2026, 10:00 in India. Nothing reads the machine's clock.
const START_MILLIS: i64 = 1_793_593_800_000;

thread_local! {
    // A test runs on one thread, its app included, so one test's time is not another's.
    static NOW_MILLIS: Cell<i64> = const { Cell::new(START_MILLIS) };
}

/// Time of the test's own: a millisecond more at each look, so that things made one after the other are ordered.
fn clock() -> Timestamp {
    NOW_MILLIS.with(|now| {
        now.set(now.get() + 1);
        Timestamp::from_millisecond(now.get()).expect("test time stays in range")
    })
}

/// The app and what it stands on.
pub(crate) struct TestApp {
    app: App,
    aws: Arc<FakeAws>,
}

impl TestApp {
    /// An app on an empty table.
    pub(crate) async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// An app on an empty table, with some environment variables of the test's own.
    pub(crate) async fn start_with(environment: &[(&str, &str)]) -> Self {
        NOW_MILLIS.with(|now| now.set(START_MILLIS));
        let keys = format!(r#"{{"active":"k1","k1":"{}"}}"#, "signing-master-of-tests-".repeat(3));
        let aws = Arc::new(FakeAws {
            dynamodb: serve_dynamodb().await.expect("DynamoDB in this process"),
            http: tests::http().build().expect("a client"),
            secrets: Mutex::new(BTreeMap::from([
                (SIGNING_SECRET.to_owned(), keys.clone()),
                (BOOTSTRAP_SECRET.to_owned(), json!({ "password": BOOTSTRAP_PASSWORD }).to_string()),
                (EMAIL_PROVIDERS_SECRET.to_owned(), "{}".to_owned()),
                (WHATSAPP_SECRET.to_owned(), "{}".to_owned()),
                (SYNC_SECRET.to_owned(), "{}".to_owned()),
                (VERIFICATION_SECRET.to_owned(), "{}".to_owned()),
            ])),
            messages: Mutex::default(),
            objects: Mutex::default(),
            schedules: Mutex::default(),
            fault: Mutex::default(),
        });
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let endpoint = format!("http://{}", listener.local_addr().expect("a bound listener has an address"));
        let router = Router::new()
            .fallback(answer)
            .layer(axum::extract::DefaultBodyLimit::disable())
            .with_state(Arc::clone(&aws));
        tokio::spawn(async move { axum::serve(listener, router).await });

        let config = Config::from_lookup(&Var::ALL, |name| {
            if let Some((_, value)) = environment.iter().find(|(own, _)| *own == name) {
                return Some((*value).to_owned());
            }
            let value = match name {
                "STAGE" => "local",
                "TABLE_NAME" => TABLE,
                "BUCKET_NAME" => BUCKET,
                "PLAN_QUEUE_URL" => "http://queues.example/000000000000/plan",
                "EMAIL_QUEUE_URL" => "http://queues.example/000000000000/email",
                "IMPORT_QUEUE_URL" => "http://queues.example/000000000000/import",
                "EXPORT_QUEUE_URL" => "http://queues.example/000000000000/export",
                "WHATSAPP_QUEUE_URL" => "http://queues.example/000000000000/whatsapp",
                "WHATSAPP_EVENTS_QUEUE_URL" => "http://queues.example/000000000000/whatsapp-events",
                "DELIVERY_EVENTS_QUEUE_URL" => "http://queues.example/000000000000/delivery-events",
                "QUEUE_URLS" => {
                    "http://queues.example/000000000000/plan,http://queues.example/000000000000/email,http://queues.example/000000000000/import"
                }
                "SIGNING_SECRET_ARN" => SIGNING_SECRET,
                "BOOTSTRAP_SECRET_ARN" => BOOTSTRAP_SECRET,
                "EMAIL_PROVIDERS_SECRET_ARN" => EMAIL_PROVIDERS_SECRET,
                "BOOTSTRAP_ADMIN_EMAIL" => BOOTSTRAP_EMAIL,
                "PUBLIC_BASE_URL" => PUBLIC_BASE_URL,
                "FROM_ADDRESS" => "msme@buyer.example",
                "ORGANISATION_NAME" => "Buyer Industries Ltd",
                "SES_CONFIGURATION_SET" => "campaigns",
                "SES_MAX_SEND_RATE" => "14",
                "EMAIL_PROVIDERS" => "ses",
                "WHATSAPP_SECRET_ARN" => WHATSAPP_SECRET,
                "SYNC_SECRETS_ARN" => SYNC_SECRET,
                "SYNC_QUEUE_URL" => "http://queues.example/000000000000/sync",
                "VERIFICATION_SECRET_ARN" => VERIFICATION_SECRET,
                "VERIFICATION_QUEUE_URL" => "http://queues.example/000000000000/verification",
                // Fast: no test is about waiting for its slot unless it says so.
                "VERIFICATION_PER_MINUTE" => "60000",
                "VERIFICATION_DAILY_LIMIT" => "10000",
                "TRADER_POLICY" => "ask_professional",
                "BANK_RATES" => "none",
                "SCHEDULE_GROUP_NAME" => "stack",
                "SCHEDULE_ROLE_ARN" => "arn:aws:iam::000000000000:role/schedule",
                "SCHEDULE_TARGET_ARN" => "arn:aws:sqs:ap-south-1:000000000000:schedule",
                "OUTBOUND_POLICY" => "local",
                "SCHEDULE_DLQ_ARN" => "arn:aws:sqs:ap-south-1:000000000000:schedule-dlq",
                "CORS_ORIGINS" => "https://app.buyer.example",
                "AWS_REGION" => "ap-south-1",
                "AWS_ACCESS_KEY_ID" => "AKIAIOSFODNN7EXAMPLE",
                "AWS_SECRET_ACCESS_KEY" => "not-a-secret",
                "AWS_ENDPOINT_URL" => endpoint.as_str(),
                _ => return None,
            };
            Some(value.to_owned())
        })
        .expect("every setting has a value");
        let app = App::new(config)
            .with_clock(clock)
            .with_signing_keys(SigningKeys::parse(&keys).expect("the test's keys are valid"));
        Self { app, aws }
    }

    /// The app, for what has no route: workers, or a look into the store.
    pub(crate) const fn app(&self) -> &App {
        &self.app
    }

    /// The table, for arranging and for checking.
    pub(crate) fn store(&self) -> &Store {
        self.app.store().expect("the test declares a table")
    }

    /// Lets time pass.
    pub(crate) fn advance(&self, by: SignedDuration) {
        let millis = i64::try_from(by.as_millis()).expect("a test's time fits");
        NOW_MILLIS.with(|now| now.set(now.get() + millis));
    }

    /// A client nobody has signed in.
    pub(crate) fn anonymous(&self) -> Client<'_> {
        Client { app: self, token: None }
    }

    /// A client of a new user of this role, with a valid access token.
    pub(crate) async fn as_role(&self, role: Role) -> Client<'_> {
        let user = self.new_user(role, "no password ever matches this").await;
        self.as_user(&user).await
    }

    /// A client of a stored user, with a session and an access token of its own.
    pub(crate) async fn as_user(&self, user: &User) -> Client<'_> {
        let (now, family) = (self.app.now(), self.app.new_ulid());
        let session = Session {
            current_hash: "no refresh secret hashes to this".to_owned(),
            previous_hash: None,
            rotated_at: now,
            created_at: now,
            user_epoch: user.session_epoch,
            expires_at: now.as_second() + SESSION_SECS,
        };
        store::users::open_session(self.store(), user.id, family, &session)
            .await
            .expect("the session is stored");
        let keys = self.app.signing_keys().await.expect("the test has signing keys");
        let token = runtime::access_token(&keys, user, family, now).expect("a token is made");
        self.with_token(&token)
    }

    /// A client with this access token.
    pub(crate) fn with_token(&self, token: &str) -> Client<'_> {
        Client {
            app: self,
            token: Some(token.to_owned()),
        }
    }

    /// Stores a user with a password hash as it would be stored.
    pub(crate) async fn new_user(&self, role: Role, password_hash: &str) -> User {
        let (now, ulid) = (self.app.now(), self.app.new_ulid());
        let user = User {
            id: UserId::from_ulid(ulid),
            email: format!("{}.{}@buyer.example", role.as_str(), ulid.to_string().to_lowercase()),
            display_name: format!("A {}", role.as_str()),
            role,
            disabled: false,
            session_epoch: 0,
            created_at: now,
            updated_at: now,
            version: 1,
        };
        store::users::create(self.store(), &user, password_hash)
            .await
            .expect("the user is stored");
        user
    }

    /// Writes one attribute of a stored item, for what no route does yet. `value` is in DynamoDB's JSON: `{"BOOL": true}`.
    pub(crate) async fn set_attribute(&self, pk: &str, sk: &str, attribute: &str, value: Value) {
        let request = json!({
            "TableName": TABLE,
            "Key": { "pk": { "S": pk }, "sk": { "S": sk } },
            "UpdateExpression": "SET #attribute = :value",
            "ConditionExpression": "attribute_exists(pk)",
            "ExpressionAttributeNames": { "#attribute": attribute },
            "ExpressionAttributeValues": { ":value": value },
        });
        self.aws.dynamodb("UpdateItem", &request).await;
    }

    /// Stores an item that is nothing but its key.
    pub(crate) async fn put_key(&self, pk: &str, sk: &str) {
        let request = json!({ "TableName": TABLE, "Item": { "pk": { "S": pk }, "sk": { "S": sk } } });
        self.aws.dynamodb("PutItem", &request).await;
    }

    /// Removes a stored item, for what no route does yet.
    pub(crate) async fn delete_item(&self, pk: &str, sk: &str) {
        let request = json!({ "TableName": TABLE, "Key": { "pk": { "S": pk }, "sk": { "S": sk } } });
        self.aws.dynamodb("DeleteItem", &request).await;
    }

    /// Every item of a partition in DynamoDB's JSON, in order of sort key.
    pub(crate) async fn items(&self, pk: &str) -> Vec<Value> {
        let request = json!({
            "TableName": TABLE,
            "ConsistentRead": true,
            "KeyConditionExpression": "pk = :pk",
            "ExpressionAttributeValues": { ":pk": { "S": pk } },
        });
        self.aws.dynamodb("Query", &request).await["Items"]
            .as_array()
            .cloned()
            .unwrap_or_default()
    }

    /// Every item of the table in DynamoDB's JSON, but for rate limits, which every call moves.
    pub(crate) async fn everything(&self) -> Vec<Value> {
        let request = json!({
            "TableName": TABLE,
            "ConsistentRead": true,
            "FilterExpression": "NOT begins_with(pk, :limits)",
            "ExpressionAttributeValues": { ":limits": { "S": "PACE#" } },
        });
        let mut items = self.aws.dynamodb("Scan", &request).await["Items"].as_array().cloned().unwrap_or_default();
        items.sort_by_key(|item| format!("{}{}", item["pk"], item["sk"]));
        items
    }

    /// Replaces the bootstrap secret's password.
    pub(crate) fn set_bootstrap_password(&self, password: &str) {
        lock(&self.aws.secrets).insert(BOOTSTRAP_SECRET.to_owned(), json!({ "password": password }).to_string());
    }

    /// Replaces the secret of e-mail providers.
    pub(crate) fn set_email_providers(&self, secret: &Value) {
        lock(&self.aws.secrets).insert(EMAIL_PROVIDERS_SECRET.to_owned(), secret.to_string());
    }

    /// Replaces the secret of the WhatsApp account.
    pub(crate) fn set_whatsapp(&self, secret: &Value) {
        lock(&self.aws.secrets).insert(WHATSAPP_SECRET.to_owned(), secret.to_string());
    }

    /// Replaces the secret of the account with a provider of verifications.
    pub(crate) fn set_verification(&self, secret: &Value) {
        lock(&self.aws.secrets).insert(VERIFICATION_SECRET.to_owned(), secret.to_string());
    }

    /// Replaces the secret of sync sources.
    pub(crate) fn set_sync_secrets(&self, secret: &Value) {
        lock(&self.aws.secrets).insert(SYNC_SECRET.to_owned(), secret.to_string());
    }

    /// Takes what was sent to the queue of `queue` so far, oldest first: `MessageBody` and attributes as SQS got them.
    pub(crate) fn take_messages(&self, queue: Var) -> Vec<Value> {
        let url = self.app.config().get(queue).expect("the test declares every queue");
        lock(&self.aws.messages).remove(url).unwrap_or_default()
    }

    /// The schedules at EventBridge, by name.
    pub(crate) fn schedules(&self) -> BTreeMap<String, Value> {
        lock(&self.aws.schedules).clone()
    }

    /// Lets one later call of `operation` fail for good, after this many that succeed.
    pub(crate) fn fail_after(&self, operation: &str, successes: u32) {
        *lock(&self.aws.fault) = Some((operation.to_owned(), successes));
    }

    /// An object of the bucket.
    pub(crate) fn object(&self, key: &str) -> Option<Vec<u8>> {
        lock(&self.aws.objects)
            .get(&format!("/{BUCKET}/{key}"))
            .map(|object| object.bytes.to_vec())
    }

    /// Puts an object into the bucket.
    pub(crate) fn put_object(&self, key: &str, content_type: &str, bytes: impl Into<Bytes>) {
        let object = Object {
            bytes: bytes.into(),
            content_type: content_type.to_owned(),
        };
        lock(&self.aws.objects).insert(format!("/{BUCKET}/{key}"), object);
    }
}

/// Someone who calls routes.
pub(crate) struct Client<'a> {
    app: &'a TestApp,
    token: Option<String>,
}

impl<'a> Client<'a> {
    /// Begins a GET of `path`, which may hold a query.
    pub(crate) fn get(&self, route: &'static Route, path: &str) -> Call<'a> {
        self.call(route, path)
    }

    /// Begins a POST of JSON.
    pub(crate) fn post(&self, route: &'static Route, path: &str, body: Value) -> Call<'a> {
        self.call(route, path).json(&body)
    }

    /// Begins a PUT of JSON.
    pub(crate) fn put(&self, route: &'static Route, path: &str, body: Value) -> Call<'a> {
        self.call(route, path).json(&body)
    }

    /// Begins a DELETE.
    pub(crate) fn delete(&self, route: &'static Route, path: &str) -> Call<'a> {
        self.call(route, path)
    }

    /// Begins any call, without a body.
    ///
    /// # Panics
    /// When API Gateway would not send `path` to the route.
    #[track_caller]
    pub(crate) fn call(&self, route: &'static Route, path: &str) -> Call<'a> {
        let url = reqwest::Url::parse(&format!("https://api.example{path}")).expect("a path of a URL");
        let path_parameters = path_parameters(route.path, url.path()).unwrap_or_else(|| panic!("{path} is not of {}", route.path));
        let mut headers = HeaderMap::new();
        if let Some(token) = &self.token {
            headers.insert(
                "authorization",
                HeaderValue::try_from(format!("Bearer {token}")).expect("a token is a header"),
            );
        }
        let id = self.app.app.new_ulid().to_string();
        let request = Request {
            method: route.method.clone(),
            path: url.path().to_owned(),
            headers,
            query: url.query_pairs().into_owned().collect(),
            path_parameters,
            body: Vec::new(),
            source_ip: CLIENT_ADDRESS.to_owned(),
            request_id: id.clone(),
            correlation_id: id,
            caller: None,
        };
        Call {
            app: &self.app.app,
            route,
            request,
        }
    }
}

/// The parameters of `path`, if it fits `pattern`; one slash at the end is tolerated, as the template does it.
fn path_parameters(pattern: &str, path: &str) -> Option<Vec<(String, String)>> {
    let path = path.strip_suffix('/').unwrap_or(path);
    let (mut wanted, mut given) = (pattern.trim_start_matches('/').split('/'), path.trim_start_matches('/').split('/'));
    let mut parameters = Vec::new();
    loop {
        match (wanted.next(), given.next()) {
            (None, None) => return Some(parameters),
            (Some(name), Some(value)) if name.ends_with("+}") => {
                let rest: Vec<&str> = std::iter::once(value).chain(given).collect();
                parameters.push((name.trim_matches(['{', '}', '+']).to_owned(), rest.join("/")));
                return Some(parameters);
            }
            (Some(name), Some(value)) if name.starts_with('{') => parameters.push((name.trim_matches(['{', '}']).to_owned(), value.to_owned())),
            (Some(word), Some(value)) if word == value => {}
            _ => return None,
        }
    }
}

/// A call about to be made; `.await` makes it.
#[must_use = "a call is made when awaited"]
pub(crate) struct Call<'a> {
    app: &'a App,
    route: &'static Route,
    request: Request,
}

impl Call<'_> {
    /// With a header.
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        let name = HeaderName::try_from(name).expect("a header's name");
        self.request.headers.insert(name, HeaderValue::try_from(value).expect("a header's value"));
        self
    }

    /// With `If-Match`.
    pub(crate) fn if_match(self, etag: &str) -> Self {
        self.header("if-match", etag)
    }

    /// With `Idempotency-Key`.
    pub(crate) fn idempotency_key(self, key: &str) -> Self {
        self.header("idempotency-key", key)
    }

    /// From another address.
    pub(crate) fn sent_from(mut self, address: &str) -> Self {
        address.clone_into(&mut self.request.source_ip);
        self
    }

    /// With a body of some type.
    pub(crate) fn body(mut self, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        self.request.body = body.into();
        self.header("content-type", content_type)
    }

    fn json(self, body: &Value) -> Self {
        self.body("application/json", body.to_string())
    }
}

impl<'a> IntoFuture for Call<'a> {
    type Output = Answer;
    type IntoFuture = Pin<Box<dyn Future<Output = Answer> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let (parts, body) = runtime::dispatch(self.app, self.route, self.request).await.into_parts();
            Answer {
                status: parts.status.as_u16(),
                headers: parts.headers,
                body: body.to_vec(),
            }
        })
    }
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    /// Status code.
    pub(crate) status: u16,
    /// Headers.
    pub(crate) headers: HeaderMap,
    /// Body.
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// The same answer, if it has this status.
    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.text());
        self
    }

    /// The body as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("not JSON ({error}): {}", self.text()))
    }

    /// A header, if there is one.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// `ETag`.
    #[track_caller]
    pub(crate) fn etag(&self) -> &str {
        self.header("etag").expect("the answer has an ETag")
    }

    /// `(field, code)` of each error of a problem document.
    #[track_caller]
    pub(crate) fn field_errors(&self) -> Vec<(String, String)> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let problem = self.json();
        problem["errors"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|error| (text(&error["field"]), text(&error["code"])))
            .collect()
    }
}

/// The services of AWS the handlers reach, on one endpoint.
struct FakeAws {
    dynamodb: String,
    http: reqwest::Client,
    secrets: Mutex<BTreeMap<String, String>>,
    messages: Mutex<BTreeMap<String, Vec<Value>>>,
    objects: Mutex<BTreeMap<String, Object>>,
    schedules: Mutex<BTreeMap<String, Value>>,
    fault: Mutex<Option<(String, u32)>>,
}

#[derive(Clone)]
struct Object {
    bytes: Bytes,
    content_type: String,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("no test panics while holding a lock")
}

impl FakeAws {
    /// Whether this is the call that is to fail.
    fn is_fault(&self, target: &str) -> bool {
        let mut fault = lock(&self.fault);
        match fault.as_mut() {
            Some((operation, successes)) if target.rsplit('.').next() == Some(operation.as_str()) => {
                let is_now = *successes == 0;
                *successes = successes.saturating_sub(1);
                if is_now {
                    *fault = None;
                }
                is_now
            }
            _ => false,
        }
    }

    /// Calls DynamoDB as the SDK would.
    async fn dynamodb(&self, operation: &str, request: &Value) -> Value {
        let response = self
            .http
            .post(&self.dynamodb)
            .header("x-amz-target", format!("DynamoDB_20120810.{operation}"))
            .header("x-amz-date", "20261102T000000Z")
            .header(
                "authorization",
                "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20261102/ap-south-1/dynamodb/aws4_request, SignedHeaders=host, Signature=0",
            )
            .header("content-type", "application/x-amz-json-1.0")
            .body(request.to_string())
            .send()
            .await
            .expect("DynamoDB answers");
        let status = response.status();
        let text = response.text().await.expect("an answer");
        assert!(status.is_success(), "{operation}: {status} {text}");
        serde_json::from_str(&text).expect("DynamoDB answers in JSON")
    }
}

/// Sends a request to the service it is meant for.
async fn answer(State(aws): State<Arc<FakeAws>>, method: Method, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let target = headers.get("x-amz-target").and_then(|value| value.to_str().ok()).unwrap_or_default();
    if aws.is_fault(target) {
        // An answer the SDK does not try again.
        let error = json!({ "__type": "AccessDeniedException", "message": "a test asked for it" });
        return (
            StatusCode::BAD_REQUEST,
            [("content-type", "application/x-amz-json-1.0")],
            error.to_string(),
        )
            .into_response();
    }
    match target.split_once('.') {
        Some(("DynamoDB_20120810", _)) => forward(&aws, headers, body).await,
        Some(("secretsmanager", "GetSecretValue")) => secret(&aws, &json_of(&body)),
        Some(("AmazonSQS", operation)) => queue(&aws, operation, json_of(&body)),
        None if target.is_empty() && uri.path().starts_with("/schedules/") => schedule(&aws, &method, &uri, &body),
        None if target.is_empty() => object(&aws, &method, &uri, &headers, body),
        _ => (
            StatusCode::NOT_IMPLEMENTED,
            format!("{method} {uri} {target} is not part of the tests' AWS"),
        )
            .into_response(),
    }
}

fn json_of(body: &[u8]) -> Value {
    serde_json::from_slice(body).unwrap_or_default()
}

async fn forward(aws: &FakeAws, mut headers: HeaderMap, body: Bytes) -> Response {
    headers.remove("host");
    let answer = aws
        .http
        .post(&aws.dynamodb)
        .headers(headers)
        .body(body)
        .send()
        .await
        .expect("DynamoDB answers");
    let (status, headers) = (answer.status(), answer.headers().clone());
    (status, headers, answer.bytes().await.expect("an answer")).into_response()
}

fn secret(aws: &FakeAws, request: &Value) -> Response {
    let id = request["SecretId"].as_str().unwrap_or_default();
    let (status, body) = match lock(&aws.secrets).get(id) {
        Some(text) => (StatusCode::OK, json!({ "ARN": id, "Name": id, "SecretString": text })),
        None => (StatusCode::BAD_REQUEST, json!({ "__type": "ResourceNotFoundException" })),
    };
    (status, [("content-type", "application/x-amz-json-1.1")], body.to_string()).into_response()
}

fn queue(aws: &FakeAws, operation: &str, mut request: Value) -> Response {
    let url = request["QueueUrl"].as_str().unwrap_or_default().to_owned();
    let mut messages = lock(&aws.messages);
    let queue = messages.entry(url).or_default();
    let body = match operation {
        "SendMessage" => {
            queue.push(request);
            json!({ "MessageId": Ulid::from_parts(0, queue.len() as u128).to_string() })
        }
        "SendMessageBatch" => {
            let entries = request["Entries"].take().as_array().cloned().unwrap_or_default();
            let sent: Vec<_> = entries
                .iter()
                .map(|entry| json!({ "Id": entry["Id"], "MessageId": entry["Id"], "MD5OfMessageBody": "00000000000000000000000000000000" }))
                .collect();
            queue.extend(entries);
            json!({ "Successful": sent, "Failed": [] })
        }
        "GetQueueAttributes" => json!({ "Attributes": { "ApproximateNumberOfMessages": queue.len().to_string() } }),
        _ => return (StatusCode::NOT_IMPLEMENTED, operation.to_owned()).into_response(),
    };
    ([("content-type", "application/x-amz-json-1.0")], body.to_string()).into_response()
}

fn schedule(aws: &FakeAws, method: &Method, uri: &Uri, body: &[u8]) -> Response {
    let name = uri.path().trim_start_matches("/schedules/").to_owned();
    let mut schedules = lock(&aws.schedules);
    let refused = |status, code| (status, [("content-type", "application/json"), ("x-amzn-errortype", code)], "{}").into_response();
    match *method {
        Method::POST if schedules.contains_key(&name) => refused(StatusCode::CONFLICT, "ConflictException"),
        Method::POST => {
            let schedule = json_of(body);
            // The one zone the tests' AWS does not know.
            if schedule["ScheduleExpressionTimezone"] == "Nowhere/Land" {
                return refused(StatusCode::BAD_REQUEST, "ValidationException");
            }
            schedules.insert(name.clone(), schedule);
            ([("content-type", "application/json")], json!({ "ScheduleArn": name }).to_string()).into_response()
        }
        Method::DELETE if schedules.remove(&name).is_none() => refused(StatusCode::NOT_FOUND, "ResourceNotFoundException"),
        Method::DELETE => ([("content-type", "application/json")], "{}").into_response(),
        _ => (StatusCode::NOT_IMPLEMENTED, format!("{method} {uri}")).into_response(),
    }
}

fn object(aws: &FakeAws, method: &Method, uri: &Uri, headers: &HeaderMap, body: Bytes) -> Response {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let key = uri.path().to_owned();
    let mut objects = lock(&aws.objects);
    let query = uri.query().unwrap_or_default();
    match *method {
        Method::POST if query.split('&').any(|part| part == "uploads" || part == "uploads=") => {
            let begun = "<InitiateMultipartUploadResult><UploadId>upload</UploadId></InitiateMultipartUploadResult>";
            ([("content-type", "application/xml")], begun).into_response()
        }
        Method::POST if query.contains("uploadId=") => {
            // Each part lies under the object's name and its number; they sort as they belong together.
            let prefix = format!("{key}?");
            let parts: Vec<String> = objects.keys().filter(|name| name.starts_with(&prefix)).cloned().collect();
            let mut whole = Vec::new();
            for part in parts {
                whole.extend(objects.remove(&part).map(|part| part.bytes.to_vec()).unwrap_or_default());
            }
            let bytes = Bytes::from(whole);
            let content_type = "text/csv; charset=utf-8".to_owned();
            objects.insert(key, Object { bytes, content_type });
            let completed = "<CompleteMultipartUploadResult><ETag>0</ETag></CompleteMultipartUploadResult>";
            ([("content-type", "application/xml")], completed).into_response()
        }
        Method::PUT if !header("x-amz-copy-source").is_empty() => {
            let source = objects.get(&format!("/{}", header("x-amz-copy-source"))).cloned();
            let condition = header("x-amz-copy-source-if-match");
            let refused = |status, code: &str| {
                let error = format!("<Error><Code>{code}</Code></Error>");
                (status, [("content-type", "application/xml")], error).into_response()
            };
            match source {
                None => refused(StatusCode::NOT_FOUND, "NoSuchKey"),
                Some(_) if !condition.is_empty() && condition != "\"0\"" => refused(StatusCode::PRECONDITION_FAILED, "PreconditionFailed"),
                Some(object) => {
                    objects.insert(key, object);
                    let copied = "<CopyObjectResult><ETag>0</ETag></CopyObjectResult>";
                    ([("content-type", "application/xml")], copied).into_response()
                }
            }
        }
        Method::PUT if header("if-none-match") == "*" && objects.contains_key(&key) => {
            let error = "<Error><Code>PreconditionFailed</Code></Error>";
            (StatusCode::PRECONDITION_FAILED, [("content-type", "application/xml")], error).into_response()
        }
        Method::PUT => {
            let part = query.split('&').find_map(|part| part.strip_prefix("partNumber="));
            let key = part.map_or_else(|| key.clone(), |number| format!("{key}?{number:0>5}"));
            let bytes = if header("content-encoding").contains("aws-chunked") {
                unchunked(&body).into()
            } else {
                body
            };
            objects.insert(
                key,
                Object {
                    bytes,
                    content_type: header("content-type").to_owned(),
                },
            );
            [("etag", "\"0\"")].into_response()
        }
        Method::DELETE => {
            objects.remove(&key);
            StatusCode::NO_CONTENT.into_response()
        }
        Method::GET if query.contains("list-type=2") => {
            let prefix = query.split('&').find_map(|part| part.strip_prefix("prefix=")).unwrap_or_default();
            let under = format!("/{BUCKET}/{}", prefix.replace("%2F", "/"));
            let entry = |(name, object): (&String, &Object)| {
                format!(
                    "<Contents><Key>{}</Key><ETag>&quot;0&quot;</ETag><Size>{}</Size><LastModified>2026-11-01T00:00:00.000Z</LastModified></Contents>",
                    name.trim_start_matches(&format!("/{BUCKET}/")),
                    object.bytes.len()
                )
            };
            let found: String = objects.iter().filter(|(name, _)| name.starts_with(&under)).map(entry).collect();
            let listed = format!("<ListBucketResult><IsTruncated>false</IsTruncated>{found}</ListBucketResult>");
            ([("content-type", "application/xml")], listed).into_response()
        }
        Method::GET | Method::HEAD => match objects.get(&key) {
            // What is uploaded for an import must stay the same, so that these tags tell contents apart.
            Some(Object { bytes, content_type }) if key.ends_with("/source") => {
                let etag = format!("\"{}\"", domain::hash::sha256_hex(bytes));
                if !header("if-match").is_empty() && header("if-match") != etag {
                    let error = "<Error><Code>PreconditionFailed</Code></Error>";
                    return (StatusCode::PRECONDITION_FAILED, [("content-type", "application/xml")], error).into_response();
                }
                ([("content-type", content_type.clone()), ("etag", etag)], bytes.clone()).into_response()
            }
            Some(Object { bytes, content_type }) => {
                let content_type = content_type.clone();
                ranged(bytes, header("range"), &content_type)
            }
            None if key.trim_matches('/') == BUCKET => StatusCode::OK.into_response(),
            None => {
                let error = "<Error><Code>NoSuchKey</Code><Message>The specified key does not exist.</Message></Error>";
                (StatusCode::NOT_FOUND, [("content-type", "application/xml")], error).into_response()
            }
        },
        _ => (StatusCode::NOT_IMPLEMENTED, format!("{method} {uri}")).into_response(),
    }
}

/// The object, or the part a `Range: bytes=from-to` asks for.
fn ranged(bytes: &Bytes, range: &str, content_type: &str) -> Response {
    let Some((from, to)) = range.strip_prefix("bytes=").and_then(|range| range.split_once('-')) else {
        return ([("content-type", content_type), ("etag", "\"0\"")], bytes.clone()).into_response();
    };
    let from: usize = from.parse().unwrap_or(0);
    let end = to.parse::<usize>().map_or(bytes.len(), |to| (to + 1).min(bytes.len()));
    if from >= end {
        return StatusCode::RANGE_NOT_SATISFIABLE.into_response();
    }
    let content_range = format!("bytes {from}-{}/{}", end - 1, bytes.len());
    let headers = [
        ("content-type", content_type),
        ("etag", "\"0\""),
        ("content-range", content_range.as_str()),
    ];
    (StatusCode::PARTIAL_CONTENT, headers, bytes.slice(from..end)).into_response()
}

/// Stores a vendor as a test's own.
pub(crate) async fn store_vendor(store: &Store, vendor: &domain::vendor_record::Vendor) {
    store::vendors::create(store, &vendor.clone().into(), by())
        .await
        .expect("the vendor is stored");
}

/// Who changes vendors where nobody in particular does.
pub(crate) fn by() -> store::vendors::By<'static> {
    let at = clock();
    store::vendors::By {
        who: "test",
        at,
        entry: Ulid::from_parts(u64::try_from(at.as_millisecond()).expect("after 1970"), 1),
    }
}
