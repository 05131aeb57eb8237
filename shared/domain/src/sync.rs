//! Vendors from another system: where they are pulled from, when, and what is done with them without asking.
//!
//! A run of a source is an import whose file nobody uploaded. It has the same dry run and the same report; a [`Policy`] says
//! whether a person has to look at it first.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::columns::Mapping;
use crate::hash::sha256_hex;
use crate::import::{Accepted, ImportCounts, ImportMode};
use crate::schedule::{Expression, InvalidExpression, TimeZone};
use crate::{FieldError, ImportId, ScheduleId, SyncRunId, SyncSourceId, UserId};

/// Where in the bucket the folders of sources are.
pub const DROP_ROOT: &str = "drop/";

/// Headers that belong to the connection: a source cannot set them.
const RESERVED_HEADERS: [&str; 9] = [
    "accept-encoding",
    "connection",
    "content-length",
    "expect",
    "host",
    "range",
    "te",
    "transfer-encoding",
    "upgrade",
];

/// What an address answers with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = SyncFormat)]
pub enum Format {
    /// Delimited text with a header.
    Csv,
    /// JSON with a list of objects somewhere in it.
    Json,
}

impl Format {
    /// The content types that are taken, in lower case and without parameters.
    pub const fn content_types(self) -> &'static [&'static str] {
        match self {
            // Many servers send a file of this kind as whatever its name ends in means to Excel, or as plain bytes.
            Format::Csv => &[
                "text/csv",
                "application/csv",
                "text/tab-separated-values",
                "text/plain",
                "application/vnd.ms-excel",
                "application/octet-stream",
            ],
            Format::Json => &["application/json", "text/json", "application/hal+json", "application/vnd.api+json"],
        }
    }
}

/// The header that tells an address who asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = SyncAuthHeader)]
pub struct AuthHeader {
    /// Its name.
    #[schema(example = "authorization")]
    pub name: String,
    /// The name of its value in the stack's secret of sync sources, which also says for which host it is: no other gets it. The value
    /// itself is never stored here and never shown.
    #[schema(example = "erp")]
    pub secret_name: String,
}

/// Where vendors come from.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
#[schema(as = SyncOrigin)]
pub enum Origin {
    /// A web address, read on a schedule or when somebody asks.
    Https {
        /// The address: `https` only, on the public internet.
        #[schema(example = "https://erp.example.in/api/vendors")]
        url: String,
        /// What it answers with.
        format: Format,
        /// Where in the JSON the list of vendors is: names of fields with dots between them, empty if the answer is the list.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        #[schema(example = "data.vendors")]
        json_path: String,
        /// Where in the JSON the address of the next page is, as in `json_path`; names may have dots of their own. Its pages are read
        /// to the last, all from the same origin. Empty if the answer is always whole: one that names a next page in `next` or
        /// `@odata.nextLink` is refused then, since the vendors of one page are not all of them.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        #[schema(example = "paging.next")]
        next_path: String,
        /// How to tell the address who asks.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        auth: Option<AuthHeader>,
    },
    /// A folder of the bucket, `drop/<prefix>/`. Every CSV or XLSX file put there is a run of its own.
    Folder {
        /// The folder's name: 2 to 40 small letters, digits and hyphens. No two sources have the same.
        #[schema(example = "erp-exports")]
        prefix: String,
    },
}

impl fmt::Debug for Origin {
    /// Without the address: its query often carries a key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Https { format, .. } => f.debug_struct("Https").field("format", format).finish_non_exhaustive(),
            Origin::Folder { prefix } => f.debug_struct("Folder").field("prefix", prefix).finish(),
        }
    }
}

impl Origin {
    /// The folder's name, if it is one.
    pub fn folder(&self) -> Option<&str> {
        match self {
            Origin::Folder { prefix } => Some(prefix),
            Origin::Https { .. } => None,
        }
    }
}

