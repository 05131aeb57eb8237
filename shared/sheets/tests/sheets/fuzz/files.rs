//! Files: whatever is uploaded, and the parts of what might be a workbook.

use sheets::{Limits, Row};

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
    play!("any_file", |bytes: &[u8]| read(bytes));
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
    play!("delimited_text", |bytes: &[u8]| {
        let text: String = bytes.iter().map(|byte| PIECES[usize::from(byte % 16)]).collect();
        read(text.as_bytes());
    });
}

/// The XML of a worksheet in a sound package.
#[test]
fn worksheet() {
    play!("worksheet", |bytes: &[u8]| {
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
    play!("worksheet_tags", |bytes: &[u8]| {
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
    play!("workbook_parts", |bytes: &[u8]| {
        let Some((part, xml)) = bytes.split_first() else { return };
        let part = PARTS[usize::from(*part) % PARTS.len()];
        let rows = r#"<row><c t="s"><v>0</v></c><c s="1"><v>5</v></c></row>"#;
        read(&workbook_with(&[("V", "visible", rows)], "<sst><si><t>a</t></si></sst>", &[(part, xml)]));
    });
}

/// What is written is read again.
#[test]
fn round_trip() {
    play!("round_trip", |bytes: &[u8]| {
        // Control characters are no text of a cell, so that one of them may divide cells.
        let text = String::from_utf8_lossy(bytes);
        let is_text = |c: &char| !c.is_control() && !is_noncharacter(*c);
        let cells = text.split('\u{1f}').take(10).map(|cell| cell.chars().filter(is_text).collect());
        // A blank row is none.
        let row: Vec<String> = std::iter::once("V".to_owned()).chain(cells).collect();
        let header: Vec<String> = (0..row.len()).map(|n| format!("column {n} ")).collect();
        for kind in [sheets::Kind::Csv, sheets::Kind::Xlsx] {
            let mut writer = sheets::SheetWriter::new(kind, &header).unwrap();
            writer.write(&row).unwrap();
            let mut written = Vec::new();
            std::io::Read::read_to_end(&mut writer.finish().unwrap(), &mut written).unwrap();
            let (_, rows) = support::read(&written).unwrap();
            assert_eq!(
                rows.iter().map(|row| &row.cells).collect::<Vec<_>>(),
                [&row],
                "{kind:?}: {}",
                String::from_utf8_lossy(&written)
            );
        }
    });
}

/// XML has no such characters.
fn is_noncharacter(c: char) -> bool {
    u32::from(c) & 0xfffe == 0xfffe
}
