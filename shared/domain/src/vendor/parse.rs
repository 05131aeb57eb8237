//! Checking what was typed, field by field and against each other.

use std::collections::BTreeMap;
use std::fmt;

use jiff::civil::Date;

use super::text::{is_no_date, is_no_gstin, is_no_pan, letters_and_digits, parts, present, rupees_to_paise, with_decimal_point, yes_or_no};
use super::{
    FieldError, MAX_ATTRIBUTES, MAX_EMAILS, MAX_GSTINS, MAX_PHONES, MAX_TAGS, MsmeStatus, MsmeStatusError, OptIn, RawVendor, VendorCode,
    VendorProfile, VendorWarning,
};
use crate::declaration::Activity;
use crate::identifiers::{EmailAddress, Gstin, GstinForm, IndianState, MobileNumber, Pan, Parsed, PinCode, Udyam, UdyamError, Warning};

/// Under which free field a word of an older scheme is kept that does not say which status is meant.
pub(super) const CLAIMED: &str = "msme_status_claimed";

/// What becomes of a value that cannot be taken while others can.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Strictness {
    /// It is named in a warning, and the vendor is accepted without it. Files hold what nobody is there to correct: landlines and foreign
    /// numbers go even where they are the only ones.
    #[default]
    Lenient,
    /// It is an error: whoever sends a vendor is there to correct it, and takes what was accepted for what was sent.
    Strict,
}

/// A vendor that was accepted, with what was noticed.
#[derive(Debug, Clone, PartialEq)]
pub struct ParsedVendor {
    /// The vendor.
    pub profile: VendorProfile,
    /// The status it is said to have. A word of an older scheme that does not tell the size (`MSME Certified`) claims nothing; it
    /// is kept among the free fields, so that nothing is lost, and the vendor is asked.
    pub claim: Option<MsmeStatus>,
    /// What is odd, but no reason to refuse.
    pub warnings: Vec<VendorWarning>,
}

impl ParsedVendor {
    /// Parses and cross-checks a vendor, reporting every field that is wrong, not only the first.
    ///
    /// A GSTIN that belongs to another PAN is an error. That state, PIN code and GSTIN point to different states is a
    /// warning: vendors register in one state and keep an office in another. A lapsed Udyog Aadhaar number in the Udyam
    /// field is dropped with a warning, for asking such vendors is what campaigns are for. Of several values in one field
    /// the valid ones are taken, with a warning that names the others: this is [`Strictness::Lenient`].
    pub fn parse(raw: RawVendor) -> Result<Self, Vec<FieldError>> {
        Self::parse_with(raw, Strictness::Lenient)
    }

    /// [`ParsedVendor::parse`], with a say in what becomes of a wrong value beside right ones.
    ///
    /// # Errors
    /// Every field that is wrong.
    pub fn parse_with(raw: RawVendor, strictness: Strictness) -> Result<Self, Vec<FieldError>> {
        // Destructured in full, so that a new field cannot be forgotten here.
        let RawVendor {
            vendor_code,
            company_name,
            contact_person_name,
            emails,
            phone_numbers,
            registered_address,
            city,
            state,
            pin_code,
            country,
            supplier_type,
            category,
            business_category,
            group_category,
            annual_turnover,
            annual_turnover_paise,
            year_established,
            currency,
            gst_numbers,
            pan_number,
            udyam_number,
            udyam_registration_date,
            activity,
            msme_status,
            opt_ins,
            tags,
            attributes,
            nda,
            sqa,
            four_m,
            code_of_conduct,
            compliance_agreement,
            self_declaration,
        } = raw;

        let mut row = Findings {
            strictness,
            ..Findings::default()
        };
        let vendor_code = row.vendor_code(vendor_code);
        let company_name = row.company_name(company_name);
        let contact_person_name = row.text("contact_person_name", contact_person_name, 120);
        let emails = row.emails(&emails);
        let phone_numbers = row.phone_numbers(&phone_numbers);
        let registered_address = row.text("registered_address", registered_address, 500);
        let city = row.text("city", city, 100);
        let state = row.state(state);
        let pin_code = row.pin_code(pin_code);
        let country = row.country(country);
        let supplier_type = row.text("supplier_type", supplier_type, 60);
        let category = row.text("category", category, 100);
        let business_category = row.text("business_category", business_category, 100);
        let group_category = row.text("group_category", group_category, 100);
        let annual_turnover_paise = row.turnover(annual_turnover, annual_turnover_paise);
        let year_established = row.year_established(year_established);
        let currency = row.currency(currency);
        let gst_numbers = row.gst_numbers(&gst_numbers);
        let pan_number = row.pan_number(pan_number, &gst_numbers);
        let udyam_number = row.udyam_number(udyam_number);
        let udyam_registration_date = row.date("udyam_registration_date", udyam_registration_date);
        let activity = row.activity(activity);
        let (claim, claimed_words) = row.claim(msme_status);
        let opt_ins = row.opt_ins(opt_ins);
        let tags = row.tags(&tags);
        let mut attributes = row.attributes(attributes);
        if let Some(words) = claimed_words {
            row.keep_claim(&mut attributes, words);
        }
        let nda = row.flag("nda", nda);
        let sqa = row.flag("sqa", sqa);
        let four_m = row.flag("four_m", four_m);
        let code_of_conduct = row.flag("code_of_conduct", code_of_conduct);
        let compliance_agreement = row.flag("compliance_agreement", compliance_agreement);
        let self_declaration = row.flag("self_declaration", self_declaration);
        row.compare_places(state, pin_code.as_ref(), gst_numbers.first());

        let Findings { errors, warnings, .. } = row;
        match (vendor_code, company_name) {
            (Some(vendor_code), Some(company_name)) if errors.is_empty() => Ok(Self {
                profile: VendorProfile {
                    vendor_code,
                    company_name,
                    contact_person_name,
                    emails,
                    phone_numbers,
                    registered_address,
                    city,
                    state,
                    pin_code,
                    country,
                    supplier_type,
                    category,
                    business_category,
                    group_category,
                    annual_turnover_paise,
                    year_established,
                    currency,
                    gst_numbers,
                    pan_number,
                    udyam_number,
                    udyam_registration_date,
                    activity,
                    opt_ins,
                    tags,
                    attributes,
                    nda,
                    sqa,
                    four_m,
                    code_of_conduct,
                    compliance_agreement,
                    self_declaration,
                },
                claim,
                warnings,
            }),
            _ => Err(errors),
        }
    }
}

