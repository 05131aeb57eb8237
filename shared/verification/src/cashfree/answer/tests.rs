use domain::identifiers::{Gstin, Udyam};
use domain::verification::{Field, OurRecord};
use jiff::Timestamp;
use jiff::civil::date;
use serde_json::json;

use super::*;

const UDYAM: &str = "UDYAM-UP-43-1234567";
const GSTIN: &str = "27AAPFU0939F1ZV";
const PAN: &str = "AAPPV0126K";

fn request(kind: Kind) -> VerificationRequest {
    let asked = match kind {
        Kind::Udyam => Asked::Udyam(UDYAM.parse::<Udyam>().unwrap()),
        Kind::Gstin => Asked::Gstin(GSTIN.parse::<Gstin>().unwrap()),
        Kind::Pan => Asked::Pan(PAN.parse::<Pan>().unwrap()),
    };
    VerificationRequest {
        id: "vrf_1".parse().unwrap(),
        asked,
        at: Timestamp::UNIX_EPOCH,
    }
}

/// Of the documentation's example.
fn udyam_success() -> Value {
    json!({
        "verification_id": "vrf_1", "reference_id": 3478283, "status": "SUCCESS", "udyam_number": UDYAM,
        "enterprise_name": "HELLO SCHOLAR", "owner_name": "John Doe", "organization_type": "Proprietary", "major_activity": "Services",
        "date_of_incorporation": "2020-05-29", "date_of_udyam_registration": "2022-01-02",
        "enterprise_type": "Micro", "classification_year": "2024-25", "classification_date": "2025-06-02",
        "classification_history": [
            {"serial_number": "1", "classification_year": "2024-25", "enterprise_type": "Micro", "classification_date": "2025-06-02"},
            {"serial_number": "2", "classification_year": "2023-24", "enterprise_type": "Small", "classification_date": "2023-05-09"},
        ],
    })
}

/// The shape before it was flattened.
fn udyam_valid() -> Value {
    json!({
        "verification_id": "vrf_1", "reference_id": 3478283, "status": "VALID", "udyam": UDYAM, "message": "Enterprise exists",
        "enterprise_data": {
            "document_id": UDYAM, "name": "HELLO SCHOLAR", "organization_type": "Proprietary", "major_activity": "Services",
            "enterprise_type": "Micro", "date_of_udyam_registration": "2022-01-02T00:00:00.000Z",
        },
        "enterprise_type_data": [
            {"enterprise_type": "Micro", "classification_year": "2024-25", "classification_date": "2025-06-02T00:00:00.000Z"},
            {"enterprise_type": "Small", "classification_year": "2023-24", "classification_date": "2023-05-09T00:00:00.000Z"},
        ],
    })
}

fn gstin_exists() -> Value {
    json!({
        "reference_id": 19, "GSTIN": GSTIN, "legal_name_of_business": "UJJIVAN PLASTICS LLP", "trade_name_of_business": "UJJIVAN",
        "date_of_registration": "30/09/2017", "constitution_of_business": "Limited Liability Partnership", "taxpayer_type": "Regular",
        "gst_in_status": "Active", "valid": true, "message": "GSTIN Exists",
    })
}

fn pan_valid() -> Value {
    json!({
        "pan": PAN, "type": "Individual", "reference_id": 161, "registered_name": "ASHA RAO", "valid": true,
        "message": "PAN verified successfully", "pan_status": "VALID",
    })
}

fn without(mut answer: Value, field: &str) -> Value {
    answer.as_object_mut().unwrap().remove(field);
    answer
}

fn with(mut answer: Value, fields: Value) -> Value {
    for (name, value) in fields.as_object().unwrap() {
        answer[name] = value.clone();
    }
    answer
}

