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
use jiff::civil::Date;
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

/// How much a run may ask.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// What a register told within so many days is not asked again; 0 asks about everything.
    pub not_asked_within_days: u32,
    /// The most identifiers it asks about, each counted once however often it has to be asked.
    pub max_requests: u32,
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
    /// Identifiers of vendors that were not asked about, because the register told not long ago.
    pub skipped: u32,
    /// Identifiers of vendors, by what came of them.
    pub outcomes: BTreeMap<Outcome, u32>,
}

impl Counts {
    /// What is added to the run, by attribute.
    fn totals(&self) -> BTreeMap<String, i64> {
        let Self {
            vendors,
            requests,
            retries,
            skipped,
            outcomes,
        } = self;
        let totals = [
            ("vendors_done", *vendors),
            ("requests", *requests),
            ("retries", *retries),
            ("skipped", *skipped),
        ];
        let totals = totals.into_iter().map(|(name, count)| (name.to_owned(), count));
        let outcomes = outcomes.iter().map(|(outcome, count)| (format!("{OUTCOMES}{outcome}"), *count));
        let all = totals.chain(outcomes).filter(|(_, count)| *count > 0);
        all.map(|(name, count)| (name, i64::from(count))).collect()
    }
}

/// Where the counts by outcome lie in a run.
const OUTCOMES: &str = "outcomes.";

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
    /// How much it may ask.
    #[serde(default)]
    pub limits: Limits,
    /// Tells its scope from others; see [`scope_key`].
    #[serde(default)]
    pub scope_key: String,
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
    /// Identifiers claimed so far, each once.
    #[serde(default)]
    pub identifiers_asked: u32,
    /// Identifiers of vendors that were not asked about, because the register told not long ago.
    #[serde(default)]
    pub skipped: u32,
    /// Pages that could not be worked on.
    #[serde(default)]
    pub pages_failed: u32,
    /// Their vendors that were not dealt with.
    #[serde(default)]
    pub vendors_failed: u32,
    /// Nothing is asked before, for the time being.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting_until: Option<Timestamp>,
    /// Why not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting_for: Option<String>,
    /// Identifiers of vendors, by what came of them; every outcome is named.
    pub outcomes: BTreeMap<String, u32>,
    /// Who started it.
    pub created_by: UserId,
    /// When.
    pub created_at: Timestamp,
    /// When it was last resumed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resumed_at: Option<Timestamp>,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
}

impl Run {
    /// A run that has just begun, of which no pages are written.
    pub fn new(id: VerificationRunId, kinds: Vec<Kind>, scope: RunScope, estimate: Estimate, limits: Limits, by: UserId, now: Timestamp) -> Self {
        Self {
            id,
            kinds,
            scope_key: scope_key(&scope, &[]),
            scope,
            estimate,
            limits,
            state: RunState::Running,
            reason: None,
            pages: None,
            pages_done: 0,
            vendors_done: 0,
            requests: 0,
            retries: 0,
            identifiers_asked: 0,
            skipped: 0,
            pages_failed: 0,
            vendors_failed: 0,
            waiting_until: None,
            waiting_for: None,
            outcomes: Outcome::ALL.iter().map(|outcome| (outcome.as_str().to_owned(), 0)).collect(),
            created_by: by,
            created_at: now,
            resumed_at: None,
            ended_at: None,
        }
    }

    /// Since when whatever the account's secret says must have been read: whoever resumes a run has mended it.
    pub fn account_as_of(&self) -> Timestamp {
        self.resumed_at.unwrap_or(self.created_at)
    }
}

