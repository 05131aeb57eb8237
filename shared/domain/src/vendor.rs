//! Vendors: from the text of a form or a spreadsheet row to a profile that holds only valid values.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::identifiers::{self, EmailAddress, Gstin, GstinForm, IndianState, MobileNumber, Pan, Parsed, PinCode, Udyam, UdyamError, Warning};

/// A vendor as someone typed it: every field optional, nothing checked.
///
/// The field names are the columns of an import file.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RawVendor {
    /// The buyer's own code for the vendor; required, unique ignoring case.
    #[schema(example = "V-1001")]
    pub vendor_code: Option<String>,
    /// Registered or trade name; required.
    #[schema(example = "Kaveri Test Castings LLP")]
    pub company_name: Option<String>,
    /// Whom to address.
    pub contact_person_name: Option<String>,
    /// E-mail address; of several, the first is taken.
    #[schema(example = "accounts@kaveri.example")]
    pub email: Option<String>,
    /// Indian mobile number; of several, the first is taken.
    #[schema(example = "+919876500001")]
    pub phone_number: Option<String>,
    /// Postal address without city, state and PIN code.
    pub registered_address: Option<String>,
    /// City or town.
    pub city: Option<String>,
    /// State: its name, its letters or its GST code.
    #[schema(example = "Karnataka")]
    pub state: Option<String>,
    /// Postal index number.
    #[schema(example = "560001")]
    pub pin_code: Option<String>,
    /// GSTIN.
    pub gst_number: Option<String>,
    /// PAN; taken from the GSTIN when absent.
    pub pan_number: Option<String>,
    /// Udyam registration number.
    pub udyam_number: Option<String>,
    /// The buyer's own category, as in `manufacturer` or `trader`.
    pub supplier_type: Option<String>,
}

/// The columns of an import file, in their order: the fields of [`RawVendor`].
pub const COLUMNS: [&str; 13] = [
    "vendor_code",
    "company_name",
    "contact_person_name",
    "email",
    "phone_number",
    "registered_address",
    "city",
    "state",
    "pin_code",
    "gst_number",
    "pan_number",
    "udyam_number",
    "supplier_type",
];

impl RawVendor {
    /// The value of a column; none if it was not given or there is no such column.
    pub fn get(&self, column: &str) -> Option<&str> {
        match column {
            "vendor_code" => &self.vendor_code,
            "company_name" => &self.company_name,
            "contact_person_name" => &self.contact_person_name,
            "email" => &self.email,
            "phone_number" => &self.phone_number,
            "registered_address" => &self.registered_address,
            "city" => &self.city,
            "state" => &self.state,
            "pin_code" => &self.pin_code,
            "gst_number" => &self.gst_number,
            "pan_number" => &self.pan_number,
            "udyam_number" => &self.udyam_number,
            "supplier_type" => &self.supplier_type,
            _ => return None,
        }
        .as_deref()
    }

    /// Sets a column unless it already says something, so that of several source columns with one meaning (`TELF1`, `TELF2`)
    /// the first filled one counts. Returns whether there is such a column.
    pub fn fill(&mut self, column: &str, value: &str) -> bool {
        let slot = match column {
            "vendor_code" => &mut self.vendor_code,
            "company_name" => &mut self.company_name,
            "contact_person_name" => &mut self.contact_person_name,
            "email" => &mut self.email,
            "phone_number" => &mut self.phone_number,
            "registered_address" => &mut self.registered_address,
            "city" => &mut self.city,
            "state" => &mut self.state,
            "pin_code" => &mut self.pin_code,
            "gst_number" => &mut self.gst_number,
            "pan_number" => &mut self.pan_number,
            "udyam_number" => &mut self.udyam_number,
            "supplier_type" => &mut self.supplier_type,
            _ => return false,
        };
        if slot.as_deref().and_then(present).is_none() {
            *slot = Some(value.to_owned());
        }
        true
    }

    /// Whether no column says anything, as in the empty rows at the end of a spreadsheet.
    pub fn is_blank(&self) -> bool {
        COLUMNS.iter().all(|column| self.get(column).and_then(present).is_none())
    }
}

