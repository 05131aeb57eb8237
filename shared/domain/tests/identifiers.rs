//! Identifiers and vendors against published vectors, tables and generated values.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use domain::identifiers::{
    EmailAddress, EmailError, Gstin, GstinError, GstinForm, IndianState, MobileError, MobileNumber, Pan, PanError, PinCode, PinError, StateError,
    Uam, Udyam, UdyamError, Warning,
};
use domain::vendor::{ParsedVendor, RawVendor};
use proptest::prelude::*;

fn rows(csv: &str) -> Vec<csv::StringRecord> {
    csv::Reader::from_reader(csv.as_bytes()).records().map(Result::unwrap).collect()
}

/// The example that judges a CSV file, tested as it is shipped.
#[path = "../examples/identifiers.rs"]
#[expect(dead_code, reason = "its main is not called from here")]
mod example;

fn judged(input: &str) -> Vec<csv::StringRecord> {
    let mut output = Vec::new();
    example::judge_rows(input.as_bytes(), &mut output).unwrap();
    rows(std::str::from_utf8(&output).unwrap())
}

#[test]
fn every_published_vector_agrees() {
    let vectors = include_str!("data/identifier_vectors.csv");
    let verdicts = judged(vectors);
    assert_eq!(verdicts.len(), 41);
    for (row, verdict) in rows(vectors).iter().zip(&verdicts) {
        assert_eq!((&row[0], &row[1], &row[2]), (&verdict[0], &verdict[1], &verdict[2]), "{verdict:?}");
        let expected_detail = if &row[0] == "gstin" && &row[2] == "valid" { "normal" } else { "" };
        assert_eq!(&verdict[2] == "valid", &verdict[3] == expected_detail, "{verdict:?}");
    }
}

#[test]
fn every_kind_is_judged_with_its_reason() {
    #[track_caller]
    fn check(row: &str, verdict: &str, detail: &str) {
        let rows = judged(row);
        assert_eq!(rows.len(), 1);
        assert_eq!(&rows[0][2], verdict, "{rows:?}");
        assert!(rows[0][3].contains(detail) && (verdict != "valid" || &rows[0][3] == detail), "{rows:?}");
    }
    check("gstin, 27-aapfu 0939f1zv", "valid", "normal");
    check("gstin,27AAPFU0939F1ZO,extra,\"cells, quoted\"", "invalid", "expected V");
    for (body, form) in [
        ("27AAPFU0939F1C", "tcs"),
        ("27MUMA12345B1D", "tds"),
        ("0717USA00157UN", "uin"),
        ("9917SGP29001OS", "oidar"),
        ("0717ESP00001NR", "nrtp"),
        ("27AAPFU0939F12", "normal"),
        ("27AAPFU0939F1J", "normal"),
    ] {
        let text = with_check_character(body);
        check(&format!("gstin,{text}"), "invalid", "14th character");
        check(&format!("gstin_any_form,{text}"), "valid", form);
    }
    check("gstin_any_form,27AAPFU0939F1ZV", "valid", "normal");
    check("gstin_any_form,27AAPFU0939F1AA", "valid", "normal");
    check("gstin_any_form,27AAPFU0939F1KV", "invalid", "14th character is K");
    check("gstin_any_form,27AAPFU0939F1ZO", "invalid", "expected V");
    // Well-known examples that are no GSTINs.
    for example in ["22AAAAA0000A1Z5", "27ABCDE1234F1Z5", "29ABCDE1234F2Z5"] {
        check(&format!("gstin,{example}"), "invalid", "");
        check(&format!("gstin_any_form,{example}"), "invalid", "");
    }
    check(&format!("gstin,{}", with_check_character("28AAPFU0939F1Z")), "warn", "replaced by 37");
    check(
        &format!("gstin_any_form,{}", with_check_character("25AAPFU0939F1Z")),
        "warn",
        "replaced by 26",
    );
    check("gstin,88AAPFU0939F1Z0", "invalid", "transporter");
    let other = Gstin::check_character("88AAPFU0939F1Z").unwrap();
    check(&format!("gstin_any_form,88AAPFU0939F1Z{other}"), "valid", "transporter");
    let wrong = if other == '0' { '1' } else { '0' };
    check(
        &format!("gstin_any_form,88AAPFU0939F1Z{wrong}"),
        "warn",
        "gstin_transporter_check_character: ",
    );
    check("gstin_normalise, 27-aapfu 0939f1zv ", "27AAPFU0939F1ZV", "");
    check("gstin_normalise,47aad-cb 2230M2Z", "47AADCB2230M2Z", "");
    check("gstin_normalise,", "", "");
    check("pan,AAPKU0939F", "warn", "no longer issued");
    check("pan,AAPFU0000F", "invalid", "0000");
    check("udyam,udyam kr 03 0000001", "valid", "");
    check("udyam,UDYAM-KA-03-0000001", "warn", "UDYAM-KR");
    check("udyam,UDYAM-MH-00-0000001", "warn", "district 00");
    check("udyam,MH26A0012345", "invalid", "Udyog Aadhaar");
    check("uam,mh26a-0012345", "warn", "lapsed");
    check("uam,UDYAM-MH-26-0012345", "invalid", "XX00X0000000");
    check("mobile,+91 98765-43210", "valid", "");
    check("mobile,9198765432", "valid", "");
    check("mobile,9.87654E+09", "invalid", "shortened");
    check("mobile,-9876543119", "invalid", "+919876543210");
    check("mobile,8888888888", "valid", "");
    check("mobile_strict10,8888888888", "valid", "");
    check("mobile_strict10,+919876543210", "invalid", "digits only");
    check("mobile_strict10,919876543210", "invalid", "12");
    check("pin,400 001", "valid", "");
    check("aadhaar,1", "invalid", "unknown_kind: the kinds are gstin,");
    check("pan", "invalid", "empty");
}

