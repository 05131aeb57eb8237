//! What is kept of asking about a vendor.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::compare::{Mismatch, OurRecord};
use super::facts::{EnterpriseType, Facts};
use super::outcome::{Asked, Kind, Outcome, Verification};
use crate::VerificationRunId;
use crate::identifiers::{Gstin, Pan};
use crate::vendor::{MsmeStatus, VendorProfile};
use crate::vendor_record::Vendor;

/// One entry of a vendor's history of verifications. It is never changed: asking again is another entry.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VerificationResult {
    /// The run that asked.
    pub run_id: VerificationRunId,
    /// What was asked about; `Debug` shows it masked.
    pub asked: Asked,
    /// What came of it.
    pub outcome: Outcome,
    /// Why, for machines: `<provider>:<code>`.
    pub reason: String,
    /// What the register says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub facts: Option<Facts>,
    /// What differed from our record at the time.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mismatches: Vec<Mismatch>,
    /// The provider, as `cashfree`.
    pub provider: String,
    /// The provider's name for the inquiry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// When the provider answered, or was last asked without answering.
    pub checked_at: Timestamp,
    /// How often it was asked until then.
    pub attempts: u32,
}

impl VerificationResult {
    /// Holds an answer about an identifier against the vendor that bears it: one answer may concern several vendors, each with its own
    /// record. `holders` are all vendors that bear it.
    pub fn of(vendor: &Vendor, holders: &[Vendor], answer: Verification, run_id: VerificationRunId, checked_at: Timestamp, attempts: u32) -> Self {
        let record = OurRecord {
            other_holder: other_holder(vendor, holders, &answer.asked),
            ..OurRecord::of(vendor, answer.kind)
        };
        let Verification {
            kind: _,
            asked,
            outcome,
            reason,
            facts,
            mismatches,
            provider,
            reference,
            next: _,
            retry_after_secs: _,
        } = answer.compared_with(&record);
        Self {
            run_id,
            asked,
            outcome,
            reason,
            facts,
            mismatches,
            provider,
            reference,
            checked_at,
            attempts,
        }
    }
}

/// The first vendor that bears a Udyam number under another PAN. GSTINs and PANs say themselves whose they are.
fn other_holder(vendor: &Vendor, holders: &[Vendor], asked: &Asked) -> Option<String> {
    let Asked::Udyam(udyam) = asked else { return None };
    let own = pan_of(&vendor.profile)?;
    let claimants = holders.iter().filter(|other| other.profile.udyam_number.as_ref() == Some(udyam));
    let others = claimants.filter_map(|other| Some((&other.profile.vendor_code, pan_of(&other.profile)?)));
    let other = others.filter(|(_, pan)| *pan != own).min_by_key(|(code, _)| code.as_str().to_owned());
    other.map(|(code, pan)| format!("vendor {} with PAN {}", code.as_str(), pan.masked()))
}

/// A vendor's PAN: its own, or the one its GSTINs embed.
pub fn pan_of(profile: &VendorProfile) -> Option<Pan> {
    profile.pan_number.clone().or_else(|| profile.gst_numbers.iter().find_map(Gstin::pan))
}

impl OurRecord {
    /// What we have of a vendor that a register of this kind could contradict.
    pub fn of(vendor: &Vendor, kind: Kind) -> Self {
        let profile = &vendor.profile;
        let is_udyam = kind == Kind::Udyam;
        let enterprise_type = match vendor.msme_status {
            MsmeStatus::Micro => Some(EnterpriseType::Micro),
            MsmeStatus::Small => Some(EnterpriseType::Small),
            MsmeStatus::Medium => Some(EnterpriseType::Medium),
            // A trader is of any of the three, and who is said not to be registered has none to compare.
            MsmeStatus::RegisteredTrader | MsmeStatus::NotRegistered | MsmeStatus::Unknown => None,
        };
        Self {
            business_names: vec![profile.company_name.clone()],
            person_names: profile.contact_person_name.iter().cloned().collect(),
            pan: pan_of(profile),
            enterprise_type: enterprise_type.filter(|_| is_udyam),
            major_activity: profile.activity.filter(|_| is_udyam),
            registered_on: profile.udyam_registration_date.filter(|_| is_udyam),
            other_holder: None,
        }
    }
}

/// The identifiers of a vendor that can be asked about, in the order of [`Kind`]; several GSTINs are several.
pub fn identifiers_of(profile: &VendorProfile, kinds: &[Kind]) -> Vec<Asked> {
    let mut all = Vec::new();
    if kinds.contains(&Kind::Udyam) {
        all.extend(profile.udyam_number.clone().map(Asked::Udyam));
    }
    if kinds.contains(&Kind::Gstin) {
        all.extend(profile.gst_numbers.iter().cloned().map(Asked::Gstin));
    }
    if kinds.contains(&Kind::Pan) {
        all.extend(profile.pan_number.clone().map(Asked::Pan));
    }
    all
}