/// A vendor whose every field is valid.
///
/// `Debug` leaves the contact person and the address out and masks what else is personal, so that a profile may be logged.
#[derive(Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct VendorProfile {
    /// The buyer's own code for the vendor.
    pub vendor_code: VendorCode,
    /// Registered or trade name, 1 to 200 characters.
    pub company_name: String,
    /// Whom to address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contact_person_name: Option<String>,
    /// Where campaigns are sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<EmailAddress>,
    /// Mobile number in E.164.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone_number: Option<MobileNumber>,
    /// Postal address on one line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registered_address: Option<String>,
    /// City or town.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub city: Option<String>,
    /// State or union territory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<IndianState>,
    /// Postal index number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pin_code: Option<PinCode>,
    /// GSTIN.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gst_number: Option<Gstin>,
    /// PAN; agrees with the GSTIN where that embeds one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pan_number: Option<Pan>,
    /// Udyam registration number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub udyam_number: Option<Udyam>,
    /// The buyer's own category.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub supplier_type: Option<String>,
}

impl VendorProfile {
    /// Parses and cross-checks a vendor, reporting every field that is wrong, not only the first.
    ///
    /// A GSTIN that belongs to another PAN is an error. That state, PIN code and GSTIN point to different states is a
    /// warning: vendors register in one state and keep an office in another. A lapsed Udyog Aadhaar number in the Udyam
    /// field is dropped with a warning, for asking such vendors is what campaigns are for.
    pub fn parse(raw: RawVendor) -> Result<(Self, Vec<VendorWarning>), Vec<FieldError>> {
        // Destructured in full, so that a new column cannot be forgotten here.
        let RawVendor {
            vendor_code,
            company_name,
            contact_person_name,
            email,
            phone_number,
            registered_address,
            city,
            state,
            pin_code,
            gst_number,
            pan_number,
            udyam_number,
            supplier_type,
        } = raw;

        let mut row = Findings::default();
        let vendor_code = row.vendor_code(vendor_code);
        let company_name = row.company_name(company_name);
        let contact_person_name = row.text("contact_person_name", contact_person_name, 120);
        let email = row.email(email);
        let phone_number = row.phone_number(phone_number);
        let registered_address = row.text("registered_address", registered_address, 500);
        let city = row.text("city", city, 100);
        let state = row.state(state);
        let pin_code = row.pin_code(pin_code);
        let gst_number = row.gst_number(gst_number);
        let pan_number = row.pan_number(pan_number, gst_number.as_ref());
        let udyam_number = row.udyam_number(udyam_number);
        let supplier_type = row.text("supplier_type", supplier_type, 60);
        row.compare_places(state, pin_code.as_ref(), gst_number.as_ref());

        let Findings { errors, warnings } = row;
        match (vendor_code, company_name) {
            (Some(vendor_code), Some(company_name)) if errors.is_empty() => Ok((
                Self {
                    vendor_code,
                    company_name,
                    contact_person_name,
                    email,
                    phone_number,
                    registered_address,
                    city,
                    state,
                    pin_code,
                    gst_number,
                    pan_number,
                    udyam_number,
                    supplier_type,
                },
                warnings,
            )),
            _ => Err(errors),
        }
    }
}

impl fmt::Debug for VendorProfile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VendorProfile")
            .field("vendor_code", &self.vendor_code)
            .field("company_name", &self.company_name)
            .field("email", &self.email)
            .field("phone_number", &self.phone_number)
            .field("state", &self.state)
            .field("pan_number", &self.pan_number)
            .field("udyam_number", &self.udyam_number)
            .finish_non_exhaustive()
    }
}

/// The buyer's own code for a vendor, 1 to 40 characters, kept as given.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct VendorCode(String);

/// Why a text is not a vendor code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum VendorCodeError {
    /// Nothing was given.
    #[error("the vendor code is missing: enter the code the vendor has in your books")]
    Missing,
    /// There are more than 40 characters.
    #[error("the vendor code has {found} characters: at most 40 are allowed")]
    Length {
        /// How many characters there are.
        found: usize,
    },
    /// A control character is inside.
    #[error("the vendor code contains a control character: type it again")]
    ControlCharacter,
    /// A spreadsheet showed a long number in scientific notation; different codes then look the same.
    #[error("a spreadsheet shortened this vendor code: format the column as text and export again")]
    ScientificNotation,
}

