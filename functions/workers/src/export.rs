//! `workers-export`: writes vendors to a file and puts it into the bucket.
//!
//! A job may be worked on again from the start at any time, after a crash or beside a slow first worker: a file's name holds its
//! content's digest, so that no run overwrites what another one has announced, and the first to come to the end is the one that counts.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, BufWriter, Seek as _, Write as _};
use std::time::{Duration, Instant};

use domain::declaration::indian_date;
use domain::{ExportId, VendorId};
use exports::ExportMessage;
use exports::columns::{Column, Layout, Record};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use runtime::{App, Message, Metrics, RecordError, Var, Worker, objects};
use sheets::{Kind, SheetWriter};
use store::exports::{Export, ExportFailure, ExportFile, ExportFormat};
use store::{StoreError, directory, vendors};

use crate::digest;
use crate::each::each;
use crate::giving_up;

/// The worker.
pub static WORKER: Worker = Worker {
    name: "workers-export",
    needs: &[Var::TableName, Var::BucketName],
    handler: |app, messages| Box::pin(each(messages, move |message| handle(app, message))),
};

/// Vendors of one call, as many as DynamoDB gives.
const CALL: usize = 100;

/// Calls under way at once.
const AT_ONCE: usize = 4;

/// Often enough for a person who watches: every second or so.
const PROGRESS_ROWS: u32 = 1_000;

/// The function may run for ten minutes; the rest is for the upload.
const BUDGET: Duration = Duration::from_secs(8 * 60);

/// What a sheet of Excel holds, below the header.
const SHEET_ROWS: usize = 999_999;

