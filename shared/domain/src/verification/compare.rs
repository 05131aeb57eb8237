//! What the register says, held against what we have.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::facts::{EnterpriseType, Facts, Standing};
use super::names::{SIMILAR_PERCENT, similarity_percent};
use crate::declaration::Activity;
use crate::identifiers::{Pan, PanHolder};
use crate::ladder::holders_called_for;

/// What can differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = VerificationField)]
pub enum Field {
    /// The registration is no longer in force.
    Standing,
    /// None of the names is like any of ours.
    Name,
    /// It belongs to another PAN.
    Pan,
    /// The PAN's fourth letter and the legal form in the register contradict each other.
    PanHolder,
    /// A vendor of another PAN claims the same number.
    HeldByAnother,
    /// Another class.
    EnterpriseType,
    /// Another main activity.
    MajorActivity,
    /// Another day of registration.
    RegisteredOn,
}

/// One difference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = VerificationMismatch)]
pub struct Mismatch {
    /// What differs.
    pub field: Field,
    /// What we have; a PAN is masked.
    pub recorded: String,
    /// What the register says; a PAN is masked.
    pub found: String,
    /// How much alike the names are, of 100.
    pub similarity_percent: Option<u8>,
}

/// What we have of a vendor. What is absent is not compared.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OurRecord {
    /// Names of the business: company name, and others it uses.
    pub business_names: Vec<String>,
    /// Names of persons behind it. A proprietor's PAN bears the proprietor's name, not the shop's; what the contact of a company is called
    /// says nothing about whose number it is, so they count where the PAN is a person's or a family's only.
    pub person_names: Vec<String>,
    /// Its PAN.
    pub pan: Option<Pan>,
    /// Its class.
    pub enterprise_type: Option<EnterpriseType>,
    /// What it mainly does.
    pub major_activity: Option<Activity>,
    /// The day of its Udyam registration. Not to be given for a GSTIN, which has a day of its own.
    pub registered_on: Option<Date>,
    /// A vendor of another PAN that claims the same number, as we write of it.
    pub other_holder: Option<String>,
}

/// Everything that differs, in the order of [`Field`].
pub fn compare(facts: &Facts, record: &OurRecord) -> Vec<Mismatch> {
    let mut mismatches = within(facts);
    mismatches.extend(name(facts, record));
    if let (Some(recorded), Some(found)) = (&record.pan, &facts.pan)
        && recorded != found
    {
        mismatches.push(mismatch(Field::Pan, recorded.masked(), found.masked()));
    }
    mismatches.extend(holder(facts, record));
    if let (Some(pan), Some(other)) = (&record.pan, &record.other_holder) {
        mismatches.push(mismatch(Field::HeldByAnother, pan.masked(), other.as_str()));
    }
    if let (Some(recorded), Some(found)) = (record.enterprise_type, facts.enterprise_type)
        && recorded != found
    {
        mismatches.push(mismatch(Field::EnterpriseType, recorded.as_str(), found.as_str()));
    }
    if let (Some(recorded), Some(found)) = (record.major_activity, facts.major_activity)
        && recorded != found
    {
        mismatches.push(mismatch(Field::MajorActivity, recorded.as_str(), found.as_str()));
    }
    if let (Some(recorded), Some(found)) = (record.registered_on, facts.registered_on)
        && recorded != found
    {
        mismatches.push(mismatch(Field::RegisteredOn, recorded.to_string(), found.to_string()));
    }
    mismatches.sort_by_key(|mismatch| mismatch.field);
    mismatches
}

/// What is wrong with the facts themselves, whoever the vendor is.
pub fn within(facts: &Facts) -> Vec<Mismatch> {
    let mut mismatches = Vec::new();
    if facts.standing != Standing::Active {
        mismatches.push(mismatch(Field::Standing, Standing::Active.as_str(), facts.standing.as_str()));
    }
    if let (Some(pan), Some(holder)) = (&facts.pan, &facts.organisation_type) {
        // Registers word the types of companies and firms in many ways; that someone is an individual they say alike.
        let is_said_to_be_one = holder.trim().to_ascii_lowercase().starts_with("individual");
        let is_one = pan.holder() == PanHolder::Person;
        if is_said_to_be_one && !is_one {
            mismatches.push(mismatch(Field::PanHolder, fourth_letter(pan), holder.as_str()));
        }
    }
    mismatches
}

