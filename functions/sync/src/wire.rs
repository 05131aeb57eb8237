//! Sources and runs on the wire.

use std::collections::{BTreeMap, BTreeSet};

use domain::columns::{Mapping, Target, clean_header};
use domain::import::{Accepted, AppliedCounts, ImportMode, RowChange};
use domain::repairs::RepairCode;
use domain::sync::{Diff, Origin, Policy, RunError, RunState, Settings, SyncRun, SyncSource, Timetable, Trigger, dropped};
use domain::{FieldError, SyncSourceId};
use jiff::Timestamp;
use runtime::problem::conflict;
use runtime::{ApiError, App};
use serde::{Deserialize, Serialize};
use store::imports::{Import, ImportState};
use store::{PageRequest, StoreError};
use utoipa::ToSchema;

use crate::fetcher;

/// A source, as a user gives it.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SyncSourceRequest {
    /// What colleagues call it, 1 to 100 characters.
    #[schema(example = "SAP vendor master")]
    name: String,
    /// Where vendors come from.
    origin: Origin,
    /// Where the cells of some headers go: a column, `attributes.<name>`, or `ignore`. Headers that are not named are recognised.
    #[serde(default)]
    #[schema(example = json!({ "Firm": "company_name", "plant.name": "attributes.plant" }))]
    mapping: BTreeMap<String, String>,
    /// Which vendors may be written; `create_and_update` where left out.
    #[serde(default = "both")]
    mode: ImportMode,
    /// Which doubtful repairs are made: `true` for all, or their codes. Certain ones always are.
    #[serde(default)]
    accept_repairs: Option<AcceptRepairs>,
    /// What needs no person; `ask` where left out.
    #[serde(default = "ask")]
    policy: Policy,
    /// When it is read. Without one, only when somebody asks; a folder has none.
    #[serde(default)]
    schedule: Option<SyncScheduleRequest>,
    /// Whether it is read by itself; true where left out.
    #[serde(default = "yes")]
    enabled: bool,
}

const fn both() -> ImportMode {
    ImportMode::CreateAndUpdate
}

const fn ask() -> Policy {
    Policy::Ask
}

const fn yes() -> bool {
    true
}

/// Which of the doubtful repairs are made: all or none of them, or those with these codes.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(untagged)]
#[schema(as = SyncAcceptRepairs)]
pub(crate) enum AcceptRepairs {
    /// All, or none.
    All(bool),
    /// Those with these codes.
    #[schema(value_type = Vec<String>)]
    Codes(BTreeSet<RepairCode>),
}

/// When a source is read.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SyncScheduleRequest {
    /// `cron(0 6 * * ? *)` or `rate(12 hours)`, as EventBridge Scheduler writes them; every 15 minutes at most.
    #[schema(example = "cron(0 6 * * ? *)")]
    expression: String,
    /// The zone of the expression's wall clock, by its IANA name; `Asia/Kolkata` where left out.
    #[serde(default)]
    #[schema(example = "Asia/Kolkata")]
    timezone: Option<String>,
}

impl SyncSourceRequest {
    /// Checks everything that can be told without the network.
    pub(crate) fn checked(self, app: &App, now: Timestamp) -> Result<Settings, ApiError> {
        let Self {
            name,
            origin,
            mapping,
            mode,
            accept_repairs,
            policy,
            schedule,
            enabled,
        } = self;
        let mut errors = Vec::new();
        let timetable = schedule.and_then(|SyncScheduleRequest { expression, timezone }| {
            let parsed = Timetable::parse(&expression, timezone.as_deref(), now);
            parsed.map_err(|error| errors.push(error)).ok()
        });
        let mapping = corrections(mapping, &mut errors);
        if let Origin::Https { url, .. } = &origin
            && let Err(error) = fetcher::fetcher(app)?.check_url(url)
        {
            // The address is not repeated: its query often carries a key.
            errors.push(FieldError::new("origin.url", "", error.code(), &error.to_string()));
        }
        let settings = Settings {
            name: name.trim().to_owned(),
            origin,
            mapping,
            mode,
            accepted: match accept_repairs {
                None => Accepted::default(),
                Some(AcceptRepairs::All(all)) => Accepted { all, ..Accepted::default() },
                Some(AcceptRepairs::Codes(codes)) => Accepted { all: false, codes },
            },
            policy,
            timetable,
            enabled,
        };
        errors.extend(settings.check().err().unwrap_or_default());
        if errors.is_empty() { Ok(settings) } else { Err(errors.into()) }
    }
}

