//! Judges Indian business identifiers in bulk: `cargo run -q -p domain --example identifiers < file.csv`.
//!
//! Reads `kind,value` rows (further columns are ignored, a header may name and order the columns) and writes
//! `kind,value,verdict,detail`. The verdict is `valid`, `warn` or `invalid`; for `gstin_normalise` it is the cleaned value.
//!
//! The detail of an error or a warning begins with its stable code, as in `pan_serial_zero: the four digits …`; several warnings
//! are separated by `; `. That of a valid GSTIN is its form, as in `normal`; of other valid values there is none.

use std::error::Error;
use std::fmt::Display;
use std::io::{self, Read, Write};

use domain::identifiers::{Gstin, MobileError, MobileNumber, Pan, Parsed, PinCode, Uam, Udyam};

fn main() -> Result<(), Box<dyn Error>> {
    judge_rows(io::stdin().lock(), io::stdout().lock())
}

/// Judges row by row, so that memory does not grow with the file.
pub(crate) fn judge_rows(input: impl Read, output: impl Write) -> Result<(), Box<dyn Error>> {
    let mut rows = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(input);
    let mut out = csv::Writer::from_writer(output);
    out.write_record(["kind", "value", "verdict", "detail"])?;

    let (mut kind_at, mut value_at) = (0, 1);
    let mut row = csv::ByteRecord::new();
    let mut is_first = true;
    while rows.read_byte_record(&mut row)? {
        let cell = |index: usize| String::from_utf8_lossy(row.get(index).unwrap_or_default()).into_owned();
        if std::mem::take(&mut is_first) {
            let names: Vec<_> = (0..row.len())
                .map(|index| cell(index).trim_matches('\u{feff}').trim().to_lowercase())
                .collect();
            let find = |name: &str| names.iter().position(|found| found == name);
            if let (Some(kind), Some(value)) = (find("kind"), find("value")) {
                (kind_at, value_at) = (kind, value);
                continue;
            }
        }
        let (kind, value) = (cell(kind_at), cell(value_at));
        let (verdict, detail) = judge(kind.trim_matches('\u{feff}').trim(), &value);
        out.write_record([&kind, &value, &verdict, &detail])?;
    }
    out.flush()?;
    Ok(())
}

/// The verdict on one value and what there is to say about it. The case of the kind does not matter.
fn judge(kind: &str, value: &str) -> (String, String) {
    match kind.to_ascii_lowercase().as_str() {
        "gstin" => verdict(Gstin::parse_ordinary(value), form, |error| error.code()),
        "gstin_any_form" => verdict(Gstin::parse(value), form, |error| error.code()),
        "gstin_normalise" => (Gstin::normalise(value), String::new()),
        "pan" => verdict(Pan::parse(value), nothing, |error| error.code()),
        "udyam" => verdict(Udyam::parse(value), nothing, |error| error.code()),
        "uam" => verdict(Uam::parse(value), nothing, |error| error.code()),
        "mobile" => verdict(MobileNumber::parse(value), nothing, MobileError::code),
        "mobile_strict10" => verdict(MobileNumber::parse_strict10(value), nothing, MobileError::code),
        "pin" => {
            let parsed = PinCode::parse(value).map(|value| Parsed { value, warnings: Vec::new() });
            verdict(parsed, nothing, |error| error.code())
        }
        _ => {
            let kinds = "gstin, gstin_any_form, gstin_normalise, pan, udyam, uam, mobile, mobile_strict10 and pin";
            ("invalid".to_owned(), format!("unknown_kind: the kinds are {kinds}"))
        }
    }
}

fn form(gstin: &Gstin) -> &'static str {
    gstin.form().as_str()
}

fn nothing<T>(_: &T) -> &'static str {
    ""
}

/// The verdict on what was parsed, with `about` for what is valid and the stable `code` for what is not.
fn verdict<T, E: Display>(parsed: Result<Parsed<T>, E>, about: impl Fn(&T) -> &'static str, code: impl Fn(&E) -> &'static str) -> (String, String) {
    match parsed {
        Ok(parsed) if parsed.warnings.is_empty() => ("valid".to_owned(), about(&parsed.value).to_owned()),
        Ok(parsed) => {
            let warnings: Vec<_> = parsed.warnings.iter().map(|warning| format!("{}: {warning}", warning.code())).collect();
            ("warn".to_owned(), warnings.join("; "))
        }
        Err(error) => ("invalid".to_owned(), format!("{}: {error}", code(&error))),
    }
}
