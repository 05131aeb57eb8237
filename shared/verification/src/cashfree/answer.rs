//! What an answer of Cashfree means.
//!
//! The rule behind the tables: only an answer that names the identifier we asked about, and says of it what the documentation says it
//! says, is about the vendor. Whatever else comes is about Cashfree, and a failure nobody has described is
//! [`Outcome::ProviderError`], never [`Outcome::NotFound`].

use domain::declaration::Activity;
use domain::identifiers::{Gstin, Pan};
use domain::verification::{
    self as register, Asked, Classification, EnterpriseType, Facts, Kind, Next, Outcome, Standing, Verification, VerificationRequest, parse_date,
};
use outbound::https::NoAnswer;
use serde_json::Value;

use super::PROVIDER;

/// Classifies an answer: HTTP status, the wait it asks for, and the body.
pub fn answered(request: &VerificationRequest, status: u16, retry_after_secs: Option<u32>, body: &[u8]) -> Verification {
    let answer = Fields(serde_json::from_slice(body).unwrap_or_default());
    let finding = match status {
        // A page for people, or half an answer: nothing was looked up, so nothing was paid for either.
        200 if !answer.0.is_object() => Finding::later(Outcome::ProviderError, "unreadable_answer"),
        200 => found(request, &answer),
        _ => refused(request, status, &answer),
    };
    let mut verification = verification(request, finding);
    verification.reference = answer.reference();
    verification.retry_after_secs = retry_after_secs.filter(|_| verification.is_retryable());
    verification
}

/// Classifies a request that was not answered. Asking twice costs money, but changes nothing, so all of these may be repeated.
pub fn unanswered(request: &VerificationRequest, no_answer: NoAnswer) -> Verification {
    let finding = match no_answer {
        NoAnswer::TimedOut => Finding::later(Outcome::Timeout, "timeout"),
        NoAnswer::NotConnected => Finding::later(Outcome::ProviderError, "unreachable"),
        NoAnswer::Lost => Finding::later(Outcome::ProviderError, "connection_lost"),
        // The settings are no address, or the credentials no header.
        NoAnswer::NotBuilt => Finding::halt(Outcome::Auth, "request_not_built"),
    };
    verification(request, finding)
}

/// A request that could not be signed, and so was not made: no other would fare better.
pub(super) fn unsigned(request: &VerificationRequest) -> Verification {
    verification(request, Finding::halt(Outcome::Auth, "public_key_unreadable"))
}

/// What an answer comes to.
struct Finding {
    outcome: Outcome,
    code: String,
    next: Next,
    facts: Option<Facts>,
}

impl Finding {
    fn of(outcome: Outcome, code: impl Into<String>, next: Next) -> Self {
        Self {
            outcome,
            code: code.into(),
            next,
            facts: None,
        }
    }

    fn keep(outcome: Outcome, code: impl Into<String>) -> Self {
        Self::of(outcome, code, Next::Keep)
    }

    fn later(outcome: Outcome, code: impl Into<String>) -> Self {
        Self::of(outcome, code, Next::RetryLater)
    }

    fn halt(outcome: Outcome, code: impl Into<String>) -> Self {
        Self::of(outcome, code, Next::HaltRun)
    }

    /// A 200 that is none. Registers are slow to answer and Cashfree is quick to say so, so another attempt may well end otherwise; but
    /// each may cost its price, so it is one.
    fn error(code: impl Into<String>) -> Self {
        Self::of(Outcome::ProviderError, code, Next::RetryOnce)
    }

    /// The register has it.
    fn registered(code: impl Into<String>, facts: Facts) -> Self {
        Self {
            facts: Some(facts),
            ..Self::keep(Outcome::Verified, code)
        }
    }
}

