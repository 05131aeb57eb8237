//! The directory of vendors: what lists, searches and imports need to know of each, some two hundred bytes, in partitions that are
//! read side by side. So any combination of filters, in any order, has an exact total without a scan of the table.
//!
//! It is written in the vendor's own transaction and read consistently: what was saved is found. An entry is read a hundred thousand
//! times more often than any other item, so it has no entity name and no version, its attributes have one letter, and what its key
//! says is not said again. Should it have to look otherwise one day, it can be made anew from the vendors.

mod condition;
mod elsewhere;
mod entry;
mod places;
mod selection;
mod words;

use std::collections::HashMap;

use domain::segment::{VendorFilter, VendorOrder};
use domain::vendor_record::Vendor;
use domain::{VendorId, search};
use futures::future::try_join;

pub(crate) use self::elsewhere::Elsewhere;
pub use self::elsewhere::unknown_campaigns;
pub(crate) use self::entry::entry;
pub use self::entry::{Entry, digest};
use self::places::{Place, Places, Seen};
use self::selection::Selection;
use self::words::by_words;
use crate::{Page, PageRequest, Store, StoreError, vendors};

/// What a filter found.
#[derive(Debug)]
pub struct Found {
    /// A page of it.
    pub vendors: Page<Vendor>,
    /// How many there are in all; on a later page perhaps as they were counted for the first.
    pub total: u64,
}

/// Finds vendors, and counts all that are meant.
///
/// # Errors
/// [`StoreError::Place`] when the page is to go on from a place of another list, or when the table cannot be read.
pub async fn find(store: &Store, filter: &VendorFilter, order: VendorOrder, page: &PageRequest) -> Result<Found, StoreError> {
    if filter.is_everyone() && order == VendorOrder::Code {
        return everyone(store, page).await;
    }
    let filter = &filter.clone().normalised();
    let after = page.after.as_ref().map(|key| Seen::read(key).ok_or(StoreError::Place)).transpose()?;
    let wanted = usize::try_from(page.limit).unwrap_or(usize::MAX);
    let (elsewhere, leads) = leads(store, filter).await?;
    let selection = Selection { store, filter, elsewhere };
    let mut known = HashMap::new();
    let places = match leads {
        Leads::Few(ids) => {
            let vendors = selection.vendors(&ids).await?;
            let places = vendors.iter().map(|vendor| Place::of(vendor, order)).collect();
            known.extend(vendors.into_iter().map(|vendor| (vendor.id, vendor)));
            Places::of_all(places, after, wanted)
        }
        Leads::Words(codes) if order == VendorOrder::Code && selection.has_words_only() => {
            let places = codes.into_iter().map(|(id, code_key)| Place::in_order_of_code(&code_key, id));
            Places::of_all(places.collect(), after, wanted)
        }
        Leads::Words(codes) => {
            let mut places = selection.places(order).await?;
            places.retain(|place| codes.contains_key(&place.id));
            Places::of_all(places, after, wanted)
        }
        Leads::Everyone if order == VendorOrder::Code && (after.is_some() || selection.is_told_by_the_table()) => {
            selection.by_code(after, wanted).await?
        }
        Leads::Everyone => Places::of_all(selection.places(order).await?, after, wanted),
    };
    let missing: Vec<VendorId> = places.ids().filter(|id| !known.contains_key(id)).collect();
    let read = vendors::get_many(store, &missing).await?;
    known.extend(read.into_iter().map(|vendor| (vendor.id, vendor)));
    let items = places.ids().filter_map(|id| known.remove(&id)).collect();
    let total = places.total;
    Ok(Found {
        vendors: Page {
            items,
            next: places.into_next(),
        },
        total,
    })
}

/// The plain list is an index query.
async fn everyone(store: &Store, page: &PageRequest) -> Result<Found, StoreError> {
    if page.after.as_ref().is_some_and(|key| !key.contains_key("gsi1pk")) {
        return Err(StoreError::Place);
    }
    let (vendors, counts) = try_join(vendors::list_by_code(store, page), store.vendor_counts()).await?;
    Ok(Found {
        vendors,
        total: counts.total,
    })
}

