//! XML of a package part, event by event, in bounded memory and without a document type.

use std::io::{self, BufRead, BufReader, Read};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use quick_xml::XmlVersion;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesRef, BytesStart, Event};

use crate::SheetError;

/// A tag or a piece of text longer than this is no spreadsheet program's work: a cell holds 32,767 characters.
const EVENT_BYTES: usize = 1024 * 1024;
const DEPTH: u32 = 64;

/// Reads the events of one part.
pub(crate) struct Xml<R: Read> {
    reader: quick_xml::Reader<Metered<BufReader<R>>>,
    buffer: Vec<u8>,
    part: String,
    depth: u32,
}

/// Counts what was read since the last event and in all.
struct Metered<R> {
    inner: R,
    event: usize,
    total: u64,
    limit: u64,
    whole: Budget,
    exceeded: Option<Exceeded>,
}

/// What all parts of a workbook may unpack to together.
pub(crate) struct Budget {
    pub(crate) spent: Arc<AtomicU64>,
    pub(crate) limit: u64,
}

#[derive(Clone, Copy)]
enum Exceeded {
    Event,
    Total,
    Whole,
}

impl<R: BufRead> BufRead for Metered<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.event > EVENT_BYTES {
            self.exceeded = Some(Exceeded::Event);
        } else if self.total > self.limit {
            self.exceeded = Some(Exceeded::Total);
        } else if self.whole.spent.load(Relaxed) > self.whole.limit {
            self.exceeded = Some(Exceeded::Whole);
        }
        if self.exceeded.is_some() {
            return Err(io::Error::other("a limit is exceeded"));
        }
        self.inner.fill_buf()
    }

    fn consume(&mut self, bytes: usize) {
        self.event = self.event.saturating_add(bytes);
        self.total = self.total.saturating_add(bytes as u64);
        self.whole.spent.fetch_add(bytes as u64, Relaxed);
        self.inner.consume(bytes);
    }
}

impl<R: BufRead> Read for Metered<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.fill_buf()?.read(buffer)?;
        self.consume(read);
        Ok(read)
    }
}

impl<R: Read> Xml<R> {
    /// Reads `inner`, of which no more than `limit` bytes are wanted, nor more than is left of the `whole`.
    pub(crate) fn new(inner: R, part: &str, limit: u64, whole: Budget) -> Self {
        let mut reader = quick_xml::Reader::from_reader(Metered {
            inner: BufReader::with_capacity(32 * 1024, inner),
            event: 0,
            total: 0,
            limit,
            whole,
            exceeded: None,
        });
        // `<c/>` and `<c></c>` are the same.
        reader.config_mut().expand_empty_elements = true;
        Self {
            reader,
            buffer: Vec::new(),
            part: part.to_owned(),
            depth: 0,
        }
    }

    /// The next event; the end of the file is one, too.
    pub(crate) fn next(&mut self) -> Result<Event<'_>, SheetError> {
        self.buffer.clear();
        self.reader.get_mut().event = 0;
        let event = match self.reader.read_event_into(&mut self.buffer) {
            Ok(event) => event,
            Err(error) => return Err(failure(self.reader.get_ref(), &self.part, &error)),
        };
        match &event {
            Event::Start(_) if self.depth == DEPTH => return Err(SheetError::damaged(&self.part, "elements are nested too deeply")),
            Event::Start(_) => self.depth += 1,
            Event::End(_) => self.depth = self.depth.saturating_sub(1),
            Event::DocType(_) => return Err(SheetError::Doctype { part: self.part.clone() }),
            _ => {}
        }
        Ok(event)
    }

    /// How deep the elements are nested that are open now.
    pub(crate) fn depth(&self) -> u32 {
        self.depth
    }

    /// The error of a part that breaks the rules.
    pub(crate) fn damaged(&self, reason: impl ToString) -> SheetError {
        SheetError::damaged(&self.part, reason)
    }
}

fn failure<R>(metered: &Metered<R>, part: &str, error: &quick_xml::Error) -> SheetError {
    match metered.exceeded {
        Some(Exceeded::Event) => SheetError::damaged(part, "a tag or text is too long"),
        Some(Exceeded::Total) => SheetError::Unpacks {
            part: part.to_owned(),
            limit_mb: metered.limit / 1_000_000,
        },
        Some(Exceeded::Whole) => SheetError::Unpacks {
            part: "all parts together".to_owned(),
            limit_mb: metered.whole.limit / 1_000_000,
        },
        None => SheetError::damaged(part, error),
    }
}

/// The text of a text event; none if it is another event. The names of the entities XML itself knows are resolved, others
/// need a document type, which there is not.
pub(crate) fn append_text(event: &Event<'_>, text: &mut String) -> Result<(), &'static str> {
    match event {
        Event::Text(piece) => text.push_str(&piece.xml10_content()),
        Event::CData(piece) => text.push_str(&piece.xml10_content()),
        Event::GeneralRef(entity) => text.push_str(&resolved(entity)?),
        _ => {}
    }
    Ok(())
}

fn resolved(entity: &BytesRef<'_>) -> Result<String, &'static str> {
    match entity.resolve_char_ref() {
        Ok(Some('\0')) | Err(_) => Err("a character reference is wrong"),
        Ok(Some(c)) => Ok(c.to_string()),
        Ok(None) => resolve_predefined_entity(entity).map(str::to_owned).ok_or("an entity is not defined"),
    }
}

/// The value of an attribute, whatever its namespace prefix.
pub(crate) fn attribute(tag: &BytesStart<'_>, name: &str) -> Option<String> {
    tag.attributes()
        .with_checks(false)
        .flatten()
        .find(|attribute| attribute.key.local_name().as_ref() == name)
        .and_then(|attribute| attribute.normalized_value(XmlVersion::Implicit1_0).ok().map(|value| value.into_owned()))
}

/// Whether a tag has this name, whatever its namespace prefix.
pub(crate) fn is(tag: &BytesStart<'_>, name: &str) -> bool {
    tag.local_name().as_ref() == name
}