/// A text that two runs have in common exactly if they are about the same vendors: a segment is its filter.
pub fn scope_key(scope: &RunScope, named: &[VendorId]) -> String {
    match &scope.filter {
        Some(filter) => serde_json::to_string(filter).unwrap_or_default(),
        None => named.iter().map(ToString::to_string).collect::<Vec<_>>().join(","),
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
    /// Whether it was given up.
    #[serde(default)]
    pub failed: bool,
    /// What of it is in the run's counts already, by attribute.
    #[serde(default)]
    pub counted: BTreeMap<String, i64>,
    /// How often it was counted.
    #[serde(default)]
    pub counted_times: u32,
}

impl WorkPage {
    /// A page nobody has worked on.
    pub const fn new(number: u32, vendor_ids: Vec<VendorId>) -> Self {
        Self {
            number,
            vendor_ids,
            done_at: None,
            passed_on: false,
            failed: false,
            counted: BTreeMap::new(),
            counted_times: 0,
        }
    }
}

/// How long the work of a run is kept, in days. The results stay with the vendors.
const WORK_DAYS: i64 = 90;

fn expiry(at: Timestamp) -> i64 {
    at.as_second() + WORK_DAYS * 86_400
}

/// What came of beginning or resuming a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Begun {
    /// It runs.
    Begun,
    /// Another run is asking about the same.
    Busy(VerificationRunId),
    /// Its state does not allow it.
    NotHalted,
}

/// Stores a new run, unless another one is asking about the same identifiers.
///
/// # Errors
/// When the table cannot be written.
pub async fn create(store: &Store, run: &Run) -> Result<Begun, StoreError> {
    let mut stored = item(keys::verification_run(run.id), "verification_run", run)?;
    stored.insert("gsi1pk".into(), s(keys::VERIFICATION_RUNS));
    stored.insert("gsi1sk".into(), s(keys::by_time(run.created_at, run.id)));
    let put = Put::builder()
        .table_name(&store.table)
        .set_item(Some(stored))
        // Race: none; a new id is nobody else's. It only keeps a repeated call from starting over.
        .condition_expression("attribute_not_exists(pk)")
        .build()
        .map_err(unavailable)?;
    let write = TransactWriteItem::builder().put(put).build();
    match begin(store, run, write, run.created_at).await? {
        // There already: the SDK repeated what had succeeded.
        Begun::NotHalted => Ok(Begun::Begun),
        begun => Ok(begun),
    }
}

/// Lets a halted run go on, unless another one has begun to ask about the same identifiers.
///
/// # Errors
/// When the table cannot be written.
pub async fn resume(store: &Store, run: &Run, now: Timestamp) -> Result<Begun, StoreError> {
    let update = Update::builder()
        .table_name(&store.table)
        .set_key(Some(key_item(keys::verification_run(run.id))))
        .update_expression("SET #state = :running, resumed_at = :now REMOVE #reason, ended_at, waiting_until, waiting_for")
        // Race: two people resume it, or one cancels it: it goes on once, and only from where it was halted.
        .condition_expression("#state = :halted")
        .expression_attribute_names("#state", "state")
        .expression_attribute_names("#reason", "reason")
        .expression_attribute_values(":running", s(RunState::Running.as_str()))
        .expression_attribute_values(":halted", s(RunState::Halted.as_str()))
        .expression_attribute_values(":now", s(now.to_string()))
        .build()
        .map_err(unavailable)?;
    begin(store, run, TransactWriteItem::builder().update(update).build(), now).await
}

/// Which run asks about a kind of identifiers in a scope.
#[derive(Debug, Serialize, Deserialize)]
struct Marker {
    run_id: VerificationRunId,
}

