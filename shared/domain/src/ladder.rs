//! The offline ladder: what a vendor's particulars say about each other, before any paid inquiry.
//!
//! Every rung is a named check that reports what it looked at even where nothing is wrong, so that an auditor sees what was
//! checked and what could not be. No finding shows an identifier in full.

use std::collections::BTreeSet;

use jiff::civil::{Date, date};
use serde::Serialize;
use utoipa::ToSchema;

use crate::VendorId;
use crate::identifiers::{Gstin, IndianState, Pan, PanHolder, PinCode, Uam, Udyam, UdyamError};
use crate::vendor::MsmeStatus;

/// The day Udyam registration opened (S.O. 2119(E), 26 June 2020).
pub const UDYAM_BEGAN: Date = date(2020, 7, 1);

/// What is known of one vendor: texts as they stand in the record, nothing required.
///
/// No `Debug`: it holds identifiers in full.
#[derive(Clone, Copy, Default)]
pub struct LadderFacts<'a> {
    /// Registered or trade name.
    pub company_name: Option<&'a str>,
    /// Kind of organisation, as a register or the vendor words it: `Proprietary`, `Private Limited Company`.
    pub organisation_type: Option<&'a str>,
    /// PAN.
    pub pan: Option<&'a str>,
    /// GSTINs, all that are on file.
    pub gstins: &'a [&'a str],
    /// What stands in the field for the Udyam number; it may be an old Udyog Aadhaar number.
    pub udyam: Option<&'a str>,
    /// Date of Udyam registration.
    pub registered_on: Option<Date>,
    /// State of the registered address.
    pub state: Option<IndianState>,
    /// PIN code of the registered address.
    pub pin_code: Option<&'a str>,
    /// What the vendor typed on the form.
    pub answer: Option<Particulars<'a>>,
    /// What its certificate says.
    pub certificate: Option<Particulars<'a>>,
    /// What the Udyam register said when it was last asked; compared with what was typed where there is no certificate.
    pub register: Option<Particulars<'a>>,
    /// Other vendors that claim the same Udyam number.
    pub other_claims: &'a [UdyamClaim<'a>],
    /// Today in India, to find dates that lie ahead; none leaves that out.
    pub today: Option<Date>,
}

/// What a form, a certificate or a register says.
#[derive(Clone, Copy, Default)]
pub struct Particulars<'a> {
    /// PAN.
    pub pan: Option<&'a str>,
    /// GSTINs.
    pub gstins: &'a [&'a str],
    /// Udyam number.
    pub udyam: Option<&'a str>,
    /// Name of the enterprise.
    pub name: Option<&'a str>,
    /// Date of registration.
    pub registered_on: Option<Date>,
    /// Class.
    pub status: Option<MsmeStatus>,
}

/// Another vendor that claims the same Udyam number.
#[derive(Clone, Copy)]
pub struct UdyamClaim<'a> {
    /// That vendor.
    pub vendor_id: VendorId,
    /// The buyer's code for it.
    pub vendor_code: &'a str,
    /// Its PAN, if known.
    pub pan: Option<&'a Pan>,
}

/// A rung of the ladder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Check {
    /// The PAN is well formed.
    PanShape,
    /// Each GSTIN's shape, state and check character.
    GstinCheckCharacter,
    /// Each GSTIN embeds the vendor's PAN.
    GstinPan,
    /// The kind of holder in the PAN fits the company's name and kind of organisation; a soft signal.
    PanHolder,
    /// The fifth letter of the PAN is the initial of the name; a soft signal.
    PanInitial,
    /// The Udyam number is well formed and no old Udyog Aadhaar number.
    UdyamShape,
    /// The Udyam number's state is one the vendor has a GSTIN in.
    GstinUdyamState,
    /// No vendor of another PAN claims the Udyam number.
    UdyamClaimedOnce,
    /// The date of registration is one Udyam can have.
    RegistrationDate,
    /// The certificate says what the vendor typed; where there is none, the Udyam register does.
    CertificateAnswer,
    /// The vendor typed the PAN, the GSTINs and the Udyam number that are on file.
    AnswerRecord,
    /// The PIN code lies in the state.
    PinState,
}

/// What came of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Looked at, and in order.
    Passed,
    /// Looked at, and not in order.
    Failed,
    /// Something it needs is missing or does not read.
    NotApplicable,
}

