//! A vendor's declaration of its MSME status, as given on the public form.

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::classification::ClassRule;
use crate::identifiers::{Gstin, Pan, Udyam};
use crate::payment::FiscalYear;
use crate::vendor::{MAX_GSTINS, MsmeStatus, VendorProfile};
use crate::{CampaignId, FieldError, ResponseId, VendorId};

/// The version of [`CONSENT_TEXT`]; stored with every answer.
pub const CONSENT_VERSION: &str = "2026-11-1";

/// What a signatory agrees to.
pub const CONSENT_TEXT: &str = "I am authorised to make this declaration for the business named above. The particulars are true to the best of my \
knowledge. I agree that they are recorded and used to meet the buyer's obligations under the MSMED Act, 2006 and the Companies Act, 2013, kept as \
long as those laws require, and that I may ask the buyer to correct them or to stop contacting us.";

/// The form's fields as they arrive: everything text, everything optional.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RawDeclaration {
    /// `micro`, `small`, `medium`, `registered_trader` or `not_registered`.
    pub status: String,
    /// Udyam registration number.
    pub udyam_number: String,
    /// Date of Udyam registration, `YYYY-MM-DD`.
    pub registration_date: String,
    /// Year of the classification, e.g. `2025-26`.
    pub classification_year: String,
    /// `manufacturing`, `services` or `trading`.
    pub activity: String,
    /// PAN.
    pub pan: String,
    /// GSTINs, separated by commas, spaces or lines.
    pub gstins: String,
    /// Who signs.
    pub signatory_name: String,
    /// The signatory's position.
    pub signatory_designation: String,
    /// `yes` when the consent was given.
    pub consent: String,
}

/// What the business does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Activity {
    /// Makes goods.
    Manufacturing,
    /// Renders services.
    Services,
    /// Buys and sells.
    Trading,
}

impl Activity {
    /// The word in JSON and on the form.
    pub const fn as_str(self) -> &'static str {
        match self {
            Activity::Manufacturing => "manufacturing",
            Activity::Services => "services",
            Activity::Trading => "trading",
        }
    }
}

/// A checked declaration.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Declaration {
    /// The declared class; never `unknown`.
    pub status: MsmeStatus,
    /// Udyam number, for everyone but `not_registered`.
    pub udyam: Option<Udyam>,
    /// Date of Udyam registration.
    pub registration_date: Option<Date>,
    /// Year of the classification, e.g. `2025-26`.
    pub classification_year: Option<String>,
    /// What the business does.
    pub activity: Activity,
    /// PAN.
    pub pan: Option<Pan>,
    /// GSTINs.
    pub gstins: Vec<Gstin>,
    /// Who signed.
    pub signatory_name: String,
    /// The signatory's position.
    pub signatory_designation: String,
    /// Which consent text was agreed to.
    pub consent_version: String,
    /// The Indian fiscal year the declaration was made in, e.g. `2026-27`.
    pub fiscal_year: String,
}

impl Declaration {
    /// The vendor's record with what it declared of itself.
    ///
    /// Of its registration and its activity a vendor knows best: what it says takes the place of what was on file. PAN and GSTINs
    /// are the buyer's own records, which tax returns rest on: they are filled in where there are none, and only if they agree.
    pub fn applied_to(&self, profile: &VendorProfile) -> VendorProfile {
        let mut profile = VendorProfile {
            udyam_number: self.udyam.clone().or_else(|| profile.udyam_number.clone()),
            udyam_registration_date: self.registration_date.or(profile.udyam_registration_date),
            activity: Some(self.activity),
            ..profile.clone()
        };
        let embedded = profile.gst_numbers.iter().find_map(Gstin::pan);
        if profile.pan_number.is_none() && (embedded.is_none() || embedded == self.pan) {
            profile.pan_number.clone_from(&self.pan);
        }
        if profile.gst_numbers.is_empty() {
            let agrees = |gstin: &&Gstin| profile.pan_number.is_none() || gstin.pan().is_none() || gstin.pan() == profile.pan_number;
            profile.gst_numbers = self.gstins.iter().filter(agrees).take(MAX_GSTINS).cloned().collect();
        }
        profile
    }