/// The entries of every vendor a filter means, in no order.
///
/// # Errors
/// When the table cannot be read.
pub async fn entries(store: &Store, filter: &VendorFilter) -> Result<Vec<Entry>, StoreError> {
    let filter = &filter.clone().normalised();
    let (elsewhere, leads) = leads(store, filter).await?;
    let selection = Selection { store, filter, elsewhere };
    match leads {
        Leads::Few(ids) => Ok(selection.vendors(&ids).await?.iter().map(Entry::from).collect()),
        Leads::Words(codes) => {
            let mut entries = selection.entries().await?;
            entries.retain(|entry| codes.contains_key(&entry.id));
            Ok(entries)
        }
        Leads::Everyone => selection.entries().await,
    }
}

/// Candidates up to here are read one by one; more of them, and reading the whole directory is cheaper.
const ONE_BY_ONE: usize = 1_000;

/// Where to look for the vendors a filter means.
enum Leads {
    /// In the whole directory.
    Everyone,
    /// Among these, each of which has to be looked at.
    Few(Vec<VendorId>),
    /// Among these, which are exactly those the words lead to, with the keys of their codes.
    Words(HashMap<VendorId, String>),
}

/// Looks up what the filter asks for beyond the vendors, and finds the smallest set that holds all that are meant.
async fn leads(store: &Store, filter: &VendorFilter) -> Result<(Elsewhere, Leads), StoreError> {
    let by_words = async {
        match filter.query() {
            Some(query) => by_words(store, &query).await,
            None => Ok(Leads::Everyone),
        }
    };
    let (elsewhere, words) = try_join(Elsewhere::of(store, filter), by_words).await?;
    let found_by_words = match &words {
        Leads::Few(ids) => ids.len(),
        Leads::Words(_) | Leads::Everyone => usize::MAX,
    };
    let leads = match &elsewhere.answered {
        Some(answered) if answered.len() <= ONE_BY_ONE && answered.len() < found_by_words => Leads::Few(answered.iter().copied().collect()),
        _ => words,
    };
    Ok((elsewhere, leads))
}

/// The vendors that are found by exactly this: a GSTIN, a PAN, a Udyam number, an address.
///
/// # Errors
/// When the table cannot be read.
pub async fn holders(store: &Store, identifier: &str) -> Result<Vec<Vendor>, StoreError> {
    let Some(query) = search::identifier(identifier) else {
        return Ok(Vec::new());
    };
    let ids: Vec<VendorId> = match by_words(store, &query).await? {
        Leads::Few(ids) => ids,
        Leads::Words(codes) => codes.into_keys().collect(),
        Leads::Everyone => Vec::new(),
    };
    vendors::get_many(store, &ids).await
}

/// Vendors to test with.
#[cfg(test)]
mod testing {
    use domain::VendorId;
    use domain::vendor::{MsmeStatus, RawVendor, VendorProfile};
    use domain::vendor_record::Vendor;
    use jiff::Timestamp;

    use crate::client::Item;
    use crate::keys;

    pub(super) fn vendor(raw: RawVendor, at: i64) -> Vendor {
        let at = Timestamp::from_second(at).unwrap();
        Vendor {
            id: VendorId::from_ulid(ulid::Ulid::from_parts(1, u128::try_from(at.as_second()).unwrap())),
            profile: VendorProfile::parse(raw).unwrap().0,
            msme_status: MsmeStatus::Small,
            origin: None,
            deleted_at: None,
            created_at: at,
            updated_at: at,
            version: 1,
        }
    }

    fn called(code: &str, name: &str, at: i64) -> Vendor {
        let raw = RawVendor {
            vendor_code: Some(code.to_owned()),
            company_name: Some(name.to_owned()),
            ..RawVendor::default()
        };
        vendor(raw, at)
    }

    pub(super) fn named(name: &str, at: i64) -> Vendor {
        called("v-1", name, at)
    }

    pub(super) fn coded(code: &str, at: i64) -> Vendor {
        called(code, "Name", at)
    }

    pub(super) fn stored(vendor: &Vendor) -> Item {
        super::entry(vendor, keys::directory_entry(3, &vendor.profile.vendor_code.key(), vendor.id))
    }
}