/// Every answer and what it is taken for: register, status, body → outcome, reason, what next.
#[test]
fn every_answer_has_its_outcome() {
    use Kind::*;
    use Next::*;
    use Outcome::*;
    let error = |kind: &str, code: &str, message: &str| json!({"type": kind, "code": code, "message": message});
    let invalid = |code: &str, message: &str| error("validation_error", code, message);
    let absent = json!({"reference_id": 10, "GSTIN": GSTIN, "valid": false, "message": "GSTIN Doesn’t Exist"});
    let table = [
        // The register has it.
        (Udyam, 200, udyam_success(), Verified, "valid", Keep),
        (Udyam, 200, udyam_valid(), Verified, "valid", Keep),
        (Gstin, 200, gstin_exists(), Verified, "valid", Keep),
        (Gstin, 200, without(gstin_exists(), "valid"), Verified, "valid", Keep),
        (Pan, 200, pan_valid(), Verified, "valid", Keep),
        (Pan, 200, without(pan_valid(), "pan_status"), Verified, "valid", Keep),
        // It is no longer in force.
        (
            Udyam,
            200,
            with(udyam_success(), json!({"status": "UDYAM_IS_CANCELLED"})),
            Mismatch,
            "udyam_cancelled",
            Keep,
        ),
        (
            Gstin,
            200,
            with(gstin_exists(), json!({"gst_in_status": "Cancelled suo-moto"})),
            Mismatch,
            "gstin_cancelled",
            Keep,
        ),
        (
            Gstin,
            200,
            with(gstin_exists(), json!({"gst_in_status": "Suspended"})),
            Mismatch,
            "gstin_suspended",
            Keep,
        ),
        (
            Pan,
            200,
            with(pan_valid(), json!({"pan_status": "DELETED", "valid": false})),
            Mismatch,
            "pan_deleted",
            Keep,
        ),
        (
            Pan,
            200,
            json!({"pan": PAN, "pan_status": "DEACTIVATED", "valid": false}),
            Mismatch,
            "pan_deactivated",
            Keep,
        ),
        // It does not have it.
        (
            Udyam,
            200,
            json!({"verification_id": "vrf_1", "status": "UDYAM_NOT_FOUND", "udyam_number": UDYAM}),
            NotFound,
            "udyam_not_found",
            Keep,
        ),
        (
            Udyam,
            200,
            json!({"status": "INVALID", "udyam": UDYAM}),
            NotFound,
            "udyam_not_found",
            Keep,
        ),
        (Gstin, 200, absent.clone(), NotFound, "gstin_not_found", Keep),
        (Gstin, 200, without(absent.clone(), "valid"), NotFound, "gstin_not_found", Keep),
        (
            Pan,
            200,
            json!({"pan": PAN, "valid": false, "pan_status": "INVALID", "message": "Invalid PAN"}),
            NotFound,
            "pan_not_found",
            Keep,
        ),
        (
            Pan,
            200,
            json!({"pan": PAN, "valid": false, "message": "Invalid PAN"}),
            NotFound,
            "pan_not_found",
            Keep,
        ),
        (
            Udyam,
            404,
            with(
                error("not_found_error", "udyam_not_found", "no such registration"),
                json!({"verification_id": "vrf_1"}),
            ),
            NotFound,
            "udyam_not_found",
            Keep,
        ),
        (
            Udyam,
            200,
            json!({"verification_id": "vrf_1", "status": "INVALID", "message": "Udyam number doesn't exist"}),
            NotFound,
            "udyam_not_found",
            Keep,
        ),
        (
            Pan,
            200,
            json!({"pan": PAN, "valid": false, "pan_status": "N"}),
            NotFound,
            "pan_not_found",
            Keep,
        ),
        // It could be anybody who was not found, or the register that was not.
        (
            Udyam,
            404,
            error("not_found_error", "udyam_not_found", "no such registration"),
            ProviderError,
            "udyam_not_found_of_nobody",
            RetryOnce,
        ),
        (
            Udyam,
            200,
            json!({"status": "UDYAM_NOT_FOUND"}),
            ProviderError,
            "udyam_not_found_of_nobody",
            RetryOnce,
        ),
        (
            Gstin,
            200,
            without(absent.clone(), "GSTIN"),
            ProviderError,
            "gstin_not_found_of_nobody",
            RetryOnce,
        ),
        (
            Udyam,
            200,
            json!({"verification_id": "vrf_1", "status": "INVALID", "udyam": UDYAM, "message": "Unable to reach the source"}),
            ProviderError,
            "invalid_with_an_error",
            RetryOnce,
        ),
        (
            Pan,
            200,
            json!({"pan": PAN, "valid": false, "pan_status": "INVALID", "message": "Invalid response from the source"}),
            ProviderError,
            "invalid_with_an_error",
            RetryOnce,
        ),
        // The PAN or its holder is no more.
        (
            Pan,
            200,
            json!({"pan": PAN, "pan_status": "FAKE", "valid": false}),
            Mismatch,
            "pan_fake",
            Keep,
        ),
        (Pan, 200, with(pan_valid(), json!({"pan_status": "ED"})), Mismatch, "pan_deceased", Keep),
        (
            Pan,
            200,
            json!({"pan": PAN, "pan_status": "EL", "valid": false}),
            Mismatch,
            "pan_dissolved",
            Keep,
        ),
        (Pan, 200, with(pan_valid(), json!({"pan_status": "EA"})), Mismatch, "pan_merged", Keep),
        (Pan, 200, with(pan_valid(), json!({"pan_status": "E"})), Verified, "valid", Keep),
        // A code about the register is none about the identifier.
        (Udyam, 400, invalid("udyam_source_down", ""), ProviderError, "udyam_source_down", Keep),
        // It refuses the identifier.
        (
            Udyam,
            400,
            invalid("udyam_value_invalid", "udyam should be valid."),
            InvalidInput,
            "udyam_value_invalid",
            Keep,
        ),
        (
            Gstin,
            400,
            invalid("GSTIN_value_invalid", "GSTIN is invalid"),
            InvalidInput,
            "gstin_value_invalid",
            Keep,
        ),
        (
            Pan,
            400,
            invalid("pan_length_short", "Enter valid PAN."),
            InvalidInput,
            "pan_length_short",
            Keep,
        ),
        (Pan, 422, invalid("pan_value_invalid", ""), InvalidInput, "pan_value_invalid", Keep),
        // It refuses us.
        (
            Udyam,
            401,
            error(
                "authentication_error",
                "authentication_failed",
                "Invalid clientId and clientSecret combination",
            ),
            Auth,
            "authentication_failed",
            HaltRun,
        ),
        (
            Udyam,
            403,
            error("authentication_error", "ip_validation_failed", "IP not whitelisted"),
            Auth,
            "ip_validation_failed",
            HaltRun,
        ),
        (
            Udyam,
            403,
            invalid("authentication_failed", "x-cf-signature missing in the request header"),
            Auth,
            "authentication_failed",
            HaltRun,
        ),
        (
            Pan,
            400,
            invalid("x-client-id_missing", "x-client-id is missing in the request."),
            Auth,
            "x_client_id_missing",
            HaltRun,
        ),
        (
            Pan,
            400,
            invalid("x-client-secret_value_invalid", "Client secret belongs to test environment"),
            Auth,
            "x_client_secret_value_invalid",
            HaltRun,
        ),
        (
            Gstin,
            400,
            error("", "invalid_request", "GstIn Verification is not enabled for this account"),
            Auth,
            "not_enabled",
            HaltRun,
        ),
        (Gstin, 401, json!("<html>"), Auth, "http_401", HaltRun),
        // There is nothing left.
        (
            Udyam,
            422,
            invalid("insufficient_balance", "Insufficient balance to process this request"),
            Quota,
            "insufficient_balance",
            HaltRun,
        ),
        (
            Gstin,
            412,
            json!({"code": "INSUFFICIENT_BALANCE"}),
            Quota,
            "insufficient_balance",
            HaltRun,
        ),
        (
            Udyam,
            429,
            error("rate_limit_error", "too_many_requests_per_operation", ""),
            Quota,
            "too_many_requests_per_operation",
            RetryLater,
        ),
        (
            Pan,
            429,
            error("rate_limit_error", "too_many_requests_per_ip", ""),
            Quota,
            "too_many_requests_per_ip",
            RetryLater,
        ),
        (Pan, 429, json!(null), Quota, "http_429", RetryLater),
        // It is down.
        (
            Udyam,
            500,
            error("internal_error", "verification_failed", "something went wrong"),
            ProviderError,
            "verification_failed",
            RetryLater,
        ),
        (
            Udyam,
            502,
            error("internal_error", "verification_failed", "verification attempt failed"),
            ProviderError,
            "verification_failed",
            RetryLater,
        ),
        (Gstin, 503, json!("Service Unavailable"), ProviderError, "http_503", RetryLater),
        (Gstin, 504, json!("Gateway Timeout"), Timeout, "http_504", RetryLater),
        (
            Gstin,
            520,
            json!({"code": "UNABLE_TO_VALIDATE"}),
            ProviderError,
            "unable_to_validate",
            RetryLater,
        ),
        (
            Udyam,
            409,
            invalid("verification_id_already_exists", ""),
            ProviderError,
            "verification_id_already_exists",
            RetryLater,
        ),
        (
            Udyam,
            400,
            invalid("verification_id_value_invalid", ""),
            ProviderError,
            "verification_id_value_invalid",
            Keep,
        ),
        // A 200 that carries a failure.
        (
            Udyam,
            200,
            json!({"status": "FAILED", "message": "verification attempt failed"}),
            ProviderError,
            "status_failed",
            RetryOnce,
        ),
        (
            Udyam,
            200,
            json!({"message": "source unavailable"}),
            ProviderError,
            "no_status",
            RetryOnce,
        ),
        (
            Gstin,
            200,
            json!({"GSTIN": GSTIN, "valid": false, "message": "Unable to validate, please retry later"}),
            ProviderError,
            "not_valid",
            RetryOnce,
        ),
        (Gstin, 200, json!({"GSTIN": GSTIN, "valid": false}), ProviderError, "not_valid", RetryOnce),
        (
            Gstin,
            200,
            json!({"message": "Unable to validate"}),
            ProviderError,
            "not_valid",
            RetryOnce,
        ),
        (
            Pan,
            200,
            json!({"pan": PAN, "valid": false, "message": "something went wrong"}),
            ProviderError,
            "no_pan_status",
            RetryOnce,
        ),
        (
            Pan,
            200,
            json!({"pan": PAN, "pan_status": "PENDING"}),
            ProviderError,
            "pan_status_pending",
            RetryOnce,
        ),
        (Pan, 200, json!([]), ProviderError, "unreadable_answer", RetryLater),
        (Pan, 200, json!("<html>"), ProviderError, "unreadable_answer", RetryLater),
        // An answer that contradicts itself, or is half of one.
        (
            Gstin,
            200,
            with(absent.clone(), json!({"valid": true})),
            ProviderError,
            "contradiction",
            RetryOnce,
        ),
        (
            Pan,
            200,
            with(pan_valid(), json!({"valid": false})),
            ProviderError,
            "contradiction",
            RetryOnce,
        ),
        (
            Pan,
            200,
            with(pan_valid(), json!({"pan_status": "INVALID"})),
            ProviderError,
            "contradiction",
            RetryOnce,
        ),
        (
            Udyam,
            200,
            without(udyam_success(), "enterprise_name"),
            ProviderError,
            "no_name",
            RetryOnce,
        ),
        (
            Udyam,
            200,
            with(udyam_success(), json!({"enterprise_type": "NA"})),
            ProviderError,
            "no_enterprise_type",
            RetryOnce,
        ),
        (
            Udyam,
            200,
            with(udyam_success(), json!({"enterprise_type": "Gigantic"})),
            ProviderError,
            "no_enterprise_type",
            RetryOnce,
        ),
        (
            Gstin,
            200,
            without(gstin_exists(), "gst_in_status"),
            ProviderError,
            "no_gst_status",
            RetryOnce,
        ),
        (
            Gstin,
            200,
            with(gstin_exists(), json!({"gst_in_status": "Asleep"})),
            ProviderError,
            "gst_status_asleep",
            RetryOnce,
        ),
        (Pan, 200, without(pan_valid(), "registered_name"), ProviderError, "no_name", RetryOnce),
        // An answer about somebody else, or about nobody.
        (
            Udyam,
            200,
            with(udyam_success(), json!({"udyam_number": "UDYAM-MH-26-1234567"})),
            ProviderError,
            "another_identifier",
            HaltRun,
        ),
        (
            Udyam,
            200,
            with(udyam_valid(), json!({"enterprise_data": {"document_id": "UDYAM-MH-26-1234567"}})),
            ProviderError,
            "another_identifier",
            HaltRun,
        ),
        (
            Udyam,
            200,
            with(udyam_success(), json!({"verification_id": "vrf_2"})),
            ProviderError,
            "answer_to_another_request",
            RetryOnce,
        ),
        (
            Udyam,
            200,
            json!({"status": "UDYAM_NOT_FOUND", "udyam": "UDYAM-MH-26-1234567"}),
            ProviderError,
            "another_identifier",
            HaltRun,
        ),
        (
            Gstin,
            200,
            with(gstin_exists(), json!({"GSTIN": "29AAICP2912R1ZR"})),
            ProviderError,
            "another_identifier",
            HaltRun,
        ),
        (
            Gstin,
            200,
            with(absent, json!({"GSTIN": "29AAICP2912R1ZR"})),
            ProviderError,
            "another_identifier",
            HaltRun,
        ),
        (
            Pan,
            200,
            with(pan_valid(), json!({"pan": "ABCPV1234D"})),
            ProviderError,
            "another_identifier",
            HaltRun,
        ),
        (Pan, 200, without(pan_valid(), "pan"), ProviderError, "no_identifier", RetryOnce),
        // What nobody has described.
        (Udyam, 404, json!({}), ProviderError, "http_404", Keep),
        (
            Udyam,
            404,
            error("not_found_error", "route_not_found", ""),
            ProviderError,
            "route_not_found",
            Keep,
        ),
        (Udyam, 302, json!(null), ProviderError, "http_302", Keep),
        (Udyam, 204, json!(null), ProviderError, "http_204", Keep),
        (Udyam, 418, json!({"code": "Teapot<script>"}), ProviderError, "teapot_script", Keep),
        (Udyam, 422, invalid("npci_unavailable", ""), ProviderError, "npci_unavailable", Keep),
        // Another register's code says nothing of this one's identifier.
        (Udyam, 400, invalid("pan_length_short", ""), ProviderError, "pan_length_short", Keep),
        (
            Udyam,
            404,
            error("not_found_error", "pan_not_found", ""),
            ProviderError,
            "pan_not_found",
            Keep,
        ),
    ];
    for (kind, status, body, outcome, reason, next) in table {
        let found = answered(&request(kind), status, None, body.to_string().as_bytes());
        let expected = (outcome, format!("cashfree:{reason}"), next);
        assert_eq!((found.outcome, found.reason.clone(), found.next), expected, "{kind} {status} {body}");
        assert_eq!(found.kind, kind);
        assert_eq!(found.facts.is_some(), matches!(outcome, Verified | Mismatch), "{body}");
        assert_eq!(!found.mismatches.is_empty(), outcome == Mismatch, "{body}");
    }
}