fn verification(request: &VerificationRequest, finding: Finding) -> Verification {
    let mismatches = finding.facts.as_ref().map(register::within).unwrap_or_default();
    Verification {
        kind: request.asked.kind(),
        asked: request.asked.clone(),
        outcome: if mismatches.is_empty() { finding.outcome } else { Outcome::Mismatch },
        reason: format!("{PROVIDER}:{}", finding.code),
        facts: finding.facts,
        mismatches,
        provider: PROVIDER.to_owned(),
        reference: None,
        next: finding.next,
        retry_after_secs: None,
    }
}

/// Classifies an error answer by its code; by its status where the code is not known.
fn refused(request: &VerificationRequest, status: u16, answer: &Fields) -> Finding {
    let kind = request.asked.kind();
    let code = snake(answer.text(&["code"]).unwrap_or_default());
    let refuses_the_identifier = code.strip_prefix(kind.as_str()).is_some_and(|rest| REFUSALS.contains(&rest));
    let reason = match code.is_empty() {
        true => format!("http_{status}"),
        false => code.clone(),
    };
    let is_not_enabled = || {
        let message = answer.text(&["message"]).unwrap_or_default().to_ascii_lowercase();
        message.contains("not enabled for this account")
    };
    match status {
        401 | 403 => Finding::halt(Outcome::Auth, reason),
        // "x-client-id is missing", "Client secret belongs to test environment".
        400 if code.starts_with("x_client") => Finding::halt(Outcome::Auth, reason),
        400 | 404 if is_not_enabled() => Finding::halt(Outcome::Auth, "not_enabled"),
        // `insufficient_balance` is 422, and was 412.
        402 | 412 | 422 if code == "insufficient_balance" => Finding::halt(Outcome::Quota, reason),
        402 => Finding::halt(Outcome::Quota, reason),
        429 => Finding::later(Outcome::Quota, reason),
        404 if code == format!("{}_not_found", kind.as_str()) => not_found(request, answer, &code),
        400 | 422 if refuses_the_identifier => Finding::keep(Outcome::InvalidInput, reason),
        // Ours to avoid by another id.
        400 | 409 if code == "verification_id_already_exists" => Finding::later(Outcome::ProviderError, reason),
        408 | 504 => Finding::later(Outcome::Timeout, reason),
        500.. => Finding::later(Outcome::ProviderError, reason),
        // A wrong address, a redirect, and whatever Cashfree may invent to refuse with: repeating it would not help.
        _ => Finding::keep(Outcome::ProviderError, reason),
    }
}

/// What follows a register's name in the codes that refuse the identifier itself: `pan_length_short`, `udyam_value_invalid`. Whatever
/// else may be invented, as `udyam_source_down`, says nothing of it.
const REFUSALS: [&str; 6] = [
    "_value_invalid",
    "_invalid",
    "_format_invalid",
    "_length_short",
    "_length_long",
    "_length_exceeded",
];

/// Classifies a 200, which may carry a failure.
fn found(request: &VerificationRequest, answer: &Fields) -> Finding {
    match &request.asked {
        Asked::Udyam(_) => udyam_answer(request, answer),
        Asked::Gstin(gstin) => gstin_answer(request, gstin, answer),
        Asked::Pan(pan) => pan_answer(request, pan, answer),
    }
}

