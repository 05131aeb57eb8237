//! Bytes of any encoding the field uses, as UTF-8, a few kilobytes at a time.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::Path;

use encoding_rs::{CoderResult, DecoderResult, Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};

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

/// How the bytes of a file are to be understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Coding {
    pub(crate) encoding: &'static Encoding,
    /// Whether bytes that mean nothing become U+FFFD, which marks their cells. Otherwise they are an error.
    is_lossy: bool,
}

impl Coding {
    const fn exact(encoding: &'static Encoding) -> Self {
        Self { encoding, is_lossy: false }
    }

    const fn lossy(encoding: &'static Encoding) -> Self {
        Self { encoding, is_lossy: true }
    }
}

/// Decodes a file. Text that is not what its encoding allows is an error, unless it is only damaged here and there.
pub(crate) struct Decoder<R> {
    inner: R,
    coding: Coding,
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
    pub(crate) fn new(inner: R, coding: Coding) -> Self {
        Self {
            inner,
            coding,
            decoder: coding.encoding.new_decoder_with_bom_removal(),
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
        let (read, written, is_done) = if self.coding.is_lossy {
            let (result, read, written, _) = self.decoder.decode_to_utf8(raw, &mut self.out, is_last);
            (read, written, result == CoderResult::InputEmpty)
        } else {
            let (result, read, written) = self.decoder.decode_to_utf8_without_replacement(raw, &mut self.out, is_last);
            if let DecoderResult::Malformed(..) = result {
                return Err(SheetError::Encoding {
                    encoding: self.coding.encoding.name(),
                });
            }
            (read, written, result == DecoderResult::InputEmpty)
        };
        self.raw_start += read;
        self.out_start = 0;
        self.out_end = written;
        self.is_over = is_last && is_done;
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
pub(crate) fn detect(path: &Path) -> Result<Coding, SheetError> {
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
    let marked = Encoding::for_bom(head).map(|(encoding, _)| encoding);
    if let Some(encoding) = marked.or_else(|| utf_16_without_mark(head)).filter(|encoding| *encoding != UTF_8) {
        return check(path, Coding::exact(encoding));
    }
    match check(path, Coding::exact(UTF_8)) {
        Err(SheetError::Encoding { .. }) => {}
        result => return result,
    }
    // What is UTF-8 but for a few bytes is not to be read as something else, which would spoil all the other letters.
    if is_mostly_utf_8(path)? {
        return check(path, Coding::lossy(UTF_8));
    }
    if marked.is_some() {
        return Err(SheetError::Encoding { encoding: UTF_8.name() });
    }
    if is_windows_1252(path)? {
        return Ok(Coding::exact(WINDOWS_1252));
    }
    Err(SheetError::NotText)
}

/// The encoding of this name, which somebody chose for the file.
pub(crate) fn named(path: &Path, name: &str) -> Result<Coding, SheetError> {
    let encoding = Encoding::for_label(name.as_bytes()).ok_or(SheetError::NotText)?;
    check(path, Coding::lossy(encoding))
}

/// Whether far more letters of several bytes are right than wrong.
fn is_mostly_utf_8(path: &Path) -> Result<bool, SheetError> {
    const RIGHT_FOR_ONE_WRONG: u64 = 10;
    let mut file = File::open(path)?;
    let mut decoder = UTF_8.new_decoder_with_bom_removal();
    let (mut raw, mut out) = (vec![0; CHUNK], vec![0; 3 * CHUNK + 16]);
    let (mut right, mut wrong) = (0_u64, 0_u64);
    loop {
        let len = read_some(&mut file, &mut raw)?;
        let mut at = 0;
        loop {
            let (result, read, written) = decoder.decode_to_utf8_without_replacement(&raw[at..len], &mut out, len == 0);
            at += read;
            right += out[..written].iter().filter(|byte| **byte >= 0xc0).count() as u64;
            match result {
                DecoderResult::InputEmpty => break,
                DecoderResult::Malformed(..) => wrong += 1,
                DecoderResult::OutputFull => {}
            }
        }
        if len == 0 {
            return Ok(right >= RIGHT_FOR_ONE_WRONG * wrong);
        }
    }
}

/// Whether the beginning of a text is that of a web page, or of XML.
pub(crate) fn is_markup(sample: &[u8]) -> bool {
    let begin = sample.trim_ascii_start();
    let begin = String::from_utf8_lossy(&begin[..begin.len().min(20)]).to_ascii_lowercase();
    ["<?xml", "<!doctype", "<html", "<head", "<meta", "<table", "<style", "<body", "<div"]
        .iter()
        .any(|tag| begin.starts_with(tag))
}

fn check(path: &Path, coding: Coding) -> Result<Coding, SheetError> {
    let mut decoder = Decoder::new(File::open(path)?, coding);
    loop {
        let len = decoder.fill()?.len();
        if len == 0 {
            return Ok(coding);
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
            b'\t' | b'\r' | b'\n' | 0x0c | 0x1a => true,
            0x00..=0x1f | 0x7f | 0x81 | 0x8d | 0x8f | 0x90 | 0x9d => false,
            _ => true,
        };
        if !buffer[..read].iter().all(is_text) {
            return Ok(false);
        }
    }
}
