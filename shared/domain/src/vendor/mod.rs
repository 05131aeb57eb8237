//! Vendors: from the text of a form or a spreadsheet row to a profile that holds only valid values.

mod code;
mod findings;
mod parse;
mod raw;
mod status;
pub(crate) mod text;

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::declaration::Activity;
use crate::delivery::Channel;
use crate::identifiers::{EmailAddress, Gstin, IndianState, MobileNumber, Pan, PinCode, Udyam};

pub use code::{MAX_CODE_CHARS, VendorCode, VendorCodeError};
pub use findings::{FieldError, VendorWarning};
pub use parse::{ParsedVendor, Strictness};
pub use raw::RawVendor;
pub use status::{MsmeStatus, MsmeStatusError};

/// The most e-mail addresses of a vendor.
pub const MAX_EMAILS: usize = 5;
/// The most telephone numbers of a vendor.
pub const MAX_PHONES: usize = 5;
/// The most GSTINs of a vendor. Each is a search entry, and all entries of a vendor change in one transaction of 100 writes.
pub const MAX_GSTINS: usize = 20;
/// The most tags of a vendor.
pub const MAX_TAGS: usize = 30;
/// The most free fields of a vendor.
pub const MAX_ATTRIBUTES: usize = 40;

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
    /// E-mail addresses, the primary one first: campaigns write to that.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub emails: Vec<EmailAddress>,
    /// Mobile numbers in E.164, the primary one first: campaigns write to that.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub phone_numbers: Vec<MobileNumber>,
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
    /// Country, two letters where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
    /// The buyer's own kind of supplier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub supplier_type: Option<String>,
    /// The buyer's own category of what is bought.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    /// The line of business.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub business_category: Option<String>,
    /// The group of companies the vendor belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group_category: Option<String>,
    /// Annual turnover in paise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub annual_turnover_paise: Option<i64>,
    /// The year the business began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub year_established: Option<i16>,
    /// Currency of invoices, three letters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub currency: Option<String>,
    /// GSTINs, all of the PAN, the primary one first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gst_numbers: Vec<Gstin>,
    /// PAN; agrees with the GSTINs where they embed one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pan_number: Option<Pan>,
    /// Udyam registration number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub udyam_number: Option<Udyam>,
    /// When the vendor was registered with Udyam: what counts is that it was at the time of the contract.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = Date)]
    pub udyam_registration_date: Option<Date>,
    /// What the business does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub activity: Option<Activity>,
    /// Consents to be written to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub opt_ins: Vec<OptIn>,
    /// Free labels, in lower case, sorted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Free fields of the buyer.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<String, String>,
    /// Whether a non-disclosure agreement is signed; absent where nobody knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nda: Option<bool>,
    /// Whether a supplier quality agreement is signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sqa: Option<bool>,
    /// Whether the 4M change agreement (man, machine, material, method) is signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub four_m: Option<bool>,
    /// Whether the code of conduct is accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code_of_conduct: Option<bool>,
    /// Whether the compliance agreement is signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compliance_agreement: Option<bool>,
    /// Whether a self-declaration is on file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub self_declaration: Option<bool>,
}

impl VendorProfile {
    /// Parses and cross-checks a vendor, reporting every field that is wrong, not only the first; see [`ParsedVendor::parse`].
    pub fn parse(raw: RawVendor) -> Result<(Self, Vec<VendorWarning>), Vec<FieldError>> {
        let ParsedVendor { profile, warnings, claim: _ } = ParsedVendor::parse(raw)?;
        Ok((profile, warnings))
    }

    /// The e-mail address campaigns write to.
    pub fn email(&self) -> Option<&EmailAddress> {
        self.emails.first()
    }

    /// The number campaigns write to.
    pub fn phone_number(&self) -> Option<&MobileNumber> {
        self.phone_numbers.first()
    }

    /// The primary GSTIN.
    pub fn gst_number(&self) -> Option<&Gstin> {
        self.gst_numbers.first()
    }

    /// Where a channel reaches the vendor.
    pub fn address(&self, channel: Channel) -> Option<&str> {
        match channel {
            Channel::Email => self.email().map(EmailAddress::as_str),
            Channel::Whatsapp => self.phone_number().map(MobileNumber::as_str),
        }
    }

    /// Every address of a channel, the primary one first.
    pub fn addresses(&self, channel: Channel) -> Vec<&str> {
        match channel {
            Channel::Email => self.emails.iter().map(EmailAddress::as_str).collect(),
            Channel::Whatsapp => self.phone_numbers.iter().map(MobileNumber::as_str).collect(),
        }
    }
}

impl fmt::Debug for VendorProfile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VendorProfile")
            .field("vendor_code", &self.vendor_code)
            .field("company_name", &self.company_name)
            .field("emails", &self.emails)
            .field("phone_numbers", &self.phone_numbers)
            .field("state", &self.state)
            .field("pan_number", &self.pan_number)
            .field("udyam_number", &self.udyam_number)
            .finish_non_exhaustive()
    }
}

/// That a vendor agreed to be written to through a channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OptIn {
    /// The channel.
    pub channel: Channel,
    /// Where the consent was given, as in `vendor registration form`; at most 200 characters.
    pub source: String,
    /// Which wording was agreed to.
    pub text_version: String,
    /// When.
    pub at: Timestamp,
}