/// The folder that a key of the bucket is in, and the file's name; none for what is in no source's folder.
pub fn dropped(key: &str) -> Option<(&str, &str)> {
    let (prefix, file) = key.strip_prefix(DROP_ROOT)?.split_once('/')?;
    // Consoles make an empty object to show a folder.
    let is_file = !file.is_empty() && !file.ends_with('/');
    (is_prefix(prefix) && is_file).then(|| (prefix, file.rsplit('/').next().unwrap_or(file)))
}

/// A key as S3 writes it in its messages: `+` for a space, `%XX` for what is no plain letter. None for what is no text then.
pub fn written_key(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let mut digit = || char::from(rest.next()?).to_digit(16);
                u8::try_from(digit()? * 16 + digit()?).ok()?
            }
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok()
}

fn is_prefix(text: &str) -> bool {
    let is_inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (2..=40).contains(&text.len()) && text.bytes().all(is_inner) && !text.starts_with('-') && !text.ends_with('-')
}

/// What is done with a run's file once its dry run is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "apply", rename_all = "snake_case", deny_unknown_fields)]
#[schema(as = SyncPolicy)]
pub enum Policy {
    /// Good rows are stored, whatever they change; the others are handed back.
    Automatically,
    /// As with `automatically`, provided that no row is rejected and few enough are new or change a vendor. Otherwise as with `ask`.
    WhenClean {
        /// At most this share of the file's vendors, in percent, 0 to 100.
        max_changed_percent: u8,
    },
    /// A person confirms the import, or cancels it.
    Ask,
}

/// What a file would do, by the dry run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = SyncDiff)]
pub struct Diff {
    /// Rows with something in them.
    pub rows: u32,
    /// Rows that make a vendor.
    pub creates: u32,
    /// Rows that change a vendor.
    pub updates: u32,
    /// Rows that say what is known.
    pub unchanged: u32,
    /// Rows handed back.
    pub rejected: u32,
}

impl From<&ImportCounts> for Diff {
    fn from(counts: &ImportCounts) -> Self {
        let ImportCounts {
            rows,
            creates,
            updates,
            unchanged,
            rejected,
            ..
        } = *counts;
        Self {
            rows,
            creates,
            updates,
            unchanged,
            rejected,
        }
    }
}

/// Whether a file is applied without a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It is.
    Apply,
    /// It is left to a person, for this reason.
    Leave(String),
}

impl Policy {
    /// Judges a dry run.
    pub fn judge(self, diff: &Diff) -> Verdict {
        let max_changed_percent = match self {
            Policy::Automatically => return Verdict::Apply,
            Policy::Ask => return Verdict::Leave("this source asks before anything is applied".to_owned()),
            Policy::WhenClean { max_changed_percent } => max_changed_percent,
        };
        if diff.rejected > 0 {
            return Verdict::Leave(format!("{} of {} rows are rejected", diff.rejected, diff.rows));
        }
        let changed = u64::from(diff.creates) + u64::from(diff.updates);
        // Of the rows that are vendors: a Tally file is full of others, and blank ones make no change smaller.
        let vendors = changed + u64::from(diff.unchanged) + u64::from(diff.rejected);
        // Multiplied instead of divided, so that one row too many is one too many.
        if changed * 100 > u64::from(max_changed_percent) * vendors {
            return Verdict::Leave(format!(
                "{changed} of {vendors} rows are new or change a vendor, which is more than {max_changed_percent} %"
            ));
        }
        Verdict::Apply
    }
}

/// When a source is read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "RawTimetable", into = "RawTimetable")]
pub struct Timetable {
    /// The rhythm.
    pub expression: Expression,
    /// Whose wall clock it is on.
    pub zone: TimeZone,
}

#[derive(Serialize, Deserialize)]
struct RawTimetable {
    expression: String,
    timezone: TimeZone,
}

impl TryFrom<RawTimetable> for Timetable {
    type Error = InvalidExpression;

    fn try_from(RawTimetable { expression, timezone }: RawTimetable) -> Result<Self, InvalidExpression> {
        Ok(Self {
            expression: Expression::parse(&expression, &timezone)?,
            zone: timezone,
        })
    }
}

impl From<Timetable> for RawTimetable {
    fn from(Timetable { expression, zone }: Timetable) -> Self {
        Self {
            expression: expression.text(&zone),
            timezone: zone,
        }
    }
}

