//! The vendor master.

use aws_sdk_dynamodb::types::{AttributeValue, Delete, ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update};
use domain::VendorId;
use domain::vendor::{MsmeStatus, VendorProfile};
use domain::vendor_record::{ImportOrigin, Vendor};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::client::{Item, Listing, Transaction, item, key_item, n, read, s};
use crate::users::put_new;
use crate::{Page, PageRequest, Store, StoreError, counters, keys};

#[derive(Serialize, Deserialize)]
struct VendorItem {
    id: VendorId,
    profile: VendorProfile,
    msme_status: MsmeStatus,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    origin: Option<ImportOrigin>,
    created_at: Timestamp,
    updated_at: Timestamp,
    version: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    deleted_at: Option<Timestamp>,
}

impl From<VendorItem> for Vendor {
    fn from(stored: VendorItem) -> Self {
        let VendorItem {
            id,
            profile,
            msme_status,
            origin,
            created_at,
            updated_at,
            version,
            deleted_at: _,
        } = stored;
        Vendor {
            id,
            profile,
            msme_status,
            origin,
            created_at,
            updated_at,
            version,
        }
    }
}

#[derive(Serialize, Deserialize)]
struct CodeMarker {
    vendor_id: VendorId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    origin: Option<ImportOrigin>,
}

/// The most vendors one transaction holds: two writes each and the counter, of 100 allowed.
pub const CREATE_BATCH: usize = 45;

/// What became of one vendor of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Created {
    /// Stored.
    New,
    /// This very row was stored by an earlier run of the same import.
    Already,
    /// The code belongs to another vendor.
    CodeTaken(VendorId),
}

fn stored(vendor: &Vendor) -> Result<Item, StoreError> {
    let Vendor {
        id,
        profile,
        msme_status,
        origin,
        created_at,
        updated_at,
        version,
    } = vendor.clone();
    let code_key = profile.vendor_code.key();
    let pan = profile.pan_number.as_ref().map(|pan| pan.as_str().to_owned());
    let body = VendorItem {
        id,
        profile,
        msme_status,
        origin,
        created_at,
        updated_at,
        version,
        deleted_at: None,
    };
    let mut stored = item(keys::vendor(id), "vendor", &body)?;
    stored.insert("gsi1pk".into(), s(keys::VENDORS));
    stored.insert("gsi1sk".into(), s(code_key));
    if let Some(pan) = pan {
        stored.insert("gsi2pk".into(), s(keys::pan_index(&pan)));
        stored.insert("gsi2sk".into(), s(id.to_string()));
    }
    Ok(stored)
}

fn marker(vendor: &Vendor) -> Result<Item, StoreError> {
    let body = CodeMarker {
        vendor_id: vendor.id,
        origin: vendor.origin,
    };
    item(keys::vendor_code(&vendor.profile.vendor_code.key()), "vendor_code", &body)
}

/// Stores a new vendor.
///
/// # Errors
/// [`StoreError::Conflict`] when the code is taken.
pub async fn create(store: &Store, vendor: &Vendor) -> Result<(), StoreError> {
    match create_batch(store, std::slice::from_ref(vendor)).await?.first() {
        Some(Created::New | Created::Already) => Ok(()),
        _ => Err(StoreError::Conflict("vendor_code is taken")),
    }
}