fn corrections(given: BTreeMap<String, String>, errors: &mut Vec<FieldError>) -> Mapping {
    let mut mapping = Mapping::default();
    for (header, target) in given {
        let name = clean_header(&header);
        if name.is_empty() {
            errors.push(FieldError::new("mapping", "", "header_empty", "a header has at least one character"));
            continue;
        }
        match target.parse::<Target>() {
            Ok(target) => drop(mapping.columns.insert(name, target)),
            Err(error) => errors.push(FieldError::new("mapping", &target, "unknown_target", &format!("{name}: {error}"))),
        }
    }
    mapping
}

/// A 409.
pub(crate) fn folder_taken() -> ApiError {
    conflict("another source has this folder: give origin.prefix another name")
}

/// Where vendors are taken from.
#[derive(Debug, Serialize, ToSchema)]
pub struct SyncSourceResponse {
    /// Identity, `syn_…`.
    id: String,
    /// What colleagues call it.
    name: String,
    /// Where vendors come from.
    origin: Origin,
    /// Where the cells of some headers go.
    #[schema(value_type = BTreeMap<String, String>)]
    mapping: Mapping,
    /// Which vendors may be written.
    mode: ImportMode,
    /// Which doubtful repairs are made.
    accept_repairs: Accepted,
    /// What needs no person.
    policy: Policy,
    /// When it is read.
    schedule: Option<SyncScheduleResponse>,
    /// Whether it is read by itself.
    enabled: bool,
    /// What became of it last.
    last_run: Option<SyncRunResponse>,
    /// Who made it, `usr_…`; its imports are in this user's name.
    created_by: String,
    /// When.
    created_at: Timestamp,
    /// When its settings last changed.
    updated_at: Timestamp,
}

/// When a source is read.
#[derive(Debug, Serialize, ToSchema)]
pub struct SyncScheduleResponse {
    /// The rhythm.
    expression: String,
    /// Whose wall clock it is on.
    timezone: String,
    /// The next times, where they are known here and the source is enabled.
    next: Vec<Timestamp>,
}

impl SyncSourceResponse {
    pub(crate) fn new(source: SyncSource, last_run: Option<SyncRunResponse>, now: Timestamp) -> Self {
        let SyncSource {
            id,
            settings:
                Settings {
                    name,
                    origin,
                    mapping,
                    mode,
                    accepted,
                    policy,
                    timetable,
                    enabled,
                },
            schedule,
            created_by,
            created_at,
            updated_at,
            version: _,
        } = source;
        let schedule = timetable.map(|Timetable { expression, zone }| {
            // A rate counts from when its schedule was made.
            let made_at = schedule.and_then(|id| Timestamp::from_millisecond(i64::try_from(id.ulid().timestamp_ms()).ok()?).ok());
            SyncScheduleResponse {
                expression: expression.text(&zone),
                next: made_at.map_or_else(Vec::new, |made_at| expression.next_occurrences(3, now, made_at, &zone)),
                timezone: zone.to_string(),
            }
        });
        Self {
            id: id.to_string(),
            name,
            origin,
            mapping,
            mode,
            accept_repairs: accepted,
            policy,
            schedule,
            enabled,
            last_run,
            created_by: created_by.to_string(),
            created_at,
            updated_at,
        }
    }
}

/// One reading of a source.
#[derive(Debug, Serialize, ToSchema)]
pub struct SyncRunResponse {
    /// Identity, `syr_…`.
    id: String,
    /// `pulling`, `checking`, `waiting` for a person, `applying`, `applied` in full, `cancelled`, `superseded` by a later run,
    /// `unchanged` since the run before, `looked_through` (a folder, whose files have runs of their own), or `failed`.
    state: RunState,
    /// Why it took place.
    trigger: SyncTriggerResponse,
    /// Why it failed.
    error: Option<RunError>,
    /// Why it is left to a person, or is needed by nobody.
    reason: Option<String>,
    /// The import, `imp_…`, with the whole report.
    import_id: Option<String>,
    /// Where the import stands.
    #[schema(value_type = Option<String>, example = "completed")]
    import_state: Option<ImportState>,
    /// How many bytes were read.
    bytes: Option<u64>,
    /// What the file would do, by the dry run.
    diff: Option<Diff>,
    /// The first hundred changes it would make to vendors, where one source is shown; identifiers are masked.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    changes: Vec<RowChange>,
    /// What it has done so far.
    applied: Option<AppliedCounts>,
    /// When it began.
    started_at: Timestamp,
    /// When it was decided upon, or failed.
    ended_at: Option<Timestamp>,
}

