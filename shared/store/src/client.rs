//! The table handle and the few operations every repository is made of.

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{AttributeValue, CancellationReason, KeysAndAttributes, PutRequest, TransactWriteItem, WriteRequest};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::StoreError;
use crate::keys::Key;

/// Calls of one batch of reads under way at once.
const CALLS_AT_ONCE: usize = 10;

pub(crate) type Item = HashMap<String, AttributeValue>;

/// The table.
#[derive(Debug, Clone)]
pub struct Store {
    pub(crate) client: Client,
    pub(crate) table: String,
}

/// Where a listing goes on: the key attributes of the last item read.
pub type PageKey = std::collections::BTreeMap<String, String>;

/// What part of a listing to read.
#[derive(Debug, Clone, Default)]
pub struct PageRequest {
    /// At most this many items.
    pub limit: u32,
    /// Go on after this key.
    pub after: Option<PageKey>,
}

/// A part of a listing.
#[derive(Debug, Clone)]
pub struct Page<T> {
    /// The items.
    pub items: Vec<T>,
    /// Where to go on, if there is more.
    pub next: Option<PageKey>,
}

pub(crate) fn s(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

pub(crate) fn n(value: impl ToString) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

/// Serialises `body` with its key, entity name and schema version.
pub(crate) fn item(key: Key, entity: &str, body: &impl Serialize) -> Result<Item, StoreError> {
    let mut item: Item = serde_dynamo::to_item(body).map_err(StoreError::encoding)?;
    item.insert("pk".into(), s(key.pk));
    item.insert("sk".into(), s(key.sk));
    item.insert("entity".into(), s(entity));
    item.insert("v".into(), n(1));
    Ok(item)
}

pub(crate) fn key_item(key: Key) -> Item {
    HashMap::from([("pk".to_owned(), s(key.pk)), ("sk".to_owned(), s(key.sk))])
}

/// Reads an item as `T`; what does not fit is an error that names the item.
pub(crate) fn read<T: DeserializeOwned>(item: Item) -> Result<T, StoreError> {
    let text = |name: &str| item.get(name).and_then(|value| value.as_s().ok()).cloned().unwrap_or_default();
    let (pk, sk) = (text("pk"), text("sk"));
    serde_dynamo::from_item(item).map_err(|error| StoreError::Corrupt {
        pk,
        sk,
        reason: error.to_string(),
    })
}

/// The key after which a listing through GSI1 goes on behind `item`.
pub(crate) fn place(item: &Item) -> PageKey {
    let text = |name: &str| item.get(name).and_then(|value| value.as_s().ok()).cloned().unwrap_or_default();
    ["pk", "sk", "gsi1pk", "gsi1sk"]
        .into_iter()
        .map(|name| (name.to_owned(), text(name)))
        .collect()
}

/// A collection listed through an index or a partition.
#[derive(Clone, Copy)]
pub(crate) struct Listing<'a> {
    pub(crate) index: Option<&'static str>,
    pub(crate) partition: &'a str,
    pub(crate) sort_keys: SortKeys<'a>,
    pub(crate) newest_first: bool,
    pub(crate) consistent: bool,
    pub(crate) keys_only: bool,
}

/// Which sort keys of a partition are listed.
#[derive(Clone, Copy)]
pub(crate) enum SortKeys<'a> {
    All,
    BeginningWith(&'a str),
    /// Both ends included.
    Between(&'a str, &'a str),
}

impl<'a> Listing<'a> {
    pub(crate) const fn gsi1(partition: &'a str) -> Self {
        Self {
            index: Some("GSI1"),
            partition,
            sort_keys: SortKeys::All,
            newest_first: false,
            consistent: false,
            keys_only: false,
        }
    }

    pub(crate) const fn gsi2(partition: &'a str) -> Self {
        Self {
            index: Some("GSI2"),
            ..Self::gsi1(partition)
        }
    }

    pub(crate) const fn partition(partition: &'a str) -> Self {
        Self {
            index: None,
            partition,
            sort_keys: SortKeys::All,
            newest_first: false,
            consistent: false,
            keys_only: false,
        }
    }

    pub(crate) const fn newest_first(self) -> Self {
        Self { newest_first: true, ..self }
    }

    pub(crate) const fn consistent(self) -> Self {
        Self { consistent: true, ..self }
    }

    /// Nothing of the items but their keys: of many small ones the rest need not travel.
    pub(crate) const fn keys_only(self) -> Self {
        Self { keys_only: true, ..self }
    }

    pub(crate) const fn beginning_with(self, sort_prefix: &'a str) -> Self {
        Self {
            sort_keys: SortKeys::BeginningWith(sort_prefix),
            ..self
        }
    }

