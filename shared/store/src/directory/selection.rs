//! Reading the directory by a filter: all parts side by side.

use std::collections::HashSet;

use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::types::Select;
use domain::VendorId;
use domain::segment::{VendorFilter, VendorOrder};
use domain::vendor_record::Vendor;
use futures::future::{try_join, try_join_all};

use super::condition::Condition;
use super::elsewhere::{Addresses, Elsewhere};
use super::entry::{Entry, Stored, is};
use super::places::{Place, Places, Seen, newest_first};
use crate::client::Item;
use crate::{Store, StoreError, counters, vendors};

/// What a list reads of an entry: as much as an order, and a filter that looks beyond the vendor, need to know.
struct Line {
    place: Place,
    addresses: Addresses,
}

impl Line {
    fn read(stored: &Stored<'_>, order: VendorOrder) -> Result<Self, StoreError> {
        let key = match order {
            VendorOrder::Code => stored.place()?.to_owned(),
            VendorOrder::Name => stored.text(is::NAME).ok_or_else(|| stored.corrupt(is::NAME))?.to_lowercase(),
            VendorOrder::Created => newest_first(stored.time(is::CREATED)?),
            VendorOrder::Updated => newest_first(stored.time(is::UPDATED)?),
        };
        let id = stored.id()?;
        Ok(Self {
            place: Place { key, id },
            addresses: Addresses {
                email: stored.digests(is::EMAILS).into_iter().next(),
                phone: stored.digests(is::PHONE).into_iter().next(),
            },
        })
    }
}

/// A filter at work.
pub(super) struct Selection<'a> {
    pub(super) store: &'a Store,
    pub(super) filter: &'a VendorFilter,
    pub(super) elsewhere: Elsewhere,
}

/// Entries looked at by the first query of a part for a page in order of code. With as many parts, a page has a few of each.
const FIRST_LOOK: i32 = 256;