/// Why a run took place.
#[derive(Debug, Serialize, ToSchema)]
#[serde(tag = "by", rename_all = "snake_case")]
pub enum SyncTriggerResponse {
    /// Its time had come.
    Schedule {
        /// That time.
        scheduled_for: Timestamp,
    },
    /// Somebody asked for it.
    Person {
        /// Who, `usr_…`.
        user_id: String,
    },
    /// A file came into its folder.
    File {
        /// The file's name.
        file_name: String,
    },
}

impl From<Trigger> for SyncTriggerResponse {
    fn from(trigger: Trigger) -> Self {
        match trigger {
            Trigger::Schedule { scheduled_for } => Self::Schedule { scheduled_for },
            Trigger::Person { user } => Self::Person { user_id: user.to_string() },
            Trigger::File { key, .. } => Self::File {
                file_name: dropped(&key).map_or_else(|| key.clone(), |(_, name)| name.to_owned()),
            },
        }
    }
}

impl SyncRunResponse {
    /// A run, and its import as far as that is there.
    pub(crate) fn new(run: SyncRun, import: Option<&Import>) -> Self {
        let SyncRun {
            id,
            source: _,
            source_version: _,
            trigger,
            mut state,
            mut error,
            mut reason,
            import: import_id,
            bytes,
            digest: _,
            same_as: _,
            mut diff,
            started_at,
            mut ended_at,
        } = run;
        // What a person does with the import is written to the import, not to the run.
        if state.is_alive()
            && let Some(import) = import
        {
            state = match import.state {
                ImportState::Importing => RunState::Applying,
                ImportState::Completed => RunState::Applied,
                ImportState::Cancelled => RunState::Cancelled,
                ImportState::Failed => RunState::Failed,
                _ => state,
            };
            if state == RunState::Failed {
                error = import.failure.as_ref().map(|failure| RunError::new(&failure.code, &*failure.message));
            }
            if state != RunState::Waiting {
                // A run that is being checked says for what it waits.
                reason = reason.filter(|_| state == RunState::Checking);
                ended_at = import.completed_at.filter(|_| !state.is_alive());
            } else {
                // A corrected mapping makes another report.
                diff = Some(Diff::from(&import.counts));
            }
        }
        let has_begun = |import: &&Import| import.confirmed_at.is_some();
        Self {
            id: id.to_string(),
            state,
            trigger: trigger.into(),
            error,
            reason,
            import_id: import_id.map(|id| id.to_string()),
            import_state: import.map(|import| import.state),
            bytes,
            diff,
            changes: Vec::new(),
            applied: import.filter(has_begun).map(|import| import.checkpoint.applied),
            started_at,
            ended_at,
        }
    }
}

/// A run with what is known of its import.
pub(crate) async fn with_import(app: &App, run: SyncRun) -> Result<SyncRunResponse, ApiError> {
    let import = match run.import {
        Some(id) => match store::imports::get(app.store()?, id).await {
            Ok(import) => Some(import),
            Err(StoreError::NotFound) => None,
            Err(error) => return Err(error.into()),
        },
        None => None,
    };
    Ok(SyncRunResponse::new(run, import.as_ref()))
}

/// The last run of a source, with the changes it found.
pub(crate) async fn last_run_in_full(app: &App, source: SyncSourceId) -> Result<Option<SyncRunResponse>, ApiError> {
    let store = app.store()?;
    let newest = PageRequest { limit: 1, after: None };
    let Some(run) = store::sync_sources::list_runs(store, source, &newest).await?.items.into_iter().next() else {
        return Ok(None);
    };
    let import = match run.import {
        Some(id) => match store::imports::get(store, id).await {
            Ok(import) => Some(import),
            Err(StoreError::NotFound) => None,
            Err(error) => return Err(error.into()),
        },
        None => None,
    };
    let report = match &import {
        Some(import) => store::imports::report(store, import).await?,
        None => None,
    };
    Ok(Some(SyncRunResponse {
        changes: report.map(|report| report.changes).unwrap_or_default(),
        ..SyncRunResponse::new(run, import.as_ref())
    }))
}

/// The last run of a source.
pub(crate) async fn last_run(app: &App, source: SyncSourceId) -> Result<Option<SyncRunResponse>, ApiError> {
    let newest = PageRequest { limit: 1, after: None };
    let runs = store::sync_sources::list_runs(app.store()?, source, &newest).await?;
    match runs.items.into_iter().next() {
        Some(run) => with_import(app, run).await.map(Some),
        None => Ok(None),
    }
}
