//! The three routes: checks of headers and bodies in the words of the documentation, faults, and answers.

use std::sync::{Arc, Mutex};

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::identifiers::{Gstin, Pan, Udyam};
use rsa::Oaep;
use serde_json::{Value, json};
use sha1::Sha1;

use super::universe::{self, Entry};
use super::{CLIENT_ID, CLIENT_SECRET, CashfreeFault, Request, Shared, lock, private_key};

type Refusal = (u16, &'static str, &'static str, &'static str);

const VALIDATION: &str = "validation_error";

pub(super) async fn udyam(State(shared): State<Arc<Mutex<Shared>>>, headers: HeaderMap, body: Bytes) -> Response {
    serve(&shared, "udyam", &headers, &body).await
}

pub(super) async fn gstin(State(shared): State<Arc<Mutex<Shared>>>, headers: HeaderMap, body: Bytes) -> Response {
    serve(&shared, "gstin", &headers, &body).await
}

pub(super) async fn pan(State(shared): State<Arc<Mutex<Shared>>>, headers: HeaderMap, body: Bytes) -> Response {
    serve(&shared, "pan", &headers, &body).await
}

async fn serve(shared: &Mutex<Shared>, product: &'static str, headers: &HeaderMap, body: &[u8]) -> Response {
    lock(shared).requests += 1;
    let request = match check(shared, product, headers, body) {
        Ok(request) => request,
        Err(refusal) => return refuse(refusal),
    };
    let (fault, entry) = {
        let mut state = lock(shared);
        let fault = state.by_identifier.remove(&request.identifier).or_else(|| state.faults.pop_front());
        let entry = state.register.get(&request.identifier).cloned();
        state.accepted.push(request.clone());
        (fault, entry.unwrap_or_else(|| universe::entry_of(&request.identifier)))
    };
    let ordinary = |identifier: &str| answer(&request, identifier, &entry);
    match fault {
        None => match pay(shared) {
            true => Json(ordinary(&request.identifier)).into_response(),
            false => refuse((422, VALIDATION, "insufficient_balance", "Insufficient balance to process this request")),
        },
        Some(CashfreeFault::Refuse { status, code }) => refuse((status, "internal_error", code, "the test asked for it")),
        Some(CashfreeFault::RateLimited { retry_after_secs }) => {
            let message = "Too many requests for this operation, rate limit reached";
            let mut response = refuse((429, "rate_limit_error", "too_many_requests_per_operation", message));
            response.headers_mut().insert(header::RETRY_AFTER, retry_after_secs.into());
            response
        }
        Some(CashfreeFault::SuccessWithFailure) => Json(failure(&request)).into_response(),
        Some(CashfreeFault::WrongIdentifier) => Json(ordinary(sample_of(product))).into_response(),
        Some(CashfreeFault::CutOff) => {
            let whole = ordinary(&request.identifier).to_string();
            let half = whole[..whole.len() / 2].to_owned();
            ([(header::CONTENT_TYPE, "application/json")], half).into_response()
        }
        Some(CashfreeFault::Html) => ([(header::CONTENT_TYPE, "text/html")], "<html>Just a moment…</html>").into_response(),
        Some(CashfreeFault::Silence) => std::future::pending().await,
    }
}

/// Takes the price of an answer; false if there is nothing left.
fn pay(shared: &Mutex<Shared>) -> bool {
    match &mut lock(shared).balance {
        None => true,
        Some(0) => false,
        Some(left) => {
            *left -= 1;
            true
        }
    }
}

/// The checks, in the order Cashfree makes them.
fn check(shared: &Mutex<Shared>, product: &'static str, headers: &HeaderMap, body: &[u8]) -> Result<Request, Refusal> {
    let given = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if given("x-client-id").is_empty() {
        return Err((400, VALIDATION, "x-client-id_missing", "x-client-id is missing in the request."));
    }
    if given("x-client-secret").is_empty() {
        return Err((400, VALIDATION, "x-client-secret_missing", "x-client-secret is missing in the request."));
    }
    if (given("x-client-id"), given("x-client-secret")) != (CLIENT_ID, CLIENT_SECRET) {
        let message = "Invalid clientId and clientSecret combination";
        return Err((401, "authentication_error", "authentication_failed", message));
    }
    if let Some(now) = lock(shared).signed_at {
        check_signature(given("x-cf-signature"), now)?;
    }
    let is_json = given("content-type").starts_with("application/json");
    let body: Value = serde_json::from_slice(body)
        .ok()
        .filter(|body: &Value| body.is_object() && is_json)
        .ok_or((400, VALIDATION, "request_invalid", "Bad request, please check API documentation"))?;
    let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
    let identifier = match product {
        "udyam" => {
            check_id(shared, &text("verification_id"))?;
            text("udyam")
        }
        "gstin" => text("GSTIN"),
        _ => text("pan"),
    };
    let is_valid = match product {
        // In full: Cashfree takes no other spelling.
        "udyam" => identifier.parse::<Udyam>().is_ok_and(|parsed| parsed.as_str() == identifier),
        "gstin" => identifier.parse::<Gstin>().is_ok_and(|parsed| parsed.as_str() == identifier),
        _ => identifier.parse::<Pan>().is_ok_and(|parsed| parsed.as_str() == identifier),
    };
    match (product, identifier.is_empty(), is_valid) {
        ("udyam", true, _) => Err((400, VALIDATION, "udyam_missing", "udyam is missing in the request.")),
        ("udyam", _, false) => Err((400, VALIDATION, "udyam_value_invalid", "udyam should be valid.")),
        ("gstin", true, _) => Err((400, VALIDATION, "GSTIN_missing", "GSTIN is missing in the request.")),
        ("gstin", _, false) => Err((400, VALIDATION, "GSTIN_value_invalid", "Enter a valid GSTIN.")),
        (_, true, _) => Err((400, VALIDATION, "pan_missing", "pan is missing in the request.")),
        (_, _, false) => Err((400, VALIDATION, "pan_length_short", "Enter valid PAN.")),
        (_, _, true) => Ok(Request { product, identifier, body }),
    }
}

/// Seconds a signature holds, before and after.
const SIGNATURE_SECS: u64 = 300;

fn check_signature(signature: &str, now: i64) -> Result<(), Refusal> {
    const KIND: &str = "authentication_error";
    if signature.is_empty() {
        return Err((403, KIND, "signature_missing", "Signature missing in the request"));
    }
    let bytes = STANDARD.decode(signature).ok();
    let message = bytes.and_then(|bytes| private_key().decrypt(Oaep::new::<Sha1>(), &bytes).ok());
    let message = message.and_then(|message| String::from_utf8(message).ok()).unwrap_or_default();
    match message.rsplit_once('.') {
        Some((CLIENT_ID, at)) if at.parse::<i64>().is_ok_and(|at| at.abs_diff(now) <= SIGNATURE_SECS) => Ok(()),
        Some((CLIENT_ID, _)) => Err((403, KIND, "signature_expired", "Signature expired")),
        _ => Err((403, KIND, "signature_invalid", "Invalid signature")),
    }
}

fn check_id(shared: &Mutex<Shared>, id: &str) -> Result<(), Refusal> {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    if id.is_empty() {
        return Err((400, VALIDATION, "verification_id_missing", "verification_id is missing in the request."));
    }
    if id.len() > 50 {
        let message = "verification_id can include a maximum of 50 characters.";
        return Err((400, VALIDATION, "verification_id_length_exceeded", message));
    }
    if !id.chars().all(is_allowed) {
        let message = "verification_id can include only alphanum, dot, hyphen, and underscores.";
        return Err((400, VALIDATION, "verification_id_value_invalid", message));
    }
    if !lock(shared).used_ids.insert(id.to_owned()) {
        return Err((409, VALIDATION, "verification_id_already_exists", "verification ID already exists"));
    }
    Ok(())
}

fn refuse((status, kind, code, message): Refusal) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, Json(json!({ "type": kind, "code": code, "message": message }))).into_response()
}