/// How much a finding matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = VendorFindingSeverity)]
pub enum Severity {
    /// Good to know.
    Info,
    /// To be looked at by somebody.
    Warning,
    /// Two things that cannot both be true, or one that cannot be.
    Contradiction,
}

/// What one check found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = VendorFinding)]
pub struct Finding {
    /// The check.
    pub check: Check,
    /// What came of it.
    pub outcome: Outcome,
    /// How much it matters; `info` unless it failed.
    pub severity: Severity,
    /// What exactly, in a stable word for machines, as in `gstin_pan_mismatch`.
    pub code: &'static str,
    /// The fields looked at.
    pub fields: Vec<FieldSeen>,
    /// What was found and what to do.
    pub sentence: String,
}

/// A field a check looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldSeen {
    /// Its name, as in `gst_number`.
    pub field: &'static str,
    /// Its value, masked where it identifies.
    pub value: String,
}

impl FieldSeen {
    fn new(field: &'static str, value: impl ToString) -> Self {
        Self {
            field,
            value: value.to_string(),
        }
    }
}

impl Finding {
    fn new(check: Check, outcome: Outcome, severity: Severity, code: &'static str, fields: Vec<FieldSeen>, sentence: impl Into<String>) -> Self {
        Self {
            check,
            outcome,
            severity,
            code,
            fields,
            sentence: sentence.into(),
        }
    }

    fn passed(check: Check, fields: Vec<FieldSeen>, sentence: impl Into<String>) -> Self {
        Self::new(check, Outcome::Passed, Severity::Info, "passed", fields, sentence)
    }

    fn failed(check: Check, severity: Severity, code: &'static str, fields: Vec<FieldSeen>, sentence: impl Into<String>) -> Self {
        Self::new(check, Outcome::Failed, severity, code, fields, sentence)
    }

    fn not_applicable(check: Check, sentence: impl Into<String>) -> Self {
        Self::new(check, Outcome::NotApplicable, Severity::Info, "not_applicable", Vec::new(), sentence)
    }
}

/// Everything the ladder finds, rung by rung: at least one finding for each [`Check`], in the order of its variants.
pub fn findings(facts: &LadderFacts<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    let pan = pan_shape(facts, &mut found);
    let gstins = gstin_check_characters(facts, &mut found);
    // The PAN a GSTIN embeds is as good as one of its own.
    let holder = pan.clone().or_else(|| gstins.iter().find_map(Gstin::pan));
    found.push(gstin_pan(pan.as_ref(), &gstins));
    found.push(pan_holder(facts, holder.as_ref()));
    found.push(pan_initial(facts, holder.as_ref()));
    let udyam = udyam_shape(facts, &mut found);
    found.push(gstin_udyam_state(udyam.as_ref(), &gstins));
    udyam_claimed_once(facts, udyam.as_ref(), holder.as_ref(), &mut found);
    found.push(registration_date(facts));
    certificate_answer(facts, &mut found);
    answer_record(facts, holder.as_ref(), &gstins, udyam.as_ref(), &mut found);
    found.push(pin_state(facts));
    found
}

fn given(text: Option<&str>) -> Option<&str> {
    text.map(str::trim).filter(|text| !text.is_empty())
}

/// A text that did not parse, with all but its ends hidden: it may be a slip away from a real identifier.
fn masked_text(text: &str) -> String {
    let chars: Vec<char> = text.chars().filter(|c| !c.is_control()).take(40).collect();
    let keep = (chars.len() / 4).min(3);
    chars
        .iter()
        .enumerate()
        .map(|(index, &c)| if index < keep || index + keep >= chars.len() { c } else { 'X' })
        .collect()
}

fn pan_shape(facts: &LadderFacts<'_>, found: &mut Vec<Finding>) -> Option<Pan> {
    let check = Check::PanShape;
    let Some(text) = given(facts.pan) else {
        found.push(Finding::not_applicable(check, "No PAN is on file."));
        return None;
    };
    match Pan::parse(text) {
        Ok(parsed) => {
            let seen = vec![FieldSeen::new("pan_number", parsed.value.masked())];
            found.push(match parsed.warnings.first() {
                None => Finding::passed(check, seen, "The PAN is well formed."),
                Some(warning) => Finding::failed(check, Severity::Warning, warning.code(), seen, as_sentence(warning)),
            });
            Some(parsed.value)
        }
        Err(error) => {
            let seen = vec![FieldSeen::new("pan_number", masked_text(text))];
            found.push(Finding::failed(check, Severity::Contradiction, error.code(), seen, as_sentence(&error)));
            None
        }
    }
}

