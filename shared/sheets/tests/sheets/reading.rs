//! Files as people, ERP systems and attackers make them.

use crate::support::{archive, file, read, read_within, workbook, workbook_with};
use sheets::{Doubt, Flaw, Format, Limits, Options, SheetError, Shown};

const SHEET: &str = "xl/worksheets/sheet0.xml";

#[track_caller]
fn rows(bytes: &[u8]) -> Vec<(u32, String)> {
    let (_, rows) = read(bytes).unwrap();
    rows.into_iter().map(|row| (row.number, row.cells.join("|"))).collect()
}

#[track_caller]
fn row(bytes: &[u8]) -> String {
    let mut rows = rows(bytes);
    assert_eq!(rows.len(), 1);
    rows.remove(0).1
}

#[track_caller]
fn refused(bytes: &[u8]) -> String {
    match read(bytes) {
        Ok(_) => panic!("was read"),
        Err(error) => {
            let sentence = error.to_string();
            assert!(sentence.len() < 400, "{sentence}");
            error.code().to_owned()
        }
    }
}

#[test]
fn a_text_with_other_delimiters_in_it_divides_nothing() {
    let text = "Ledger,Remark\r\nV-1,\"asked; then; again, and | waits\"\r\n";
    assert_eq!(rows(text.as_bytes()), [(2, "V-1|asked; then; again, and | waits".to_owned())]);
}

#[test]
fn the_delimiter_is_the_one_that_makes_sense_of_the_header() {
    for delimiter in [',', ';', '\t', '|', '^', '~', ':'] {
        let text = format!("Vendor Code{delimiter}Name\r\nV-1{delimiter}Asha Castings\r\n");
        assert_eq!(rows(text.as_bytes()), [(2, "V-1|Asha Castings".to_owned())], "{delimiter:?}");
    }
    assert_eq!(row(b"remarks, if any;vendor_code;company_name\nx, y, z;V-1;A"), "x, y, z|V-1|A");
    // Unknown headers: the one that gives rows of one width.
    assert_eq!(row(b"alpha;beta, gamma;delta\n1;2, 3, 4;5"), "1|2, 3, 4|5");
    // Times of day are no columns.
    assert_eq!(row(b"alpha,beta at 10:00:00\n1,12:30:15"), "1|12:30:15");
}

#[test]
fn what_was_chosen_for_a_file_is_not_found_out() {
    let text = b"report;of;today\nname;place;x\nCaf\xe9;Pune, MH;1\n";
    let file = file(text);
    let options = Options {
        delimiter: Some(';'),
        encoding: Some("windows-1252"),
        header_row: Some(2),
        ..Options::default()
    };
    let mut sheet = sheets::open_with(file.path(), &options).unwrap();
    assert_eq!((sheet.header_row(), sheet.header()), (2, &["name", "place", "x"].map(str::to_owned)[..]));
    assert_eq!(sheet.next_row().unwrap().unwrap().cells, ["Caf\u{e9}", "Pune, MH", "1"]);
    let options = Options {
        header_row: Some(9),
        ..Options::default()
    };
    assert_eq!(sheets::open_with(file.path(), &options).unwrap_err().code(), "no_such_header");
}

#[test]
fn a_few_damaged_letters_do_not_spoil_the_others() {
    let mut bytes = "vendor_code,company_name\n".to_owned().into_bytes();
    for n in 0..20 {
        bytes.extend(format!("V-{n},\u{915}\u{93e}\u{935}\u{947}\u{930}\u{940}\n").into_bytes());
    }
    bytes.extend(b"V-20,Caf\xe9\n");
    let (sheet, found) = read(&bytes).unwrap();
    assert!(matches!(sheet.format(), Format::Delimited { encoding: "UTF-8", .. }));
    assert_eq!(found[0].cells[1], "\u{915}\u{93e}\u{935}\u{947}\u{930}\u{940}");
    let damaged: Vec<_> = found
        .iter()
        .filter(|row| !row.flaws.is_empty())
        .map(|row| (row.number, row.flaws.clone()))
        .collect();
    assert_eq!(damaged, [(22, vec![(1, Flaw::Undecodable)])]);
}