#[test]
fn a_cut_off_body_is_no_answer() {
    let whole = udyam_success().to_string();
    let found = answered(&request(Kind::Udyam), 200, None, &whole.as_bytes()[..whole.len() - 1]);
    assert_eq!(
        (found.outcome, found.reason.as_str()),
        (Outcome::ProviderError, "cashfree:unreadable_answer")
    );
    assert_eq!(answered(&request(Kind::Udyam), 200, None, b"").outcome, Outcome::ProviderError);
}

#[test]
fn what_was_not_answered_says_nothing_of_the_vendor() {
    use Outcome::*;
    for (no_answer, outcome, reason, next) in [
        (NoAnswer::TimedOut, Timeout, "timeout", Next::RetryLater),
        (NoAnswer::NotConnected, ProviderError, "unreachable", Next::RetryLater),
        (NoAnswer::Lost, ProviderError, "connection_lost", Next::RetryLater),
        (NoAnswer::NotBuilt, Auth, "request_not_built", Next::HaltRun),
    ] {
        let found = unanswered(&request(Kind::Pan), no_answer);
        assert_eq!((found.outcome, found.reason, found.next), (outcome, format!("cashfree:{reason}"), next));
        assert!(!found.outcome.is_conclusive());
    }
}

#[test]
fn both_shapes_of_udyam_have_the_same_facts() {
    let facts = |answer: Value| answered(&request(Kind::Udyam), 200, None, answer.to_string().as_bytes()).facts.unwrap();
    let (new, old) = (facts(udyam_success()), facts(udyam_valid()));
    assert_eq!(new, old);
    assert_eq!(new.legal_name.as_deref(), Some("HELLO SCHOLAR"));
    assert_eq!(
        (new.enterprise_type, new.major_activity),
        (Some(EnterpriseType::Micro), Some(Activity::Services))
    );
    assert_eq!(
        (new.organisation_type.as_deref(), new.registered_on),
        (Some("Proprietary"), Some(date(2022, 1, 2)))
    );
    let history: Vec<_> = new
        .classification_history
        .iter()
        .map(|entry| (entry.year.as_str(), entry.enterprise_type, entry.on))
        .collect();
    let expected = [
        ("2024-25", EnterpriseType::Micro, Some(date(2025, 6, 2))),
        ("2023-24", EnterpriseType::Small, Some(date(2023, 5, 9))),
    ];
    assert_eq!(history, expected);
}

