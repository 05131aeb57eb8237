//! A JSON list of vendors as a table: what another system answers with, as the import pipeline reads it.
//!
//! The list is read twice, from a file: first for the names of the columns, then for the rows. Of the list no more is in memory
//! than one object, whatever its length. What a crafted answer could swell (an object, a text, the nesting, the number of
//! columns, the table itself) has a limit.
//!
//! An object is a row. Objects within it are flattened: `{"address": {"city": "Pune"}}` is a cell `Pune` in the column
//! `address.city`. The values of a list are joined with `;`, those of a list of objects in each of its columns.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt;
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read, Write};

use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// What a list may hold.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Objects.
    pub rows: u32,
    /// Different columns.
    pub columns: usize,
    /// Characters of a cell.
    pub cell_chars: usize,
    /// Bytes of text in a row.
    pub row_bytes: usize,
    /// Objects and lists within each other, from the whole answer's on.
    pub depth: u32,
    /// Bytes of the table.
    pub table_bytes: u64,
}

impl Default for Limits {
    /// As much as an import takes.
    fn default() -> Self {
        let sheets::Limits {
            rows,
            columns,
            cell_chars,
            row_bytes,
            file_bytes,
            ..
        } = sheets::Limits::default();
        Self {
            rows,
            columns,
            cell_chars,
            row_bytes,
            depth: 24,
            table_bytes: file_bytes,
        }
    }
}

/// What a cell takes in memory beside its text, at least: two texts' places and lengths.
const CELL_BYTES: usize = size_of::<(String, String)>();

/// The longest name of a column.
const MAX_NAME_CHARS: usize = 200;

/// Why an answer is no table.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// Not JSON, or not all of it.
    #[error("the answer is not JSON: look at its line {line}, column {column}")]
    Malformed {
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
    },
    /// There is no list where one should be.
    #[error("there is no list at {}: correct json_path", shown(path))]
    NoList {
        /// The path.
        path: String,
    },
    /// The list is empty, or its objects are.
    #[error("the list is empty: nothing can be imported from it")]
    Empty,
    /// Something else than an object is in the list.
    #[error("entry {entry} of the list is no object with named fields: let the other system send one object for each vendor")]
    NoObject {
        /// Its number, from 1.
        entry: u32,
    },
    /// Nested too deeply.
    #[error("the answer nests deeper than {limit} levels: let the other system send flatter objects")]
    TooDeep {
        /// The limit.
        limit: u32,
    },
    /// A text or a row is too long.
    #[error("entry {entry} of the list holds more text than a row may have: leave fields out of the answer")]
    TooLong {
        /// Its number, from 1; 0 before the first.
        entry: u32,
    },
    /// Too many objects.
    #[error("the list has more than {limit} entries: divide it, or leave entries out")]
    TooManyRows {
        /// The limit.
        limit: u32,
    },
    /// Too many columns.
    #[error("the entries of the list have more than {limit} different fields: leave fields out of the answer")]
    TooManyColumns {
        /// The limit.
        limit: usize,
    },
    /// The table is too large.
    #[error("as a table the list has more than {limit} bytes: divide it, or leave fields out of the answer")]
    TooLarge {
        /// The limit.
        limit: u64,
    },
    /// What should be the address of the next page is none.
    #[error("what the answer has at {path} is no address of a next page: correct origin.next_path")]
    NoNextPage {
        /// The path.
        path: String,
    },
    /// The answer is a page of several.
    #[error("the answer is one page of several, as its field {path} says, and would be taken for all vendors: set origin.next_path to {path}")]
    MorePages {
        /// Where it says so.
        path: String,
    },
    /// The file could not be read or written here.
    #[error("the answer could not be stored here: try again later")]
    Disk(#[source] io::Error),
}

fn shown(path: &str) -> &str {
    if path.is_empty() { "the top of the answer" } else { path }
}

impl TableError {
    /// A stable word for machines.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Malformed { .. } => "json_malformed",
            Self::NoList { .. } => "json_no_list",
            Self::Empty => "json_empty",
            Self::NoObject { .. } => "json_no_object",
            Self::TooDeep { .. } => "json_too_deep",
            Self::TooLong { .. } => "json_too_long",
            Self::TooManyRows { .. } => "too_many_rows",
            Self::TooManyColumns { .. } => "too_many_columns",
            Self::TooLarge { .. } => "too_large",
            Self::NoNextPage { .. } => "json_no_next_page",
            Self::MorePages { .. } => "json_more_pages",
            Self::Disk(_) => "internal",
        }
    }
}