    /// The record of another code of the same PAN with what the answer says of the legal person: registration and activity, where
    /// nothing is on file. What is on file stays, so that two Udyam numbers under one PAN are seen.
    pub fn applied_to_code_of_same_pan(&self, profile: &VendorProfile) -> VendorProfile {
        let is_of_other_number = profile.udyam_number.is_some() && profile.udyam_number != self.udyam;
        let registration_date = self.registration_date.filter(|_| !is_of_other_number);
        VendorProfile {
            udyam_number: profile.udyam_number.clone().or_else(|| self.udyam.clone()),
            udyam_registration_date: profile.udyam_registration_date.or(registration_date),
            activity: profile.activity.or(Some(self.activity)),
            ..profile.clone()
        }
    }

    /// The dated table the declared class follows from: that of the year it is stated for, else of the day of the answer.
    pub fn class_rule(&self, submitted_at: Timestamp) -> Option<ClassRule> {
        let stated = self.classification_year.as_deref().and_then(FiscalYear::parse);
        ClassRule::in_force_on(stated.map_or_else(|| indian_date(submitted_at), FiscalYear::first_day))
    }
}

/// An answer as stored.
#[derive(Debug, Clone, PartialEq)]
pub struct Response {
    /// Identity.
    pub id: ResponseId,
    /// The campaign that asked.
    pub campaign_id: CampaignId,
    /// The vendor that answered.
    pub vendor_id: VendorId,
    /// What it declared.
    pub declaration: Declaration,
    /// When.
    pub submitted_at: Timestamp,
    /// SHA-256 of the caller's address: evidence without keeping the address.
    pub source_hash: String,
}

/// The Indian fiscal year (1 April to 31 March, Indian time) `at` falls in, e.g. `2026-27`.
pub fn fiscal_year(at: Timestamp) -> String {
    let day = indian_date(at);
    let start = if day.month() >= 4 { day.year() } else { day.year() - 1 };
    format!("{start}-{:02}", (start + 1) % 100)
}

/// The calendar day in India at `at`.
pub fn indian_date(at: Timestamp) -> Date {
    // India has kept UTC+05:30 without change since 1945, so no time-zone database is needed.
    (at + jiff::SignedDuration::from_mins(330)).to_zoned(jiff::tz::TimeZone::UTC).date()
}