/// The legal form in a register that tells no PAN, against the holder of ours: a company's Udyam number is no proprietor's.
fn holder(facts: &Facts, record: &OurRecord) -> Option<Mismatch> {
    if facts.pan.is_some() {
        return None;
    }
    let (pan, form) = (record.pan.as_ref()?, facts.organisation_type.as_ref()?);
    let (_, holders) = holders_called_for(form, true)?;
    (!holders.contains(&pan.holder())).then(|| mismatch(Field::PanHolder, fourth_letter(pan), form.as_str()))
}

fn fourth_letter(pan: &Pan) -> String {
    format!("fourth letter {}", char::from(pan.as_str().as_bytes()[3]))
}

fn name(facts: &Facts, record: &OurRecord) -> Option<Mismatch> {
    let is_person = facts.pan.as_ref().is_some_and(|pan| pan.holder() == PanHolder::Person);
    // Of a proprietor we may know the shop only, and the register the person only: nothing can be compared then.
    if is_person && facts.trade_name.is_none() && record.person_names.is_empty() {
        return None;
    }
    let found: Vec<&String> = facts.legal_name.iter().chain(&facts.trade_name).collect();
    let holder = facts.pan.as_ref().or(record.pan.as_ref()).map(Pan::holder);
    let persons: &[String] = match holder {
        Some(PanHolder::Person | PanHolder::HinduUndividedFamily) => &record.person_names,
        _ => &[],
    };
    let recorded = record.business_names.iter().chain(persons);
    let pairs = recorded.flat_map(|recorded| found.iter().map(move |found| (similarity_percent(recorded, found), recorded, *found)));
    let (percent, recorded, found) = pairs.max_by_key(|(percent, ..)| *percent)?;
    (percent < SIMILAR_PERCENT).then(|| Mismatch {
        similarity_percent: Some(percent),
        ..mismatch(Field::Name, recorded.as_str(), found.as_str())
    })
}

