//! Text that a spreadsheet would compute.
//!
//! Written to CSV, such text gets an apostrophe in front, as [OWASP](https://owasp.org/www-community/attacks/CSV_Injection)
//! advises; every `+91…` phone number does. Reading takes it off again, so that whatever is written comes back the same, by
//! way of a spreadsheet program too. Text that has such an apostrophe by itself gets another one.

/// Whether a spreadsheet may take `text` for a formula, or [`restored`] would change it.
fn begins_formula(text: &str) -> bool {
    text.trim_start_matches([' ', '\''])
        .starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'])
}

/// The text as a CSV file may hold it.
pub(crate) fn neutralised(text: &str) -> std::borrow::Cow<'_, str> {
    if begins_formula(text) { format!("'{text}").into() } else { text.into() }
}

/// The text as XLSX holds it, in a cell that is a string by its type: only what [`restored`] would change is guarded.
pub(crate) fn guarded(text: &str) -> std::borrow::Cow<'_, str> {
    if text.starts_with('\'') { neutralised(text) } else { text.into() }
}

/// The text before [`neutralised`] or [`guarded`]; none if they had nothing to do with it.
pub(crate) fn restored(text: &str) -> Option<&str> {
    text.strip_prefix('\'').filter(|rest| begins_formula(rest))
}

/// Whether a cell of a CSV file is a formula and not text that merely begins like one: `+91 98765…` and `- do -` are not.
pub(crate) fn is_formula(text: &str) -> bool {
    let text = text.trim_start();
    if text.starts_with('=') {
        // A line of equals signs is a ruler.
        return !text.trim_end().bytes().all(|b| b == b'=');
    }
    let Some(rest) = text.strip_prefix(['+', '-', '@']) else {
        return false;
    };
    let name = rest.trim_start_matches(['+', '-', '@', '=']);
    let after = name.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_'));
    // A function call, or a command for another program: `@SUM(A1)`, `+cmd|' /C calc'!A0`.
    let is_name = after.len() < name.len() && name.starts_with(|c: char| c.is_ascii_alphabetic());
    is_name && (after.starts_with('(') || (after.starts_with('|') && after.contains('!')))
}

/// The text in `="00123"`, which exports write so that Excel keeps the zeros.
pub(crate) fn literal(text: &str) -> Option<&str> {
    let inner = text.trim().strip_prefix("=\"")?.strip_suffix('"')?;
    (!inner.contains('"')).then_some(inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_written_comes_back() {
        for text in [
            "",
            "=1+1",
            "+919876543210",
            "-2",
            "@SUM(A1)",
            "\tx",
            "\rx",
            "＝1",
            " =1",
            "'=1",
            "''=1",
            "'",
            "' x",
            "'x",
            "a=1",
            "' '=1",
        ] {
            let written = neutralised(text);
            assert_eq!(restored(&written).unwrap_or(&written), text, "{text:?} as {written:?}");
            assert!(!written.trim_start().starts_with(['=', '+', '-', '@', '＝']), "{written:?}");
            let written = guarded(text);
            assert_eq!(restored(&written).unwrap_or(&written), text, "{text:?} guarded as {written:?}");
        }
    }

    #[test]
    fn only_what_computes_is_a_formula() {
        for text in [
            "=1+1",
            " =A1",
            "@SUM(A1)",
            "+SUM(1)",
            "-2+3+cmd|' /C calc'!A0",
            "+cmd|' /C calc'!A0",
            "=HYPERLINK(\"x\")",
        ] {
            let expected = text != "-2+3+cmd|' /C calc'!A0";
            assert_eq!(is_formula(text), expected, "{text:?}");
        }
        for text in [
            "+91-9876543210",
            "-9876543119",
            "- do -",
            "@home",
            "=====",
            "A=1",
            "--",
            "+91 (80) 2222",
            "-",
        ] {
            assert!(!is_formula(text), "{text:?}");
        }
    }

    #[test]
    fn a_literal_in_a_formula_is_text() {
        assert_eq!(literal("=\"00123\""), Some("00123"));
        assert_eq!(literal("=\"a\"&\"b\""), None);
        assert_eq!(literal("=A1"), None);
    }
}