/// The table that was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written {
    /// Rows below the header.
    pub rows: u32,
    /// Columns.
    pub columns: usize,
    /// Bytes.
    pub bytes: u64,
}

/// Writes the lists at `path` of all pages as one CSV in UTF-8 with a header. Each page is opened from its beginning.
///
/// # Errors
/// [`TableError`]; what is in `out` by then is a part of the table.
pub fn write_csv<O: Fn() -> io::Result<File>>(pages: &[O], path: &str, limits: Limits, out: impl Write) -> Result<Written, TableError> {
    let path: Vec<&str> = path.split('.').filter(|name| !name.is_empty()).collect();
    let mut columns = Columns::default();
    let mut rows = 0;
    for open in pages {
        rows = read(open().map_err(TableError::Disk)?, &path, limits, rows, |row| {
            columns.learn(row, limits.columns)
        })?;
    }
    if rows == 0 || columns.names.is_empty() {
        return Err(TableError::Empty);
    }
    let mut writer = csv::Writer::from_writer(Capped {
        out,
        bytes: 0,
        limit: limits.table_bytes,
    });
    let refused = |error: csv::Error| match error.into_kind() {
        csv::ErrorKind::Io(error) => of_io(error),
        kind => TableError::Disk(io::Error::other(format!("{kind:?}"))),
    };
    writer.write_record(&columns.names).map_err(refused)?;
    let mut cells = vec![String::new(); columns.names.len()];
    rows = 0;
    for open in pages {
        rows = read(open().map_err(TableError::Disk)?, &path, limits, rows, |row| {
            columns.arrange(row, &mut cells);
            writer.write_record(&cells).map_err(refused)
        })?;
    }
    let capped = writer.into_inner().map_err(|error| of_io(error.into_error()))?;
    Ok(Written {
        rows,
        columns: columns.names.len(),
        bytes: capped.bytes,
    })
}

/// Fields by which servers commonly say that there are more pages.
const USUAL: [&str; 2] = ["next", "@odata.nextLink"];

/// The address of the page after this one, by the page's own word; none on the last page.
///
/// Where `next_path` is empty, the answer is to be whole: one that names a next page, at its top or beside the list, is refused.
///
/// # Errors
/// [`TableError::NoNextPage`], [`TableError::MorePages`], and what is wrong with the JSON.
pub fn next_page(open: impl Fn() -> io::Result<File>, list_path: &str, next_path: &str, limits: Limits) -> Result<Option<String>, TableError> {
    if !next_path.is_empty() {
        return match value_at(open().map_err(TableError::Disk)?, next_path, limits)? {
            Next::None => Ok(None),
            Next::Link(link) => Ok(Some(link)),
            Next::Other => Err(TableError::NoNextPage { path: next_path.to_owned() }),
        };
    }
    let beside = list_path.rsplit_once('.').map(|(outer, _)| outer);
    // An answer that is the list itself has no other fields.
    let places = [(!list_path.is_empty()).then(String::new), beside.map(|outer| format!("{outer}."))];
    for place in places.into_iter().flatten() {
        for name in USUAL {
            let path = format!("{place}{name}");
            if value_at(open().map_err(TableError::Disk)?, &path, limits)? != Next::None {
                return Err(TableError::MorePages { path });
            }
        }
    }
    Ok(None)
}

/// What an answer says of a page after it.
#[derive(Debug, PartialEq, Eq)]
enum Next {
    /// There is none: nothing is there, or `null`, `false` or an empty text.
    None,
    /// It is here.
    Link(String),
    /// Something that is no address.
    Other,
}

fn value_at(file: File, path: &str, limits: Limits) -> Result<Next, TableError> {
    let mut json = serde_json::Deserializer::from_reader(guarded(file, limits)?);
    let found = FindNext { path }.deserialize(&mut json).and_then(|found| json.end().map(|()| found));
    found.map_err(|error| match error.classify() {
        serde_json::error::Category::Io => of_io(error.into()),
        _ => TableError::Malformed {
            line: error.line(),
            column: error.column(),
        },
    })
}