impl VendorCodeError {
    /// A stable word for machines.
    pub fn code(self) -> &'static str {
        match self {
            Self::Missing => "vendor_code_missing",
            Self::Length { .. } => "vendor_code_length",
            Self::ControlCharacter => "vendor_code_control_character",
            Self::ScientificNotation => "vendor_code_scientific_notation",
        }
    }
}

impl VendorCode {
    /// Parses a code; space around it is dropped and space inside it shrinks to one.
    pub fn parse(text: &str) -> Result<Self, VendorCodeError> {
        let code = present(text).ok_or(VendorCodeError::Missing)?;
        let found = code.chars().count();
        if found > 40 {
            return Err(VendorCodeError::Length { found });
        }
        if code.contains(char::is_control) {
            return Err(VendorCodeError::ControlCharacter);
        }
        let is_number = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit() || b == b'.');
        let lower = code.to_ascii_lowercase();
        if lower
            .split_once("e+")
            .is_some_and(|(mantissa, exponent)| is_number(mantissa) && is_number(exponent))
        {
            return Err(VendorCodeError::ScientificNotation);
        }
        Ok(Self(code))
    }

    /// The code as it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The code in upper case: two vendors may not share it.
    pub fn key(&self) -> String {
        self.0.to_uppercase()
    }
}

identifiers::string_forms!(VendorCode, VendorCodeError, |text| VendorCode::parse(text));

/// One field that keeps a vendor from being accepted.
///
/// `Debug` leaves the value out, which may be personal.
#[derive(Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldError {
    /// The column, as in `gst_number`.
    pub field: &'static str,
    /// The text that was refused; empty if it was missing.
    pub value: String,
    /// A stable word for machines, as in `gstin_check_character`.
    pub code: &'static str,
    /// A sentence that says what is wrong and what to do.
    pub message: String,
}

impl FieldError {
    /// An error of `field`, which held `value`.
    pub fn new(field: &'static str, value: &str, code: &'static str, message: &str) -> Self {
        Self {
            field,
            value: value.to_owned(),
            code,
            message: message.to_owned(),
        }
    }
}

impl fmt::Debug for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FieldError({}: {})", self.field, self.code)
    }
}

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.message)
    }
}

/// Something odd about a field that was accepted all the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct VendorWarning {
    /// The column, as in `pin_code`.
    pub field: &'static str,
    /// A stable word for machines, as in `pan_from_gstin`.
    pub code: &'static str,
    /// A sentence that says what was noticed and what to do.
    pub message: String,
}

/// What parsing one vendor has brought up so far.
#[derive(Default)]
struct Findings {
    errors: Vec<FieldError>,
    warnings: Vec<VendorWarning>,
}

impl Findings {
    fn error(&mut self, field: &'static str, value: &str, code: &'static str, message: impl fmt::Display) {
        self.errors.push(FieldError::new(field, value, code, &message.to_string()));
    }

    fn warn(&mut self, field: &'static str, code: &'static str, message: impl fmt::Display) {
        self.warnings.push(VendorWarning {
            field,
            code,
            message: message.to_string(),
        });
    }

    fn accept<T>(&mut self, field: &'static str, parsed: Parsed<T>) -> T {
        for warning in parsed.warnings {
            self.warn(field, Warning::code(warning), warning);
        }
        parsed.value
    }

    fn vendor_code(&mut self, given: Option<String>) -> Option<VendorCode> {
        let given = given.unwrap_or_default();
        VendorCode::parse(&given)
            .map_err(|error| self.error("vendor_code", &given, error.code(), error))
            .ok()
    }

    fn company_name(&mut self, given: Option<String>) -> Option<String> {
        let name = self.text("company_name", given.clone(), 200);
        if given.as_deref().and_then(present).is_none() {
            let given = given.unwrap_or_default();
            self.error("company_name", &given, "company_name_missing", "the company name is missing: enter it");
        }
        name
    }

