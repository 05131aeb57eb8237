//! The ZIP container of a workbook: which parts there are, and a bounded reader for each.

use std::collections::HashMap;
use std::fs::File;
use std::io::{Read, Seek as _, SeekFrom, Take};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use flate2::read::DeflateDecoder;
use rawzip::{CompressionMethod, RECOMMENDED_BUFFER_SIZE, ZipArchive};

use crate::xml::{Budget, Xml};
use crate::{Limits, SheetError};

/// Excel's own workbooks have some dozens; a chart or a picture is one.
const PARTS: usize = 5_000;
const NAME_BYTES: usize = 300;
const CONTAINER: &str = "the archive";

/// The parts of a package, found without unpacking anything.
pub(crate) struct Package {
    path: PathBuf,
    parts: HashMap<String, Part>,
    limits: Limits,
    /// What all parts have unpacked to so far.
    unpacked: Arc<AtomicU64>,
}

#[derive(Clone, Copy)]
struct Part {
    start: u64,
    len: u64,
    is_deflated: bool,
}

/// The unpacked bytes of a part.
pub(crate) enum PartReader {
    Stored(Take<File>),
    Deflated(Box<DeflateDecoder<Take<File>>>),
}

impl Read for PartReader {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        match self {
            Self::Stored(reader) => reader.read(buffer),
            Self::Deflated(reader) => reader.read(buffer),
        }
    }
}

impl Package {
    /// Reads the directory of the archive.
    pub(crate) fn open(path: &Path, limits: Limits) -> Result<Self, SheetError> {
        let damaged = |error: rawzip::Error| SheetError::damaged(CONTAINER, error);
        let mut buffer = vec![0; RECOMMENDED_BUFFER_SIZE];
        let archive = ZipArchive::from_file(File::open(path)?, &mut buffer).map_err(damaged)?;
        let mut parts = HashMap::new();
        let mut entries = archive.entries(&mut buffer);
        let mut count = 0;
        while let Some(entry) = entries.next_entry().map_err(damaged)? {
            count += 1;
            if count > PARTS {
                return Err(SheetError::TooMany { what: "parts", limit: PARTS });
            }
            let raw = entry.file_path();
            let name = raw.as_ref();
            if entry.is_dir() || name.len() > NAME_BYTES {
                continue;
            }
            // Part names are ASCII, compared without case; some writers put backslashes.
            let name = String::from_utf8_lossy(name).to_ascii_lowercase().replace('\\', "/");
            if entry.flags().is_encrypted() {
                return Err(SheetError::Password);
            }
            let is_deflated = match entry.compression_method() {
                CompressionMethod::STORE => false,
                CompressionMethod::DEFLATE => true,
                // Only a problem if the part is needed; then it is missing.
                _ => continue,
            };
            let (start, end) = archive.get_entry(entry.wayfinder()).map_err(damaged)?.compressed_data_range();
            let part = Part {
                start,
                len: end.saturating_sub(start),
                is_deflated,
            };
            if parts.insert(name, part).is_some() {
                return Err(SheetError::damaged(CONTAINER, "it has two parts of one name"));
            }
        }
        Ok(Self {
            path: path.to_owned(),
            parts,
            limits,
            unpacked: Arc::default(),
        })
    }

    /// Whether there is a part of this name, given in lower case.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.parts.contains_key(name)
    }

    /// The events of a part.
    pub(crate) fn xml(&self, name: &str) -> Result<Xml<PartReader>, SheetError> {
        let part = self.parts.get(name).ok_or_else(|| SheetError::damaged(name, "it is missing"))?;
        let mut file = File::open(&self.path)?;
        file.seek(SeekFrom::Start(part.start))?;
        let bytes = file.take(part.len);
        let reader = if part.is_deflated {
            PartReader::Deflated(Box::new(DeflateDecoder::new(bytes)))
        } else {
            PartReader::Stored(bytes)
        };
        let whole = Budget {
            spent: Arc::clone(&self.unpacked),
            limit: self.limits.package_bytes(),
        };
        Ok(Xml::new(reader, name, self.limits.unpacked_bytes, whole))
    }
}
