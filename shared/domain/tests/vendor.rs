//! Vendors: what is accepted, what is refused and what is said about it.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use domain::columns::{COLUMNS, column_for};
use domain::vendor::{FieldError, MsmeStatus, MsmeStatusError, ParsedVendor, RawVendor, Strictness, VendorProfile};

#[test]
fn personal_values_are_masked_in_logs() {
    let mut raw = raw_vendor();
    raw.contact_person_name = Some("Ravi Kumar".into());
    raw.registered_address = Some("1 Sample Road".into());
    raw.gst_numbers = Vec::new();
    let (profile, _) = VendorProfile::parse(raw).unwrap();
    let shown = format!("{profile:?}");
    for secret in ["AAPFU0939F", "9876543210", "ravi@", "Ravi", "Sample Road"] {
        assert!(!shown.contains(secret), "{shown}");
    }
    assert!(shown.contains("AAPFUXXXXF") && shown.contains("+91XXXXXX3210") && shown.contains("r***@zorvani.example"));
}

fn raw_vendor() -> RawVendor {
    RawVendor {
        vendor_code: Some("v-1001".into()),
        company_name: Some("Zorvani\u{a0} Castings  LLP ".into()),
        emails: vec!["ravi@zorvani.example".into()],
        phone_numbers: vec!["098765 43210".into()],
        state: Some("Maharashtra".into()),
        pin_code: Some("411 001".into()),
        gst_numbers: vec!["27aapfu0939f1zv".into()],
        pan_number: Some("AAPFU0939F".into()),
        udyam_number: Some("N/A".into()),
        ..RawVendor::default()
    }
}

#[track_caller]
fn warning_codes(raw: RawVendor) -> Vec<&'static str> {
    VendorProfile::parse(raw).unwrap().1.into_iter().map(|warning| warning.code).collect()
}

#[track_caller]
fn error_codes(raw: RawVendor) -> Vec<(&'static str, &'static str)> {
    VendorProfile::parse(raw)
        .unwrap_err()
        .into_iter()
        .map(|error| (error.field, error.code))
        .collect()
}

