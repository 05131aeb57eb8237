//! The files of an import in the bucket. Those of a dry run bear the name of the attempt at it: one that was replaced, or that another
//! worker was quicker than, spoils nothing.

use domain::ImportId;
use ulid::Ulid;

const CSV: &str = "text/csv; charset=utf-8";
const XLSX: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
/// The content type a file is uploaded with: what it is, its first bytes say.
pub const UPLOAD: &str = "application/octet-stream";

/// Where the uploaded file lies.
pub fn source(import: ImportId) -> String {
    format!("imports/{import}/source")
}

/// Where the good rows of a dry run lie, a line of JSON each.
pub fn staged(import: ImportId, attempt: Ulid) -> String {
    format!("imports/{import}/{attempt}/staged.ndjson")
}

/// Where the rejected rows of a dry run lie.
pub fn rejects(import: ImportId, attempt: Ulid, extension: &str) -> String {
    format!("imports/{import}/{attempt}/rejects.{extension}")
}

/// Where the reasons lie why rows of the batch that begins at `offset` were refused when they were to be stored.
pub fn late(import: ImportId, attempt: Ulid, offset: u64) -> String {
    format!("imports/{import}/{attempt}/late-{offset}.ndjson")
}

/// Where the rejected rows lie, with those that were refused when they were to be stored.
pub fn all_rejects(import: ImportId, attempt: Ulid, extension: &str) -> String {
    format!("imports/{import}/{attempt}/all-rejects.{extension}")
}

/// The end of the name of a file of rejected rows: they come back in a workbook where they came in one.
pub fn extension(key: &str) -> &'static str {
    if key.ends_with(".xlsx") { "xlsx" } else { "csv" }
}

/// The content type of a file of rejected rows.
pub fn content_type(key: &str) -> &'static str {
    if extension(key) == "xlsx" { XLSX } else { CSV }
}
