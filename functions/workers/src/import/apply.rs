//! Storing the good rows, batch by batch from checkpoint to checkpoint.
//!
//! ```text
//! say which rows change vendors ─▶ write them ─▶ move the checkpoint ─▶ …
//!          │                          │                  │
//!          └── a crash anywhere here: the batch is done again from the checkpoint
//! ```
//!
//! Done again, a vendor that was created is known by its origin, and one that was changed by the intent: it is as the row says, and
//! is counted as changed. Two workers at one import, after a redelivery, do the same; the one that moves the checkpoint counts.

use std::collections::{BTreeSet, HashMap};
use std::time::{Duration, Instant};

use domain::declaration::indian_date;
use domain::import::{AppliedCounts, RowError};
use domain::status::{Evidence, StatusEntry};
use domain::vendor::{FieldError, MsmeStatus, VendorProfile};
use domain::vendor_record::{ImportOrigin, Vendor};
use domain::{ImportId, VendorId};
use futures::{StreamExt as _, stream};
use imports::{ImportMessage, Task, files};
use jiff::Timestamp;
use runtime::objects::{self, Fetched, FetchedBytes};
use runtime::{App, Metrics, RecordError};
use serde::{Deserialize, Serialize};
use store::StoreError;
use store::imports::{Checkpoint, Failure, Import, ImportState, Intent};
use store::vendors::{By, Created, NewVendor};

use super::decide::{self, Decision, Holder, Update};
use super::rejects::{self, Rejects};
use super::stage::{self, Source};
use super::staged::{Lines, StagedRow, StagedRows};
use super::{Deadlines, Stopped, deleted, scratch, standing};

/// Rows between two checkpoints.
const BATCH: usize = 200;
/// Changes of vendors under way at once.
const AT_ONCE: usize = 8;
/// How often a row is tried whose vendor somebody else changes at the same time.
const ATTEMPTS: usize = 6;
/// How often a write is waited for that the table is too busy for, each time twice as long: a minute in all.
const PATIENCE: u32 = 6;
/// Far more than a hundred thousand rows take.
const MAX_STAGED_BYTES: u64 = 400_000_000;
const MAX_LATE_BYTES: u64 = 4_000_000;

/// Stores rows until all are stored, the job is cancelled, or the deadline has passed.
pub(super) async fn run(app: &App, id: ImportId, Deadlines { reading, storing }: Deadlines, correlation_id: &str) -> Result<(), RecordError> {
    let store = app.store()?;
    let mut import = store::imports::get(store, id).await?;
    if import.state == ImportState::Importing && !import.is_staged {
        match restage(app, &import, reading).await? {
            Some(staged) => import = staged,
            // Staged by another worker, cancelled or failed. Should it be staged, this one helps: the other may have died since.
            None => import = store::imports::get(store, id).await?,
        }
    }
    if !is_open(&import) {
        return Ok(());
    }
    let file = scratch::file()?;
    let fetched = objects::get_file(app, &files::staged(id, import.attempt()), file.path(), MAX_STAGED_BYTES).await?;
    if !matches!(fetched, Fetched::Whole(_)) {
        let failure = Failure {
            code: "staged_rows_missing".to_owned(),
            message: "the checked rows are no longer there: upload the file again".to_owned(),
        };
        return settled(store::imports::fail(store, &import, &failure, app.now()).await).map(drop);
    }
    let mut rows = StagedRows::open(file.path())?;
    rows.go_to(import.checkpoint.offset)?;
    while is_open(&import) {
        let (batch, end) = rows.batch(BATCH)?;
        if batch.is_empty() {
            import = finish(app, import).await?;
            continue;
        }
        let is_cancelled = import.state == ImportState::Cancelled;
        let stored = store_batch(app, &mut import, &batch).await?;
        let moved = match stored {
            Some(outcomes) => advance(app, &import, &batch, outcomes, end).await?,
            None => None,
        };
        match moved {
            Some(next) => import = next,
            None => {
                // Somebody else moved the checkpoint, or cancelled: go on from there.
                import = store::imports::get(store, id).await?;
                rows.go_to(import.checkpoint.offset)?;
                continue;
            }
        }
        if import.state == ImportState::Cancelled || is_cancelled {
            import = finish(app, import).await?;
        } else if Instant::now() >= storing {
            let message = ImportMessage::new(id, Task::Apply);
            return message.send(app, correlation_id).await;
        }
    }
    Ok(())
}

/// Whether a worker has something to do: store, or count what was stored of a job that was cancelled.
fn is_open(import: &Import) -> bool {
    match import.state {
        ImportState::Importing => true,
        ImportState::Cancelled => !import.is_settled && import.is_staged && import.confirmed_at.is_some(),
        _ => false,
    }
}