/// Makes a run the one that asks in its scope, together with the write that makes it run.
async fn begin(store: &Store, run: &Run, write: TransactWriteItem, now: Timestamp) -> Result<Begun, StoreError> {
    for _ in 0..4 {
        let mut writes = vec![write.clone()];
        for kind in &run.kinds {
            let key = keys::verification_scope(&run.scope_key, *kind);
            let standing: Option<Marker> = store.get(key.clone()).await?;
            if let Some(other) = standing.as_ref().map(|marker| marker.run_id).filter(|other| *other != run.id)
                && is_running(store, other).await?
            {
                return Ok(Begun::Busy(other));
            }
            let mut stored = item(key, "verification_scope", &Marker { run_id: run.id })?;
            stored.insert("expires_at".into(), n(expiry(now)));
            let put = Put::builder().table_name(&store.table).set_item(Some(stored));
            // Race: two runs over one scope begin at once; the second sees the first instead of paying for the same again.
            let put = match standing {
                None => put.condition_expression("attribute_not_exists(pk)"),
                Some(marker) => put
                    .condition_expression("run_id = :seen")
                    .expression_attribute_values(":seen", s(marker.run_id.to_string())),
            };
            writes.push(TransactWriteItem::builder().put(put.build().map_err(unavailable)?).build());
        }
        match store.transact(writes).await? {
            Transaction::Committed => return Ok(Begun::Begun),
            Transaction::Refused(reasons) if Transaction::failed_at(&reasons, 0) => return Ok(Begun::NotHalted),
            // Somebody else's marker came between: look again.
            Transaction::Refused(_) => {}
        }
    }
    Err(StoreError::Throttled)
}

async fn is_running(store: &Store, id: VerificationRunId) -> Result<bool, StoreError> {
    match get(store, id).await {
        Ok(run) => Ok(run.state == RunState::Running),
        Err(StoreError::NotFound) => Ok(false),
        Err(error) => Err(error),
    }
}