fn udyam_answer(request: &VerificationRequest, answer: &Fields) -> Finding {
    if answer.text(&["verification_id"]).is_some_and(|echoed| echoed != request.id.as_str()) {
        return Finding::error("answer_to_another_request");
    }
    let status = answer.text(&["status"]).unwrap_or_default().to_ascii_uppercase();
    let standing = match status.as_str() {
        // The word changed; both versions are documented.
        "SUCCESS" | "VALID" => Standing::Active,
        "UDYAM_IS_CANCELLED" => Standing::Cancelled,
        "UDYAM_NOT_FOUND" => return not_found(request, answer, "udyam_not_found"),
        "INVALID" if tells_of_an_error(answer) => return Finding::error("invalid_with_an_error"),
        "INVALID" => return not_found(request, answer, "udyam_not_found"),
        "" => return Finding::error("no_status"),
        status => return Finding::error(format!("status_{}", snake(status))),
    };
    if let Some(finding) = another_identifier(request, answer) {
        return finding;
    }
    let name = answer.owned(&["enterprise_name", "enterprise_data.enterprise_name", "enterprise_data.name"]);
    let enterprise_type = answer.text(&["enterprise_type", "enterprise_data.enterprise_type"]);
    let enterprise_type = enterprise_type.and_then(EnterpriseType::parse);
    if standing == Standing::Active && name.is_none() {
        return Finding::error("no_name");
    }
    if standing == Standing::Active && enterprise_type.is_none() {
        // The class is what it is all about.
        return Finding::error("no_enterprise_type");
    }
    let day = |name: &str| answer.text(&[name, &format!("enterprise_data.{name}")]).and_then(parse_date);
    let activity = answer.text(&["major_activity", "enterprise_data.major_activity"]);
    let facts = Facts {
        enterprise_type,
        major_activity: activity.and_then(activity_of),
        organisation_type: answer.owned(&["organization_type", "enterprise_data.organization_type"]),
        registered_on: day("date_of_udyam_registration"),
        // Not documented; but where it is given, it is the day that counts.
        cancelled_on: day("date_of_cancellation").or_else(|| day("cancellation_date")),
        classification_history: history(answer),
        ..Facts::new(standing, name)
    };
    Finding::registered(if standing == Standing::Active { "valid" } else { "udyam_cancelled" }, facts)
}

fn gstin_answer(request: &VerificationRequest, asked: &Gstin, answer: &Fields) -> Finding {
    // "GSTIN Doesn't Exist", with whatever apostrophe.
    let message = letters(answer.text(&["message"]).unwrap_or_default());
    let is_absent = message == "gstindoesntexist";
    match (answer.0["valid"].as_bool(), is_absent) {
        (Some(false) | None, true) => return not_found(request, answer, "gstin_not_found"),
        (Some(true), false) => {}
        // Not every version has the field.
        (None, false) if message == "gstinexists" || message.is_empty() => {}
        (Some(true), true) => return Finding::error("contradiction"),
        (Some(false) | None, false) => return Finding::error("not_valid"),
    }
    if let Some(finding) = another_identifier(request, answer) {
        return finding;
    }
    let name = answer.owned(&["legal_name_of_business", "lgnm"]);
    let word = letters(answer.text(&["gst_in_status", "sts"]).unwrap_or_default());
    let (standing, code) = match word.as_str() {
        "active" | "provisional" => (Standing::Active, "valid"),
        "suspended" => (Standing::Suspended, "gstin_suspended"),
        // "Cancelled suo-moto", "Cancelled on application of Taxpayer".
        word if word.starts_with("cancelled") || word == "canceled" || word == "inactive" => (Standing::Cancelled, "gstin_cancelled"),
        "" => return Finding::error("no_gst_status"),
        word => return Finding::error(format!("gst_status_{word}")),
    };
    if standing == Standing::Active && name.is_none() {
        return Finding::error("no_name");
    }
    let facts = Facts {
        trade_name: answer.owned(&["trade_name_of_business", "tradeNam"]),
        pan: asked.pan(),
        organisation_type: answer.owned(&["constitution_of_business", "ctb"]),
        registered_on: answer.text(&["date_of_registration", "rgdt"]).and_then(parse_date),
        cancelled_on: answer.text(&["date_of_cancellation", "cancellation_date", "cxdt"]).and_then(parse_date),
        ..Facts::new(standing, name)
    };
    Finding::registered(code, facts)
}

