//! What holds for every operation: who may call it, how it fails, which headers it sends.

use domain::user::Role;
use runtime::{Access, Route, Var};
use serde_json::{Map, Value, json};

const ABOUT: &str = "\
Vendor campaigns for MSME declarations: import vendors, write a template, run a campaign, collect the answers, read the ledger.

**Signing in.** `POST /api/v1/auth/login` gives an access token of 15 minutes, sent as `Authorization: Bearer …`, and a refresh token \
that is exchanged once at `POST /api/v1/auth/refresh`. Each operation says which roles may call it. Personal links (`/f/…`, \
`/unsubscribe/…`) need no sign-in: the token in them is the permission.

**Paths and bodies.** Every path also works with a trailing slash. Bodies are JSON in UTF-8 of at most 1 MB, names are snake_case, fields \
that do not exist are refused. Times are RFC 3339 in UTC.

**Errors** are `application/problem+json` (RFC 9457). `errors` names the fields of a 422, and of a 400 where it is one field that cannot be read; \
`request_id` finds the request in the logs.

**Lists** take `limit` (1 to 200, default 50) and `cursor`, and answer `items`, `next_cursor` and, where it is known without counting, \
`total`. A cursor is opaque, belongs to one list with its filters, and is good for a day.

**Concurrent changes.** A resource's `ETag` names its version. Send it as `If-Match` with PUT or DELETE: if somebody was quicker, the \
answer is 412 and nothing was changed.

**Repeats.** Operations that create or execute take `Idempotency-Key`: for 24 hours a repeat with the same body gets the first answer, \
with `idempotency-replayed: true`; with another body 422; while the first is being worked on 409.

**Rate limits.** Signed-in users may send 1,200 requests a minute, an address 600 to public pages and 30 to each way of signing in. \
`RateLimit-Limit`, `-Remaining` and `-Reset` (seconds) say where you stand; a 429 says in `Retry-After` when to come back.

**Correlation.** `x-correlation-id` may be given; it comes back and follows the work through the queues. `x-request-id` is always sent.";

