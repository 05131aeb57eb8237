//! The directory of vendors: what lists, searches and imports need to know of each, a few hundred bytes, in sixteen partitions that
//! are read side by side. So any combination of filters, in any order, has an exact total without a scan of the table.
//!
//! It is written in the vendor's own transaction and read consistently: what was saved is found.

use std::collections::{HashMap, HashSet};

use aws_sdk_dynamodb::types::AttributeValue;
use domain::delivery::Channel;
use domain::segment::{Traits, VendorFilter, VendorOrder};
use domain::suppression::SuppressionId;
use domain::vendor::MsmeStatus;
use domain::vendor_record::Vendor;
use domain::{CampaignId, VendorId, search};
use futures::future::{try_join, try_join_all};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::client::{Item, Listing, read, s};
use crate::{Page, PageKey, Store, StoreError, counters, keys, suppressions, vendors};

/// A vendor, as far as lists need to know it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// Identity.
    pub id: VendorId,
    /// Code, as given.
    pub code: String,
    /// Name.
    pub name: String,
    /// Current status.
    pub status: MsmeStatus,
    /// State, by name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// Supplier type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub supplier_type: Option<String>,
    /// Tags.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// PAN.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pan: Option<String>,
    /// Udyam number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub udyam: Option<String>,
    /// GSTINs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gstins: Vec<String>,
    /// Digests of the e-mail addresses, the primary one first; see [`digest`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub emails: Vec<String>,
    /// Digests of the telephone numbers, the primary one first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub phones: Vec<String>,
    /// When the vendor was created.
    pub created: Timestamp,
    /// When it last changed.
    pub updated: Timestamp,
}

/// How many characters of an address's SHA-256 the directory keeps: 64 bits, among which 100,000 vendors hardly meet.
const DIGEST_CHARS: usize = 16;

/// The beginning of the digest by which suppressions know an address.
pub fn digest(channel: Channel, address: &str) -> String {
    SuppressionId::of(channel, address).hash()[..DIGEST_CHARS].to_owned()
}

impl From<&Vendor> for Entry {
    fn from(vendor: &Vendor) -> Self {
        let profile = &vendor.profile;
        let digests = |channel| profile.addresses(channel).into_iter().map(|address| digest(channel, address)).collect();
        Self {
            id: vendor.id,
            code: profile.vendor_code.as_str().to_owned(),
            name: profile.company_name.clone(),
            status: vendor.msme_status,
            state: profile.state.map(|state| state.as_str().to_owned()),
            supplier_type: profile.supplier_type.clone(),
            tags: profile.tags.clone(),
            pan: profile.pan_number.as_ref().map(|pan| pan.as_str().to_owned()),
            udyam: profile.udyam_number.as_ref().map(|udyam| udyam.as_str().to_owned()),
            gstins: profile.gst_numbers.iter().map(|gstin| gstin.as_str().to_owned()).collect(),
            emails: digests(Channel::Email),
            phones: digests(Channel::Whatsapp),
            created: vendor.created_at,
            updated: vendor.updated_at,
        }
    }
}

impl<'a> From<&'a Entry> for Traits<'a> {
    fn from(entry: &'a Entry) -> Self {
        Self {
            status: entry.status,
            state: entry.state.as_deref(),
            supplier_type: entry.supplier_type.as_deref(),
            tags: &entry.tags,
            has_email: !entry.emails.is_empty(),
            has_whatsapp: !entry.phones.is_empty(),
        }
    }
}

/// Which vendors have no place in a filter that looks beyond the vendor: suppressed addresses, answers.
#[derive(Debug, Default)]
pub(crate) struct Elsewhere {
    /// Digests of suppressed addresses, where the filter asks.
    suppressed: Option<HashSet<String>>,
    answered: Option<HashSet<VendorId>>,
    not_answered: Option<HashSet<VendorId>>,
}