fn pan_answer(request: &VerificationRequest, asked: &Pan, answer: &Fields) -> Finding {
    let status = pan_status(answer.text(&["pan_status"]).unwrap_or_default());
    let message = letters(answer.text(&["message"]).unwrap_or_default());
    let (standing, code) = match (status.as_str(), answer.0["valid"].as_bool()) {
        ("VALID", Some(true) | None) | ("", Some(true)) => (Standing::Active, "valid"),
        ("INVALID", Some(false) | None) if tells_of_an_error(answer) => return Finding::error("invalid_with_an_error"),
        ("INVALID", Some(false) | None) => return not_found(request, answer, "pan_not_found"),
        // Before 2022-09-12 there was no status.
        ("", Some(false)) if message == "invalidpan" => return not_found(request, answer, "pan_not_found"),
        ("DELETED", Some(false) | None) => (Standing::Deleted, "pan_deleted"),
        ("DEACTIVATED", Some(false) | None) => (Standing::Deactivated, "pan_deactivated"),
        ("FAKE", Some(false) | None) => (Standing::Fake, "pan_fake"),
        // The PAN exists, but its holder does no longer, whatever `valid` makes of that.
        ("DECEASED", _) => (Standing::Deceased, "pan_deceased"),
        ("DISSOLVED", _) => (Standing::Dissolved, "pan_dissolved"),
        ("MERGED", _) => (Standing::Merged, "pan_merged"),
        ("VALID", Some(false)) | ("INVALID" | "DELETED" | "DEACTIVATED" | "FAKE", Some(true)) => return Finding::error("contradiction"),
        ("", _) => return Finding::error("no_pan_status"),
        (status, _) => return Finding::error(format!("pan_status_{}", snake(status))),
    };
    if let Some(finding) = another_identifier(request, answer) {
        return finding;
    }
    let name = answer.owned(&["registered_name", "name_pan_card"]);
    if standing == Standing::Active && name.is_none() {
        return Finding::error("no_name");
    }
    let facts = Facts {
        pan: Some(asked.clone()),
        organisation_type: answer.owned(&["type"]),
        ..Facts::new(standing, name)
    };
    Finding::registered(code, facts)
}

/// The word for a PAN's status: Cashfree's own, or the code of the income tax department's agency that some versions hand through
/// (Protean's table of PAN status codes: `E`, `F`, `X`, `D`, `N`, and `E` with a letter for an event).
fn pan_status(text: &str) -> String {
    let status = text.to_ascii_uppercase();
    let word = match status.as_str() {
        // Under liquidation it is in force still.
        "E" | "EU" => "VALID",
        "N" => "INVALID",
        "X" => "DEACTIVATED",
        "D" => "DELETED",
        "F" => "FAKE",
        "ED" => "DECEASED",
        "EI" | "EL" | "LIQUIDATED" => "DISSOLVED",
        // Amalgamated, acquired, merged, partitioned, split: somebody else carries it on.
        "EA" | "EC" | "EM" | "EP" | "ES" | "AMALGAMATED" => "MERGED",
        other => other,
    };
    word.to_owned()
}

/// Whether an answer that says no more than "invalid" speaks of something that went wrong, and not of the identifier.
fn tells_of_an_error(answer: &Fields) -> bool {
    let absent = [
        "notfound",
        "doesntexist",
        "doesnotexist",
        "notexist",
        "norecord",
        "invalidpan",
        "invalidudyam",
        "isinvalid",
        "isnotvalid",
    ];
    let message = letters(answer.text(&["message"]).unwrap_or_default());
    !message.is_empty() && !absent.iter().any(|word| message.contains(word))
}

/// Where the identifier comes back.
const fn names_of(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Udyam => &["udyam_number", "udyam", "enterprise_data.document_id"],
        Kind::Gstin => &["GSTIN", "gstin"],
        Kind::Pan => &["pan"],
    }
}

