//! From another system into the bucket, as the file of an import.

use std::collections::BTreeMap;
use std::time::Duration;

use domain::import::MAX_FILE_BYTES;
use domain::sync::{AuthHeader, Format, Origin, RunError, SyncRun, SyncSource, Trigger, dropped};
use imports::files;
use jiff::Timestamp;
use outbound::FetchRequest;
use runtime::{App, RecordError, Var, objects};
use secrecy::SecretString;
use store::imports::{Import, ImportState, NewImport, Settings};
use sync::{fetcher, table};
use tempfile::NamedTempFile;

/// For everything: resolving, every redirect, and the last byte.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Brings the file of a run into the bucket and makes the import of it. What cannot be read is the inner error; the outer one is
/// for what may pass.
pub(super) async fn pull(app: &App, source: &SyncSource, run: &SyncRun) -> Result<Result<Import, RunError>, RecordError> {
    let to = files::source(run.own_import());
    let brought = match (&source.settings.origin, &run.trigger) {
        (
            Origin::Https {
                url,
                format,
                json_path,
                auth,
            },
            Trigger::Schedule { .. } | Trigger::Person { .. },
        ) => {
            let request = match request(app, url, *format, auth.as_ref()).await {
                Ok(request) => request,
                Err(error) => return Ok(Err(error)),
            };
            fetch(app, request, *format, json_path, &to).await?
        }
        (Origin::Folder { .. }, Trigger::File { key, etag }) => copy(app, key, etag, &to).await?,
        _ => Err(RunError::new(
            "source_changed",
            "the source is of another kind by now: run it again, or put the file into a folder under another name",
        )),
    };
    if let Err(error) = brought {
        return Ok(Err(error));
    }
    let settings = &source.settings;
    let import = Import::from(NewImport {
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
    });
    store::imports::create(app.store()?, &import).await?;
    Ok(Ok(import))
}

/// What to ask the address for.
async fn request(app: &App, url: &str, format: Format, auth: Option<&AuthHeader>) -> Result<FetchRequest, RunError> {
    let headers = match auth {
        Some(AuthHeader { name, secret_name }) => vec![(name.clone(), secret(app, secret_name).await?)],
        None => Vec::new(),
    };
    Ok(FetchRequest {
        url: url.to_owned(),
        headers,
        content_types: format.content_types().iter().map(|&kind| kind.to_owned()).collect(),
        max_bytes: MAX_FILE_BYTES,
        timeout: TIMEOUT,
    })
}

/// A value of the stack's secret of sync sources, read anew each time: a rotated one is used at once.
async fn secret(app: &App, name: &str) -> Result<SecretString, RunError> {
    let text = app.secret(Var::SyncSecretsArn).await.map_err(|_| {
        RunError::new(
            "secret_unreadable",
            "the secret of sync sources cannot be read: look whether the stack has it and workers-sync may read it",
        )
    })?;
    let mut values: BTreeMap<String, String> = serde_json::from_str(&text).map_err(|_| {
        // serde's own text may quote the secret.
        RunError::new(
            "secret_malformed",
            "the secret of sync sources is not a JSON object of texts: store it as {\"name\": \"value\"}",
        )
    })?;
    values.remove(name).map(SecretString::from).ok_or_else(|| {
        let message = format!("the secret of sync sources has no value named {name}: add it there, or correct origin.auth.secret_name");
        RunError::new("secret_missing", message)
    })
}

async fn fetch(app: &App, request: FetchRequest, format: Format, json_path: &str, to: &str) -> Result<Result<(), RunError>, RecordError> {
    let fetcher = fetcher::fetcher(app).map_err(super::failure)?;
    let fetched = match fetcher.fetch(&request).await {
        Ok(fetched) => fetched,
        // Not tried again here, whatever it is: an address that does not answer is asked when its time comes again.
        Err(error) => return Ok(Err(RunError::new(error.code(), error.to_string()))),
    };
    match format {
        Format::Csv => objects::put_file(app, to, fetched.path(), files::UPLOAD).await?,
        Format::Json => {
            let file = NamedTempFile::new()?;
            let open = || fetched.open();
            if let Err(error) = table::write_csv(open, json_path, table::Limits::default(), file.as_file()) {
                return Ok(Err(RunError::new(error.code(), error.to_string())));
            }
            objects::put_file(app, to, file.path(), files::UPLOAD).await?;
        }
    }
    Ok(Ok(()))
}

async fn copy(app: &App, key: &str, etag: &str, to: &str) -> Result<Result<(), RunError>, RecordError> {
    let error = match objects::size(app, key).await? {
        Some(bytes) if bytes > MAX_FILE_BYTES => RunError::new(
            "too_large",
            format!("the file is larger than {MAX_FILE_BYTES} bytes: divide it and put the parts into the folder"),
        ),
        Some(_) if objects::copy(app, key, etag, to).await? => return Ok(Ok(())),
        _ => RunError::new(
            "file_gone",
            "the file was removed or replaced before it was read: if it was replaced, the new one has a run of its own",
        ),
    };
    Ok(Err(error))
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