/// Goes down to the field at `path`, whose names may have dots of their own.
struct FindNext<'a> {
    path: &'a str,
}

impl<'de> DeserializeSeed<'de> for FindNext<'_> {
    type Value = Next;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Next, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for FindNext<'_> {
    type Value = Next;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the way to the next page")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Next, A::Error> {
        let mut found = if self.path.is_empty() { Next::Other } else { Next::None };
        while let Some(key) = map.next_key::<String>()? {
            let rest = self.path.strip_prefix(key.as_str()).filter(|_| !key.is_empty());
            let inner = rest.and_then(|rest| if rest.is_empty() { Some(rest) } else { rest.strip_prefix('.') });
            match inner {
                Some(path) if found == Next::None => found = map.next_value_seed(FindNext { path })?,
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(found)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Next, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(self.other())
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Next, E> {
        Ok(match text.trim() {
            "" => Next::None,
            link if self.path.is_empty() => Next::Link(link.to_owned()),
            _ => Next::None,
        })
    }

    fn visit_bool<E: serde::de::Error>(self, says: bool) -> Result<Next, E> {
        Ok(if says { self.other() } else { Next::None })
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<Next, E> {
        Ok(Next::None)
    }

    fn visit_u64<E: serde::de::Error>(self, _: u64) -> Result<Next, E> {
        Ok(self.other())
    }

    fn visit_i64<E: serde::de::Error>(self, _: i64) -> Result<Next, E> {
        Ok(self.other())
    }

    fn visit_f64<E: serde::de::Error>(self, _: f64) -> Result<Next, E> {
        Ok(self.other())
    }
}

impl FindNext<'_> {
    /// What is on the way is no answer; at its end it is one that says nothing.
    const fn other(&self) -> Next {
        if self.path.is_empty() { Next::Other } else { Next::None }
    }
}

/// The columns found, in the order they were met.
#[derive(Default)]
struct Columns {
    names: Vec<String>,
    places: HashMap<String, usize>,
}

impl Columns {
    fn learn(&mut self, row: &Row, limit: usize) -> Result<(), TableError> {
        for (name, _) in &row.cells {
            if !self.places.contains_key(name) {
                if self.names.len() == limit {
                    return Err(TableError::TooManyColumns { limit });
                }
                self.places.insert(name.clone(), self.names.len());
                self.names.push(name.clone());
            }
        }
        Ok(())
    }

    fn arrange(&self, row: &Row, cells: &mut [String]) {
        cells.iter_mut().for_each(String::clear);
        for (name, value) in &row.cells {
            let cell = self.places.get(name).and_then(|place| cells.get_mut(*place));
            if let Some(cell) = cell.filter(|_| !value.is_empty()) {
                if !cell.is_empty() {
                    cell.push(';');
                }
                cell.push_str(value);
            }
        }
    }
}

/// An object of the list, flattened.
#[derive(Default)]
struct Row {
    cells: Vec<(String, String)>,
    bytes: usize,
}

/// The answer, guarded against what would swell in memory.
fn guarded(file: File, limits: Limits) -> Result<impl Read, TableError> {
    let mut file = BufReader::with_capacity(64 * 1024, file);
    const MARK: &[u8] = b"\xef\xbb\xbf";
    if file.fill_buf().map_err(TableError::Disk)?.starts_with(MARK) {
        file.consume(MARK.len());
    }
    // `from_reader` takes one byte at a time: it wants a buffer of its own behind the guard.
    Ok(BufReader::with_capacity(64 * 1024, Guard::new(file, limits)))
}

/// Reads the list of a page and gives each of its objects to `take`; answers with their number, those of the pages before included.
fn read(file: File, path: &[&str], limits: Limits, before: u32, take: impl FnMut(&Row) -> Result<(), TableError>) -> Result<u32, TableError> {
    let mut json = serde_json::Deserializer::from_reader(guarded(file, limits)?);
    let walk = RefCell::new(Walk {
        take,
        limits,
        entry: before,
        is_in_entry: false,
        has_list: false,
        stopped: None,
    });
    let result = Descend { path, walk: &walk }.deserialize(&mut json).and_then(|()| json.end());
    let walk = walk.into_inner();
    if let Some(error) = walk.stopped {
        return Err(error);
    }
    let no_list = || TableError::NoList { path: path.join(".") };
    match result {
        Ok(()) if walk.has_list => Ok(walk.entry),
        Ok(()) => Err(no_list()),
        Err(error) => Err(match error.classify() {
            serde_json::error::Category::Io => match of_io(error.into()) {
                TableError::TooLong { .. } => TableError::TooLong { entry: walk.entry },
                error => error,
            },
            serde_json::error::Category::Data if walk.is_in_entry => TableError::NoObject { entry: walk.entry },
            serde_json::error::Category::Data => no_list(),
            // Its text quotes nothing, but says less than the place does.
            serde_json::error::Category::Syntax | serde_json::error::Category::Eof => TableError::Malformed {
                line: error.line(),
                column: error.column(),
            },
        }),
    }
}

/// The error of ours that travelled as one of the system, or one of the system.
fn of_io(error: io::Error) -> TableError {
    match error.downcast::<TableError>() {
        Ok(error) => error,
        Err(error) => TableError::Disk(error),
    }
}

/// What is known on the way through an answer.
struct Walk<F> {
    take: F,
    limits: Limits,
    /// The entry that is read, from 1.
    entry: u32,
    is_in_entry: bool,
    has_list: bool,
    /// Why the way ended here: serde carries texts only.
    stopped: Option<TableError>,
}

fn stop<F, E: serde::de::Error>(walk: &RefCell<Walk<F>>, error: TableError) -> E {
    walk.borrow_mut().stopped = Some(error);
    E::custom("stopped")
}

/// Goes down to the list.
struct Descend<'a, F> {
    path: &'a [&'a str],
    walk: &'a RefCell<Walk<F>>,
}