fn unavailable(error: aws_sdk_dynamodb::error::BuildError) -> StoreError {
    StoreError::Unavailable(Box::new(error))
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

/// Says that nothing is asked before then, and why: for whoever looks at the run.
///
/// # Errors
/// When the table cannot be written.
pub async fn set_waiting(store: &Store, id: VerificationRunId, until: Timestamp, why: &str) -> Result<(), StoreError> {
    store
        .client
        .update_item()
        .table_name(&store.table)
        .set_key(Some(key_item(keys::verification_run(id))))
        .update_expression("SET waiting_until = :until, waiting_for = :why")
        .expression_attribute_values(":until", s(until.to_string()))
        .expression_attribute_values(":why", s(why))
        .send()
        .await?;
    Ok(())
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
    let set = store
        .client
        .update_item()
        .table_name(&store.table)
        .set_key(Some(key_item(keys::verification_run(id))))
        .update_expression("SET pages = :pages")
        // Race: two planners, of which one found a vendor that the other did not.
        .condition_expression("attribute_not_exists(pages) OR pages < :pages")
        .expression_attribute_values(":pages", n(pages))
        .send()
        .await;
    match set.map_err(StoreError::from) {
        Ok(_) | Err(StoreError::Conflict(_)) => Ok(()),
        Err(error) => Err(error),
    }
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

/// The pages that are not done, in order.
///
/// # Errors
/// When the table cannot be read.
pub async fn open_pages(store: &Store, run: VerificationRunId) -> Result<Vec<u32>, StoreError> {
    let partition = keys::verification_run(run).pk;
    let listing = Listing::partition(&partition).beginning_with(keys::VERIFICATION_PAGE_PREFIX).consistent();
    let mut open = Vec::new();
    for item in store.list_all_items(listing).await? {
        let page: WorkPage = read(item)?;
        open.extend(page.done_at.is_none().then_some(page.number));
    }
    Ok(open)
}

/// Adds what became of a page so far to the run, and ends the page if that is all of it; both or neither. Gives the page as it stands.
///
/// What was counted of it before is remembered with the page, so that counting it again adds only what is new.
///
/// # Errors
/// When the table cannot be written.
pub async fn count_page(
    store: &Store,
    run: VerificationRunId,
    mut seen: WorkPage,
    counts: &Counts,
    is_done: bool,
    now: Timestamp,
) -> Result<WorkPage, StoreError> {
    let totals = counts.totals();
    for _ in 0..8 {
        if seen.done_at.is_some() || (!is_done && totals == seen.counted) {
            return Ok(seen);
        }
        let mut added = totals.clone();
        for (name, counted) in &seen.counted {
            *added.entry(name.clone()).or_default() -= counted;
        }
        let after = WorkPage {
            counted: totals.clone(),
            counted_times: seen.counted_times + 1,
            done_at: is_done.then_some(now),
            ..seen.clone()
        };
        if is_done {
            added.insert("pages_done".to_owned(), 1);
        }
        match move_page(store, run, &seen, &after, added).await? {
            true => return Ok(after),
            false => seen = get_page(store, run, seen.number).await?,
        }
    }
    Err(StoreError::Throttled)
}

/// Gives a page up: it is done, and its vendors that were not dealt with are counted as failed. False if it is done already.
///
/// # Errors
/// When the table cannot be written.
pub async fn fail_page(store: &Store, run: VerificationRunId, number: u32, now: Timestamp) -> Result<bool, StoreError> {
    for _ in 0..8 {
        let seen = get_page(store, run, number).await?;
        if seen.done_at.is_some() {
            return Ok(false);
        }
        let after = WorkPage {
            done_at: Some(now),
            failed: true,
            counted_times: seen.counted_times + 1,
            ..seen.clone()
        };
        let vendors = i64::try_from(seen.vendor_ids.len()).unwrap_or(i64::MAX);
        let left = vendors - seen.counted.get("vendors_done").copied().unwrap_or_default();
        let added = [("pages_done", 1), ("pages_failed", 1), ("vendors_failed", left)];
        let added = added.map(|(name, count)| (name.to_owned(), count));
        if move_page(store, run, &seen, &after, added.into()).await? {
            return Ok(true);
        }
    }
    Err(StoreError::Throttled)
}

/// Puts a page in place of the one that was seen and adds to the run's counts; false if the page has changed since.
async fn move_page(
    store: &Store,
    run: VerificationRunId,
    seen: &WorkPage,
    after: &WorkPage,
    added: BTreeMap<String, i64>,
) -> Result<bool, StoreError> {
    let value = |value: &BTreeMap<String, i64>| serde_dynamo::to_attribute_value(value).map_err(StoreError::encoding);
    let mut set = "SET counted = :counted, counted_times = :times, failed = :failed".to_owned();
    let mut page = Update::builder()
        .table_name(&store.table)
        .set_key(Some(key_item(keys::verification_page(run, seen.number))))
        // Race: one page worked on twice; whoever comes second counts on top of the first, and it ends once.
        .condition_expression("attribute_not_exists(done_at) AND counted_times = :seen")
        .expression_attribute_values(":seen", n(seen.counted_times))
        .expression_attribute_values(":times", n(after.counted_times))
        .expression_attribute_values(":counted", value(&after.counted)?)
        .expression_attribute_values(":failed", aws_sdk_dynamodb::types::AttributeValue::Bool(after.failed));
    if let Some(done_at) = after.done_at {
        set.push_str(", done_at = :now");
        page = page.expression_attribute_values(":now", s(done_at.to_string()));
    }
    let page = page.update_expression(set).build().map_err(unavailable)?;
    let mut writes = vec![TransactWriteItem::builder().update(page).build()];
    let mut clauses = Vec::new();
    let mut update = Update::builder()
        .table_name(&store.table)
        .set_key(Some(key_item(keys::verification_run(run))));
    for (name, count) in added.into_iter().filter(|(_, count)| *count != 0) {
        let plain = name.replace('.', "_");
        let place = match name.strip_prefix(OUTCOMES) {
            None => format!("#{plain}"),
            Some(outcome) => {
                update = update.expression_attribute_names("#outcomes", "outcomes");
                update = update.expression_attribute_names(format!("#{plain}"), outcome);
                format!("#outcomes.#{plain}")
            }
        };
        if !name.starts_with(OUTCOMES) {
            update = update.expression_attribute_names(format!("#{plain}"), &name);
        }
        update = update.expression_attribute_values(format!(":{plain}"), n(count));
        clauses.push(format!("{place} :{plain}"));
    }
    if !clauses.is_empty() {
        let update = update
            .update_expression(format!("ADD {}", clauses.join(", ")))
            .build()
            .map_err(unavailable)?;
        writes.push(TransactWriteItem::builder().update(update).build());
    }
    Ok(matches!(store.transact(writes).await?, Transaction::Committed))
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
    /// Every question so far that had its chance, the last one last.
    pub attempts: Vec<Attempt>,
    /// Questions that were turned away before anybody looked at them: too many of them, wrong keys, no money.
    #[serde(default)]
    pub turned_away: u32,
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

    /// What the conditions compare: it grows with every question, whatever becomes of it.
    fn version(&self) -> u32 {
        self.count() + self.turned_away
    }
}

fn stored_ask(run: VerificationRunId, ask: &Ask, now: Timestamp) -> Result<Item, StoreError> {
    let mut stored = item(keys::verification_ask(run, &ask.asked), "verification_ask", ask)?;
    stored.insert("expires_at".into(), n(expiry(now)));
    stored.insert("asked_times".into(), n(ask.version()));
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
    /// The run has asked about as many identifiers as it may.
    RunFull,
    /// The account was used as often today as it may be.
    DayFull,
}

/// What an account may be used for on a day in India, over all runs.
#[derive(Debug, Clone, Copy)]
pub struct DailyLimit<'a> {
    /// The account.
    pub account: &'a str,
    /// The day.
    pub day: Date,
    /// Requests.
    pub requests: u32,
}

/// Writes down that an identifier is about to be asked, if nobody else has since it was seen, the run is still running, and neither the
/// run nor the day has had its fill. An identifier counts once in its run, each request in its day.
///
/// # Errors
/// When the table cannot be written.
pub async fn claim(store: &Store, run: &Run, seen: Option<&Ask>, ask: &Ask, limit: DailyLimit<'_>, now: Timestamp) -> Result<Claim, StoreError> {
    let put = Put::builder().table_name(&store.table).set_item(Some(stored_ask(run.id, ask, now)?));
    let put = match seen {
        // Race: one message delivered twice, or two vendors with one identifier; one of them asks.
        None => put.condition_expression("attribute_not_exists(pk)"),
        Some(seen) => put
            .condition_expression("#state = :state AND asked_times = :times")
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":state", serde_dynamo::to_attribute_value(seen.state).map_err(StoreError::encoding)?)
            .expression_attribute_values(":times", n(seen.version())),
    };
    let writes = vec![
        TransactWriteItem::builder().put(put.build().map_err(unavailable)?).build(),
        in_run(store, run, seen.is_none())?,
        in_day(store, limit, now)?,
    ];
    let reasons = match store.transact(writes).await? {
        Transaction::Committed => return Ok(Claim::Won),
        Transaction::Refused(reasons) => reasons,
    };
    if Transaction::failed_at(&reasons, 0) {
        // Ours, where the SDK repeated a transaction that had succeeded.
        let standing: Option<Ask> = store.get(keys::verification_ask(run.id, &ask.asked)).await?;
        if standing.is_some_and(|standing| standing.attempts == ask.attempts) {
            return Ok(Claim::Won);
        }
    }
    if Transaction::failed_at(&reasons, 1) {
        return Ok(match is_running(store, run.id).await? {
            true => Claim::RunFull,
            false => Claim::RunOver,
        });
    }
    Ok(match Transaction::failed_at(&reasons, 2) {
        true => Claim::DayFull,
        false => Claim::Lost,
    })
}