/// A parser's message as a sentence.
fn as_sentence(error: &impl std::fmt::Display) -> String {
    let text = error.to_string();
    let mut chars = text.chars();
    match chars.next() {
        Some(first) => format!("{}{}.", first.to_uppercase(), chars.as_str()),
        None => text,
    }
}

fn gstin_check_characters(facts: &LadderFacts<'_>, found: &mut Vec<Finding>) -> Vec<Gstin> {
    let check = Check::GstinCheckCharacter;
    let mut valid = Vec::new();
    let texts: Vec<_> = facts.gstins.iter().filter_map(|text| given(Some(text))).collect();
    if texts.is_empty() {
        found.push(Finding::not_applicable(check, "No GSTIN is on file."));
    }
    for text in texts {
        match Gstin::parse(text) {
            Ok(parsed) => {
                let seen = vec![FieldSeen::new("gst_number", parsed.value.masked())];
                found.push(match parsed.warnings.first() {
                    None => Finding::passed(check, seen, "The GSTIN's shape, state and check character are in order."),
                    Some(warning) => Finding::failed(check, Severity::Warning, warning.code(), seen, as_sentence(warning)),
                });
                valid.push(parsed.value);
            }
            Err(error) => {
                let seen = vec![FieldSeen::new("gst_number", masked_text(text))];
                found.push(Finding::failed(check, Severity::Contradiction, error.code(), seen, as_sentence(&error)));
            }
        }
    }
    valid
}

fn gstin_pan(pan: Option<&Pan>, gstins: &[Gstin]) -> Finding {
    let check = Check::GstinPan;
    let embedded: Vec<(&Gstin, Pan)> = gstins.iter().filter_map(|gstin| Some((gstin, gstin.pan()?))).collect();
    let Some((_, first)) = embedded.first() else {
        return Finding::not_applicable(check, "No GSTIN on file embeds a PAN.");
    };
    let mut seen: Vec<_> = embedded.iter().map(|(gstin, _)| FieldSeen::new("gst_number", gstin.masked())).collect();
    seen.extend(pan.map(|pan| FieldSeen::new("pan_number", pan.masked())));
    let expected = pan.unwrap_or(first);
    match embedded.iter().find(|(_, embedded)| embedded != expected) {
        Some((gstin, other)) if pan.is_some() => Finding::failed(
            check,
            Severity::Contradiction,
            "gstin_pan_mismatch",
            seen,
            format!(
                "GSTIN {} belongs to PAN {}, not to the vendor's {}: find out which of the two is the vendor's.",
                gstin.masked(),
                other.masked(),
                expected.masked()
            ),
        ),
        Some(_) => Finding::failed(
            check,
            Severity::Contradiction,
            "gstins_of_two_pans",
            seen,
            "The GSTINs belong to different PANs, so to different businesses: keep those of this vendor only.",
        ),
        None if pan.is_none() && embedded.len() == 1 => Finding::not_applicable(check, "No PAN is on file to compare with; the GSTIN supplies it."),
        None => Finding::passed(check, seen, "Every GSTIN that embeds a PAN embeds the same one."),
    }
}