impl Elsewhere {
    /// Looks up what a filter asks for beyond the vendors.
    pub(crate) async fn of(store: &Store, filter: &VendorFilter) -> Result<Self, StoreError> {
        let mut found = Self::default();
        if filter.suppressed.is_some() {
            found.suppressed = Some(suppressions::digests(store, DIGEST_CHARS).await?);
        }
        if let Some(campaign) = filter.responded {
            found.answered = Some(answered(store, campaign).await?);
        }
        if let Some(campaign) = filter.not_responded {
            found.not_answered = Some(answered(store, campaign).await?);
        }
        Ok(found)
    }

    fn admits(&self, filter: &VendorFilter, entry: &Entry) -> bool {
        let is_suppressed = |suppressed: &HashSet<String>| {
            let primary = [entry.emails.first(), entry.phones.first()];
            primary.into_iter().flatten().any(|digest| suppressed.contains(digest))
        };
        self.suppressed.as_ref().is_none_or(|set| filter.suppressed == Some(is_suppressed(set)))
            && self.answered.as_ref().is_none_or(|set| set.contains(&entry.id))
            && self.not_answered.as_ref().is_none_or(|set| !set.contains(&entry.id))
    }

    /// Whether a vendor is meant by the filter, all things considered.
    pub(crate) fn admits_vendor(&self, filter: &VendorFilter, words: &[String], vendor: &Vendor) -> bool {
        let entry = Entry::from(vendor);
        filter.admits(&Traits::from(&entry))
            && self.admits(filter, &entry)
            && (words.is_empty() || search::matches(&search::tokens(&vendor.profile), words))
    }
}

/// Everyone who answered a campaign or a reminder of it.
async fn answered(store: &Store, campaign: CampaignId) -> Result<HashSet<VendorId>, StoreError> {
    let root = match crate::campaigns::get(store, campaign).await {
        Ok(campaign) => campaign.root(),
        // Deleted: nobody answered it.
        Err(StoreError::NotFound) => campaign,
        Err(error) => return Err(error),
    };
    let partition = keys::answers(root);
    let items = store.list_all_items(Listing::partition(&partition)).await?;
    let ids = items.iter().filter_map(|item| item.get("sk")?.as_s().ok()?.parse().ok());
    Ok(ids.collect())
}

/// What a filter found.
#[derive(Debug)]
pub struct Found {
    /// A page of it.
    pub vendors: Page<Vendor>,
    /// How many there are in all.
    pub total: u64,
}

/// Finds vendors, and counts all that are meant.
///
/// # Errors
/// When the table cannot be read.
pub async fn find(store: &Store, filter: &VendorFilter, order: VendorOrder, page: &crate::PageRequest) -> Result<Found, StoreError> {
    if filter.is_everyone() && order == VendorOrder::Code {
        let (vendors, counts) = try_join(vendors::list_by_code(store, page), store.vendor_counts()).await?;
        return Ok(Found {
            vendors,
            total: counts.total,
        });
    }
    let entries = entries(store, filter).await?;
    let mut places: Vec<Place> = entries.iter().map(|entry| Place::of(entry, order)).collect();
    let total = u64::try_from(places.len()).unwrap_or(u64::MAX);
    if let Some(after) = page.after.as_ref().and_then(Place::read) {
        places.retain(|place| *place > after);
    }
    let wanted = usize::try_from(page.limit).unwrap_or(usize::MAX);
    let more = places.len() > wanted;
    if more {
        // Only the page is sorted: the rest merely has to be behind it.
        places.select_nth_unstable(wanted);
        places.truncate(wanted);
    }
    places.sort_unstable();
    let ids: Vec<VendorId> = places.iter().map(|place| place.id).collect();
    Ok(Found {
        vendors: Page {
            items: vendors::get_many(store, &ids).await?,
            next: places.pop().filter(|_| more).map(Place::write),
        },
        total,
    })
}

/// A vendor's place in an order; smaller comes first.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    /// For times: counted down, so that the newest come first.
    key: String,
    id: VendorId,
}