#[test]
fn quotation_marks_that_swallow_rows_are_noticed() {
    let doubts = |text: &str| {
        let (_, found) = read(text.as_bytes()).unwrap();
        found.iter().map(|row| (row.number, row.doubt)).collect::<Vec<_>>()
    };
    let header = "vendor_code,company_name,city,state\n";
    assert_eq!(
        doubts(&format!("{header}V-1,A,B,C\nV-2,\"D,E,F\nV-3,G,H,I\n")),
        [(2, None), (3, Some(Doubt::OpenQuote { lines: 2 }))]
    );
    assert_eq!(doubts(&format!("{header}V-1,\"A\",B,\"C\"")), [(2, None)]);
    // Two stray ones: between them lies a row, or the end of one and the beginning of the next.
    for swallowed in ["V-1,\"A,B,C\nV-2,D,E,F\nV-3,\"G,H,I\n", "V-1,\"A,B,C\nV-2,D\",E,F\n"] {
        let found = doubts(&format!("{header}{swallowed}"));
        assert!(matches!(found[0], (2, Some(Doubt::SwallowedRows { .. }))), "{swallowed:?}: {found:?}");
    }
    assert_eq!(doubts(&format!("{header}V-1,\"12 Road, Peenya\nBengaluru\",B,C\n")), [(2, None)]);
    // Inch signs between tabs and bars.
    for delimiter in ["\t", "|"] {
        let text = format!("{header}V-1,\"A,B,C\nV-2,12\" pipes,E,F\n").replace(',', delimiter);
        let (_, found) = read(text.as_bytes()).unwrap();
        assert_eq!(
            (found.len(), found[0].cells[1].as_str(), found[0].doubt),
            (2, "\"A", None),
            "{delimiter:?}"
        );
        let quoted = format!("{header}\"V-1\",\"A,\"\"B\",B,C\n").replace(",\"\"", "-").replace(',', delimiter);
        assert!(read(quoted.as_bytes()).unwrap().1[0].cells[1].starts_with('A'));
    }
}

#[test]
fn the_end_of_text_of_dos_is_no_row_and_no_letter() {
    for end in ["\u{1a}", "\r\n\u{1a}", "\r\n\u{1a}\r\n"] {
        assert_eq!(row(format!("vendor_code,company_name\r\nV-1,A{end}").as_bytes()), "V-1|A", "{end:?}");
    }
    assert_eq!(row(b"vendor_code,company_name\r\nV-1,Caf\xe9\x1a"), "V-1|Caf\u{e9}");
}

#[test]
fn a_web_page_is_no_workbook_whatever_its_name() {
    for text in [
        "<html><table><tr><td>vendor_code",
        "\u{feff}<?xml version=\"1.0\"?><Workbook>",
        " \r\n<!DOCTYPE html>",
        "<TABLE>",
    ] {
        assert_eq!(refused(text.as_bytes()), "file_markup", "{text:?}");
    }
}

#[test]
fn encodings_of_the_field_are_read() {
    let text = "vendor_code,company_name\nV-1,Café – Rivière ₹";
    let expected = "V-1|Café – Rivière ₹";
    assert_eq!(row(text.as_bytes()), expected);
    assert_eq!(row(format!("\u{feff}{text}").as_bytes()), expected);
    let utf_16 = |bytes: fn(u16) -> [u8; 2], mark: bool| -> Vec<u8> {
        let units = mark.then_some(0xfeff).into_iter().chain(text.encode_utf16());
        units.flat_map(bytes).collect()
    };
    for mark in [true, false] {
        assert_eq!(row(&utf_16(u16::to_le_bytes, mark)), expected);
        assert_eq!(row(&utf_16(u16::to_be_bytes, mark)), expected);
    }
    assert_eq!(row(b"vendor_code,company_name\nV-1,Caf\xe9 \x96 Rivi\xe8re"), "V-1|Café – Rivière");
}

#[test]
fn what_is_no_text_is_refused() {
    assert_eq!(refused(b""), "file_empty");
    assert_eq!(refused(b" \r\n \r\n"), "file_empty");
    assert_eq!(refused(b"vendor_code,company_name\nV-1,A\0"), "file_nul");
    assert_eq!(refused(b"vendor_code,company_name\nV-1,\x81"), "file_not_text");
    assert_eq!(refused(b"\xef\xbb\xbfvendor_code,company_name\nV-1,\xff"), "file_encoding");
    assert_eq!(refused(b"\xff\xfev\0e\0\0\xd8x\0"), "file_encoding");
    assert_eq!(refused(b"%PDF-1.7 \n%\xe2\xe3"), "file_not_text");
    let mut late = b"vendor_code,company_name\n".repeat(20_000);
    late.push(0);
    assert_eq!(refused(&late), "file_nul");
}