#[test]
fn a_detail_begins_with_the_stable_code() {
    #[track_caller]
    fn check(row: &str, detail: &str) {
        assert_eq!(&judged(row)[0][3], detail);
    }
    check(
        "udyam,MH26A0012345",
        "expired_uam: this is an old Udyog Aadhaar number, which has lapsed: ask the vendor for the Udyam number",
    );
    check(
        "udyam,UDYAM-XX-00-0000001",
        "udyam_state_unknown: the two letters after UDYAM are no known state: compare the number with the certificate; \
         udyam_district_zero: district 00 appears in sample numbers only: compare the number with the certificate",
    );
    check(
        "gstin,27AAPFU0939F1ZO",
        "gstin_check_character: check character is O, expected V: one character was mistyped",
    );
    check(
        "pin,012345",
        "pin_leading_zero: a PIN code does not begin with 0: correct the first digit",
    );
    check(
        "mobile,",
        "phone_empty: the phone number is empty: enter a mobile number or leave the field out",
    );
    check(
        "uam,MH26A0012345",
        "expired_uam: an Udyog Aadhaar number, which has lapsed: ask the vendor for its Udyam number",
    );
}

#[test]
fn files_are_judged_however_they_are_written() {
    assert_eq!(judged("kind,value\n"), Vec::<csv::StringRecord>::new());
    assert_eq!(&judged("PIN,400001\nPan_,1\n GSTIN_Any_Form ,27AAPFU0939F1ZV\n")[2][3], "normal");
    // Line ends of every system, and lines with nothing in them.
    for file in [
        "pin,400001\r\n\r\npan,AAPFU0939F\r\n",
        "pin,400001\n\n\npan,AAPFU0939F",
        "\r\npin,400001\rpan,AAPFU0939F\r",
        "\u{feff}pin,400001\npan,AAPFU0939F\n",
        "\u{feff}KIND,VALUE\r\npin,400001\r\npan,AAPFU0939F\r\n",
    ] {
        let verdicts: Vec<_> = judged(file).iter().map(|row| row[2].to_owned()).collect();
        assert_eq!(verdicts, ["valid", "valid"], "{file:?}");
    }
    let mut output = Vec::new();
    example::judge_rows(&b"pan,AAPFU\xff0939F\nmobile,98765\xa043210\npin,400001\n"[..], &mut output).unwrap();
    let rows = rows(std::str::from_utf8(&output).unwrap());
    let verdicts: Vec<_> = rows.iter().map(|row| &row[2]).collect();
    assert_eq!(verdicts[0], "invalid");
    assert_eq!(verdicts[2], "valid");
    assert_eq!(&judged("\u{feff}value,note,kind\n400001,x,pin\n")[0][2], "valid");
    assert_eq!(
        &judged("pin,\"a \"\"quoted\"\", value\nof two lines\"\n")[0][1],
        "a \"quoted\", value\nof two lines"
    );
}

#[test]
fn what_is_shown_hides_what_identifies() {
    assert_eq!(Gstin::parse("27AAPFU0939F1ZV").unwrap().value.masked(), "27AAPFUXXXXF1ZX");
    assert_eq!(format!("{:?}", Gstin::parse("27AAPFU0939F1ZV").unwrap().value), "Gstin(27AAPFUXXXXF1ZX)");
    assert_eq!(Pan::parse("AAPPV1234K").unwrap().value.masked(), "AAPPVXXXXK");
    assert_eq!(Udyam::parse("UDYAM-MH-26-0012345").unwrap().value.masked(), "UDYAM-MH-26-XXXX345");
    assert_eq!(Uam::parse("MH26A0012345").unwrap().value.masked(), "MH26AXXXX345");
    assert_eq!(MobileNumber::parse("9876543210").unwrap().value.masked(), "+91XXXXXX3210");
    assert_eq!(PinCode::parse("411001").unwrap().masked(), "411XXX");
    assert_eq!(
        format!("{:?}", Udyam::parse("UDYAM-MH-26-0012345").unwrap().value),
        "Udyam(UDYAM-MH-26-XXXX345)"
    );
    assert_eq!(format!("{:?}", Uam::parse("MH26A0012345").unwrap().value), "Uam(MH26AXXXX345)");
    assert_eq!(format!("{:?}", PinCode::parse("411001").unwrap()), "PinCode(411XXX)");
}

