//! What a workbook says of itself: its sheets, its number formats, the day its dates count from.

use std::collections::HashMap;

use quick_xml::events::Event;

use crate::package::Package;
use crate::xml::{attribute, is};
use crate::{SheetError, SheetInfo};

const SHEETS: usize = 1_000;
const RELATIONS: usize = 5_000;
const FORMATS: usize = 10_000;
/// Excel allows 65,490. <https://support.microsoft.com/en-us/office/excel-specifications-and-limits-1672b34d-7043-467e-8e27-269d656771c3>
const CELL_FORMATS: usize = 70_000;

/// The parts that are needed, and how to understand them.
pub(crate) struct Workbook {
    /// In the order of the tabs.
    pub(crate) sheets: Vec<SheetInfo>,
    /// Their parts.
    pub(crate) parts: Vec<String>,
    /// The part with the texts.
    pub(crate) strings: Option<String>,
    /// How numbers look.
    pub(crate) formats: Formats,
}

/// How a number is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Look {
    /// As it is.
    Plain,
    /// As a day, perhaps with a time.
    Date,
    /// Filled up with zeros to so many digits.
    Padded(u8),
    /// With letters or signs around it, and filled up to so many digits.
    Affixed {
        /// What stands before it.
        before: String,
        /// The least digits.
        digits: u8,
        /// What stands behind it.
        behind: String,
    },
    /// With letters or signs in it, in a way that is not understood here.
    Otherwise,
}

/// The number formats of the workbook's cell styles.
#[derive(Debug, Default)]
pub(crate) struct Formats {
    looks: Vec<Look>,
    /// Dates count from 1904, as on an old Macintosh.
    pub(crate) since_1904: bool,
}

impl Formats {
    /// How a cell of this style looks.
    pub(crate) fn look(&self, style: Option<usize>) -> &Look {
        style.and_then(|style| self.looks.get(style)).unwrap_or(&Look::Plain)
    }
}

impl Workbook {
    /// Reads what lies around the sheets.
    pub(crate) fn read(package: &Package) -> Result<Self, SheetError> {
        if package.has("mimetype") {
            return Err(SheetError::NotWorkbook {
                found: "an OpenDocument file",
            });
        }
        if package.has("xl/workbook.bin") {
            return Err(SheetError::NotWorkbook {
                found: "a binary workbook (.xlsb)",
            });
        }
        if !package.has("_rels/.rels") {
            return Err(SheetError::NotWorkbook { found: "a ZIP archive" });
        }
        let main = relationships(package, "_rels/.rels", "")?
            .into_values()
            .find(|relation| relation.kind == "officeDocument")
            .map(|relation| relation.target)
            .filter(|target| package.has(target));
        let Some(main) = main.filter(|_| !package.has("word/document.xml") && !package.has("ppt/presentation.xml")) else {
            return Err(SheetError::NotWorkbook {
                found: "another Office file",
            });
        };
        let (folder, name) = main.rsplit_once('/').unwrap_or(("", &main));
        let relations = relationships(package, format!("{folder}/_rels/{name}.rels").trim_start_matches('/'), folder)?;

        let mut sheets = Vec::new();
        let mut parts = Vec::new();
        let mut since_1904 = false;
        let mut xml = package.xml(&main)?;
        loop {
            match xml.next()? {
                Event::Eof => break,
                Event::Start(tag) if is(&tag, "workbookPr") => {
                    since_1904 = attribute(&tag, "date1904").is_some_and(|value| matches!(value.as_str(), "1" | "true" | "on"));
                }
                Event::Start(tag) if is(&tag, "sheet") => {
                    let relation = attribute(&tag, "id").and_then(|id| relations.get(&id));
                    let name = attribute(&tag, "name").unwrap_or_default();
                    // Chart sheets and macro sheets have no table.
                    if let Some(relation) = relation.filter(|relation| relation.kind == "worksheet" && package.has(&relation.target)) {
                        if sheets.len() == SHEETS {
                            return Err(SheetError::TooMany {
                                what: "sheets",
                                limit: SHEETS,
                            });
                        }
                        let is_visible = attribute(&tag, "state").is_none_or(|state| state == "visible");
                        sheets.push(SheetInfo {
                            name: name.chars().take(100).collect(),
                            is_visible,
                        });
                        parts.push(relation.target.clone());
                    }
                }
                _ => {}
            }
        }
        let part = |kind: &str| {
            let found = relations.values().find(|relation| relation.kind == kind);
            found.map(|relation| relation.target.clone()).filter(|target| package.has(target))
        };
        let looks = part("styles").map(|part| looks(package, &part)).transpose()?.unwrap_or_default();
        Ok(Self {
            sheets,
            parts,
            strings: part("sharedStrings"),
            formats: Formats { looks, since_1904 },
        })
    }
}