/// The identifiers of the documentation's examples.
fn sample_of(product: &str) -> &'static str {
    match product {
        "udyam" => "UDYAM-UP-43-1234567",
        "gstin" => "29AAICP2912R1ZR",
        _ => "ABCPV1234D",
    }
}

fn failure(request: &Request) -> Value {
    let message = "verification attempt failed";
    match request.product {
        "udyam" => json!({ "verification_id": request.body["verification_id"], "reference_id": 1, "status": "FAILED", "message": message }),
        "gstin" => json!({ "reference_id": 1, "GSTIN": request.identifier, "valid": false, "message": message }),
        _ => json!({ "reference_id": 1, "pan": request.identifier, "valid": false, "message": message }),
    }
}

fn answer(request: &Request, identifier: &str, entry: &Entry) -> Value {
    let mut answer = match request.product {
        "udyam" => udyam_answer(identifier, entry),
        "gstin" => gstin_answer(identifier, entry),
        _ => pan_answer(identifier, entry),
    };
    // A number of the identifier's own, so that it is the same in every run.
    let reference = identifier.bytes().fold(7u64, |sum, byte| (sum * 31 + u64::from(byte)) % 100_000_000);
    answer["reference_id"] = reference.into();
    if request.product == "udyam" {
        answer["verification_id"] = request.body["verification_id"].clone();
    }
    answer
}