/// Writes the good rows again, with the repairs that were accepted.
async fn restage(app: &App, import: &Import, until: Instant) -> Result<Option<Import>, RecordError> {
    let store = app.store()?;
    match stage::run(app, import, until).await {
        Ok(staged) => settled(staged.record(store, import, app.now()).await),
        Err(Stopped::Refused(failure)) => settled(store::imports::fail(store, import, &failure, app.now()).await).map(|_| None),
        // Cancelled, or staged by another worker: its message is still there.
        Err(Stopped::Over) => Ok(Some(store::imports::get(store, import.id).await?)),
        Err(Stopped::Failed(error)) => Err(error),
    }
}

/// The job as written, if nobody else was quicker.
fn settled(written: Result<Import, StoreError>) -> Result<Option<Import>, RecordError> {
    match written {
        Ok(import) => Ok(Some(import)),
        Err(StoreError::Conflict(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// What became of a row.
enum Outcome {
    Created,
    Updated,
    Unchanged,
    Refused(Vec<FieldError>),
    /// Not touched: the job was cancelled before.
    Left,
}

/// The reasons why a row that was good is not any more.
#[derive(Serialize, Deserialize)]
struct Late {
    row: u32,
    errors: Vec<RowError>,
}

/// Stores a batch. None when the job moved on under way.
async fn store_batch(app: &App, import: &mut Import, batch: &[StagedRow]) -> Result<Option<Vec<Outcome>>, RecordError> {
    let store = app.store()?;
    let import_id = import.id;
    let mut outcomes: Vec<Option<Outcome>> = batch.iter().map(|_| None).collect();
    for _ in 0..ATTEMPTS {
        let open: Vec<usize> = (0..batch.len()).filter(|at| outcomes[*at].is_none()).collect();
        if open.is_empty() {
            break;
        }
        let Some(work) = Work::find(app, import, batch, &open, &mut outcomes).await? else {
            return Ok(None);
        };
        let by = By {
            who: &import_id.to_string(),
            at: app.now(),
            entry: app.new_ulid(),
        };
        if !work.creates.is_empty() {
            let (places, vendors): (Vec<usize>, Vec<NewVendor>) = work.creates.into_iter().unzip();
            // Begun again, it finds what it has created: the vendors keep their ids.
            let created = patiently(app, || store::vendors::create_batch(store, &vendors, by)).await?;
            for (at, created) in places.into_iter().zip(created) {
                match created {
                    Created::New | Created::Already => outcomes[at] = Some(Outcome::Created),
                    // Since the dry run; the next attempt finds it there.
                    Created::CodeTaken(_) => {}
                }
            }
        }
        let changes = stream::iter(work.updates)
            .map(|(at, vendor, update)| async move {
                let changed = change(app, vendor, *update, origin(import_id, batch[at].row), by).await?;
                Ok::<_, RecordError>((at, changed))
            })
            .buffer_unordered(AT_ONCE);
        let changes: Vec<_> = changes.collect().await;
        for changed in changes {
            let (at, is_changed) = changed?;
            if is_changed {
                outcomes[at] = Some(Outcome::Updated);
            }
        }
    }
    let busy = |at: usize| {
        let code = batch[at].raw().vendor_code.unwrap_or_default();
        let message = "the vendor was changed by others again and again while the row was imported: import the row again";
        Outcome::Refused(vec![FieldError::new("vendor_code", &code, "vendor_busy", message)])
    };
    Ok(Some(
        outcomes
            .into_iter()
            .enumerate()
            .map(|(at, outcome)| outcome.unwrap_or_else(|| busy(at)))
            .collect(),
    ))
}

fn origin(import_id: ImportId, row: u32) -> ImportOrigin {
    ImportOrigin { import_id, row }
}

/// What is to be written for a batch.
#[derive(Default)]
struct Work {
    creates: Vec<(usize, NewVendor)>,
    updates: Vec<(usize, Vendor, Box<Update>)>,
}

impl Work {
    /// Compares rows with the vendors that are there, settles those that need no write, and announces the changes. None when the job
    /// moved on.
    async fn find(
        app: &App,
        import: &mut Import,
        batch: &[StagedRow],
        open: &[usize],
        outcomes: &mut [Option<Outcome>],
    ) -> Result<Option<Self>, RecordError> {
        let store = app.store()?;
        let mode = import.settings.mode;
        let is_cancelled = import.state == ImportState::Cancelled;
        let mut drafts = Vec::with_capacity(open.len());
        for at in open {
            let raw = batch[*at].raw();
            drafts.push((*at, decide::code_key(&raw), raw));
        }
        let keys: Vec<String> = drafts.iter().filter_map(|(_, key, _)| key.clone()).collect();
        let mut holders: HashMap<String, Vendor> = store::vendors::find_by_codes(store, &keys).await?;
        let free: BTreeSet<String> = keys.iter().filter(|key| !holders.contains_key(*key)).cloned().collect();
        let deleted = match !free.is_empty() && deleted::concern(store, import).await? {
            true => deleted::among(store, import, &free).await?,
            false => HashMap::new(),
        };
        let disputed = drafts.iter().filter_map(|(_, key, raw)| {
            let vendor = holders.get(key.as_ref()?)?;
            (mode.updates() && decide::disputes_status(raw, vendor)).then_some(vendor.id)
        });
        let imported = standing::imported(store, disputed.collect(), app.now()).await?;
        let intended = announced(import);
        let mut work = Self::default();
        for (at, key, raw) in drafts {
            let row = batch[at].row;
            let vendor = key.as_ref().and_then(|key| holders.remove(key));
            let holder = match (&vendor, key.and_then(|key| deleted.get(&key))) {
                (Some(vendor), _) => Holder::Vendor(vendor, imported.contains(&vendor.id)),
                (None, Some(id)) => Holder::Deleted(*id),
                (None, None) => Holder::Nobody,
            };
            let was_intended = intended.contains(&row);
            outcomes[at] = match decide::decide(mode, raw, holder, origin(import.id, row)) {
                Decision::Already => Some(Outcome::Created),
                Decision::Unchanged(_) if was_intended => Some(Outcome::Updated),
                _ if is_cancelled => Some(Outcome::Left),
                Decision::Unchanged(_) => Some(Outcome::Unchanged),
                Decision::Refuse(errors) => Some(Outcome::Refused(errors)),
                Decision::Create(parsed) => {
                    work.creates.push((at, new_vendor(app, import.id, row, parsed.profile, parsed.claim)));
                    None
                }
                Decision::Update(update) => {
                    work.updates.extend(vendor.map(|vendor| (at, vendor, update)));
                    None
                }
            };
        }
        if !work.updates.is_empty() && intended.is_empty() {
            let intent = Intent {
                offset: import.checkpoint.offset,
                rows: work.updates.iter().map(|(at, ..)| batch[*at].row).collect(),
            };
            match settled(store::imports::intend(store, import, &intent, app.now()).await)? {
                Some(next) => *import = next,
                None => return Ok(None),
            }
        }
        Ok(Some(work))
    }
}

/// The rows of the batch at the checkpoint that were announced to change vendors.
fn announced(import: &Import) -> Vec<u32> {
    let intent = import.intent.as_ref().filter(|intent| intent.offset == import.checkpoint.offset);
    intent.map(|intent| intent.rows.clone()).unwrap_or_default()
}

fn new_vendor(app: &App, import: ImportId, row: u32, profile: VendorProfile, claim: Option<MsmeStatus>) -> NewVendor {
    let now = app.now();
    let status = decide::telling(claim);
    let vendor = Vendor {
        id: VendorId::from_ulid(app.new_ulid()),
        profile,
        msme_status: status.unwrap_or_default(),
        origin: Some(origin(import, row)),
        deleted_at: None,
        created_at: now,
        updated_at: now,
        version: 1,
    };
    NewVendor {
        vendor,
        status: status.map(|status| entry(status, import, row, now)),
    }
}

fn entry(status: MsmeStatus, import_id: ImportId, row: u32, now: Timestamp) -> StatusEntry {
    StatusEntry::new(status, indian_date(now), now, Evidence::Import { import_id, row })
}

/// Changes a vendor, unless somebody else did since it was read.
async fn change(app: &App, mut vendor: Vendor, update: Update, row: ImportOrigin, by: By<'_>) -> Result<bool, RecordError> {
    let store = app.store()?;
    if update.profile != vendor.profile {
        let write = || store::vendors::replace_profile(store, &vendor, update.profile.clone(), by);
        let written = patiently(app, write).await;
        vendor = match written {
            Ok(vendor) => vendor,
            Err(StoreError::Conflict(_)) => return Ok(false),
            Err(error) => return Err(error.into()),
        };
    }
    let Some(status) = update.claim else { return Ok(true) };
    let now = app.now();
    // An entry of its own in the history, beside that of the profile.
    let by = By {
        at: now,
        entry: app.new_ulid(),
        ..by
    };
    let entry = entry(status, row.import_id, row.row, now);
    match patiently(app, || store::vendors::add_status(store, &vendor, &entry, by)).await {
        Ok(_) => Ok(true),
        Err(StoreError::Conflict(_)) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Writes once the table has time for it. Nobody waits for an answer here, so that a busy table is waited for longer than in a request,
/// and each at another time, or two that met would meet again.
async fn patiently<T, W: Future<Output = Result<T, StoreError>>>(app: &App, mut write: impl FnMut() -> W) -> Result<T, StoreError> {
    for turn in 0..PATIENCE {
        match write().await {
            Err(StoreError::Throttled) => {}
            result => return result,
        }
        let most = 500_u64 << turn;
        let jitter = u64::try_from(app.new_ulid().random() % u128::from(most)).unwrap_or_default();
        tokio::time::sleep(Duration::from_millis(most / 2 + jitter)).await;
    }
    write().await
}

/// Writes down what became of a batch. None when somebody else did already.
async fn advance(app: &App, import: &Import, batch: &[StagedRow], outcomes: Vec<Outcome>, end: u64) -> Result<Option<Import>, RecordError> {
    let before = &import.checkpoint;
    let mut applied = before.applied;
    let mut lines = Lines::new()?;
    let mut is_late = false;
    for (StagedRow { row, .. }, outcome) in batch.iter().zip(outcomes) {
        let AppliedCounts {
            processed,
            created,
            updated,
            unchanged,
            rejected,
        } = &mut applied;
        *processed += 1;
        match outcome {
            Outcome::Created => *created += 1,
            Outcome::Updated => *updated += 1,
            Outcome::Unchanged => *unchanged += 1,
            Outcome::Left => *processed -= 1,
            Outcome::Refused(errors) => {
                *rejected += 1;
                is_late = true;
                let errors = errors.iter().map(|error| RowError::of_field(*row, error)).collect();
                lines.add(&Late { row: *row, errors })?;
            }
        }
    }
    let mut late = before.late.clone();
    if is_late {
        // Before the checkpoint that names it. Done again, the batch writes over it.
        let key = files::late(import.id, import.attempt(), before.offset);
        objects::put_file(app, &key, lines.finish()?.path(), "application/x-ndjson").await?;
        late.push(before.offset);
    }
    let checkpoint = Checkpoint { offset: end, applied, late };
    settled(store::imports::advance(app.store()?, import, &checkpoint, app.now()).await)
}

/// Ends the job, and answers with it as it is then.
async fn finish(app: &App, import: Import) -> Result<Import, RecordError> {
    let store = app.store()?;
    let rejects_key = if import.checkpoint.late.is_empty() {
        None
    } else {
        match all_rejects(app, &import).await {
            Ok(key) => Some(key),
            Err(Stopped::Failed(error)) => return Err(error),
            // The file was read before; should it be gone, the rejects of the dry run are still there.
            Err(Stopped::Refused(_) | Stopped::Over) => None,
        }
    };
    let Some(done) = settled(store::imports::finish(store, &import, rejects_key.as_deref(), app.now()).await)? else {
        return Ok(store::imports::get(store, import.id).await?);
    };
    let AppliedCounts {
        created, updated, rejected, ..
    } = done.checkpoint.applied;
    tracing::info!(import_id = %done.id, state = done.state.as_str(), created, updated, "import over");
    Metrics {
        stage: &app.config().stage,
        properties: &[("import_id", done.id.to_string())],
        counts: &[
            ("VendorsImported", created),
            ("VendorsUpdatedByImport", updated),
            ("VendorsRejected", done.counts.rejected + rejected),
        ],
    }
    .emit(app.now());
    if let Err(error) = objects::delete(app, &files::staged(done.id, done.attempt())).await {
        // The bucket's lifecycle deletes it later.
        tracing::warn!(import_id = %done.id, %error, "the staged rows stay for now");
    }
    Ok(done)
}

/// Puts the rows that were refused when they were to be stored behind those of the dry run.
async fn all_rejects(app: &App, import: &Import) -> Result<String, Stopped> {
    let Source {
        mut sheet,
        mapping,
        file: _file,
        ..
    } = Source::open(app, import).await?;
    let header = sheet.header().to_vec();
    let kind = rejects::kind(&sheet);
    let mut rejects = Rejects::new(kind, &header, &mapping)?;
    if let Some(key) = &import.rejects_key {
        let earlier = scratch::file()?;
        objects::get_file(app, key, earlier.path(), u64::MAX).await?;
        rejects.add_all(earlier.path())?;
    }
    for offset in &import.checkpoint.late {
        let key = files::late(import.id, import.attempt(), *offset);
        let FetchedBytes::Whole(bytes) = objects::get(app, &key, MAX_LATE_BYTES).await? else {
            continue;
        };
        for line in bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            let late: Late = serde_json::from_slice(line)?;
            // Both are in the order of the file.
            while let Some(row) = sheet.next_row().map_err(Stopped::of_sheet)? {
                if row.number == late.row {
                    rejects.add(&row, &late.errors)?;
                    break;
                }
            }
        }
    }
    let key = files::all_rejects(import.id, import.attempt(), kind.extension());
    objects::put_open_file(app, &key, &rejects.finish()?, files::content_type(&key)).await?;
    Ok(key)
}