#[test]
fn of_an_e_mail_address_the_first_letter_and_the_domain_are_shown() {
    for (address, masked) in [
        ("ravi@Zorvani.example", "r***@zorvani.example"),
        ("Ravi.Kumar+GST@mail.zorvani.example", "R***@mail.zorvani.example"),
        ("a@kaveri.example", "a***@kaveri.example"),
        ("_x@kaveri.example", "_***@kaveri.example"),
        ("9876543210@kaveri.example", "9***@kaveri.example"),
    ] {
        let address = EmailAddress::parse(address).unwrap();
        assert_eq!(address.masked(), masked);
        assert_eq!(format!("{address:?}"), format!("EmailAddress({masked})"));
    }
}

#[test]
fn every_form_of_gstin_is_masked() {
    for body in GSTIN_BODIES {
        let gstin = Gstin::parse(&with_check_character(body)).unwrap().value;
        let masked = gstin.masked();
        assert_eq!(masked, format!("{}XXXX{}X", &body[..7], &body[11..]));
        assert_eq!(format!("{gstin:?}"), format!("Gstin({masked})"));
    }
}

/// One of every form.
const GSTIN_BODIES: [&str; 7] = [
    "27AAPFU0939F1Z",
    "27AAPFU0939F1C",
    "27MUMA12345B1D",
    "0717USA00157UN",
    "9917SGP29001OS",
    "0717ESP00001NR",
    "88AAPFU0939F1Z",
];

#[test]
fn states_agree_with_the_tables() {
    for row in rows(include_str!("data/gst_states.csv")) {
        let code: u8 = row[0].parse().unwrap();
        let state = IndianState::from_gst_code(code);
        match code {
            25 => assert_eq!(state.unwrap().gst_code(), 26),
            28 => assert_eq!(state.unwrap().gst_code(), 37),
            96.. => assert_eq!(state, None),
            _ => assert_eq!(state.unwrap().as_str(), &row[1]),
        }
    }
    for row in rows(include_str!("data/pin_prefix.csv")) {
        let state = IndianState::parse(&row[0]).unwrap();
        assert!(
            state.has_pin_prefix(row[1].parse().unwrap()) && state.has_pin_prefix(row[2].parse().unwrap()),
            "{row:?}"
        );
    }
    for row in rows(include_str!("data/udyam_states.csv")) {
        let state = IndianState::from_udyam_letters(&row[0]).unwrap();
        let words = row[1].split(['(', '-']).next().unwrap().trim();
        assert_eq!(IndianState::parse(words).unwrap_or(state), state, "{row:?}");
        let parsed = Udyam::parse(&format!("UDYAM-{}-03-0012345", &row[0])).unwrap();
        assert_eq!(parsed.value.state(), Some(state), "{row:?}");
        let warnings: &[Warning] = match (&row[0], &row[2]) {
            ("KA", "warn") => &[Warning::DoubtfulUdyamState { expected: "KR" }],
            ("TG", "warn") => &[Warning::DoubtfulUdyamState { expected: "TS" }],
            _ => &[],
        };
        assert_eq!(parsed.warnings, warnings, "{row:?}");
    }
}

#[test]
fn states_are_found_under_the_names_people_use() {
    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(IndianState::parse(text).unwrap().as_str(), expected);
    }
    check(" maharashtra ", "Maharashtra");
    check("27", "Maharashtra");
    check("27-Maharashtra", "Maharashtra");
    check("7", "Delhi");
    check("28", "Andhra Pradesh");
    check("ORISSA", "Odisha");
    check("J & K", "Jammu and Kashmir");
    check("Tamilnadu", "Tamil Nadu");
    check("KA", "Karnataka");
    check("NCT of Delhi", "Delhi");
    check("Dadra & Nagar Haveli", "Dadra and Nagar Haveli and Daman and Diu");
    check("28-Andhra Pradesh", "Andhra Pradesh");
    check("25 Daman and Diu", "Dadra and Nagar Haveli and Daman and Diu");
    check("560001 Karnataka", "Karnataka");

    // SAP numbers the states in its own way: the name counts.
    check("13 Maharashtra", "Maharashtra");

    let misspelt = IndianState::parse("Karnatka").unwrap_err();
    assert_eq!(misspelt.to_string(), "no state is spelt like this: did you mean Karnataka?");
    assert_eq!(IndianState::parse("California"), Err(StateError::Unknown));
    assert_eq!(IndianState::parse("97"), Err(StateError::Unknown));
    for state in IndianState::all() {
        assert_eq!(IndianState::parse(state.as_str()), Ok(state));
    }
}

fn with_check_character(body: &str) -> String {
    format!("{body}{}", Gstin::check_character(body).unwrap())
}