struct Relation {
    /// The last word of its type, which is the same in the transitional and the strict form.
    kind: String,
    /// The part, in lower case.
    target: String,
}

fn relationships(package: &Package, part: &str, folder: &str) -> Result<HashMap<String, Relation>, SheetError> {
    let mut relations = HashMap::new();
    let mut xml = package.xml(part)?;
    loop {
        match xml.next()? {
            Event::Eof => return Ok(relations),
            Event::Start(tag) if is(&tag, "Relationship") => {
                let is_external = attribute(&tag, "TargetMode").is_some_and(|mode| mode == "External");
                if let (Some(id), Some(kind), Some(target), false) =
                    (attribute(&tag, "Id"), attribute(&tag, "Type"), attribute(&tag, "Target"), is_external)
                {
                    if relations.len() == RELATIONS {
                        return Err(SheetError::TooMany {
                            what: "relationships",
                            limit: RELATIONS,
                        });
                    }
                    let kind = kind.rsplit('/').next().unwrap_or_default().to_owned();
                    let target = resolve(folder, &target);
                    relations.insert(id, Relation { kind, target });
                }
            }
            _ => {}
        }
    }
}

/// The part a target means: from the root, or from the folder of the part that refers to it.
fn resolve(folder: &str, target: &str) -> String {
    let target = target.replace('\\', "/").to_ascii_lowercase();
    let (mut path, rest): (Vec<&str>, &str) = match target.strip_prefix('/') {
        Some(rest) => (Vec::new(), rest),
        None => (folder.split('/').filter(|step| !step.is_empty()).collect(), &target),
    };
    for step in rest.split('/') {
        match step {
            "" | "." => {}
            ".." => {
                path.pop();
            }
            step => path.push(step),
        }
    }
    path.join("/")
}

fn looks(package: &Package, part: &str) -> Result<Vec<Look>, SheetError> {
    let mut custom = HashMap::new();
    let mut looks = Vec::new();
    let mut xml = package.xml(part)?;
    let mut in_cell_formats = false;
    let number = |value: Option<String>| value.and_then(|value| value.parse::<u32>().ok()).unwrap_or_default();
    loop {
        match xml.next()? {
            Event::Eof => return Ok(looks),
            Event::Start(tag) if is(&tag, "numFmt") => {
                if custom.len() == FORMATS {
                    return Err(SheetError::TooMany {
                        what: "number formats",
                        limit: FORMATS,
                    });
                }
                let code = attribute(&tag, "formatCode").unwrap_or_default();
                custom.insert(number(attribute(&tag, "numFmtId")), look(&code));
            }
            Event::Start(tag) if is(&tag, "cellXfs") => in_cell_formats = true,
            Event::End(tag) if tag.local_name().as_ref() == "cellXfs" => in_cell_formats = false,
            Event::Start(tag) if in_cell_formats && is(&tag, "xf") => {
                if looks.len() == CELL_FORMATS {
                    return Err(SheetError::TooMany {
                        what: "cell formats",
                        limit: CELL_FORMATS,
                    });
                }
                let id = number(attribute(&tag, "numFmtId"));
                looks.push(custom.get(&id).cloned().unwrap_or_else(|| built_in(id)));
            }
            _ => {}
        }
    }
}

/// The formats that need no code: ECMA-376 part 1, 18.8.30, with those of East Asian dates. 18 to 21 and 45 to 47 are times of day.
fn built_in(id: u32) -> Look {
    match id {
        14..=17 | 22 | 27..=36 | 50..=58 => Look::Date,
        _ => Look::Plain,
    }
}

/// What a format code makes of a positive number.
fn look(code: &str) -> Look {
    let mut plain = String::new();
    let mut chars = code.chars();
    while let Some(c) = chars.next() {
        match c {
            '"' => while chars.next().is_some_and(|c| c != '"') {},
            // A colour, a language, a condition, or hours that run on: `[h]`.
            '[' => {
                let inside: String = chars.by_ref().take_while(|c| *c != ']').collect();
                if !inside.is_empty() && inside.chars().all(|c| matches!(c, 'h' | 'm' | 's')) {
                    plain.push_str(&inside);
                }
            }
            // The next character is shown, left room for, or repeated.
            '\\' | '_' | '*' => {
                chars.next();
            }
            ';' => break,
            c => plain.push(c.to_ascii_lowercase()),
        }
    }
    if plain.contains("general") {
        affixed(&code.replace("General", "#"))
    } else if plain.contains(['d', 'y']) || (plain.contains('m') && !plain.contains(['h', 's'])) {
        Look::Date
    } else if plain.len() >= 2 && plain.len() == code.len() && plain.bytes().all(|b| b == b'0') {
        Look::Padded(plain.len().min(40) as u8)
    } else {
        affixed(code)
    }
}

