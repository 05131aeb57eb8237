//! Verifications: runs over many vendors, their pages of work, what was asked in them, and the results in each vendor's history.
//!
//! A run's partition holds the run, its pages, and one item for each identifier it asks about. That item is written before the provider is
//! asked and again after: whoever comes to the identifier a second time, by a redelivered message or because two vendors bear it, finds
//! what became of it instead of paying twice.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::types::{ConditionCheck, Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update};
use domain::segment::VendorFilter;
use domain::verification::{Asked, Kind, Outcome, Verification, VerificationResult};
use domain::{SegmentId, UserId, VendorId, VerificationRunId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use ulid::Ulid;

use crate::client::{Item, Listing, Transaction, item, key_item, n, read, s};
use crate::{Page, PageRequest, Store, StoreError, keys};

/// Where a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    /// Identifiers are being asked about.
    Running,
    /// Every identifier was asked about, or given up.
    Completed,
    /// Stopped, because every further question would end like the last one; see the reason.
    Halted,
    /// Stopped by a user.
    Cancelled,
}

impl RunState {
    /// The word in JSON and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            RunState::Running => "running",
            RunState::Completed => "completed",
            RunState::Halted => "halted",
            RunState::Cancelled => "cancelled",
        }
    }
}

/// Whom a run is about.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunScope {
    /// The segment it was started for; its filter as it was then is [`RunScope::filter`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub segment_id: Option<SegmentId>,
    /// The filter; none where vendors were named one by one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<VendorFilter>,
}

/// What a run was expected to be when it began.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Estimate {
    /// Vendors in its scope.
    pub vendors: u32,
    /// Those with nothing to ask about.
    pub without_identifiers: u32,
    /// Udyam numbers, each once.
    pub udyam: u32,
    /// GSTINs, each once.
    pub gstin: u32,
    /// PANs, each once.
    pub pan: u32,
}

impl Estimate {
    /// The identifiers to ask about: so many requests at least.
    pub const fn identifiers(&self) -> u32 {
        self.udyam + self.gstin + self.pan
    }
}

/// What became of a part of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// Vendors dealt with.
    pub vendors: u32,
    /// Requests made.
    pub requests: u32,
    /// Those of them that repeated an earlier one.
    pub retries: u32,
    /// Identifiers of vendors, by what came of them.
    pub outcomes: BTreeMap<Outcome, u32>,
}

/// A run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// Identity.
    pub id: VerificationRunId,
    /// What is asked about.
    pub kinds: Vec<Kind>,
    /// Whom it is about.
    pub scope: RunScope,
    /// What it was expected to be.
    pub estimate: Estimate,
    /// Where it stands.
    pub state: RunState,
    /// Why it was halted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// How many pages of work there are, once they are all written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pages: Option<u32>,
    /// How many of them are done.
    pub pages_done: u32,
    /// Vendors dealt with.
    pub vendors_done: u32,
    /// Requests made.
    pub requests: u32,
    /// Those of them that repeated an earlier one.
    pub retries: u32,
    /// Identifiers of vendors, by what came of them; every outcome is named.
    pub outcomes: BTreeMap<String, u32>,
    /// Who started it.
    pub created_by: UserId,
    /// When.
    pub created_at: Timestamp,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
}

impl Run {
    /// A run that has just begun. `pages` are given where they are written already.
    pub fn new(id: VerificationRunId, kinds: Vec<Kind>, scope: RunScope, estimate: Estimate, pages: Option<u32>, by: UserId, now: Timestamp) -> Self {
        Self {
            id,
            kinds,
            scope,
            estimate,
            state: RunState::Running,
            reason: None,
            pages,
            pages_done: 0,
            vendors_done: 0,
            requests: 0,
            retries: 0,
            outcomes: Outcome::ALL.iter().map(|outcome| (outcome.as_str().to_owned(), 0)).collect(),
            created_by: by,
            created_at: now,
            ended_at: None,
        }
    }
}

/// Vendors per page of work.
pub const PAGE_VENDORS: usize = 50;

