//! What a suite found: a table for the reader, figures for the machine, and which of them miss their bar.

use std::fmt;

/// The result of one suite. Displayed, it is the table followed by the verdict on every bar.
#[derive(Clone, Debug)]
pub struct Report {
    /// What was measured and how, in a line.
    pub title: String,
    /// The figures as a person compares them.
    pub table: Table,
    /// The same figures as `target/bench.json` keeps them.
    pub figures: Vec<Figure>,
    /// What the reader must know to judge the figures: what was skipped and why, where the cost of a missed bar sits.
    pub notes: Vec<String>,
}

/// One measured number.
#[derive(Clone, Debug)]
pub struct Figure {
    /// `suite.subject.unit`; unique over all suites.
    pub key: String,
    /// The number, in the unit the key ends with.
    pub value: f64,
    /// The most it may be, where the project has set a bar.
    pub bar: Option<f64>,
}

impl Figure {
    /// A number that is only reported.
    pub fn new(key: impl Into<String>, value: f64) -> Self {
        Self {
            key: key.into(),
            value,
            bar: None,
        }
    }

    /// A number that should be at most `bar`.
    pub fn at_most(bar: f64, key: impl Into<String>, value: f64) -> Self {
        Self {
            key: key.into(),
            value,
            bar: Some(bar),
        }
    }

    /// Whether the number is above its bar.
    pub(super) fn is_missed(&self) -> bool {
        self.bar.is_some_and(|bar| self.value > bar)
    }

    /// The part of the key that figures of one kind share.
    fn unit(&self) -> &str {
        self.key.rsplit('.').next().unwrap_or(&self.key)
    }
}

/// Rows of text under a header; the first column is left-aligned, numbers are right-aligned.
#[derive(Clone, Debug, Default)]
pub struct Table {
    /// Column titles.
    pub header: Vec<String>,
    /// One cell per column.
    pub rows: Vec<Vec<String>>,
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines = || std::iter::once(&self.header).chain(&self.rows);
        let width = |column: usize| {
            lines()
                .filter_map(|line| line.get(column))
                .map(|cell| cell.chars().count())
                .max()
                .unwrap_or_default()
        };
        let widths: Vec<usize> = (0..self.header.len()).map(width).collect();
        for line in lines() {
            for (column, (cell, width)) in line.iter().zip(&widths).enumerate() {
                if column == 0 {
                    write!(f, "{cell:<width$}")?;
                } else {
                    write!(f, "  {cell:>width$}")?;
                }
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n\n{}", self.title, self.table)?;
        let mut units: Vec<&str> = self.figures.iter().filter(|figure| figure.bar.is_some()).map(Figure::unit).collect();
        units.sort_unstable();
        units.dedup();
        for unit in units {
            let held: Vec<&Figure> = self
                .figures
                .iter()
                .filter(|figure| figure.bar.is_some() && figure.unit() == unit)
                .collect();
            let mut missed: Vec<&Figure> = held.iter().copied().filter(|figure| figure.is_missed()).collect();
            writeln!(f, "{unit}: {} of {} within the bar", held.len() - missed.len(), held.len())?;
            let excess = |figure: &Figure| figure.value / figure.bar.unwrap_or(figure.value);
            missed.sort_by(|a, b| excess(b).total_cmp(&excess(a)));
            for figure in missed {
                let bar = figure.bar.unwrap_or_default();
                writeln!(
                    f,
                    "  missed by {:.0} %: {} = {:.2}, bar {bar:.2}",
                    (excess(figure) - 1.0) * 100.0,
                    figure.key,
                    figure.value
                )?;
            }
        }
        for note in &self.notes {
            writeln!(f, "{note}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missed_bar_is_named_with_its_excess() {
        let report = Report {
            title: "title".to_owned(),
            table: Table {
                header: vec!["function".to_owned(), "MB".to_owned()],
                rows: vec![vec!["a".to_owned(), "12.0".to_owned()]],
            },
            figures: vec![
                Figure::at_most(8.0, "cold_start.a.size_mb", 12.0),
                Figure::at_most(8.0, "cold_start.b.size_mb", 8.0),
                Figure::new("cold_start.a.hello_ms", 3.0),
            ],
            notes: vec!["a note".to_owned()],
        };
        let expected = "title\n\nfunction    MB\na         12.0\n\nsize_mb: 1 of 2 within the bar\n  missed by 50 %: cold_start.a.size_mb = 12.00, bar 8.00\na note\n";
        assert_eq!(report.to_string(), expected);
    }
}
