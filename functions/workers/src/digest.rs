//! What tells the contents of files apart.

use std::fs::File;
use std::io::{self, Read as _, Seek as _};

use sha2::{Digest as _, Sha256};

/// How many bytes a file has, and their SHA-256 in hexadecimal. It is read from its beginning, piece by piece.
///
/// # Errors
/// When it cannot be read.
pub(crate) fn of_file(file: &File) -> io::Result<(u64, String)> {
    let mut file = file.try_clone()?;
    file.rewind()?;
    let mut sha256 = Sha256::new();
    let mut bytes = 0_u64;
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            let hex = sha256.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
            return Ok((bytes, hex));
        }
        sha256.update(&buffer[..read]);
        bytes += u64::try_from(read).unwrap_or_default();
    }
}
