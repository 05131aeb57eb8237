//! A vendor as someone typed it.

use std::collections::BTreeMap;

use jiff::civil::Date;
use serde::de::{self, Deserializer, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::parse::CLAIMED;
use super::text::{is_no_date, is_no_gstin, is_no_pan, parts, present};
use super::{MsmeStatus, MsmeStatusError, OptIn, VendorProfile, VendorWarning};
use crate::identifiers::{MobileNumber, Udyam, UdyamError};

/// A vendor as someone typed it: every field optional, nothing checked.
///
/// Where a vendor has several (e-mail addresses, telephone numbers, GSTINs), the first is the primary one; a text may hold several,
/// separated by `,` `;` or `/`.
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
    /// E-mail addresses, at most 5; campaigns write to the first.
    #[serde(alias = "email", deserialize_with = "one_or_many")]
    #[schema(example = json!(["accounts@kaveri.example"]))]
    pub emails: Vec<String>,
    /// Indian mobile numbers, at most 5; campaigns write to the first.
    #[serde(alias = "phone_number", deserialize_with = "one_or_many")]
    #[schema(example = json!(["+919876500001"]))]
    pub phone_numbers: Vec<String>,
    /// Postal address without city, state and PIN code.
    pub registered_address: Option<String>,
    /// City or town.
    pub city: Option<String>,
    /// State: its name, its letters or its GST code.
    #[schema(example = "Karnataka")]
    pub state: Option<String>,
    /// Postal index number.
    #[schema(example = "560001")]
    #[serde(deserialize_with = "text")]
    pub pin_code: Option<String>,
    /// Country: its name or its two letters.
    #[schema(example = "IN")]
    pub country: Option<String>,
    /// The buyer's own kind of supplier, as in `manufacturer` or `trader`.
    pub supplier_type: Option<String>,
    /// The buyer's own category of what is bought.
    pub category: Option<String>,
    /// The line of business.
    pub business_category: Option<String>,
    /// The group of companies the vendor belongs to, in the buyer's words.
    pub group_category: Option<String>,
    /// Annual turnover in rupees as people write it: `1,25,00,000` or `1.25 crore`.
    #[serde(deserialize_with = "text")]
    pub annual_turnover: Option<String>,
    /// Annual turnover in paise; counts before `annual_turnover`.
    #[serde(deserialize_with = "text")]
    #[schema(value_type = Option<i64>)]
    pub annual_turnover_paise: Option<String>,
    /// The year the business began.
    #[serde(deserialize_with = "text")]
    #[schema(example = "1998")]
    pub year_established: Option<String>,
    /// Three letters of the currency that invoices are in.
    #[schema(example = "INR")]
    pub currency: Option<String>,
    /// GSTINs, at most 20, all of one PAN.
    #[serde(alias = "gst_number", deserialize_with = "one_or_many")]
    pub gst_numbers: Vec<String>,
    /// PAN; taken from a GSTIN when absent.
    pub pan_number: Option<String>,
    /// Udyam registration number.
    pub udyam_number: Option<String>,
    /// Date of Udyam registration, `YYYY-MM-DD`.
    pub udyam_registration_date: Option<String>,
    /// `manufacturing`, `services` or `trading`.
    pub activity: Option<String>,
    /// What the vendor is said to be; only where a vendor is created or imported, later it changes by evidence. Words of older
    /// schemes are understood: `MSME Certified`, `non_msme` …
    pub msme_status: Option<String>,
    /// Consents to be written to, each with where it came from. Never imported.
    pub opt_ins: Vec<OptIn>,
    /// Free labels, at most 30.
    #[serde(deserialize_with = "one_or_many")]
    #[schema(example = json!(["critical", "plant-2"]))]
    pub tags: Vec<String>,
    /// Free fields of the buyer, at most 40.
    pub attributes: BTreeMap<String, String>,
    /// Whether a non-disclosure agreement is signed: `yes` or `no`.
    #[serde(deserialize_with = "text")]
    #[schema(value_type = Option<bool>)]
    pub nda: Option<String>,
    /// Whether a supplier quality agreement is signed.
    #[serde(deserialize_with = "text")]
    #[schema(value_type = Option<bool>)]
    pub sqa: Option<String>,
    /// Whether the 4M change agreement (man, machine, material, method) is signed.
    #[serde(deserialize_with = "text")]
    #[schema(value_type = Option<bool>)]
    pub four_m: Option<String>,
    /// Whether the code of conduct is accepted.
    #[serde(deserialize_with = "text")]
    #[schema(value_type = Option<bool>)]
    pub code_of_conduct: Option<String>,
    /// Whether the compliance agreement is signed.
    #[serde(deserialize_with = "text")]
    #[schema(value_type = Option<bool>)]
    pub compliance_agreement: Option<String>,
    /// Whether a self-declaration is on file.
    #[serde(deserialize_with = "text")]
    #[schema(value_type = Option<bool>)]
    pub self_declaration: Option<String>,
}