#[test]
fn every_form_of_gstin_is_told_apart() {
    #[track_caller]
    fn check(body: &str, form: GstinForm, pan: Option<&str>) {
        let gstin = Gstin::parse(&with_check_character(body)).unwrap().value;
        assert_eq!(gstin.form(), form);
        assert_eq!(gstin.pan().as_ref().map(Pan::as_str), pan);
        assert_eq!(gstin.state_code(), &body[..2]);
    }
    check("27AAPFU0939F1Z", GstinForm::Normal, Some("AAPFU0939F"));
    check("27AAPFU0939F1C", GstinForm::Tcs, Some("AAPFU0939F"));
    check("27MUMA12345B1D", GstinForm::Tds, None);
    check("27AAPFU0939F1D", GstinForm::Tds, None);
    check("0717USA00157UN", GstinForm::Uin, None);
    check("0717UNO00157ON", GstinForm::Uin, None);
    check("9917SGP29001OS", GstinForm::Oidar, None);
    check("0717ESP00001NR", GstinForm::Nrtp, None);
}

#[test]
fn gstins_are_cleaned_and_doubts_are_told() {
    let parsed = Gstin::parse(" 27-aapfu 0939f\u{a0}1zv ").unwrap();
    assert_eq!((parsed.value.as_str(), parsed.warnings.as_slice()), ("27AAPFU0939F1ZV", &[][..]));

    let retired = Gstin::parse(&with_check_character("28AAPFU0939F1Z")).unwrap();
    assert_eq!(retired.warnings, [Warning::RetiredGstState { code: 28, replaced_by: 37 }]);
    assert_eq!(retired.value.state().unwrap().as_str(), "Andhra Pradesh");
    assert_eq!(Gstin::parse(&with_check_character("25AAPFU0939F1Z")).unwrap().warnings.len(), 1);

    let transporter = ["0", "1"].map(|check| Gstin::parse(&format!("88AAPFU0939F1Z{check}")).unwrap());
    assert!(
        transporter
            .iter()
            .all(|parsed| parsed.value.form() == GstinForm::Transporter && parsed.value.state().is_none())
    );
    assert!(transporter.iter().any(|parsed| parsed.warnings == [Warning::TransporterCheckCharacter]));
}

#[test]
fn a_transporter_id_may_have_any_form_that_is_built_around_a_pan_or_tan() {
    for body in ["88AAPFU0939F1Z", "88AAPFU0939F1C", "88AAPFU0939F1D", "88MUMA12345B1D", "88AAPXU0000F12"] {
        let text = with_check_character(body);
        let parsed = Gstin::parse(&text).unwrap();
        assert_eq!((parsed.value.form(), parsed.warnings), (GstinForm::Transporter, vec![]), "{text}");
        assert_eq!((parsed.value.pan(), parsed.value.form().as_str()), (None, "transporter"));
        assert_eq!(Gstin::parse_ordinary(&text).unwrap_err().code(), "gstin_transporter");
        let other = if text.ends_with('0') { '1' } else { '0' };
        let parsed = Gstin::parse(&format!("{body}{other}")).unwrap();
        assert_eq!(parsed.warnings, [Warning::TransporterCheckCharacter], "{body}");
    }
    for body in ["8817USA00157UN", "8817ESP00001NR"] {
        assert_eq!(Gstin::parse(&with_check_character(body)).unwrap_err().code(), "gstin_state");
    }
}

#[test]
fn of_a_hundred_prefixes_those_of_the_states_are_taken_and_97_and_99() {
    for code in 0..=99_u8 {
        let parsed = Gstin::parse(&with_check_character(&format!("{code:02}AAPFU0939F1Z")));
        match code {
            1..=38 | 97 | 99 => assert_eq!(parsed.unwrap().value.form(), GstinForm::Normal),
            88 => assert_eq!(parsed.unwrap().value.form(), GstinForm::Transporter),
            // 00, 39 and 98 among them.
            _ => assert_eq!(parsed.unwrap_err(), GstinError::State { found: code }),
        }
    }
}

#[test]
fn a_refused_gstin_says_why() {
    #[track_caller]
    fn check(text: &str, code: &str) {
        assert_eq!(Gstin::parse(text).unwrap_err().code(), code);
    }
    check("", "gstin_empty");
    check("27AAPFU0939F1Z", "gstin_length");
    check("27AAPFU0939F1Z#", "gstin_character");
    check("27AAPFU0939F1Z\u{915}", "gstin_character");
    check("369296450896540", "gstin_shape");
    check("27AAPFU0939F1KV", "gstin_fourteenth_character");
    check("96AAPFU0939F1ZV", "gstin_state");
    check("47AADCB2230M2ZR", "gstin_state");
    check("27AAPFU0939F1ZO", "gstin_check_character");
    // Well-known examples that are no GSTINs.
    check("22AAAAA0000A1Z5", "gstin_check_character");
    check("27ABCDE1234F1Z5", "gstin_check_character");
    check("27ABCDE1234F1Z0", "gstin_pan");
    assert_eq!(
        Gstin::parse("27AAPFU0939F1ZO").unwrap_err().to_string(),
        "check character is O, expected V: one character was mistyped"
    );
}