impl<'de, F: FnMut(&Row) -> Result<(), TableError>> DeserializeSeed<'de> for Descend<'_, F> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        match self.path {
            [] => deserializer.deserialize_seq(self),
            _ => deserializer.deserialize_map(self),
        }
    }
}

impl<'de, F: FnMut(&Row) -> Result<(), TableError>> Visitor<'de> for Descend<'_, F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the way to the list")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            match self.path {
                [name, rest @ ..] if *name == key => map.next_value_seed(Descend { path: rest, walk: self.walk })?,
                _ => map.next_value::<IgnoredAny>().map(drop)?,
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        self.walk.borrow_mut().has_list = true;
        loop {
            {
                let mut walk = self.walk.borrow_mut();
                walk.entry += 1;
                walk.is_in_entry = true;
            }
            let mut row = Row::default();
            let entry = Entry {
                row: &mut row,
                walk: self.walk,
            };
            let found = list.next_element_seed(entry)?;
            let mut walk = self.walk.borrow_mut();
            walk.is_in_entry = false;
            if found.is_none() {
                walk.entry -= 1;
                return Ok(());
            }
            let limit = walk.limits.rows;
            let taken = if walk.entry > limit {
                Err(TableError::TooManyRows { limit })
            } else {
                (walk.take)(&row)
            };
            if let Err(error) = taken {
                walk.stopped = Some(error);
                return Err(A::Error::custom("stopped"));
            }
        }
    }
}

/// Reads an object of the list.
struct Entry<'a, F> {
    row: &'a mut Row,
    walk: &'a RefCell<Walk<F>>,
}

impl<'de, F> DeserializeSeed<'de> for Entry<'_, F> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, F> Visitor<'de> for Entry<'_, F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        let Entry { row, walk } = self;
        Cell { row, walk, name: "" }.visit_map(map)
    }
}

/// Reads a value of an object, whatever it is.
struct Cell<'a, F> {
    row: &'a mut Row,
    walk: &'a RefCell<Walk<F>>,
    /// The column; empty in the object itself.
    name: &'a str,
}

impl<F> Cell<'_, F> {
    fn put<E: serde::de::Error>(self, value: String) -> Result<(), E> {
        let (limits, entry) = {
            let walk = self.walk.borrow();
            (walk.limits, walk.entry)
        };
        // A list of a million nothings takes memory, too.
        self.row.bytes += self.name.len() + value.len() + CELL_BYTES;
        // A cell that is joined of several values is bounded by the row.
        if self.row.bytes > limits.row_bytes || value.chars().count() > limits.cell_chars {
            return Err(stop(self.walk, TableError::TooLong { entry }));
        }
        self.row.cells.push((self.name.to_owned(), value));
        Ok(())
    }
}

