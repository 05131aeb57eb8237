//! Graph API errors: the codes of `design/delivery.md`, with Meta's HTTP status and wording.
//! <https://developers.facebook.com/documentation/business-messaging/whatsapp/support/error-codes>

use axum::http::StatusCode;
use axum::http::header::{CONTENT_TYPE, WWW_AUTHENTICATE};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

/// What Meta says about a code.
struct Entry {
    code: u32,
    status: u16,
    title: &'static str,
    details: &'static str,
}

const fn entry(code: u32, status: u16, title: &'static str, details: &'static str) -> Entry {
    Entry {
        code,
        status,
        title,
        details,
    }
}

/// The live API answers 429 to 130429, although Meta's table says 400; a fault can force either.
const TABLE: [Entry; 42] = [
    entry(1, 400, "API Unknown", "Invalid request or possible server error."),
    entry(2, 503, "API Service", "Temporary due to downtime or due to being overloaded."),
    entry(4, 400, "API Too Many Calls", "The app has reached its API call rate limit."),
    entry(10, 403, "Permission Denied", "Permission is either not granted or has been removed."),
    entry(
        100,
        400,
        "Invalid parameter",
        "The request included one or more unsupported or misspelled parameters.",
    ),
    entry(190, 401, "Invalid OAuth access token", "Your access token has expired."),
    entry(
        368,
        403,
        "Temporarily blocked for policies violations",
        "The WhatsApp Business Account has been restricted or disabled for violating a platform policy.",
    ),
    entry(
        80007,
        400,
        "Rate limit issues",
        "The WhatsApp Business Account has reached its rate limit.",
    ),
    entry(130429, 429, "Rate limit hit", "Cloud API message throughput has been reached."),
    entry(
        130472,
        400,
        "User's number is part of an experiment",
        "Message was not sent as part of an experiment.",
    ),
    entry(
        130497,
        403,
        "Business account is restricted from messaging users in this country.",
        "The WhatsApp Business Account is restricted from messaging to users in certain countries.",
    ),
    entry(131000, 500, "Something went wrong", "Message failed to send due to an unknown error."),
    entry(131005, 403, "Access denied", "Permission is either not granted or has been removed."),
    entry(
        131008,
        400,
        "Required parameter is missing",
        "The request is missing a required parameter.",
    ),
    entry(131009, 400, "Parameter value is not valid", "One or more parameter values are invalid."),
    entry(131016, 500, "Service unavailable", "A service is temporarily unavailable."),
    entry(
        131021,
        400,
        "Recipient cannot be sender",
        "Sender and recipient phone number is the same.",
    ),
    entry(131026, 400, "Message undeliverable", "Message Undeliverable."),
    entry(131031, 403, "Business Account locked", "The WhatsApp Business Account has been locked."),
    entry(
        131042,
        400,
        "Business eligibility payment issue",
        "Message failed to send because there were one or more errors related to your payment method.",
    ),
    entry(
        131047,
        400,
        "Re-engagement message",
        "Message failed to send because more than 24 hours have passed since the customer last replied to this number.",
    ),
    entry(
        131048,
        400,
        "Spam rate limit hit",
        "Message failed to send because there are restrictions on how many messages can be sent from this phone number. This may be because too many previous messages were blocked or flagged as spam.",
    ),
    entry(
        131049,
        400,
        "This message was not delivered to maintain healthy ecosystem engagement.",
        "In order to maintain a healthy ecosystem engagement, the message failed to be delivered.",
    ),
    entry(
        131050,
        400,
        "Unable to deliver the message. This recipient has chosen to stop receiving marketing messages on WhatsApp from your business",
        "The recipient has opted out of marketing messages from this business.",
    ),
    entry(131051, 400, "Unsupported message type", "Message type is not currently supported."),
    entry(131052, 400, "Media download error", "Unable to download the media sent in the message."),
    entry(131053, 400, "Media upload error", "Unable to upload the media used in the message."),
    entry(
        131056,
        400,
        "(Business Account, Consumer Account) pair rate limit hit",
        "Message failed to send because there were too many messages sent from this phone number to the same phone number in a short period of time.",
    ),
    entry(131057, 500, "Account in maintenance mode", "Business Account is in maintenance mode."),
    entry(
        131063,
        400,
        "Account is not eligible",
        "The business account cannot send messages of this category.",
    ),
    entry(
        131064,
        400,
        "Account restricted",
        "The business account is restricted from sending messages of this category.",
    ),
    entry(
        132000,
        400,
        "Number of parameters does not match the expected number of params",
        "The number of variable parameter values does not match the template definition.",
    ),
    entry(
        132001,
        404,
        "Template name does not exist in the translation",
        "The template does not exist in the specified language or the template has not been approved.",
    ),
    entry(132005, 400, "Translated text too long", "Translated text is too long."),
    entry(
        132007,
        400,
        "Template format character policy violated",
        "Template content violates a WhatsApp policy.",
    ),
    entry(
        132008,
        400,
        "Template parameter value is not valid",
        "A template parameter value is formatted incorrectly.",
    ),
    entry(
        132012,
        400,
        "Parameter format does not match format in the created template",
        "Variable parameter values formatted incorrectly.",
    ),
    entry(
        132015,
        400,
        "Template is paused",
        "Template is paused due to low quality so it cannot be sent in a template message.",
    ),
    entry(
        132016,
        400,
        "Template is disabled",
        "Template has been paused too many times due to low quality and is now permanently disabled.",
    ),
    entry(
        133010,
        400,
        "Phone number not registered",
        "Phone number is not registered on the WhatsApp Business Platform.",
    ),
    entry(
        133016,
        400,
        "Rate limit exceeded",
        "Registration or deregistration failed because there were too many attempts.",
    ),
    entry(
        135000,
        400,
        "Generic user error",
        "Message failed to send because of an unknown error with your request parameters.",
    ),
];

