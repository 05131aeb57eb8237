//! The good rows between the dry run and the import: a line of JSON each, so that the import can begin at any of them.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, BufWriter, Seek as _, SeekFrom, Write as _};
use std::path::Path;

use domain::vendor::RawVendor;
use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;

use super::scratch;

/// A good row: what it says, repaired and by column.
#[derive(Serialize, Deserialize)]
pub(super) struct StagedRow {
    /// Its number in the file.
    #[serde(rename = "r")]
    pub(super) row: u32,
    /// Column and text, in the order they count.
    #[serde(rename = "v")]
    pub(super) values: Vec<(String, String)>,
}

impl StagedRow {
    pub(super) fn raw(&self) -> RawVendor {
        raw(&self.values)
    }
}

/// The vendor that values make.
pub(super) fn raw(values: &[(String, String)]) -> RawVendor {
    let mut raw = RawVendor::default();
    for (column, text) in values {
        raw.fill(column, text);
    }
    raw
}

/// Writes lines to a file on the disk.
pub(super) struct Lines {
    out: BufWriter<NamedTempFile>,
}

impl Lines {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self {
            out: BufWriter::new(scratch::file()?),
        })
    }

    pub(super) fn add(&mut self, line: &impl Serialize) -> io::Result<()> {
        serde_json::to_writer(&mut self.out, line)?;
        self.out.write_all(b"\n")
    }

    pub(super) fn finish(self) -> io::Result<NamedTempFile> {
        self.out.into_inner().map_err(io::IntoInnerError::into_error)
    }
}

/// Reads rows from anywhere in the file.
pub(super) struct StagedRows {
    file: BufReader<File>,
    offset: u64,
}

impl StagedRows {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        Ok(Self {
            file: BufReader::new(File::open(path)?),
            offset: 0,
        })
    }

    pub(super) fn go_to(&mut self, offset: u64) -> io::Result<()> {
        self.file.seek(SeekFrom::Start(offset))?;
        self.offset = offset;
        Ok(())
    }

    /// The next rows, and where the ones behind them begin.
    pub(super) fn batch(&mut self, most: usize) -> io::Result<(Vec<StagedRow>, u64)> {
        let mut rows = Vec::with_capacity(most);
        let mut line = String::new();
        while rows.len() < most {
            line.clear();
            let read = self.file.read_line(&mut line)?;
            if read == 0 {
                break;
            }
            self.offset += u64::try_from(read).unwrap_or_default();
            rows.push(serde_json::from_str(&line)?);
        }
        Ok((rows, self.offset))
    }
}