fn in_run(store: &Store, run: &Run, is_new: bool) -> Result<TransactWriteItem, StoreError> {
    let key = Some(key_item(keys::verification_run(run.id)));
    if !is_new {
        let check = ConditionCheck::builder()
            .table_name(&store.table)
            .set_key(key)
            // Race: a question and a cancellation; after the cancellation nothing is asked.
            .condition_expression("#state = :running")
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":running", s(RunState::Running.as_str()));
        let check = check.build().map_err(unavailable)?;
        return Ok(TransactWriteItem::builder().condition_check(check).build());
    }
    let update = Update::builder()
        .table_name(&store.table)
        .set_key(key)
        .update_expression("ADD identifiers_asked :one")
        // Race: as above; and two questions that are the last the run may ask.
        .condition_expression("#state = :running AND identifiers_asked < :most")
        .expression_attribute_names("#state", "state")
        .expression_attribute_values(":running", s(RunState::Running.as_str()))
        .expression_attribute_values(":one", n(1))
        .expression_attribute_values(":most", n(run.limits.max_requests));
    let update = update.build().map_err(unavailable)?;
    Ok(TransactWriteItem::builder().update(update).build())
}

/// How long the count of a day is kept, in seconds: longer than any clock is wrong.
const DAY_KEPT_SECS: i64 = 7 * 86_400;