/// Which holders a name or a kind of organisation calls for, and the word that says so.
pub(crate) fn holders_called_for(text: &str, is_type: bool) -> Option<(&'static str, &'static [PanHolder])> {
    use PanHolder::{
        ArtificialPerson, AssociationOfPersons, BodyOfIndividuals, Company, Firm, Government, HinduUndividedFamily, LocalAuthority, Person, Trust,
    };
    let words: Vec<String> = text
        .to_lowercase()
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect();
    let has = |word: &str| words.iter().any(|found| found == word);
    let ends_with = |word: &str| words.last().is_some_and(|found| found == word);
    let phrase = words.join(" ");

    // An LLP is "limited" too, and a co-operative society can be, so they come first.
    if has("llp") || phrase.contains("limited liability partnership") || phrase.ends_with("l l p") {
        return Some(("LLP", &[Firm]));
    }
    if has("cooperative") || phrase.contains("co operative") || has("society") || has("shg") || phrase.contains("self help group") {
        return Some((
            "society or co-operative",
            &[AssociationOfPersons, BodyOfIndividuals, ArtificialPerson, Trust, LocalAuthority],
        ));
    }
    if has("huf") || phrase.contains("hindu undivided family") {
        return Some(("HUF", &[HinduUndividedFamily]));
    }
    if has("ltd") || has("limited") || has("pvt") || has("opc") || (is_type && has("company")) {
        return Some(("limited company", &[Company]));
    }
    if ends_with("trust") {
        return Some(("trust", &[Trust]));
    }
    if has("panchayat") || phrase.contains("municipal corporation") {
        return Some(("local authority", &[LocalAuthority]));
    }
    if phrase.contains("government of") || phrase.contains("ministry of") {
        return Some(("government", &[Government]));
    }
    if is_type && (has("proprietary") || has("proprietorship") || has("proprietor") || has("individual")) {
        return Some(("proprietor", &[Person]));
    }
    if is_type && (has("partnership") || has("firm")) {
        return Some(("partnership", &[Firm]));
    }
    None
}

fn holder_words(holder: PanHolder) -> &'static str {
    match holder {
        PanHolder::AssociationOfPersons => "an association of persons",
        PanHolder::BodyOfIndividuals => "a body of individuals",
        PanHolder::Company => "a company",
        PanHolder::Firm => "a firm or LLP",
        PanHolder::Government => "government",
        PanHolder::HinduUndividedFamily => "a Hindu undivided family",
        PanHolder::ArtificialPerson => "an artificial juridical person",
        PanHolder::Legacy => "a holder type no longer issued",
        PanHolder::LocalAuthority => "a local authority",
        PanHolder::Person => "an individual",
        PanHolder::Trust => "a trust",
    }
}

fn pan_holder(facts: &LadderFacts<'_>, pan: Option<&Pan>) -> Finding {
    let check = Check::PanHolder;
    let Some(pan) = pan else {
        return Finding::not_applicable(check, "No valid PAN is on file.");
    };
    let signals: Vec<_> = [
        ("organisation_type", facts.organisation_type, true),
        ("company_name", facts.company_name, false),
    ]
    .into_iter()
    .filter_map(|(field, text, is_type)| {
        let text = given(text)?;
        Some((field, text, holders_called_for(text, is_type)?))
    })
    .collect();
    let mut seen = vec![FieldSeen::new("pan_number", pan.masked())];
    seen.extend(signals.iter().map(|(field, text, _)| FieldSeen::new(field, text)));
    let holder = pan.holder();
    let wrong = signals.iter().find(|(_, _, (_, holders))| !holders.contains(&holder));
    match wrong {
        _ if signals.is_empty() => Finding::not_applicable(check, "Neither the name nor the kind of organisation says who should hold the PAN."),
        Some((_, _, (word, _))) => Finding::failed(
            check,
            Severity::Warning,
            "pan_holder_mismatch",
            seen,
            format!(
                "The vendor looks like a {word}, but the PAN is that of {}: ask for the PAN of the business.",
                holder_words(holder)
            ),
        ),
        None => Finding::passed(check, seen, format!("The PAN is that of {}, as the name suggests.", holder_words(holder))),
    }
}

fn pan_initial(facts: &LadderFacts<'_>, pan: Option<&Pan>) -> Finding {
    let check = Check::PanInitial;
    let (Some(pan), Some(name)) = (pan, given(facts.company_name)) else {
        return Finding::not_applicable(check, "A PAN and a name are needed.");
    };
    if matches!(pan.holder(), PanHolder::Person | PanHolder::HinduUndividedFamily) {
        return Finding::not_applicable(
            check,
            "For an individual the letter is the initial of the surname, which a trade name does not show.",
        );
    }
    let initial = name_words(name)
        .first()
        .and_then(|word| word.chars().next())
        .map(|c| c.to_ascii_uppercase());
    let Some(initial) = initial.filter(char::is_ascii_uppercase) else {
        return Finding::not_applicable(check, "The name does not begin with a letter.");
    };
    let seen = vec![FieldSeen::new("pan_number", pan.masked()), FieldSeen::new("company_name", name)];
    let letter = pan.as_str().chars().nth(4).unwrap_or_default();
    if letter == initial {
        Finding::passed(check, seen, "The fifth letter of the PAN is the initial of the name.")
    } else {
        Finding::failed(
            check,
            Severity::Info,
            "pan_initial_differs",
            seen,
            format!(
                "The fifth letter of the PAN is {letter}, the name begins with {initial}: the business may have been renamed, or the PAN is another's."
            ),
        )
    }
}

