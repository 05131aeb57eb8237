//! Finding vendors by words: each beginning is looked up in its partition of tokens.

use std::collections::{BTreeMap, HashMap, HashSet};

use domain::VendorId;
use domain::search::Query;
use futures::future::try_join_all;

use super::entry::Stored;
use super::{Leads, ONE_BY_ONE};
use crate::client::{Item, Listing};
use crate::{PageKey, PageRequest, Store, StoreError, keys};

/// What is found by one beginning, as far as it has been read.
#[derive(Default)]
struct Lookup {
    /// Vendors and the keys of their codes.
    found: HashMap<VendorId, String>,
    /// Partitions of which there is more, and where.
    rest: Vec<(String, PageKey)>,
}

impl Lookup {
    /// Reads so much that it is known whether there are few.
    async fn begin(store: &Store, prefix: &str) -> Result<Self, StoreError> {
        let page = PageRequest {
            limit: u32::try_from(ONE_BY_ONE + 1).unwrap_or(u32::MAX),
            after: None,
        };
        let partitions = keys::search_partitions(prefix).into_iter().map(async |partition| {
            let (items, next) = store.list_items(tokens(&partition, prefix), &page).await?;
            Ok::<_, StoreError>((items, next.map(|next| (partition, next))))
        });
        let mut lookup = Self::default();
        for (items, rest) in try_join_all(partitions).await? {
            lookup.learn(&items);
            lookup.rest.extend(rest);
        }
        Ok(lookup)
    }

    /// Reads what is left.
    async fn finish(mut self, store: &Store, prefix: &str) -> Result<Self, StoreError> {
        let rest = std::mem::take(&mut self.rest).into_iter().map(async |(partition, next)| {
            let mut all = Vec::new();
            let mut after = Some(next);
            while after.is_some() {
                let (items, next) = store.list_items(tokens(&partition, prefix), &PageRequest { limit: 0, after }).await?;
                all.extend(items);
                after = next;
            }
            Ok::<_, StoreError>(all)
        });
        for items in try_join_all(rest).await? {
            self.learn(&items);
        }
        Ok(self)
    }

    fn learn(&mut self, items: &[Item]) {
        self.found.extend(items.iter().filter_map(|item| {
            // `<token>#<code><TAB><id>`, and no token has a `#`.
            let (_, place) = Stored(item).text("sk")?.split_once('#')?;
            let (code_key, id) = keys::at_place_of_code(place)?;
            Some((id, code_key.to_owned()))
        }));
    }

    fn ids(&self) -> HashSet<VendorId> {
        self.found.keys().copied().collect()
    }
}

fn tokens<'a>(partition: &'a str, prefix: &'a str) -> Listing<'a> {
    Listing::partition(partition).beginning_with(prefix).consistent().keys_only()
}

/// The vendors a query leads to. Where one of its words is rare, the others are not read to their ends.
pub(super) async fn by_words(store: &Store, query: &Query) -> Result<Leads, StoreError> {
    let prefixes: Vec<&str> = query.prefixes().into_iter().collect();
    let begun = try_join_all(prefixes.iter().map(|prefix| Lookup::begin(store, prefix))).await?;
    let lookups: BTreeMap<&str, Lookup> = prefixes.iter().copied().zip(begun).collect();
    if let Some(ids) = at_most(query, &lookups).filter(|ids| ids.len() <= ONE_BY_ONE) {
        return Ok(Leads::Few(ids.into_iter().collect()));
    }
    let finished = lookups
        .into_iter()
        .map(async |(prefix, lookup)| Ok::<_, StoreError>((prefix, lookup.finish(store, prefix).await?)));
    let lookups: BTreeMap<&str, Lookup> = try_join_all(finished).await?.into_iter().collect();
    let ids = exactly(query, &lookups);
    if ids.len() <= ONE_BY_ONE {
        return Ok(Leads::Few(ids.into_iter().collect()));
    }
    let found = lookups.into_values().flat_map(|lookup| lookup.found);
    Ok(Leads::Words(found.filter(|(id, _)| ids.contains(id)).collect()))
}

/// A set that holds everyone the query means, from what has been read to its end; none where that says nothing.
fn at_most(query: &Query, lookups: &BTreeMap<&str, Lookup>) -> Option<HashSet<VendorId>> {
    match query {
        Query::Prefix(prefix) => lookups.get(prefix.as_str()).filter(|lookup| lookup.rest.is_empty()).map(Lookup::ids),
        Query::All(parts) => parts.iter().filter_map(|part| at_most(part, lookups)).min_by_key(HashSet::len),
        Query::Any(ways) => {
            let sets: Option<Vec<_>> = ways.iter().map(|way| at_most(way, lookups)).collect();
            Some(sets?.into_iter().flatten().collect())
        }
    }
}

fn exactly(query: &Query, lookups: &BTreeMap<&str, Lookup>) -> HashSet<VendorId> {
    match query {
        Query::Prefix(prefix) => lookups.get(prefix.as_str()).map(Lookup::ids).unwrap_or_default(),
        Query::All(parts) => {
            let mut sets: Vec<_> = parts.iter().map(|part| exactly(part, lookups)).collect();
            // From the rarest word on, so that the others only strike out.
            sets.sort_by_key(HashSet::len);
            let mut sets = sets.into_iter();
            let mut rarest = sets.next().unwrap_or_default();
            for others in sets {
                rarest.retain(|id| others.contains(id));
            }
            rarest
        }
        Query::Any(ways) => ways.iter().flat_map(|way| exactly(way, lookups)).collect(),
    }
}