/// A page of work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkPage {
    /// Counted from 1.
    pub number: u32,
    /// Its vendors, in order of id; at most [`PAGE_VENDORS`].
    pub vendor_ids: Vec<VendorId>,
    /// When it was done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub done_at: Option<Timestamp>,
    /// Whether the page after it has been handed out.
    #[serde(default)]
    pub passed_on: bool,
}

/// How long the work of a run is kept, in days. The results stay with the vendors.
const WORK_DAYS: i64 = 90;

fn expiry(at: Timestamp) -> i64 {
    at.as_second() + WORK_DAYS * 86_400
}

/// Stores a new run.
///
/// # Errors
/// When the table cannot be written.
pub async fn create(store: &Store, run: &Run) -> Result<(), StoreError> {
    let mut stored = item(keys::verification_run(run.id), "verification_run", run)?;
    stored.insert("gsi1pk".into(), s(keys::VERIFICATION_RUNS));
    stored.insert("gsi1sk".into(), s(keys::by_time(run.created_at, run.id)));
    store.put_fresh(stored).await
}

/// Reads a run.
///
/// # Errors
/// [`StoreError::NotFound`], or when the table cannot be read.
pub async fn get(store: &Store, id: VerificationRunId) -> Result<Run, StoreError> {
    store.get(keys::verification_run(id)).await?.ok_or(StoreError::NotFound)
}

/// Lists runs, newest first.
///
/// # Errors
/// When the table cannot be read.
pub async fn list(store: &Store, page: &PageRequest) -> Result<Page<Run>, StoreError> {
    store.list(Listing::gsi1(keys::VERIFICATION_RUNS).newest_first(), page).await
}

/// Stops a run that is running: halted with a reason, or cancelled. False if it is over already.
///
/// # Errors
/// When the table cannot be written.
pub async fn stop(store: &Store, id: VerificationRunId, state: RunState, reason: Option<&str>, now: Timestamp) -> Result<bool, StoreError> {
    let mut update = store
        .client
        .update_item()
        .table_name(&store.table)
        .set_key(Some(key_item(keys::verification_run(id))))
        // Race: a cancellation and the last page; whichever comes first stands.
        .condition_expression("#state = :running")
        .expression_attribute_names("#state", "state")
        .expression_attribute_values(":running", s(RunState::Running.as_str()))
        .expression_attribute_values(":state", s(state.as_str()))
        .expression_attribute_values(":now", s(now.to_string()));
    update = match reason {
        None => update.update_expression("SET #state = :state, ended_at = :now"),
        Some(reason) => update
            .update_expression("SET #state = :state, ended_at = :now, #reason = :reason")
            .expression_attribute_names("#reason", "reason")
            .expression_attribute_values(":reason", s(reason)),
    };
    happened(update.send().await.map_err(StoreError::from))
}

/// Completes a run whose pages are all done. False if there is more to do, or it is over already.
///
/// # Errors
/// When the table cannot be written.
pub async fn complete(store: &Store, id: VerificationRunId, now: Timestamp) -> Result<bool, StoreError> {
    let update = store
        .client
        .update_item()
        .table_name(&store.table)
        .set_key(Some(key_item(keys::verification_run(id))))
        .update_expression("SET #state = :completed, ended_at = :now")
        // Race: two pages that are done at the same time; the one that sees both ends the run.
        .condition_expression("#state = :running AND pages = pages_done")
        .expression_attribute_names("#state", "state")
        .expression_attribute_values(":running", s(RunState::Running.as_str()))
        .expression_attribute_values(":completed", s(RunState::Completed.as_str()))
        .expression_attribute_values(":now", s(now.to_string()));
    happened(update.send().await.map_err(StoreError::from))
}