/// The codes the simulator knows, ascending; any other is answered with 400 and a plain title.
pub fn known_codes() -> impl Iterator<Item = u32> {
    TABLE.iter().map(|entry| entry.code)
}

/// An error as the Graph API answers it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct GraphError {
    pub(super) status: u16,
    pub(super) code: u32,
    subcode: Option<u32>,
    kind: &'static str,
    title: String,
    details: Option<String>,
    /// The whole message; by default `(#code) title`.
    message: Option<String>,
}

impl GraphError {
    /// A code with Meta's own details.
    pub(super) fn new(code: u32) -> Self {
        let known = TABLE.iter().find(|entry| entry.code == code);
        Self {
            status: known.map_or(400, |entry| entry.status),
            code,
            subcode: None,
            kind: "OAuthException",
            title: known.map_or("Message failed to send", |entry| entry.title).to_owned(),
            details: known.map(|entry| entry.details.to_owned()),
            message: None,
        }
    }

    /// The same error with other details.
    pub(super) fn details(self, details: impl Into<String>) -> Self {
        Self {
            details: Some(details.into()),
            ..self
        }
    }

    /// The same error under another HTTP status.
    pub(super) fn status(self, status: u16) -> Self {
        Self { status, ..self }
    }

    fn message(self, message: impl Into<String>) -> Self {
        Self {
            message: Some(message.into()),
            details: None,
            ..self
        }
    }

    /// One object of `statuses[].errors`.
    pub(super) fn in_status(&self) -> Value {
        json!({
            "code": self.code,
            "title": self.title,
            "message": self.title,
            "error_data": {"details": self.details},
            "href": "https://developers.facebook.com/docs/whatsapp/cloud-api/support/error-codes/",
        })
    }

    fn body(&self) -> Value {
        let message = self.message.clone().unwrap_or_else(|| format!("(#{}) {}", self.code, self.title));
        let mut error = json!({
            "message": message,
            "type": self.kind,
            "code": self.code,
            "fbtrace_id": trace_id(),
        });
        if let Some(subcode) = self.subcode {
            error["error_subcode"] = json!(subcode);
        }
        if let Some(details) = &self.details {
            error["error_data"] = json!({"messaging_product": "whatsapp", "details": details});
        }
        json!({"error": error})
    }
}

impl IntoResponse for GraphError {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = self.body().to_string();
        let mut response = (status, [(CONTENT_TYPE, "application/json; charset=UTF-8")], body).into_response();
        if self.code == 190 {
            let challenge = "OAuth \"Facebook Platform\" \"invalid_token\" \"Invalid OAuth access token\"";
            response
                .headers_mut()
                .insert(WWW_AUTHENTICATE, axum::http::HeaderValue::from_static(challenge));
        }
        response
    }
}

/// 190: the token is absent, or not the one of this account.
pub(super) fn invalid_token() -> GraphError {
    GraphError::new(190).message("Invalid OAuth access token - Cannot parse access token")
}

/// 100 with subcode 33: the path names nothing this token can see.
pub(super) fn no_such_object(method: &str, id: &str) -> GraphError {
    GraphError {
        subcode: Some(33),
        kind: "GraphMethodException",
        ..GraphError::new(100).message(format!(
            "Unsupported {method} request. Object with ID '{id}' does not exist, cannot be loaded due to missing permissions, or does not \
             support this operation. Please read the Graph API documentation at https://developers.facebook.com/docs/graph-api"
        ))
    }
}

/// 2500: a path Graph does not know.
pub(super) fn unknown_path(path: &str) -> GraphError {
    GraphError {
        status: 400,
        ..GraphError::new(2500).message(format!("Unknown path components: {path}"))
    }
}

/// 100: a parameter of the request itself.
pub(super) fn bad_parameter(message: impl AsRef<str>) -> GraphError {
    GraphError::new(100).message(format!("(#100) {}", message.as_ref()))
}

/// 100 with details: a parameter inside the message.
pub(super) fn invalid_parameter(details: impl Into<String>) -> GraphError {
    GraphError::new(100).details(details)
}

/// 131008.
pub(super) fn missing(details: impl Into<String>) -> GraphError {
    GraphError::new(131_008).details(details)
}

/// 131009.
pub(super) fn invalid_value(details: impl Into<String>) -> GraphError {
    GraphError::new(131_009).details(details)
}

fn trace_id() -> String {
    use base64::Engine as _;
    let bytes: [u8; 15] = rand::random();
    format!("A{}", base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes))
}
