//! `POST /f/{token}`.

use domain::ResponseId;
use domain::declaration::{RawDeclaration, Response as Answer};
use domain::vendor::MsmeStatus;
use domain::work::{CampaignMessage, Task};
use http::{Method, StatusCode};
use jiff::Timestamp;
use runtime::problem::{bad_request, conflict};
use runtime::{Access, ApiError, App, Outgoing, Request, Response, Route, Var, extract, respond};
use serde::Serialize;
use store::StoreError;
use store::responses::Submitted;
use utoipa::ToSchema;

use crate::asking::Asking;
use crate::{asking, pages, words};

/// The most bytes of an answer: fifty GSTINs and two names need a tenth of it.
const MAX_ANSWER: usize = 64 * 1024;

/// The route.
pub static ROUTE: Route = Route::new("public-answer-form", Method::POST, "/f/{token}", Access::Public, |app, request| {
    Box::pin(handle(app, request))
})
.taking(MAX_ANSWER)
.needing(&[Var::TableName, Var::SigningSecretArn, Var::OrganisationName, Var::PlanQueueUrl]);

/// What a program gets for an answer.
#[derive(Debug, Serialize, ToSchema)]
pub struct AnswerReceipt {
    /// The answer's reference, `rsp_…`.
    response_id: String,
    /// The declared status.
    status: MsmeStatus,
    /// When it was received.
    submitted_at: Timestamp,
}

/// Records one answer to the declaration form. The first answer stands.
#[utoipa::path(post, path = "/f/{token}", operation_id = "public-answer-form", tag = "public",
    params(("token" = String, Path, description = "The signed token of the vendor's link")),
    request_body(content((RawDeclaration = "application/x-www-form-urlencoded"), (RawDeclaration = "application/json"))),
    responses((status = 200, description = "Recorded; a page with the particulars, for a browser", content_type = "text/html", body = String),
        (status = 201, description = "Recorded, for a program", body = AnswerReceipt),
        (status = 404, description = "Not a link of ours"), (status = 409, description = "Answered before; the first answer stands"),
        (status = 410, description = "Expired, closed or withdrawn"), (status = 422, description = "Some fields need a correction")),
    security(()))]
pub async fn handle(app: &App, request: Request) -> Result<Response, ApiError> {
    let answered = answer(app, &request).await;
    pages::or_page(app, &request, answered)
}

async fn answer(app: &App, request: &Request) -> Result<Response, ApiError> {
    let organisation = app.config().get(Var::OrganisationName)?;
    let asking = asking::asking(app, request).await?;
    if asking.asked.answer.is_some() {
        return answered_before(request, organisation, &asking);
    }
    asking.is_open(app)?;

    let given = read(request)?;
    let submitted_at = app.now();
    let declaration = match relevant(given.clone()).parse(submitted_at) {
        Ok(declaration) => declaration,
        Err(errors) if pages::wants_json(request) => return Err(errors.into()),
        Err(errors) => return pages::form(app, organisation, &asking, &given, &errors),
    };
    let answer = Answer {
        id: ResponseId::from_ulid(app.new_ulid()),
        campaign_id: asking.link.campaign,
        vendor_id: asking.link.vendor,
        declaration,
        submitted_at,
        source_hash: source_hash(&asking, &request.source_ip),
    };
    let store = app.store()?;
    if asking.campaign.content.audience.once_per_pan {
        have_shared(app, request, &asking).await?;
    }
    let submitted = store::responses::submit(store, &answer, asking.campaign.root(), &asking.asked.chunks, app.new_ulid()).await?;
    match submitted {
        Submitted::Accepted if pages::wants_json(request) => receipt(&answer),
        Submitted::Accepted => pages::thanks(organisation, &asking, &answer),
        // Answered between our read and our write: read again for the date.
        Submitted::AlreadyAnswered => {
            let asked = store::responses::asked(store, asking.link.vendor, asking.campaign.root())
                .await?
                .ok_or(StoreError::NotFound)?;
            answered_before(request, organisation, &Asking { asked, ..asking })
        }
    }
}

/// How long the planner waits for the answer it is to apply: longer than this function may run.
const STORED_AFTER_SECS: i32 = 30;

/// Has the answer that is about to be stored applied to the other codes of the PAN.
///
/// Before the answer, not after it: of an answer that is stored and a message that is not sent nobody would ever hear again, while a
/// message without an answer does nothing. And not here: a thousand codes are no matter for somebody who waits for a page.
async fn have_shared(app: &App, request: &Request, asking: &Asking) -> Result<(), ApiError> {
    let task = Task::ShareAnswer {
        vendor: asking.link.vendor,
        after: None,
    };
    let message = Outgoing {
        body: CampaignMessage::new(asking.campaign.root(), task),
        delay_secs: STORED_AFTER_SECS,
    };
    runtime::send(app, Var::PlanQueueUrl, &request.correlation_id, &[message])
        .await
        .map_err(ApiError::Internal)
}

fn read(request: &Request) -> Result<RawDeclaration, ApiError> {
    let content_type = request.header("content-type").unwrap_or_default().trim_start().to_ascii_lowercase();
    if content_type.starts_with("application/x-www-form-urlencoded") {
        serde_urlencoded::from_bytes(&request.body).map_err(|_| bad_request("the body is not the fields of the form"))
    } else if content_type.starts_with("application/json") {
        extract::json(request)
    } else {
        Err(ApiError::UnsupportedMediaType("application/x-www-form-urlencoded or application/json"))
    }
}

/// Without the fields the page hides from who is not registered: nobody can correct what is not shown.
fn relevant(given: RawDeclaration) -> RawDeclaration {
    if given.status.trim() == MsmeStatus::NotRegistered.as_str() {
        RawDeclaration {
            udyam_number: String::new(),
            registration_date: String::new(),
            classification_year: String::new(),
            ..given
        }
    } else {
        given
    }
}

/// Evidence of where an answer came from, comparable within a campaign, without keeping the address.
fn source_hash(asking: &Asking, source_ip: &str) -> String {
    domain::hash::sha256_hex(format!("declaration-source/{}/{source_ip}", asking.link.campaign).as_bytes())
}

fn answered_before(request: &Request, organisation: &str, asking: &Asking) -> Result<Response, ApiError> {
    if !pages::wants_json(request) {
        return pages::answered(StatusCode::CONFLICT, organisation, asking);
    }
    let when = asking
        .asked
        .answer
        .as_ref()
        .map(|answer| format!(" on {}", words::moment(answer.responded_at)))
        .unwrap_or_default();
    Err(conflict(format!("this request was answered{when}: the first answer stands")))
}

fn receipt(answer: &Answer) -> Result<Response, ApiError> {
    let receipt = AnswerReceipt {
        response_id: answer.id.to_string(),
        status: answer.declaration.status,
        submitted_at: answer.submitted_at,
    };
    let mut response = respond::ok(&receipt)?;
    *response.status_mut() = StatusCode::CREATED;
    Ok(response)
}
