//! What the directory keeps of a vendor, and how it is stored.

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use domain::VendorId;
use domain::delivery::Channel;
use domain::identifiers::IndianState;
use domain::segment;
use domain::suppression::SuppressionId;
use domain::vendor::MsmeStatus;
use domain::vendor_record::Vendor;
use jiff::Timestamp;

use crate::client::{Item, key_item, n, s};
use crate::keys::Key;
use crate::{StoreError, keys};

/// A vendor, as far as lists need to know it.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Identity.
    pub id: VendorId,
    /// Code, as given.
    pub code: String,
    /// Name.
    pub name: String,
    /// Current status.
    pub status: MsmeStatus,
    /// State, by name.
    pub state: Option<String>,
    /// Supplier type, in lower case.
    pub supplier_type: Option<String>,
    /// Tags.
    pub tags: Vec<String>,
    /// PAN.
    pub pan: Option<String>,
    /// Udyam number.
    pub udyam: Option<String>,
    /// GSTINs.
    pub gstins: Vec<String>,
    /// Digests of the e-mail addresses, the primary one first; see [`digest`].
    pub emails: Vec<String>,
    /// Digest of the primary telephone number.
    pub phone: Option<String>,
    /// When the vendor was created.
    pub created: Timestamp,
    /// When it last changed.
    pub updated: Timestamp,
}

/// The attributes of a stored entry.
pub(super) mod is {
    pub(in crate::directory) const CODE: &str = "o";
    pub(in crate::directory) const NAME: &str = "n";
    pub(in crate::directory) const STATUS: &str = "s";
    pub(in crate::directory) const STATE: &str = "t";
    pub(in crate::directory) const SUPPLIER_TYPE: &str = "y";
    pub(in crate::directory) const TAGS: &str = "g";
    pub(in crate::directory) const PAN: &str = "p";
    pub(in crate::directory) const UDYAM: &str = "u";
    pub(in crate::directory) const GSTINS: &str = "i";
    pub(in crate::directory) const EMAILS: &str = "e";
    pub(in crate::directory) const PHONE: &str = "w";
    pub(in crate::directory) const CREATED: &str = "c";
    pub(in crate::directory) const UPDATED: &str = "m";
}

/// How many bytes of an address's SHA-256 the directory keeps: 64 bits, among which 100,000 vendors hardly meet.
pub(super) const DIGEST_BYTES: usize = 8;

/// The beginning of the digest by which suppressions know an address, in hexadecimal.
pub fn digest(channel: Channel, address: &str) -> String {
    SuppressionId::of(channel, address).hash()[..2 * DIGEST_BYTES].to_owned()
}

pub(super) const fn letter_of(status: MsmeStatus) -> &'static str {
    match status {
        MsmeStatus::Unknown => "u",
        MsmeStatus::Micro => "m",
        MsmeStatus::Small => "s",
        MsmeStatus::Medium => "d",
        MsmeStatus::RegisteredTrader => "t",
        MsmeStatus::NotRegistered => "n",
    }
}

const UDYAM: &str = "UDYAM-";

/// A GSTIN without the PAN inside it, where that is the vendor's own.
fn short_gstin(gstin: &str, pan: Option<&str>) -> String {
    match (gstin.get(2..12), pan) {
        (Some(inside), Some(pan)) if inside == pan => format!("{}{}", &gstin[..2], &gstin[12..]),
        _ => gstin.to_owned(),
    }
}

fn whole_gstin(short: &str, pan: Option<&str>) -> String {
    match (short.split_at_checked(2), pan) {
        (Some((state, end)), Some(pan)) if end.len() == 3 => format!("{state}{pan}{end}"),
        _ => short.to_owned(),
    }
}

