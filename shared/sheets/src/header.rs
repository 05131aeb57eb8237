//! Which of the first rows names the columns: ERP exports put the company, the report and the date above.

use crate::Row;

/// The place of the header among the first rows that have something in them.
///
/// It is the first of the rows with the most known headers, if there are two of them at least. Otherwise the first row that
/// is about as wide as the widest and holds words, each different; otherwise the first row.
pub(crate) fn find(rows: &[Row], knows: &dyn Fn(&str) -> bool) -> usize {
    let mut best = (0, 1);
    for (index, row) in rows.iter().enumerate() {
        let known = row.cells.iter().filter(|cell| knows(cell)).count();
        if known > best.1 {
            best = (index, known);
        }
    }
    if best.1 >= 2 {
        return best.0;
    }
    let filled = |row: &Row| row.cells.iter().filter(|cell| !cell.trim().is_empty()).count();
    let widest = rows.iter().map(filled).max().unwrap_or_default();
    let is_header = |row: &&Row| filled(row) * 5 >= widest * 4 && are_names(row);
    rows.iter().position(|row| is_header(&row)).unwrap_or_default()
}

/// How many headers the best of the rows has that are known.
pub(crate) fn known(rows: &[Row], knows: &dyn Fn(&str) -> bool) -> usize {
    let known = |row: &Row| row.cells.iter().filter(|cell| knows(cell)).count();
    rows.iter().map(known).max().unwrap_or_default()
}

fn are_names(row: &Row) -> bool {
    let mut names: Vec<&str> = row.cells.iter().map(|cell| cell.trim()).filter(|cell| !cell.is_empty()).collect();
    let count = names.len();
    let is_name = |name: &&str| name.chars().any(char::is_alphabetic) && !name.contains('@') && name.chars().count() <= 80;
    let are_words = names.iter().all(is_name);
    names.sort_unstable();
    names.dedup();
    are_words && names.len() == count
}