impl RawDeclaration {
    /// Checks the answer as of `now`.
    ///
    /// # Errors
    /// Every field that is wrong, with its fix.
    pub fn parse(self, now: Timestamp) -> Result<Declaration, Vec<FieldError>> {
        let mut errors = Vec::new();
        let status = match self.status.trim() {
            "micro" => Some(MsmeStatus::Micro),
            "small" => Some(MsmeStatus::Small),
            "medium" => Some(MsmeStatus::Medium),
            "registered_trader" => Some(MsmeStatus::RegisteredTrader),
            "not_registered" => Some(MsmeStatus::NotRegistered),
            other => {
                errors.push(FieldError::new("status", other, "required", "choose one of the five statuses"));
                None
            }
        };
        let activity = match self.activity.trim() {
            "manufacturing" => Some(Activity::Manufacturing),
            "services" => Some(Activity::Services),
            "trading" => Some(Activity::Trading),
            other => {
                errors.push(FieldError::new("activity", other, "required", "choose what the business mainly does"));
                None
            }
        };

        let registered = status.is_some_and(|status| status != MsmeStatus::NotRegistered);
        let udyam = parse_optional("udyam_number", &self.udyam_number, &mut errors, |text| {
            Udyam::parse(text).map(|parsed| parsed.value).map_err(|error| error.to_string())
        });
        if registered && self.udyam_number.trim().is_empty() {
            errors.push(FieldError::new(
                "udyam_number",
                "",
                "required",
                "give the Udyam number from the certificate, e.g. UDYAM-MH-12-0123456, or choose \"not registered\"",
            ));
        }
        let today = indian_date(now);
        let registration_date = parse_optional("registration_date", &self.registration_date, &mut errors, |text| {
            let day: Date = text.parse().map_err(|_| "give the date as YYYY-MM-DD, e.g. 2021-07-15".to_owned())?;
            // Udyam registration opened on 1 July 2020.
            if day < jiff::civil::date(2020, 7, 1) || day > today {
                return Err("give a date between 2020-07-01, when Udyam registration began, and today".to_owned());
            }
            Ok(day)
        });
        if registered && self.registration_date.trim().is_empty() {
            errors.push(FieldError::new(
                "registration_date",
                "",
                "required",
                "give the date of registration printed on the Udyam certificate",
            ));
        }
        let classification_year = parse_optional("classification_year", &self.classification_year, &mut errors, |text| {
            let valid = text.split_once('-').is_some_and(|(from, to)| {
                from.len() == 4
                    && to.len() == 2
                    && matches!((from.parse::<u16>(), to.parse::<u16>()), (Ok(from), Ok(to)) if (2019..=2100).contains(&from) && (from + 1) % 100 == to)
            });
            if !valid {
                Err("give the year as 2025-26".to_owned())
            } else if FiscalYear::parse(text) > Some(FiscalYear::of(now)) {
                Err("this year has not begun: give the year on the certificate".to_owned())
            } else {
                Ok(text.to_owned())
            }
        });
        let pan = parse_optional("pan", &self.pan, &mut errors, |text| {
            Pan::parse(text).map(|parsed| parsed.value).map_err(|e| e.to_string())
        });

        let mut gstins = Vec::new();
        for text in self
            .gstins
            .split(|c: char| c == ',' || c == ';' || c.is_whitespace())
            .filter(|text| !text.is_empty())
        {
            match Gstin::parse(text) {
                Ok(parsed) => {
                    if let (Some(pan), Some(embedded)) = (&pan, parsed.value.pan())
                        && *pan != embedded
                    {
                        errors.push(FieldError::new(
                            "gstins",
                            text,
                            "pan_mismatch",
                            "this GSTIN belongs to another PAN than the one given",
                        ));
                    }
                    gstins.push(parsed.value);
                }
                Err(error) => errors.push(FieldError::new("gstins", text, "invalid", &error.to_string())),
            }
        }
        if gstins.len() > 50 {
            errors.push(FieldError::new("gstins", "", "too_many", "give at most 50 GSTINs"));
        }

        let mut person = |field: &'static str, value: &str, fix: &str| {
            let value = value.trim();
            if value.is_empty() || value.chars().count() > 120 || value.chars().any(char::is_control) {
                errors.push(FieldError::new(field, value, "required", fix));
            }
            value.to_owned()
        };
        let signatory_name = person(
            "signatory_name",
            &self.signatory_name,
            "give the name of the person who declares, at most 120 characters",
        );
        let signatory_designation = person(
            "signatory_designation",
            &self.signatory_designation,
            "give that person's position, e.g. Proprietor",
        );
        if self.consent.trim() != "yes" {
            errors.push(FieldError::new("consent", "", "required", "tick the declaration to submit the form"));
        }

        match (status, activity) {
            (Some(status), Some(activity)) if errors.is_empty() => Ok(Declaration {
                status,
                udyam: if registered { udyam } else { None },
                registration_date: if registered { registration_date } else { None },
                classification_year,
                activity,
                pan,
                gstins,
                signatory_name,
                signatory_designation,
                consent_version: CONSENT_VERSION.to_owned(),
                fiscal_year: fiscal_year(now),
            }),
            _ => Err(errors),
        }
    }
}