impl Selection<'_> {
    /// Whether the table tells exactly which entries are meant: then it can count them.
    pub(super) fn is_told_by_the_table(&self) -> bool {
        !self.filter.asks_for_suppressions() && !self.filter.asks_for_answers()
    }

    pub(super) fn has_words_only(&self) -> bool {
        let words_only = VendorFilter {
            text: self.filter.text.clone(),
            ..VendorFilter::default()
        };
        *self.filter == words_only
    }

    /// Those of the vendors that are meant.
    pub(super) async fn vendors(&self, ids: &[VendorId]) -> Result<Vec<Vendor>, StoreError> {
        let query = self.filter.query();
        let mut vendors = vendors::get_many(self.store, ids).await?;
        vendors.retain(|vendor| self.elsewhere.admits_vendor(self.filter, query.as_ref(), vendor));
        Ok(vendors)
    }

    /// The places of everyone who is meant, in no order. Words are not looked at.
    pub(super) async fn places(&self, order: VendorOrder) -> Result<Vec<Place>, StoreError> {
        let condition = self.condition(order);
        let parts = (0..counters::SHARDS).map(|shard| self.part(condition.query(self.store, shard, None), |stored| Line::read(stored, order)));
        let lines = try_join_all(parts).await?.into_iter().flatten();
        Ok(lines.filter_map(|line| self.admitted(line)).collect())
    }

    /// The entries of everyone who is meant, each once. Words are not looked at.
    pub(super) async fn entries(&self) -> Result<Vec<Entry>, StoreError> {
        let condition = Condition::of(self.filter);
        let parts = (0..counters::SHARDS).map(|shard| self.part(condition.query(self.store, shard, None), |stored| stored.entry()));
        let mut entries: Vec<Entry> = try_join_all(parts).await?.into_iter().flatten().collect();
        // A vendor whose code is being changed may be read at both of its places.
        let mut seen = HashSet::with_capacity(entries.len());
        entries.retain(|entry| {
            let addresses = || Addresses {
                email: entry.emails.first().cloned(),
                phone: entry.phone.clone(),
            };
            self.elsewhere.admits(self.filter, entry.id, addresses) && seen.insert(entry.id)
        });
        Ok(entries)
    }

    /// A page in order of code: each part gives so many that the page is among them. Counted is once, for the first page.
    pub(super) async fn by_code(&self, after: Option<Seen>, wanted: usize) -> Result<Places, StoreError> {
        let (after, total) = after.map(|Seen { place, total }| (place.key, total)).unzip();
        let count = async {
            match total {
                Some(total) => Ok(total),
                None => self.count().await,
            }
        };
        let condition = self.condition(VendorOrder::Code);
        let parts = (0..counters::SHARDS).map(|shard| self.next_of_part(condition.query(self.store, shard, after.as_deref()), wanted + 1));
        let (places, total) = try_join(try_join_all(parts), count).await?;
        Ok(Places::of_rest(places.into_iter().flatten().collect(), total, wanted))
    }

    async fn count(&self) -> Result<u64, StoreError> {
        let condition = Condition::of(self.filter);
        let parts = (0..counters::SHARDS).map(async |shard| {
            let mut counted = 0;
            let mut after: Option<Item> = None;
            loop {
                let query = condition.query(self.store, shard, None).select(Select::Count);
                let output = query.set_exclusive_start_key(after).send().await?;
                counted += u64::try_from(output.count).unwrap_or_default();
                after = output.last_evaluated_key;
                if after.is_none() {
                    return Ok::<_, StoreError>(counted);
                }
            }
        });
        Ok(try_join_all(parts).await?.into_iter().sum())
    }

    /// Everything a query finds in one part.
    async fn part<T>(&self, query: QueryFluentBuilder, read: impl Fn(&Stored<'_>) -> Result<T, StoreError>) -> Result<Vec<T>, StoreError> {
        let mut found = Vec::new();
        let mut after: Option<Item> = None;
        loop {
            let output = query.clone().set_exclusive_start_key(after).send().await?;
            for item in output.items.unwrap_or_default() {
                found.push(read(&Stored(&item))?);
            }
            after = output.last_evaluated_key;
            if after.is_none() {
                return Ok(found);
            }
        }
    }

    /// The next few of one part that are meant.
    async fn next_of_part(&self, query: QueryFluentBuilder, wanted: usize) -> Result<Vec<Place>, StoreError> {
        let mut places = Vec::new();
        let mut after: Option<Item> = None;
        let mut look = Some(FIRST_LOOK);
        loop {
            let output = query.clone().set_limit(look.take()).set_exclusive_start_key(after).send().await?;
            for item in output.items.unwrap_or_default() {
                places.extend(self.admitted(Line::read(&Stored(&item), VendorOrder::Code)?));
            }
            after = output.last_evaluated_key;
            if after.is_none() || places.len() >= wanted {
                return Ok(places);
            }
        }
    }

    fn admitted(&self, line: Line) -> Option<Place> {
        let Line { place, addresses } = line;
        self.elsewhere.admits(self.filter, place.id, || addresses).then_some(place)
    }

    /// The condition on an entry, and what is read of it for an order.
    fn condition(&self, order: VendorOrder) -> Condition {
        let mut wanted = vec!["sk"];
        wanted.extend(match order {
            VendorOrder::Code => None,
            VendorOrder::Name => Some(is::NAME),
            VendorOrder::Created => Some(is::CREATED),
            VendorOrder::Updated => Some(is::UPDATED),
        });
        if self.filter.asks_for_suppressions() {
            wanted.extend([is::EMAILS, is::PHONE]);
        }
        Condition::of(self.filter).reading(&wanted)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{named, stored};
    use super::*;

    #[test]
    fn the_directory_and_the_vendor_agree_about_every_order() {
        let vendor = named("Name", 20);
        for order in [VendorOrder::Code, VendorOrder::Name, VendorOrder::Created, VendorOrder::Updated] {
            let read = Line::read(&Stored(&stored(&vendor)), order).unwrap().place;
            assert_eq!(read, Place::of(&vendor, order), "{order:?}");
        }
    }
}