impl Timetable {
    /// The shortest time between two readings.
    pub const SHORTEST_SECS: i64 = 15 * 60;

    /// Reads a timetable as a user gives it.
    ///
    /// # Errors
    /// An unknown form, a single time, and readings less than 15 minutes apart.
    pub fn parse(expression: &str, timezone: Option<&str>, now: Timestamp) -> Result<Self, FieldError> {
        let zone = match timezone {
            None => TimeZone::default(),
            Some(name) => TimeZone::parse(name).map_err(|_| {
                let message = "give a time zone by its name, as in Asia/Kolkata or UTC";
                FieldError::new("schedule.timezone", name, "unknown", message)
            })?,
        };
        let wrong = |code, message: &str| FieldError::new("schedule.expression", expression, code, message);
        let parsed = Expression::parse(expression, &zone).map_err(|error| wrong("malformed", &error.to_string()))?;
        if parsed.is_one_off() {
            let message = "a source is read again and again: give cron(0 6 * * ? *) or rate(12 hours), or run it by hand";
            return Err(wrong("not_recurring", message));
        }
        // Of a rhythm on the wall clock, the next dozen show whether it is too fast; where only EventBridge knows the clock, the
        // distances are the same as here.
        let clock = if zone.offset().is_some() { zone.clone() } else { TimeZone::default() };
        let times = parsed.next_occurrences(12, now, now, &clock);
        if times.is_empty() {
            return Err(wrong("past", "this is never again: give a time that is still to come"));
        }
        if times
            .windows(2)
            .any(|pair| pair[1].duration_since(pair[0]).as_secs() < Self::SHORTEST_SECS)
        {
            return Err(wrong("too_often", "a source is read every 15 minutes at most"));
        }
        Ok(Self { expression: parsed, zone })
    }
}

/// A source, as a user wants it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// What colleagues call it.
    pub name: String,
    /// Where vendors come from.
    pub origin: Origin,
    /// What the file's headers stand for, where they are not recognised or not as they should be.
    pub mapping: Mapping,
    /// Which rows are stored.
    pub mode: ImportMode,
    /// Which doubtful repairs are made.
    #[serde(default)]
    pub accepted: Accepted,
    /// What needs no person.
    pub policy: Policy,
    /// When it is read; without one only when somebody asks. A folder has none: its files are taken when they arrive.
    pub timetable: Option<Timetable>,
    /// Whether it is read by itself.
    pub enabled: bool,
}

impl Settings {
    /// Checks what can be checked without the network, but for the form of the address, which whoever fetches checks.
    ///
    /// # Errors
    /// Every field that is wrong.
    pub fn check(&self) -> Result<(), Vec<FieldError>> {
        let mut errors = Vec::new();
        let mut wrong = |field, value: &str, code, message: &str| errors.push(FieldError::new(field, value, code, message));
        if self.name.trim().is_empty() || self.name.chars().count() > 100 || self.name.chars().any(char::is_control) {
            wrong("name", &self.name, "length", "give the source a name of 1 to 100 characters");
        }
        if self.mapping.columns.len() > 200 {
            wrong("mapping", "", "too_many", "map at most 200 headers");
        }
        if let Policy::WhenClean { max_changed_percent } = self.policy
            && max_changed_percent > 100
        {
            let value = max_changed_percent.to_string();
            wrong("policy.max_changed_percent", &value, "out_of_range", "give a share of 0 to 100 percent");
        }
        match &self.origin {
            Origin::Folder { prefix } => {
                if !is_prefix(prefix) {
                    let message = "name the folder with 2 to 40 small letters, digits and hyphens, as in erp-exports";
                    wrong("origin.prefix", prefix, "malformed", message);
                }
                if self.timetable.is_some() {
                    let message = "files of a folder are taken when they arrive: leave the schedule out";
                    wrong("schedule", "", "not_wanted", message);
                }
            }
            Origin::Https {
                url: _,
                format,
                json_path,
                next_path,
                auth,
            } => {
                if *format == Format::Csv && !next_path.is_empty() {
                    wrong("origin.next_path", next_path, "not_wanted", "only JSON has pages: leave it out for CSV");
                }
                if !is_path(next_path) {
                    let message = "give at most 8 names of fields with dots between them, as in paging.next";
                    wrong("origin.next_path", next_path, "malformed", message);
                }
                if *format == Format::Csv && !json_path.is_empty() {
                    wrong("origin.json_path", json_path, "not_wanted", "only JSON has a path: leave it out for CSV");
                }
                if !is_path(json_path) {
                    let message = "give at most 8 names of fields with dots between them, as in data.vendors";
                    wrong("origin.json_path", json_path, "malformed", message);
                }
                if let Some(AuthHeader { name, secret_name }) = auth {
                    if !is_header_name(name) {
                        wrong(
                            "origin.auth.name",
                            name,
                            "malformed",
                            "name a header that a request may carry, as in authorization",
                        );
                    }
                    if !is_secret_name(secret_name) {
                        let message = "name the value in the sync secret with 1 to 64 letters, digits, `-`, `_` and `.`";
                        // What was typed may be the secret itself.
                        wrong("origin.auth.secret_name", "", "malformed", message);
                    }
                }
            }
        }
        if errors.is_empty() { Ok(()) } else { Err(errors) }
    }
}

