//! Delimited text, record by record.

use csv_core::{ReadRecordResult, Reader, ReaderBuilder};

use crate::text::Text;
use crate::{Flaw, Limits, Row, SheetError, formula};

pub(crate) const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];

/// The records of a text, numbered as a spreadsheet numbers rows.
///
/// On top of `csv_core` rather than `csv`: that one grows its buffers for as long as a record goes on, and says nothing of
/// the empty lines it skips.
pub(crate) struct Records<T> {
    text: T,
    core: Reader,
    limits: Limits,
    out: Vec<u8>,
    ends: Vec<usize>,
    number: u32,
    /// What was read last is the first half of a line end, perhaps.
    after_return: bool,
}

impl<T: Text> Records<T> {
    pub(crate) fn new(text: T, delimiter: u8, limits: Limits) -> Self {
        Self {
            text,
            core: ReaderBuilder::new().delimiter(delimiter).build(),
            limits,
            out: vec![0; 4096],
            ends: vec![0; 64],
            number: 0,
            after_return: false,
        }
    }

    /// The next record with anything in it.
    pub(crate) fn next(&mut self) -> Result<Option<Row>, SheetError> {
        loop {
            self.skip_empty_lines()?;
            let Some((len, cells)) = self.record()? else {
                return Ok(None);
            };
            if self.out[..len].iter().any(|byte| !byte.is_ascii_whitespace()) {
                return self.row(cells).map(Some);
            }
        }
    }

    fn skip_empty_lines(&mut self) -> Result<(), SheetError> {
        loop {
            match self.text.fill()?.first() {
                Some(b'\n') if self.after_return => self.after_return = false,
                Some(b'\n') => self.number = self.number.saturating_add(1),
                Some(b'\r') => {
                    self.number = self.number.saturating_add(1);
                    self.after_return = true;
                }
                _ => return Ok(()),
            }
            self.text.consume(1);
        }
    }

    /// Reads one record into the buffers; the bytes and the cells it has.
    fn record(&mut self) -> Result<Option<(usize, usize)>, SheetError> {
        let (mut len, mut cells) = (0, 0);
        let row = self.number.saturating_add(1);
        loop {
            let input = self.text.fill()?;
            let (result, read, written, ended) = self.core.read_record(input, &mut self.out[len..], &mut self.ends[cells..]);
            self.after_return = read > 0 && input[read - 1] == b'\r';
            self.text.consume(read);
            len += written;
            cells += ended;
            match result {
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::OutputFull if len >= self.limits.row_bytes => {
                    return Err(SheetError::RowTooLong {
                        row,
                        limit_kb: self.limits.row_bytes / 1024,
                    });
                }
                ReadRecordResult::OutputFull => self.out.resize((2 * self.out.len()).min(self.limits.row_bytes.max(len + 1)), 0),
                ReadRecordResult::OutputEndsFull if cells > self.limits.columns => {
                    return Err(SheetError::TooManyColumns {
                        row,
                        limit: self.limits.columns,
                    });
                }
                ReadRecordResult::OutputEndsFull => self.ends.resize((2 * self.ends.len()).min(self.limits.columns + 1).max(cells + 1), 0),
                ReadRecordResult::Record => {
                    self.number = row;
                    if cells > self.limits.columns {
                        return Err(SheetError::TooManyColumns {
                            row,
                            limit: self.limits.columns,
                        });
                    }
                    return Ok(Some((len, cells)));
                }
                ReadRecordResult::End => return Ok(None),
            }
        }
    }

    fn row(&self, count: usize) -> Result<Row, SheetError> {
        let mut row = Row {
            number: self.number,
            cells: Vec::with_capacity(count),
            flaws: Vec::new(),
        };
        let mut start = 0;
        for (index, &end) in self.ends[..count].iter().enumerate() {
            // Delimiters are ASCII, so that no character is cut.
            let text = std::str::from_utf8(&self.out[start..end]).map_err(|_| SheetError::NotText)?;
            start = end;
            if text.len() > self.limits.cell_chars && text.chars().count() > self.limits.cell_chars {
                return Err(SheetError::CellTooLong {
                    row: row.number,
                    cell: index + 1,
                    limit: self.limits.cell_chars,
                });
            }
            let text = match (formula::restored(text), formula::literal(text)) {
                (Some(restored), _) => restored,
                (None, Some(literal)) => literal,
                (None, None) => {
                    if formula::is_formula(text) {
                        row.flaw(index, Flaw::Formula);
                    } else if crate::is_error_value(text) {
                        row.flaw(index, Flaw::ErrorValue);
                    }
                    text
                }
            };
            row.cells.push(text.to_owned());
        }
        Ok(row)
    }
}

/// The delimiter that makes most sense of the first lines: the one whose records hold the most known headers; of equals, the
/// one that gives the most rows of one width, and the widest.
pub(crate) fn delimiter(sample: &[u8], limits: Limits, knows: &dyn Fn(&str) -> bool) -> u8 {
    let score = |delimiter: u8| {
        let mut records = Records::new(sample, delimiter, limits);
        let mut known = 0;
        let mut widths = Vec::new();
        // A sample may end within a record, or be an error that is reported where the file is read.
        while let Ok(Some(row)) = records.next() {
            known = known.max(row.cells.iter().filter(|cell| knows(cell)).count());
            widths.push(row.cells.len());
            if widths.len() == crate::SAMPLE_ROWS {
                break;
            }
        }
        let alike = |width: usize| widths.iter().filter(|&&other| other == width).count();
        let regular = widths.iter().map(|&width| (alike(width) * (width - 1), width)).max().unwrap_or_default();
        (known, regular)
    };
    let mut best = (score(DELIMITERS[0]), DELIMITERS[0]);
    for delimiter in &DELIMITERS[1..] {
        let score = score(*delimiter);
        if score > best.0 {
            best = (score, *delimiter);
        }
    }
    best.1
}
