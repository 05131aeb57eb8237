//! From the cells of a row to what it says, by column and repaired.

use domain::columns::{Dialect, Plan};
use domain::import::{Accepted, RowError};
use domain::repairs::{self, Repair};
use sheets::Row;

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
}

/// A repair of a cell.
pub(super) struct Proposal {
    pub(super) column: String,
    pub(super) repair: Repair,
    pub(super) is_applied: bool,
}

pub(super) fn read(row: &Row, plan: &Plan, dialect: Dialect, accepted: &Accepted) -> Reading {
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
    let flaws: Vec<RowError> = flaws.collect();
    if !flaws.is_empty() {
        return Reading::Refused(flaws);
    }
    let (mut values, mut found) = (Vec::new(), Vec::new());
    for value in plan.values(&row.cells) {
        let mut text = value.text;
        if let Some(repair) = repairs::propose_from(dialect, value.column, &text) {
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
        Reading::Says(Said { values, repairs: found })
    }
}