/// The vendor's entry under its key.
pub(crate) fn entry(vendor: &Vendor, key: Key) -> Item {
    let Entry {
        id: _,
        code,
        name,
        status,
        state: _,
        supplier_type,
        tags,
        pan,
        udyam,
        gstins,
        emails,
        phone,
        created,
        updated,
    } = Entry::from(vendor);
    let is_own_key = code == vendor.profile.vendor_code.key();
    let texts = |texts: Vec<String>| (!texts.is_empty()).then_some(AttributeValue::Ss(texts));
    let gstins = gstins.iter().map(|gstin| short_gstin(gstin, pan.as_deref())).collect();
    let attributes = [
        (is::CODE, (!is_own_key).then(|| s(code))),
        (is::NAME, Some(s(name))),
        (is::STATUS, Some(s(letter_of(status)))),
        (is::STATE, vendor.profile.state.map(|state| n(state.gst_code()))),
        (is::SUPPLIER_TYPE, supplier_type.map(s)),
        (is::TAGS, texts(tags)),
        (is::GSTINS, texts(gstins)),
        (is::PAN, pan.map(s)),
        (is::UDYAM, udyam.map(|udyam| s(udyam.strip_prefix(UDYAM).unwrap_or(&udyam)))),
        (is::EMAILS, packed(&emails)),
        (is::PHONE, packed(phone.as_slice())),
        (is::CREATED, Some(n(created.as_microsecond()))),
        (is::UPDATED, Some(n(updated.as_microsecond()))),
    ];
    let mut item = key_item(key);
    item.extend(attributes.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
    item
}

/// Digests one behind the other, as bytes.
fn packed(digests: &[String]) -> Option<AttributeValue> {
    let byte = |hex: &[u8]| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok();
    let bytes: Vec<u8> = digests.iter().flat_map(|digest| digest.as_bytes().chunks(2)).filter_map(byte).collect();
    (!bytes.is_empty()).then(|| AttributeValue::B(Blob::new(bytes)))
}

/// Reads an entry's attributes, or what a query projected of them.
pub(super) struct Stored<'a>(pub(super) &'a Item);

impl<'a> Stored<'a> {
    pub(super) fn text(&self, name: &str) -> Option<&'a str> {
        Some(self.0.get(name)?.as_s().ok()?.as_str())
    }

    pub(super) fn texts(&self, name: &str) -> Vec<String> {
        self.0.get(name).and_then(|value| value.as_ss().ok()).cloned().unwrap_or_default()
    }

    pub(super) fn number(&self, name: &str) -> Option<i64> {
        self.0.get(name)?.as_n().ok()?.parse().ok()
    }

    pub(super) fn digests(&self, name: &str) -> Vec<String> {
        let bytes = self.0.get(name).and_then(|value| value.as_b().ok()).map(Blob::as_ref).unwrap_or_default();
        let hex = |digest: &[u8]| digest.iter().map(|byte| format!("{byte:02x}")).collect();
        bytes.chunks(DIGEST_BYTES).map(hex).collect()
    }

    /// The place in order of code.
    pub(super) fn place(&self) -> Result<&'a str, StoreError> {
        self.text("sk").ok_or_else(|| self.corrupt("sk"))
    }

    pub(super) fn id(&self) -> Result<VendorId, StoreError> {
        let (_, id) = keys::at_place_of_code(self.place()?).ok_or_else(|| self.corrupt("sk"))?;
        Ok(id)
    }

    pub(super) fn time(&self, name: &'static str) -> Result<Timestamp, StoreError> {
        let micros = self.number(name);
        micros
            .and_then(|micros| Timestamp::from_microsecond(micros).ok())
            .ok_or_else(|| self.corrupt(name))
    }

    pub(super) fn corrupt(&self, attribute: &str) -> StoreError {
        StoreError::Corrupt {
            pk: self.text("pk").unwrap_or("DIRECTORY").to_owned(),
            sk: self.text("sk").unwrap_or_default().to_owned(),
            reason: format!("{attribute} is not what an entry of the directory has"),
        }
    }

    pub(super) fn entry(&self) -> Result<Entry, StoreError> {
        let (code_key, id) = keys::at_place_of_code(self.place()?).ok_or_else(|| self.corrupt("sk"))?;
        let pan = self.text(is::PAN).map(str::to_owned);
        let letter = self.text(is::STATUS);
        let status = MsmeStatus::ALL.into_iter().find(|status| Some(letter_of(*status)) == letter);
        let state = self
            .number(is::STATE)
            .and_then(|code| IndianState::from_gst_code(u8::try_from(code).ok()?));
        let gstins = self.texts(is::GSTINS);
        Ok(Entry {
            id,
            code: self.text(is::CODE).unwrap_or(code_key).to_owned(),
            name: self.text(is::NAME).ok_or_else(|| self.corrupt(is::NAME))?.to_owned(),
            status: status.ok_or_else(|| self.corrupt(is::STATUS))?,
            state: state.map(|state| state.as_str().to_owned()),
            supplier_type: self.text(is::SUPPLIER_TYPE).map(str::to_owned),
            tags: self.texts(is::TAGS),
            udyam: self
                .text(is::UDYAM)
                .map(|udyam| format!("{UDYAM}{}", udyam.strip_prefix(UDYAM).unwrap_or(udyam))),
            gstins: gstins.iter().map(|short| whole_gstin(short, pan.as_deref())).collect(),
            pan,
            emails: self.digests(is::EMAILS),
            phone: self.digests(is::PHONE).into_iter().next(),
            created: self.time(is::CREATED)?,
            updated: self.time(is::UPDATED)?,
        })
    }
}

