//! The vendor master: the record, and what is kept in step with it in one transaction: the marker of its code, its entry in the
//! directory, what it is found by, its history, and the totals.

use std::collections::{BTreeSet, HashMap};

use aws_sdk_dynamodb::types::{Delete, Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem};
use domain::declaration::indian_date;
use domain::status::{self, StatusEntry};
use domain::vendor::{MsmeStatus, VendorProfile};
use domain::vendor_change::{self, Change, ChangeKind};
use domain::vendor_record::{ImportOrigin, Vendor};
use domain::{VendorId, search};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use ulid::Ulid;

use crate::client::{Item, Listing, Transaction, item, key_item, n, read, s};
use crate::users::put_new;
use crate::{Page, PageRequest, Store, StoreError, counters, directory, keys};

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
            deleted_at,
        } = stored;
        Vendor {
            id,
            profile,
            msme_status,
            origin,
            deleted_at,
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

/// That the vendor of a code was deleted: what brings vendors by itself does not bring it back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeletedCode {
    /// Whose code it was.
    pub vendor_id: VendorId,
    /// When it was deleted.
    pub deleted_at: Timestamp,
}

/// The most writes of a transaction.
const MAX_WRITES: usize = 100;

/// How many transactions of a batch are under way at once.
const AT_ONCE: usize = 8;

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

/// A vendor to be stored for the first time, with the status it is said to have.
#[derive(Debug, Clone)]
pub struct NewVendor {
    /// The vendor.
    pub vendor: Vendor,
    /// What its status rests on, where it has one.
    pub status: Option<StatusEntry>,
}

impl From<Vendor> for NewVendor {
    fn from(vendor: Vendor) -> Self {
        Self { vendor, status: None }
    }
}

