//! What the cells of a vendor file mean: headers, identifiers, repairs, and whole rows.

use domain::columns::{self, COLUMNS, Mapping, Recognition};
use domain::identifiers::{EmailAddress, Gstin, IndianState, MobileNumber, Pan, Parsed, PinCode, Uam, Udyam};
use domain::import::Accepted;
use domain::repairs;
use domain::vendor::{FieldError, ParsedVendor, RawVendor, VendorProfile};

/// What is likely to do harm inside an identifier or a cell.
const DAMAGE: [&str; 32] = [
    "0", "8", "9", "O", "Z", "k", "-", "--", " ", ".", ".0", "+", "(", ")", "'", "\u{2019}", "=", "\"", "/", ",", ";", "@", "E+09", "91", "+91",
    "UDYAM", "\u{a0}", "\u{200b}", "\u{2013}", "\u{ff0d}", "\u{967}", "\u{e9}",
];

/// A valid identifier of every kind, of every form and in the spellings that are accepted.
const SAMPLES: [&str; 32] = [
    "27AAPFU0939F1ZV",
    "27-aapfu 0939f1zv",
    "27AAPFU0939F1AA",
    "27AAPFU0939F1C{}",
    "27MUMA12345B1D{}",
    "0717USA00157UN{}",
    "0717UNO00157ON{}",
    "9917SGP29001OS{}",
    "0717ESP00001NR{}",
    "28AAPFU0939F1Z{}",
    "97AAPFU0939F1Z{}",
    "88AAPFU0939F1Z0",
    "88AAPFU0939F1Z1",
    "AAPFU0939F",
    "aapku 0939f",
    "UDYAM-KR-03-0012345",
    "udyam mh 26 0012345",
    "UDYAMXX000000001",
    "MH26A0012345",
    "9876543210",
    "+91 98765-43210",
    "0091 9876543210",
    "(+91) 98765.43210",
    "919876543210",
    "9876543210.0",
    "9999999999",
    "400001",
    "400-001",
    "asha.rao+gst@Kaveri.example",
    "Karnataka",
    "27-Maharashtra",
    "J & K",
];

/// One of the samples, with its check character where it is left open.
fn sample(index: u8) -> String {
    let sample = SAMPLES[usize::from(index) % SAMPLES.len()];
    match sample.strip_suffix("{}") {
        Some(body) => format!("{body}{}", Gstin::check_character(body).unwrap()),
        None => sample.to_owned(),
    }
}

/// `text` with damage done to it: every two bytes say where and what, and whether a character goes.
fn damaged(text: &str, bytes: &[u8]) -> String {
    let mut chars: Vec<char> = text.chars().collect();
    for place_and_piece in bytes.chunks_exact(2).take(4) {
        let (place, piece) = (usize::from(place_and_piece[0]), usize::from(place_and_piece[1]));
        let at = place % (chars.len() + 1);
        let gone = usize::from(piece >= 128 && at < chars.len());
        chars.splice(at..at + gone, DAMAGE[piece % DAMAGE.len()].chars());
    }
    chars.into_iter().collect()
}

/// What was accepted: read again it is itself, from text and from JSON, and `Debug` shows it masked.
macro_rules! holds {
    ($type:ty, $found:expr, $masked:expr) => {
        if let Ok(value) = $found {
            let value: $type = value;
            let text = value.to_string();
            assert_eq!(text.parse::<$type>().unwrap(), value);
            let json = serde_json::to_string(&value).unwrap();
            assert_eq!(serde_json::from_str::<$type>(&json).unwrap(), value);
            if let Some(masked) = $masked(&value) {
                let masked: String = masked;
                assert!(format!("{value:?}").contains(&masked));
            }
        }
    };
}