impl<'de, F> DeserializeSeed<'de> for Cell<'_, F> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, F> Visitor<'de> for Cell<'_, F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            let name = match self.name {
                "" => key,
                outer => format!("{outer}.{key}"),
            };
            if name.chars().count() > MAX_NAME_CHARS {
                let entry = self.walk.borrow().entry;
                return Err(stop(self.walk, TableError::TooLong { entry }));
            }
            map.next_value_seed(Cell {
                row: &mut *self.row,
                walk: self.walk,
                name: &name,
            })?;
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        loop {
            let cell = Cell {
                row: &mut *self.row,
                walk: self.walk,
                name: self.name,
            };
            if list.next_element_seed(cell)?.is_none() {
                return Ok(());
            }
        }
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<(), E> {
        self.put(String::new())
    }

    fn visit_bool<E: serde::de::Error>(self, value: bool) -> Result<(), E> {
        self.put(value.to_string())
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<(), E> {
        self.put(value.to_string())
    }

    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<(), E> {
        self.put(value.to_string())
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<(), E> {
        // Beyond 15 digits the number is not what was sent any more. In this form that is seen, and never taken for a code.
        let is_exact = value.abs() < 1e15;
        self.put(if is_exact { value.to_string() } else { format!("{value:E}") })
    }

    fn visit_str<E: serde::de::Error>(self, value: &str) -> Result<(), E> {
        self.put(value.trim().to_owned())
    }
}

/// Bounds what the parser behind it has to hold: the length of a text and the nesting.
struct Guard<R> {
    inner: R,
    limits: Limits,
    depth: u32,
    is_text: bool,
    is_escaped: bool,
    /// Bytes of the text or number so far.
    token_bytes: usize,
}

impl<R> Guard<R> {
    fn new(inner: R, limits: Limits) -> Self {
        Self {
            inner,
            limits,
            depth: 0,
            is_text: false,
            is_escaped: false,
            token_bytes: 0,
        }
    }

    fn look(&mut self, byte: u8) -> Result<(), TableError> {
        if self.is_text {
            match byte {
                _ if self.is_escaped => self.is_escaped = false,
                b'\\' => self.is_escaped = true,
                b'"' => self.is_text = false,
                _ => {}
            }
        } else {
            match byte {
                b'"' => {
                    self.is_text = true;
                    self.token_bytes = 0;
                }
                b'{' | b'[' => {
                    self.depth += 1;
                    if self.depth > self.limits.depth {
                        return Err(TableError::TooDeep { limit: self.limits.depth });
                    }
                }
                b'}' | b']' => self.depth = self.depth.saturating_sub(1),
                _ => {}
            }
            if matches!(byte, b',' | b':' | b' ' | b'\n' | b'\r' | b'\t') {
                self.token_bytes = 0;
            }
        }
        self.token_bytes += 1;
        // A character is `\u0041` at the longest.
        if self.token_bytes > 6 * self.limits.cell_chars {
            return Err(TableError::TooLong { entry: 0 });
        }
        Ok(())
    }
}

impl<R: Read> Read for Guard<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        for byte in buffer.iter().take(read) {
            self.look(*byte).map_err(io::Error::other)?;
        }
        Ok(read)
    }
}

/// Counts what is written and ends it at a limit.
struct Capped<W> {
    out: W,
    bytes: u64,
    limit: u64,
}