fn udyam_answer(udyam: &str, entry: &Entry) -> Value {
    let history = |date: &str, year: &str, class: &str| json!({ "classification_year": year, "enterprise_type": class, "classification_date": date });
    let list = [
        history("2025-06-02", "2024-25", entry.enterprise_type),
        history("2023-05-09", "2023-24", entry.earlier_type),
    ];
    let status = match entry.state {
        universe::State::Absent => return json!({ "status": "UDYAM_NOT_FOUND", "udyam_number": udyam }),
        universe::State::Active if entry.is_older_shape => {
            return json!({
                "status": "VALID", "udyam": udyam, "message": "Enterprise exists",
                "enterprise_data": {
                    "document_id": udyam, "name": entry.name, "enterprise_type": entry.enterprise_type, "major_activity": entry.activity,
                    "organization_type": "Private Limited Company", "date_of_udyam_registration": "2022-01-02T00:00:00.000Z",
                },
                "enterprise_type_data": list,
            });
        }
        universe::State::Active => "SUCCESS",
        universe::State::Cancelled | universe::State::Suspended => "UDYAM_IS_CANCELLED",
    };
    json!({
        "status": status, "udyam_number": udyam, "enterprise_name": entry.name, "owner_name": "A N OTHER",
        "organization_type": "Private Limited Company", "major_activity": entry.activity, "gender": "Female", "social_category": "General",
        "date_of_incorporation": "2019-05-29", "date_of_commencement": "2019-05-29", "date_of_udyam_registration": "2022-01-02",
        "enterprise_type": entry.enterprise_type, "classification_year": "2024-25", "classification_date": "2025-06-02",
        "classification_history": list,
        "split_address": { "city": "Kanpur", "state": "UTTAR PRADESH", "pincode": "208021", "mobile": "70*****210" },
    })
}

fn gstin_answer(gstin: &str, entry: &Entry) -> Value {
    let (status, cancelled_on) = match entry.state {
        // With the apostrophe of the documentation.
        universe::State::Absent => return json!({ "GSTIN": gstin, "valid": false, "message": "GSTIN Doesn’t Exist" }),
        universe::State::Active => ("Active", ""),
        universe::State::Cancelled => ("Cancelled", "01/04/2024"),
        universe::State::Suspended => ("Suspended", ""),
    };
    json!({
        "GSTIN": gstin, "legal_name_of_business": entry.name, "trade_name_of_business": entry.name, "center_jurisdiction": "I-A RANGE",
        "date_of_registration": "30/09/2017", "date_of_cancellation": cancelled_on, "constitution_of_business": "Private Limited Company",
        "taxpayer_type": "Regular", "gst_in_status": status, "last_update_date": "01/03/2022",
        "nature_of_business_activities": ["Supplier of Services"], "valid": true, "message": "GSTIN Exists",
    })
}

fn pan_answer(pan: &str, entry: &Entry) -> Value {
    let status = match entry.state {
        universe::State::Active => {
            let holder = if pan.as_bytes().get(3) == Some(&b'P') { "Individual" } else { "Company" };
            return json!({
                "pan": pan, "type": holder, "registered_name": entry.name, "valid": true, "message": "PAN verified successfully",
                "pan_status": "VALID", "aadhaar_seeding_status": "NA", "last_updated_at": "01/01/2019",
            });
        }
        universe::State::Absent => "INVALID",
        universe::State::Cancelled => "DEACTIVATED",
        universe::State::Suspended => "DELETED",
    };
    json!({ "pan": pan, "valid": false, "message": "Invalid PAN", "pan_status": status })
}