/// A named error response of the document: status, name, when it is given.
struct Failure(&'static str, &'static str, &'static str);

const BAD_REQUEST: Failure = Failure("400", "BadRequest", "The request cannot be read");
const UNAUTHORIZED: Failure = Failure("401", "Unauthorized", "The access token is missing, expired or no longer valid");
const FORBIDDEN: Failure = Failure("403", "Forbidden", "The caller's role does not allow this");
const NOT_FOUND: Failure = Failure("404", "NotFound", "There is nothing by this name");
const CONFLICT: Failure = Failure(
    "409",
    "Conflict",
    "Not in this state, not unique, changed by somebody else meanwhile, or the first request with this key is in flight",
);
const TOO_LARGE: Failure = Failure("413", "TooLarge", "The body has more bytes than this operation takes");
const MEDIA_TYPE: Failure = Failure("415", "UnsupportedMediaType", "The body is of another type than this operation reads");
const INVALID: Failure = Failure("422", "Invalid", "Readable, but wrong in the fields named in `errors`");
const TOO_MANY: Failure = Failure("429", "TooManyRequests", "Too many requests; `Retry-After` says when to come back");
const INTERNAL: Failure = Failure("500", "Internal", "Something went wrong on our side; `request_id` finds it in the logs");
const BUSY: Failure = Failure("503", "Busy", "Busy; nothing was decided, and the request may be repeated");
const FAILURES: [Failure; 11] = [
    BAD_REQUEST,
    UNAUTHORIZED,
    FORBIDDEN,
    NOT_FOUND,
    CONFLICT,
    TOO_LARGE,
    MEDIA_TYPE,
    INVALID,
    TOO_MANY,
    INTERNAL,
    BUSY,
];

const RATE_LIMIT: [(&str, &str, &str); 3] = [
    ("RateLimit-Limit", "RateLimitLimit", "Requests a minute."),
    ("RateLimit-Remaining", "RateLimitRemaining", "Requests that would be answered at once."),
    ("RateLimit-Reset", "RateLimitReset", "Seconds until the whole burst is free again."),
];

/// Lays the conventions over a document of bare operations.
pub(super) fn apply(document: &mut Value, routes: &[&'static Route]) {
    document["openapi"] = json!("3.1.0");
    document["info"] = json!({ "title": "MSME Campaign Central", "version": env!("CARGO_PKG_VERSION"), "description": ABOUT });
    document["servers"] = json!([{ "url": "/", "description": "The stack that serves this document" }]);
    document["tags"] = json!([
        { "name": "auth", "description": "Sign in, stay signed in, sign out." },
        { "name": "users", "description": "Who one is." },
        { "name": "vendors", "description": "The vendor master." },
        { "name": "segments", "description": "Saved filters for vendors, for lists, exports and campaigns." },
        { "name": "imports", "description": "Vendors from a CSV file: an upload, a job, and the rows that were handed back." },
        { "name": "exports", "description": "Vendors as a CSV file or an Excel workbook: a job, and a link to its file." },
        { "name": "templates", "description": "What campaigns say." },
        { "name": "campaigns", "description": "Drafts, execution, progress and the ledger." },
        { "name": "responses", "description": "What vendors answered, and what a person decides about it." },
        { "name": "suppressions", "description": "Addresses that are not written to, and why." },
        { "name": "analytics", "description": "Figures over everything." },
        { "name": "public", "description": "Pages vendors reach by the personal link in a message." },
        { "name": "webhooks", "description": "What providers post." },
        { "name": "system", "description": "Health." },
    ]);
    // Paths whose resource has a version: those that can be replaced.
    let versioned: Vec<String> = document["paths"]
        .as_object()
        .map(|paths| {
            paths
                .iter()
                .filter(|(_, item)| item.get("put").is_some())
                .map(|(path, _)| path.clone())
                .collect()
        })
        .unwrap_or_default();
    components(document);
    let paths = document["paths"].as_object_mut().into_iter().flatten();
    for (path, item) in paths {
        for (method, operation) in item.as_object_mut().into_iter().flatten() {
            let route = routes
                .iter()
                .find(|route| route.path == path && route.method.as_str().eq_ignore_ascii_case(method));
            if let Some(route) = route {
                describe(operation, route, versioned.contains(path));
            }
        }
    }
}

/// Every operation of a document.
pub(super) fn operations(document: &mut Value) -> impl Iterator<Item = &mut Value> {
    let paths = document["paths"].as_object_mut().into_iter().flatten();
    paths.flat_map(|(_, item)| item.as_object_mut().into_iter().flatten().map(|(_, operation)| operation))
}

fn components(document: &mut Value) {
    let components = &mut document["components"];
    components["securitySchemes"] = json!({
        "bearer": { "type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": "The `access_token` of signing in; 15 minutes." }
    });
    components["schemas"]["Problem"] = json!({
        "type": "object",
        "description": "Why a request was not answered as asked (RFC 9457).",
        "required": ["type", "title", "status", "detail", "instance", "request_id", "errors"],
        "properties": {
            "type": { "type": "string", "format": "uri", "description": "Names the kind of problem.", "examples": ["urn:msme-campaign-central:problem:invalid"] },
            "title": { "type": "string", "description": "The status in words.", "examples": ["Unprocessable Entity"] },
            "status": { "type": "integer", "format": "int32", "minimum": 400, "maximum": 599, "examples": [422] },
            "detail": { "type": "string", "description": "What is wrong and what to do.", "examples": ["gst_number: the last character does not fit the others: check the number for a typing mistake"] },
            "instance": { "type": "string", "description": "The path that was asked for.", "examples": ["/api/v1/vendors"] },
            "request_id": { "type": "string", "description": "Finds the request in the logs." },
            "errors": {
                "type": "array",
                "description": "The fields to correct: of a 422 all of them, of a 400 the one that cannot be read; otherwise empty.",
                "items": {
                    "type": "object",
                    "required": ["field", "code", "message"],
                    "properties": {
                        "field": { "type": "string", "examples": ["gst_number"] },
                        "code": { "type": "string", "description": "Machine-readable.", "examples": ["gstin_check_character"] },
                        "message": { "type": "string", "description": "What is wrong and how to mend it." }
                    }
                }
            }
        }
    });
    // The state of a job is the store's type, which knows nothing of this document.
    if let Some(state) = components["schemas"].pointer_mut("/ImportResponse/properties/state") {
        state["enum"] = json!(["queued", "running", "completed", "failed"]);
    }
    let mut responses = Map::new();
    for Failure(status, name, description) in FAILURES {
        let mut response = json!({ "description": description, "content": problem() });
        if let Some(headers) = failure_headers(status) {
            response["headers"] = headers;
        }
        responses.insert(name.to_owned(), response);
    }
    components["responses"] = Value::Object(responses);
    let mut headers = json!({
        "ETag": { "description": "The resource's version, for `If-Match`.", "schema": { "type": "string", "examples": ["\"3\""] } },
        "Location": { "description": "Where the resource, or the progress of the work, is.", "schema": { "type": "string", "format": "uri-reference" } },
        "IdempotencyReplayed": { "description": "Present on a repeat: this is the first request's answer.", "schema": { "type": "string", "enum": ["true"] } },
        "RetryAfter": { "description": "Seconds to wait.", "schema": { "type": "integer", "minimum": 1 } },
        "WwwAuthenticate": { "description": "How to authenticate.", "schema": { "type": "string", "enum": ["Bearer"] } },
    });
    for (_, name, description) in RATE_LIMIT {
        headers[name] = json!({ "description": description, "schema": { "type": "integer", "minimum": 0 } });
    }
    components["headers"] = headers;
}

fn describe(operation: &mut Value, route: &Route, versioned: bool) {
    summarise(operation);
    for parameter in operation.get_mut("parameters").and_then(Value::as_array_mut).into_iter().flatten() {
        tidy(parameter);
    }
    let has_body = operation.get("requestBody").is_some();
    let takes_json = operation.pointer("/requestBody/content/application~1json").is_some();
    let mut failures = vec![INTERNAL];
    let mut limited = true;
    match route.access {
        Access::Public if !route.needs.contains(&Var::TableName) => limited = false,
        Access::Public | Access::PublicSensitive => {}
        Access::Requires(permission) => {
            failures.extend([UNAUTHORIZED, FORBIDDEN]);
            let roles: Vec<&str> = Role::ALL.iter().filter(|role| role.may(permission)).map(|role| role.as_str()).collect();
            let said = operation["description"].as_str().unwrap_or_default();
            let gap = if said.is_empty() { "" } else { "\n\n" };
            operation["description"] = json!(format!("{said}{gap}Roles: `{}`.", roles.join("`, `")));
            operation["x-roles"] = json!(roles);
        }
    }
    if limited {
        failures.extend([TOO_MANY, BUSY]);
    }
    if has_body {
        failures.extend([BAD_REQUEST, TOO_LARGE]);
    } else if route.idempotent {
        failures.push(BAD_REQUEST);
    }
    if takes_json {
        failures.push(MEDIA_TYPE);
    }
    if takes_json || route.idempotent || has_query(operation) {
        failures.push(INVALID);
    }
    if route.idempotent || (versioned && route.method != "GET") {
        failures.push(CONFLICT);
    }
    if route.path.contains("{id}") {
        failures.push(NOT_FOUND);
    }
    // `security(())` and no requirement say the same.
    if operation["security"] == json!([{}]) {
        operation.as_object_mut().and_then(|operation| operation.remove("security"));
    }
    let Some(responses) = operation["responses"].as_object_mut() else {
        return;
    };
    for Failure(status, name, _) in failures {
        responses
            .entry(status)
            .or_insert_with(|| json!({ "$ref": format!("#/components/responses/{name}") }));
    }
    for (status, response) in responses {
        if response.get("$ref").is_some() {
            continue;
        }
        match status.as_bytes() {
            [b'4' | b'5', ..] => {
                if response.get("content").is_none() {
                    response["content"] = if route.path.starts_with("/api/") { problem() } else { page_or_problem() };
                }
                if let Some(headers) = failure_headers(status) {
                    response["headers"] = headers;
                }
            }
            _ => success(response, status, route, versioned, limited),
        }
    }
}

/// The first sentence for the list of operations, the whole for who reads on.
fn summarise(operation: &mut Value) {
    let summary = operation["summary"].as_str().unwrap_or_default().replace('\n', " ");
    let first = summary
        .split_once(". ")
        .map_or(summary.as_str(), |(first, _)| first)
        .trim_end_matches('.');
    if first.len() + 1 < summary.len() {
        let rest = operation["description"].as_str().map(|more| format!("\n\n{more}")).unwrap_or_default();
        operation["description"] = json!(format!("{summary}{rest}"));
    }
    operation["summary"] = json!(first);
}

/// A query or a header is there or not; it cannot be null.
fn tidy(parameter: &mut Value) {
    if parameter["name"] == "limit" {
        parameter["schema"] = json!({ "type": "integer", "format": "int32", "minimum": 1, "maximum": 200, "default": 50 });
    }
    let Some(schema) = parameter.get_mut("schema") else { return };
    if let Some(types) = schema.get("type").and_then(Value::as_array) {
        schema["type"] = types.iter().find(|kind| *kind != "null").cloned().unwrap_or_default();
    }
    if let Some(choices) = schema.get("oneOf").and_then(Value::as_array) {
        let mut others = choices.iter().filter(|choice| choice["type"] != "null").cloned();
        if let (Some(only), None) = (others.next(), others.next()) {
            *schema = only;
        }
    }
}

fn success(response: &mut Value, status: &str, route: &Route, versioned: bool, limited: bool) {
    let mut names = Vec::new();
    if limited {
        names.extend(RATE_LIMIT.map(|(name, component, _)| (name, component)));
    }
    if matches!(status, "202" | "303") || (status == "201" && route.idempotent) {
        names.push(("Location", "Location"));
    }
    if (status == "201" && route.idempotent) || (status == "200" && versioned) {
        names.push(("ETag", "ETag"));
    }
    if route.idempotent {
        names.push(("Idempotency-Replayed", "IdempotencyReplayed"));
    }
    for (name, component) in names {
        response["headers"][name] = json!({ "$ref": format!("#/components/headers/{component}") });
    }
}

fn failure_headers(status: &str) -> Option<Value> {
    let (name, component) = match status {
        "401" => ("WWW-Authenticate", "WwwAuthenticate"),
        "429" | "503" => ("Retry-After", "RetryAfter"),
        _ => return None,
    };
    Some(json!({ name: { "$ref": format!("#/components/headers/{component}") } }))
}

fn has_query(operation: &Value) -> bool {
    operation["parameters"]
        .as_array()
        .is_some_and(|parameters| parameters.iter().any(|parameter| parameter["in"] == "query"))
}

fn problem() -> Value {
    json!({ "application/problem+json": { "schema": { "$ref": "#/components/schemas/Problem" } } })
}

/// What a personal link answers: a page for people, a problem document for programs.
fn page_or_problem() -> Value {
    json!({
        "text/html": { "schema": { "type": "string" } },
        "application/problem+json": { "schema": { "$ref": "#/components/schemas/Problem" } }
    })
}
