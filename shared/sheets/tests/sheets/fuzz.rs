//! Fuzz targets. As tests they play the stored corpus (`__fuzz__/<target>/corpus`, and `crashes` found before) and then random
//! inputs for half a second; `BOLERO_RANDOM_TEST_TIME_MS` lets them go on longer. With `cargo bolero` the same targets run
//! under a coverage-guided engine, which needs a nightly compiler and is no part of CI.
//!
//! A target asserts no result, only that there is one: no panic, and nothing beyond the limits.

use std::time::Duration;

use bolero::check;
use sheets::{Limits, Row};

use crate::support::{self, workbook_with};

const TIME: Duration = Duration::from_millis(500);

/// Small, so that a limit is met soon.
const LIMITS: Limits = Limits {
    file_bytes: 1_000_000,
    rows: 50,
    columns: 20,
    cell_chars: 100,
    row_bytes: 4096,
    empty_rows: 100,
    unpacked_bytes: 200_000,
};

fn is_within_limits(rows: &[Row]) {
    assert!(rows.len() <= 50);
    let mut last = 0;
    for row in rows {
        assert!(row.number > last, "rows are in order");
        last = row.number;
        assert!(row.cells.len() <= 20);
        assert!(row.cells.iter().all(|cell| cell.chars().count() <= 100));
        assert!(row.flaws.iter().all(|(cell, _)| *cell < row.cells.len()));
    }
}

fn read(bytes: &[u8]) {
    match support::read_within(bytes, LIMITS) {
        Ok((sheet, rows)) => {
            assert!(sheet.header().len() <= 20);
            is_within_limits(&rows);
        }
        Err(error) => {
            assert!(error.is_permanent(), "{error}");
            assert!(error.to_string().len() < 1_000);
        }
    }
}

/// Any file: most inputs are text.
#[test]
fn any_file() {
    check!(name = "any_file").with_test_time(TIME).for_each(|bytes: &[u8]| read(bytes));
}

/// Delimited text made of what delimited text is made of, so that random inputs get far.
#[test]
fn delimited_text() {
    const PIECES: [&str; 16] = [
        "vendor_code",
        "Company Name",
        "V-1",
        ",",
        ";",
        "\t",
        "|",
        "\"",
        "\"\"",
        "\n",
        "\r\n",
        "\r",
        "=1+1",
        "'+91",
        "\u{feff}",
        "é",
    ];
    check!(name = "delimited_text").with_test_time(TIME).for_each(|bytes: &[u8]| {
        let text: String = bytes.iter().map(|byte| PIECES[usize::from(byte % 16)]).collect();
        read(text.as_bytes());
    });
}

/// The XML of a worksheet in a sound package.
#[test]
fn worksheet() {
    check!(name = "worksheet").with_test_time(TIME).for_each(|bytes: &[u8]| {
        let strings = "<sst><si><t>vendor_code</t></si><si><t>x</t></si></sst>";
        read(&workbook_with(&[("V", "visible", "")], strings, &[("xl/worksheets/sheet0.xml", bytes)]));
    });
}

/// A worksheet made of tags, so that random inputs get far.
#[test]
fn worksheet_tags() {
    const PIECES: [&str; 24] = [
        "<row>",
        "</row>",
        "<row r=\"3\">",
        "<c>",
        "</c>",
        "<c r=\"B2\">",
        "<c t=\"s\">",
        "<c s=\"1\">",
        "<c t=\"e\">",
        "<c t=\"inlineStr\">",
        "<v>",
        "</v>",
        "<f>",
        "</f>",
        "<is>",
        "</is>",
        "<t>",
        "</t>",
        "1",
        "44291.5",
        "9e99",
        "_x000D_",
        "&amp;",
        "&#0;",
    ];
    check!(name = "worksheet_tags").with_test_time(TIME).for_each(|bytes: &[u8]| {
        let rows: String = bytes.iter().map(|byte| PIECES[usize::from(byte % 24)]).collect();
        read(&workbook_with(&[("V", "visible", &rows)], "<sst><si><t>a</t></si></sst>", &[]));
    });
}

