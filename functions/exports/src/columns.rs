//! The columns of an export. They have the names an import reads, so that a file with identifiers in full can be corrected in a
//! spreadsheet program and imported again as it is.
//!
//! What is masked is masked so that no import takes it for a value: a row with `AAPFUXXXXF` or `a•••@kaveri.example` is rejected with
//! the reason, and never overwrites what is known.

use std::collections::{BTreeMap, BTreeSet};

use domain::columns::{self, ATTRIBUTE, COLUMNS, Target};
use domain::vendor::{MsmeStatus, VendorProfile};
use domain::vendor_record::Vendor;
use jiff::{SignedDuration, Timestamp};

use crate::mask;

/// When the vendor was created, in Indian time. No import reads it.
pub const CREATED_AT: &str = "created_at_ist";
/// When the vendor last changed, in Indian time. No import reads it.
pub const UPDATED_AT: &str = "updated_at_ist";
/// Stands for one column for each free field that any vendor of the file has.
pub const ATTRIBUTES: &str = "attributes";
/// Free fields that have no column of their own, as JSON. No import reads it.
pub const MORE_ATTRIBUTES: &str = "more_attributes_json";

/// The most free fields that get columns of their own, in the order they turn up. With the other columns a header of an import may
/// have a thousand cells, and nobody reads one with more than a few dozen.
pub const MAX_ATTRIBUTE_COLUMNS: usize = 200;

/// The most columns that may be asked for.
pub const MAX_COLUMNS: usize = 250;

/// Between several values of one cell, as an import takes them apart.
const BETWEEN: &str = "; ";

/// A column of an export.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Column {
    /// One that an import reads, by its canonical name.
    Canonical(&'static str),
    /// A time.
    CreatedAt,
    /// A time.
    UpdatedAt,
    /// One free field.
    Attribute(String),
    /// All free fields, in columns of their own.
    Attributes,
}

impl Column {
    /// All of them.
    pub fn all() -> Vec<Self> {
        let canonical = COLUMNS.iter().map(|column| Self::Canonical(column.name));
        canonical.chain([Self::Attributes, Self::CreatedAt, Self::UpdatedAt]).collect()
    }

    /// The column of this name.
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            CREATED_AT => Some(Self::CreatedAt),
            UPDATED_AT => Some(Self::UpdatedAt),
            ATTRIBUTES => Some(Self::Attributes),
            name => match name.strip_prefix(ATTRIBUTE) {
                Some(attribute) => is_header(attribute).then(|| Self::Attribute(attribute.to_owned())),
                None => columns::by_name(name).map(|column| Self::Canonical(column.name)),
            },
        }
    }

    /// Those of a job: as asked for, or all.
    pub fn of(names: &[String]) -> Vec<Self> {
        if names.is_empty() {
            return Self::all();
        }
        names.iter().filter_map(|name| Self::parse(name)).collect()
    }
}

/// Whether an import can read a column of this free field.
fn is_header(attribute: &str) -> bool {
    matches!(format!("{ATTRIBUTE}{attribute}").parse(), Ok(Target::Attribute(name)) if name == attribute)
}

/// What a file has of one vendor. The free fields are apart until it is known which the file has.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Record {
    /// The cells of the columns but for those of all free fields.
    pub cells: Vec<String>,
    /// The free fields, where the file has all of them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<String, String>,
}

impl Record {
    /// Takes from a vendor what the columns want.
    pub fn new(vendor: &Vendor, columns: &[Column], reveal: bool) -> Self {
        let mut record = Self::default();
        // Anything may stand in a free field, identifiers too.
        let free = |value: &String| if reveal { value.clone() } else { mask::masked(value) };
        for column in columns {
            let cell = match column {
                Column::Canonical(name) => cell(vendor, name, reveal),
                Column::CreatedAt => indian_time(vendor.created_at),
                Column::UpdatedAt => indian_time(vendor.updated_at),
                Column::Attribute(name) => vendor.profile.attributes.get(name).map(free).unwrap_or_default(),
                Column::Attributes => {
                    // What has a column of its own by name does not get another one.
                    let is_named = |name: &str| columns.iter().any(|column| matches!(column, Column::Attribute(named) if named == name));
                    let others = vendor.profile.attributes.iter().filter(|(name, _)| !is_named(name));
                    record.attributes = others.map(|(name, value)| (name.clone(), free(value))).collect();
                    continue;
                }
            };
            record.cells.push(cell);
        }
        record
    }
}

/// The columns of a file whose vendors are all known.
#[derive(Debug, Default)]
pub struct Layout {
    named: BTreeSet<String>,
    has_more: bool,
}

impl Layout {
    /// Takes note of a record's free fields.
    pub fn add(&mut self, record: &Record) {
        for name in record.attributes.keys() {
            if self.named.contains(name) {
                continue;
            }
            if self.named.len() < MAX_ATTRIBUTE_COLUMNS && is_header(name) {
                self.named.insert(name.clone());
            } else {
                self.has_more = true;
            }
        }
    }