/// Reads a text as every identifier there is.
fn identify(text: &str) {
    holds!(Gstin, Gstin::parse(text).map(Parsed::into_value), |gstin: &Gstin| Some(gstin.masked()));
    if let Ok(found) = Gstin::parse_ordinary(text) {
        assert_eq!(Gstin::parse(found.value.as_str()).unwrap(), found);
        assert_eq!(Gstin::normalise(text), found.value.as_str());
    }
    assert_eq!(Gstin::normalise(&Gstin::normalise(text)), Gstin::normalise(text));
    holds!(Pan, Pan::parse(text).map(Parsed::into_value), |pan: &Pan| Some(pan.masked()));
    holds!(Udyam, Udyam::parse(text).map(Parsed::into_value), |udyam: &Udyam| Some(udyam.masked()));
    holds!(Uam, Uam::parse(text).map(Parsed::into_value), |uam: &Uam| Some(uam.masked()));
    holds!(
        MobileNumber,
        MobileNumber::parse(text).map(Parsed::into_value),
        |number: &MobileNumber| Some(number.masked())
    );
    if let Ok(strict) = MobileNumber::parse_strict10(text) {
        assert_eq!(MobileNumber::parse(text).unwrap(), strict);
    }
    holds!(PinCode, PinCode::parse(text), |pin: &PinCode| Some(pin.masked()));
    holds!(EmailAddress, EmailAddress::parse(text), |address: &EmailAddress| Some(address.masked()));
    holds!(IndianState, IndianState::parse(text), |_: &IndianState| None);
}

/// What is proposed for a cell, whatever its column, needs no second repair.
fn repair(text: &str) {
    for column in &COLUMNS {
        if let Some(repair) = repairs::propose(column.name, text) {
            assert_ne!(repair.to, text);
            assert_eq!(repairs::propose(column.name, &repair.to), None, "{}", column.name);
        }
    }
}

#[test]
fn every_sample_is_valid() {
    for (index, text) in (0..).zip(SAMPLES) {
        let sample = sample(index);
        let is_identifier = Gstin::parse(&sample).is_ok()
            || Pan::parse(&sample).is_ok()
            || Udyam::parse(&sample).is_ok()
            || Uam::parse(&sample).is_ok()
            || MobileNumber::parse(&sample).is_ok()
            || PinCode::parse(&sample).is_ok()
            || EmailAddress::parse(&sample).is_ok()
            || IndianState::parse(&sample).is_ok();
        assert!(is_identifier, "{text}");
    }
}

/// Any text as every identifier, and as a cell of every column.
#[test]
fn identifiers_and_repairs() {
    play!("identifiers_and_repairs", |bytes: &[u8]| {
        let text = &*String::from_utf8_lossy(bytes);
        identify(text);
        repair(text);
    });
}

/// Valid identifiers with a little damage, so that random inputs get past the first checks.
#[test]
fn damaged_identifiers() {
    play!("damaged_identifiers", 9, |bytes: &[u8]| {
        let Some((index, damage)) = bytes.split_first() else { return };
        let text = damaged(&sample(*index), damage);
        identify(&text);
        repair(&text);
    });
}

/// A mapping reads and writes itself, and plans or says why not; the values of a plan say something.
fn map(mapping: &Mapping, headers: &[&str]) {
    let json = serde_json::to_string(mapping).unwrap();
    assert_eq!(serde_json::from_str::<Mapping>(&json).unwrap(), *mapping);
    match mapping.plan(headers) {
        Err(errors) => assert!(!errors.is_empty() && errors.iter().all(|error| !error.message.is_empty())),
        Ok(plan) => {
            let cells: Vec<String> = headers.iter().map(|header| (*header).to_owned()).collect();
            assert!(plan.check_width(cells.len()).is_ok());
            let _ = plan.is_supplier(&cells);
            for value in plan.values(&cells) {
                assert!(!value.text.is_empty());
                assert!(value.column.starts_with(columns::ATTRIBUTE) || columns::by_name(value.column).is_some());
                assert!(value.cells.iter().all(|cell| plan.uses(*cell).is_some()));
            }
        }
    }
}

/// Recognises headers, and plans with what was recognised and with what somebody says of them.
fn recognise(headers: &[&str], corrections: Option<Mapping>) {
    let found = columns::recognise(headers);
    assert_eq!(found.headers.len(), headers.len());
    map(&found.mapping, headers);
    if let Some(corrections) = corrections {
        map(&corrections, headers);
        let mut mapping = found.mapping;
        mapping.correct(corrections);
        map(&mapping, headers);
    }
}

