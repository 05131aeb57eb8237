//! The shared texts of a workbook. Excel keeps every text of every sheet in one list, which grows with the rows, so it is
//! written to a temporary file and read back in blocks.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::os::unix::fs::FileExt as _;

use quick_xml::events::Event;

use crate::SheetError;
use crate::package::Package;
use crate::xml::append_text;

/// Texts in a block, at most.
const BLOCK: usize = 32;
/// Bytes in a block of more than one text, so that no small text costs more to read than this.
const BLOCK_BYTES: usize = 16 * 1024;
/// A hundred columns of the most rows that are read.
const TEXTS: usize = 10_000_000;
/// Blocks kept in memory; sheets refer mostly to the texts of the row before and to those of the first rows.
const CACHED: usize = 1024;

/// A list of texts in a temporary file.
pub(crate) struct Strings {
    file: File,
    /// The first text of every block and where it begins; then the end of the last.
    blocks: Vec<(usize, u64)>,
    cache: Vec<Option<(usize, Vec<String>)>>,
}

impl Strings {
    /// No texts.
    pub(crate) fn none() -> Result<Self, SheetError> {
        Ok(Self {
            file: tempfile::tempfile()?,
            blocks: vec![(0, 0)],
            cache: Vec::new(),
        })
    }

    /// Unpacks the list.
    pub(crate) fn read(package: &Package, part: &str, cell_chars: usize) -> Result<Self, SheetError> {
        let mut xml = package.xml(part)?;
        let mut list = List::new()?;
        let mut text = String::new();
        let (mut in_text, mut in_phonetic) = (false, false);
        loop {
            let event = xml.next()?;
            match &event {
                Event::Eof => return list.finish(),
                Event::Start(tag) => match tag.local_name().as_ref() {
                    "si" => text.clear(),
                    "t" => in_text = !in_phonetic,
                    // How a Japanese text is spoken, which is not part of it.
                    "rPh" => in_phonetic = true,
                    _ => {}
                },
                Event::End(tag) => match tag.local_name().as_ref() {
                    "t" => in_text = false,
                    "rPh" => in_phonetic = false,
                    "si" => list.push(&text)?,
                    _ => {}
                },
                other if in_text => {
                    append_text(other, &mut text).map_err(|reason| SheetError::damaged(part, reason))?;
                    // More than a cell can hold, in bytes, escapes included.
                    if text.len() > 8 * cell_chars {
                        return Err(SheetError::damaged(part, "a text is longer than a cell can hold"));
                    }
                }
                _ => {}
            }
        }
    }

    /// The text of this number.
    pub(crate) fn get(&mut self, index: usize) -> Result<Option<String>, SheetError> {
        let block = self.blocks.partition_point(|&(first, _)| first <= index);
        // None before the first, and behind the last is the end.
        if block == 0 || block == self.blocks.len() {
            return Ok(None);
        }
        let block = block - 1;
        let (first, start) = self.blocks[block];
        let len = self.blocks[block + 1].1 - start;
        if len > BLOCK_BYTES as u64 {
            return Ok(self.load(start, len)?.pop());
        }
        let slot = block % self.cache.len();
        if self.cache[slot].as_ref().is_none_or(|(cached, _)| *cached != block) {
            self.cache[slot] = Some((block, self.load(start, len)?));
        }
        Ok(self.cache[slot].as_ref().and_then(|(_, texts)| texts.get(index - first).cloned()))
    }

    fn load(&self, start: u64, len: u64) -> Result<Vec<String>, SheetError> {
        let mut bytes = vec![0; usize::try_from(len).unwrap_or_default()];
        self.file.read_exact_at(&mut bytes, start)?;
        let mut texts = Vec::with_capacity(BLOCK);
        let mut rest = bytes.as_slice();
        while let Some((len, after)) = rest.split_first_chunk::<4>() {
            let (text, after) = after.split_at(after.len().min(u32::from_le_bytes(*len) as usize));
            texts.push(String::from_utf8_lossy(text).into_owned());
            rest = after;
        }
        Ok(texts)
    }
}

/// A list being written.
struct List {
    out: BufWriter<File>,
    blocks: Vec<(usize, u64)>,
    count: usize,
    at: u64,
}

impl List {
    fn new() -> Result<Self, SheetError> {
        Ok(Self {
            out: BufWriter::new(tempfile::tempfile()?),
            blocks: Vec::new(),
            count: 0,
            at: 0,
        })
    }

    fn push(&mut self, text: &str) -> Result<(), SheetError> {
        if self.count == TEXTS {
            return Err(SheetError::TooMany { what: "texts", limit: TEXTS });
        }
        let len = 4 + text.len() as u64;
        let is_full = self
            .blocks
            .last()
            .is_none_or(|&(first, start)| self.count - first == BLOCK || self.at + len - start > BLOCK_BYTES as u64);
        if is_full {
            self.blocks.push((self.count, self.at));
        }
        self.out.write_all(&u32::try_from(text.len()).unwrap_or_default().to_le_bytes())?;
        self.out.write_all(text.as_bytes())?;
        self.count += 1;
        self.at += len;
        Ok(())
    }

    fn finish(mut self) -> Result<Strings, SheetError> {
        self.blocks.push((self.count, self.at));
        Ok(Strings {
            file: self.out.into_inner().map_err(std::io::IntoInnerError::into_error)?,
            cache: (0..CACHED.min(self.blocks.len())).map(|_| None).collect(),
            blocks: self.blocks,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_is_found_again_and_small_blocks_hold_no_large_text() {
        let texts: Vec<String> = (0..5_000)
            .map(|n| match n % 97 {
                0 => "x".repeat(20_000 + n),
                1 => String::new(),
                _ => format!("text {n}"),
            })
            .collect();
        let mut list = List::new().unwrap();
        for text in &texts {
            list.push(text).unwrap();
        }
        let mut strings = list.finish().unwrap();
        for n in (0..texts.len()).chain([3, 97, 0, 4_999, 98]) {
            assert_eq!(strings.get(n).unwrap().as_ref(), Some(&texts[n]), "text {n}");
        }
        assert_eq!(strings.get(texts.len()).unwrap(), None);
        assert_eq!(Strings::none().unwrap().get(0).unwrap(), None);
        for (block, next) in strings.blocks.iter().zip(&strings.blocks[1..]) {
            assert!(next.1 - block.1 <= BLOCK_BYTES as u64 || next.0 - block.0 == 1);
        }
    }
}