fn parse_optional<T>(field: &'static str, text: &str, errors: &mut Vec<FieldError>, parse: impl FnOnce(&str) -> Result<T, String>) -> Option<T> {
    let text = text.trim();
    if text.is_empty() {
        return None;
    }
    parse(text).map_err(|fix| errors.push(FieldError::new(field, text, "invalid", &fix))).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vendor::RawVendor;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn the_fiscal_year_turns_at_midnight_in_india() {
        assert_eq!(fiscal_year(at("2027-03-31T18:29:59Z")), "2026-27");
        assert_eq!(fiscal_year(at("2027-03-31T18:30:00Z")), "2027-28");
        assert_eq!(fiscal_year(at("2099-06-01T00:00:00Z")), "2099-00");
    }

    fn answer() -> RawDeclaration {
        RawDeclaration {
            status: "micro".into(),
            udyam_number: "udyam-mh-12-0123456".into(),
            registration_date: "2021-07-15".into(),
            activity: "services".into(),
            signatory_name: "A. Signatory".into(),
            signatory_designation: "Proprietor".into(),
            consent: "yes".into(),
            ..RawDeclaration::default()
        }
    }

    #[track_caller]
    fn check(change: impl FnOnce(&mut RawDeclaration), expected: &[(&str, &str)]) {
        let mut raw = answer();
        change(&mut raw);
        let errors = raw.parse(at("2026-11-22T06:00:00Z")).err().unwrap_or_default();
        let found: Vec<_> = errors.iter().map(|e| (e.field, e.code)).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn an_answer_is_checked_field_by_field() {
        check(|_| (), &[]);
        check(|raw| raw.status = "big".into(), &[("status", "required")]);
        check(|raw| raw.udyam_number.clear(), &[("udyam_number", "required")]);
        check(|raw| raw.udyam_number = "UDYAM-1".into(), &[("udyam_number", "invalid")]);
        check(|raw| raw.registration_date = "2020-06-30".into(), &[("registration_date", "invalid")]);
        check(|raw| raw.consent.clear(), &[("consent", "required")]);
        check(|raw| raw.classification_year = "2025-27".into(), &[("classification_year", "invalid")]);
        check(|raw| raw.classification_year = "2026-27".into(), &[]);
        check(|raw| raw.classification_year = "2027-28".into(), &[("classification_year", "invalid")]);
        check(
            |raw| {
                raw.status = "not_registered".into();
                raw.udyam_number.clear();
                raw.registration_date.clear();
            },
            &[],
        );
    }

    #[test]
    fn what_a_vendor_declares_of_itself_becomes_part_of_its_record() {
        let profile = |change: fn(&mut RawVendor)| {
            let mut raw = RawVendor {
                vendor_code: Some("V-1".into()),
                company_name: Some("Kaveri".into()),
                ..RawVendor::default()
            };
            change(&mut raw);
            VendorProfile::parse(raw).unwrap().0
        };
        let declared = RawDeclaration {
            pan: "AAPFU0939F".into(),
            gstins: "27AAPFU0939F1ZV".into(),
            ..answer()
        };
        let declared = declared.parse(at("2026-11-22T06:00:00Z")).unwrap();
        let text = |profile: &VendorProfile| {
            (
                profile.udyam_number.as_ref().map(|udyam| udyam.as_str().to_owned()),
                profile.pan_number.as_ref().map(|pan| pan.as_str().to_owned()),
                profile.gst_numbers.len(),
                profile.activity,
            )
        };
        let udyam = Some("UDYAM-MH-12-0123456".to_owned());
        let pan = |pan: &str| Some(pan.to_owned());

        let filled = declared.applied_to(&profile(|_| ()));
        assert_eq!(text(&filled), (udyam.clone(), pan("AAPFU0939F"), 1, Some(Activity::Services)));
        assert_eq!(filled.udyam_registration_date, Some(jiff::civil::date(2021, 7, 15)));
        // Of registration and activity the vendor knows best.
        let corrected = declared.applied_to(&profile(|raw| {
            raw.udyam_number = Some("UDYAM-MH-12-9999999".into());
            raw.activity = Some("trading".into());
        }));
        assert_eq!(text(&corrected).0, udyam);
        // Another PAN on file stays, and takes no GSTIN of another person.
        let other = declared.applied_to(&profile(|raw| raw.pan_number = Some("AAKFD7113K".into())));
        assert_eq!(text(&other), (udyam.clone(), pan("AAKFD7113K"), 0, Some(Activity::Services)));
        // A sibling takes the registration, not the GSTINs, which may be of another state's code.
        let sibling = declared.applied_to_code_of_same_pan(&profile(|raw| raw.pan_number = Some("AAPFU0939F".into())));
        assert_eq!(text(&sibling), (udyam, pan("AAPFU0939F"), 0, Some(Activity::Services)));
        // Where another number is on file, the two must be seen.
        let disputed = declared.applied_to_code_of_same_pan(&profile(|raw| {
            raw.udyam_number = Some("UDYAM-MH-12-9999999".into());
            raw.activity = Some("trading".into());
        }));
        assert_eq!(
            text(&disputed),
            (Some("UDYAM-MH-12-9999999".to_owned()), None, 0, Some(Activity::Trading))
        );
        assert_eq!(disputed.udyam_registration_date, None);
    }

    #[test]
    fn a_gstin_of_another_pan_is_named() {
        check(
            |raw| {
                raw.pan = "AAKFD7113K".into();
                raw.gstins = "27AAPFU0939F1ZV".into();
            },
            &[("gstins", "pan_mismatch")],
        );
    }
}