/// Any headers; any JSON as a mapping of its own keys.
#[test]
fn header_mapping() {
    play!("header_mapping", |bytes: &[u8]| {
        let text = String::from_utf8_lossy(bytes);
        let headers: Vec<&str> = text.split(['\n', ',']).collect();
        recognise(&headers, None);
        if let Ok(mapping) = serde_json::from_str::<Mapping>(&text) {
            let keys: Vec<&str> = mapping.columns.keys().map(String::as_str).collect();
            recognise(&keys, Some(mapping.clone()));
            recognise(&headers, Some(mapping));
        }
    });
}

const HEADERS: [&str; 48] = [
    "vendor_code",
    "company_name",
    "phone_number",
    "email",
    "gst_number",
    "pan_number",
    "udyam_number",
    "udyam_registration_date",
    "msme_status",
    "state",
    "pin_code",
    "annual_turnover",
    "year_established",
    "nda",
    "tags",
    "activity",
    "LIFNR",
    "NAME1",
    "NAME2",
    "NAME4",
    "STRAS",
    "STRSUPPL1",
    "PSTLZ",
    "REGIO",
    "TELF1",
    "TELF2",
    "STCD3",
    "J_1IPANNO",
    "SMTP_ADDR",
    "Display Name",
    "EmailID",
    "MobilePhone",
    "GST Identification Number (GSTIN)",
    "Group Name",
    "PAN/IT No.",
    "GSTIN/UIN",
    "Supplier Name",
    "Tax Registration Number",
    "First Name",
    "Last Name",
    "opt_in",
    "Do Not Contact",
    "attributes.plant",
    "attributes.",
    "error_reason",
    "S.No.",
    "",
    "\u{feff} Vendor\u{a0}Code ",
];

const TARGETS: [&str; 12] = [
    "vendor_code",
    "company_name",
    "vendor_code+company_name",
    "vendor_code+vendor_code",
    "email",
    "registered_address",
    "attributes.plant",
    "attributes.",
    "ignore",
    "",
    "opt_ins",
    " phone_number ",
];

/// Headers of every dialect in any order and number, and corrections of them, so that random inputs get far.
#[test]
fn header_pieces() {
    play!("header_pieces", 40, |bytes: &[u8]| {
        let header = |byte: &u8| HEADERS[usize::from(*byte) % HEADERS.len()];
        let headers: Vec<&str> = bytes.iter().map(header).collect();
        let target = |pair: &[u8]| (header(&pair[0]), TARGETS[usize::from(pair[1]) % TARGETS.len()]);
        let corrections: std::collections::BTreeMap<&str, &str> = bytes.chunks_exact(2).take(6).map(target).collect();
        let json = serde_json::to_string(&corrections).unwrap();
        // Some targets are refused: as a request with them would be.
        recognise(&headers, serde_json::from_str(&json).ok());
    });
}

/// What stands in the cells of vendor files, sound and damaged.
const CELLS: [&str; 48] = [
    "V-1001",
    "1001.0",
    "Kaveri Test Castings LLP",
    "Kaveri",
    "+919876500001",
    "98765 43210 / 11",
    "-9876543119",
    "9.87654E+09",
    "9999999999",
    "asha@kaveri.example",
    "Asha Rao <asha@kaveri.example>",
    "asha@kaveri,example",
    "27AAPFU0939F1ZV",
    "27AAPFUO939F1ZV",
    "27AAPFU0939F1AA",
    "88AAPFU0939F1Z0; 27AAPFU0939F1ZV",
    "URP",
    "AAPFU0939F",
    "AAPFUO939F",
    "PANNOTAVBL",
    "UDYAM-MH-26-0012345",
    "UDYAM/KR/3/12345",
    "MH26A0012345",
    "2021-04-05",
    "25/04/2021",
    "' 44291",
    "Maharashtra",
    "27-Gujarat",
    "13",
    "400001",
    "4,00,001",
    "400-001",
    "1.25 crore",
    "Rs. 12,50,000/-",
    "1998.0",
    "yes",
    "Pending",
    "small",
    "MSME Certified",
    "manufacturing",
    "critical; plant-2 | x",
    "INR",
    "IN",
    "Sundry Creditors",
    "n/a",
    "",
    "' 5.0",
    "\u{a0}x\u{200b}",
];

