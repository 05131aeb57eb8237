//! What the dry run notices, with limits to every list.

use std::collections::HashMap;

use domain::import::{ColumnFinding, Example, Problem, RepairExample, RepairFinding, RowChange, RowError, shorten};
use domain::vendor::{MsmeStatus, VendorProfile, VendorWarning};
use domain::vendor_record::Vendor;

use super::reading::Proposal;

const EXAMPLES: usize = 5;
/// More kinds than there are in any column; a crafted file cannot make more.
const KINDS: usize = 40;
const ERRORS: usize = 100;
const CHANGES: usize = 100;

#[derive(Default)]
pub(super) struct Findings {
    columns: Vec<ColumnFinding>,
    places: HashMap<String, usize>,
    repairs: Vec<RepairFinding>,
    errors: Vec<RowError>,
    changes: Vec<RowChange>,
}

impl Findings {
    /// With the columns of the file, in its order.
    pub(super) fn of<'a>(columns: impl Iterator<Item = &'a str>) -> Self {
        let mut findings = Self::default();
        for column in columns {
            findings.column(column);
        }
        findings
    }

    fn column(&mut self, column: &str) -> &mut ColumnFinding {
        let place = match self.places.get(column) {
            Some(place) => *place,
            None => {
                self.columns.push(ColumnFinding {
                    column: column.to_owned(),
                    ..ColumnFinding::default()
                });
                self.places.insert(column.to_owned(), self.columns.len() - 1);
                self.columns.len() - 1
            }
        };
        &mut self.columns[place]
    }

    /// A row says something in these columns.
    pub(super) fn filled(&mut self, values: &[(String, String)]) {
        for (at, (column, _)) in values.iter().enumerate() {
            // Several cells of one column are one column filled.
            if !values[..at].iter().any(|(earlier, _)| earlier == column) {
                self.column(column).filled += 1;
            }
        }
    }

    fn problem(&mut self, column: &str, code: &str, is_error: bool, message: &str, row: u32, value: &str) {
        let problems = &mut self.column(column).problems;
        let place = match problems.iter().position(|problem| problem.code == code && problem.is_error == is_error) {
            Some(place) => place,
            None if problems.len() >= KINDS => return,
            None => {
                problems.push(Problem {
                    code: code.to_owned(),
                    is_error,
                    count: 0,
                    message: shorten(message, 300),
                    examples: Vec::new(),
                });
                problems.len() - 1
            }
        };
        let problem = &mut problems[place];
        problem.count += 1;
        if problem.examples.len() < EXAMPLES {
            problem.examples.push(Example {
                row,
                value: shorten(value, 60),
            });
        }
    }

    pub(super) fn warn(&mut self, row: u32, warnings: &[VendorWarning], values: &[(String, String)]) {
        for VendorWarning { field, code, message } in warnings {
            let value = values.iter().find(|(column, _)| column == field).map_or("", |(_, text)| text);
            self.problem(field, code, false, message, row, value);
        }
    }

    pub(super) fn reject(&mut self, errors: &[RowError]) {
        for error in errors {
            self.problem(&error.column, &error.code, true, &error.reason, error.row, &error.value);
            if self.errors.len() < ERRORS {
                self.errors.push(error.clone());
            }
        }
    }

    /// A row changes a vendor.
    pub(super) fn changed(&mut self, row: u32, vendor: &Vendor, after: &VendorProfile, claim: Option<MsmeStatus>) {
        let room = CHANGES.saturating_sub(self.changes.len());
        if room > 0 {
            self.changes.extend(RowChange::between(row, vendor, after, claim).into_iter().take(room));
        }
    }

    pub(super) fn repair(&mut self, row: u32, proposals: &[Proposal]) {
        for Proposal { column, repair, is_applied } in proposals {
            let is_kind = |finding: &RepairFinding| finding.code == repair.code && finding.is_certain == repair.certain;
            let place = match self.repairs.iter().position(is_kind) {
                Some(place) => place,
                None => {
                    self.repairs.push(RepairFinding {
                        code: repair.code,
                        is_certain: repair.certain,
                        is_applied: *is_applied,
                        count: 0,
                        message: repair.message.clone(),
                        examples: Vec::new(),
                    });
                    self.repairs.len() - 1
                }
            };
            let finding = &mut self.repairs[place];
            finding.count += 1;
            if finding.examples.len() < EXAMPLES {
                finding.examples.push(RepairExample {
                    row,
                    column: column.clone(),
                    from: shorten(&repair.from, 100),
                    to: shorten(&repair.to, 100),
                });
            }
        }
    }

    /// Columns, repairs, the first errors and the first changes.
    pub(super) fn finish(mut self) -> (Vec<ColumnFinding>, Vec<RepairFinding>, Vec<RowError>, Vec<RowChange>) {
        // What nobody has to decide comes last.
        self.repairs.sort_by_key(|finding| (finding.is_certain, std::cmp::Reverse(finding.count)));
        (self.columns, self.repairs, self.errors, self.changes)
    }
}