/// What to make of an answer about another identifier, or about none. Accounts that are not active are answered with samples, so
/// nothing more should be asked before somebody has looked.
fn another_identifier(request: &VerificationRequest, answer: &Fields) -> Option<Finding> {
    match answer.identifiers(names_of(request.asked.kind())).as_slice() {
        [] => Some(Finding::error("no_identifier")),
        all if all.iter().all(|found| is_same(found, request.asked.as_str())) => None,
        _ => Some(Finding::halt(Outcome::ProviderError, "another_identifier")),
    }
}

/// "Not found" of the identifier we asked about, which need not be repeated. Of another one it says nothing, and neither does it where it
/// names no identifier and does not repeat the id of our request: it could be anybody's.
fn not_found(request: &VerificationRequest, answer: &Fields, code: &str) -> Finding {
    let named = answer.identifiers(names_of(request.asked.kind()));
    let is_echoed = answer.text(&["verification_id"]) == Some(request.id.as_str());
    match named.iter().all(|found| is_same(found, request.asked.as_str())) {
        false => Finding::halt(Outcome::ProviderError, "another_identifier"),
        true if named.is_empty() && !is_echoed => Finding::error(format!("{code}_of_nobody")),
        true => Finding::keep(Outcome::NotFound, code),
    }
}

fn is_same(found: &str, asked: &str) -> bool {
    let plain = |text: &str| text.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_uppercase();
    plain(found) == plain(asked)
}

fn history(answer: &Fields) -> Vec<Classification> {
    let listed = |name: &str| answer.0[name].as_array().filter(|list| !list.is_empty());
    let list = listed("classification_history").or_else(|| listed("enterprise_type_data"));
    let entries = list.into_iter().flatten().map(|entry| Fields(entry.clone()));
    entries
        .filter_map(|entry| {
            Some(Classification {
                year: entry.owned(&["classification_year"])?,
                enterprise_type: EnterpriseType::parse(entry.text(&["enterprise_type"])?)?,
                on: entry.text(&["classification_date"]).and_then(parse_date),
            })
        })
        .collect()
}

fn activity_of(text: &str) -> Option<Activity> {
    match letters(text).as_str() {
        "manufacturing" | "manufacture" | "manufacturer" => Some(Activity::Manufacturing),
        "services" | "service" => Some(Activity::Services),
        "trading" | "trader" | "traders" => Some(Activity::Trading),
        _ => None,
    }
}

/// The letters, in lower case.
fn letters(text: &str) -> String {
    text.chars()
        .filter(char::is_ascii_alphabetic)
        .take(80)
        .collect::<String>()
        .to_ascii_lowercase()
}

/// A code as it stands in a reason: bounded and plain, whatever may come.
fn snake(text: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' };
    text.chars().take(60).map(plain).collect::<String>().trim_matches('_').to_owned()
}

/// An answer, whose fields may be anything.
struct Fields(Value);

impl Fields {
    /// The first of these fields that is filled; `a.b` is `b` of `a`.
    fn text(&self, names: &[&str]) -> Option<&str> {
        names.iter().find_map(|name| self.filled(name))
    }

    fn owned(&self, names: &[&str]) -> Option<String> {
        // Names of businesses are short; what is longer is not one.
        self.text(names).map(|text| text.chars().take(300).collect())
    }

    /// Every one of these fields that is filled.
    fn identifiers(&self, names: &[&str]) -> Vec<&str> {
        names.iter().filter_map(|name| self.filled(name)).collect()
    }

    fn filled(&self, name: &str) -> Option<&str> {
        let value = name.split('.').fold(&self.0, |value, part| &value[part]);
        // Registers write NA, and "-", for nothing.
        value
            .as_str()
            .map(str::trim)
            .filter(|text| !matches!(*text, "" | "NA" | "N/A" | "-" | "null"))
    }

    fn reference(&self) -> Option<String> {
        match &self.0["reference_id"] {
            Value::Number(number) => Some(number.to_string()),
            Value::String(text) if !text.is_empty() => Some(text.chars().take(60).collect()),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;