fn is_path(text: &str) -> bool {
    let is_name = |name: &str| !name.is_empty() && name.chars().count() <= 100 && !name.chars().any(char::is_control);
    text.is_empty() || (text.split('.').count() <= 8 && text.split('.').all(is_name))
}

fn is_header_name(text: &str) -> bool {
    // The characters of a token: <https://www.rfc-editor.org/rfc/rfc9110#section-5.6.2>
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    let lower = text.to_ascii_lowercase();
    (1..=64).contains(&text.len()) && text.bytes().all(is_token) && !RESERVED_HEADERS.contains(&lower.as_str()) && !lower.starts_with("proxy-")
}

fn is_secret_name(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}

/// A source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SyncSource {
    /// Identity.
    pub id: SyncSourceId,
    /// What its makers want of it.
    pub settings: Settings,
    /// Its schedule at EventBridge, while it has one. Each timetable gets a schedule of its own; a firing of another is of the past.
    pub schedule: Option<ScheduleId>,
    /// Who made it. Its imports are in this user's name.
    pub created_by: UserId,
    /// When.
    pub created_at: Timestamp,
    /// When its settings last changed.
    pub updated_at: Timestamp,
    /// Counts the changes, for `ETag`.
    pub version: u64,
}

/// Why a run takes place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "snake_case")]
pub enum Trigger {
    /// Its time had come.
    Schedule {
        /// That time.
        scheduled_for: Timestamp,
    },
    /// Somebody asked for it.
    Person {
        /// Who.
        user: UserId,
    },
    /// A file came into its folder.
    File {
        /// Where it was put.
        key: String,
        /// What S3 tells its content by.
        etag: String,
        /// What tells it from the same content put there before and after: S3's sequencer of the event, or when it was found there.
        #[serde(default)]
        sequencer: String,
        /// When it was put there.
        put_at: Timestamp,
    },
}

impl Trigger {
    /// What happens once: a trigger that is delivered twice has the same name both times.
    pub fn name(&self, run: SyncRunId) -> String {
        match self {
            Trigger::Schedule { scheduled_for } => format!("schedule#{scheduled_for}"),
            Trigger::Person { .. } => format!("person#{run}"),
            // Hashed: a key may have a thousand bytes.
            Trigger::File { key, etag, sequencer, .. } => format!("file#{}", sha256_hex(format!("{etag}\n{sequencer}\n{key}").as_bytes())),
        }
    }

    /// The same file as something that has not happened yet: because of a run that looks through its folder once more.
    #[must_use]
    pub fn anew(&self, run: SyncRunId) -> Option<Self> {
        match self {
            Trigger::Schedule { .. } | Trigger::Person { .. } => None,
            Trigger::File {
                key,
                etag,
                sequencer,
                put_at,
            } => Some(Trigger::File {
                key: key.clone(),
                etag: etag.clone(),
                sequencer: format!("{sequencer}-{run}"),
                put_at: *put_at,
            }),
        }
    }
}