/// Stores up to [`CREATE_BATCH`] vendors with distinct codes, in as few transactions as collisions allow.
/// The answers are in order.
///
/// # Errors
/// When the table cannot be written; vendors stored before the failure stay, and are recognised by the next run.
pub async fn create_batch(store: &Store, vendors: &[Vendor]) -> Result<Vec<Created>, StoreError> {
    let mut answers = vec![Created::New; vendors.len()];
    let mut open: Vec<usize> = (0..vendors.len()).collect();
    while !open.is_empty() {
        let mut writes = Vec::with_capacity(open.len() * 2 + 1);
        let mut by_status: Vec<(&str, i64)> = vec![("total", i64::try_from(open.len()).unwrap_or(i64::MAX))];
        for i in &open {
            // Race: two requests for one code; the marker lets one win, whatever the other fields say.
            writes.push(put_new(store, marker(&vendors[*i])?)?);
            writes.push(put_new(store, stored(&vendors[*i])?)?);
            let status = vendors[*i].msme_status.as_str();
            match by_status.iter_mut().find(|(name, _)| *name == status) {
                Some((_, count)) => *count += 1,
                None => by_status.push((status, 1)),
            }
        }
        writes.push(counters::change(store, counters::shard_of(vendors[open[0]].id), &by_status)?);
        let Transaction::Refused(reasons) = store.transact(writes).await? else {
            break;
        };
        let mut still_open = Vec::with_capacity(open.len());
        for (position, i) in open.iter().copied().enumerate() {
            if !Transaction::failed_at(&reasons, position * 2) && !Transaction::failed_at(&reasons, position * 2 + 1) {
                still_open.push(i);
                continue;
            }
            let standing: CodeMarker = match reasons.get(position * 2).and_then(|reason| reason.item.clone()) {
                Some(found) => read(found)?,
                None => store
                    .get(keys::vendor_code(&vendors[i].profile.vendor_code.key()))
                    .await?
                    .ok_or(StoreError::Conflict("a vendor id is taken"))?,
            };
            // Our own earlier write, by id or by the import row it came from.
            let ours = standing.vendor_id == vendors[i].id || (standing.origin.is_some() && standing.origin == vendors[i].origin);
            answers[i] = if ours {
                Created::Already
            } else {
                Created::CodeTaken(standing.vendor_id)
            };
        }
        if still_open.len() == open.len() {
            return Err(StoreError::Conflict("a vendor transaction was refused"));
        }
        open = still_open;
    }
    Ok(answers)
}

/// Reads a vendor.
///
/// # Errors
/// [`StoreError::NotFound`] also for a deleted one.
pub async fn get(store: &Store, id: VendorId) -> Result<Vendor, StoreError> {
    match store.get::<VendorItem>(keys::vendor(id)).await? {
        Some(stored) if stored.deleted_at.is_none() => Ok(stored.into()),
        _ => Err(StoreError::NotFound),
    }
}

/// Reads a stored vendor; `None` for a deleted one.
pub(crate) fn from_item(item: Item) -> Result<Option<Vendor>, StoreError> {
    let stored: VendorItem = read(item)?;
    Ok(stored.deleted_at.is_none().then(|| stored.into()))
}

/// Lists vendors by code.
///
/// # Errors
/// When the table cannot be read.
pub async fn list_by_code(store: &Store, page: &PageRequest) -> Result<Page<Vendor>, StoreError> {
    let page = store.list::<VendorItem>(Listing::gsi1(keys::VENDORS), page).await?;
    Ok(Page {
        items: page.items.into_iter().map(Vendor::from).collect(),
        next: page.next,
    })
}

/// The key after which a listing by code goes on, for a vendor whose place is known.
pub fn page_key_after(vendor: &Vendor) -> crate::PageKey {
    let key = keys::vendor(vendor.id);
    [
        ("pk", key.pk),
        ("sk", key.sk),
        ("gsi1pk", keys::VENDORS.to_owned()),
        ("gsi1sk", vendor.profile.vendor_code.key()),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value))
    .collect()
}

/// Replaces the profile, if the vendor is still as `seen`.
///
/// # Errors
/// [`StoreError::Conflict`] when it changed meanwhile, or a new code is taken.
pub async fn replace_profile(store: &Store, seen: &Vendor, profile: VendorProfile, now: Timestamp) -> Result<Vendor, StoreError> {
    let updated = Vendor {
        profile,
        updated_at: now,
        version: seen.version + 1,
        ..seen.clone()
    };
    let mut writes = vec![put_over(store, stored(&updated)?, seen.version)?];
    let (old_code, new_code) = (seen.profile.vendor_code.key(), updated.profile.vendor_code.key());
    if old_code != new_code {
        // Race: the new code given to another vendor at the same time; the marker lets one win.
        writes.push(put_new(store, marker(&updated)?)?);
        writes.push(delete(store, keys::vendor_code(&old_code))?);
    }
    match store.transact(writes).await? {
        Transaction::Committed => Ok(updated),
        Transaction::Refused(reasons) if Transaction::failed_at(&reasons, 1) => Err(StoreError::Conflict("vendor_code is taken")),
        Transaction::Refused(_) => Err(StoreError::Conflict("the vendor changed meanwhile")),
    }
}