/// Where a column of a sheet goes.
enum Slot<'a> {
    One(&'a mut Option<String>),
    Several(&'a mut Vec<String>),
}

impl RawVendor {
    fn slot(&mut self, column: &str) -> Option<Slot<'_>> {
        Some(match column {
            "vendor_code" => Slot::One(&mut self.vendor_code),
            "company_name" => Slot::One(&mut self.company_name),
            "contact_person_name" => Slot::One(&mut self.contact_person_name),
            "email" => Slot::Several(&mut self.emails),
            "phone_number" => Slot::Several(&mut self.phone_numbers),
            "registered_address" => Slot::One(&mut self.registered_address),
            "city" => Slot::One(&mut self.city),
            "state" => Slot::One(&mut self.state),
            "pin_code" => Slot::One(&mut self.pin_code),
            "country" => Slot::One(&mut self.country),
            "supplier_type" => Slot::One(&mut self.supplier_type),
            "category" => Slot::One(&mut self.category),
            "business_category" => Slot::One(&mut self.business_category),
            "group_category" => Slot::One(&mut self.group_category),
            "annual_turnover" => Slot::One(&mut self.annual_turnover),
            "year_established" => Slot::One(&mut self.year_established),
            "currency" => Slot::One(&mut self.currency),
            "gst_number" => Slot::Several(&mut self.gst_numbers),
            "pan_number" => Slot::One(&mut self.pan_number),
            "udyam_number" => Slot::One(&mut self.udyam_number),
            "udyam_registration_date" => Slot::One(&mut self.udyam_registration_date),
            "activity" => Slot::One(&mut self.activity),
            "msme_status" => Slot::One(&mut self.msme_status),
            "tags" => Slot::Several(&mut self.tags),
            "nda" => Slot::One(&mut self.nda),
            "sqa" => Slot::One(&mut self.sqa),
            "four_m" => Slot::One(&mut self.four_m),
            "code_of_conduct" => Slot::One(&mut self.code_of_conduct),
            "compliance_agreement" => Slot::One(&mut self.compliance_agreement),
            "self_declaration" => Slot::One(&mut self.self_declaration),
            _ => return None,
        })
    }

    /// Sets a column of a sheet, or `attributes.<name>`. Of several values for one column the first counts, or where a vendor may
    /// have several, all do. Blank values change nothing. Returns whether there is such a column.
    pub fn fill(&mut self, column: &str, value: &str) -> bool {
        let is_blank = present(value).is_none();
        if let Some(name) = column.strip_prefix("attributes.") {
            if !is_blank {
                self.attributes.entry(name.to_owned()).or_insert_with(|| value.to_owned());
            }
            return true;
        }
        match self.slot(column) {
            None => return false,
            Some(_) if is_blank => {}
            Some(Slot::One(slot)) => {
                if slot.as_deref().and_then(present).is_none() {
                    *slot = Some(value.to_owned());
                }
            }
            Some(Slot::Several(slot)) => slot.push(value.to_owned()),
        }
        true
    }

    /// Whether nothing is said, as in the empty rows at the end of a spreadsheet.
    pub fn is_blank(&self) -> bool {
        *self == Self::default()
    }

    /// Takes out what says nothing, though something is written: a word for "no PAN", a lapsed Udyog Aadhaar number, a landline. In an
    /// update it must not take the place of what is known; the warnings name what was passed over.
    pub fn without_placeholders(mut self) -> (Self, Vec<VendorWarning>) {
        let mut warnings = Vec::new();
        let mut warn = |field: &'static str, what: &str| {
            let message = format!("{what:?} says nothing of the vendor: what is known stays");
            warnings.push(VendorWarning {
                field,
                code: "placeholder_ignored",
                message,
            });
        };
        let mut blank = |field: &'static str, slot: &mut Option<String>, says_nothing: fn(&str) -> bool| {
            if let Some(text) = slot.as_deref().and_then(present).filter(|text| says_nothing(text)) {
                warn(field, &text);
                *slot = None;
            }
        };
        blank("pan_number", &mut self.pan_number, is_no_pan);
        blank("udyam_number", &mut self.udyam_number, |text| {
            matches!(Udyam::parse(text), Err(UdyamError::ExpiredUam))
        });
        blank("udyam_registration_date", &mut self.udyam_registration_date, is_no_date);
        let gstins: Vec<String> = self.gst_numbers.iter().flat_map(|text| parts(text)).collect();
        if !gstins.is_empty() && gstins.iter().all(|part| is_no_gstin(part)) {
            warn("gst_number", &gstins.join("; "));
            self.gst_numbers.clear();
        }
        let phones: Vec<String> = self.phone_numbers.iter().flat_map(|text| parts(text)).collect();
        if !phones.is_empty()
            && phones
                .iter()
                .all(|part| MobileNumber::parse(part).is_err_and(|error| super::parse::is_other_phone(error.code(), part)))
        {
            warn("phone_number", &phones.join("; "));
            self.phone_numbers.clear();
        }
        (self, warnings)
    }

    /// Lets what `newer` says stand in place of what is here; where it says nothing, this stays. Consents stay: no file and no
    /// other system may grant or take them.
    #[must_use]
    pub fn overlaid_by(self, newer: Self) -> Self {
        fn one(old: Option<String>, new: Option<String>) -> Option<String> {
            if new.as_deref().and_then(present).is_some() { new } else { old }
        }
        fn several(old: Vec<String>, new: Vec<String>) -> Vec<String> {
            if new.iter().any(|value| present(value).is_some()) { new } else { old }
        }
        let mut attributes = self.attributes;
        // Words of an earlier file that told no status give way to those of a newer one.
        let is_claim = |text: &str| MsmeStatus::parse(text) == Err(MsmeStatusError::Ambiguous);
        if newer.msme_status.as_deref().and_then(present).is_some_and(|text| is_claim(&text)) {
            attributes.remove(CLAIMED);
        }
        attributes.extend(newer.attributes);
        // Paise are from our own record: rupees in the newer one replace them.
        let annual_turnover = one(self.annual_turnover, newer.annual_turnover.clone());
        let annual_turnover_paise = match newer.annual_turnover.as_deref().and_then(present) {
            Some(_) => newer.annual_turnover_paise,
            None => one(self.annual_turnover_paise, newer.annual_turnover_paise),
        };
        Self {
            vendor_code: one(self.vendor_code, newer.vendor_code),
            company_name: one(self.company_name, newer.company_name),
            contact_person_name: one(self.contact_person_name, newer.contact_person_name),
            emails: several(self.emails, newer.emails),
            phone_numbers: several(self.phone_numbers, newer.phone_numbers),
            registered_address: one(self.registered_address, newer.registered_address),
            city: one(self.city, newer.city),
            state: one(self.state, newer.state),
            pin_code: one(self.pin_code, newer.pin_code),
            country: one(self.country, newer.country),
            supplier_type: one(self.supplier_type, newer.supplier_type),
            category: one(self.category, newer.category),
            business_category: one(self.business_category, newer.business_category),
            group_category: one(self.group_category, newer.group_category),
            annual_turnover,
            annual_turnover_paise,
            year_established: one(self.year_established, newer.year_established),
            currency: one(self.currency, newer.currency),
            gst_numbers: several(self.gst_numbers, newer.gst_numbers),
            pan_number: one(self.pan_number, newer.pan_number),
            udyam_number: one(self.udyam_number, newer.udyam_number),
            udyam_registration_date: one(self.udyam_registration_date, newer.udyam_registration_date),
            activity: one(self.activity, newer.activity),
            msme_status: one(self.msme_status, newer.msme_status),
            opt_ins: self.opt_ins,
            tags: several(self.tags, newer.tags),
            attributes,
            nda: one(self.nda, newer.nda),
            sqa: one(self.sqa, newer.sqa),
            four_m: one(self.four_m, newer.four_m),
            code_of_conduct: one(self.code_of_conduct, newer.code_of_conduct),
            compliance_agreement: one(self.compliance_agreement, newer.compliance_agreement),
            self_declaration: one(self.self_declaration, newer.self_declaration),
        }
    }
}