    fn text(&mut self, field: &'static str, given: Option<String>, max_chars: usize) -> Option<String> {
        let text = present(&given?)?;
        let found = text.chars().count();
        if found > max_chars {
            let message = format!("this has {found} characters: at most {max_chars} are allowed");
            self.error(field, &text, "too_long", message);
            return None;
        }
        if text.contains(char::is_control) {
            self.error(field, &text, "control_character", "this contains a control character: type it again");
            return None;
        }
        Some(text)
    }

    fn email(&mut self, given: Option<String>) -> Option<EmailAddress> {
        let given = present(&given?)?;
        // A slash may stand in a local part, so it separates only where there is something to separate.
        let several = given.matches('@').count() > 1;
        let separates = |c: char| matches!(c, ',' | ';') || (several && c == '/');
        let (first, others) = match first_valid(&given, separates, EmailAddress::parse) {
            Ok(found) => found,
            Err(error) => {
                self.error("email", &given, error.code(), error);
                return None;
            }
        };
        if others {
            self.warn("email", "email_several", "several addresses were given and the first valid one was taken");
        }
        Some(first)
    }

    fn phone_number(&mut self, given: Option<String>) -> Option<MobileNumber> {
        let given = present(&given?)?;
        match first_valid(&given, |c| matches!(c, ',' | ';' | '/'), MobileNumber::parse) {
            Ok((first, others)) => {
                if others {
                    let message = "several numbers were given and the first valid mobile number was taken";
                    self.warn("phone_number", "phone_several", message);
                }
                Some(self.accept("phone_number", first))
            }
            Err(error) => {
                self.error("phone_number", &given, error.code(), error);
                None
            }
        }
    }

    fn state(&mut self, given: Option<String>) -> Option<IndianState> {
        let given = present(&given?)?;
        IndianState::parse(&given)
            .map_err(|error| self.error("state", &given, error.code(), error))
            .ok()
    }

    fn pin_code(&mut self, given: Option<String>) -> Option<PinCode> {
        let given = present(&given?)?;
        PinCode::parse(&given)
            .map_err(|error| self.error("pin_code", &given, error.code(), error))
            .ok()
    }

    fn gst_number(&mut self, given: Option<String>) -> Option<Gstin> {
        let given = present(&given?)?;
        // URP, "unregistered person", is what returns and e-way bills put where there is no GSTIN.
        if ["URP", "UNREGISTERED"].iter().any(|word| given.eq_ignore_ascii_case(word)) {
            return None;
        }
        match Gstin::parse(&given) {
            Ok(parsed) => Some(self.accept("gst_number", parsed)),
            Err(error) => {
                self.error("gst_number", &given, error.code(), error);
                None
            }
        }
    }

    fn pan_number(&mut self, given: Option<String>, gstin: Option<&Gstin>) -> Option<Pan> {
        let embedded = gstin.and_then(Gstin::pan);
        // The words the income-tax return utilities prescribe where a deductee has no PAN.
        let prescribed = ["PANNOTAVBL", "PANAPPLIED", "PANINVALID"];
        let given = given.as_deref().and_then(present);
        let Some(given) = given.filter(|text| !prescribed.iter().any(|word| text.eq_ignore_ascii_case(word))) else {
            let is_normal = gstin.is_some_and(|gstin| gstin.form() == GstinForm::Normal);
            let pan = embedded.filter(|_| is_normal)?;
            self.warn("pan_number", "pan_from_gstin", "no PAN was given and it was taken from the GSTIN");
            return Some(pan);
        };
        let pan = match Pan::parse(&given) {
            Ok(parsed) => self.accept("pan_number", parsed),
            Err(error) => {
                self.error("pan_number", &given, error.code(), error);
                return None;
            }
        };
        if embedded.is_some_and(|embedded| embedded != pan) {
            let message = "the GSTIN belongs to another PAN: correct whichever of the two is wrong";
            self.error("pan_number", &given, "pan_gstin_mismatch", message);
            return None;
        }
        Some(pan)
    }