/// Why a run did not come to its end.
enum Stopped {
    /// There is nothing left to do.
    Over,
    /// It would come to no other end another time.
    Refused(&'static str),
    /// The job is to be done again.
    Failed(RecordError),
}

impl<E: Into<RecordError>> From<E> for Stopped {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

async fn handle(app: &App, message: Message) -> Result<(), RecordError> {
    let ExportMessage { export_id } = message.json()?;
    let store = app.store()?;
    let export = match store::exports::get(store, export_id, app.now()).await {
        Ok(export) if export.is_open() => export,
        // Done, refused for good, or its time is over.
        Ok(_) | Err(StoreError::NotFound) => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    if giving_up::is_due(&message) {
        // Nobody tries again unless asked to. The message goes to the dead letters all the same, where operators see it; sent from
        // there once more, it makes the file after all.
        let reason = "the file could not be written after several attempts, for a reason on our side: ask for the export again";
        fail(app, export_id, reason, true).await?;
        return Err(giving_up::error());
    }
    match run(app, &export).await {
        Ok(rows) => {
            tracing::info!(correlation_id = message.correlation_id, %export_id, rows, "export over");
            Metrics {
                stage: &app.config().stage,
                properties: &[("export_id", export_id.to_string())],
                counts: &[("VendorsExported", rows)],
            }
            .emit(app.now());
            Ok(())
        }
        Err(Stopped::Over) => Ok(()),
        Err(Stopped::Refused(reason)) => {
            tracing::warn!(correlation_id = message.correlation_id, %export_id, reason, "export refused");
            fail(app, export_id, reason, false).await
        }
        Err(Stopped::Failed(error)) => Err(error),
    }
}

async fn fail(app: &App, id: ExportId, reason: &str, retriable: bool) -> Result<(), RecordError> {
    let failure = ExportFailure {
        reason: reason.to_owned(),
        retriable,
    };
    match store::exports::fail(app.store()?, id, &failure, app.now()).await {
        // Another worker came to the end of it meanwhile.
        Ok(()) | Err(StoreError::Conflict(_)) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Does the job; gives the number of vendors in the file.
async fn run(app: &App, export: &Export) -> Result<u32, Stopped> {
    let (store, started) = (app.store()?, Instant::now());
    let ids = ids(app, export).await?;
    if export.format == ExportFormat::Xlsx && ids.len() > SHEET_ROWS {
        return Err(Stopped::Refused(
            "a sheet of Excel has no room for so many vendors: choose csv, or a filter",
        ));
    }
    let total = u32::try_from(ids.len())?;
    report(app, export.id, 0, total).await?;

    // Which free fields there are is known at the end only, and the header comes first: so rows wait on the disk meanwhile.
    let columns = Column::of(&export.columns);
    let mut layout = Layout::default();
    let mut spool = BufWriter::new(tempfile::tempfile()?);
    let (mut rows, mut reported) = (0, 0);
    let calls: Vec<Vec<VendorId>> = ids.chunks(CALL).map(<[VendorId]>::to_vec).collect();
    let mut read = stream::iter(calls)
        .map(|ids| async move { vendors::get_many(store, &ids).await })
        .buffered(AT_ONCE);
    while let Some(some) = read.try_next().await? {
        for vendor in &some {
            let record = Record::new(vendor, &columns, export.reveals_identifiers);
            layout.add(&record);
            serde_json::to_writer(&mut spool, &record)?;
            spool.write_all(b"\n")?;
            rows += 1;
        }
        if rows - reported >= PROGRESS_ROWS {
            report(app, export.id, rows, total).await?;
            reported = rows;
        }
        if started.elapsed() > BUDGET {
            return Err(Stopped::Refused(
                "there are too many vendors for one file: choose a filter, or fewer columns",
            ));
        }
    }
    let spool = spool.into_inner().map_err(io::IntoInnerError::into_error)?;

    let kind = kind(export.format);
    let file = table(spool, kind, &columns, &layout)?;
    let (bytes, sha256) = digest::of_file(&file)?;
    let masked = if export.reveals_identifiers { "" } else { "-masked" };
    let stored = ExportFile {
        key: format!("exports/{}/{}.{}", export.id, &sha256[..16], kind.extension()),
        name: format!("vendors-{}{masked}.{}", indian_date(export.created_at), kind.extension()),
        bytes,
        sha256,
    };
    objects::put_open_file(app, &stored.key, &file, kind.content_type()).await?;
    match store::exports::complete(store, export.id, &stored, rows, app.now()).await {
        Ok(()) => Ok(rows),
        Err(StoreError::Conflict(_)) => Err(Stopped::Over),
        Err(error) => Err(error.into()),
    }
}

/// The vendors that are meant, in order of code.
async fn ids(app: &App, export: &Export) -> Result<Vec<VendorId>, StoreError> {
    let store = app.store().map_err(|error| StoreError::Unavailable(Box::new(error)))?;
    let entries = directory::entries(store, &export.filter).await?;
    let mut places: Vec<(String, VendorId)> = entries.into_iter().map(|entry| (entry.code.to_uppercase(), entry.id)).collect();
    places.sort_unstable();
    // A vendor whose code is being changed may be read at both of its places.
    let mut seen = HashSet::with_capacity(places.len());
    Ok(places.into_iter().map(|(_, id)| id).filter(|id| seen.insert(*id)).collect())
}

async fn report(app: &App, id: ExportId, rows: u32, total: u32) -> Result<(), Stopped> {
    match store::exports::progress(app.store()?, id, rows, total).await {
        Ok(()) => Ok(()),
        Err(StoreError::Conflict(_)) => Err(Stopped::Over),
        Err(error) => Err(error.into()),
    }
}

/// Writes the table from the rows that wait on the disk.
fn table(mut spool: File, kind: Kind, columns: &[Column], layout: &Layout) -> Result<File, RecordError> {
    spool.rewind()?;
    let mut writer = SheetWriter::new(kind, &layout.header(columns))?;
    let mut spool = BufReader::new(spool);
    let mut line = String::new();
    while spool.read_line(&mut line)? > 0 {
        let record: Record = serde_json::from_str(&line)?;
        writer.write(&layout.row(columns, record))?;
        line.clear();
    }
    Ok(writer.finish()?)
}

const fn kind(format: ExportFormat) -> Kind {
    match format {
        ExportFormat::Csv => Kind::Csv,
        ExportFormat::Xlsx => Kind::Xlsx,
    }
}
