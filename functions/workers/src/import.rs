//! `workers-import`: stores the good rows of an uploaded file as vendors and hands the others back with reasons.
//!
//! A job may be worked on again from the start at any time, after a crash or beside a slow first worker: rows stored
//! before are recognised by their origin, so that every run comes to the same result.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use domain::vendor::{FieldError, MsmeStatus, VendorProfile};
use domain::vendor_record::{ImportOrigin, Vendor};
use domain::{ImportId, VendorId};
use imports::sheet::{Rejects, Row, Sheet, shorten};
use imports::{ImportMessage, files};
use runtime::{App, Message, Metrics, RecordError, RecordFailure, Var, Worker};
use store::StoreError;
use store::imports::{Import, ImportCounts, ImportState, RowError, SHOWN_ERRORS};
use store::vendors::{By, Created, NewVendor};

/// The worker.
pub static WORKER: Worker = Worker {
    name: "workers-import",
    needs: &[Var::TableName, Var::BucketName],
    handler: |app, messages| Box::pin(handle(app, messages)),
};

/// Vendors checked before they are stored together.
const CREATE_BATCH: usize = 45;

/// Often enough for a person who watches.
const PROGRESS_EVERY: Duration = Duration::from_millis(500);

/// Handles the messages one after the other: one import already keeps the table's counters busy.
pub async fn handle(app: &App, messages: Vec<Message>) -> Vec<RecordFailure> {
    let mut failures = Vec::new();
    for message in messages {
        if let Err(error) = handle_message(app, &message).await {
            failures.push(RecordFailure { id: message.id, error });
        }
    }
    failures
}

async fn handle_message(app: &App, message: &Message) -> Result<(), RecordError> {
    let ImportMessage { import_id } = message.json()?;
    let store = app.store()?;
    let import = store::imports::get(store, import_id).await?;
    if matches!(import.state, ImportState::Completed | ImportState::Failed) {
        return Ok(());
    }
    let done = match run(app, import).await {
        Ok(done) => done,
        // Another worker came to the end of it; what it wrote is what we would write.
        Err(Stopped::Over) => return Ok(()),
        Err(Stopped::Failed(error)) => return Err(error),
    };
    match store::imports::finish(store, &done).await {
        Ok(()) => {}
        Err(StoreError::Conflict(_)) => return Ok(()),
        Err(error) => return Err(error.into()),
    }
    let Import { id, state, counts, .. } = done;
    tracing::info!(
        correlation_id = message.correlation_id,
        import_id = %id,
        ?state,
        rows = counts.rows,
        imported = counts.imported,
        rejected = counts.rejected,
        "import over"
    );
    Metrics {
        stage: &app.config().stage,
        properties: &[("import_id", id.to_string())],
        counts: &[("VendorsImported", counts.imported), ("VendorsRejected", counts.rejected)],
    }
    .emit(app.now());
    Ok(())
}

/// Why a run did not come to its end.
enum Stopped {
    /// The job is over already.
    Over,
    /// The job is to be done again.
    Failed(RecordError),
}

impl<E: Into<RecordError>> From<E> for Stopped {
    fn from(error: E) -> Self {
        Stopped::Failed(error.into())
    }
}

/// Does the job and answers with how it ended.
async fn run(app: &App, mut import: Import) -> Result<Import, Stopped> {
    let source = files::read(app, &import.source_key).await?;
    let sheet = match source {
        Some(bytes) => Sheet::parse(&bytes).map_err(|error| error.to_string()),
        None => Err("the uploaded file is no longer there: upload it again".to_owned()),
    };
    let sheet = match sheet {
        Ok(sheet) => sheet,
        Err(failure) => {
            return Ok(Import {
                state: ImportState::Failed,
                failure: Some(failure),
                completed_at: Some(app.now()),
                ..import
            });
        }
    };
    let mut run = Run {
        app,
        import: import.id,
        reported: import.counts,
        reported_at: None,
        counts: ImportCounts {
            rows: count(sheet.rows().count()),
            ..ImportCounts::default()
        },
        errors: Vec::new(),
        rejects: Rejects::new(&sheet)?,
        first_rows: HashMap::new(),
        waiting: Vec::new(),
        vendors: Vec::with_capacity(CREATE_BATCH),
    };
    run.report().await?;
    for row in sheet.rows() {
        run.check(row);
        // Bounded by rows as well, so that a file of nothing but rejects is not held twice.
        if run.vendors.len() == CREATE_BATCH || run.waiting.len() >= 10 * CREATE_BATCH {
            run.store().await?;
        }
    }
    run.store().await?;

    let Run { counts, errors, rejects, .. } = run;
    if counts.rejected > 0 {
        let key = files::rejects_key(import.id);
        files::write(app, &key, rejects.finish()?).await?;
        import.rejects_key = Some(key);
    }
    Ok(Import {
        state: ImportState::Completed,
        counts,
        errors,
        completed_at: Some(app.now()),
        ..import
    })
}

/// A run over the rows of one file.
struct Run<'a> {
    app: &'a App,
    import: ImportId,
    /// What the table says of the progress.
    reported: ImportCounts,
    reported_at: Option<Instant>,
    counts: ImportCounts,
    errors: Vec<RowError>,
    rejects: Rejects,
    /// The first row of every code in the file.
    first_rows: HashMap<String, u32>,
    /// Rows that were checked and not yet counted, in the file's order, which is the order of the rejects.
    waiting: Vec<(Row, Verdict)>,
    /// The vendors of the waiting rows that are good.
    vendors: Vec<NewVendor>,
}