    fn udyam_number(&mut self, given: Option<String>) -> Option<Udyam> {
        let given = present(&given?)?;
        match Udyam::parse(&given) {
            Ok(parsed) => Some(self.accept("udyam_number", parsed)),
            Err(error @ UdyamError::ExpiredUam) => {
                self.warn("udyam_number", error.code(), format!("{error}; {given} was not stored"));
                None
            }
            Err(error) => {
                self.error("udyam_number", &given, error.code(), error);
                None
            }
        }
    }

    fn compare_places(&mut self, state: Option<IndianState>, pin: Option<&PinCode>, gstin: Option<&Gstin>) {
        let Some(state) = state else {
            return;
        };
        if pin.is_some_and(|pin| !pin.may_lie_in(state)) {
            let message = format!("PIN codes of {state} do not begin like this: check PIN code and state");
            self.warn("pin_code", "pin_state_mismatch", message);
        }
        if let Some(registered) = gstin.and_then(Gstin::state).filter(|&registered| registered != state) {
            let message = format!("the GSTIN is of {registered}, the address in {state}: check that both are meant");
            self.warn("gst_number", "gstin_state_mismatch", message);
        }
    }
}

/// The text in one line with single spaces, or none if it is blank or one of the words people write for "nothing".
fn present(text: &str) -> Option<String> {
    let visible: String = text.chars().filter(|&c| !identifiers::is_invisible(c)).collect();
    let line = visible.split_whitespace().collect::<Vec<_>>().join(" ");
    let nothing = ["na", "n/a", "n.a.", "#n/a", "nil", "null", "none", "not applicable", "not available"];
    let is_nothing = line.chars().all(|c| matches!(c, '-' | '.' | '–' | '—')) // Blank, too: all of no characters.
        || nothing.iter().any(|word| line.eq_ignore_ascii_case(word));
    (!is_nothing).then_some(line)
}

/// The first part that parses and whether there were others; the first part's error if none does.
fn first_valid<T, E>(text: &str, separates: impl Fn(char) -> bool, parse: impl Fn(&str) -> Result<T, E>) -> Result<(T, bool), E> {
    let mut parts = text.split(separates).filter_map(present);
    let first = parts.next().unwrap_or_default();
    let mut others = parts.peekable();
    let several = others.peek().is_some();
    match parse(&first) {
        Ok(value) => Ok((value, several)),
        Err(error) => others.find_map(|part| parse(&part).ok()).map(|value| (value, true)).ok_or(error),
    }
}

/// What a vendor is under the MSME law, as far as is known.
///
/// Silence is [`MsmeStatus::Unknown`], never [`MsmeStatus::NotRegistered`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum MsmeStatus {
    /// Nothing is known yet.
    #[default]
    Unknown,
    /// Micro enterprise.
    Micro,
    /// Small enterprise.
    Small,
    /// Medium enterprise.
    Medium,
    /// Trader with a Udyam registration.
    RegisteredTrader,
    /// Declared not to be registered.
    NotRegistered,
}

/// Why a text is not a status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MsmeStatusError {
    /// A word of an older scheme that does not say which status is meant.
    #[error("this older word does not say which status is meant: choose micro, small, medium, registered_trader, not_registered or unknown")]
    Ambiguous,
    /// No scheme has such a word.
    #[error("this is no MSME status: choose micro, small, medium, registered_trader, not_registered or unknown")]
    Unrecognised,
}

impl MsmeStatus {
    /// Every status, in the order of the declaration form after "unknown".
    pub const ALL: [Self; 6] = [
        Self::Unknown,
        Self::Micro,
        Self::Small,
        Self::Medium,
        Self::RegisteredTrader,
        Self::NotRegistered,
    ];