/// Deletes a vendor, if it is still as `seen`. The record and its history stay for the auditor; the code is free again.
///
/// # Errors
/// [`StoreError::Conflict`] when it changed meanwhile.
pub async fn remove(store: &Store, seen: &Vendor, now: Timestamp) -> Result<(), StoreError> {
    let update = Update::builder()
        .table_name(&store.table)
        .set_key(Some(key_item(keys::vendor(seen.id))))
        .update_expression("SET deleted_at = :now, version = :next REMOVE gsi1pk, gsi1sk, gsi2pk, gsi2sk")
        // Race: an edit and a deletion; who deletes must have seen the edit.
        .condition_expression("version = :version AND attribute_not_exists(deleted_at)")
        .expression_attribute_values(":now", s(now.to_string()))
        .expression_attribute_values(":version", n(seen.version))
        .expression_attribute_values(":next", n(seen.version + 1))
        .build()
        .map_err(|error| StoreError::Unavailable(Box::new(error)))?;
    let writes = vec![
        TransactWriteItem::builder().update(update).build(),
        delete(store, keys::vendor_code(&seen.profile.vendor_code.key()))?,
        counters::change(store, counters::shard_of(seen.id), &[("total", -1), (seen.msme_status.as_str(), -1)])?,
    ];
    store.transact(writes).await?.committed_or("the vendor changed meanwhile")
}

/// A write of `item` over the version that was read.
fn put_over(store: &Store, item: Item, version: u64) -> Result<TransactWriteItem, StoreError> {
    let put = aws_sdk_dynamodb::types::Put::builder()
        .table_name(&store.table)
        .set_item(Some(item))
        // Race: two edits of one vendor; the later one must see the earlier.
        .condition_expression("version = :version AND attribute_not_exists(deleted_at)")
        .expression_attribute_values(":version", n(version))
        .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::None)
        .build()
        .map_err(|error| StoreError::Unavailable(Box::new(error)))?;
    Ok(TransactWriteItem::builder().put(put).build())
}

pub(crate) fn delete(store: &Store, key: keys::Key) -> Result<TransactWriteItem, StoreError> {
    let delete = Delete::builder()
        .table_name(&store.table)
        .set_key(Some(key_item(key)))
        .build()
        .map_err(|error| StoreError::Unavailable(Box::new(error)))?;
    Ok(TransactWriteItem::builder().delete(delete).build())
}

/// The write that gives a vendor a new current status, if it is still as `seen`; the caller adds the history entry.
pub(crate) fn set_status(store: &Store, seen: &Vendor, status: MsmeStatus, now: Timestamp) -> Result<Vec<TransactWriteItem>, StoreError> {
    let value: AttributeValue = s(status.as_str());
    let update = Update::builder()
        .table_name(&store.table)
        .set_key(Some(key_item(keys::vendor(seen.id))))
        .update_expression("SET msme_status = :status, updated_at = :now, version = :next")
        // Race: an edit during the answer; the caller reads again, so counters and record stay in step.
        .condition_expression("version = :version")
        .expression_attribute_values(":status", value)
        .expression_attribute_values(":now", s(now.to_string()))
        .expression_attribute_values(":version", n(seen.version))
        .expression_attribute_values(":next", n(seen.version + 1))
        .build()
        .map_err(|error| StoreError::Unavailable(Box::new(error)))?;
    let mut writes = vec![TransactWriteItem::builder().update(update).build()];
    if seen.msme_status != status {
        writes.push(counters::change(
            store,
            counters::shard_of(seen.id),
            &[(seen.msme_status.as_str(), -1), (status.as_str(), 1)],
        )?);
    }
    Ok(writes)
}