#[test]
fn pans_are_checked_by_holder_and_serial() {
    assert_eq!(Pan::parse("aapfu 0939f").unwrap().value.as_str(), "AAPFU0939F");
    assert_eq!(Pan::parse("AAPKU0939F").unwrap().warnings, [Warning::LegacyPanHolder]);
    assert_eq!(Pan::parse("ABMXA3211G"), Err(PanError::Holder { found: 'X' }));
    assert_eq!(Pan::parse("AAPFU0000F"), Err(PanError::SerialZero));
    assert_eq!(Pan::parse("AAPFU0939FF"), Err(PanError::Length { found: 11 }));
    assert_eq!(Pan::parse("ÄAPFU0939F"), Err(PanError::Shape));
    for holder in 'A'..='Z' {
        let parsed = Pan::parse(&format!("AAA{holder}A1234A"));
        match holder {
            'A' | 'B' | 'C' | 'F' | 'G' | 'H' | 'J' | 'L' | 'P' | 'T' => assert_eq!(parsed.unwrap().warnings, []),
            'K' => assert_eq!(parsed.unwrap().warnings, [Warning::LegacyPanHolder]),
            found => assert_eq!(parsed, Err(PanError::Holder { found })),
        }
    }
}

#[test]
fn udyam_numbers_are_brought_into_one_form() {
    #[track_caller]
    fn check(text: &str, expected: Result<(&str, &[Warning]), UdyamError>) {
        let parsed = Udyam::parse(text);
        let seen = parsed.as_ref().map(|parsed| (parsed.value.as_str(), parsed.warnings.as_slice()));
        assert_eq!(seen.map_err(|error| *error), expected);
    }
    check("udyam mh 26 0012345", Ok(("UDYAM-MH-26-0012345", &[])));
    check("UDYAMMH260012345", Ok(("UDYAM-MH-26-0012345", &[])));
    check("UDYAM–KR–03–0000001", Ok(("UDYAM-KR-03-0000001", &[])));
    check(
        "UDYAM-KA-03-0000001",
        Ok(("UDYAM-KA-03-0000001", &[Warning::DoubtfulUdyamState { expected: "KR" }])),
    );
    check(
        "UDYAM-XX-00-0000001",
        Ok(("UDYAM-XX-00-0000001", &[Warning::UnknownUdyamState, Warning::UdyamDistrictZero])),
    );
    check("MH26A0012345", Err(UdyamError::ExpiredUam));
    check("UDYAM-MH-26-12345", Err(UdyamError::Shape));
    check("-", Err(UdyamError::Empty));
    let without_warnings = Ok(("UDYAM-MH-26-0012345", &[][..]));
    check("UDYAM-MH26-0012345", without_warnings);
    check("UDYAM MH-26 - 0012345", without_warnings);
    check("UDYAM--MH \u{2013} - 26--001 23 45", without_warnings);
    check("u d y a m mh26 0012345", without_warnings);
    for misgrouped in [
        "UDYAM-MH-2-60012345",
        "UDYAM-MH26-001-2345",
        "U-DYAMMH-260012345",
        "-UDYAM-MH-26-0012345",
        "UDYAM-MH-26-0012345-",
        "UDYAM-M-H-26-0012345",
    ] {
        check(misgrouped, Err(UdyamError::Shape));
    }
    check("MH-26-A-0012345", Err(UdyamError::ExpiredUam));
}

#[test]
fn a_hyphen_of_a_pin_code_stands_in_its_middle() {
    for text in ["400001", "400 001", "400-001", "400 \u{2013} 001", " 4 0 0 0 0 1 ", "400\u{a0}001"] {
        assert_eq!(PinCode::parse(text).unwrap().as_str(), "400001", "{text:?}");
    }
    for text in ["-400001", "4-0-0-0-0-1", "40-0001", "400--001", "400001-", "400-00-1"] {
        assert_eq!(PinCode::parse(text), Err(PinError::Character { found: '-' }), "{text:?}");
    }
    assert_eq!(PinCode::parse("040001"), Err(PinError::LeadingZero));
    assert_eq!(PinCode::parse("400-01"), Err(PinError::Length { found: 5 }));
    assert_eq!(PinCode::parse("\u{200b} "), Err(PinError::Empty));
}

#[test]
fn mobile_numbers_lose_prefixes_and_punctuation() {
    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(MobileNumber::parse(text).unwrap().value.as_str(), expected);
    }
    for text in [
        "9876543210",
        "09876543210",
        "098765 43210",
        "+91-98765-43210",
        "+91 (98765) 43210",
        "(+91) 98765 43210",
        "0091 9876543210",
        "919876543210",
        "+9109876543210",
        "091 98765 43210",
        "98765.43210",
        "'9876543210",
        "9876543210.0",
        "\u{feff}98765\u{a0}43210",
        "+919876543210.0",
        "09876543210.0",
        "919876543210.0",
        "+91-98765-43210.0",
        "+0091 98765 43210",
        "+91 098765 43210",
        "\u{2019}9876543210",
        "=\"+919876543210\"",
        "\u{ff0b}91 98765 43210",
        "[98765] 43210",
        "{98765}_43210~",
        "\u{201c}98765 43210\u{201d}",
        "\u{260e} 98765:43210 *",
        "<+91>98765|43210",
    ] {
        check(text, "+919876543210");
    }
    check("9198765432", "+919198765432");
    check("09198765432", "+919198765432");
    // Before the last digit, a dot is punctuation.
    check("98765-4321.0", "+919876543210");
    check("(9999999950)", "+919999999950");
}