fn happened<T>(result: Result<T, StoreError>) -> Result<bool, StoreError> {
    match result {
        Ok(_) => Ok(true),
        Err(StoreError::Conflict(_)) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Says how many pages a run has: they are all written.
///
/// # Errors
/// When the table cannot be written.
pub async fn set_pages(store: &Store, id: VerificationRunId, pages: u32) -> Result<(), StoreError> {
    store
        .client
        .update_item()
        .table_name(&store.table)
        .set_key(Some(key_item(keys::verification_run(id))))
        .update_expression("SET pages = :pages")
        .expression_attribute_values(":pages", n(pages))
        .send()
        .await?;
    Ok(())
}

/// Writes a page, and gives the page that stands: what a page holds is decided once.
///
/// # Errors
/// When the table cannot be written.
pub async fn put_page(store: &Store, run: VerificationRunId, page: WorkPage, now: Timestamp) -> Result<WorkPage, StoreError> {
    let key = keys::verification_page(run, page.number);
    let mut stored = item(key.clone(), "verification_page", &page)?;
    stored.insert("expires_at".into(), n(expiry(now)));
    let put = store
        .client
        .put_item()
        .table_name(&store.table)
        .set_item(Some(stored))
        // Race: the same plan delivered twice; the vendors may have changed in between, so that the two would cut differently.
        .condition_expression("attribute_not_exists(pk)");
    match put.send().await.map_err(StoreError::from) {
        Ok(_) => Ok(page),
        Err(StoreError::Conflict(_)) => store.get(key).await?.ok_or(StoreError::NotFound),
        Err(error) => Err(error),
    }
}

/// The last page written so far.
///
/// # Errors
/// When the table cannot be read.
pub async fn last_page(store: &Store, run: VerificationRunId) -> Result<Option<WorkPage>, StoreError> {
    let partition = keys::verification_run(run).pk;
    let listing = Listing::partition(&partition)
        .beginning_with(keys::VERIFICATION_PAGE_PREFIX)
        .newest_first()
        .consistent();
    let page = PageRequest { limit: 1, after: None };
    Ok(store.list(listing, &page).await?.items.pop())
}

/// Reads a page.
///
/// # Errors
/// [`StoreError::NotFound`], or when the table cannot be read.
pub async fn get_page(store: &Store, run: VerificationRunId, number: u32) -> Result<WorkPage, StoreError> {
    store.get(keys::verification_page(run, number)).await?.ok_or(StoreError::NotFound)
}

/// Ends a page and adds what became of it to the run, both or neither. False if it was ended before.
///
/// # Errors
/// When the table cannot be written.
pub async fn close_page(store: &Store, run: VerificationRunId, number: u32, counts: &Counts, now: Timestamp) -> Result<bool, StoreError> {
    let unavailable = |error| StoreError::Unavailable(Box::new(error));
    let page = Update::builder()
        .table_name(&store.table)
        .set_key(Some(key_item(keys::verification_page(run, number))))
        .update_expression("SET done_at = :now")
        // Race: one page worked on twice; it is counted once.
        .condition_expression("attribute_exists(pk) AND attribute_not_exists(done_at)")
        .expression_attribute_values(":now", s(now.to_string()))
        .build()
        .map_err(unavailable)?;
    let mut clauses = vec!["pages_done :one".to_owned()];
    let mut update = Update::builder()
        .table_name(&store.table)
        .set_key(Some(key_item(keys::verification_run(run))))
        .expression_attribute_values(":one", n(1));
    let totals = [
        ("vendors_done", counts.vendors),
        ("requests", counts.requests),
        ("retries", counts.retries),
    ];
    for (name, count) in totals.into_iter().filter(|(_, count)| *count > 0) {
        clauses.push(format!("{name} :{name}"));
        update = update.expression_attribute_values(format!(":{name}"), n(count));
    }
    for (outcome, count) in counts.outcomes.iter().filter(|(_, count)| **count > 0) {
        update = update
            .expression_attribute_names("#outcomes", "outcomes")
            .expression_attribute_names(format!("#{outcome}"), outcome.as_str())
            .expression_attribute_values(format!(":{outcome}"), n(count));
        clauses.push(format!("#outcomes.#{outcome} :{outcome}"));
    }
    let run = update
        .update_expression(format!("ADD {}", clauses.join(", ")))
        .build()
        .map_err(unavailable)?;
    let writes = [page, run].map(|update| TransactWriteItem::builder().update(update).build());
    Ok(matches!(store.transact(writes.into()).await?, Transaction::Committed))
}

/// Says that the page after this one has been handed out.
///
/// # Errors
/// When the table cannot be written.
pub async fn set_passed_on(store: &Store, run: VerificationRunId, number: u32) -> Result<(), StoreError> {
    store
        .client
        .update_item()
        .table_name(&store.table)
        .set_key(Some(key_item(keys::verification_page(run, number))))
        .update_expression("SET passed_on = :yes")
        .expression_attribute_values(":yes", aws_sdk_dynamodb::types::AttributeValue::Bool(true))
        .send()
        .await?;
    Ok(())
}

/// How far the asking about an identifier has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AskState {
    /// Somebody is asking, or died of it.
    Asking,
    /// To be asked again later.
    Waiting,
    /// There is an answer, or asking was given up: [`Ask::answer`] says which.
    Settled,
}

/// One question to the provider.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Attempt {
    /// When.
    pub at: Timestamp,
    /// Our id of the request.
    pub request_id: String,
    /// What came of it; none while nothing did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
    /// Why, for machines.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// An identifier a run asks about.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ask {
    /// The identifier.
    pub asked: Asked,
    /// The page that came to it first; it counts the requests.
    pub page: u32,
    /// Tells its results from others of the same moment.
    pub entry: Ulid,
    /// How far it has come.
    pub state: AskState,
    /// Every question so far, the last one last.
    pub attempts: Vec<Attempt>,
    /// When it may be asked again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Timestamp>,
    /// What came of it, once it is settled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<Verification>,
}