/// What parsing one vendor has brought up so far.
#[derive(Default)]
struct Findings {
    strictness: Strictness,
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

    /// The valid ones of several values, in their order and each once. Those that are not are named: in a warning where others are
    /// valid and nobody is strict, else in an error.
    fn several<T: PartialEq, E: fmt::Display>(
        &mut self,
        (field, dropped, most): (&'static str, &'static str, usize),
        parts: Vec<String>,
        parse: impl Fn(&str) -> Result<T, E>,
        code: impl Fn(&E) -> &'static str,
    ) -> Vec<T> {
        let (mut valid, mut wrong) = (Vec::new(), Vec::new());
        for part in parts {
            match parse(&part) {
                Ok(value) if valid.contains(&value) => {}
                Ok(value) => valid.push(value),
                Err(error) => wrong.push((part, error)),
            }
        }
        for (part, error) in wrong {
            let is_dropped = self.strictness == Strictness::Lenient && (!valid.is_empty() || is_other_phone(code(&error), &part));
            if !is_dropped {
                self.error(field, &part, code(&error), error);
            } else {
                self.warn(field, dropped, format!("{part} was not taken: {error}"));
            }
        }
        if valid.len() > most {
            self.error(field, "", "too_many", format!("there are {}: at most {most} are allowed", valid.len()));
        }
        valid
    }

    fn emails(&mut self, given: &[String]) -> Vec<EmailAddress> {
        let parts = given.iter().filter_map(|text| present(text)).flat_map(|text| {
            // A slash may stand in a local part, so it separates only where there is something to separate.
            let several = text.matches('@').count() > 1;
            split(&text, |c: char| matches!(c, ',' | ';') || (several && (c == '/' || c == ' ')))
        });
        self.several(("email", "email_dropped", MAX_EMAILS), parts.collect(), EmailAddress::parse, |error| {
            error.code()
        })
    }

