//! Files: whatever is uploaded, and the parts of what might be a workbook.

use bolero::check;
use sheets::{Limits, Row};

use super::TIME;
use crate::support::{self, workbook_with};

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