/// The other parts of a workbook.
#[test]
fn workbook_parts() {
    const PARTS: [&str; 5] = [
        "xl/workbook.xml",
        "xl/styles.xml",
        "xl/sharedStrings.xml",
        "_rels/.rels",
        "xl/_rels/workbook.xml.rels",
    ];
    check!(name = "workbook_parts").with_test_time(TIME).for_each(|bytes: &[u8]| {
        let Some((part, xml)) = bytes.split_first() else { return };
        let part = PARTS[usize::from(*part) % PARTS.len()];
        let rows = r#"<row><c t="s"><v>0</v></c><c s="1"><v>5</v></c></row>"#;
        read(&workbook_with(&[("V", "visible", rows)], "<sst><si><t>a</t></si></sst>", &[(part, xml)]));
    });
}

/// What is written is read again.
#[test]
fn round_trip() {
    check!(name = "round_trip")
        .with_test_time(TIME)
        .with_type::<Vec<String>>()
        .for_each(|cells: &Vec<String>| {
            for kind in [sheets::Kind::Csv, sheets::Kind::Xlsx] {
                // Control characters are no text of a cell, and a blank row none.
                let cells: Vec<String> = cells
                    .iter()
                    .take(10)
                    .map(|cell| cell.chars().filter(|c| !c.is_control() && !is_noncharacter(*c)).collect())
                    .collect();
                let row: Vec<String> = std::iter::once("V".to_owned()).chain(cells).collect();
                let header: Vec<String> = (0..row.len()).map(|n| format!("column {n} ")).collect();
                let mut writer = sheets::SheetWriter::new(kind, &header).unwrap();
                writer.write(&row).unwrap();
                let mut bytes = Vec::new();
                std::io::Read::read_to_end(&mut writer.finish().unwrap(), &mut bytes).unwrap();
                let (_, rows) = support::read(&bytes).unwrap();
                assert_eq!(rows[0].cells, row, "{kind:?}");
            }
        });
}

/// XML has no such characters.
fn is_noncharacter(c: char) -> bool {
    u32::from(c) & 0xfffe == 0xfffe
}

/// The headers of a file, and a mapping of them.
#[test]
fn header_mapping() {
    check!(name = "header_mapping").with_test_time(TIME).for_each(|bytes: &[u8]| {
        let text = String::from_utf8_lossy(bytes);
        let headers: Vec<&str> = text.split(['\n', ',']).collect();
        let found = domain::columns::recognise(&headers);
        assert_eq!(found.headers.len(), headers.len());
        if let Ok(plan) = found.mapping.plan(&headers) {
            let cells: Vec<String> = headers.iter().map(|header| (*header).to_owned()).collect();
            let _ = plan.is_supplier(&cells);
            assert!(plan.values(&cells).all(|value| !value.text.is_empty()));
        }
        let json = serde_json::to_string(&found.mapping).unwrap();
        assert_eq!(serde_json::from_str::<domain::columns::Mapping>(&json).unwrap(), found.mapping);
    });
}

/// Every identifier, and the repairs of every column: what is proposed needs no second repair, and what parses is written so
/// that it parses.
#[test]
fn identifiers_and_repairs() {
    use domain::identifiers::{EmailAddress, Gstin, IndianState, MobileNumber, Pan, PinCode, Udyam};
    check!(name = "identifiers_and_repairs").with_test_time(TIME).for_each(|bytes: &[u8]| {
        let text = &*String::from_utf8_lossy(bytes);
        if let Ok(found) = Gstin::parse(text) {
            assert!(Gstin::parse(found.value.as_str()).is_ok());
        }
        if let Ok(found) = Pan::parse(text) {
            assert!(Pan::parse(found.value.as_str()).is_ok());
        }
        if let Ok(found) = Udyam::parse(text) {
            assert!(Udyam::parse(found.value.as_str()).is_ok());
        }
        if let Ok(found) = MobileNumber::parse(text) {
            assert!(MobileNumber::parse(found.value.as_str()).is_ok());
        }
        if let Ok(found) = PinCode::parse(text) {
            assert!(PinCode::parse(found.as_str()).is_ok());
        }
        if let Ok(found) = EmailAddress::parse(text) {
            assert!(EmailAddress::parse(found.as_str()).is_ok());
        }
        let _ = IndianState::parse(text);
        for column in &domain::columns::COLUMNS {
            if let Some(repair) = domain::repairs::propose(column.name, text) {
                assert_ne!(repair.to, text);
                assert_eq!(domain::repairs::propose(column.name, &repair.to), None, "{}", column.name);
            }
        }
    });
}