/// The words of a business name in lower case, without `M/s` and `The` before it.
pub(crate) fn name_words(name: &str) -> Vec<String> {
    let name = name.to_lowercase();
    let name = name.trim_start();
    let name = ["m/s.", "m/s", "messrs.", "messrs"]
        .iter()
        .find_map(|prefix| name.strip_prefix(prefix))
        .unwrap_or(name);
    let mut words: Vec<String> = name
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect();
    if words.len() > 1 && words[0] == "the" {
        words.remove(0);
    }
    words
}

fn udyam_shape(facts: &LadderFacts<'_>, found: &mut Vec<Finding>) -> Option<Udyam> {
    let check = Check::UdyamShape;
    let Some(text) = given(facts.udyam) else {
        found.push(Finding::not_applicable(check, "No Udyam number is on file."));
        return None;
    };
    match Udyam::parse(text) {
        Ok(parsed) => {
            let seen = vec![FieldSeen::new("udyam_number", parsed.value.masked())];
            if parsed.warnings.is_empty() {
                found.push(Finding::passed(
                    check,
                    seen,
                    "The Udyam number is well formed; only the register can say whether it was issued.",
                ));
            } else {
                found.extend(
                    parsed
                        .warnings
                        .iter()
                        .map(|warning| Finding::failed(check, Severity::Warning, warning.code(), seen.clone(), as_sentence(warning))),
                );
            }
            Some(parsed.value)
        }
        Err(error) => {
            let (severity, shown) = match error {
                UdyamError::ExpiredUam => (Severity::Warning, Uam::parse(text).map(|uam| uam.value.masked()).ok()),
                UdyamError::Empty | UdyamError::Shape => (Severity::Contradiction, None),
            };
            let seen = vec![FieldSeen::new("udyam_number", shown.unwrap_or_else(|| masked_text(text)))];
            found.push(Finding::failed(check, severity, error.code(), seen, as_sentence(&error)));
            None
        }
    }
}

fn gstin_udyam_state(udyam: Option<&Udyam>, gstins: &[Gstin]) -> Finding {
    let check = Check::GstinUdyamState;
    let Some((udyam, udyam_state)) = udyam.and_then(|udyam| Some((udyam, udyam.state()?))) else {
        return Finding::not_applicable(check, "No Udyam number with a known state is on file.");
    };
    let states: BTreeSet<IndianState> = gstins.iter().filter_map(Gstin::state).collect();
    if states.is_empty() {
        return Finding::not_applicable(check, "No GSTIN of a state is on file.");
    }
    let mut seen = vec![FieldSeen::new("udyam_number", udyam.masked())];
    seen.extend(
        gstins
            .iter()
            .filter(|gstin| gstin.state().is_some())
            .map(|gstin| FieldSeen::new("gst_number", gstin.masked())),
    );
    if states.contains(&udyam_state) {
        return Finding::passed(
            check,
            seen,
            format!("The vendor has a GSTIN in {udyam_state}, the state of its Udyam number."),
        );
    }
    let names: Vec<_> = states.iter().map(IndianState::as_str).collect();
    Finding::failed(
        check,
        Severity::Warning,
        "gstin_udyam_state_mismatch",
        seen,
        format!(
            "The Udyam number is of {udyam_state}, the GSTINs are of {}: ask whether the vendor has a unit in {udyam_state}.",
            names.join(", ")
        ),
    )
}

