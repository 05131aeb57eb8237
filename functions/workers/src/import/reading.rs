//! From the cells of a row to what it says, by column and repaired.

use std::borrow::Cow;

use domain::columns::Plan;
use domain::import::{Accepted, RowError};
use domain::repairs::{self, Context, Repair};
use domain::vendor::VendorWarning;
use sheets::{Row, Shown};

/// What a row is.
pub(super) enum Reading {
    /// Nothing in any mapped column.
    Blank,
    /// A ledger that is no supplier.
    NotASupplier,
    /// Cells that cannot be trusted.
    Refused(Vec<RowError>),
    /// What it says.
    Says(Said),
}

/// What a row says.
pub(super) struct Said {
    /// Column and text, repaired as far as certain or accepted.
    pub(super) values: Vec<(String, String)>,
    /// What is or could be repaired.
    pub(super) repairs: Vec<Proposal>,
    /// What is odd about the row as a whole.
    pub(super) notes: Vec<VendorWarning>,
}

/// A repair of a cell.
pub(super) struct Proposal {
    pub(super) column: String,
    pub(super) repair: Repair,
    pub(super) is_applied: bool,
}

/// The column whose cells are names, whatever they are made of.
const CODE: &str = "vendor_code";

/// A code that is a number which the sheet shows as something else.
pub(super) const CODE_FORMAT: &str = "code_format";

pub(super) fn read(row: &Row, plan: &Plan, context: Context, accepted: &Accepted) -> Reading {
    if let Some(doubt) = row.doubt {
        return Reading::Refused(vec![RowError::new(row.number, "", "", doubt.code(), &doubt.to_string())]);
    }
    if let Err(error) = plan.check_width(row.cells.len()) {
        return Reading::Refused(vec![RowError::new(row.number, "", "", "cell_count", &error.to_string())]);
    }
    if !plan.is_supplier(&row.cells) {
        return Reading::NotASupplier;
    }
    let flaws = row.flaws.iter().filter_map(|(cell, flaw)| {
        let column = plan.uses(*cell)?;
        let text = row.cells.get(*cell).map(String::as_str).unwrap_or_default();
        Some(RowError::new(row.number, column, text, flaw.code(), &flaw.to_string()))
    });
    let mut flaws: Vec<RowError> = flaws.collect();
    let cells = as_shown(row, plan, &mut flaws);
    if !flaws.is_empty() {
        return Reading::Refused(flaws);
    }
    let (mut values, mut found) = (Vec::new(), Vec::new());
    for value in plan.values(&cells) {
        let mut text = value.text;
        if let Some(repair) = repairs::propose_in(context, value.column, &text) {
            let is_applied = accepted.admits(&repair);
            if is_applied {
                text.clone_from(&repair.to);
            }
            found.push(Proposal {
                column: value.column.to_owned(),
                repair,
                is_applied,
            });
        }
        values.push((value.column.to_owned(), text));
    }
    if values.is_empty() {
        Reading::Blank
    } else {
        Reading::Says(Said {
            values,
            repairs: found,
            notes: notes(row, plan),
        })
    }
}

/// The cells, with codes as a person sees them: a number whose format says `V-1001` is that code, and one that is shown as a day is none.
fn as_shown<'a>(row: &'a Row, plan: &Plan, flaws: &mut Vec<RowError>) -> Cow<'a, [String]> {
    let mut cells = Cow::Borrowed(row.cells.as_slice());
    for (cell, shown) in row.shown.iter().filter(|(cell, _)| plan.makes(*cell, CODE)) {
        let as_what = match shown {
            Shown::As(text) => {
                cells.to_mut()[*cell].clone_from(text);
                continue;
            }
            Shown::Day => "a date",
            Shown::Otherwise => "something else by its number format",
        };
        let reason = format!("the code is a number that the sheet shows as {as_what}: format the column as text and enter the code as it reads");
        flaws.push(RowError::new(row.number, CODE, &row.cells[*cell], CODE_FORMAT, &reason));
    }
    cells
}

fn notes(row: &Row, plan: &Plan) -> Vec<VendorWarning> {
    let note = |code, message: String| VendorWarning { field: "", code, message };
    let short = plan.is_short(row.cells.len()).then(|| {
        let message = format!("the row ends after {} cells: those that are missing are taken for empty", row.cells.len());
        note("row_short", message)
    });
    let surplus = (row.surplus > 0).then(|| {
        let message = format!(
            "{} cells right of the header were left out: give their column a header if they are needed",
            row.surplus
        );
        note("cells_beyond_header", message)
    });
    short.into_iter().chain(surplus).collect()
}