    pub(crate) const fn between(self, first: &'a str, last: &'a str) -> Self {
        Self {
            sort_keys: SortKeys::Between(first, last),
            ..self
        }
    }
}

impl Store {
    /// A handle on `table`.
    pub fn new(client: Client, table: impl Into<String>) -> Self {
        Self { client, table: table.into() }
    }

    /// Whether the table answers; for health checks.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] with the reason.
    pub async fn check(&self) -> Result<(), StoreError> {
        self.client.describe_table().table_name(&self.table).send().await?;
        Ok(())
    }

    pub(crate) async fn get<T: DeserializeOwned>(&self, key: Key) -> Result<Option<T>, StoreError> {
        let output = self
            .client
            .get_item()
            .table_name(&self.table)
            .set_key(Some(key_item(key)))
            .consistent_read(true)
            .send()
            .await?;
        output.item.map(read).transpose()
    }

    pub(crate) async fn list<T: DeserializeOwned>(&self, listing: Listing<'_>, page: &PageRequest) -> Result<Page<T>, StoreError> {
        let (items, next) = self.list_items(listing, page).await?;
        Ok(Page {
            items: items.into_iter().map(read).collect::<Result<_, _>>()?,
            next,
        })
    }

    pub(crate) async fn list_items(&self, listing: Listing<'_>, page: &PageRequest) -> Result<(Vec<Item>, Option<PageKey>), StoreError> {
        let (pk, sk) = match listing.index {
            None => ("pk", "sk"),
            Some("GSI2") => ("gsi2pk", "gsi2sk"),
            Some(_) => ("gsi1pk", "gsi1sk"),
        };
        let mut query = self
            .client
            .query()
            .table_name(&self.table)
            .set_index_name(listing.index.map(str::to_owned))
            .expression_attribute_names("#pk", pk)
            .expression_attribute_values(":pk", s(listing.partition))
            .scan_index_forward(!listing.newest_first)
            .consistent_read(listing.consistent)
            .set_projection_expression(listing.keys_only.then(|| "pk, sk".to_owned()))
            .set_limit((page.limit > 0).then(|| i32::try_from(page.limit).unwrap_or(i32::MAX)))
            .set_exclusive_start_key(
                page.after
                    .as_ref()
                    .map(|key| key.iter().map(|(name, value)| (name.clone(), s(value))).collect()),
            );
        query = match listing.sort_keys {
            SortKeys::BeginningWith(prefix) => query
                .key_condition_expression("#pk = :pk AND begins_with(#sk, :prefix)")
                .expression_attribute_names("#sk", sk)
                .expression_attribute_values(":prefix", s(prefix)),
            SortKeys::Between(first, last) => query
                .key_condition_expression("#pk = :pk AND #sk BETWEEN :first AND :last")
                .expression_attribute_names("#sk", sk)
                .expression_attribute_values(":first", s(first))
                .expression_attribute_values(":last", s(last)),
            SortKeys::All => query.key_condition_expression("#pk = :pk"),
        };
        let output = query.send().await?;
        let next = output.last_evaluated_key.map(|key| {
            key.into_iter()
                .filter_map(|(name, value)| value.as_s().ok().cloned().map(|value| (name, value)))
                .collect()
        });
        Ok((output.items.unwrap_or_default(), next))
    }

    /// Every item of a listing, page after page.
    pub(crate) async fn list_all_items(&self, listing: Listing<'_>) -> Result<Vec<Item>, StoreError> {
        let mut all = Vec::new();
        let mut page = PageRequest::default();
        loop {
            let (items, next) = self.list_items(listing, &page).await?;
            all.extend(items);
            match next {
                Some(next) => page.after = Some(next),
                None => return Ok(all),
            }
        }
    }