#[test]
fn the_networks_own_field_names_are_read_too() {
    let answer = json!({
        "gstin": GSTIN, "lgnm": "UJJIVAN PLASTICS LLP", "tradeNam": "UJJIVAN", "sts": "Cancelled", "ctb": "Limited Liability Partnership",
        "rgdt": "30/09/2017", "cxdt": "01/04/2024",
    });
    let found = answered(&request(Kind::Gstin), 200, None, answer.to_string().as_bytes());
    let facts = found.facts.unwrap();
    assert_eq!((found.outcome, facts.standing), (Outcome::Mismatch, Standing::Cancelled));
    assert_eq!(
        (facts.registered_on, facts.cancelled_on),
        (Some(date(2017, 9, 30)), Some(date(2024, 4, 1)))
    );
    assert_eq!(facts.pan.map(|pan| pan.as_str().to_owned()), Some("AAPFU0939F".to_owned()));
}

#[test]
fn a_wait_is_told_where_it_is_waited_for_only() {
    let wait = |status: u16| answered(&request(Kind::Pan), status, Some(30), b"{}").retry_after_secs;
    assert_eq!((wait(429), wait(503), wait(401)), (Some(30), Some(30), None));
}

#[test]
fn a_verified_registration_is_held_against_our_record() {
    let found = answered(&request(Kind::Udyam), 200, None, udyam_success().to_string().as_bytes());
    assert_eq!(found.reference.as_deref(), Some("3478283"));
    let record = OurRecord {
        business_names: vec!["Hello Scholar".to_owned()],
        enterprise_type: Some(EnterpriseType::Micro),
        ..OurRecord::default()
    };
    assert_eq!(found.clone().compared_with(&record), found);
    let small = OurRecord {
        enterprise_type: Some(EnterpriseType::Small),
        ..record
    };
    let differs = found.compared_with(&small);
    assert_eq!((differs.outcome, differs.mismatches[0].field), (Outcome::Mismatch, Field::EnterpriseType));
    assert_eq!(differs.clone().compared_with(&OurRecord::default()).outcome, Outcome::Verified);
    let stored: Verification = serde_json::from_str(&serde_json::to_string(&differs).unwrap()).unwrap();
    assert_eq!(stored, differs);
}

#[test]
fn nothing_seen_in_a_log_tells_the_identifier() {
    for kind in Kind::ALL {
        let request = request(kind);
        let found = answered(&request, 500, None, b"{}");
        for text in [format!("{request:?}"), format!("{found:?}"), found.reason] {
            assert!(!text.contains(request.asked.as_str()), "{text}");
        }
    }
}