impl<W: Write> Write for Capped<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.bytes + bytes.len() as u64 > self.limit {
            return Err(io::Error::other(TableError::TooLarge { limit: self.limit }));
        }
        let written = self.out.write(bytes)?;
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn convert_within(json: &str, path: &str, limits: Limits) -> Result<String, TableError> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), json).unwrap();
        let mut table = Vec::new();
        let written = write_csv(&[|| file.reopen()], path, limits, &mut table)?;
        assert_eq!(written.bytes, table.len() as u64);
        Ok(String::from_utf8(table).unwrap())
    }

    #[track_caller]
    fn check(json: &str, path: &str, expected: Result<&str, &str>) {
        let found = convert_within(json, path, Limits::default());
        assert_eq!(found.as_deref().map_err(TableError::code), expected, "{json}");
    }

    #[test]
    fn objects_become_rows_and_their_fields_columns() {
        check(
            r#"[{"code":"V-1","name":"A, B"},{"name":"C","pin":411001}]"#,
            "",
            Ok("code,name,pin\nV-1,\"A, B\",\n,C,411001\n"),
        );
        check(
            r#"{"meta":{"list":[1]},"data":{"count":1,"vendors":[{"code":"V-1"}],"more":[{}]},"x":null}"#,
            "data.vendors",
            Ok("code\nV-1\n"),
        );
        check("\u{feff}[{\"code\":\" V-1\\n\"}]", "", Ok("code\nV-1\n"));
    }

    #[test]
    fn pages_become_one_table_with_the_columns_of_all() {
        let page = |json: &str| {
            let file = tempfile::NamedTempFile::new().unwrap();
            std::fs::write(file.path(), json).unwrap();
            file
        };
        let files = [
            page(r#"[{"code":"V-1"}]"#),
            page(r#"[{"name":"B","code":"V-2"},{"code":"V-3"}]"#),
            page("[]"),
        ];
        let pages: Vec<_> = files.iter().map(|file| || file.reopen()).collect();
        let mut table = Vec::new();
        let written = write_csv(&pages, "", Limits::default(), &mut table).unwrap();
        assert_eq!(
            (written.rows, String::from_utf8(table).unwrap().as_str()),
            (3, "code,name\nV-1,\nV-2,B\nV-3,\n")
        );
        let few = Limits {
            rows: 2,
            ..Limits::default()
        };
        assert_eq!(write_csv(&pages, "", few, io::sink()).unwrap_err().code(), "too_many_rows");
    }

    #[test]
    fn the_next_page_is_where_the_path_says_and_a_page_is_not_taken_for_all() {
        let next = |json: &str, list: &str, path: &str| {
            let file = tempfile::NamedTempFile::new().unwrap();
            std::fs::write(file.path(), json).unwrap();
            next_page(|| file.reopen(), list, path, Limits::default()).map_err(|error| error.code())
        };
        let link = |text: &str| Ok(Some(text.to_owned()));
        let odata = r#"{"@odata.nextLink":"/v?page=2","value":[{"next":"x"}]}"#;
        assert_eq!(next(odata, "value", "@odata.nextLink"), link("/v?page=2"));
        assert_eq!(next(odata, "value", ""), Err("json_more_pages"));
        let nested = r#"{"data":{"vendors":[],"paging":{"next":" ?p=2 "},"next":null}}"#;
        assert_eq!(next(nested, "data.vendors", "data.paging.next"), link("?p=2"));
        assert_eq!(next(nested, "data.vendors", ""), Ok(None));
        assert_eq!(next(nested, "data.vendors", "data.paging"), Err("json_no_next_page"));
        assert_eq!(next(nested, "data.vendors", "data.vendors"), Err("json_no_next_page"));
        assert_eq!(next(nested, "data.vendors", "paging.next"), Ok(None));
        for last in [
            r#"{"v":[],"next":null}"#,
            r#"{"v":[],"next":""}"#,
            r#"{"v":[],"next":false}"#,
            r#"{"v":[]}"#,
        ] {
            assert_eq!(next(last, "v", "next"), Ok(None), "{last}");
            assert_eq!(next(last, "v", ""), Ok(None), "{last}");
        }
        assert_eq!(next(r#"{"v":[],"next":2}"#, "v", "next"), Err("json_no_next_page"));
        assert_eq!(next(r#"{"d":{"v":[],"next":2}}"#, "d.v", ""), Err("json_more_pages"));
        assert_eq!(next(r#"[{"next":"x"}]"#, "", ""), Ok(None));
        assert_eq!(next(r#"{"v":["#, "v", "next"), Err("json_malformed"));
    }

    #[test]
    fn what_is_nested_is_flattened_and_lists_are_joined() {
        check(
            r#"[{"code":"V-1","address":{"city":"Pune","geo":{"pin":"411001"}},"emails":["a@x.example",null,"b@x.example"],
                "contacts":[{"name":"Asha","phones":["1","2"]},{"name":"Ravi","phones":[]}],"empty":[],"nothing":null,"yes":true}]"#,
            "",
            Ok("code,address.city,address.geo.pin,emails,contacts.name,contacts.phones,nothing,yes\n\
                V-1,Pune,411001,a@x.example;b@x.example,Asha;Ravi,1;2,,true\n"),
        );
    }

    #[test]
    fn numbers_are_as_they_were_sent_or_seen_not_to_be() {
        check(
            r#"[{"a":9876500001,"b":-5,"c":12500000.5,"d":18446744073709551615,"e":100000000000000000000000,"f":0.1}]"#,
            "",
            Ok("a,b,c,d,e,f\n9876500001,-5,12500000.5,18446744073709551615,1E23,0.1\n"),
        );
    }

    #[test]
    fn what_is_no_list_of_objects_is_refused_with_the_reason() {
        check("", "", Err("json_malformed"));
        check("<html>", "", Err("json_malformed"));
        check(r#"[{"a":1}"#, "", Err("json_malformed"));
        check(r#"[{"a":1}] x"#, "", Err("json_malformed"));
        check(r#"[{"a":1},]"#, "", Err("json_malformed"));
        check(r#"{"a":1}"#, "", Err("json_no_list"));
        check(r#""text""#, "", Err("json_no_list"));
        check(r#"{"data":{"a":1}}"#, "data.vendors", Err("json_no_list"));
        check(r#"{"data":[1]}"#, "data.vendors", Err("json_no_list"));
        check(r#"{"data":{"vendors":null}}"#, "data.vendors", Err("json_no_list"));
        check("[]", "", Err("json_empty"));
        check("[{},{}]", "", Err("json_empty"));
        check(r#"[{"a":1},[1]]"#, "", Err("json_no_object"));
        check(r#"[{"a":1},7]"#, "", Err("json_no_object"));
        let error = convert_within("[{\"a\":1},\n null]", "", Limits::default()).unwrap_err();
        assert!(error.to_string().starts_with("entry 2 of the list is no object"), "{error}");
        let error = convert_within("{}", "", Limits::default()).unwrap_err();
        assert_eq!(error.to_string(), "there is no list at the top of the answer: correct json_path");
    }

    #[test]
    fn what_would_swell_is_refused() {
        let deep = |levels: usize| format!("[{{\"a\":{}{}}}]", "[".repeat(levels), "]".repeat(levels));
        check(&deep(22), "", Err("json_empty"));
        check(&deep(23), "", Err("json_too_deep"));
        check(
            &format!("{{\"skipped\":{},\"list\":[]}}", "[".repeat(1_000_000)),
            "list",
            Err("json_too_deep"),
        );
        check(&format!("[{{\"a\":\"{}\"}}]", "x".repeat(32_768)), "", Err("json_too_long"));
        check(&format!("[{{\"a\":\"{}\"}}]", "x".repeat(1_000_000)), "", Err("json_too_long"));
        check(&format!("[{{\"a\":{}}}]", "1".repeat(1_000_000)), "", Err("json_too_long"));
        check(&format!("[{{\"{}\":1}}]", "x".repeat(201)), "", Err("json_too_long"));
        check(&format!("[{{\"\":[{}null]}}]", "null,".repeat(100_000)), "", Err("json_too_long"));
        let texts = format!("\"{}\",", "x".repeat(30_000)).repeat(40);
        check(&format!("[{{\"a\":[{}0]}}]", texts), "", Err("json_too_long"));
        let fields: Vec<String> = (0..1_001).map(|number| format!("\"f{number}\":1")).collect();
        check(&format!("[{{{}}}]", fields.join(",")), "", Err("too_many_columns"));

        let narrow = Limits {
            rows: 2,
            table_bytes: 20,
            ..Limits::default()
        };
        let code = |json: &str| convert_within(json, "", narrow).map_err(|error| error.code());
        assert_eq!(code(r#"[{"a":1},{"a":2}]"#), Ok("a\n1\n2\n".to_owned()));
        assert_eq!(code(r#"[{"a":1},{"a":2},{"a":3}]"#), Err("too_many_rows"));
        assert_eq!(code(r#"[{"a":"0123456789"},{"a":"0123456789"}]"#), Err("too_large"));
    }

    #[test]
    fn a_text_with_quotes_and_brackets_does_not_confuse_the_guard() {
        check(r#"[{"a":"\"[[{\\","b":"]}"}]"#, "", Ok("a,b\n\"\"\"[[{\\\",]}\n"));
    }
}