    /// Stores an item whose key holds an id made a moment ago. Nobody else can have it, so a condition that fails is our own
    /// earlier write, whose answer the SDK lost and tried again.
    pub(crate) async fn put_fresh(&self, item: Item) -> Result<(), StoreError> {
        let put = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(item))
            .condition_expression("attribute_not_exists(pk)");
        match put.send().await.map_err(StoreError::from) {
            Ok(_) | Err(StoreError::Conflict(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Reads items consistently, 100 a call, some calls side by side. What is not there is left out; the order is not kept.
    pub(crate) async fn get_all(&self, keys: Vec<Item>) -> Result<Vec<Item>, StoreError> {
        let mut keys = keys.into_iter().peekable();
        let mut calls = Vec::new();
        while keys.peek().is_some() {
            calls.push(keys.by_ref().take(100).collect());
        }
        let calls = stream::iter(calls).map(|call| self.get_hundred(call)).buffer_unordered(CALLS_AT_ONCE);
        calls.try_concat().await
    }

    /// Reads up to 100 items, until none is left unprocessed.
    async fn get_hundred(&self, keys: Vec<Item>) -> Result<Vec<Item>, StoreError> {
        let mut wanted = keys;
        let mut found = Vec::with_capacity(wanted.len());
        for attempt in 0_u32.. {
            if wanted.is_empty() {
                break;
            }
            if attempt > 6 {
                return Err(StoreError::Throttled);
            }
            if attempt > 0 {
                tokio::time::sleep(std::time::Duration::from_millis(25 << attempt)).await;
            }
            let keys = KeysAndAttributes::builder()
                .set_keys(Some(wanted))
                .consistent_read(true)
                .build()
                .map_err(|error| StoreError::Unavailable(Box::new(error)))?;
            let output = self.client.batch_get_item().request_items(&self.table, keys).send().await?;
            found.extend(output.responses.and_then(|mut tables| tables.remove(&self.table)).unwrap_or_default());
            wanted = output
                .unprocessed_keys
                .and_then(|mut tables| tables.remove(&self.table))
                .map(|keys| keys.keys)
                .unwrap_or_default();
        }
        Ok(found)
    }

    /// Writes items that may be overwritten with themselves, 25 a call, until none is left unprocessed.
    pub(crate) async fn put_all(&self, items: Vec<Item>) -> Result<(), StoreError> {
        let mut waiting: Vec<WriteRequest> = Vec::with_capacity(items.len());
        for item in items {
            let put = PutRequest::builder()
                .set_item(Some(item))
                .build()
                .map_err(|error| StoreError::Unavailable(Box::new(error)))?;
            waiting.push(WriteRequest::builder().put_request(put).build());
        }
        let mut fruitless = 0_u32;
        while !waiting.is_empty() {
            let call: Vec<_> = waiting.drain(..waiting.len().min(25)).collect();
            let asked = call.len();
            let output = self.client.batch_write_item().request_items(&self.table, call).send().await?;
            let left = output
                .unprocessed_items
                .and_then(|mut tables| tables.remove(&self.table))
                .unwrap_or_default();
            if left.len() == asked {
                fruitless += 1;
                if fruitless > 6 {
                    return Err(StoreError::Throttled);
                }
            }
            if !left.is_empty() {
                tokio::time::sleep(std::time::Duration::from_millis(50 << fruitless)).await;
            }
            waiting.extend(left);
        }
        Ok(())
    }

    /// All or nothing. Busy transactions are tried again a few times, because a conflict says nothing about the data.
    pub(crate) async fn transact(&self, writes: Vec<TransactWriteItem>) -> Result<Transaction, StoreError> {
        for attempt in 0_u32.. {
            let result = self.client.transact_write_items().set_transact_items(Some(writes.clone())).send().await;
            match result {
                Ok(_) => return Ok(Transaction::Committed),
                Err(SdkError::ServiceError(error)) => match error.into_err() {
                    TransactWriteItemsError::TransactionCanceledException(cancelled) => {
                        let reasons = cancelled.cancellation_reasons.unwrap_or_default();
                        let busy = |reason: &CancellationReason| {
                            matches!(
                                reason.code(),
                                Some("TransactionConflict" | "ThrottlingError" | "ProvisionedThroughputExceeded")
                            )
                        };
                        if reasons.iter().any(|reason| reason.code() == Some("ConditionalCheckFailed")) {
                            return Ok(Transaction::Refused(reasons));
                        }
                        if !reasons.iter().any(busy) {
                            return Err(StoreError::Unavailable("a transaction was cancelled for no known reason".into()));
                        }
                        if attempt == 5 {
                            return Err(StoreError::Throttled);
                        }
                        tokio::time::sleep(std::time::Duration::from_millis(20 << attempt)).await;
                    }
                    other => return Err(StoreError::Unavailable(Box::new(other))),
                },
                Err(error) => return Err(error.into()),
            }
        }
        Err(StoreError::Throttled)
    }
}

/// How a transaction ended.
pub(crate) enum Transaction {
    Committed,
    /// At least one condition did not hold; reasons are in the order of the writes.
    Refused(Vec<CancellationReason>),
}

impl Transaction {
    pub(crate) fn committed_or(self, conflict: &'static str) -> Result<(), StoreError> {
        match self {
            Transaction::Committed => Ok(()),
            Transaction::Refused(_) => Err(StoreError::Conflict(conflict)),
        }
    }

    /// Whether the condition of write `index` failed.
    pub(crate) fn failed_at(reasons: &[CancellationReason], index: usize) -> bool {
        reasons.get(index).and_then(CancellationReason::code) == Some("ConditionalCheckFailed")
    }
}