/// Where a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = SyncRunState)]
pub enum RunState {
    /// The file is on its way.
    Pulling,
    /// There is an import of it, and its dry run is not over.
    Checking,
    /// A person has to confirm the import, or to cancel it; `reason` says why.
    Waiting,
    /// The import was confirmed and its rows are being stored. How far it is says the import.
    Applying,
    /// The import is complete.
    Applied,
    /// The import was cancelled; what it had stored by then stays.
    Cancelled,
    /// A later run has read the source again, so that nobody needs this one.
    Superseded,
    /// The source says what it said before, byte by byte: there is no import, and that of the run before stands.
    Unchanged,
    /// The folder was looked through: each file in it has a run of its own.
    LookedThrough,
    /// There is no import, or it failed; `error` says why.
    Failed,
}

impl RunState {
    /// The name on the wire and in storage.
    pub const fn as_str(self) -> &'static str {
        match self {
            RunState::Pulling => "pulling",
            RunState::Checking => "checking",
            RunState::Waiting => "waiting",
            RunState::Applying => "applying",
            RunState::Applied => "applied",
            RunState::Cancelled => "cancelled",
            RunState::Superseded => "superseded",
            RunState::Unchanged => "unchanged",
            RunState::LookedThrough => "looked_through",
            RunState::Failed => "failed",
        }
    }

    /// Whether something may still come of it.
    pub const fn is_alive(self) -> bool {
        matches!(self, Self::Pulling | Self::Checking | Self::Waiting | Self::Applying)
    }
}

/// Why a run failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = SyncRunError)]
pub struct RunError {
    /// A stable word for machines.
    #[schema(example = "address_refused")]
    pub code: String,
    /// What is wrong and what to do.
    pub message: String,
}

impl RunError {
    /// An error.
    pub fn new(code: &str, message: impl Into<String>) -> Self {
        Self {
            code: code.to_owned(),
            message: message.into(),
        }
    }
}

/// One reading of a source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SyncRun {
    /// Identity.
    pub id: SyncRunId,
    /// Of what.
    pub source: SyncSourceId,
    /// The version of the source it began with: settings that changed since are no longer what its makers want.
    pub source_version: u64,
    /// Why.
    pub trigger: Trigger,
    /// Where it stands.
    pub state: RunState,
    /// Why it failed.
    pub error: Option<RunError>,
    /// Why it is left to a person, or is needed by nobody.
    pub reason: Option<String>,
    /// The import, once there is one.
    pub import: Option<ImportId>,
    /// How many bytes were read.
    pub bytes: Option<u64>,
    /// What a web address said, by its SHA-256.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// The earlier run in which a web address said the same, where nothing has changed since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub same_as: Option<SyncRunId>,
    /// What the file would do, once its dry run is over.
    pub diff: Option<Diff>,
    /// When it began.
    pub started_at: Timestamp,
    /// When it came to a state that it does not leave by itself.
    pub ended_at: Option<Timestamp>,
}

impl SyncRun {
    /// A run that begins.
    pub fn begun(id: SyncRunId, source: &SyncSource, trigger: Trigger, now: Timestamp) -> Self {
        Self {
            id,
            source: source.id,
            source_version: source.version,
            trigger,
            state: RunState::Pulling,
            error: None,
            reason: None,
            import: None,
            bytes: None,
            digest: None,
            same_as: None,
            diff: None,
            started_at: now,
            ended_at: None,
        }
    }

    /// Where it stands among the runs of its source. Files of a folder are as old as they are, whenever somebody looks at them: S3
    /// tells of them in any order.
    pub fn place(&self) -> (Timestamp, String, SyncRunId) {
        match &self.trigger {
            // Hexadecimal, and to be compared as if the shorter one had zeros before it:
            // <https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html>
            Trigger::File { sequencer, put_at, .. } => (*put_at, format!("{sequencer:0>64}"), self.id),
            Trigger::Schedule { .. } | Trigger::Person { .. } => (self.started_at, String::new(), self.id),
        }
    }