    fn phone_numbers(&mut self, given: &[String]) -> Vec<MobileNumber> {
        let parts = given
            .iter()
            .flat_map(|text| split(text, |c: char| matches!(c, ',' | ';' | '/')))
            .collect();
        let numbers = self.several(("phone_number", "phone_dropped", MAX_PHONES), parts, MobileNumber::parse, |error| {
            error.code()
        });
        let mut unlike: Vec<MobileNumber> = Vec::new();
        for number in numbers {
            let number = self.accept("phone_number", number);
            if unlike.contains(&number) {
                continue;
            }
            if number.is_repeated_digit() {
                let message = "every digit is the same, which looks like a placeholder: ask for the real number";
                self.warn("phone_number", "phone_repeated_digit", message);
            }
            unlike.push(number);
        }
        unlike
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

    fn country(&mut self, given: Option<String>) -> Option<String> {
        let text = self.text("country", given, 60)?;
        Some(match letters_and_digits(&text).as_str() {
            "in" | "ind" | "india" | "bharat" => "IN".to_owned(),
            code if code.len() == 2 => code.to_uppercase(),
            _ => text,
        })
    }

    /// Keeps the words of a status that is none, unless the buyer has a field of that name, or as many fields as there may be.
    fn keep_claim(&mut self, attributes: &mut BTreeMap<String, String>, words: String) {
        if attributes.contains_key(CLAIMED) {
            return;
        }
        if attributes.len() >= MAX_ATTRIBUTES {
            let message = format!("{words:?} was not kept: there are {MAX_ATTRIBUTES} free fields already");
            self.warn("msme_status", "msme_status_not_kept", message);
            return;
        }
        attributes.insert(CLAIMED.to_owned(), words);
    }

    fn turnover(&mut self, rupees: Option<String>, paise: Option<String>) -> Option<i64> {
        if let Some(paise) = paise.as_deref().and_then(present) {
            return match paise.parse::<i64>() {
                Ok(paise) if paise >= 0 => Some(paise),
                _ => {
                    let message = "this is no amount in paise: give a whole number, not negative";
                    self.error("annual_turnover_paise", &paise, "amount_invalid", message);
                    None
                }
            };
        }
        let rupees = present(&rupees?)?;
        let paise = rupees_to_paise(&rupees);
        if paise.is_none() {
            let (code, message) = match with_decimal_point(&rupees).filter(|text| rupees_to_paise(text).is_some()) {
                Some(meant) => (
                    "amount_decimal_comma",
                    format!("a comma ends thousands or lakhs here: write {meant} if it stands before the decimals"),
                ),
                None => (
                    "amount_invalid",
                    "this is no amount in rupees: write it as 12500000, 1,25,00,000 or 1.25 crore".to_owned(),
                ),
            };
            self.error("annual_turnover", &rupees, code, message);
        }
        paise
    }

    fn year_established(&mut self, given: Option<String>) -> Option<i16> {
        let given = present(&given?)?;
        let year = given
            .strip_suffix(".0")
            .unwrap_or(&given)
            .parse::<i16>()
            .ok()
            .filter(|year| (1700..=2100).contains(year));
        if year.is_none() {
            self.error(
                "year_established",
                &given,
                "year_invalid",
                "this is no year: write four digits, as in 1998",
            );
        }
        year
    }

    fn currency(&mut self, given: Option<String>) -> Option<String> {
        let given = present(&given?)?;
        let code = match given.to_uppercase().as_str() {
            "RS" | "RS." | "₹" | "RUPEES" => "INR".to_owned(),
            code => code.to_owned(),
        };
        if code.len() == 3 && code.bytes().all(|b| b.is_ascii_uppercase()) {
            return Some(code);
        }
        self.error(
            "currency",
            &given,
            "currency_invalid",
            "this is no currency: write its three letters, as in INR",
        );
        None
    }

    fn gst_numbers(&mut self, given: &[String]) -> Vec<Gstin> {
        let parts = given.iter().flat_map(|text| parts(text)).filter(|part| !is_no_gstin(part)).collect();
        let gstins = self.several(("gst_number", "gstin_dropped", MAX_GSTINS), parts, Gstin::parse, |error| error.code());
        let gstins: Vec<Gstin> = gstins.into_iter().map(|gstin| self.accept("gst_number", gstin)).collect();
        for gstin in &gstins {
            // Other characters are issued, but a typing error that the check character confirms is likelier.
            if gstin.form() == GstinForm::Normal && !gstin.as_str()[13..].starts_with('Z') {
                let message = format!("{gstin} has no Z before its last character, as ordinary GSTINs do: compare it with the registration");
                self.warn("gst_number", "gstin_fourteenth_character", message);
            }
        }
        gstins
    }

    fn pan_number(&mut self, given: Option<String>, gstins: &[Gstin]) -> Option<Pan> {
        let given = given.as_deref().and_then(present).filter(|text| !is_no_pan(text));
        let pan = match &given {
            None => {
                let pan = gstins.iter().find(|gstin| gstin.form() == GstinForm::Normal).and_then(Gstin::pan)?;
                self.warn("pan_number", "pan_from_gstin", "no PAN was given and it was taken from the GSTIN");
                pan
            }
            Some(given) => match Pan::parse(given) {
                Ok(parsed) => self.accept("pan_number", parsed),
                Err(error) => {
                    self.error("pan_number", given, error.code(), error);
                    return None;
                }
            },
        };
        for gstin in gstins {
            if gstin.pan().is_some_and(|embedded| embedded != pan) {
                match &given {
                    Some(given) => {
                        let message = "the GSTIN belongs to another PAN: correct whichever of the two is wrong";
                        self.error("pan_number", given, "pan_gstin_mismatch", message);
                    }
                    None => {
                        let message = "these GSTINs belong to different PANs: one vendor has one PAN";
                        self.error("gst_number", gstin.as_str(), "gstins_of_several_pans", message);
                    }
                }
                return None;
            }
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

    fn date(&mut self, field: &'static str, given: Option<String>) -> Option<Date> {
        let given = present(&given?).filter(|text| !is_no_date(text))?;
        let date = given.parse::<Date>().ok();
        if date.is_none() {
            self.error(field, &given, "date_invalid", "this is no date: write it as 2021-04-05");
        }
        date
    }

    fn activity(&mut self, given: Option<String>) -> Option<Activity> {
        let given = present(&given?)?;
        let activity = match letters_and_digits(&given).as_str() {
            "manufacturing" | "manufacturer" | "manufacture" => Some(Activity::Manufacturing),
            "services" | "service" | "serviceprovider" => Some(Activity::Services),
            "trading" | "trader" | "trade" => Some(Activity::Trading),
            _ => None,
        };
        if activity.is_none() {
            let message = "this is no activity: choose manufacturing, services or trading";
            self.error("activity", &given, "activity_invalid", message);
        }
        activity
    }

    fn claim(&mut self, given: Option<String>) -> (Option<MsmeStatus>, Option<String>) {
        let Some(given) = given.as_deref().and_then(present) else {
            return (None, None);
        };
        match MsmeStatus::parse(&given) {
            Ok(status) => (Some(status), None),
            Err(MsmeStatusError::Ambiguous) => {
                let message = format!("\"{given}\" does not tell micro, small or medium: kept as {CLAIMED}, and the vendor can be asked");
                self.warn("msme_status", "msme_status_ambiguous", message);
                (None, Some(given))
            }
            Err(error @ MsmeStatusError::Unrecognised) => {
                self.error("msme_status", &given, "msme_status_unrecognised", error);
                (None, None)
            }
        }
    }

    fn opt_ins(&mut self, given: Vec<OptIn>) -> Vec<OptIn> {
        let mut opt_ins = Vec::with_capacity(given.len());
        for OptIn {
            channel,
            source,
            text_version,
            at,
        } in given
        {
            let source = self.text("opt_ins", Some(source), 200);
            let text_version = self.text("opt_ins", Some(text_version), 60);
            match (source, text_version) {
                (Some(source), Some(text_version)) => opt_ins.push(OptIn {
                    channel,
                    source,
                    text_version,
                    at,
                }),
                _ => {
                    let message = "a consent needs where it was given (source) and the wording agreed to (text_version)";
                    self.error("opt_ins", channel.as_str(), "opt_in_incomplete", message);
                }
            }
        }
        if opt_ins.len() > 10 {
            self.error("opt_ins", "", "too_many", "there are more than 10 consents: keep the ones that count");
        }
        opt_ins
    }

    fn tags(&mut self, given: &[String]) -> Vec<String> {
        let mut tags = Vec::new();
        for tag in given.iter().flat_map(|text| split(text, |c: char| matches!(c, ',' | ';' | '|'))) {
            tags.extend(self.text("tags", Some(tag), 40).map(|tag| tag.to_lowercase()));
        }
        tags.sort_unstable();
        tags.dedup();
        if tags.len() > MAX_TAGS {
            self.error(
                "tags",
                "",
                "too_many",
                format!("there are {}: at most {MAX_TAGS} are allowed", tags.len()),
            );
        }
        tags
    }

    fn attributes(&mut self, given: BTreeMap<String, String>) -> BTreeMap<String, String> {
        let mut attributes = BTreeMap::new();
        for (name, value) in given {
            let Some(name) = self.text("attributes", Some(name), 60) else { continue };
            if let Some(value) = self.text("attributes", Some(value), 300) {
                attributes.insert(name, value);
            }
        }
        if attributes.len() > MAX_ATTRIBUTES {
            let message = format!("there are {}: at most {MAX_ATTRIBUTES} are allowed", attributes.len());
            self.error("attributes", "", "too_many", message);
        }
        attributes
    }

    fn flag(&mut self, field: &'static str, given: Option<String>) -> Option<bool> {
        let given = present(&given?)?;
        let flag = yes_or_no(&given);
        if flag.is_none() {
            self.error(field, &given, "yes_or_no", "this is neither yes nor no: write one of them");
        }
        flag
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

/// Whether a telephone number is one that WhatsApp does not reach, rather than a mobile number with an error in it.
pub(super) fn is_other_phone(code: &str, part: &str) -> bool {
    const LANDLINE_DIGITS: usize = 8;
    match code {
        "phone_not_mobile" | "phone_foreign_country" => true,
        // A landline without its area's code.
        "phone_length" => part.bytes().filter(u8::is_ascii_digit).count() <= LANDLINE_DIGITS,
        _ => false,
    }
}

fn split(text: &str, separates: impl Fn(char) -> bool) -> Vec<String> {
    text.split(separates).filter_map(present).collect()
}