impl Ask {
    /// How often it was asked.
    pub fn count(&self) -> u32 {
        u32::try_from(self.attempts.len()).unwrap_or(u32::MAX)
    }
}

fn stored_ask(run: VerificationRunId, ask: &Ask, now: Timestamp) -> Result<Item, StoreError> {
    let mut stored = item(keys::verification_ask(run, &ask.asked), "verification_ask", ask)?;
    stored.insert("expires_at".into(), n(expiry(now)));
    // What the conditions compare: a list's length can only be compared where there is a list.
    stored.insert("asked_times".into(), n(ask.count()));
    Ok(stored)
}

/// Reads what is known of identifiers in a run; those nobody came to are left out.
///
/// # Errors
/// When the table cannot be read.
pub async fn asks(store: &Store, run: VerificationRunId, identifiers: &[Asked]) -> Result<Vec<Ask>, StoreError> {
    let keys = identifiers.iter().map(|asked| key_item(keys::verification_ask(run, asked))).collect();
    store.get_all(keys).await?.into_iter().map(read).collect()
}

/// What came of claiming an identifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claim {
    /// It is ours to ask.
    Won,
    /// Somebody else was quicker.
    Lost,
    /// The run is over: nothing more may be asked.
    RunOver,
}

/// Writes down that an identifier is about to be asked, if nobody else has since it was seen and the run is still running.
///
/// # Errors
/// When the table cannot be written.
pub async fn claim(store: &Store, run: VerificationRunId, seen: Option<&Ask>, ask: &Ask, now: Timestamp) -> Result<Claim, StoreError> {
    let unavailable = |error| StoreError::Unavailable(Box::new(error));
    let put = Put::builder().table_name(&store.table).set_item(Some(stored_ask(run, ask, now)?));
    let put = match seen {
        // Race: one message delivered twice, or two vendors with one identifier; one of them asks.
        None => put.condition_expression("attribute_not_exists(pk)"),
        Some(seen) => put
            .condition_expression("#state = :state AND asked_times = :times")
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":state", serde_dynamo::to_attribute_value(seen.state).map_err(StoreError::encoding)?)
            .expression_attribute_values(":times", n(seen.count())),
    };
    let running = ConditionCheck::builder()
        .table_name(&store.table)
        .set_key(Some(key_item(keys::verification_run(run))))
        // Race: a question and a cancellation; after the cancellation nothing is asked.
        .condition_expression("#state = :running")
        .expression_attribute_names("#state", "state")
        .expression_attribute_values(":running", s(RunState::Running.as_str()))
        .build()
        .map_err(unavailable)?;
    let writes = vec![
        TransactWriteItem::builder().put(put.build().map_err(unavailable)?).build(),
        TransactWriteItem::builder().condition_check(running).build(),
    ];
    Ok(match store.transact(writes).await? {
        Transaction::Committed => Claim::Won,
        Transaction::Refused(reasons) if Transaction::failed_at(&reasons, 1) => Claim::RunOver,
        Transaction::Refused(reasons) => {
            // Ours, where the SDK repeated a transaction that had succeeded.
            let standing: Option<Ask> = store.get(keys::verification_ask(run, &ask.asked)).await?;
            let is_ours = Transaction::failed_at(&reasons, 0) && standing.is_some_and(|standing| standing.attempts == ask.attempts);
            if is_ours { Claim::Won } else { Claim::Lost }
        }
    })
}