    /// The import of this run: always the same, so that a run that is worked on twice makes one.
    pub const fn own_import(&self) -> ImportId {
        ImportId::from_ulid(self.id.ulid())
    }

    /// The run in a state that it does not leave by itself.
    #[must_use]
    pub fn ended(self, state: RunState, now: Timestamp) -> Self {
        Self {
            state,
            ended_at: Some(now),
            ..self
        }
    }

    /// The run, failed.
    #[must_use]
    pub fn failed(self, error: RunError, now: Timestamp) -> Self {
        Self {
            error: Some(error),
            ..self.ended(RunState::Failed, now)
        }
    }
}

/// What the sync queue carries, beside S3's own messages of files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "task", rename_all = "snake_case", deny_unknown_fields)]
pub enum SyncMessage {
    /// Somebody asked for this run.
    Run {
        /// The source.
        source_id: SyncSourceId,
        /// The run, which is stored already.
        run_id: SyncRunId,
    },
    /// A schedule fires.
    Fire {
        /// The source.
        source_id: SyncSourceId,
        /// The schedule.
        schedule_id: ScheduleId,
        /// When it was to fire. None where the scheduler did not put the time in: emulators do not.
        #[serde(with = "scheduled_time")]
        scheduled_for: Option<Timestamp>,
    },
    /// The dry run of a run may be over.
    Settle {
        /// The source.
        source_id: SyncSourceId,
        /// The run.
        run_id: SyncRunId,
        /// How often somebody has looked.
        looks: u32,
    },
}

/// A scheduled time, or the placeholder that EventBridge replaces by it.
mod scheduled_time {
    use jiff::Timestamp;
    use serde::de::{Deserialize as _, Deserializer, Error as _};
    use serde::ser::Serializer;

    use crate::schedule::SCHEDULED_TIME;

    pub(super) fn serialize<S: Serializer>(at: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
        match at {
            Some(at) => serializer.collect_str(at),
            None => serializer.serialize_str(SCHEDULED_TIME),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text == SCHEDULED_TIME {
            return Ok(None);
        }
        text.parse().map(Some).map_err(|_| D::Error::custom("scheduled_for is not a time"))
    }
}

#[cfg(test)]
mod tests {
    use ulid::Ulid;

    use super::*;

    fn settings(origin: Origin) -> Settings {
        Settings {
            name: "ERP".into(),
            origin,
            mapping: Mapping::default(),
            mode: ImportMode::CreateAndUpdate,
            accepted: Accepted::default(),
            policy: Policy::Ask,
            timetable: None,
            enabled: true,
        }
    }

    fn https(json_path: &str, auth: Option<(&str, &str)>) -> Origin {
        Origin::Https {
            url: "https://erp.example.in/vendors".into(),
            format: Format::Json,
            json_path: json_path.into(),
            next_path: String::new(),
            auth: auth.map(|(name, secret_name)| AuthHeader {
                name: name.into(),
                secret_name: secret_name.into(),
            }),
        }
    }