#[test]
fn rows_are_counted_as_a_spreadsheet_counts_them() {
    for end in ["\n", "\r\n", "\r"] {
        let text = ["vendor_code,company_name", "V-1,A", "", ",", "V-2,\"B", "C\"", "", "", "V-3,D"].join(end);
        let numbers: Vec<u32> = rows(text.as_bytes()).into_iter().map(|(number, _)| number).collect();
        assert_eq!(numbers, [2, 5, 8], "{end:?}");
    }
}

#[test]
fn titles_rulers_and_repeated_headers_are_passed_over() {
    let tally = "Asha Industries Pvt Ltd\nList of Ledgers\n1-Apr-2026 to 30-Sep-2026\n\nName,Group Name,PAN/IT No.,GSTIN/UIN\n\
                 Kaveri,Sundry Creditors,AAPFU0939F,\nRamesh,Sundry Debtors,,\n";
    let (sheet, found) = read(tally.as_bytes()).unwrap();
    assert_eq!((sheet.header_row(), sheet.header().len()), (5, 4));
    assert_eq!(found.iter().map(|row| row.number).collect::<Vec<_>>(), [6, 7]);

    let sap = "22.11.2026|Dynamic List Display\n---------------\n|LIFNR |NAME1   |ORT01|\n---------------\n|1001  |Kaveri  |Pune |\n\
               ---------------\n|LIFNR |NAME1   |ORT01|\n|1002  |Godavari|Pune |\n---------------\n";
    let (sheet, found) = read(sap.as_bytes()).unwrap();
    assert_eq!(
        sheet.format(),
        Format::Delimited {
            delimiter: '|',
            encoding: "UTF-8"
        }
    );
    assert_eq!(found.iter().map(|row| row.cells[1].trim()).collect::<Vec<_>>(), ["1001", "1002"]);

    let unknown = "Quarterly report\n2026-11-22\nPlant,Remark,Owner\nPune,ok,Asha\n";
    assert_eq!(read(unknown.as_bytes()).unwrap().0.header(), ["Plant", "Remark", "Owner"]);
}

#[test]
fn a_row_keeps_its_width_unless_the_surplus_is_empty() {
    let (_, found) = read(b"vendor_code,company_name\nV-1,A,,\nV-2,B,C\nV-3\n").unwrap();
    assert_eq!(found.iter().map(|row| row.cells.len()).collect::<Vec<_>>(), [2, 3, 1]);
}

#[test]
fn formulas_in_text_are_marked_and_what_only_looks_like_one_is_not() {
    let text = "vendor_code,company_name,phone\n=1+1,A,+91 98765 43210\n\"=\"\"00123\"\"\",'=B,-9876543119\nV-3,#REF!,@SUM(A1)\n";
    let (_, found) = read(text.as_bytes()).unwrap();
    assert_eq!(found[0].flaws, [(0, Flaw::Formula)]);
    assert_eq!(found[1].cells, ["00123", "=B", "-9876543119"]);
    assert!(found[1].flaws.is_empty());
    assert_eq!(found[2].flaws, [(1, Flaw::ErrorValue), (2, Flaw::Formula)]);
}

#[test]
fn delimited_text_beyond_the_limits_is_refused() {
    // Ten million columns, in one row of 10 MB.
    let mut wide = b"vendor_code,company_name\n".to_vec();
    wide.resize(wide.len() + 10_000_000, b',');
    assert_eq!(refused(&wide), "too_many_columns");
    // The header itself.
    assert_eq!(refused(&b",".repeat(10_000_000)), "too_many_columns");
    let long = format!("vendor_code,company_name\nV-1,{}\n", "x".repeat(40_000));
    assert_eq!(refused(long.as_bytes()), "cell_too_long");
    // An unclosed quotation mark takes the rest of the file for one cell.
    let unclosed = format!("vendor_code,company_name\nV-1,\"A\n{}", "V-2,B\n".repeat(500_000));
    assert_eq!(refused(unclosed.as_bytes()), "row_too_long");
    let limits = Limits {
        rows: 2,
        file_bytes: 60,
        ..Limits::default()
    };
    let code = |text: &str| read_within(text.as_bytes(), limits).map(|_| ()).unwrap_err().code();
    assert_eq!(code("vendor_code,company_name\na,b\n\nc,d\ne,f\n"), "too_many_rows");
    assert_eq!(code(&format!("vendor_code,company_name\na,{}\n", "b".repeat(60))), "file_too_large");
}

