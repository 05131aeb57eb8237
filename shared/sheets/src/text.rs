//! Bytes of any encoding the field uses, as UTF-8, a few kilobytes at a time.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::Path;

use encoding_rs::{DecoderResult, Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};

use crate::SheetError;

const CHUNK: usize = 32 * 1024;

/// Where UTF-8 comes from: a file being decoded, or a piece of it kept in memory.
pub(crate) trait Text {
    /// What is there now; nothing at the end.
    fn fill(&mut self) -> Result<&[u8], SheetError>;
    /// Drops bytes from the front of what is there.
    fn consume(&mut self, bytes: usize);
}

impl Text for &[u8] {
    fn fill(&mut self) -> Result<&[u8], SheetError> {
        Ok(self)
    }

    fn consume(&mut self, bytes: usize) {
        *self = &self[bytes..];
    }
}

/// Decodes a file. Text that is not what its encoding allows is an error, never a replacement character.
pub(crate) struct Decoder<R> {
    inner: R,
    encoding: &'static Encoding,
    decoder: encoding_rs::Decoder,
    raw: Vec<u8>,
    raw_start: usize,
    raw_end: usize,
    out: Vec<u8>,
    out_start: usize,
    out_end: usize,
    is_over: bool,
}

impl<R: Read> Decoder<R> {
    /// Decodes from where `inner` stands.
    pub(crate) fn new(inner: R, encoding: &'static Encoding) -> Self {
        Self {
            inner,
            encoding,
            decoder: encoding.new_decoder_with_bom_removal(),
            raw: vec![0; CHUNK],
            raw_start: 0,
            raw_end: 0,
            // One byte of Windows-1252 may become three.
            out: vec![0; 3 * CHUNK + 16],
            out_start: 0,
            out_end: 0,
            is_over: false,
        }
    }

    fn decode(&mut self) -> Result<(), SheetError> {
        let mut is_last = false;
        if self.raw_start == self.raw_end {
            self.raw_start = 0;
            self.raw_end = read_some(&mut self.inner, &mut self.raw)?;
            is_last = self.raw_end == 0;
        }
        let raw = &self.raw[self.raw_start..self.raw_end];
        let (result, read, written) = self.decoder.decode_to_utf8_without_replacement(raw, &mut self.out, is_last);
        self.raw_start += read;
        self.out_start = 0;
        self.out_end = written;
        if let DecoderResult::Malformed(..) = result {
            return Err(SheetError::Encoding {
                encoding: self.encoding.name(),
            });
        }
        self.is_over = is_last && result == DecoderResult::InputEmpty;
        if memchr::memchr(0, &self.out[..self.out_end]).is_some() {
            return Err(SheetError::Nul);
        }
        Ok(())
    }
}

impl<R: Read> Text for Decoder<R> {
    fn fill(&mut self) -> Result<&[u8], SheetError> {
        while self.out_start == self.out_end && !self.is_over {
            self.decode()?;
        }
        Ok(&self.out[self.out_start..self.out_end])
    }

    fn consume(&mut self, bytes: usize) {
        self.out_start += bytes;
    }
}

fn read_some(reader: &mut impl Read, buffer: &mut [u8]) -> Result<usize, SheetError> {
    loop {
        match reader.read(buffer) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            result => return Ok(result?),
        }
    }
}

/// The encoding of a text file, which is read to its end once, so that no surprise is left for later.
pub(crate) fn detect(path: &Path) -> Result<&'static Encoding, SheetError> {
    let mut head = [0; 1024];
    let mut file = File::open(path)?;
    let mut read = 0;
    while read < head.len() {
        match read_some(&mut file, &mut head[read..])? {
            0 => break,
            more => read += more,
        }
    }
    let head = &head[..read];
    if let Some((encoding, _)) = Encoding::for_bom(head) {
        return check(path, encoding).map(|()| encoding);
    }
    if let Some(encoding) = utf_16_without_mark(head) {
        return check(path, encoding).map(|()| encoding);
    }
    match check(path, UTF_8) {
        Ok(()) => Ok(UTF_8),
        Err(SheetError::Encoding { .. }) if is_windows_1252(path)? => Ok(WINDOWS_1252),
        Err(SheetError::Encoding { .. }) => Err(SheetError::NotText),
        Err(error) => Err(error),
    }
}

fn check(path: &Path, encoding: &'static Encoding) -> Result<(), SheetError> {
    let mut decoder = Decoder::new(File::open(path)?, encoding);
    loop {
        let len = decoder.fill()?.len();
        if len == 0 {
            return Ok(());
        }
        decoder.consume(len);
    }
}

/// Latin text in UTF-16 has a zero in every other byte.
fn utf_16_without_mark(head: &[u8]) -> Option<&'static Encoding> {
    let pairs = head.len() / 2;
    let zeros = |at: usize| head.chunks_exact(2).filter(|pair| pair[at] == 0).count();
    let (high_first, low_first) = (zeros(0), zeros(1));
    if pairs < 4 {
        None
    } else if low_first * 5 > pairs * 2 && high_first == 0 {
        Some(UTF_16LE)
    } else if high_first * 5 > pairs * 2 && low_first == 0 {
        Some(UTF_16BE)
    } else {
        None
    }
}

/// Whether it can be what Excel writes for "CSV" in India and Western Europe: no byte is without a meaning there.
fn is_windows_1252(path: &Path) -> Result<bool, SheetError> {
    let mut file = File::open(path)?;
    let mut buffer = vec![0; CHUNK];
    loop {
        let read = read_some(&mut file, &mut buffer)?;
        if read == 0 {
            return Ok(true);
        }
        let is_text = |byte: &u8| match byte {
            b'\t' | b'\r' | b'\n' | 0x0c => true,
            0x00..=0x1f | 0x7f | 0x81 | 0x8d | 0x8f | 0x90 | 0x9d => false,
            _ => true,
        };
        if !buffer[..read].iter().all(is_text) {
            return Ok(false);
        }
    }
}
