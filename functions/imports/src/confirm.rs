//! `POST /api/v1/imports/{id}/confirm`.

use domain::user::Permission;
use domain::{FieldError, ImportId};
use http::Method;
use jiff::SignedDuration;
use runtime::problem::{conflict, invalid};
use runtime::{Access, ApiError, App, Request, Response, Route, Var, extract, respond};
use serde::Deserialize;
use store::imports::{Failure, Import, ImportState};
use utoipa::ToSchema;

use crate::wire::{AcceptRepairs, ImportResponse};
use crate::{ImportMessage, Task};

/// The route.
pub static ROUTE: Route = Route::new(
    "imports-confirm",
    Method::POST,
    "/api/v1/imports/{id}/confirm",
    Access::Requires(Permission::ImportsWrite),
    |app, request| Box::pin(handle(app, request)),
)
.needing(&[Var::ImportQueueUrl])
.idempotent();

/// A worker says something every few seconds. One silent for so long has lost its message.
const SILENCE: SignedDuration = SignedDuration::from_mins(20);

/// What is agreed to.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ConfirmImportRequest {
    /// Which of the doubtful repairs of the report are made: `true` for all, or their codes. Certain ones always are.
    #[serde(default)]
    accept_repairs: Option<AcceptRepairs>,
}

/// Stores the good rows of the dry run as vendors, in the background. `If-Match` with the `ETag` of the report makes sure that it is
/// the report that was read. An import that failed as `interrupted` while it stored vendors goes on where it stopped.
#[utoipa::path(post, path = "/api/v1/imports/{id}/confirm", operation_id = "imports-confirm", tag = "imports", request_body = ConfirmImportRequest,
    params(("id" = String, Path, description = "imp_…"), ("If-Match" = Option<String>, Header, description = "ETag of the import that was read"),
        ("Idempotency-Key" = Option<String>, Header, description = "Repeats within 24 h get the first answer")),
    responses((status = 202, description = "Vendors are being stored", body = ImportResponse), (status = 404, description = "No such import"),
        (status = 409, description = "The dry run is not done, or the import is over"), (status = 412, description = "There is another report by now"),
        (status = 422, description = "The mapping lacks a required column, or no row is good")),
    security(("bearer" = [])))]
pub async fn handle(app: &App, request: Request) -> Result<Response, ApiError> {
    let id: ImportId = request.id("id")?;
    let body: ConfirmImportRequest = if request.body.is_empty() {
        ConfirmImportRequest::default()
    } else {
        extract::json(&request)?
    };
    let store = app.store()?;
    let import = store::imports::get(store, id).await?;
    let message = ImportMessage::new(id, Task::Apply);
    let location = format!("/api/v1/imports/{id}");
    match import.state {
        ImportState::Ready => {}
        ImportState::Importing => {
            // Confirmed already. Should its message be lost, this is how it goes on; two workers at one import do no harm.
            let is_silent = import.progress_at.is_none_or(|at| app.now().duration_since(at) > SILENCE);
            if is_silent {
                message.send(app, &request.correlation_id).await.map_err(ApiError::Internal)?;
            }
            return respond::accepted(&ImportResponse::new(import, None), &location);
        }
        ImportState::Failed if can_go_on(&import) => {
            let resumed = store::imports::resume(store, &import, app.now()).await?;
            // If this fails, confirming again after a while sends the message again.
            message.send(app, &request.correlation_id).await.map_err(ApiError::Internal)?;
            return respond::accepted(&ImportResponse::new(resumed, None), &location);
        }
        state => {
            return Err(conflict(format!(
                "the import is {}: only a dry run that is `ready` can be confirmed",
                state.as_str()
            )));
        }
    }
    request.if_match(import.version)?;
    check_mapping(app, &import).await?;
    let accepted = body.accept_repairs.map_or_else(|| import.settings.accepted.clone(), Into::into);
    let is_same = accepted == import.settings.accepted;
    if is_same && import.counts.good() == 0 {
        let message = "no row of the file can be imported: correct the mapping or the rows, or accept the repairs that were proposed";
        return Err(invalid("import", "", "no_good_rows", message));
    }
    // Other repairs make other rows: those are staged under another name.
    let run = if is_same { import.run } else { app.new_ulid() };
    let confirmed = store::imports::confirm(store, &import, &accepted, run, request.caller()?.id(), app.now()).await?;
    if let Err(error) = message.send(app, &request.correlation_id).await {
        store::imports::unconfirm(store, &confirmed, &import).await?;
        return Err(ApiError::Internal(error));
    }
    respond::accepted(&ImportResponse::new(confirmed, None), &location)
}

/// Whether an import was given up while it stored vendors: it goes on from its checkpoint, where nothing is stored twice.
fn can_go_on(import: &Import) -> bool {
    import.confirmed_at.is_some() && import.failure.as_ref().is_some_and(|failure| failure.code == Failure::INTERRUPTED)
}

async fn check_mapping(app: &App, import: &Import) -> Result<(), ApiError> {
    let report = store::imports::report(app.store()?, import).await?.unwrap_or_default();
    let errors = report.mapping_errors.iter().map(|problem| {
        let code = match problem.code.as_str() {
            "column_missing" => "column_missing",
            "column_taken" => "column_taken",
            _ => "header_not_in_file",
        };
        FieldError::new("mapping", &problem.header, code, &problem.message)
    });
    let errors: Vec<FieldError> = errors.collect();
    if errors.is_empty() { Ok(()) } else { Err(errors.into()) }
}