fn table(rows: &str) -> String {
    format!(
        r#"<row r="1"><c r="A1" t="s"><v>0</v></c><c r="B1" t="s"><v>1</v></c><c r="C1" t="inlineStr"><is><t>Udyam date</t></is></c></row>{rows}"#
    )
}

fn simple(rows: &str) -> Vec<u8> {
    workbook(
        &[("Vendors", "visible", &table(rows))],
        &["vendor_code", "company_name", "Caf\u{e9} &amp; Sons_x000D_", "'=1+1"],
    )
}

#[test]
fn cells_of_a_workbook_are_what_a_person_sees() {
    let found = rows(&simple(
        r#"<row r="3"><c r="A3" s="3"><v>42</v></c><c r="B3" t="s"><v>2</v></c><c r="C3" s="2"><v>44291</v></c></row>
           <row r="4"><c><v>9.8765432100000000E9</v></c><c t="str"><v>A &lt; &#x42;</v></c><c s="1"><v>44291.5</v></c></row>
           <row r="5" ht="20"/><row r="6"><c r="A6" s="1"/></row>
           <row r="7"><c r="C7" t="d"><v>2021-04-05T00:00:00</v></c><c r="B7" t="b"><v>1</v></c></row>
           <row r="8"><c r="A8" t="inlineStr"><is><r><t>V</t></r><r><rPr><b/></rPr><t>-8</t></r><rPh sb="0" eb="1"><t>x</t></rPh></is></c><c r="B8" t="s"><v>3</v></c></row>"#,
    ));
    let expected = [
        (3, "000042|Caf\u{e9} & Sons\r|2021-04-05"),
        (4, "9876543210|A < B|2021-04-05 12:00:00"),
        (7, "|TRUE|2021-04-05"),
        (8, "V-8|=1+1|"),
    ];
    assert_eq!(found, expected.map(|(number, text)| (number, text.to_owned())));
}

#[test]
fn cells_that_cannot_be_trusted_are_marked() {
    let (_, found) = read(&simple(
        r#"<row r="2"><c r="A2"><f>1+1</f><v>2</v></c><c r="B2" t="e"><v>#N/A</v></c><c r="C2"><v>1.2345678901234567E+18</v></c></row>
           <row r="3"><c r="A3" t="str"><f t="shared" si="0"/><v>x</v></c><c r="B3" t="e"><f>A1</f><v>#REF!</v></c></row>"#,
    ))
    .unwrap();
    assert_eq!(found[0].flaws, [(0, Flaw::Formula), (1, Flaw::ErrorValue), (2, Flaw::LostDigits)]);
    assert_eq!(found[1].flaws, [(0, Flaw::Formula), (1, Flaw::Formula)]);
}