/// What one would have to type for this vendor: parsing it gives the profile again.
impl From<&VendorProfile> for RawVendor {
    fn from(profile: &VendorProfile) -> Self {
        let VendorProfile {
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
        } = profile;
        fn texts<T: AsRef<str>>(values: &[T]) -> Vec<String> {
            values.iter().map(|value| value.as_ref().to_owned()).collect()
        }
        let flag = |flag: &Option<bool>| flag.map(|yes| if yes { "yes" } else { "no" }.to_owned());
        Self {
            vendor_code: Some(vendor_code.as_str().to_owned()),
            company_name: Some(company_name.clone()),
            contact_person_name: contact_person_name.clone(),
            emails: texts(emails),
            phone_numbers: texts(phone_numbers),
            registered_address: registered_address.clone(),
            city: city.clone(),
            state: state.map(|state| state.as_str().to_owned()),
            pin_code: pin_code.as_ref().map(|pin| pin.as_str().to_owned()),
            country: country.clone(),
            supplier_type: supplier_type.clone(),
            category: category.clone(),
            business_category: business_category.clone(),
            group_category: group_category.clone(),
            annual_turnover: None,
            annual_turnover_paise: annual_turnover_paise.map(|paise| paise.to_string()),
            year_established: year_established.map(|year| year.to_string()),
            currency: currency.clone(),
            gst_numbers: texts(gst_numbers),
            pan_number: pan_number.as_ref().map(|pan| pan.as_str().to_owned()),
            udyam_number: udyam_number.as_ref().map(|udyam| udyam.as_str().to_owned()),
            udyam_registration_date: udyam_registration_date.map(|date: Date| date.to_string()),
            activity: activity.map(|activity| activity.as_str().to_owned()),
            msme_status: None,
            opt_ins: opt_ins.clone(),
            tags: tags.clone(),
            attributes: attributes.clone(),
            nda: flag(nda),
            sqa: flag(sqa),
            four_m: flag(four_m),
            code_of_conduct: flag(code_of_conduct),
            compliance_agreement: flag(compliance_agreement),
            self_declaration: flag(self_declaration),
        }
    }
}