fn mismatch(field: Field, recorded: impl Into<String>, found: impl Into<String>) -> Mismatch {
    Mismatch {
        field,
        recorded: recorded.into(),
        found: found.into(),
        similarity_percent: None,
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    fn facts() -> Facts {
        Facts {
            trade_name: Some("Nirmala Mouldings".to_owned()),
            pan: Some("AAPFU0939F".parse().unwrap()),
            enterprise_type: Some(EnterpriseType::Small),
            major_activity: Some(Activity::Manufacturing),
            registered_on: Some(date(2022, 1, 2)),
            ..Facts::new(Standing::Active, Some("NIRMALA PLASTICS LLP".to_owned()))
        }
    }

    fn record() -> OurRecord {
        OurRecord {
            business_names: vec!["Nirmala Plastics".to_owned()],
            person_names: Vec::new(),
            pan: Some("AAPFU0939F".parse().unwrap()),
            enterprise_type: Some(EnterpriseType::Small),
            major_activity: Some(Activity::Manufacturing),
            registered_on: Some(date(2022, 1, 2)),
            other_holder: None,
        }
    }

    fn fields(facts: &Facts, record: &OurRecord) -> Vec<Field> {
        compare(facts, record).into_iter().map(|mismatch| mismatch.field).collect()
    }

    #[test]
    fn what_agrees_and_what_is_not_known_makes_no_difference() {
        assert_eq!(compare(&facts(), &record()), []);
        assert_eq!(compare(&facts(), &OurRecord::default()), []);
        assert_eq!(
            compare(&Facts::new(Standing::Active, Some("Nirmala Plastics LLP".to_owned())), &record()),
            []
        );
        // The trade name will do.
        let record = OurRecord {
            business_names: vec!["NIRMALA MOULDINGS".to_owned()],
            ..record()
        };
        assert_eq!(compare(&facts(), &record), []);
    }

    #[test]
    fn every_difference_is_listed_by_its_field() {
        let record = OurRecord {
            business_names: vec!["Usha Steels".to_owned()],
            person_names: vec!["Asha Rao".to_owned()],
            pan: Some("AAPPV0126K".parse().unwrap()),
            enterprise_type: Some(EnterpriseType::Micro),
            major_activity: Some(Activity::Trading),
            registered_on: Some(date(2022, 2, 1)),
            other_holder: None,
        };
        let facts = Facts {
            standing: Standing::Cancelled,
            ..facts()
        };
        let mismatches = compare(&facts, &record);
        let fields: Vec<Field> = mismatches.iter().map(|mismatch| mismatch.field).collect();
        let expected = [
            Field::Standing,
            Field::Name,
            Field::Pan,
            Field::EnterpriseType,
            Field::MajorActivity,
            Field::RegisteredOn,
        ];
        assert_eq!(fields, expected);
        assert_eq!((mismatches[0].recorded.as_str(), mismatches[0].found.as_str()), ("active", "cancelled"));
        assert!(mismatches[1].similarity_percent.is_some_and(|percent| percent < SIMILAR_PERCENT));
        assert_eq!(
            (mismatches[2].recorded.as_str(), mismatches[2].found.as_str()),
            ("AAPPVXXXXK", "AAPFUXXXXF")
        );
        assert_eq!(
            (mismatches[5].recorded.as_str(), mismatches[5].found.as_str()),
            ("2022-02-01", "2022-01-02")
        );
    }

    #[test]
    fn a_proprietors_name_is_compared_with_persons_only() {
        let facts = Facts {
            pan: Some("AAPPV0126K".parse().unwrap()),
            organisation_type: Some("Individual".to_owned()),
            ..Facts::new(Standing::Active, Some("ASHA RAO".to_owned()))
        };
        let shop = OurRecord {
            business_names: vec!["Asha Textiles".to_owned()],
            ..OurRecord::default()
        };
        assert_eq!(fields(&facts, &shop), []);
        let with = |person: &str| OurRecord {
            person_names: vec![person.to_owned()],
            ..shop.clone()
        };
        assert_eq!(fields(&facts, &with("Smt. Asha Rao")), []);
        assert_eq!(fields(&facts, &with("Vikram Seth")), [Field::Name]);
    }

    #[test]
    fn the_contact_of_a_company_is_not_the_company_and_a_companys_number_no_proprietors() {
        let named_alike = Facts {
            organisation_type: Some("Proprietary".to_owned()),
            ..Facts::new(Standing::Active, Some("ASHA RAO".to_owned()))
        };
        let record = |pan: &str| OurRecord {
            business_names: vec!["Kaveri Castings".to_owned()],
            person_names: vec!["Asha Rao".to_owned()],
            pan: Some(pan.parse().unwrap()),
            ..OurRecord::default()
        };
        assert_eq!(fields(&named_alike, &record("AABCV0126K")), [Field::Name, Field::PanHolder]);
        assert_eq!(fields(&named_alike, &record("AAPPV0126K")), []);
        let company = Facts {
            organisation_type: Some("Private Limited Company".to_owned()),
            ..named_alike
        };
        assert_eq!(fields(&company, &record("AAPPV0126K")), [Field::PanHolder]);
    }

    #[test]
    fn a_number_another_pan_claims_is_in_doubt() {
        let record = OurRecord {
            other_holder: Some("vendor V-2 with PAN AABCVXXXXK".to_owned()),
            ..record()
        };
        assert_eq!(fields(&facts(), &record), [Field::HeldByAnother]);
    }

    #[test]
    fn a_company_whose_pan_is_said_to_be_a_persons_is_noticed() {
        let facts = Facts {
            organisation_type: Some("Individual or Person".to_owned()),
            ..facts()
        };
        assert_eq!(fields(&facts, &record()), [Field::PanHolder]);
    }
}