    /// The header.
    pub fn header(&self, columns: &[Column]) -> Vec<String> {
        let mut header = Vec::with_capacity(columns.len() + self.named.len());
        for column in columns {
            match column {
                Column::Canonical(name) => header.push((*name).to_owned()),
                Column::CreatedAt => header.push(CREATED_AT.to_owned()),
                Column::UpdatedAt => header.push(UPDATED_AT.to_owned()),
                Column::Attribute(name) => header.push(format!("{ATTRIBUTE}{name}")),
                Column::Attributes => {
                    header.extend(self.named.iter().map(|name| format!("{ATTRIBUTE}{name}")));
                    header.extend(self.has_more.then(|| MORE_ATTRIBUTES.to_owned()));
                }
            }
        }
        header
    }

    /// The cells below it.
    pub fn row(&self, columns: &[Column], record: Record) -> Vec<String> {
        let Record { cells, mut attributes } = record;
        let mut cells = cells.into_iter();
        let mut row = Vec::with_capacity(columns.len() + self.named.len());
        for column in columns {
            if *column != Column::Attributes {
                row.push(cells.next().unwrap_or_default());
                continue;
            }
            row.extend(self.named.iter().map(|name| attributes.remove(name).unwrap_or_default()));
            if self.has_more {
                let is_empty = attributes.is_empty();
                let more = serde_json::to_string(&attributes).unwrap_or_default();
                row.push(if is_empty { String::new() } else { more });
            }
        }
        row
    }
}

/// The cell of a column that an import reads.
fn cell(vendor: &Vendor, column: &str, reveal: bool) -> String {
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
        // Consent is given by the vendor, not by a file: it is neither imported nor handed on.
        opt_ins: _,
        tags,
        attributes: _,
        nda,
        sqa,
        four_m,
        code_of_conduct,
        compliance_agreement,
        self_declaration,
    } = &vendor.profile;
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let flag = |flag: Option<bool>| flag.map(|yes| if yes { "yes" } else { "no" }.to_owned()).unwrap_or_default();
    fn shown<T: AsRef<str>>(value: &T, masked: impl Fn(&T) -> String, reveal: bool) -> String {
        if reveal { value.as_ref().to_owned() } else { masked(value) }
    }
    fn several<T: AsRef<str>>(values: &[T], masked: impl Fn(&T) -> String, reveal: bool) -> String {
        let shown: Vec<String> = values.iter().map(|value| shown(value, &masked, reveal)).collect();
        shown.join(BETWEEN)
    }
    match column {
        "vendor_code" if !reveal => mask::masked_code(vendor_code.as_str()),
        "vendor_code" => vendor_code.as_str().to_owned(),
        "company_name" => company_name.clone(),
        "contact_person_name" => text(contact_person_name),
        // Asterisks may stand in an address: as a bullet, what is hidden is no address.
        "email" => several(emails, |email| email.masked().replace('*', "•"), reveal),
        "phone_number" => several(phone_numbers, |number| number.masked(), reveal),
        "registered_address" => text(registered_address),
        "city" => text(city),
        "state" => state.map(|state| state.as_str().to_owned()).unwrap_or_default(),
        "pin_code" => pin_code.as_ref().map(|pin| pin.as_str().to_owned()).unwrap_or_default(),
        "country" => text(country),
        "supplier_type" => text(supplier_type),
        "category" => text(category),
        "business_category" => text(business_category),
        "group_category" => text(group_category),
        "annual_turnover" => annual_turnover_paise.map(rupees).unwrap_or_default(),
        "year_established" => year_established.map(|year| year.to_string()).unwrap_or_default(),
        "currency" => text(currency),
        "gst_number" => several(gst_numbers, |gstin| gstin.masked(), reveal),
        "pan_number" => pan_number.as_ref().map(|pan| shown(pan, |pan| pan.masked(), reveal)).unwrap_or_default(),
        "udyam_number" => udyam_number
            .as_ref()
            .map(|udyam| shown(udyam, |udyam| udyam.masked(), reveal))
            .unwrap_or_default(),
        "udyam_registration_date" => udyam_registration_date.map(|date| date.to_string()).unwrap_or_default(),
        "activity" => activity.map(|activity| activity.as_str().to_owned()).unwrap_or_default(),
        // That nothing is known is nothing to import.
        "msme_status" if vendor.msme_status == MsmeStatus::Unknown => String::new(),
        "msme_status" => vendor.msme_status.as_str().to_owned(),
        "tags" => tags.join(BETWEEN),
        "nda" => flag(*nda),
        "sqa" => flag(*sqa),
        "four_m" => flag(*four_m),
        "code_of_conduct" => flag(*code_of_conduct),
        "compliance_agreement" => flag(*compliance_agreement),
        "self_declaration" => flag(*self_declaration),
        // No other name is a column; a test compares.
        _ => String::new(),
    }
}

/// Paise as rupees, with two decimals where there are any.
fn rupees(paise: i64) -> String {
    match (paise / 100, paise % 100) {
        (rupees, 0) => rupees.to_string(),
        (rupees, paise) => format!("{rupees}.{paise:02}"),
    }
}