    /// The word in JSON and in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Micro => "micro",
            Self::Small => "small",
            Self::Medium => "medium",
            Self::RegisteredTrader => "registered_trader",
            Self::NotRegistered => "not_registered",
        }
    }

    /// Parses a status; case and punctuation do not matter.
    ///
    /// Of the two older sets of words, `Non MSME` and `non_msme` have one meaning today. `MSME Certified` does not tell the
    /// size, and a pending application or `Others` tells nothing for sure, so they are refused rather than guessed.
    pub fn parse(text: &str) -> Result<Self, MsmeStatusError> {
        match letters_and_digits(text).as_str() {
            "unknown" => Ok(Self::Unknown),
            "micro" | "microenterprise" => Ok(Self::Micro),
            "small" | "smallenterprise" => Ok(Self::Small),
            "medium" | "mediumenterprise" => Ok(Self::Medium),
            "registeredtrader" => Ok(Self::RegisteredTrader),
            "notregistered" | "nonmsme" => Ok(Self::NotRegistered),
            "msmecertified" | "msmeapplicationpending" | "msmepending" | "others" | "other" => Err(MsmeStatusError::Ambiguous),
            _ => Err(MsmeStatusError::Unrecognised),
        }
    }
}

impl fmt::Display for MsmeStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The column that a header of an ERP export or a hand-made sheet stands for; case, punctuation and a byte order mark do
/// not matter.
///
/// Several headers may stand for one column: see [`RawVendor::fill`].
pub fn column_for(header: &str) -> Option<&'static str> {
    let key = letters_and_digits(header);
    if let Some(column) = COLUMNS.into_iter().find(|column| letters_and_digits(column) == key) {
        return Some(column);
    }
    ALIASES
        .iter()
        .find(|(_, aliases)| aliases.contains(&key.as_str()))
        .map(|&(column, _)| column)
}

fn letters_and_digits(text: &str) -> String {
    text.to_lowercase().chars().filter(|c| c.is_alphanumeric()).collect()
}

/// Headers of SAP, Zoho Books, Tally, Oracle and common hand-made sheets, as [`letters_and_digits`] leaves them.
#[rustfmt::skip] // One word to a line would run to a hundred lines.
static ALIASES: [(&str, &[&str]); 13] = [
    (
        "vendor_code",
        &[
            "lifnr", "code", "vendor", "supplier", "vendorno", "vendornumber", "vendorid", "supplierno", "suppliernumber",
            "suppliercode", "supplierid", "partyno", "partynumber", "partycode", "partyid",
        ],
    ),
    (
        "company_name",
        &[
            "name1", "name2", "name3", "name4", "name", "displayname", "company", "vendorname", "suppliername", "partyname",
            "legalname", "tradename", "businessname", "firmname", "nameofvendor", "nameofsupplier", "nameofparty", "ledgername",
        ],
    ),
    ("contact_person_name", &["contactperson", "contactname", "contact", "personname", "attention"]),
    ("email", &["smtpaddr", "emailid", "emailaddress", "mail", "mailid", "contactemail", "vendoremail", "supplieremail"]),
    (
        "phone_number",
        &[
            "telf1", "telf2", "phone", "phoneno", "telephone", "mobile", "mobileno", "mobilenumber", "mobilephone", "contactno",
            "contactnumber", "whatsapp", "whatsappno", "whatsappnumber",
        ],
    ),
    ("registered_address", &["stras", "address", "street", "addressline1", "billingaddress", "registeredofficeaddress"]),
    ("city", &["ort01", "town", "cityname", "billingcity"]),
    ("state", &["regio", "region", "statename", "billingstate"]),
    ("pin_code", &["pstlz", "pin", "pinno", "postalcode", "postcode", "zip", "zipcode", "billingcode"]),
    (
        "gst_number",
        &[
            "stcd3", "gst", "gstno", "gstin", "gstinno", "gstinnumber", "gstinuin", "gstidentificationnumber",
            "gstidentificationnumbergstin", "gstregistrationno", "gstregistrationnumber", "taxregistrationnumber",
        ],
    ),
    ("pan_number", &["j1ipanno", "pan", "panno", "panitno", "pancardno", "permanentaccountnumber"]),
    (
        "udyam_number",
        &[
            "udyam", "udyamno", "udyamregistrationno", "udyamregistrationnumber", "msmeno", "msmenumber", "msmeregistrationno",
            "msmeregistrationnumber", "urn", "urnno",
        ],
    ),
    ("supplier_type", &["suppliercategory", "vendortype", "vendorcategory", "partytype"]),
];