fn stored(vendor: &Vendor) -> Result<Item, StoreError> {
    let Vendor {
        id,
        profile,
        msme_status,
        origin,
        deleted_at,
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
        deleted_at,
    };
    let mut stored = item(keys::vendor(id), "vendor", &body)?;
    let (collection, place) = match deleted_at {
        None => (keys::VENDORS, code_key),
        Some(at) => (keys::DELETED_VENDORS, keys::by_time(at, id)),
    };
    stored.insert("gsi1pk".into(), s(collection));
    stored.insert("gsi1sk".into(), s(place));
    if let Some(pan) = pan.filter(|_| deleted_at.is_none()) {
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

/// What one change of a vendor writes. The record comes first and, where the code is new, its marker second: their conditions are
/// the ones that can fail.
pub(crate) struct Writes {
    pub(crate) writes: Vec<TransactWriteItem>,
    /// `(counter, by)`; added up over the vendors of a transaction.
    counts: Vec<(&'static str, i64)>,
}

impl Writes {
    /// Where the writes of this vendor include the marker of a new code.
    const MARKER: usize = 1;

    fn counted(mut self, store: &Store, shard: u8) -> Result<Vec<TransactWriteItem>, StoreError> {
        if !self.counts.is_empty() {
            self.writes.push(counters::change(store, shard, &self.counts)?);
        }
        Ok(self.writes)
    }

    /// All of one vendor, totals included.
    pub(crate) fn of_one(self, store: &Store, vendor: VendorId) -> Result<Vec<TransactWriteItem>, StoreError> {
        self.counted(store, counters::shard_of(vendor))
    }
}

/// Who changes a vendor, and when.
#[derive(Debug, Clone, Copy)]
pub struct By<'a> {
    /// The user, import, answer or system, by its id.
    pub who: &'a str,
    /// When.
    pub at: Timestamp,
    /// Tells entries of one moment apart.
    pub entry: Ulid,
}

/// The writes that turn `before` into `after`, whatever differs.
pub(crate) fn writes(
    store: &Store,
    before: Option<&Vendor>,
    after: &Vendor,
    kind: ChangeKind,
    by: By<'_>,
    status: Option<&StatusEntry>,
) -> Result<Writes, StoreError> {
    let live = |vendor: &&Vendor| vendor.deleted_at.is_none();
    let (was, is) = (before.filter(live), Some(after).filter(live));

    let record = stored(after)?;
    let mut writes = vec![match before {
        None => put_new(store, record)?,
        Some(before) => put_over(store, record, before.version)?,
    }];
    let code = |vendor: &Vendor| vendor.profile.vendor_code.key();
    if was.map(code) != is.map(code) {
        if let Some(is) = is {
            // Race: one code given to two vendors at the same time; the marker lets one win, whatever the other fields say.
            writes.push(put_new(store, marker(is)?)?);
            // Should the code become free again, then because its vendor got another, not because it was deleted.
            writes.push(delete(store, keys::deleted_code(&code(is)))?);
        }
        if let Some(was) = was {
            writes.push(delete(store, keys::vendor_code(&code(was)))?);
        }
        if let (Some(was), None, Some(deleted_at)) = (was, is, after.deleted_at) {
            let tombstone = DeletedCode {
                vendor_id: was.id,
                deleted_at,
            };
            writes.push(put(store, item(keys::deleted_code(&code(was)), "deleted_code", &tombstone)?)?);
        }
    }
    let entry_key = |vendor: &Vendor| keys::directory_entry(counters::shard_of(vendor.id), &code(vendor), vendor.id);
    if let Some(was) = was.filter(|was| is.map(entry_key) != Some(entry_key(was))) {
        writes.push(delete(store, entry_key(was))?);
    }
    if let Some(is) = is {
        writes.push(put(store, directory::entry(is, entry_key(is)))?);
    }
    // A token is filed with the code: another code moves all of them.
    let tokens = |vendor: Option<&Vendor>| -> BTreeSet<(String, String)> {
        let of = |vendor: &Vendor| search::tokens(&vendor.profile).into_iter().map(|token| (token, code(vendor))).collect();
        vendor.map(of).unwrap_or_default()
    };
    let (old, new) = (tokens(was), tokens(is));
    for (token, code) in old.difference(&new) {
        writes.push(delete(store, keys::search_token(token, code, after.id))?);
    }
    for (token, code) in new.difference(&old) {
        // The key says it all.
        writes.push(put(store, key_item(keys::search_token(token, code, after.id)))?);
    }
    let mut fields = vendor_change::between(before.map(|before| &before.profile), &after.profile);
    fields.extend(vendor_change::of_status(
        before.map(|before| before.msme_status),
        after.msme_status,
        status,
    ));
    let change = Change {
        kind,
        at: by.at,
        by: by.who.to_owned(),
        fields,
    };
    writes.push(put(
        store,
        item(keys::vendor_change(after.id, by.at, by.entry), "vendor_change", &change)?,
    )?);
    if let Some(status) = status {
        let key = keys::vendor_status(after.id, status.effective_from, by.entry);
        writes.push(put_new(store, item(key, "vendor_status", status)?)?);
        for day in status.turns_after(indian_date(by.at)) {
            writes.push(put(store, key_item(keys::status_turns(day, after.id)))?);
        }
    }

    let mut counts = Vec::new();
    let mut count = |name: &'static str, by: i64| match counts.iter_mut().find(|(known, _)| *known == name) {
        Some((_, sum)) => *sum += by,
        None => counts.push((name, by)),
    };
    for (vendor, by) in [(was, -1), (is, 1)] {
        if let Some(vendor) = vendor {
            count("total", by);
            count(vendor.msme_status.as_str(), by);
        }
    }
    let is_deleted = |vendor: &Vendor| i64::from(vendor.deleted_at.is_some());
    count(counters::DELETED, is_deleted(after) - before.map_or(0, is_deleted));
    counts.retain(|(_, by)| *by != 0);
    Ok(Writes { writes, counts })
}

/// Stores a new vendor.
///
/// # Errors
/// [`StoreError::Conflict`] when the code is taken.
pub async fn create(store: &Store, vendor: &NewVendor, by: By<'_>) -> Result<(), StoreError> {
    match create_batch(store, std::slice::from_ref(vendor), by).await?.first() {
        Some(Created::New | Created::Already) => Ok(()),
        _ => Err(StoreError::Conflict("vendor_code is taken")),
    }
}

/// Stores vendors with distinct codes, each with all that belongs to it, in as few transactions as collisions allow.
/// The answers are in order.
///
/// # Errors
/// When the table cannot be written; vendors stored before the failure stay, and are recognised by the next run.
pub async fn create_batch(store: &Store, vendors: &[NewVendor], by: By<'_>) -> Result<Vec<Created>, StoreError> {
    let mut groups: Vec<Vec<usize>> = Vec::new();
    let mut room = 0;
    for (i, new) in vendors.iter().enumerate() {
        let needed = writes_of_new(new);
        // One more for the totals.
        if needed + 1 > room {
            groups.push(Vec::new());
            room = MAX_WRITES;
        }
        room -= needed;
        if let Some(group) = groups.last_mut() {
            group.push(i);
        }
    }
    // Each at work in a shard of the totals of its own: two transactions on one item would wait for each other.
    let at_work = groups.into_iter().zip((0..counters::SHARDS).cycle());
    let answers: Vec<Vec<(usize, Created)>> = stream::iter(at_work)
        .map(|(group, shard)| create_group(store, vendors, group, shard, by))
        .buffered(AT_ONCE)
        .try_collect()
        .await?;
    let mut answers: Vec<(usize, Created)> = answers.into_iter().flatten().collect();
    answers.sort_unstable_by_key(|(i, _)| *i);
    Ok(answers.into_iter().map(|(_, created)| created).collect())
}

/// How many writes a new vendor takes at most: record, marker, what said that its code was deleted, directory, history, what it is
/// found by, and its status with the two days on which that may begin and end.
fn writes_of_new(new: &NewVendor) -> usize {
    5 + search::tokens(&new.vendor.profile).len() + 3 * usize::from(new.status.is_some())
}

async fn create_group(
    store: &Store,
    vendors: &[NewVendor],
    mut open: Vec<usize>,
    shard: u8,
    by: By<'_>,
) -> Result<Vec<(usize, Created)>, StoreError> {
    let mut answers = Vec::with_capacity(open.len());
    while !open.is_empty() {
        let mut together = Writes {
            writes: Vec::new(),
            counts: Vec::new(),
        };
        let mut starts = Vec::with_capacity(open.len());
        for i in &open {
            let new = &vendors[*i];
            starts.push(together.writes.len());
            let one = writes(store, None, &new.vendor, ChangeKind::Created, by, new.status.as_ref())?;
            together.writes.extend(one.writes);
            for (name, by) in one.counts {
                match together.counts.iter_mut().find(|(known, _)| *known == name) {
                    Some((_, sum)) => *sum += by,
                    None => together.counts.push((name, by)),
                }
            }
        }
        let Transaction::Refused(reasons) = store.transact(together.counted(store, shard)?).await? else {
            answers.extend(open.into_iter().map(|i| (i, Created::New)));
            break;
        };
        let mut still_open = Vec::with_capacity(open.len());
        for (start, i) in starts.into_iter().zip(open.iter().copied()) {
            let marker = start + Writes::MARKER;
            if !Transaction::failed_at(&reasons, start) && !Transaction::failed_at(&reasons, marker) {
                still_open.push(i);
                continue;
            }
            let vendor = &vendors[i].vendor;
            let standing: CodeMarker = match reasons.get(marker).and_then(|reason| reason.item.clone()) {
                Some(found) => read(found)?,
                None => store
                    .get(keys::vendor_code(&vendor.profile.vendor_code.key()))
                    .await?
                    .ok_or(StoreError::Conflict("a vendor id is taken"))?,
            };
            // Our own earlier write, by id or by the import row it came from.
            let ours = standing.vendor_id == vendor.id || (standing.origin.is_some() && standing.origin == vendor.origin);
            let created = if ours {
                Created::Already
            } else {
                Created::CodeTaken(standing.vendor_id)
            };
            answers.push((i, created));
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
    get_any(store, id).await.and_then(|vendor| match vendor.deleted_at {
        None => Ok(vendor),
        Some(_) => Err(StoreError::NotFound),
    })
}

/// Reads a vendor, a deleted one, too.
///
/// # Errors
/// [`StoreError::NotFound`], or when the table cannot be read.
pub async fn get_any(store: &Store, id: VendorId) -> Result<Vendor, StoreError> {
    let found = store.get::<VendorItem>(keys::vendor(id)).await?;
    found.map(Vendor::from).ok_or(StoreError::NotFound)
}

/// Reads vendors by id, a hundred a call; without the deleted ones, in the order asked for.
///
/// # Errors
/// When the table cannot be read.
pub async fn get_many(store: &Store, ids: &[VendorId]) -> Result<Vec<Vendor>, StoreError> {
    let mut found = HashMap::with_capacity(ids.len());
    for item in store.get_all(ids.iter().map(|id| key_item(keys::vendor(*id))).collect()).await? {
        if let Some(vendor) = from_item(item)? {
            found.insert(vendor.id, vendor);
        }
    }
    Ok(ids.iter().filter_map(|id| found.remove(id)).collect())
}

/// Finds vendors by the keys of their codes ([`domain::vendor::VendorCode::key`]).
///
/// # Errors
/// When the table cannot be read.
pub async fn find_by_codes(store: &Store, code_keys: &[String]) -> Result<HashMap<String, Vendor>, StoreError> {
    let markers = store
        .get_all(code_keys.iter().map(|code| key_item(keys::vendor_code(code))).collect())
        .await?;
    let ids: Vec<VendorId> = markers
        .into_iter()
        .map(|marker| read::<CodeMarker>(marker).map(|marker| marker.vendor_id))
        .collect::<Result<_, _>>()?;
    let vendors = get_many(store, &ids).await?;
    Ok(vendors.into_iter().map(|vendor| (vendor.profile.vendor_code.key(), vendor)).collect())
}

/// Which of these codes (by their keys) were those of vendors that a person deleted. A code may have been given to another vendor
/// since.
///
/// # Errors
/// When the table cannot be read.
pub async fn deleted_among(store: &Store, code_keys: &BTreeSet<String>) -> Result<HashMap<String, DeletedCode>, StoreError> {
    let wanted = code_keys.iter().map(|code| (keys::deleted_code(code), code));
    let by_partition: HashMap<String, &String> = wanted.map(|(key, code)| (key.pk, code)).collect();
    let found = store
        .get_all(code_keys.iter().map(|code| key_item(keys::deleted_code(code))).collect())
        .await?;
    let mut deleted = HashMap::new();
    for item in found {
        let code = item.get("pk").and_then(|pk| pk.as_s().ok()).and_then(|pk| by_partition.get(pk));
        if let Some(code) = code.copied().cloned() {
            deleted.insert(code, read(item)?);
        }
    }
    Ok(deleted)
}

/// The vendors of a PAN, by id.
///
/// # Errors
/// When the table cannot be read.
pub async fn list_by_pan(store: &Store, pan: &str) -> Result<Vec<Vendor>, StoreError> {
    let mut vendors = get_many(store, &ids_of_pan(store, pan).await?).await?;
    // The index may be a moment behind the vendor: one that has another PAN by now is another person.
    vendors.retain(|vendor| has_pan(vendor, pan));
    Ok(vendors)
}

fn has_pan(vendor: &Vendor, pan: &str) -> bool {
    vendor.profile.pan_number.as_ref().is_some_and(|own| own.as_str() == pan)
}

/// Which vendors have a PAN, as the index knows it.
pub(crate) async fn ids_of_pan(store: &Store, pan: &str) -> Result<Vec<VendorId>, StoreError> {
    #[derive(Deserialize)]
    struct Keyed {
        gsi2sk: VendorId,
    }
    let partition = keys::pan_index(pan);
    let items = store.list_all_items(Listing::gsi2(&partition)).await?;
    items.into_iter().map(|item| read::<Keyed>(item).map(|keyed| keyed.gsi2sk)).collect()
}

/// Reads a stored vendor; `None` for a deleted one.
pub(crate) fn from_item(item: Item) -> Result<Option<Vendor>, StoreError> {
    let vendor = Vendor::from(read::<VendorItem>(item)?);
    Ok(vendor.deleted_at.is_none().then_some(vendor))
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

/// Lists deleted vendors, the last one deleted first.
///
/// # Errors
/// When the table cannot be read.
pub async fn list_deleted(store: &Store, page: &PageRequest) -> Result<Page<Vendor>, StoreError> {
    let page = store
        .list::<VendorItem>(Listing::gsi1(keys::DELETED_VENDORS).newest_first(), page)
        .await?;
    Ok(Page {
        items: page.items.into_iter().map(Vendor::from).collect(),
        next: page.next,
    })
}

/// When a vendor was last deleted, of those that are deleted still. What was deleted in the last second may be missing.
///
/// # Errors
/// When the table cannot be read.
pub async fn last_deletion(store: &Store) -> Result<Option<Timestamp>, StoreError> {
    let first = PageRequest { limit: 1, after: None };
    let newest = list_deleted(store, &first).await?.items;
    Ok(newest.into_iter().find_map(|vendor| vendor.deleted_at))
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

/// The vendor's history, newest first.
///
/// # Errors
/// When the table cannot be read.
pub async fn history(store: &Store, id: VendorId, page: &PageRequest) -> Result<Page<Change>, StoreError> {
    let partition = keys::vendor(id).pk;
    let listing = Listing::partition(&partition).beginning_with(keys::CHANGE_PREFIX).newest_first();
    store.list(listing, page).await
}

/// The vendor's dated statuses, in the order they take effect.
///
/// # Errors
/// When the table cannot be read.
pub async fn status_history(store: &Store, id: VendorId) -> Result<Vec<StatusEntry>, StoreError> {
    let partition = keys::vendor(id).pk;
    let listing = Listing::partition(&partition).beginning_with(keys::STATUS_PREFIX).consistent();
    store.list_all_items(listing).await?.into_iter().map(read).collect()
}

/// Replaces the profile, if the vendor is still as `seen`.
///
/// # Errors
/// [`StoreError::Conflict`] when it changed meanwhile, or a new code is taken.
pub async fn replace_profile(store: &Store, seen: &Vendor, profile: VendorProfile, by: By<'_>) -> Result<Vendor, StoreError> {
    let updated = Vendor {
        profile,
        updated_at: by.at,
        version: seen.version + 1,
        ..seen.clone()
    };
    commit(store, seen, &updated, ChangeKind::Updated, by, None).await?;
    Ok(updated)
}

/// Deletes a vendor, if it is still as `seen`. The record and its history stay for the auditor; the code is free again.
///
/// # Errors
/// [`StoreError::Conflict`] when it changed meanwhile.
pub async fn remove(store: &Store, seen: &Vendor, by: By<'_>) -> Result<(), StoreError> {
    let deleted = Vendor {
        deleted_at: Some(by.at),
        updated_at: by.at,
        version: seen.version + 1,
        ..seen.clone()
    };
    commit(store, seen, &deleted, ChangeKind::Deleted, by, None).await
}

/// Restores a deleted vendor, if it is still as `seen`.
///
/// # Errors
/// [`StoreError::Conflict`] when it changed meanwhile, or its code was given to another vendor.
pub async fn restore(store: &Store, seen: &Vendor, by: By<'_>) -> Result<Vendor, StoreError> {
    let restored = Vendor {
        deleted_at: None,
        updated_at: by.at,
        version: seen.version + 1,
        ..seen.clone()
    };
    commit(store, seen, &restored, ChangeKind::Restored, by, None).await?;
    Ok(restored)
}

/// Adds an entry to the vendor's dated statuses. What it is today follows from all of them ([`status::on`]): an entry may be of the
/// past, or weaker than what is known already.
///
/// # Errors
/// [`StoreError::Conflict`] when the vendor changed meanwhile, or has this very entry already.
pub async fn add_status(store: &Store, seen: &Vendor, entry: &StatusEntry, by: By<'_>) -> Result<Vendor, StoreError> {
    add_status_with(store, seen, seen.profile.clone(), entry, by).await
}

/// [`add_status`], together with what else its evidence says of the vendor.
///
/// # Errors
/// As [`add_status`].
pub async fn add_status_with(store: &Store, seen: &Vendor, profile: VendorProfile, entry: &StatusEntry, by: By<'_>) -> Result<Vendor, StoreError> {
    let updated = with_status(store, seen, profile, entry, by.at).await?;
    commit(store, seen, &updated, ChangeKind::StatusChanged, by, Some(entry)).await?;
    Ok(updated)
}

/// Gives the other vendors of a PAN the status that one of them has shown: one legal person, one status. Each gets an entry of its
/// own that names where it comes from; one whose history it would not change is left as it is, so that repeating this is harmless.
///
/// # Errors
/// When the table cannot be reached, or a vendor keeps changing.
pub async fn share_status(store: &Store, source: &Vendor, entry: &StatusEntry, by: By<'_>) -> Result<Vec<VendorId>, StoreError> {
    let today = indian_date(by.at);
    share_with_pan(store, source, by, |history| {
        status::changes_anything(entry, today, history).then(|| entry.clone())
    })
    .await
}

/// Adds to each other vendor of a PAN the entry that `entry_after` makes for its history so far, if any. An entry of the same day
/// and the same name ([`By::entry`]) is not added again.
///
/// # Errors
/// When the table cannot be reached, or a vendor keeps changing.
pub(crate) async fn share_with_pan(
    store: &Store,
    source: &Vendor,
    by: By<'_>,
    entry_after: impl Fn(&[StatusEntry]) -> Option<StatusEntry>,
) -> Result<Vec<VendorId>, StoreError> {
    let Some(pan) = &source.profile.pan_number else {
        return Ok(Vec::new());
    };
    let mut shared = Vec::new();
    for member in list_by_pan(store, pan.as_str()).await? {
        let id = member.id;
        if id != source.id && share_with(store, member, by, &entry_after, VendorProfile::clone).await? {
            shared.push(id);
        }
    }
    Ok(shared)
}

/// Adds to one vendor the entry that `entry_after` makes for its history so far, if any, and makes its record what `profile_after`
/// says; tells whether it did. As in [`share_with_pan`], and only while the vendor has the PAN it has in `member`.
pub(crate) async fn share_with(
    store: &Store,
    member: Vendor,
    by: By<'_>,
    entry_after: impl Fn(&[StatusEntry]) -> Option<StatusEntry>,
    profile_after: impl Fn(&VendorProfile) -> VendorProfile,
) -> Result<bool, StoreError> {
    let pan = member.profile.pan_number.clone();
    let mut seen = member;
    for attempt in 0_u32.. {
        let Some(entry) = entry_after(&status_history(store, seen.id).await?) else {
            return Ok(false);
        };
        let key = keys::vendor_status(seen.id, entry.effective_from, by.entry);
        if store.get::<StatusEntry>(key).await?.is_some() {
            return Ok(false);
        }
        match add_status_with(store, &seen, profile_after(&seen.profile), &entry, by).await {
            Ok(_) => return Ok(true),
            // Changed between the read and the write, or the entry is there by now: look again.
            Err(StoreError::Conflict(_)) if attempt < 5 => match get(store, seen.id).await {
                Ok(now) if now.profile.pan_number == pan => seen = now,
                Ok(_) | Err(StoreError::NotFound) => return Ok(false),
                Err(error) => return Err(error),
            },
            Err(error) => return Err(error),
        }
    }
    Ok(false)
}

async fn commit(store: &Store, seen: &Vendor, after: &Vendor, kind: ChangeKind, by: By<'_>, status: Option<&StatusEntry>) -> Result<(), StoreError> {
    let writes = writes(store, Some(seen), after, kind, by, status)?.of_one(store, seen.id)?;
    match store.transact(writes).await? {
        Transaction::Committed => Ok(()),
        Transaction::Refused(reasons) if Transaction::failed_at(&reasons, 0) => {
            // Ours, where the SDK repeated a transaction that had succeeded.
            let standing = get_any(store, seen.id).await?;
            if standing == *after {
                Ok(())
            } else {
                Err(StoreError::Conflict("the vendor changed meanwhile"))
            }
        }
        Transaction::Refused(_) => Err(StoreError::Conflict("vendor_code is taken")),
    }
}

async fn with_status(store: &Store, seen: &Vendor, profile: VendorProfile, entry: &StatusEntry, now: Timestamp) -> Result<Vendor, StoreError> {
    let mut entries = status_history(store, seen.id).await?;
    entries.push(entry.clone());
    Ok(Vendor {
        profile,
        msme_status: status::on(&entries, indian_date(now)).status,
        updated_at: now,
        version: seen.version + 1,
        ..seen.clone()
    })
}

/// The writes that add an entry to the vendor's dated statuses, and what else its evidence says of the vendor, if it is still as
/// `seen`.
pub(crate) async fn set_status(
    store: &Store,
    seen: &Vendor,
    profile: VendorProfile,
    entry: &StatusEntry,
    by: By<'_>,
) -> Result<Vec<TransactWriteItem>, StoreError> {
    let updated = with_status(store, seen, profile, entry, by.at).await?;
    writes(store, Some(seen), &updated, ChangeKind::StatusChanged, by, Some(entry))?.of_one(store, seen.id)
}

/// How many days back a turn of a status is looked for, should nobody have looked for so long.
const TURN_DAYS: i32 = 7;

/// Brings the vendors up to date whose status began or ended by the calendar by today, as far as `has_time`; gives how many changed.
///
/// A vendor holds its current status, which lists, filters and totals go by. Nobody writes to it on the day an entry begins or ends,
/// so that day was noted when the entry was. Each may be done twice.
///
/// # Errors
/// When the table cannot be reached.
pub async fn turn_statuses(
    store: &Store,
    now: Timestamp,
    mut entry: impl FnMut() -> Ulid,
    mut has_time: impl FnMut() -> bool,
) -> Result<usize, StoreError> {
    let today = indian_date(now);
    let mut changed = 0;
    for ago in (0..=TURN_DAYS).rev() {
        let day = today.saturating_sub(jiff::Span::new().days(ago));
        let partition = keys::directory_of_day(day);
        for item in store.list_all_items(Listing::partition(&partition)).await? {
            if !has_time() {
                return Ok(changed);
            }
            let id = item.get("sk").and_then(|id| id.as_s().ok()).and_then(|id| id.parse().ok());
            let Some(id) = id else {
                continue;
            };
            let by = By {
                who: "calendar",
                at: now,
                entry: entry(),
            };
            match turn_status(store, id, by).await {
                Ok(turned) => changed += usize::from(turned),
                // Changed under us by somebody who counted the status anew, or will be seen again at the next tick.
                Err(StoreError::Conflict(_)) => continue,
                Err(StoreError::NotFound) => {}
                Err(error) => return Err(error),
            }
            store.transact(vec![delete(store, keys::status_turns(day, id))?]).await?;
        }
    }
    Ok(changed)
}

/// Works out anew what a vendor is today; whether that is another status than before.
async fn turn_status(store: &Store, id: VendorId, by: By<'_>) -> Result<bool, StoreError> {
    let seen = get_any(store, id).await?;
    let entries = status_history(store, id).await?;
    let msme_status = status::on(&entries, indian_date(by.at)).status;
    if msme_status == seen.msme_status {
        return Ok(false);
    }
    let updated = Vendor {
        msme_status,
        updated_at: by.at,
        version: seen.version + 1,
        ..seen.clone()
    };
    commit(store, &seen, &updated, ChangeKind::StatusChanged, by, None).await?;
    Ok(true)
}

/// A write of `item` over the version that was read.
fn put_over(store: &Store, item: Item, version: u64) -> Result<TransactWriteItem, StoreError> {
    let put = Put::builder()
        .table_name(&store.table)
        .set_item(Some(item))
        // Race: two edits of one vendor; the later one must see the earlier.
        .condition_expression("version = :version")
        .expression_attribute_values(":version", n(version))
        .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::None)
        .build()
        .map_err(|error| StoreError::Unavailable(Box::new(error)))?;
    Ok(TransactWriteItem::builder().put(put).build())
}

/// A write of what belongs to one vendor alone: the condition on its record protects it.
pub(crate) fn put(store: &Store, item: Item) -> Result<TransactWriteItem, StoreError> {
    let put = Put::builder()
        .table_name(&store.table)
        .set_item(Some(item))
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