/// Text, a number or yes/no, as text: whoever writes `"pin_code": 560001` means the same.
fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    deserializer.deserialize_any(Texts).map(|mut texts| texts.pop())
}

/// A text, or a list of texts.
pub(super) fn one_or_many<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    deserializer.deserialize_any(Texts)
}

struct Texts;

impl<'de> Visitor<'de> for Texts {
    type Value = Vec<String>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a text")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Vec<String>, E> {
        Ok(vec![text.to_owned()])
    }

    fn visit_bool<E: de::Error>(self, yes: bool) -> Result<Vec<String>, E> {
        Ok(vec![if yes { "yes" } else { "no" }.to_owned()])
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Vec<String>, E> {
        Ok(vec![number.to_string()])
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Vec<String>, E> {
        Ok(vec![number.to_string()])
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<Vec<String>, E> {
        Ok(vec![number.to_string()])
    }

    fn visit_none<E: de::Error>(self) -> Result<Vec<String>, E> {
        Ok(Vec::new())
    }

    fn visit_unit<E: de::Error>(self) -> Result<Vec<String>, E> {
        Ok(Vec::new())
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Vec<String>, D::Error> {
        deserializer.deserialize_any(Texts)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<String>, A::Error> {
        let mut texts = Vec::new();
        while let Some(text) = list.next_element::<String>()? {
            texts.push(text);
        }
        Ok(texts)
    }
}