/// What is to become of a row.
enum Verdict {
    /// It is the next of the vendors.
    Store {
        /// There is something worth a second look.
        has_warnings: bool,
    },
    /// It goes back.
    Reject(Vec<RowError>),
}

impl Run<'_> {
    /// Parses a row and lines it up.
    fn check(&mut self, mut row: Row) {
        // The cells are kept for the rejects; the parsed copy is used up here.
        let raw = std::mem::replace(&mut row.vendor, Ok(Default::default()));
        let verdict = match raw.map(VendorProfile::parse) {
            Err(error) => Verdict::Reject(vec![row_error(row.number, "", "", "cell_count", &error.to_string())]),
            Ok(Err(errors)) => Verdict::Reject(errors.into_iter().map(|error| field_error(row.number, error)).collect()),
            Ok(Ok((profile, warnings))) => match self.first_row(&profile, row.number) {
                Some(first) => {
                    let reason = format!("row {first} of this file has the same code: keep one of the two, or correct the code");
                    Verdict::Reject(vec![row_error(
                        row.number,
                        "vendor_code",
                        profile.vendor_code.as_str(),
                        "duplicate_in_file",
                        &reason,
                    )])
                }
                None => {
                    let vendor = self.vendor(profile, row.number);
                    self.vendors.push(vendor.into());
                    Verdict::Store {
                        has_warnings: !warnings.is_empty(),
                    }
                }
            },
        };
        self.waiting.push((row, verdict));
    }

    /// The earlier good row with the code of this one.
    fn first_row(&mut self, profile: &VendorProfile, row: u32) -> Option<u32> {
        let first = *self.first_rows.entry(profile.vendor_code.key()).or_insert(row);
        (first != row).then_some(first)
    }

    fn vendor(&self, profile: VendorProfile, row: u32) -> Vendor {
        let now = self.app.now();
        Vendor {
            id: VendorId::from_ulid(self.app.new_ulid()),
            profile,
            msme_status: MsmeStatus::Unknown,
            origin: Some(ImportOrigin { import_id: self.import, row }),
            deleted_at: None,
            created_at: now,
            updated_at: now,
            version: 1,
        }
    }

    /// Stores the waiting vendors and counts the waiting rows.
    async fn store(&mut self) -> Result<(), Stopped> {
        let vendors = std::mem::take(&mut self.vendors);
        let answers = if vendors.is_empty() {
            Vec::new()
        } else {
            let who = self.import.to_string();
            let by = By {
                who: &who,
                at: self.app.now(),
                entry: self.app.new_ulid(),
            };
            store::vendors::create_batch(self.app.store()?, &vendors, by).await?
        };
        let mut answers = vendors.iter().zip(answers);
        for (row, verdict) in std::mem::take(&mut self.waiting) {
            self.counts.processed += 1;
            match verdict {
                Verdict::Reject(errors) => self.reject(&row, errors)?,
                Verdict::Store { has_warnings } => match answers.next() {
                    Some((_, Created::New | Created::Already)) => {
                        self.counts.imported += 1;
                        self.counts.with_warnings += u32::from(has_warnings);
                    }
                    Some((vendor, Created::CodeTaken(by))) => {
                        let reason = format!("vendor {by} has this code already: change that vendor, or correct the code");
                        let code = vendor.vendor.profile.vendor_code.as_str();
                        self.reject(&row, vec![row_error(row.number, "vendor_code", code, "vendor_code_taken", &reason)])?;
                    }
                    None => return Err(Stopped::Failed("fewer answers than vendors".into())),
                },
            }
        }
        self.report().await
    }

    fn reject(&mut self, row: &Row, errors: Vec<RowError>) -> Result<(), Stopped> {
        self.counts.rejected += 1;
        self.rejects.add(row, &errors)?;
        let room = SHOWN_ERRORS - self.errors.len();
        self.errors.extend(errors.into_iter().take(room));
        Ok(())
    }

    /// Tells how far it is, now and then. A repeated run says nothing until it is further than the first came.
    async fn report(&mut self) -> Result<(), Stopped> {
        let is_news = self.reported.rows == 0 || self.counts.processed > self.reported.processed;
        if !is_news || self.reported_at.is_some_and(|at| at.elapsed() < PROGRESS_EVERY) {
            return Ok(());
        }
        match store::imports::progress(self.app.store()?, self.import, &self.counts).await {
            Ok(()) => {}
            Err(StoreError::Conflict(_)) => return Err(Stopped::Over),
            Err(error) => return Err(error.into()),
        }
        self.reported = self.counts;
        self.reported_at = Some(Instant::now());
        Ok(())
    }
}

fn field_error(row: u32, FieldError { field, value, code, message }: FieldError) -> RowError {
    row_error(row, field, &value, code, &message)
}

/// An error small enough that a hundred of them fit the job's item.
fn row_error(row: u32, column: &str, value: &str, code: &str, reason: &str) -> RowError {
    RowError {
        row,
        column: column.to_owned(),
        value: shorten(value, 200),
        code: code.to_owned(),
        reason: shorten(reason, 300),
    }
}

fn count(rows: usize) -> u32 {
    u32::try_from(rows).unwrap_or(u32::MAX)
}