#[test]
fn a_number_of_one_digit_is_valid_and_the_vendor_is_asked_about_it() {
    for number in [MobileNumber::parse("9999999999"), MobileNumber::parse_strict10("9999999999")] {
        let number = number.unwrap();
        assert!(number.value.is_repeated_digit() && number.warnings.is_empty());
    }
    assert!(!MobileNumber::parse("9999999998").unwrap().value.is_repeated_digit());
    let raw = RawVendor {
        vendor_code: Some("V-1".to_owned()),
        company_name: Some("Kaveri Test Castings LLP".to_owned()),
        phone_numbers: vec!["9999999999, 9876543210; +91 99999 99999".to_owned()],
        ..RawVendor::default()
    };
    let vendor = ParsedVendor::parse(raw).unwrap();
    let warnings: Vec<_> = vendor.warnings.iter().map(|warning| (warning.field, warning.code)).collect();
    assert_eq!(vendor.profile.phone_numbers.len(), 2);
    assert_eq!(warnings, [("phone_number", "phone_repeated_digit")]);
}

#[test]
fn a_refused_mobile_number_says_why() {
    #[track_caller]
    fn check(text: &str, code: &str) {
        assert_eq!(MobileNumber::parse(text).unwrap_err().code(), code);
    }
    check("9.87654E+09", "phone_scientific_notation");
    check("9.87654e9", "phone_scientific_notation");
    check("+1 202 555 0100", "phone_foreign_country");
    check("0044 20 7946 0000", "phone_foreign_country");
    check("022-24000000", "phone_not_mobile");
    check("987654321", "phone_length");
    check("0987654321", "phone_length");
    check("98765 4321O", "phone_character");
    check("", "phone_empty");
    check("()", "phone_empty");
    for scientific in [
        "+9.19877E+11",
        "-9.87654E+09",
        "'9.87654E+09",
        "\u{2019}-9.87654e+9",
        "(9.87654E+09)",
        "=\"9.87654E+09\"",
    ] {
        check(scientific, "phone_scientific_notation");
    }
    check("9109876543210", "phone_length");
    check("91987654321", "phone_length");
    check("9198765432109", "phone_length");
    check("9876543210/11", "phone_character");
    check("9876543210, 9876543211", "phone_character");
    check("98765.43210.5", "phone_length");
    // Digits of other scripts would have to be guessed at by whoever reads the number next.
    for digits in ["९८७६५४३२१०", "９８７６５４３２１０", "987654321\u{2460}"] {
        check(digits, "phone_character");
    }
    assert_eq!(
        MobileNumber::parse("९८७६५४३२१०").unwrap_err().to_string(),
        "`९` cannot be part of a phone number: enter digits only, 0 to 9"
    );
    let subtracted = MobileNumber::parse("-9876543119").unwrap_err();
    for as_well in [
        "-9876543119.0",
        "'-9876543119",
        "\u{2018}-9876543119",
        "(9876543119)",
        "(9876543119.0)",
        "\u{2212}9876543119",
        "\u{ff0d}9876543119",
        "=\"-9876543119\"",
    ] {
        assert_eq!(MobileNumber::parse(as_well).as_ref(), Err(&subtracted), "{as_well}");
    }
    let proposed = MobileNumber::parse("9876543210").unwrap().value;
    assert!(subtracted.to_string().contains("+919876543210"));
    assert_eq!(subtracted, MobileError::Subtraction { proposed });
}

#[test]
fn email_addresses_are_those_a_provider_accepts() {
    let address = EmailAddress::parse(" Ravi.Kumar+GST@Zorvani.Example\u{a0}").unwrap();
    assert_eq!(address.as_str(), "Ravi.Kumar+GST@Zorvani.Example");
    assert_eq!(address.normalised(), "ravi.kumar+gst@zorvani.example");

    #[track_caller]
    fn refused(text: &str, reason: EmailError) {
        assert_eq!(EmailAddress::parse(text), Err(reason));
    }
    refused("", EmailError::Empty);
    refused("ravi.example", EmailError::NoAt);
    refused("ravi@@zorvani.example", EmailError::SeveralAt);
    refused("ravi kumar@zorvani.example", EmailError::Character { found: ' ' });
    refused("ravi\r\nBcc:x@zorvani.example", EmailError::Character { found: '\r' });
    refused("रवि@zorvani.example", EmailError::Character { found: 'र' });
    refused("<ravi@zorvani.example>", EmailError::Character { found: '<' });
    refused("@zorvani.example", EmailError::LocalPart);
    refused("ravi.@zorvani.example", EmailError::LocalPart);
    refused("ravi@zorvani", EmailError::Domain);
    refused("ravi@zorvani..example", EmailError::Domain);
    refused("ravi@192.0.2.1", EmailError::Domain);
    refused(&format!("{}@zorvani.example", "r".repeat(65)), EmailError::Length);
    refused(&format!("r@{}example", "zorvani.".repeat(40)), EmailError::Length);
}