/// Writes down what came of the last question. False if somebody took us for dead and asked again: what they get counts.
///
/// # Errors
/// When the table cannot be written.
pub async fn settle(store: &Store, run: VerificationRunId, ask: &Ask, now: Timestamp) -> Result<bool, StoreError> {
    let put = store
        .client
        .put_item()
        .table_name(&store.table)
        .set_item(Some(stored_ask(run, ask, now)?))
        // Race: an answer that came late and another attempt that was made meanwhile.
        .condition_expression("#state = :asking AND asked_times = :times")
        .expression_attribute_names("#state", "state")
        .expression_attribute_values(
            ":asking",
            serde_dynamo::to_attribute_value(AskState::Asking).map_err(StoreError::encoding)?,
        )
        .expression_attribute_values(":times", n(ask.count()));
    match put.send().await.map_err(StoreError::from) {
        Ok(_) => Ok(true),
        Err(StoreError::Conflict(_)) => {
            let standing: Option<Ask> = store.get(keys::verification_ask(run, &ask.asked)).await?;
            Ok(standing.as_ref() == Some(ask))
        }
        Err(error) => Err(error),
    }
}

/// Adds a result to a vendor's history and gives the one that stands: of each identifier in each run there is one.
///
/// # Errors
/// When the table cannot be written.
pub async fn add_result(store: &Store, vendor: VendorId, entry: Ulid, result: VerificationResult) -> Result<VerificationResult, StoreError> {
    let stored = item(keys::verification_result(vendor, result.checked_at, entry), "verification", &result)?;
    let put = store
        .client
        .put_item()
        .table_name(&store.table)
        .set_item(Some(stored))
        // Race: a redelivered message; the vendor may have changed since, but what was found then stays.
        .condition_expression("attribute_not_exists(pk)")
        .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
    match put.send().await {
        Ok(_) => Ok(result),
        Err(SdkError::ServiceError(error)) => match error.into_err() {
            aws_sdk_dynamodb::operation::put_item::PutItemError::ConditionalCheckFailedException(failed) => match failed.item {
                Some(standing) => read(standing),
                None => Ok(result),
            },
            other => Err(StoreError::Unavailable(Box::new(other))),
        },
        Err(error) => Err(error.into()),
    }
}

/// Lists a vendor's results, newest first.
///
/// # Errors
/// When the table cannot be read.
pub async fn results(store: &Store, vendor: VendorId, page: &PageRequest) -> Result<Page<VerificationResult>, StoreError> {
    let partition = keys::vendor(vendor).pk;
    let listing = Listing::partition(&partition)
        .beginning_with(keys::VERIFICATION_RESULT_PREFIX)
        .newest_first();
    store.list(listing, page).await
}

/// How many of a vendor's newest results are looked through for the latest of each identifier.
const LOOKED_THROUGH: u32 = 200;

/// The newest result of each of these identifiers: the newest that says something about it, or else the newest.
///
/// # Errors
/// When the table cannot be read.
pub async fn latest(store: &Store, vendor: VendorId, identifiers: &[Asked]) -> Result<Vec<VerificationResult>, StoreError> {
    let page = PageRequest {
        limit: LOOKED_THROUGH,
        after: None,
    };
    let all = results(store, vendor, &page).await?.items;
    let found = identifiers.iter().filter_map(|asked| {
        let of_it = || all.iter().filter(|result| result.asked == *asked);
        of_it().find(|result| result.outcome.is_conclusive()).or_else(|| of_it().next()).cloned()
    });
    Ok(found.collect())
}