impl From<&Vendor> for Entry {
    fn from(vendor: &Vendor) -> Self {
        let profile = &vendor.profile;
        let emails = profile.addresses(Channel::Email).into_iter();
        Self {
            id: vendor.id,
            code: profile.vendor_code.as_str().to_owned(),
            name: profile.company_name.clone(),
            status: vendor.msme_status,
            state: profile.state.map(|state| state.as_str().to_owned()),
            supplier_type: profile.supplier_type.as_deref().map(segment::label),
            tags: profile.tags.clone(),
            pan: profile.pan_number.as_ref().map(|pan| pan.as_str().to_owned()),
            udyam: profile.udyam_number.as_ref().map(|udyam| udyam.as_str().to_owned()),
            gstins: profile.gst_numbers.iter().map(|gstin| gstin.as_str().to_owned()).collect(),
            emails: emails.map(|address| digest(Channel::Email, address)).collect(),
            phone: profile.address(Channel::Whatsapp).map(|address| digest(Channel::Whatsapp, address)),
            created: vendor.created_at,
            updated: vendor.updated_at,
        }
    }
}

#[cfg(test)]
mod tests {
    use domain::vendor::RawVendor;

    use super::super::testing::{named, stored, vendor};
    use super::*;

    #[test]
    fn an_entry_is_read_as_it_was_written_and_is_small() {
        let raw = serde_json::from_str::<RawVendor>(
            r#"{"vendor_code": "v-000123", "company_name": "Kaveri Castings Private Limited", "state": "KA", "supplier_type": "Trader",
                "tags": ["critical"], "pan_number": "AAPFU0939F", "gst_numbers": ["27AAPFU0939F1ZV"], "udyam_number": "UDYAM-KR-03-0012345",
                "emails": ["a@kaveri.example", "b@kaveri.example"], "phone_numbers": ["9876543210"]}"#,
        );
        for vendor in [vendor(raw.unwrap(), 20), named("Bare", 10)] {
            let item = stored(&vendor);
            assert_eq!(Stored(&item).entry().unwrap(), Entry::from(&vendor));
            let size: usize = item.iter().map(|(name, value)| name.len() + size_of(value)).sum();
            assert!(size < 250, "{size} bytes: a hundred thousand of them are read for one page");
        }
    }

    /// As DynamoDB counts.
    fn size_of(value: &AttributeValue) -> usize {
        match value {
            AttributeValue::S(text) => text.len(),
            AttributeValue::N(digits) => digits.len() / 2 + 1,
            AttributeValue::B(bytes) => bytes.as_ref().len(),
            AttributeValue::Ss(texts) => texts.iter().map(|text| text.len() + 1).sum::<usize>() + 3,
            _ => usize::MAX / 100,
        }
    }
}
