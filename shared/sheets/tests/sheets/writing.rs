//! What is written is read again, and computes nothing.

use std::io::Read as _;

use sheets::{Kind, SheetWriter};

use crate::support;

const CELLS: [&[&str]; 4] = [
    &["V-1", "=HYPERLINK(\"http://x\")", "+919876543210"],
    &["00123", "Café; \"Sons\", & Co\nline two", "-5"],
    &["'=1", "@SUM(A1)", "\ttab"],
    &["9876543210123456789", "", "a_x000D_b"],
];

fn written(kind: Kind) -> Vec<u8> {
    let mut writer = SheetWriter::new(kind, &["vendor_code", "company_name", "phone_number"]).unwrap();
    for row in CELLS {
        writer.write(row).unwrap();
    }
    let mut bytes = Vec::new();
    writer.finish().unwrap().read_to_end(&mut bytes).unwrap();
    bytes
}

#[test]
fn both_kinds_come_back_as_they_were() {
    for kind in [Kind::Csv, Kind::Xlsx] {
        let (sheet, rows) = support::read(&written(kind)).unwrap();
        assert_eq!(sheet.header(), ["vendor_code", "company_name", "phone_number"], "{kind:?}");
        let cells: Vec<_> = rows.iter().map(|row| row.cells.clone()).collect();
        assert_eq!(cells, CELLS, "{kind:?}");
        assert!(rows.iter().all(|row| row.flaws.is_empty()), "{kind:?}");
    }
}

#[test]
fn no_cell_of_a_csv_file_begins_a_formula() {
    let text = String::from_utf8(written(Kind::Csv)).unwrap();
    let text = text.strip_prefix('\u{feff}').unwrap();
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    for record in reader.records() {
        for cell in &record.unwrap() {
            assert!(!cell.starts_with(['=', '+', '-', '@', '\t', '\r']), "{cell:?}");
        }
    }
}

#[test]
fn a_workbook_has_text_and_no_formula() {
    let bytes = written(Kind::Xlsx);
    let archive = rawzip::ZipArchive::from_slice(&bytes).unwrap();
    let mut entries = archive.entries();
    let mut seen = false;
    while let Some(entry) = entries.next_entry().unwrap() {
        if entry.file_path().as_ref() == b"xl/worksheets/sheet1.xml" {
            let local = archive.get_entry(entry.wayfinder()).unwrap();
            let mut xml = String::new();
            flate2::read::DeflateDecoder::new(local.data()).read_to_string(&mut xml).unwrap();
            assert!(!xml.contains("<f>"), "{xml}");
            assert!(!xml.contains("<c r=\"A3\"><v>"), "{xml}");
            seen = true;
        }
    }
    assert!(seen);
}

#[test]
fn a_hundred_thousand_rows_are_written_and_read() {
    for kind in [Kind::Csv, Kind::Xlsx] {
        let mut writer = SheetWriter::new(kind, &["vendor_code", "company_name"]).unwrap();
        for number in 0..100_000 {
            writer.write(&[format!("V-{number}"), format!("Vendor {number}")]).unwrap();
        }
        let mut bytes = Vec::new();
        writer.finish().unwrap().read_to_end(&mut bytes).unwrap();
        let file = support::file(&bytes);
        let sheet = support::open(file.path(), sheets::Limits::default()).unwrap();
        assert_eq!(sheet.filter(|row| row.is_ok()).count(), 100_000, "{kind:?}");
    }
}