/// Words and signs that are part of how a number is shown. Amounts have them, too: what is only a currency, a sign or a space says
/// nothing.
fn affixed(code: &str) -> Look {
    let (mut before, mut behind, mut digits) = (String::new(), String::new(), String::new());
    let mut is_broken = false;
    let mut chars = code.chars();
    while let Some(c) = chars.next() {
        let literal: String = match c {
            ';' => break,
            '"' => chars.by_ref().take_while(|c| *c != '"').collect(),
            '\\' => chars.next().into_iter().collect(),
            '_' | '*' => {
                chars.next();
                continue;
            }
            '[' => {
                // The currency of `[$Rs.-4009]` says nothing, nor do a colour and a condition.
                let _ = chars.by_ref().take_while(|c| *c != ']').count();
                continue;
            }
            '0' | '#' | '?' | '.' | ',' | '%' | '@' | 'E' => {
                is_broken |= !behind.is_empty();
                digits.push(c);
                continue;
            }
            c => c.into(),
        };
        if digits.is_empty() { before += &literal } else { behind += &literal }
    }
    let says = |text: &str| {
        text.chars()
            .any(|c| !(c.is_whitespace() || matches!(c, '(' | ')' | '+' | '₹' | '$' | '€' | '£')))
    };
    // `#,##0-` is a negative amount, and `0-` no code.
    let tells = |text: &str| text.chars().any(char::is_alphanumeric) || text.contains(['#', '/']);
    let tells_more = !digits.is_empty() && ((says(&before) && before != "-") || tells(&behind) || (is_broken && says(&behind)));
    let is_plain_number = !is_broken && digits.bytes().all(|b| matches!(b, b'0' | b'#'));
    if !tells_more {
        Look::Plain
    } else if is_plain_number && before.len() + behind.len() <= 40 {
        let zeros = digits.bytes().filter(|b| *b == b'0').count().min(40) as u8;
        Look::Affixed {
            before,
            digits: zeros,
            behind,
        }
    } else {
        Look::Otherwise
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn format_codes_are_told_apart() {
        for code in ["dd/mm/yyyy", "[$-4009]dd\\ mmmm\\ yyyy;@", "m/d/yy h:mm", "yyyy\\-mm\\-dd", "mmm"] {
            assert_eq!(look(code), Look::Date, "{code}");
        }
        for code in [
            "General",
            "0.00",
            "#,##0",
            "[Red]0",
            "h:mm:ss",
            "[h]:mm",
            "0.00E+00",
            "@",
            "0",
            "_-* #,##0.00_-",
            "[$₹-4009]#,##0.00",
            "\"₹\" #,##0.00;(\"₹\" #,##0.00)",
            "#,##0_);(#,##0)",
            "0.00%",
            "##0.0E+0",
        ] {
            assert_eq!(look(code), Look::Plain, "{code}");
        }
        assert_eq!(look("0000000000"), Look::Padded(10));
        let affixed = |before: &str, digits: u8, behind: &str| Look::Affixed {
            before: before.to_owned(),
            digits,
            behind: behind.to_owned(),
        };
        assert_eq!(look("\"V-\"0000"), affixed("V-", 4, ""));
        assert_eq!(look("\\V\\-0000;@"), affixed("V-", 4, ""));
        assert_eq!(look("\"V-\"General"), affixed("V-", 0, ""));
        assert_eq!(look("#\"/A\""), affixed("", 0, "/A"));
        assert_eq!(look("\"day\" 0"), affixed("day ", 1, ""));
        for code in ["000\\-000", "000-0000", "0.00\" Cr\"", "\"V\"0.0"] {
            assert_eq!(look(code), Look::Otherwise, "{code}");
        }
    }

    #[test]
    fn targets_are_relative_or_from_the_root() {
        assert_eq!(resolve("xl", "worksheets/Sheet1.xml"), "xl/worksheets/sheet1.xml");
        assert_eq!(resolve("xl", "/xl/styles.xml"), "xl/styles.xml");
        assert_eq!(resolve("xl", "../../../etc/passwd"), "etc/passwd");
    }
}