fn state() -> impl Strategy<Value = String> {
    prop_oneof![1u8..=38, Just(97), Just(99)].prop_map(|code| format!("{code:02}"))
}

fn pan() -> impl Strategy<Value = String> {
    ("[A-Z]{3}[ABCFGHJLPT][A-Z]", 1u16..=9999, "[A-Z]").prop_map(|(a, n, z)| format!("{a}{n:04}{z}"))
}

/// The first fourteen characters of an ordinary registration.
fn gstin_body() -> impl Strategy<Value = String> {
    (state(), pan(), "[1-9A-Z]Z").prop_map(|(state, pan, end)| format!("{state}{pan}{end}"))
}

/// The first fourteen characters of every form, with the form, but for transporters.
fn body_of_any_form() -> impl Strategy<Value = (String, GstinForm)> {
    let with_state = |rest: &'static str| (state(), rest).prop_map(|(state, rest)| format!("{state}{rest}"));
    prop_oneof![
        (state(), pan(), "[1-9A-Z][Z1-9ABE-J]").prop_map(|(state, pan, end)| (format!("{state}{pan}{end}"), GstinForm::Normal)),
        (state(), pan(), "[1-9A-Z]C").prop_map(|(state, pan, end)| (format!("{state}{pan}{end}"), GstinForm::Tcs)),
        with_state("[A-Z]{4}[A-Z0-9][0-9]{4}[A-Z][1-9A-Z]D").prop_map(|body| (body, GstinForm::Tds)),
        with_state("[0-9]{2}[A-Z]{3}[0-9]{5}[UO]N").prop_map(|body| (body, GstinForm::Uin)),
        "99[0-9]{2}[A-Z]{3}[0-9]{5}OS".prop_map(|body| (body, GstinForm::Oidar)),
        with_state("[0-9]{2}[A-Z]{3}[0-9]{5}NR").prop_map(|body| (body, GstinForm::Nrtp)),
    ]
}

fn transporter_body() -> impl Strategy<Value = String> {
    prop_oneof!["88[A-Z]{5}[0-9]{4}[A-Z][1-9A-Z][Z1-9A-J]", "88[A-Z]{4}[A-Z0-9][0-9]{4}[A-Z][1-9A-Z]D"]
}

/// `text` with another character at a place; none if it is the same.
fn mistyped(text: &str, position: usize, typed: &str) -> Option<String> {
    let mut mistyped = text.to_owned();
    mistyped.replace_range(position..=position, typed);
    (mistyped != text).then_some(mistyped)
}