/// A time as India reads it.
fn indian_time(at: Timestamp) -> String {
    // India has kept UTC+05:30 without change since 1945, so no time-zone database is needed.
    (at + SignedDuration::from_mins(330)).strftime("%Y-%m-%d %H:%M:%S").to_string()
}

#[cfg(test)]
mod tests {
    use domain::VendorId;
    use domain::vendor::{ParsedVendor, RawVendor};

    use super::*;

    fn vendor() -> Vendor {
        let mut raw = RawVendor::default();
        for column in &COLUMNS {
            assert!(raw.fill(column.name, column.example), "{}", column.name);
        }
        raw.fill("gst_number", "29AAPFU0939F1ZR");
        raw.fill("udyam_number", "UDYAM-KR-03-0012345");
        raw.emails.push("second.*+x@kaveri.example".to_owned());
        raw.phone_numbers.push("9876500002".to_owned());
        raw.annual_turnover = Some("12500000.50".to_owned());
        raw.attributes.insert("plant".to_owned(), "Pune; 2".to_owned());
        raw.attributes.insert("any name".to_owned(), "=1+1".to_owned());
        let ParsedVendor { profile, claim, .. } = ParsedVendor::parse(raw).expect("the examples are valid");
        let at = "2026-11-22T20:15:00Z".parse().unwrap();
        Vendor {
            id: VendorId::from_ulid(Default::default()),
            profile,
            msme_status: claim.unwrap(),
            origin: None,
            deleted_at: None,
            created_at: at,
            updated_at: at,
            version: 1,
        }
    }

    fn read(vendor: &Vendor, reveal: bool) -> RawVendor {
        let columns = Column::all();
        let record = Record::new(vendor, &columns, reveal);
        let mut layout = Layout::default();
        layout.add(&record);
        let (header, row) = (layout.header(&columns), layout.row(&columns, record));
        assert_eq!(header.len(), row.len());
        let plan = columns::recognise(&header).mapping.plan(&header).expect("an import knows the header");
        let mut raw = RawVendor::default();
        for value in plan.values(&row) {
            assert!(raw.fill(value.column, &value.text), "{}", value.column);
        }
        raw
    }

    #[test]
    fn every_column_has_its_cell_and_an_import_gives_the_vendor_again() {
        let vendor = vendor();
        for column in &COLUMNS {
            assert!(!cell(&vendor, column.name, true).is_empty(), "{}", column.name);
        }
        let again = ParsedVendor::parse(read(&vendor, true)).expect("what is exported is valid");
        assert_eq!(again.claim, Some(vendor.msme_status));
        let mut expected = vendor.profile.clone();
        assert_eq!(
            expected.attributes.remove("any name").as_deref(),
            Some("=1+1"),
            "it has no column of its own"
        );
        assert_eq!(again.profile, expected);
    }

    #[test]
    fn nothing_that_is_masked_is_taken_for_a_value() {
        let vendor = vendor();
        let masked = read(&vendor, false);
        let errors = ParsedVendor::parse(masked.clone()).unwrap_err();
        let fields: BTreeSet<_> = errors.iter().map(|error| error.field).collect();
        assert_eq!(fields, ["email", "gst_number", "pan_number", "phone_number", "udyam_number"].into());
        assert_eq!(errors.len(), 8, "each single one: {errors:?}");
        let text = format!(
            "{:?} {:?} {:?} {:?} {:?}",
            masked.emails, masked.phone_numbers, masked.gst_numbers, masked.pan_number, masked.udyam_number
        );
        for hidden in ["AAPFU0939F", "9876500001", "0012345", "accounts@"] {
            assert!(!text.contains(hidden), "{text}");
        }
    }

    #[test]
    fn what_has_no_column_of_its_own_is_not_lost() {
        let columns = [Column::Attributes, Column::CreatedAt];
        let mut vendor = vendor();
        for i in 0..MAX_ATTRIBUTE_COLUMNS {
            vendor.profile.attributes.insert(format!("field_{i:03}"), i.to_string());
        }
        let record = Record::new(&vendor, &columns, true);
        let mut layout = Layout::default();
        layout.add(&record);
        let (header, row) = (layout.header(&columns), layout.row(&columns, record));
        assert_eq!((header.len(), row.len()), (MAX_ATTRIBUTE_COLUMNS + 2, MAX_ATTRIBUTE_COLUMNS + 2));
        assert_eq!(header[MAX_ATTRIBUTE_COLUMNS], MORE_ATTRIBUTES);
        assert_eq!(row[MAX_ATTRIBUTE_COLUMNS], r#"{"any name":"=1+1","plant":"Pune; 2"}"#);
        assert_eq!(row.last().unwrap(), "2026-11-23 01:45:00");
    }

    #[test]
    fn columns_are_named() {
        for name in ["vendor_code", "attributes.plant", "attributes", "created_at_ist"] {
            assert!(Column::parse(name).is_some(), "{name}");
        }
        for name in ["", "Vendor Code", "attributes.", "attributes.a b", "opt_ins", "more_attributes_json"] {
            assert_eq!(Column::parse(name), None, "{name}");
        }
        assert_eq!([rupees(0), rupees(150), rupees(1_250_000_005)], ["0", "1.50", "12500000.05"]);
    }
}