fn in_day(store: &Store, limit: DailyLimit<'_>, now: Timestamp) -> Result<TransactWriteItem, StoreError> {
    let update = Update::builder()
        .table_name(&store.table)
        .set_key(Some(key_item(keys::provider_day(limit.account, limit.day))))
        .update_expression("SET expires_at = :expires, entity = :entity ADD used :one")
        // Race: all runs count here; none is asked beyond the day's limit.
        .condition_expression("attribute_not_exists(used) OR used < :most")
        .expression_attribute_values(":expires", n(now.as_second() + DAY_KEPT_SECS))
        .expression_attribute_values(":entity", s("provider_day"))
        .expression_attribute_values(":one", n(1))
        .expression_attribute_values(":most", n(limit.requests));
    let update = update.build().map_err(unavailable)?;
    Ok(TransactWriteItem::builder().update(update).build())
}

/// Forgets the failures of an account in a row: it has answered.
///
/// # Errors
/// When the table cannot be written.
pub async fn answered(store: &Store, account: &str) -> Result<(), StoreError> {
    // Unlike `providers::recovered` it leaves alone that the account is closed: an answer under way when a limit was reached proves nothing.
    store
        .client
        .update_item()
        .table_name(&store.table)
        .set_key(Some(key_item(keys::provider(account))))
        .update_expression("SET failures = :none, entity = :entity")
        .expression_attribute_values(":none", n(0))
        .expression_attribute_values(":entity", s("provider"))
        .send()
        .await?;
    Ok(())
}

/// A vendor that a run came to no good end with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Example {
    /// The vendor.
    pub vendor_id: VendorId,
    /// The buyer's code for it, where it was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vendor_code: Option<String>,
    /// What was asked about, where it came to that; `Debug` shows it masked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked: Option<Asked>,
    /// Why, for machines.
    pub reason: String,
}

/// Notes such a vendor under what became of it. Noting it again changes nothing.
///
/// # Errors
/// When the table cannot be written.
pub async fn put_example(store: &Store, run: VerificationRunId, outcome: &str, example: &Example, now: Timestamp) -> Result<(), StoreError> {
    let key = keys::verification_example(run, outcome, example.vendor_id, example.asked.as_ref());
    let mut stored = item(key, "verification_example", example)?;
    stored.insert("expires_at".into(), n(expiry(now)));
    // No condition: whoever else writes it writes the same.
    store.client.put_item().table_name(&store.table).set_item(Some(stored)).send().await?;
    Ok(())
}

/// The first of the vendors with such an end, in order of id.
///
/// # Errors
/// When the table cannot be read.
pub async fn examples(store: &Store, run: VerificationRunId, outcome: &str, limit: u32) -> Result<Vec<Example>, StoreError> {
    let partition = keys::verification_run(run).pk;
    let prefix = keys::verification_examples_prefix(outcome);
    let page = PageRequest { limit, after: None };
    Ok(store.list(Listing::partition(&partition).beginning_with(&prefix), &page).await?.items)
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
        .expression_attribute_values(":times", n(ask.version()));
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