#[test]
fn a_vendor_survives_cleaning_and_json() {
    let (profile, warnings) = VendorProfile::parse(raw_vendor()).unwrap();
    assert_eq!(warnings, []);
    assert_eq!(profile.company_name, "Zorvani Castings LLP");
    assert_eq!((profile.vendor_code.as_str(), profile.vendor_code.key().as_str()), ("v-1001", "V-1001"));
    assert_eq!(profile.udyam_number, None);

    let json = serde_json::to_string(&profile).unwrap();
    assert!(
        json.contains(r#""phone_numbers":["+919876543210"]"#) && json.contains(r#""state":"Maharashtra""#),
        "{json}"
    );
    assert_eq!(serde_json::from_str::<VendorProfile>(&json).unwrap(), profile);
    let corrupt = json.replace("27AAPFU0939F1ZV", "27AAPFU0939F1ZX");
    assert!(serde_json::from_str::<VendorProfile>(&corrupt).is_err());
}

#[test]
fn every_wrong_field_is_reported_at_once() {
    let raw = RawVendor {
        company_name: Some(" - ".into()),
        emails: vec!["nobody".into()],
        phone_numbers: vec!["9.87654E+09".into()],
        state: Some("Atlantis".into()),
        pin_code: Some("011001".into()),
        gst_numbers: vec!["27AAPFU0939F1ZO".into()],
        pan_number: Some("AAPXU0939F".into()),
        udyam_number: Some("12345".into()),
        ..RawVendor::default()
    };
    assert_eq!(
        error_codes(raw),
        [
            ("vendor_code", "vendor_code_missing"),
            ("company_name", "company_name_missing"),
            ("email", "email_no_at"),
            ("phone_number", "phone_scientific_notation"),
            ("state", "state_unknown"),
            ("pin_code", "pin_leading_zero"),
            ("gst_number", "gstin_check_character"),
            ("pan_number", "pan_holder"),
            ("udyam_number", "udyam_shape"),
        ]
    );
    let code = |text: &str| {
        error_codes(RawVendor {
            vendor_code: Some(text.into()),
            ..raw_vendor()
        })
    };
    assert_eq!(code("1.00E+05"), [("vendor_code", "vendor_code_scientific_notation")]);
    assert_eq!(code(&"9".repeat(41)), [("vendor_code", "vendor_code_length")]);
    assert_eq!(code("V\u{7}1"), [("vendor_code", "vendor_code_control_character")]);
    let long = RawVendor {
        company_name: Some("Z".repeat(201)),
        ..raw_vendor()
    };
    assert_eq!(error_codes(long), [("company_name", "too_long")]);
}

#[test]
fn pan_and_gstin_must_agree() {
    let other = RawVendor {
        pan_number: Some("AAKFD7113K".into()),
        ..raw_vendor()
    };
    assert_eq!(error_codes(other), [("pan_number", "pan_gstin_mismatch")]);

    for absent in ["", "PANNOTAVBL"] {
        let raw = RawVendor {
            pan_number: Some(absent.into()),
            ..raw_vendor()
        };
        let (profile, warnings) = VendorProfile::parse(raw).unwrap();
        assert_eq!(profile.pan_number.unwrap().as_str(), "AAPFU0939F");
        assert_eq!(warnings[0].code, "pan_from_gstin");
    }
}

#[test]
fn places_that_disagree_and_lapsed_numbers_only_warn() {
    let moved = RawVendor {
        state: Some("Kerala".into()),
        ..raw_vendor()
    };
    assert_eq!(warning_codes(moved), ["pin_state_mismatch", "gstin_state_mismatch"]);
    let lapsed = RawVendor {
        udyam_number: Some("MH26A0012345".into()),
        ..raw_vendor()
    };
    assert_eq!(warning_codes(lapsed), ["expired_uam"]);
}

#[test]
fn of_several_values_the_valid_ones_are_taken_and_the_others_named() {
    #[track_caller]
    fn check(email: &str, phone: &str, found: (usize, usize), warned: &[&str]) {
        let raw = RawVendor {
            emails: vec![email.into()],
            phone_numbers: vec![phone.into()],
            ..raw_vendor()
        };
        let (profile, warnings) = VendorProfile::parse(raw).unwrap();
        assert_eq!(profile.email().unwrap().as_str(), "a@zorvani.example");
        assert_eq!(profile.phone_number().unwrap().as_str(), "+919876543210");
        assert_eq!((profile.emails.len(), profile.phone_numbers.len()), found);
        assert_eq!(warnings.iter().map(|warning| warning.code).collect::<Vec<_>>(), warned);
    }
    check("a@zorvani.example; b@zorvani.example", "9876543210 / 98765 43211", (2, 2), &[]);
    check(
        "a@zorvani.example/b@zorvani.example",
        "022-24000000, 9876543210",
        (2, 1),
        &["phone_dropped"],
    );
    check("a@zorvani.example, nobody", "9876543210/9876543210", (1, 1), &["email_dropped"]);
    check("a@zorvani.example,", "9876543210/-", (1, 1), &[]);

    let slash = RawVendor {
        emails: vec!["a/b@zorvani.example".into()],
        ..raw_vendor()
    };
    assert_eq!(VendorProfile::parse(slash).unwrap().0.email().unwrap().as_str(), "a/b@zorvani.example");
    let none = RawVendor {
        phone_numbers: vec!["022-24000000 / 12345".into()],
        ..raw_vendor()
    };
    let errors = ParsedVendor::parse_with(none, Strictness::Strict).unwrap_err();
    let codes: Vec<_> = errors.iter().map(|error| (error.field, error.code)).collect();
    assert_eq!(codes, [("phone_number", "phone_not_mobile"), ("phone_number", "phone_length")]);
    let many = RawVendor {
        emails: (0..6).map(|i| format!("a{i}@zorvani.example")).collect(),
        ..raw_vendor()
    };
    assert_eq!(error_codes(many), [("email", "too_many")]);
}

#[test]
fn gstins_of_one_vendor_are_of_one_pan() {
    let raw = RawVendor {
        gst_numbers: vec!["27AAPFU0939F1ZV".into(), "29AAGCB7383J1Z4".into()],
        pan_number: None,
        ..raw_vendor()
    };
    assert_eq!(error_codes(raw), [("gst_number", "gstins_of_several_pans")]);
}

#[test]
fn the_rest_of_a_record_is_read_as_people_write_it() {
    let json = serde_json::json!({
        "vendor_code": "V-7", "company_name": "Kaveri", "email": "a@kaveri.example", "pin_code": 560001, "country": "India",
        "annual_turnover": "1.25 crore", "year_established": 1998, "currency": "rs", "activity": "Manufacturer",
        "udyam_registration_date": "2021-04-05", "tags": ["Plant-2", "critical", "plant-2"], "nda": true, "sqa": "No", "four_m": "Y",
        "msme_status": "MSME Certified", "attributes": { "plant": "Hosur", "empty": " " },
        "opt_ins": [{ "channel": "whatsapp", "source": "vendor portal", "text_version": "2", "at": "2026-01-02T03:04:05Z" }],
    });
    let raw: RawVendor = serde_json::from_value(json).unwrap();
    let ParsedVendor { profile, claim, warnings } = ParsedVendor::parse(raw).unwrap();
    assert_eq!(profile.annual_turnover_paise, Some(1_250_000_000));
    assert_eq!(
        (profile.year_established, profile.currency.as_deref(), profile.country.as_deref()),
        (Some(1998), Some("INR"), Some("IN"))
    );
    assert_eq!(profile.tags, ["critical", "plant-2"]);
    assert_eq!(
        (profile.nda, profile.sqa, profile.four_m, profile.code_of_conduct),
        (Some(true), Some(false), Some(true), None)
    );
    assert_eq!((claim, warnings[0].code), (None, "msme_status_ambiguous"));
    assert_eq!(profile.attributes.get("msme_status_claimed").unwrap(), "MSME Certified");
    assert_eq!(profile.opt_ins.len(), 1);
    // What is typed again gives the same.
    assert_eq!(VendorProfile::parse(RawVendor::from(&profile)).unwrap(), (profile.clone(), vec![]));

    let claimed = RawVendor {
        msme_status: Some("Non MSME".into()),
        ..RawVendor::from(&profile)
    };
    assert_eq!(ParsedVendor::parse(claimed).unwrap().claim, Some(MsmeStatus::NotRegistered));
}

#[test]
fn a_newer_row_overlays_what_it_says_and_leaves_consents_alone() {
    let (old, _) = VendorProfile::parse(raw_vendor()).unwrap();
    let newer = RawVendor {
        emails: vec!["new@zorvani.example".into()],
        city: Some(" ".into()),
        annual_turnover: Some("2 lakh".into()),
        ..RawVendor::default()
    };
    let (profile, _) = VendorProfile::parse(RawVendor::from(&old).overlaid_by(newer)).unwrap();
    assert_eq!(profile.emails[0].as_str(), "new@zorvani.example");
    assert_eq!(
        (profile.company_name, profile.annual_turnover_paise),
        (old.company_name, Some(20_000_000))
    );
}

#[test]
fn what_stands_for_nothing_takes_the_place_of_nothing() {
    let (old, _) = VendorProfile::parse(raw_vendor()).unwrap();
    let newer = RawVendor {
        pan_number: Some("PANNOTAVBL".into()),
        udyam_number: Some("MH26A0012345".into()),
        gst_numbers: vec!["URP".into()],
        phone_numbers: vec!["022-66667777 / 2666 7777".into(), "+44 20 7946 0000".into()],
        udyam_registration_date: Some("00.00.0000".into()),
        ..RawVendor::default()
    };
    let (newer, warnings) = newer.without_placeholders();
    let fields: Vec<_> = warnings.iter().map(|warning| (warning.field, warning.code)).collect();
    let all = ["pan_number", "udyam_number", "udyam_registration_date", "gst_number", "phone_number"];
    assert_eq!(fields, all.map(|field| (field, "placeholder_ignored")));
    assert_eq!(VendorProfile::parse(RawVendor::from(&old).overlaid_by(newer)).unwrap().0, old);

    let real = RawVendor {
        phone_numbers: vec!["9876500001".into(), "022-66667777".into()],
        ..RawVendor::default()
    };
    assert!(real.clone().without_placeholders() == (real, vec![]), "a real number among them is one");
}

#[test]
fn a_wrong_value_beside_right_ones_is_a_warning_in_a_file_and_an_error_in_a_request() {
    let with = |phones: &str, emails: &str| RawVendor {
        phone_numbers: vec![phones.into()],
        emails: vec![emails.into()],
        gst_numbers: vec![],
        pan_number: None,
        ..raw_vendor()
    };
    for (phones, emails, lenient, strict) in [
        ("9876500001; 022-66667777", "a@x.example", Ok("phone_dropped"), "phone_not_mobile"),
        ("022-66667777", "a@x.example", Ok("phone_dropped"), "phone_not_mobile"),
        ("+44 20 7946 0000", "a@x.example", Ok("phone_dropped"), "phone_foreign_country"),
        ("2666 7777", "", Ok("phone_dropped"), "phone_length"),
        ("987650000", "", Err("phone_length"), "phone_length"),
        ("9.87654E+09", "", Err("phone_scientific_notation"), "phone_scientific_notation"),
        ("", "a@x.example; bad", Ok("email_dropped"), "email_shape"),
    ] {
        let codes = |errors: Vec<FieldError>| errors.into_iter().map(|error| error.code).collect::<Vec<_>>();
        match (ParsedVendor::parse(with(phones, emails)), lenient) {
            (Ok(parsed), Ok(code)) => assert!(parsed.warnings.iter().any(|warning| warning.code == code), "{phones} {emails}"),
            (Err(errors), Err(code)) => assert_eq!(codes(errors), [code], "{phones} {emails}"),
            (found, _) => panic!("{phones} {emails}: {found:?}"),
        }
        let errors = codes(ParsedVendor::parse_with(with(phones, emails), Strictness::Strict).unwrap_err());
        assert!(
            errors[0] == strict || (strict == "email_shape" && errors[0].starts_with("email")),
            "{errors:?}"
        );
    }
}

#[test]
fn a_status_that_is_none_is_kept_in_its_own_words_and_breaks_no_limit() {
    let with = |status: &str, attributes: &[(&str, &str)]| RawVendor {
        msme_status: Some(status.into()),
        attributes: attributes.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        ..raw_vendor()
    };
    for word in ["Yes", "No", "Y", "N", "Registered", "1", "0", "1.0", "TRUE"] {
        let parsed = ParsedVendor::parse(with(word, &[])).unwrap();
        assert_eq!((parsed.claim, parsed.warnings[0].code), (None, "msme_status_ambiguous"), "{word}");
        assert_eq!(parsed.profile.attributes["msme_status_claimed"], word);
    }
    let own = ParsedVendor::parse(with("Yes", &[("msme_status_claimed", "mine")])).unwrap();
    assert_eq!(own.profile.attributes["msme_status_claimed"], "mine");
    let names: Vec<String> = (0..40).map(|n| format!("f{n}")).collect();
    let many: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "x")).collect();
    let full = ParsedVendor::parse(with("Yes", &many)).unwrap();
    assert!(full.warnings.iter().any(|warning| warning.code == "msme_status_not_kept"));
    // Typed again, it is accepted again.
    assert!(VendorProfile::parse(RawVendor::from(&full.profile)).is_ok());
    let older = RawVendor::from(&ParsedVendor::parse(with("Yes", &[])).unwrap().profile);
    let newer = RawVendor {
        msme_status: Some("No".into()),
        ..RawVendor::default()
    };
    let merged = ParsedVendor::parse(older.overlaid_by(newer)).unwrap();
    assert_eq!(merged.profile.attributes["msme_status_claimed"], "No");
}