/// A row, from the headers of its file to a vendor: what an import does, without what it knows of other vendors.
#[test]
fn import_row() {
    play!("import_row", 60, |bytes: &[u8]| match vendor(bytes) {
        None => {}
        Some(Err(errors)) => {
            assert!(!errors.is_empty());
            assert!(errors.iter().all(|error| !error.code.is_empty() && !error.message.is_empty()));
        }
        Some(Ok(vendor)) => is_stored_and_read(&vendor.profile),
    });
}

/// The seeds reach what the target is for, or it would assert nothing.
#[test]
fn seeds_of_rows_are_accepted_and_refused() {
    let sound = vendor(include_bytes!("__fuzz__/import_row/corpus/sound")).unwrap().unwrap();
    assert!(sound.profile.pan_number.is_some() && sound.profile.udyam_number.is_some() && sound.claim.is_some());
    let repaired = vendor(include_bytes!("__fuzz__/import_row/corpus/repaired")).unwrap().unwrap();
    assert_eq!(repaired.profile.phone_numbers[0].as_str(), "+919876543210");
    assert!(vendor(include_bytes!("__fuzz__/import_row/corpus/refused")).unwrap().is_err());
}

/// The vendor of a row that the bytes stand for; none if the file cannot be imported or the row is left out.
fn vendor(bytes: &[u8]) -> Option<Result<ParsedVendor, Vec<FieldError>>> {
    let (settings, rest) = bytes.split_first()?;
    let (headers, cells) = row(rest);
    let found = columns::recognise(&headers);
    let accepted = Accepted {
        all: settings % 2 == 1,
        ..Accepted::default()
    };
    let raw = said_by(&found, &headers, &cells, &accepted)?;
    Some(ParsedVendor::parse(raw))
}

/// A code and a name, so that there can be a vendor, then a header and a cell for every four bytes.
fn row(bytes: &[u8]) -> (Vec<&'static str>, Vec<String>) {
    let (mut headers, mut cells) = (vec!["Vendor Code", "Vendor Name"], vec!["V-1".to_owned(), "Kaveri".to_owned()]);
    for column in bytes.chunks_exact(4).take(14) {
        headers.push(HEADERS[usize::from(column[0]) % HEADERS.len()]);
        let cell = CELLS[usize::from(column[1]) % CELLS.len()];
        // Half of the cells stay as they are, or hardly a row would be accepted.
        let damage = if column[2] % 2 == 0 { &[][..] } else { &column[2..] };
        cells.push(damaged(cell, damage));
    }
    (headers, cells)
}

/// What the row says, repaired as an import repairs it; none if the file cannot be imported or the row is left out.
fn said_by(found: &Recognition, headers: &[&str], cells: &[String], accepted: &Accepted) -> Option<RawVendor> {
    let plan = found.mapping.plan(headers).ok()?;
    plan.check_width(cells.len()).ok()?;
    if !plan.is_supplier(cells) {
        return None;
    }
    let mut raw = RawVendor::default();
    for value in plan.values(cells) {
        let repair = repairs::propose_from(found.dialect, value.column, &value.text).filter(|repair| accepted.admits(repair));
        let text = repair.map_or(value.text, |repair| repair.to);
        assert!(raw.fill(value.column, &text), "{} is a column", value.column);
    }
    Some(raw)
}

/// A profile comes back from JSON as it was, and what one would have to type for it is accepted and gives it again.
fn is_stored_and_read(profile: &VendorProfile) {
    let json = serde_json::to_string(profile).unwrap();
    assert_eq!(serde_json::from_str::<VendorProfile>(&json).unwrap(), *profile);
    let again = ParsedVendor::parse(RawVendor::from(profile)).unwrap();
    assert_eq!(again.profile, *profile);
}
