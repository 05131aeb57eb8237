//! `POST /api/v1/imports/{id}/analyse`.

use std::collections::BTreeMap;

use domain::columns::{Mapping, Target, clean_header};
use domain::import::{ImportMode, ReadAs, TextEncoding};
use domain::user::Permission;
use domain::{FieldError, ImportId};
use http::Method;
use runtime::problem::{conflict, invalid};
use runtime::{Access, ApiError, App, Request, Response, Route, Var, extract, respond};
use serde::Deserialize;
use store::imports::{ImportState, Settings};
use utoipa::ToSchema;

use crate::wire::{AcceptRepairs, ImportResponse, sheet_name};
use crate::{ImportMessage, Task};

/// The route.
pub static ROUTE: Route = Route::new(
    "imports-analyse",
    Method::POST,
    "/api/v1/imports/{id}/analyse",
    Access::Requires(Permission::ImportsWrite),
    |app, request| Box::pin(handle(app, request)),
)
.needing(&[Var::ImportQueueUrl])
.idempotent();

/// The most headers a person may correct; the job holds the corrections.
const MAX_CORRECTIONS: usize = 200;

/// What the dry run should do. What is left out stays as it is.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AnalyseImportRequest {
    /// Where the cells of some headers go: a column, `attributes.<name>`, or `ignore`. Headers that are not named are recognised; an
    /// empty mapping takes earlier corrections back. A header that stands in the file again is `City#2`, and any column may be named by
    /// its place, as `#4` for the fourth: for one without a header that is the only way.
    #[serde(default)]
    #[schema(example = json!({ "Firm": "company_name", "Plant": "attributes.plant" }))]
    mapping: Option<BTreeMap<String, String>>,
    /// Which vendors may be written.
    #[serde(default)]
    mode: Option<ImportMode>,
    /// The sheet of a workbook.
    #[serde(default)]
    sheet: Option<String>,
    /// What stands between the cells of a text: one character, as `;`, `^` or a tab. Empty takes an earlier choice back.
    #[serde(default)]
    #[schema(example = ";")]
    delimiter: Option<String>,
    /// The encoding of a text, where it is not found out rightly: `utf-8`, `utf-16le`, `utf-16be` or `windows-1252`.
    #[serde(default)]
    #[schema(value_type = Option<String>, example = "windows-1252")]
    encoding: Option<TextEncoding>,
    /// The row of the header, by the number a spreadsheet program shows beside it; among the first 50 rows with something in them. 0 takes
    /// an earlier choice back.
    #[serde(default)]
    #[schema(example = 4)]
    header_row: Option<u32>,
    /// Which doubtful repairs are made.
    #[serde(default)]
    accept_repairs: Option<AcceptRepairs>,
}

/// Begins the dry run: the first, once the file is uploaded, or another with a corrected mapping, mode or sheet. A dry run under way
/// is replaced.
#[utoipa::path(post, path = "/api/v1/imports/{id}/analyse", operation_id = "imports-analyse", tag = "imports", request_body = AnalyseImportRequest,
    params(("id" = String, Path, description = "imp_…"), ("Idempotency-Key" = Option<String>, Header, description = "Repeats within 24 h get the first answer")),
    responses((status = 202, description = "The dry run is queued", body = ImportResponse), (status = 404, description = "No such import"),
        (status = 409, description = "The import was confirmed or is over"), (status = 422, description = "The mapping names what is no column")),
    security(("bearer" = [])))]
pub async fn handle(app: &App, request: Request) -> Result<Response, ApiError> {
    let id: ImportId = request.id("id")?;
    let body: AnalyseImportRequest = extract::json(&request)?;
    let import = store::imports::get(app.store()?, id).await?;
    let may_begin = match import.state {
        ImportState::AwaitingUpload | ImportState::Queued | ImportState::Analysing | ImportState::Ready => true,
        // A dry run that failed for want of another sheet, say.
        ImportState::Failed => import.confirmed_at.is_none(),
        ImportState::Importing | ImportState::Completed | ImportState::Cancelled => false,
    };
    if !may_begin {
        return Err(conflict(format!(
            "the import is {}: upload the file again to import it otherwise",
            import.state.as_str()
        )));
    }
    let settings = Settings {
        mode: body.mode.unwrap_or(import.settings.mode),
        read_as: read_as(&body, import.settings.read_as)?,
        sheet: body.sheet.map(sheet_name).transpose()?.or_else(|| import.settings.sheet.clone()),
        corrections: match body.mapping {
            Some(mapping) => corrections(mapping)?,
            None => import.settings.corrections.clone(),
        },
        accepted: match body.accept_repairs {
            Some(accepted) => accepted.into(),
            None => import.settings.accepted.clone(),
        },
    };
    let run = app.new_ulid();
    let queued = store::imports::queue(app.store()?, &import, &settings, run).await?;
    // If this fails, the job waits in vain, and asking again begins another run.
    let message = ImportMessage::new(id, Task::Analyse { run });
    message.send(app, &request.correlation_id).await.map_err(ApiError::Internal)?;
    respond::accepted(&ImportResponse::new(queued, None), &format!("/api/v1/imports/{id}"))
}

/// What was chosen before, with what is chosen now.
fn read_as(body: &AnalyseImportRequest, before: ReadAs) -> Result<ReadAs, ApiError> {
    let delimiter = match body.delimiter.as_deref() {
        None => before.delimiter,
        Some("") => None,
        Some(given) => {
            let mut chars = given.chars();
            let only = chars.next().filter(|c| chars.next().is_none() && ReadAs::is_delimiter(*c));
            let message = "a delimiter is one character: a tab or a sign that is no quotation mark";
            Some(only.ok_or_else(|| invalid("delimiter", given, "delimiter", message))?)
        }
    };
    Ok(ReadAs {
        delimiter,
        encoding: body.encoding.or(before.encoding),
        header_row: match body.header_row {
            None => before.header_row,
            Some(row) => Some(row).filter(|row| *row > 0),
        },
    })
}

fn corrections(given: BTreeMap<String, String>) -> Result<Mapping, ApiError> {
    if given.len() > MAX_CORRECTIONS {
        return Err(invalid("mapping", "", "too_many", "correct at most 200 headers"));
    }
    let (mut mapping, mut errors) = (Mapping::default(), Vec::new());
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
    if errors.is_empty() { Ok(mapping) } else { Err(errors.into()) }
}