#[test]
fn what_a_person_sees_of_a_number_is_told_where_it_is_something_else() {
    let styles = r#"<styleSheet><numFmts><numFmt numFmtId="164" formatCode="&quot;V-&quot;0000"/><numFmt numFmtId="165" formatCode="000\-000"/></numFmts><cellXfs><xf numFmtId="0"/><xf numFmtId="14"/><xf numFmtId="164"/><xf numFmtId="165"/><xf numFmtId="4"/></cellXfs></styleSheet>"#;
    let cells = |row: u32, style: u32| format!(r#"<row r="{row}"><c r="A{row}" s="{style}"><v>1001</v></c></row>"#);
    let all: String = (0..5).map(|style| cells(style + 2, style)).collect();
    let strings = "<sst><si><t>vendor_code</t></si><si><t>company_name</t></si></sst>";
    let bytes = workbook_with(&[("V", "visible", &table(&all))], strings, &[("xl/styles.xml", styles.as_bytes())]);
    let (_, found) = read(&bytes).unwrap();
    let shown: Vec<_> = found.iter().map(|row| row.shown.first().map(|(_, shown)| shown.clone())).collect();
    let expected = [None, Some(Shown::Day), Some(Shown::As("V-1001".to_owned())), Some(Shown::Otherwise), None];
    assert_eq!(shown, expected);
}

#[test]
fn cells_right_of_the_header_are_counted_and_left_out() {
    let (_, found) = read(&simple(
        r#"<row r="2"><c r="A2"><v>1</v></c><c r="E2"><v>5</v></c><c r="G2"><v>7</v></c></row>"#,
    ))
    .unwrap();
    assert_eq!((found[0].cells.len(), found[0].surplus), (3, 2));
}

#[test]
fn a_workbook_may_not_say_a_long_text_without_end() {
    let limits = Limits {
        unpacked_bytes: 200_000,
        ..Limits::default()
    };
    let strings = format!(
        "<sst><si><t>vendor_code</t></si><si><t>company_name</t></si><si><t>{}</t></si></sst>",
        "x".repeat(30_000)
    );
    let rows: String = (2..40)
        .map(|row| format!(r#"<row r="{row}"><c r="A{row}" t="s"><v>2</v></c></row>"#))
        .collect();
    let bytes = workbook_with(&[("V", "visible", &table(&rows))], &strings, &[]);
    assert_eq!(read_within(&bytes, limits).map(|_| ()).unwrap_err().code(), "too_much_text");
    // Parts that are each within the limit, and are not together.
    let sheet = table(&r#"<row/>"#.repeat(25_000));
    let sheets: Vec<(&str, &str, &str)> = (0..8).map(|_| ("V", "visible", sheet.as_str())).collect();
    let code = read_within(&workbook_with(&sheets, &strings, &[]), limits)
        .map(|_| ())
        .unwrap_err()
        .code();
    assert_eq!(code, "workbook_unpacks");
}

#[test]
fn prefixes_of_namespaces_do_not_matter() {
    let xml = r#"<x:worksheet xmlns:x="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><x:sheetData><x:row r="1"><x:c r="A1" t="inlineStr"><x:is><x:t>vendor_code</x:t></x:is></x:c></x:row><x:row r="2"><x:c r="A2"><x:v>7</x:v></x:c></x:row></x:sheetData></x:worksheet>"#;
    let bytes = workbook_with(&[("V", "visible", "")], "<sst/>", &[(SHEET, xml.as_bytes())]);
    assert_eq!(rows(&bytes), [(2, "7".to_owned())]);
}

#[test]
fn the_first_visible_sheet_with_a_known_header_is_taken_unless_one_is_named() {
    let note = r#"<row r="1"><c r="A1" t="inlineStr"><is><t>How to fill this in</t></is></c></row>"#;
    let vendors = table(r#"<row r="2"><c r="A2"><v>1</v></c></row>"#);
    let bytes = workbook(
        &[
            ("Old", "hidden", &vendors),
            ("Empty", "visible", ""),
            ("Read me", "visible", note),
            ("Vendors", "visible", &vendors),
        ],
        &["vendor_code", "company_name"],
    );
    let (sheet, _) = read(&bytes).unwrap();
    assert_eq!(sheet.name(), Some("Vendors"));
    let names: Vec<_> = sheet.sheets().iter().map(|sheet| (sheet.name.as_str(), sheet.is_visible)).collect();
    assert_eq!(names, [("Old", false), ("Empty", true), ("Read me", true), ("Vendors", true)]);
    let file = file(&bytes);
    let open = |name| {
        let options = Options {
            sheet: Some(name),
            ..Options::default()
        };
        sheets::open_with(file.path(), &options)
    };
    assert_eq!(open("Old").unwrap().name(), Some("Old"));
    assert!(matches!(open("Other").unwrap_err(), SheetError::NoSuchSheet { .. }));
    assert!(matches!(open("Empty").unwrap_err(), SheetError::Empty));
}

#[test]
fn far_cells_are_refused_and_formats_far_away_are_not() {
    let cell = |address: &str, row: u32| simple(&format!(r#"<row r="{row}"><c r="{address}"><v>1</v></c></row>"#));
    assert_eq!(refused(&cell("XFD1048576", 1_048_576)), "far_cell");
    assert_eq!(refused(&cell("XFD2", 2)), "far_cell");
    assert_eq!(refused(&cell("A1048576", 1_048_576)), "far_cell");
    assert_eq!(refused(&cell("A1048577", 1_048_577)), "workbook_damaged");
    assert_eq!(refused(&cell("ZZZZ2", 2)), "workbook_damaged");
    let colour = simple(r#"<row r="2"><c r="A2"><v>1</v></c><c r="XFD2" s="1"/></row><row r="1048576"><c r="A1048576" s="1"/></row>"#);
    assert_eq!(rows(&colour), [(2, "1||".to_owned())]);
}

#[test]
fn workbooks_that_swell_are_refused() {
    let limits = Limits {
        unpacked_bytes: 2_000_000,
        ..Limits::default()
    };
    let code = |bytes: &[u8]| read_within(bytes, limits).map(|_| ()).unwrap_err().code();
    // In the sheet, in the list of texts, in the styles, in a single tag, in a single text.
    let many = r#"<row><c s="1"/></row>"#.repeat(200_000);
    assert_eq!(code(&simple(&many)), "workbook_unpacks");
    let strings = format!("<sst>{}</sst>", "<si/>".repeat(500_000));
    assert_eq!(code(&workbook_with(&[("V", "visible", "")], &strings, &[])), "workbook_unpacks");
    let styles = format!("<styleSheet><cellXfs>{}</cellXfs></styleSheet>", "<xf/>".repeat(80_000));
    assert_eq!(
        code(&workbook_with(&[("V", "visible", "")], "<sst/>", &[("xl/styles.xml", styles.as_bytes())])),
        "workbook_too_many_parts"
    );
    let tag = format!("<row r=\"2\" x=\"{}\"/>", "y".repeat(1_500_000));
    assert_eq!(code(&simple(&tag)), "workbook_damaged");
    let text = format!("<sst><si><t>{}</t></si></sst>", "y".repeat(1_500_000));
    assert_eq!(code(&workbook_with(&[("V", "visible", "")], &text, &[])), "workbook_damaged");
    let deep = "<a>".repeat(100_000);
    assert_eq!(code(&simple(&deep)), "workbook_damaged");
}

#[test]
fn a_bomb_is_not_unpacked_to_its_end() {
    // One endless text: given up after a megabyte, whatever follows.
    let spaces = vec![b' '; 64_000_000];
    let bytes = workbook_with(&[("V", "visible", "")], "<sst/>", &[(SHEET, &spaces)]);
    assert!(bytes.len() < 1_000_000, "{}", bytes.len());
    assert_eq!(refused(&bytes), "workbook_damaged");
}

#[test]
fn document_types_and_entities_are_refused() {
    let xml = r#"<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><worksheet><sheetData/></worksheet>"#;
    assert_eq!(
        refused(&workbook_with(&[("V", "visible", "")], "<sst/>", &[(SHEET, xml.as_bytes())])),
        "workbook_doctype"
    );
    assert_eq!(
        refused(&simple(r#"<row r="2"><c r="A2" t="str"><v>&b;</v></c></row>"#)),
        "workbook_damaged"
    );
}

#[test]
fn other_files_are_named() {
    assert_eq!(refused(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1 and then some"), "workbook_old");
    let name: Vec<u8> = "EncryptedPackage".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let mut protected = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1".to_vec();
    protected.resize(64 * 1024 - 7, 0);
    protected.extend(name);
    assert_eq!(refused(&protected), "workbook_password");
    assert_eq!(
        refused(&archive(&[("mimetype", b"application/vnd.oasis.opendocument.spreadsheet")])),
        "workbook_other_kind"
    );
    assert_eq!(refused(&archive(&[("holiday.jpg", b"x")])), "workbook_other_kind");
    assert_eq!(refused(&archive(&[("xl/workbook.bin", b"x")])), "workbook_other_kind");
    assert_eq!(refused(b"PK\x03\x04 and nothing else"), "workbook_damaged");
    let bytes = simple("");
    assert_eq!(refused(&bytes[..bytes.len() - 30]), "workbook_damaged");
    let names: Vec<String> = (0..6_000).map(|n| format!("xl/media/{n}.png")).collect();
    let parts: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), &b"x"[..])).collect();
    assert_eq!(refused(&archive(&parts)), "workbook_too_many_parts");
}

#[test]
fn damage_is_told_from_an_end() {
    for wrong in [
        r#"<row r="2"><c r="A2" t="s"><v>99</v></c></row>"#,
        r#"<row r="2"><c r="A2"><v>1</v></row>"#,
        r#"<row r="3"/><row r="2"/>"#,
        r#"<row r="0"/>"#,
        r#"<row r="2"><c r="2"><v>1</v></c></row>"#,
    ] {
        assert!(matches!(refused(&simple(wrong)).as_str(), "workbook_damaged" | "file_empty"), "{wrong}");
    }
}