    #[track_caller]
    fn check(settings: Settings, expected: &[(&str, &str)]) {
        let errors = settings.check().err().unwrap_or_default();
        let found: Vec<_> = errors.iter().map(|error| (error.field, error.code)).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn settings_say_which_field_is_wrong() {
        check(settings(https("data.vendors", Some(("authorization", "erp-1.key")))), &[]);
        check(settings(https("", None)), &[]);
        check(settings(https("data..vendors", None)), &[("origin.json_path", "malformed")]);
        check(settings(https("a.b.c.d.e.f.g.h.i", None)), &[("origin.json_path", "malformed")]);
        for name in ["", "Host", "a b", "a:b", "Proxy-Authorization", "content-length", "naïve"] {
            check(settings(https("", Some((name, "erp")))), &[("origin.auth.name", "malformed")]);
        }
        check(
            settings(https("", Some(("x-api-key", "Bearer s3cret")))),
            &[("origin.auth.secret_name", "malformed")],
        );
        for prefix in ["", "a", "-ab", "ab-", "A1", "a/b", "a.b", "done folder"] {
            check(settings(Origin::Folder { prefix: prefix.into() }), &[("origin.prefix", "malformed")]);
        }
        let wrong = Settings {
            name: " ".into(),
            policy: Policy::WhenClean { max_changed_percent: 101 },
            ..settings(Origin::Folder { prefix: "erp-1".into() })
        };
        check(wrong, &[("name", "length"), ("policy.max_changed_percent", "out_of_range")]);
    }

    #[test]
    fn a_typed_secret_is_not_repeated() {
        let errors = settings(https("", Some(("x-api-key", "Bearer s3cret")))).check().unwrap_err();
        assert!(
            errors
                .iter()
                .all(|error| !error.value.contains("s3cret") && !error.message.contains("s3cret"))
        );
        assert!(!format!("{:?}", https("", None)).contains("erp.example.in"));
    }

    #[test]
    fn a_timetable_is_recurring_and_leaves_fifteen_minutes() {
        let now: Timestamp = "2026-11-02T04:30:00Z".parse().unwrap();
        let code = |text: &str, zone: Option<&str>| Timetable::parse(text, zone, now).map(drop).map_err(|error| error.code);
        assert_eq!(code("cron(0 6 * * ? *)", None), Ok(()));
        assert_eq!(code("cron(0 6 * * ? *)", Some("Europe/Berlin")), Ok(()));
        assert_eq!(code("rate(15 minutes)", None), Ok(()));
        assert_eq!(code("rate(14 minutes)", None), Err("too_often"));
        assert_eq!(code("cron(0/5 6 * * ? *)", None), Err("too_often"));
        assert_eq!(code("at(2026-12-01T10:00:00)", None), Err("not_recurring"));
        assert_eq!(code("cron(0 6 1 1 ? 2025)", None), Err("past"));
        assert_eq!(code("daily", None), Err("malformed"));
        assert_eq!(code("rate(1 day)", Some("India")), Err("unknown"));
    }

    #[test]
    fn a_timetable_is_stored_as_text() {
        let now: Timestamp = "2026-11-02T04:30:00Z".parse().unwrap();
        let timetable = Timetable::parse("cron(0 6 * * ? *)", None, now).unwrap();
        let text = serde_json::to_string(&timetable).unwrap();
        assert_eq!(text, r#"{"expression":"cron(0 6 * * ? *)","timezone":"Asia/Kolkata"}"#);
        assert_eq!(serde_json::from_str::<Timetable>(&text).unwrap(), timetable);
    }

    #[test]
    fn a_policy_decides_by_the_dry_run() {
        let diff = |creates, updates, rejected| Diff {
            rows: 200,
            creates,
            updates,
            unchanged: 200 - creates - updates - rejected,
            rejected,
        };
        let clean = Policy::WhenClean { max_changed_percent: 5 };
        assert_eq!(Policy::Automatically.judge(&diff(100, 90, 10)), Verdict::Apply);
        assert_eq!(clean.judge(&diff(4, 6, 0)), Verdict::Apply);
        assert_eq!(clean.judge(&Diff::default()), Verdict::Apply);
        assert!(matches!(Policy::Ask.judge(&diff(0, 0, 0)), Verdict::Leave(_)));
        assert_eq!(
            clean.judge(&diff(5, 6, 0)),
            Verdict::Leave("11 of 200 rows are new or change a vendor, which is more than 5 %".into())
        );
        assert_eq!(clean.judge(&diff(0, 0, 1)), Verdict::Leave("1 of 200 rows are rejected".into()));
        let with_others = Diff {
            rows: 5_000,
            ..diff(5, 6, 0)
        };
        assert!(
            matches!(clean.judge(&with_others), Verdict::Leave(_)),
            "rows that are no vendors dilute nothing"
        );
        let never = Policy::WhenClean { max_changed_percent: 0 };
        assert!(matches!(never.judge(&diff(1, 0, 0)), Verdict::Leave(_)));
        assert_eq!(never.judge(&diff(0, 0, 0)), Verdict::Apply);
    }

    #[test]
    fn a_file_belongs_to_the_folder_it_is_in() {
        assert_eq!(dropped("drop/erp-exports/vendors.csv"), Some(("erp-exports", "vendors.csv")));
        assert_eq!(dropped("drop/erp-exports/2026/11/vendors.csv"), Some(("erp-exports", "vendors.csv")));
        for key in [
            "drop/erp-exports/",
            "drop/erp-exports/2026/",
            "drop/vendors.csv",
            "imports/x/source",
            "drop/../x/y.csv",
            "drop//x.csv",
        ] {
            assert_eq!(dropped(key), None, "{key}");
        }
    }

    #[test]
    fn a_key_is_read_as_s3_writes_it() {
        assert_eq!(
            written_key("drop/erp/vendor+list%281%29+%E2%82%B9.csv").as_deref(),
            Some("drop/erp/vendor list(1) ₹.csv")
        );
        assert_eq!(written_key("drop/a%2Bb.csv").as_deref(), Some("drop/a+b.csv"));
        for broken in ["a%", "a%2", "a%zz", "a%ff"] {
            assert_eq!(written_key(broken), None, "{broken}");
        }
    }

    #[test]
    fn a_trigger_has_one_name_and_others_have_others() {
        let (one, two) = (SyncRunId::from_ulid(Ulid::from_parts(1, 1)), SyncRunId::from_ulid(Ulid::from_parts(1, 2)));
        let file = |key: &str, etag: &str, sequencer: &str| Trigger::File {
            key: key.into(),
            etag: etag.into(),
            sequencer: sequencer.into(),
            put_at: Timestamp::UNIX_EPOCH,
        };
        assert_eq!(file("drop/erp/a.csv", "1", "A").name(one), file("drop/erp/a.csv", "1", "A").name(two));
        assert_ne!(file("drop/erp/a.csv", "1", "A").name(one), file("drop/erp/a.csv", "1", "B").name(one));
        assert_ne!(file("drop/erp/a.csv", "1", "A").name(one), file("drop/erp/a.csv", "2", "A").name(one));
        assert_ne!(file("drop/erp/a.csv", "1", "A").name(one), file("drop/erp/b.csv", "1", "A").name(one));
        let at = |text: &str| Trigger::Schedule {
            scheduled_for: text.parse().unwrap(),
        };
        assert_eq!(at("2026-11-02T04:30:00Z").name(one), at("2026-11-02T04:30:00Z").name(two));
        let user = UserId::from_ulid(Ulid::from_parts(1, 1));
        assert_ne!(Trigger::Person { user }.name(one), Trigger::Person { user }.name(two));
    }

    #[test]
    fn messages_read_back_with_and_without_the_time() {
        let (source_id, schedule_id) = (
            SyncSourceId::from_ulid(Ulid::from_parts(1, 1)),
            ScheduleId::from_ulid(Ulid::from_parts(1, 2)),
        );
        let run_id = SyncRunId::from_ulid(Ulid::from_parts(1, 3));
        let fire = |scheduled_for| SyncMessage::Fire {
            source_id,
            schedule_id,
            scheduled_for,
        };
        for message in [
            SyncMessage::Run { source_id, run_id },
            SyncMessage::Settle { source_id, run_id, looks: 3 },
            fire(None),
            fire(Some("2026-11-02T04:30:00Z".parse().unwrap())),
        ] {
            let text = serde_json::to_string(&message).unwrap();
            assert_eq!(serde_json::from_str::<SyncMessage>(&text).unwrap(), message, "{text}");
        }
        assert_eq!(
            serde_json::to_value(fire(None)).unwrap(),
            serde_json::json!({
                "task": "fire",
                "source_id": "syn_00000000010000000000000001",
                "schedule_id": "sch_00000000010000000000000002",
                "scheduled_for": "<aws.scheduler.scheduled-time>",
            })
        );
        assert!(serde_json::from_str::<SyncMessage>(r#"{"task":"dance"}"#).is_err());
    }
}