impl Place {
    fn of(entry: &Entry, order: VendorOrder) -> Self {
        let newest_first = |at: Timestamp| format!("{:020}", i64::MAX - at.as_microsecond());
        let key = match order {
            VendorOrder::Code => entry.code.to_uppercase(),
            VendorOrder::Name => entry.name.to_lowercase(),
            VendorOrder::Created => newest_first(entry.created),
            VendorOrder::Updated => newest_first(entry.updated),
        };
        Self { key, id: entry.id }
    }

    fn write(self) -> PageKey {
        PageKey::from([("key".to_owned(), self.key), ("id".to_owned(), self.id.to_string())])
    }

    fn read(key: &PageKey) -> Option<Self> {
        Some(Self {
            key: key.get("key")?.clone(),
            id: key.get("id")?.parse().ok()?,
        })
    }
}

/// Candidates up to here are read one by one; more of them, and reading the whole directory is cheaper.
const ONE_BY_ONE: usize = 1_000;

/// The entries of every vendor a filter means, in no order.
///
/// # Errors
/// When the table cannot be read.
pub async fn entries(store: &Store, filter: &VendorFilter) -> Result<Vec<Entry>, StoreError> {
    let words = filter.words();
    let (elsewhere, candidates) = try_join(Elsewhere::of(store, filter), candidates(store, &words)).await?;
    let mut entries = match &candidates {
        Some(candidates) if candidates.is_empty() => Vec::new(),
        Some(candidates) if candidates.len() <= ONE_BY_ONE => {
            let ids: Vec<VendorId> = candidates.iter().copied().collect();
            vendors::get_many(store, &ids).await?.iter().map(Entry::from).collect()
        }
        Some(candidates) => {
            let mut entries = all(store, filter).await?;
            entries.retain(|entry| candidates.contains(&entry.id));
            entries
        }
        None => all(store, filter).await?,
    };
    entries.retain(|entry| filter.admits(&Traits::from(entry)) && elsewhere.admits(filter, entry));
    Ok(entries)
}

/// The vendors all words lead to; `None` where there are no words.
async fn candidates(store: &Store, words: &[String]) -> Result<Option<HashSet<VendorId>>, StoreError> {
    let lookups = words.iter().map(|word| async move {
        let partition = keys::search_partition(word);
        let items = store
            .list_all_items(Listing::partition(&partition).beginning_with(word).consistent())
            .await?;
        let ids = items.iter().filter_map(|item| {
            let sk = item.get("sk")?.as_s().ok()?;
            sk.rsplit_once('#')?.1.parse().ok()
        });
        Ok::<HashSet<VendorId>, StoreError>(ids.collect())
    });
    let mut found = try_join_all(lookups).await?;
    // From the rarest word on, so that the others only strike out.
    found.sort_by_key(HashSet::len);
    let mut found = found.into_iter();
    let Some(mut rarest) = found.next() else { return Ok(None) };
    for others in found {
        rarest.retain(|id| others.contains(id));
    }
    Ok(Some(rarest))
}

/// The vendors that are found by exactly this: a GSTIN, a PAN, a Udyam number, an address.
///
/// # Errors
/// When the table cannot be read.
pub async fn holders(store: &Store, identifier: &str) -> Result<Vec<Vendor>, StoreError> {
    let words = search::query(identifier);
    let found = candidates(store, &words).await?.unwrap_or_default();
    let ids: Vec<VendorId> = found.into_iter().collect();
    vendors::get_many(store, &ids).await
}

