//! A body on its way to a file, unpacked and counted as it comes.

use std::io::{self, Write};

use flate2::write::MultiGzDecoder;
use tempfile::NamedTempFile;

/// Why a part of a body was not taken.
#[derive(Debug)]
pub(crate) enum SpoolError {
    /// It is longer than it may be.
    TooLarge,
    /// It is not the gzip it says it is.
    NotGzip,
    /// It could not be written down.
    Disk,
}

/// Takes a body in parts.
///
/// Parts are written with the ordinary calls of the system: they go to the local disk, a few kilobytes at a time.
pub(crate) enum Spool {
    Plain(Counted),
    // Its buffers make it large.
    Gzip(Box<MultiGzDecoder<Counted>>),
}

impl Spool {
    /// A spool for at most `max_bytes`, counted unpacked.
    pub(crate) fn new(max_bytes: u64, is_gzip: bool) -> Result<Self, SpoolError> {
        let counted = Counted {
            file: NamedTempFile::new().map_err(|_| SpoolError::Disk)?,
            bytes: 0,
            max_bytes,
        };
        Ok(match is_gzip {
            true => Self::Gzip(Box::new(MultiGzDecoder::new(counted))),
            false => Self::Plain(counted),
        })
    }

    /// Takes the next part. A bomb is noticed at the first byte too many: no more of it is unpacked than one buffer.
    pub(crate) fn take(&mut self, part: &[u8]) -> Result<(), SpoolError> {
        match self {
            Self::Plain(counted) => counted.write_all(part),
            Self::Gzip(decoder) => decoder.write_all(part),
        }
        .map_err(|error| spool_error(&error))
    }

    /// The file and its length, once there are no more parts.
    pub(crate) fn finish(self) -> Result<(NamedTempFile, u64), SpoolError> {
        let counted = match self {
            Self::Plain(counted) => counted,
            Self::Gzip(mut decoder) => {
                decoder.try_finish().map_err(|error| spool_error(&error))?;
                decoder.finish().map_err(|error| spool_error(&error))?
            }
        };
        Ok((counted.file, counted.bytes))
    }
}

/// A file that takes so much and no more.
#[derive(Debug)]
pub(crate) struct Counted {
    file: NamedTempFile,
    bytes: u64,
    max_bytes: u64,
}

/// Carried through the decoder, which only knows errors of the system.
#[derive(Debug, thiserror::Error)]
#[error("the file is full")]
struct Full;

#[derive(Debug, thiserror::Error)]
#[error("the file could not be written")]
struct NotWritten;

impl Write for Counted {
    fn write(&mut self, part: &[u8]) -> io::Result<usize> {
        let bytes = self.bytes.saturating_add(part.len() as u64);
        if bytes > self.max_bytes {
            return Err(io::Error::other(Full));
        }
        self.file.write_all(part).map_err(|_| io::Error::other(NotWritten))?;
        self.bytes = bytes;
        Ok(part.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

fn spool_error(error: &io::Error) -> SpoolError {
    match error.get_ref() {
        Some(source) if source.is::<Full>() => SpoolError::TooLarge,
        Some(source) if source.is::<NotWritten>() => SpoolError::Disk,
        _ => SpoolError::NotGzip,
    }
}

#[cfg(test)]
mod tests {
    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn gzip(body: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(body).unwrap();
        encoder.finish().unwrap()
    }

    fn spool(max_bytes: u64, is_gzip: bool, body: &[u8]) -> Result<Vec<u8>, SpoolError> {
        let mut spool = Spool::new(max_bytes, is_gzip)?;
        for part in body.chunks(7) {
            spool.take(part)?;
        }
        let (file, bytes) = spool.finish()?;
        let found = std::fs::read(file.path()).unwrap();
        assert_eq!(bytes, found.len() as u64);
        Ok(found)
    }

    #[test]
    fn a_body_arrives_as_it_was_packed_or_not() {
        let body = b"vendor_code,company_name\nV1,Example\n".repeat(100);
        assert_eq!(spool(10_000, false, &body).unwrap(), body);
        assert_eq!(spool(10_000, true, &gzip(&body)).unwrap(), body);
        // Two members one after the other are one file.
        let two = [gzip(b"a,b\n"), gzip(b"1,2\n")].concat();
        assert_eq!(spool(10_000, true, &two).unwrap(), b"a,b\n1,2\n");
    }

    #[test]
    fn the_last_byte_that_fits_is_taken_and_the_next_is_not() {
        assert!(spool(10, false, &[b'x'; 10]).is_ok());
        assert!(matches!(spool(10, false, &[b'x'; 11]), Err(SpoolError::TooLarge)));
        assert!(spool(10, true, &gzip(&[b'x'; 10])).is_ok());
        assert!(matches!(spool(10, true, &gzip(&[b'x'; 11])), Err(SpoolError::TooLarge)));
    }

    #[test]
    fn a_bomb_is_refused_in_the_size_that_was_allowed() {
        // 64 MB in 64 kB.
        let bomb = gzip(&vec![0; 64 << 20]);
        assert!(bomb.len() < 100_000);
        let mut spool = Spool::new(1 << 20, true).unwrap();
        assert!(matches!(spool.take(&bomb), Err(SpoolError::TooLarge)));
        let Spool::Gzip(decoder) = spool else { panic!("gzip was asked for") };
        assert!(decoder.get_ref().bytes <= 1 << 20);
    }

    #[test]
    fn what_is_no_gzip_or_half_of_one_is_refused() {
        assert!(matches!(spool(1000, true, b"vendor_code\n"), Err(SpoolError::NotGzip)));
        let whole = gzip(b"vendor_code\nV1\n");
        assert!(matches!(spool(1000, true, &whole[..whole.len() - 6]), Err(SpoolError::NotGzip)));
    }
}
