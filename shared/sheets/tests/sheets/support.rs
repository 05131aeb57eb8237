//! Files for the tests: workbooks are put together part by part, for no honest library writes what has to be refused.

use std::io::Write as _;
use std::path::Path;

use sheets::{Limits, Options, Row, Sheet, SheetError};
use tempfile::NamedTempFile;

/// A file with these bytes.
pub(crate) fn file(bytes: &[u8]) -> NamedTempFile {
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(bytes).unwrap();
    file.flush().unwrap();
    file
}

/// A ZIP archive of these parts, deflated.
pub(crate) fn archive(parts: &[(&str, &[u8])]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut archive = rawzip::ZipArchiveWriter::new(&mut out);
    for (name, bytes) in parts {
        let (mut entry, config) = archive
            .new_file(name)
            .compression_method(rawzip::CompressionMethod::DEFLATE)
            .start()
            .unwrap();
        let encoder = flate2::write::DeflateEncoder::new(&mut entry, flate2::Compression::fast());
        let mut writer = config.wrap(encoder);
        writer.write_all(bytes).unwrap();
        let (encoder, descriptor) = writer.finish().unwrap();
        encoder.finish().unwrap();
        entry.finish(descriptor).unwrap();
    }
    archive.finish().unwrap();
    out
}

const TYPES: &str = r#"<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>"#;
const RELS: &str = r#"<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="xl/workbook.xml"/></Relationships>"#;
const STYLES: &str = r#"<styleSheet><numFmts><numFmt numFmtId="164" formatCode="dd\-mm\-yyyy"/><numFmt numFmtId="165" formatCode="000000"/></numFmts><cellXfs><xf numFmtId="0"/><xf numFmtId="14"/><xf numFmtId="164"/><xf numFmtId="165"/></cellXfs></styleSheet>"#;

/// A workbook with these sheets: name, state, what is between `<sheetData>` and its end. Styles: 1 and 2 are dates, 3 has six digits.
pub(crate) fn workbook(sheets: &[(&str, &str, &str)], strings: &[&str]) -> Vec<u8> {
    let texts: String = strings
        .iter()
        .map(|text| format!("<si><t xml:space=\"preserve\">{text}</t></si>"))
        .collect();
    workbook_with(sheets, &format!("<sst>{texts}</sst>"), &[])
}

/// [`workbook`], with a list of texts as XML, and parts that are added or put in place of others.
pub(crate) fn workbook_with(sheets: &[(&str, &str, &str)], strings: &str, parts: &[(&str, &[u8])]) -> Vec<u8> {
    let kind = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
    let mut relations = format!(
        r#"<Relationship Id="s" Type="{kind}/sharedStrings" Target="sharedStrings.xml"/><Relationship Id="t" Type="{kind}/styles" Target="/xl/styles.xml"/>"#
    );
    let mut tabs = String::new();
    let mut all: Vec<(String, Vec<u8>)> = vec![
        ("[Content_Types].xml".into(), TYPES.into()),
        ("_rels/.rels".into(), RELS.into()),
        ("xl/styles.xml".into(), STYLES.into()),
        ("xl/sharedStrings.xml".into(), strings.into()),
    ];
    for (number, (name, state, rows)) in sheets.iter().enumerate() {
        relations += &format!(r#"<Relationship Id="rId{number}" Type="{kind}/worksheet" Target="worksheets/sheet{number}.xml"/>"#);
        tabs += &format!(r#"<sheet name="{name}" sheetId="{number}" state="{state}" r:id="rId{number}"/>"#);
        let xml = format!(r#"<?xml version="1.0" encoding="UTF-8"?><worksheet><dimension ref="A1"/><sheetData>{rows}</sheetData></worksheet>"#);
        all.push((format!("xl/worksheets/sheet{number}.xml"), xml.into()));
    }
    all.push((
        "xl/_rels/workbook.xml.rels".into(),
        format!("<Relationships>{relations}</Relationships>").into(),
    ));
    all.push(("xl/workbook.xml".into(), format!("<workbook><sheets>{tabs}</sheets></workbook>").into()));
    for (name, bytes) in parts {
        all.retain(|(other, _)| other != name);
        all.push(((*name).into(), bytes.to_vec()));
    }
    let all: Vec<_> = all.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())).collect();
    archive(&all)
}

/// Opens a file as an import does.
pub(crate) fn open(path: &Path, limits: Limits) -> Result<Sheet, SheetError> {
    let options = Options {
        limits,
        knows: &domain::columns::is_known,
        ..Options::default()
    };
    sheets::open_with(path, &options)
}

/// Everything in a file.
pub(crate) fn read(bytes: &[u8]) -> Result<(Sheet, Vec<Row>), SheetError> {
    read_within(bytes, Limits::default())
}

/// Everything in a file, if it is within the limits.
pub(crate) fn read_within(bytes: &[u8], limits: Limits) -> Result<(Sheet, Vec<Row>), SheetError> {
    let file = file(bytes);
    let mut sheet = open(file.path(), limits)?;
    let rows = sheet.by_ref().collect::<Result<Vec<_>, _>>()?;
    Ok((sheet, rows))
}