fn udyam_claimed_once(facts: &LadderFacts<'_>, udyam: Option<&Udyam>, pan: Option<&Pan>, found: &mut Vec<Finding>) {
    let check = Check::UdyamClaimedOnce;
    let Some(udyam) = udyam else {
        found.push(Finding::not_applicable(check, "No valid Udyam number is on file."));
        return;
    };
    let before = found.len();
    for claim in facts.other_claims {
        let mut seen = vec![
            FieldSeen::new("udyam_number", udyam.masked()),
            FieldSeen::new("vendor_code", claim.vendor_code),
        ];
        seen.extend(pan.into_iter().chain(claim.pan).map(|pan| FieldSeen::new("pan_number", pan.masked())));
        match (pan, claim.pan) {
            (Some(own), Some(other)) if own == other => {}
            (Some(_), Some(_)) => found.push(Finding::failed(
                check,
                Severity::Contradiction,
                "udyam_of_two_pans",
                seen,
                format!(
                    "Vendor {} claims the same Udyam number under another PAN; a number belongs to one PAN: ask both for their certificates.",
                    claim.vendor_code
                ),
            )),
            _ => found.push(Finding::failed(
                check,
                Severity::Warning,
                "udyam_shared_pan_unknown",
                seen,
                format!(
                    "Vendor {} claims the same Udyam number, and a PAN is missing to compare: complete the PANs.",
                    claim.vendor_code
                ),
            )),
        }
    }
    if found.len() == before {
        let seen = vec![FieldSeen::new("udyam_number", udyam.masked())];
        found.push(Finding::passed(check, seen, "No vendor of another PAN claims the Udyam number."));
    }
}

fn registration_date(facts: &LadderFacts<'_>) -> Finding {
    let check = Check::RegistrationDate;
    let Some(day) = facts.registered_on else {
        return Finding::not_applicable(check, "No date of registration is on file.");
    };
    let seen = vec![FieldSeen::new("udyam_registration_date", day)];
    if day < UDYAM_BEGAN {
        return Finding::failed(
            check,
            Severity::Contradiction,
            "registered_before_udyam",
            seen,
            format!(
                "{day} is before Udyam registration began on {UDYAM_BEGAN}: it may be the date of an old registration, so ask for the certificate."
            ),
        );
    }
    if facts.today.is_some_and(|today| day > today) {
        return Finding::failed(
            check,
            Severity::Contradiction,
            "registered_in_the_future",
            seen,
            format!("{day} lies ahead: check whether day and month were swapped."),
        );
    }
    Finding::passed(check, seen, "The date of registration is one Udyam can have.")
}