#[test]
fn every_wrong_new_field_is_reported() {
    let raw = RawVendor {
        annual_turnover: Some("plenty".into()),
        year_established: Some("98".into()),
        currency: Some("rupaiya".into()),
        udyam_registration_date: Some("05/04/2021".into()),
        activity: Some("dreaming".into()),
        msme_status: Some("enormous".into()),
        nda: Some("perhaps".into()),
        ..raw_vendor()
    };
    let codes: Vec<_> = error_codes(raw).into_iter().map(|(field, _)| field).collect();
    let fields = [
        "annual_turnover",
        "year_established",
        "currency",
        "udyam_registration_date",
        "activity",
        "msme_status",
        "nda",
    ];
    assert_eq!(codes, fields);
}

#[test]
fn headers_of_erp_exports_find_their_column() {
    #[track_caller]
    fn check(header: &str, expected: Option<&str>) {
        assert_eq!(column_for(header).map(|column| column.name), expected, "{header}");
    }
    for column in COLUMNS.iter().map(|column| column.name) {
        check(column, Some(column));
        check(&column.to_uppercase().replace('_', " "), Some(column));
    }
    check("\u{feff}Vendor Code", Some("vendor_code"));
    check("LIFNR", Some("vendor_code"));
    check("NAME1", Some("company_name"));
    check("J_1IPANNO", Some("pan_number"));
    check("STCD3", Some("gst_number"));
    check("SMTP_ADDR", Some("email"));
    check("TELF2", Some("phone_number"));
    check("GST Identification Number (GSTIN)", Some("gst_number"));
    check("EmailID", Some("email"));
    check("PAN/IT No.", Some("pan_number"));
    check("GSTIN/UIN", Some("gst_number"));
    check("Tax Registration Number", Some("gst_number"));
    check("Supplier Number", Some("vendor_code"));
    check("WhatsApp No", Some("phone_number"));
    check("MSME No", Some("udyam_number"));
    check("URN", Some("udyam_number"));
    check("Bank Account", None);
    check("", None);
}

