//! From another system into the bucket, as the file of an import.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use domain::SyncRunId;
use domain::import::MAX_FILE_BYTES;
use domain::sync::{AuthHeader, Format, Origin, RunError, RunState, SyncRun, SyncSource, Trigger, dropped};
use imports::files;
use jiff::Timestamp;
use outbound::{FetchError, FetchRequest};
use runtime::{App, RecordError, Var, objects};
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::Value;
use store::imports::{Import, ImportState, NewImport, Settings};
use store::{PageRequest, Store, StoreError};
use sync::{fetcher, table};
use tempfile::NamedTempFile;

use crate::digest;

/// For everything: resolving, every redirect, every page, and the last byte.
const TIMEOUT: Duration = Duration::from_secs(60);

/// For the answer of an address, all its pages: more than that many are not all vendors of one company.
const MAX_PAGES: usize = 500;

/// What became of a pull.
pub(super) enum Pulled {
    /// There is an import of the file.
    Import {
        /// The import.
        import: Box<Import>,
        /// What the source said, by its SHA-256, where it was read here.
        digest: Option<String>,
    },
    /// The source says what it said before, and what came of that still stands.
    Unchanged {
        /// When it said so first.
        since: SyncRunId,
        /// How much was read.
        bytes: u64,
    },
    /// Nothing can be imported.
    Failed(RunError),
}

/// Why a file was not brought.
enum Refused {
    /// It cannot be read, for a reason that a person can do something about.
    Because(RunError),
    /// It may be there later.
    Later(RecordError),
}

impl<E: Into<RecordError>> From<E> for Refused {
    fn from(error: E) -> Self {
        Self::Later(error.into())
    }
}

/// Brings the file of a run into the bucket and makes the import of it. What may pass is an error, as long as it `may_wait` for
/// another delivery of the message.
pub(super) async fn pull(app: &App, source: &SyncSource, run: &SyncRun, may_wait: bool) -> Result<Pulled, RecordError> {
    match brought(app, source, run, may_wait).await {
        Ok(pulled) => Ok(pulled),
        Err(Refused::Because(error)) => Ok(Pulled::Failed(error)),
        Err(Refused::Later(error)) => Err(error),
    }
}

async fn brought(app: &App, source: &SyncSource, run: &SyncRun, may_wait: bool) -> Result<Pulled, Refused> {
    let to = files::source(run.own_import());
    let digest = match (&source.settings.origin, &run.trigger) {
        (web @ Origin::Https { .. }, Trigger::Schedule { .. } | Trigger::Person { .. }) => {
            let said = read(app, web, may_wait).await?;
            let (bytes, digest) = digest::of_file(&said.reopen()?)?;
            if let Some(since) = said_before(app, run, &digest).await? {
                return Ok(Pulled::Unchanged { since, bytes });
            }
            objects::put_file(app, &to, said.path(), files::UPLOAD).await?;
            Some(digest)
        }
        (Origin::Folder { .. }, Trigger::File { key, etag, .. }) => {
            copy(app, key, etag, &to).await?;
            None
        }
        _ => {
            return Err(Refused::Because(RunError::new(
                "source_changed",
                "the source is of another kind by now: run it again, or put the file into a folder under another name",
            )));
        }
    };
    let settings = &source.settings;
    let import = Import {
        skips_deleted: true,
        ..Import::from(NewImport {
            id: run.own_import(),
            file_name: file_name(source, run),
            source_key: to,
            state: ImportState::Queued,
            settings: Settings {
                mode: settings.mode,
                sheet: None,
                corrections: settings.mapping.clone(),
                accepted: settings.accepted.clone(),
                ..Settings::default()
            },
            // As the import itself: whoever does this again after a crash makes the same.
            run: run.id.ulid(),
            by: source.created_by,
            at: run.started_at,
        })
    };
    store::imports::create(app.store()?, &import).await?;
    Ok(Pulled::Import {
        import: Box::new(import),
        digest,
    })
}