proptest! {
    #[test]
    fn a_gstin_with_its_check_character_parses((body, form) in body_of_any_form()) {
        let text = with_check_character(&body);
        let gstin = Gstin::parse(&text.to_lowercase()).unwrap().value;
        prop_assert_eq!(gstin.as_str(), &text);
        prop_assert_eq!(gstin.form(), form);
        let pan = matches!(form, GstinForm::Normal | GstinForm::Tcs).then(|| body[2..12].to_owned());
        prop_assert_eq!(gstin.pan().map(String::from), pan);
        prop_assert_eq!(Gstin::parse_ordinary(&text).is_ok(), form == GstinForm::Normal && body.ends_with('Z'));
    }

    /// The checksum sees every change (see [`Gstin`]), with one loophole beside it: a first digit mistyped as 8 turns state 08, 18,
    /// 28 or 38 into prefix 88, a transporter id, where a check character that does not match only warns.
    #[test]
    fn a_mistyped_character_is_caught((body, _) in body_of_any_form(), position in 0usize..15, typed in "[0-9A-Z]") {
        let Some(mistyped) = mistyped(&with_check_character(&body), position, &typed) else { return Ok(()) };
        prop_assert!(Gstin::parse_ordinary(&mistyped).is_err());
        if let Ok(parsed) = Gstin::parse(&mistyped) {
            prop_assert_eq!((position, &*typed, &body[1..2]), (0, "8", "8"));
            prop_assert_eq!(parsed.value.form(), GstinForm::Transporter);
            prop_assert_eq!(parsed.warnings, [Warning::TransporterCheckCharacter]);
        }
    }

    /// The exception: the register issues transporter ids whose check character does not match, so that a change which keeps
    /// prefix and shape is only warned of.
    #[test]
    fn a_mistyped_character_of_a_transporter_id_is_refused_or_warned_of(
        body in transporter_body(),
        position in 0usize..15,
        typed in "[0-9A-Z]",
    ) {
        let text = with_check_character(&body);
        prop_assert_eq!(Gstin::parse(&text).unwrap().warnings, []);
        let Some(mistyped) = mistyped(&text, position, &typed) else { return Ok(()) };
        prop_assert!(Gstin::parse_ordinary(&mistyped).is_err());
        if let Ok(parsed) = Gstin::parse(&mistyped) {
            prop_assert!(position >= 2);
            prop_assert_eq!(parsed.value.form(), GstinForm::Transporter);
            prop_assert_eq!(parsed.warnings, [Warning::TransporterCheckCharacter]);
        }
    }

    /// The checksum misses swapped neighbours only where they are 0 and Z, and there the shape does not allow the swap.
    #[test]
    fn swapped_neighbours_are_caught(body in gstin_body(), position in 0usize..14) {
        let text = with_check_character(&body);
        let (left, right) = (text.as_bytes()[position], text.as_bytes()[position + 1]);
        prop_assume!(left != right);
        let swapped = format!("{}{}{}{}", &text[..position], char::from(right), char::from(left), &text[position + 2..]);
        if let Ok(parsed) = Gstin::parse(&swapped) {
            prop_assert_eq!(parsed.value.form(), GstinForm::Transporter);
        }
    }

    #[test]
    fn no_text_makes_a_parser_panic(text in any::<String>()) {
        let _ = (Gstin::parse(&text), Pan::parse(&text), Udyam::parse(&text), MobileNumber::parse(&text));
        let _ = (Gstin::parse_ordinary(&text), Gstin::normalise(&text), Gstin::check_character(&text));
        let _ = (MobileNumber::parse_strict10(&text), Uam::parse(&text));
        let _ = (PinCode::parse(&text), EmailAddress::parse(&text), IndianState::parse(&text));
    }

    #[test]
    fn a_mobile_number_survives_its_own_spellings(national in 6_000_000_000u64..=9_999_999_999) {
        let expected = format!("+91{national}");
        for text in [
            format!("{national}"),
            format!("0{national}"),
            format!("91{national}"),
            format!("+91-{national}"),
            format!("0091 {national}"),
            format!("+91{national}.0"),
            format!("'0{national}"),
            format!("+91 0{national}"),
        ] {
            let number = MobileNumber::parse(&text).unwrap().value;
            prop_assert_eq!(number.as_str(), &expected);
        }
    }

    /// Texts a character or two away from real ones reach deeper than any text does.
    #[test]
    fn no_damaged_identifier_makes_a_parser_panic(text in damaged()) {
        let _ = (Gstin::parse(&text), Gstin::parse_ordinary(&text), Pan::parse(&text), Udyam::parse(&text), Uam::parse(&text));
        let _ = (MobileNumber::parse(&text), MobileNumber::parse_strict10(&text), PinCode::parse(&text), EmailAddress::parse(&text));
        let _ = IndianState::parse(&text);
    }

    #[test]
    fn what_was_parsed_parses_to_itself_and_survives_json(text in accepted()) {
        macro_rules! check {
            ($($type:ty),*) => {$(
                if let Ok(value) = text.parse::<$type>() {
                    prop_assert_eq!(&value.to_string().parse::<$type>().unwrap(), &value);
                    let json = serde_json::to_string(&value).unwrap();
                    prop_assert_eq!(serde_json::from_str::<$type>(&json).unwrap(), value);
                }
            )*};
        }
        check!(Gstin, Pan, Udyam, Uam, MobileNumber, PinCode, EmailAddress, IndianState);
        prop_assert_eq!(Gstin::normalise(&Gstin::normalise(&text)), Gstin::normalise(&text));
    }
}

fn sample() -> impl Strategy<Value = String> {
    prop_oneof![
        body_of_any_form().prop_map(|(body, _)| with_check_character(&body)),
        transporter_body().prop_map(|body| with_check_character(&body)),
        "[A-Z]{3}[PCHFATBLJGK][A-Z][0-9]{4}[A-Z]",
        "UDYAM-[A-Z]{2}-[0-9]{2}-[0-9]{7}",
        "[A-Z]{2}[0-9]{2}[A-Z][0-9]{7}",
        "[6-9][0-9]{9}",
        "[1-9][0-9]{5}",
        "[a-z]{1,8}@[a-z]{1,8}\\.example",
        Just("Maharashtra".to_owned()),
    ]
}

/// Samples as people write them.
fn accepted() -> impl Strategy<Value = String> {
    (sample(), "[ \u{a0}\u{feff}]?", any::<bool>()).prop_map(|(text, space, lower)| {
        let text = if lower { text.to_lowercase() } else { text };
        format!("{space}{text}{space}")
    })
}

fn damaged() -> impl Strategy<Value = String> {
    (sample(), any::<prop::sample::Index>(), any::<char>(), any::<bool>()).prop_map(|(text, index, typed, replace)| {
        let mut chars: Vec<char> = text.chars().collect();
        let at = index.index(chars.len());
        if replace {
            chars[at] = typed;
        } else {
            chars.insert(at, typed);
        }
        chars.into_iter().collect()
    })
}