#[test]
fn the_first_filled_source_column_counts_and_several_are_collected() {
    let mut raw = RawVendor::default();
    assert!(raw.is_blank());
    assert!(raw.fill("city", " N/A ") && raw.fill("city", "Hosur") && raw.fill("city", "Pune"));
    assert!(raw.fill("phone_number", " N/A ") && raw.fill("phone_number", "1") && raw.fill("phone_number", "2"));
    assert_eq!((raw.city.as_deref(), raw.phone_numbers.len()), (Some("Hosur"), 2));
    assert!(raw.fill("attributes.plant", "Hosur"));
    assert!(!raw.is_blank() && !raw.fill("LAND1", "IN"));
    for column in COLUMNS.iter().map(|column| column.name) {
        assert!(RawVendor::default().fill(column, "x"), "{column}");
    }
}

#[test]
fn old_status_words_are_taken_only_where_they_have_one_meaning() {
    for status in MsmeStatus::ALL {
        assert_eq!(MsmeStatus::parse(status.as_str()), Ok(status));
        assert_eq!(serde_json::to_value(status).unwrap(), status.as_str());
    }
    for text in ["Non MSME", "non_msme"] {
        assert_eq!(MsmeStatus::parse(text), Ok(MsmeStatus::NotRegistered));
    }
    for text in ["MSME Certified", "msme_certified", "MSME Application Pending", "msme_pending", "Others"] {
        assert_eq!(MsmeStatus::parse(text), Err(MsmeStatusError::Ambiguous));
    }
    assert_eq!(MsmeStatus::parse("enormous"), Err(MsmeStatusError::Unrecognised));
}