/// The run in which the source last said something that can be used, if it said the same under the same settings, and nobody has
/// refused it since.
async fn said_before(app: &App, run: &SyncRun, digest: &str) -> Result<Option<SyncRunId>, RecordError> {
    let store = app.store()?;
    let Some(last) = last_said(store, run).await? else { return Ok(None) };
    let (true, Some(import)) = (
        last.digest.as_deref() == Some(digest) && last.source_version == run.source_version,
        last.import,
    ) else {
        return Ok(None);
    };
    match store::imports::get(store, import).await {
        Ok(import) if matches!(import.state, ImportState::Cancelled | ImportState::Failed) => Ok(None),
        Ok(_) => Ok(Some(last.id)),
        Err(StoreError::NotFound) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// The last run before that read something which can be used. One that read the same as another leads to it.
async fn last_said(store: &Store, run: &SyncRun) -> Result<Option<SyncRun>, StoreError> {
    let is_usable = |other: &SyncRun| {
        let states = [RunState::Checking, RunState::Waiting, RunState::Applying, RunState::Applied];
        other.same_as.is_some() || (other.digest.is_some() && states.contains(&other.state))
    };
    let mut after = None;
    loop {
        let page = store::sync_sources::list_runs(store, run.source, &PageRequest { limit: 50, after }).await?;
        match page.items.into_iter().find(|other| other.id != run.id && is_usable(other)) {
            Some(SyncRun { same_as: Some(first), .. }) => {
                return match store::sync_sources::get_run(store, run.source, first).await {
                    Ok(first) => Ok(Some(first)),
                    Err(StoreError::NotFound) => Ok(None),
                    Err(error) => Err(error),
                };
            }
            Some(last) => return Ok(Some(last)),
            None => {}
        }
        after = page.next;
        if after.is_none() {
            return Ok(None);
        }
    }
}

/// The headers that tell the address who asks.
async fn headers(app: &App, url: &str, auth: Option<&AuthHeader>) -> Result<Vec<(String, SecretString)>, RunError> {
    Ok(match auth {
        Some(AuthHeader { name, secret_name }) => vec![(name.clone(), secret(app, secret_name, url).await?)],
        None => Vec::new(),
    })
}

/// A value of the secret, and the host it is for.
#[derive(Deserialize)]
struct Bound {
    host: String,
    value: String,
}

/// A value of the stack's secret of sync sources, read anew each time: a rotated one is used at once. Only for the host it is bound
/// to: whoever may edit sources could otherwise have it sent to a host of his own.
async fn secret(app: &App, name: &str, url: &str) -> Result<SecretString, RunError> {
    let text = app.secret(Var::SyncSecretsArn).await.map_err(|_| {
        RunError::new(
            "secret_unreadable",
            "the secret of sync sources cannot be read: look whether the stack has it and workers-sync may read it",
        )
    })?;
    let mut values: BTreeMap<String, Value> = serde_json::from_str(&text).map_err(|_| {
        // serde's own text may quote the secret.
        RunError::new(
            "secret_malformed",
            "the secret of sync sources is not a JSON object: store it as {\"name\": {\"host\": \"erp.example.in\", \"value\": \"…\"}}",
        )
    })?;
    let value = values.remove(name).ok_or_else(|| {
        let message = format!("the secret of sync sources has no value named {name}: add it there, or correct origin.auth.secret_name");
        RunError::new("secret_missing", message)
    })?;
    let Bound { host, value } = serde_json::from_value(value).map_err(|_| {
        let message = format!(
            "the value named {name} in the secret of sync sources has no host: store it as {{\"host\": \"erp.example.in\", \"value\": \"…\"}}"
        );
        RunError::new("secret_malformed", message)
    })?;
    if outbound::is_host(url, &host) {
        return Ok(SecretString::from(value));
    }
    let message = format!("the value named {name} is bound to the host {host} and goes to no other: correct the address, or the secret");
    Err(RunError::new("secret_other_host", message))
}

/// Reads what an address says, as a file that the import reads.
async fn read(app: &App, web: &Origin, may_wait: bool) -> Result<NamedTempFile, Refused> {
    let Origin::Https {
        url,
        format,
        json_path,
        next_path,
        auth,
    } = web
    else {
        return Err(Refused::Later("not a web address".into()));
    };
    let headers = headers(app, url, auth.as_ref()).await.map_err(Refused::Because)?;
    let fetcher = fetcher::fetcher(app).map_err(super::failure)?;
    let of_fetch = |error: FetchError| match error.is_retryable() && may_wait {
        true => Refused::Later(error.into()),
        false => Refused::Because(RunError::new(error.code(), error.to_string())),
    };
    let of_table = |error: table::TableError| Refused::Because(RunError::new(error.code(), error.to_string()));
    let limits = table::Limits::default();
    let until = Instant::now() + TIMEOUT;
    let (mut pages, mut bytes, mut address) = (Vec::new(), 0, url.clone());
    loop {
        let request = FetchRequest {
            url: address.clone(),
            headers: headers.clone(),
            content_types: format.content_types().iter().map(|&kind| kind.to_owned()).collect(),
            max_bytes: MAX_FILE_BYTES - bytes,
            timeout: until.saturating_duration_since(Instant::now()),
        };
        let page = fetcher.fetch(&request).await.map_err(|error| of_fetch(of_all_pages(error)))?;
        bytes += page.bytes;
        let next = match format {
            Format::Csv => None,
            Format::Json => table::next_page(|| page.open(), json_path, next_path, limits).map_err(of_table)?,
        };
        pages.push(page);
        let Some(next) = next else { break };
        if pages.len() == MAX_PAGES {
            let message = format!("the list has more than {MAX_PAGES} pages: have the other system send larger ones");
            return Err(Refused::Because(RunError::new("too_many_pages", message)));
        }
        let next = fetcher.next_page(&address, &next).map_err(of_fetch)?;
        if next == address {
            let message = "a page names itself as the next one: correct origin.next_path, or have the other system mended";
            return Err(Refused::Because(RunError::new("json_no_next_page", message)));
        }
        address = next;
    }
    match format {
        Format::Csv => match pages.pop() {
            Some(page) => Ok(page.into_file()),
            None => Err(Refused::Later("nothing was fetched".into())),
        },
        Format::Json => {
            let file = NamedTempFile::new()?;
            let pages: Vec<_> = pages.iter().map(|page| || page.open()).collect();
            table::write_csv(&pages, json_path, limits, file.as_file()).map_err(of_table)?;
            Ok(file)
        }
    }
}

/// An error with the limits of all pages, not with what was left of them for the last.
fn of_all_pages(error: FetchError) -> FetchError {
    match error {
        FetchError::TooLarge { .. } => FetchError::TooLarge { max_bytes: MAX_FILE_BYTES },
        FetchError::TimedOut { .. } => FetchError::TimedOut { seconds: TIMEOUT.as_secs() },
        error => error,
    }
}

async fn copy(app: &App, key: &str, etag: &str, to: &str) -> Result<(), Refused> {
    let error = match objects::size(app, key).await? {
        Some(bytes) if bytes > MAX_FILE_BYTES => RunError::new(
            "too_large",
            format!("the file is larger than {MAX_FILE_BYTES} bytes: divide it and put the parts into the folder"),
        ),
        Some(_) if objects::copy(app, key, etag, to).await? => return Ok(()),
        _ => RunError::new(
            "file_gone",
            "the file was removed or replaced before it was read: if it was replaced, the new one has a run of its own",
        ),
    };
    Err(Refused::Because(error))
}

/// What the import's file is called: after the dropped one, or after the source and the day in India.
fn file_name(source: &SyncSource, run: &SyncRun) -> String {
    if let Trigger::File { key, .. } = &run.trigger
        && let Some((_, name)) = dropped(key)
    {
        return name.chars().filter(|c| !c.is_control()).take(200).collect();
    }
    let name: String = source
        .settings
        .name
        .chars()
        .map(|c| if c.is_alphanumeric() { c } else { '-' })
        .take(60)
        .collect();
    format!("{}-{}.csv", name.trim_matches('-'), day(run.started_at))
}

fn day(at: Timestamp) -> String {
    let zone = domain::schedule::TimeZone::default();
    zone.offset()
        .map_or_else(|| at.to_string(), |offset| offset.to_datetime(at).date().to_string())
}
