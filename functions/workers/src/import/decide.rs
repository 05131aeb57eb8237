//! What a row does to the vendors that are there. The dry run and the import ask the same question.

use domain::VendorId;
use domain::import::ImportMode;
use domain::vendor::{FieldError, MsmeStatus, ParsedVendor, RawVendor, VendorCode, VendorProfile, VendorWarning};
use domain::vendor_record::{ImportOrigin, Vendor};

/// Who has the row's code.
#[derive(Clone, Copy)]
pub(super) enum Holder<'a> {
    /// Nobody.
    Nobody,
    /// Nobody: a person deleted this vendor, and this import is not to bring it back.
    Deleted(VendorId),
    /// This vendor, of which no more needs to be known.
    Id(VendorId),
    /// This vendor, and whether its status rests on an earlier import.
    Vendor(&'a Vendor, bool),
}

/// What is to become of a row.
pub(super) enum Decision {
    /// A new vendor.
    Create(Box<ParsedVendor>),
    /// A vendor changes.
    Update(Box<Update>),
    /// The vendor is as the row says.
    Unchanged(Box<ParsedVendor>),
    /// This very row created the vendor before a crash.
    Already,
    /// The row goes back.
    Refuse(Vec<FieldError>),
}

/// What changes about a vendor.
pub(super) struct Update {
    pub(super) profile: VendorProfile,
    /// The status it is said to have; only where none is known, or an earlier file said another: what a file says does not count more
    /// than what anybody declared, entered or verified.
    pub(super) claim: Option<MsmeStatus>,
    pub(super) warnings: Vec<VendorWarning>,
}

/// The key of the row's code, if it has one that is valid.
pub(super) fn code_key(raw: &RawVendor) -> Option<String> {
    let code = VendorCode::parse(raw.vendor_code.as_deref().unwrap_or_default());
    code.ok().map(|code| code.key())
}

/// Whether a row says that a vendor is something else than it is known to be.
pub(super) fn disputes_status(raw: &RawVendor, vendor: &Vendor) -> bool {
    let claim = raw.msme_status.as_deref().and_then(|text| MsmeStatus::parse(text).ok());
    vendor.msme_status != MsmeStatus::Unknown && telling(claim).is_some_and(|claim| claim != vendor.msme_status)
}

/// A claim that says something.
pub(super) fn telling(claim: Option<MsmeStatus>) -> Option<MsmeStatus> {
    claim.filter(|status| *status != MsmeStatus::Unknown)
}

pub(super) fn decide(mode: ImportMode, raw: RawVendor, holder: Holder<'_>, row: ImportOrigin) -> Decision {
    let code = raw.vendor_code.clone().unwrap_or_default();
    let refuse = |error_code: &'static str, message: &str| Decision::Refuse(vec![FieldError::new("vendor_code", code.trim(), error_code, message)]);
    match holder {
        Holder::Vendor(vendor, _) if vendor.origin == Some(row) => Decision::Already,
        Holder::Vendor(vendor, is_imported) if mode.updates() => {
            let (raw, passed_over) = raw.without_placeholders();
            let merged = RawVendor::from(&vendor.profile).overlaid_by(raw);
            match ParsedVendor::parse(merged) {
                Err(errors) => Decision::Refuse(errors),
                Ok(mut parsed) => {
                    // The code as the vendor has it: that the file writes it in other case is no change.
                    parsed.profile.vendor_code = vendor.profile.vendor_code.clone();
                    parsed.warnings.extend(passed_over);
                    let is_open = vendor.msme_status == MsmeStatus::Unknown || is_imported;
                    let claim = telling(parsed.claim).filter(|claim| is_open && *claim != vendor.msme_status);
                    if parsed.profile == vendor.profile && claim.is_none() {
                        return Decision::Unchanged(Box::new(parsed));
                    }
                    let ParsedVendor { profile, warnings, .. } = parsed;
                    Decision::Update(Box::new(Update { profile, claim, warnings }))
                }
            }
        }
        Holder::Deleted(id) if mode.creates() => refuse(
            "vendor_deleted",
            &format!("vendor {id}, which had this code, was deleted: restore it, or leave the row out"),
        ),
        Holder::Nobody if mode.creates() => match ParsedVendor::parse(raw) {
            Ok(parsed) => Decision::Create(Box::new(parsed)),
            Err(errors) => Decision::Refuse(errors),
        },
        Holder::Nobody | Holder::Deleted(_) if code_key(&raw).is_some() => refuse(
            "vendor_unknown",
            "no vendor has this code: correct it, or import with a mode that creates vendors",
        ),
        // What else is wrong with the row counts more than that its code is known.
        Holder::Nobody | Holder::Deleted(_) => match ParsedVendor::parse(raw) {
            Err(errors) => Decision::Refuse(errors.into_iter().filter(|error| error.field == "vendor_code").collect()),
            Ok(_) => refuse("vendor_unknown", "no vendor has this code"),
        },
        Holder::Id(id) => taken(raw, id, refuse),
        Holder::Vendor(vendor, _) => taken(raw, vendor.id, refuse),
    }
}

fn taken(raw: RawVendor, by: VendorId, refuse: impl Fn(&'static str, &str) -> Decision) -> Decision {
    match ParsedVendor::parse(raw) {
        Err(errors) => Decision::Refuse(errors),
        Ok(_) => refuse(
            "vendor_code_taken",
            &format!("vendor {by} has this code already: correct the code, or import with a mode that updates vendors"),
        ),
    }
}