#[test]
fn the_sample_file_is_mostly_good() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/data/vendors.csv");
    let mut reader = csv::Reader::from_path(path).unwrap();
    let columns: Vec<_> = reader.headers().unwrap().iter().map(|header| column_for(header).unwrap().name).collect();
    assert_eq!(columns.len(), 13);

    let (mut codes, mut refusals) = (Vec::new(), Vec::new());
    let mut warned = 0;
    for record in reader.records() {
        let mut raw = RawVendor::default();
        for (column, value) in columns.iter().zip(&record.unwrap()) {
            raw.fill(column, value);
        }
        match VendorProfile::parse(raw) {
            Ok((profile, warnings)) => {
                codes.push(profile.vendor_code.key());
                warned += usize::from(!warnings.is_empty());
            }
            Err(errors) => refusals.push(errors),
        }
    }
    assert_eq!((codes.len(), refusals.len()), (535, 25));
    assert!(refusals.iter().all(|errors| errors.len() == 1), "{refusals:?}");
    assert!(warned > 20, "{warned}");
    codes.sort();
    codes.dedup();
    assert_eq!(codes.len(), 532);
}

proptest::proptest! {
    #[test]
    fn no_text_makes_the_vendor_parser_panic(text in proptest::prelude::any::<String>()) {
        let several = vec![text.clone()];
        let _ = column_for(&text);
        let raw = RawVendor {
            vendor_code: Some(text.clone()),
            company_name: Some(text.clone()),
            annual_turnover: Some(text.clone()),
            country: Some(text.clone()),
            currency: Some(text.clone()),
            emails: several.clone(),
            phone_numbers: several.clone(),
            gst_numbers: several.clone(),
            tags: several,
            msme_status: Some(text),
            ..raw_vendor()
        };
        let _ = VendorProfile::parse(raw);
    }
}