/// Every entry, as far as the table can tell already that it is meant: what it leaves out need not travel.
async fn all(store: &Store, filter: &VendorFilter) -> Result<Vec<Entry>, StoreError> {
    let condition = Condition::of(filter);
    let parts = (0..counters::SHARDS).map(|shard| {
        let condition = &condition;
        async move {
            let mut entries = Vec::new();
            let mut after: Option<Item> = None;
            loop {
                let output = store
                    .client
                    .query()
                    .table_name(&store.table)
                    .key_condition_expression("pk = :pk")
                    .set_filter_expression(condition.expression.clone())
                    .set_expression_attribute_names(condition.names.clone())
                    .consistent_read(true)
                    .set_exclusive_start_key(after)
                    .set_expression_attribute_values(Some(condition.values(shard)))
                    .send()
                    .await?;
                for item in output.items.unwrap_or_default() {
                    entries.push(read::<Entry>(item)?);
                }
                after = output.last_evaluated_key;
                if after.is_none() {
                    return Ok::<_, StoreError>(entries);
                }
            }
        }
    });
    Ok(try_join_all(parts).await?.into_iter().flatten().collect())
}

/// The part of a filter DynamoDB can tell exactly. What it compares with case, [`VendorFilter::admits`] does.
#[derive(Default)]
struct Condition {
    expression: Option<String>,
    names: Option<HashMap<String, String>>,
    values: HashMap<String, AttributeValue>,
}

impl Condition {
    fn of(filter: &VendorFilter) -> Self {
        let mut clauses = Vec::new();
        let mut names = HashMap::new();
        let mut values = HashMap::new();
        let mut one_of = |name: &str, wanted: Vec<String>| {
            if wanted.is_empty() {
                return;
            }
            let mut placeholders = Vec::with_capacity(wanted.len());
            for (i, value) in wanted.into_iter().enumerate() {
                placeholders.push(format!(":{name}{i}"));
                values.insert(format!(":{name}{i}"), s(value));
            }
            names.insert(format!("#{name}"), name.to_owned());
            clauses.push(format!("#{name} IN ({})", placeholders.join(", ")));
        };
        one_of("status", filter.msme_statuses.iter().map(|status| status.as_str().to_owned()).collect());
        one_of("state", filter.states.clone());
        let mut has = |name: &str, wanted: Option<bool>| {
            if let Some(wanted) = wanted {
                names.insert(format!("#{name}"), name.to_owned());
                let function = if wanted { "attribute_exists" } else { "attribute_not_exists" };
                clauses.push(format!("{function}(#{name})"));
            }
        };
        has("emails", filter.has_email);
        has("phones", filter.has_whatsapp);
        for (i, tag) in filter.tags.iter().enumerate() {
            // Tags are stored in lower case.
            names.insert("#tags".to_owned(), "tags".to_owned());
            values.insert(format!(":tag{i}"), s(tag.to_lowercase()));
            clauses.push(format!("contains(#tags, :tag{i})"));
        }
        Self {
            expression: (!clauses.is_empty()).then(|| clauses.join(" AND ")),
            names: (!names.is_empty()).then_some(names),
            values,
        }
    }

    fn values(&self, shard: u8) -> HashMap<String, AttributeValue> {
        let mut values = self.values.clone();
        values.insert(":pk".to_owned(), s(keys::directory(shard)));
        values
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_come_first_and_ids_tell_equals_apart() {
        let entry = |n: u128, at: i64| Entry {
            id: VendorId::from_ulid(ulid::Ulid::from_parts(1, n)),
            code: "V".to_owned(),
            name: "Name".to_owned(),
            status: MsmeStatus::Unknown,
            state: None,
            supplier_type: None,
            tags: Vec::new(),
            pan: None,
            udyam: None,
            gstins: Vec::new(),
            emails: Vec::new(),
            phones: Vec::new(),
            created: Timestamp::from_second(at).unwrap(),
            updated: Timestamp::from_second(at).unwrap(),
        };
        let place = |n, at, order| Place::of(&entry(n, at), order);
        assert!(place(1, 20, VendorOrder::Created) < place(2, 10, VendorOrder::Created));
        assert!(place(1, 20, VendorOrder::Name) < place(2, 10, VendorOrder::Name));
        let written = place(1, 20, VendorOrder::Updated);
        assert_eq!(Place::read(&place(1, 20, VendorOrder::Updated).write()), Some(written));
    }
}
