//! The files of an import in the bucket. Those of a dry run bear its name: a run that was replaced spoils nothing.

use domain::ImportId;
use ulid::Ulid;

/// The content type of the rejected rows.
pub const CSV: &str = "text/csv; charset=utf-8";
/// The content type a file is uploaded with: what it is, its first bytes say.
pub const UPLOAD: &str = "application/octet-stream";

/// Where the uploaded file lies.
pub fn source(import: ImportId) -> String {
    format!("imports/{import}/source")
}

/// Where the good rows of a dry run lie, a line of JSON each.
pub fn staged(import: ImportId, run: Ulid) -> String {
    format!("imports/{import}/{run}/staged.ndjson")
}

/// Where the rejected rows of a dry run lie.
pub fn rejects(import: ImportId, run: Ulid) -> String {
    format!("imports/{import}/{run}/rejects.csv")
}

/// Where the reasons lie why rows of the batch that begins at `offset` were refused when they were to be stored.
pub fn late(import: ImportId, run: Ulid, offset: u64) -> String {
    format!("imports/{import}/{run}/late-{offset}.ndjson")
}

/// Where the rejected rows lie, with those that were refused when they were to be stored.
pub fn all_rejects(import: ImportId, run: Ulid) -> String {
    format!("imports/{import}/{run}/all-rejects.csv")
}
