//! Files on the function's disk, which the next invocation finds again if this one is killed.

use std::io;
use std::time::Duration;

use tempfile::NamedTempFile;

const PREFIX: &str = "msme-import-";
/// Longer than an invocation lives: what is older belongs to none.
const ABANDONED: Duration = Duration::from_secs(1_800);

/// A new file, deleted when it is dropped.
pub(super) fn file() -> io::Result<NamedTempFile> {
    tempfile::Builder::new().prefix(PREFIX).tempfile()
}

/// Deletes what invocations have left that were killed. The disk is small, and lives as long as the process environment.
pub(super) fn clean() {
    let Ok(entries) = std::fs::read_dir(std::env::temp_dir()) else { return };
    for entry in entries.flatten() {
        let is_ours = entry.file_name().to_string_lossy().starts_with(PREFIX);
        let age = entry
            .metadata()
            .and_then(|metadata| metadata.modified())
            .map(|at| at.elapsed().unwrap_or_default());
        if is_ours && age.is_ok_and(|age| age > ABANDONED) {
            // Should it not go, the next invocation tries again.
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::time::SystemTime;

    use super::*;

    #[test]
    fn what_killed_invocations_left_is_deleted_and_what_is_in_use_is_not() -> io::Result<()> {
        let (old, new) = (file()?, file()?);
        File::options()
            .write(true)
            .open(old.path())?
            .set_modified(SystemTime::now() - 2 * ABANDONED)?;
        clean();
        assert!(!old.path().exists() && new.path().exists());
        Ok(())
    }
}
