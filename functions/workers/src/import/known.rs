//! What is known of vendors and earlier rows while a file is read: of each value a 64-bit hash, whatever its length. A hundred
//! thousand rows, the most there are, take some megabytes.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};

use domain::VendorId;
use domain::delivery::Channel;
use domain::import::{DuplicateFinding, Held, Repeated, shorten};
use domain::repairs::without_zeros;
use domain::segment::VendorFilter;
use domain::vendor::VendorProfile;
use store::directory::{self, Entry};
use store::{Store, StoreError};

/// The columns whose values tell one vendor from another.
const COLUMNS: [&str; 4] = ["vendor_code", "pan_number", "gst_number", "email"];
const CODE: usize = 0;
const PAN: usize = 1;
const GSTIN: usize = 2;
const EMAIL: usize = 3;

const EXAMPLES: usize = 20;

pub(super) struct Known {
    /// Of this process alone: nobody can make values that meet.
    hasher: RandomState,
    vendors: [HashMap<u64, VendorId>; 4],
    rows: [HashMap<u64, u32>; 4],
    /// Of codes that are all digits: how many zeros stand in front, by what is left without them.
    zeros: HashMap<u64, usize>,
    row_zeros: HashMap<u64, (u32, usize)>,
    findings: [DuplicateFinding; 4],
}

impl Known {
    /// The vendors that are there.
    pub(super) async fn load(store: &Store) -> Result<Self, StoreError> {
        let mut known = Self {
            hasher: RandomState::new(),
            vendors: Default::default(),
            rows: Default::default(),
            zeros: HashMap::new(),
            row_zeros: HashMap::new(),
            findings: COLUMNS.map(|column| DuplicateFinding {
                column: column.to_owned(),
                ..DuplicateFinding::default()
            }),
        };
        for entry in directory::entries(store, &VendorFilter::default()).await? {
            known.learn(&entry);
        }
        Ok(known)
    }

    fn learn(&mut self, entry: &Entry) {
        let id = entry.id;
        let code = self.hasher.hash_one(entry.code.to_uppercase());
        self.vendors[CODE].insert(code, id);
        if let Some(rest) = without_zeros(&entry.code) {
            let zeros = entry.code.len() - rest.len();
            self.zeros.entry(self.hasher.hash_one(rest)).or_insert(zeros);
        }
        if let Some(pan) = &entry.pan {
            let pan = self.hasher.hash_one(pan);
            self.vendors[PAN].entry(pan).or_insert(id);
        }
        for gstin in &entry.gstins {
            let gstin = self.hasher.hash_one(gstin);
            self.vendors[GSTIN].entry(gstin).or_insert(id);
        }
        for email in &entry.emails {
            let email = self.hasher.hash_one(email);
            self.vendors[EMAIL].entry(email).or_insert(id);
        }
    }

    /// The vendor with the code of this key.
    pub(super) fn holder(&self, code_key: &str) -> Option<VendorId> {
        self.vendors[CODE].get(&self.hasher.hash_one(code_key)).copied()
    }

    /// The code a vendor has that differs from this one, which nobody has, in the zeros in front.
    pub(super) fn with_other_zeros(&self, code: &str) -> Option<String> {
        let rest = without_zeros(code)?;
        let zeros = *self.zeros.get(&self.hasher.hash_one(rest))?;
        let known = format!("{}{rest}", "0".repeat(zeros));
        (self.holder(code).is_none() && known != code).then_some(known)
    }

    /// The earlier good row whose code differs from this one in the zeros in front, and that code. This one is taken down.
    pub(super) fn row_with_other_zeros(&mut self, row: u32, code: &str) -> Option<(u32, String)> {
        let rest = without_zeros(code)?;
        let zeros = code.len() - rest.len();
        let (first_row, first_zeros) = *self.row_zeros.entry(self.hasher.hash_one(rest)).or_insert((row, zeros));
        (first_zeros != zeros).then(|| (first_row, format!("{}{rest}", "0".repeat(first_zeros))))
    }

    /// Takes down that a row has the code of a vendor.
    pub(super) fn held(&mut self, row: u32, code: &str, vendor_id: VendorId) {
        let finding = &mut self.findings[CODE];
        finding.existing += 1;
        if finding.existing_examples.len() < EXAMPLES {
            finding.existing_examples.push(Held {
                row,
                vendor_id,
                value: shorten(code, 60),
            });
        }
    }

    /// The earlier good row with this code, which is taken down.
    pub(super) fn repeats(&mut self, row: u32, code_key: &str, code: &str) -> Option<u32> {
        self.note(CODE, row, code_key, || shorten(code, 60))
    }

    /// Takes down the other values of a good row.
    pub(super) fn compare(&mut self, row: u32, profile: &VendorProfile, own: Option<VendorId>) {
        if let Some(pan) = &profile.pan_number {
            self.note(PAN, row, pan.as_str(), || pan.masked());
            self.note_held(PAN, row, pan.as_str(), own, || pan.masked());
        }
        for gstin in &profile.gst_numbers {
            self.note(GSTIN, row, gstin.as_str(), || gstin.masked());
            self.note_held(GSTIN, row, gstin.as_str(), own, || gstin.masked());
        }
        for email in &profile.emails {
            let digest = directory::digest(Channel::Email, email.as_str());
            self.note(EMAIL, row, &digest, || email.masked());
            self.note_held(EMAIL, row, &digest, own, || email.masked());
        }
    }

    fn note(&mut self, column: usize, row: u32, value: &str, shown: impl FnOnce() -> String) -> Option<u32> {
        let first_row = *self.rows[column].entry(self.hasher.hash_one(value)).or_insert(row);
        if first_row == row {
            return None;
        }
        let finding = &mut self.findings[column];
        finding.in_file += 1;
        if finding.in_file_examples.len() < EXAMPLES {
            finding.in_file_examples.push(Repeated {
                row,
                first_row,
                value: shown(),
            });
        }
        Some(first_row)
    }

    fn note_held(&mut self, column: usize, row: u32, value: &str, own: Option<VendorId>, shown: impl FnOnce() -> String) {
        let holder = self.vendors[column].get(&self.hasher.hash_one(value)).copied();
        let Some(vendor_id) = holder.filter(|id| Some(*id) != own) else {
            return;
        };
        let finding = &mut self.findings[column];
        finding.existing += 1;
        if finding.existing_examples.len() < EXAMPLES {
            finding.existing_examples.push(Held {
                row,
                vendor_id,
                value: shown(),
            });
        }
    }

    pub(super) fn into_findings(self) -> Vec<DuplicateFinding> {
        let is_found = |finding: &DuplicateFinding| finding.in_file + finding.existing > 0;
        self.findings.into_iter().filter(is_found).collect()
    }
}