/// What an answer is held against: its name, its fields, and the codes of what differs.
struct Paper {
    name: &'static str,
    fields: [&'static str; 4],
    codes: [&'static str; 4],
}

const CERTIFICATE: Paper = Paper {
    name: "certificate",
    fields: [
        "certificate.udyam_number",
        "certificate.registration_date",
        "certificate.status",
        "certificate.name",
    ],
    codes: [
        "certificate_udyam_differs",
        "certificate_date_differs",
        "certificate_class_differs",
        "certificate_name_differs",
    ],
};

const REGISTER: Paper = Paper {
    name: "Udyam register",
    fields: ["register.udyam_number", "register.registration_date", "register.status", "register.name"],
    codes: [
        "register_udyam_differs",
        "register_date_differs",
        "register_class_differs",
        "register_name_differs",
    ],
};

/// One thing a paper and an answer both have: the fields, and how they differ if they do.
struct Compared {
    seen: Vec<FieldSeen>,
    differs: Option<(Severity, &'static str, String)>,
}

fn certificate_answer(facts: &LadderFacts<'_>, found: &mut Vec<Finding>) {
    let check = Check::CertificateAnswer;
    let paper = facts.certificate.map(|certificate| (&CERTIFICATE, certificate));
    let paper = paper.or(facts.register.map(|register| (&REGISTER, register)));
    let (Some(answer), Some((paper, printed))) = (&facts.answer, paper) else {
        let missing = if facts.answer.is_some() {
            "certificate, and no entry of the register,"
        } else {
            "answer"
        };
        found.push(Finding::not_applicable(check, format!("There is no {missing} to compare.")));
        return;
    };
    let compared = [
        udyam_of(paper, answer, &printed),
        date_of(paper, answer, &printed),
        class_of(paper, answer, &printed),
        name_of(paper, answer, &printed),
    ];
    let name = paper.name;
    let (mut all, mut differs) = (Vec::new(), false);
    for Compared { seen, differs: difference } in compared.into_iter().flatten() {
        if let Some((severity, code, sentence)) = difference {
            differs = true;
            found.push(Finding::failed(check, severity, code, seen.clone(), sentence));
        }
        all.extend(seen);
    }
    if all.is_empty() {
        found.push(Finding::not_applicable(
            check,
            format!("The {name} and the answer have nothing in common to compare."),
        ));
    } else if !differs {
        found.push(Finding::passed(check, all, format!("The {name} says what the vendor typed.")));
    }
}

fn shown_udyam(text: &str) -> String {
    Udyam::parse(text).map_or_else(|_| masked_text(text), |udyam| udyam.value.masked())
}

fn udyam_of(paper: &Paper, answer: &Particulars<'_>, printed: &Particulars<'_>) -> Option<Compared> {
    let (typed, printed) = (given(answer.udyam)?, given(printed.udyam)?);
    let same = match (Udyam::parse(typed), Udyam::parse(printed)) {
        (Ok(typed), Ok(printed)) => typed.value == printed.value,
        _ => typed.eq_ignore_ascii_case(printed),
    };
    let sentence = format!(
        "The {} carries another Udyam number than was typed: ask the vendor which is right.",
        paper.name
    );
    Some(Compared {
        seen: vec![
            FieldSeen::new("answer.udyam_number", shown_udyam(typed)),
            FieldSeen::new(paper.fields[0], shown_udyam(printed)),
        ],
        differs: (!same).then_some((Severity::Contradiction, paper.codes[0], sentence)),
    })
}

fn date_of(paper: &Paper, answer: &Particulars<'_>, printed: &Particulars<'_>) -> Option<Compared> {
    let (typed, printed) = (answer.registered_on?, printed.registered_on?);
    let name = paper.name;
    let sentence = format!("The {name} says registered on {printed}, typed was {typed}: take that of the {name}.");
    Some(Compared {
        seen: vec![
            FieldSeen::new("answer.registration_date", typed),
            FieldSeen::new(paper.fields[1], printed),
        ],
        differs: (typed != printed).then_some((Severity::Contradiction, paper.codes[1], sentence)),
    })
}

fn class_of(paper: &Paper, answer: &Particulars<'_>, printed: &Particulars<'_>) -> Option<Compared> {
    let (typed, printed) = (answer.status?, printed.status?);
    // A certificate shows the class of its day, and a trader's one shows a class too.
    let differs = typed != printed && typed != MsmeStatus::RegisteredTrader;
    let sentence = format!(
        "The {} says {printed}, typed was {typed}: ask for the certificate of this year.",
        paper.name
    );
    Some(Compared {
        seen: vec![FieldSeen::new("answer.status", typed), FieldSeen::new(paper.fields[2], printed)],
        differs: differs.then_some((Severity::Contradiction, paper.codes[2], sentence)),
    })
}

fn name_of(paper: &Paper, answer: &Particulars<'_>, printed: &Particulars<'_>) -> Option<Compared> {
    let (typed, printed) = (given(answer.name)?, given(printed.name)?);
    let same = crate::pan_group::is_same_name(typed, printed);
    let sentence = format!("The {} names another enterprise: compare the two names.", paper.name);
    Some(Compared {
        seen: vec![FieldSeen::new("answer.name", typed), FieldSeen::new(paper.fields[3], printed)],
        differs: (!same).then_some((Severity::Warning, paper.codes[3], sentence)),
    })
}

/// What the vendor typed against what is on file. `pan` is the vendor's, of its own or by a GSTIN.
fn answer_record(facts: &LadderFacts<'_>, pan: Option<&Pan>, gstins: &[Gstin], udyam: Option<&Udyam>, found: &mut Vec<Finding>) {
    let check = Check::AnswerRecord;
    let Some(answer) = &facts.answer else {
        found.push(Finding::not_applicable(check, "There is no answer to compare."));
        return;
    };
    let typed_gstins = answer.gstins.iter().filter_map(|text| Gstin::parse(text).ok());
    let compared = [answer_pan(answer, pan), answer_udyam(answer, udyam)].into_iter().flatten();
    let compared: Vec<Compared> = compared
        .chain(typed_gstins.filter_map(|typed| answer_gstin(&typed.value, pan, gstins)))
        .collect();
    let all: Vec<FieldSeen> = compared.iter().flat_map(|compared| compared.seen.clone()).collect();
    let before = found.len();
    for Compared { seen, differs } in compared {
        found.extend(differs.map(|(severity, code, sentence)| Finding::failed(check, severity, code, seen, sentence)));
    }
    if all.is_empty() {
        found.push(Finding::not_applicable(
            check,
            "The answer and the record have nothing in common to compare.",
        ));
    } else if found.len() == before {
        found.push(Finding::passed(check, all, "The vendor typed what is on file."));
    }
}

fn answer_pan(answer: &Particulars<'_>, pan: Option<&Pan>) -> Option<Compared> {
    let (typed, pan) = (Pan::parse(given(answer.pan)?).ok()?.value, pan?);
    let sentence = format!(
        "The vendor typed PAN {}, on file is {}: the answer may be another business's, or the record wrong; ask for the PAN card.",
        typed.masked(),
        pan.masked()
    );
    Some(Compared {
        seen: vec![
            FieldSeen::new("answer.pan_number", typed.masked()),
            FieldSeen::new("pan_number", pan.masked()),
        ],
        differs: (typed != *pan).then_some((Severity::Contradiction, "answer_pan_mismatch", sentence)),
    })
}

fn answer_udyam(answer: &Particulars<'_>, udyam: Option<&Udyam>) -> Option<Compared> {
    let (typed, udyam) = (Udyam::parse(given(answer.udyam)?).ok()?.value, udyam?);
    let sentence = format!(
        "The vendor typed Udyam number {}, on file is {}: ask which is right.",
        typed.masked(),
        udyam.masked()
    );
    Some(Compared {
        seen: vec![
            FieldSeen::new("answer.udyam_number", typed.masked()),
            FieldSeen::new("udyam_number", udyam.masked()),
        ],
        differs: (typed != *udyam).then_some((Severity::Contradiction, "answer_udyam_mismatch", sentence)),
    })
}

/// A GSTIN that was typed: of another PAN it is another business's, and one that is not on file may be missing there.
fn answer_gstin(typed: &Gstin, pan: Option<&Pan>, gstins: &[Gstin]) -> Option<Compared> {
    let embedded = typed.pan();
    let differs = match (embedded, pan) {
        (Some(embedded), Some(pan)) if embedded != *pan => Some((
            Severity::Contradiction,
            "answer_gstin_pan_mismatch",
            format!(
                "The vendor typed GSTIN {}, which belongs to PAN {}; on file is {}: find out which of the two is the vendor's.",
                typed.masked(),
                embedded.masked(),
                pan.masked()
            ),
        )),
        _ if gstins.is_empty() => return None,
        _ if gstins.contains(typed) => None,
        _ => Some((
            Severity::Warning,
            "answer_gstin_not_on_file",
            format!(
                "The vendor typed GSTIN {}, which is not on file: add it if it is the vendor's.",
                typed.masked()
            ),
        )),
    };
    let mut seen = vec![FieldSeen::new("answer.gst_number", typed.masked())];
    seen.extend(gstins.iter().map(|gstin| FieldSeen::new("gst_number", gstin.masked())));
    Some(Compared { seen, differs })
}

fn pin_state(facts: &LadderFacts<'_>) -> Finding {
    let check = Check::PinState;
    let (Some(text), Some(state)) = (given(facts.pin_code), facts.state) else {
        return Finding::not_applicable(check, "A PIN code and a state are needed.");
    };
    let pin = match PinCode::parse(text) {
        Ok(pin) => pin,
        Err(error) => {
            let seen = vec![FieldSeen::new("pin_code", masked_text(text))];
            return Finding::failed(check, Severity::Warning, error.code(), seen, as_sentence(&error));
        }
    };
    let seen = vec![FieldSeen::new("pin_code", pin.masked()), FieldSeen::new("state", state)];
    if pin.may_lie_in(state) {
        Finding::passed(check, seen, format!("PIN codes of {state} begin like this one."))
    } else {
        Finding::failed(
            check,
            Severity::Warning,
            "pin_state_mismatch",
            seen,
            format!("No PIN code of {state} begins like this one: correct the PIN code or the state."),
        )
    }
}
