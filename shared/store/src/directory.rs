//! The directory of vendors: what lists, searches and imports need to know of each, some two hundred bytes, in partitions that are
//! read side by side. So any combination of filters, in any order, has an exact total without a scan of the table.
//!
//! It is written in the vendor's own transaction and read consistently: what was saved is found. An entry is read a hundred thousand
//! times more often than any other item, so it has no entity name and no version, its attributes have one letter, and what its key
//! says is not said again. Should it have to look otherwise one day, it can be made anew from the vendors.

use std::collections::{BTreeMap, HashMap, HashSet};

use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::{AttributeValue, Select};
use domain::delivery::Channel;
use domain::identifiers::IndianState;
use domain::search::{self, Query};
use domain::segment::{self, Traits, VendorFilter, VendorOrder};
use domain::suppression::SuppressionId;
use domain::vendor::MsmeStatus;
use domain::vendor_record::Vendor;
use domain::{CampaignId, FieldError, VendorId};
use futures::future::{try_join, try_join_all, try_join3};
use jiff::Timestamp;

use crate::client::{Item, Listing, key_item, n, s};
use crate::keys::Key;
use crate::{Page, PageKey, PageRequest, Store, StoreError, campaigns, counters, keys, suppressions, vendors};

/// A vendor, as far as lists need to know it.
#[derive(Debug, Clone, PartialEq)]
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
    pub state: Option<String>,
    /// Supplier type, in lower case.
    pub supplier_type: Option<String>,
    /// Tags.
    pub tags: Vec<String>,
    /// PAN.
    pub pan: Option<String>,
    /// Udyam number.
    pub udyam: Option<String>,
    /// GSTINs.
    pub gstins: Vec<String>,
    /// Digests of the e-mail addresses, the primary one first; see [`digest`].
    pub emails: Vec<String>,
    /// Digest of the primary telephone number.
    pub phone: Option<String>,
    /// When the vendor was created.
    pub created: Timestamp,
    /// When it last changed.
    pub updated: Timestamp,
}

/// The attributes of a stored entry.
mod is {
    pub(super) const CODE: &str = "o";
    pub(super) const NAME: &str = "n";
    pub(super) const STATUS: &str = "s";
    pub(super) const STATE: &str = "t";
    pub(super) const SUPPLIER_TYPE: &str = "y";
    pub(super) const TAGS: &str = "g";
    pub(super) const PAN: &str = "p";
    pub(super) const UDYAM: &str = "u";
    pub(super) const GSTINS: &str = "i";
    pub(super) const EMAILS: &str = "e";
    pub(super) const PHONE: &str = "w";
    pub(super) const CREATED: &str = "c";
    pub(super) const UPDATED: &str = "m";
}

/// How many bytes of an address's SHA-256 the directory keeps: 64 bits, among which 100,000 vendors hardly meet.
const DIGEST_BYTES: usize = 8;

/// The beginning of the digest by which suppressions know an address, in hexadecimal.
pub fn digest(channel: Channel, address: &str) -> String {
    SuppressionId::of(channel, address).hash()[..2 * DIGEST_BYTES].to_owned()
}

const fn letter_of(status: MsmeStatus) -> &'static str {
    match status {
        MsmeStatus::Unknown => "u",
        MsmeStatus::Micro => "m",
        MsmeStatus::Small => "s",
        MsmeStatus::Medium => "d",
        MsmeStatus::RegisteredTrader => "t",
        MsmeStatus::NotRegistered => "n",
    }
}

const UDYAM: &str = "UDYAM-";

/// A GSTIN without the PAN inside it, where that is the vendor's own.
fn short_gstin(gstin: &str, pan: Option<&str>) -> String {
    match (gstin.get(2..12), pan) {
        (Some(inside), Some(pan)) if inside == pan => format!("{}{}", &gstin[..2], &gstin[12..]),
        _ => gstin.to_owned(),
    }
}

fn whole_gstin(short: &str, pan: Option<&str>) -> String {
    match (short.split_at_checked(2), pan) {
        (Some((state, end)), Some(pan)) if end.len() == 3 => format!("{state}{pan}{end}"),
        _ => short.to_owned(),
    }
}

/// The vendor's entry under its key.
pub(crate) fn entry(vendor: &Vendor, key: Key) -> Item {
    let Entry {
        id: _,
        code,
        name,
        status,
        state: _,
        supplier_type,
        tags,
        pan,
        udyam,
        gstins,
        emails,
        phone,
        created,
        updated,
    } = Entry::from(vendor);
    let is_own_key = code == vendor.profile.vendor_code.key();
    let texts = |texts: Vec<String>| (!texts.is_empty()).then_some(AttributeValue::Ss(texts));
    let gstins = gstins.iter().map(|gstin| short_gstin(gstin, pan.as_deref())).collect();
    let attributes = [
        (is::CODE, (!is_own_key).then(|| s(code))),
        (is::NAME, Some(s(name))),
        (is::STATUS, Some(s(letter_of(status)))),
        (is::STATE, vendor.profile.state.map(|state| n(state.gst_code()))),
        (is::SUPPLIER_TYPE, supplier_type.map(s)),
        (is::TAGS, texts(tags)),
        (is::GSTINS, texts(gstins)),
        (is::PAN, pan.map(s)),
        (is::UDYAM, udyam.map(|udyam| s(udyam.strip_prefix(UDYAM).unwrap_or(&udyam)))),
        (is::EMAILS, packed(&emails)),
        (is::PHONE, packed(phone.as_slice())),
        (is::CREATED, Some(n(created.as_microsecond()))),
        (is::UPDATED, Some(n(updated.as_microsecond()))),
    ];
    let mut item = key_item(key);
    item.extend(attributes.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
    item
}

/// Digests one behind the other, as bytes.
fn packed(digests: &[String]) -> Option<AttributeValue> {
    let byte = |hex: &[u8]| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok();
    let bytes: Vec<u8> = digests.iter().flat_map(|digest| digest.as_bytes().chunks(2)).filter_map(byte).collect();
    (!bytes.is_empty()).then(|| AttributeValue::B(Blob::new(bytes)))
}

/// Reads an entry's attributes, or what a query projected of them.
struct Stored<'a>(&'a Item);

impl<'a> Stored<'a> {
    fn text(&self, name: &str) -> Option<&'a str> {
        Some(self.0.get(name)?.as_s().ok()?.as_str())
    }

    fn texts(&self, name: &str) -> Vec<String> {
        self.0.get(name).and_then(|value| value.as_ss().ok()).cloned().unwrap_or_default()
    }

    fn number(&self, name: &str) -> Option<i64> {
        self.0.get(name)?.as_n().ok()?.parse().ok()
    }

    fn digests(&self, name: &str) -> Vec<String> {
        let bytes = self.0.get(name).and_then(|value| value.as_b().ok()).map(Blob::as_ref).unwrap_or_default();
        let hex = |digest: &[u8]| digest.iter().map(|byte| format!("{byte:02x}")).collect();
        bytes.chunks(DIGEST_BYTES).map(hex).collect()
    }

    /// The place in order of code.
    fn place(&self) -> Result<&'a str, StoreError> {
        self.text("sk").ok_or_else(|| self.corrupt("sk"))
    }

    fn id(&self) -> Result<VendorId, StoreError> {
        let (_, id) = keys::at_place_of_code(self.place()?).ok_or_else(|| self.corrupt("sk"))?;
        Ok(id)
    }

    fn time(&self, name: &'static str) -> Result<Timestamp, StoreError> {
        let micros = self.number(name);
        micros
            .and_then(|micros| Timestamp::from_microsecond(micros).ok())
            .ok_or_else(|| self.corrupt(name))
    }

    fn corrupt(&self, attribute: &str) -> StoreError {
        StoreError::Corrupt {
            pk: self.text("pk").unwrap_or("DIRECTORY").to_owned(),
            sk: self.text("sk").unwrap_or_default().to_owned(),
            reason: format!("{attribute} is not what an entry of the directory has"),
        }
    }

    fn entry(&self) -> Result<Entry, StoreError> {
        let (code_key, id) = keys::at_place_of_code(self.place()?).ok_or_else(|| self.corrupt("sk"))?;
        let pan = self.text(is::PAN).map(str::to_owned);
        let letter = self.text(is::STATUS);
        let status = MsmeStatus::ALL.into_iter().find(|status| Some(letter_of(*status)) == letter);
        let state = self
            .number(is::STATE)
            .and_then(|code| IndianState::from_gst_code(u8::try_from(code).ok()?));
        let gstins = self.texts(is::GSTINS);
        Ok(Entry {
            id,
            code: self.text(is::CODE).unwrap_or(code_key).to_owned(),
            name: self.text(is::NAME).ok_or_else(|| self.corrupt(is::NAME))?.to_owned(),
            status: status.ok_or_else(|| self.corrupt(is::STATUS))?,
            state: state.map(|state| state.as_str().to_owned()),
            supplier_type: self.text(is::SUPPLIER_TYPE).map(str::to_owned),
            tags: self.texts(is::TAGS),
            udyam: self
                .text(is::UDYAM)
                .map(|udyam| format!("{UDYAM}{}", udyam.strip_prefix(UDYAM).unwrap_or(udyam))),
            gstins: gstins.iter().map(|short| whole_gstin(short, pan.as_deref())).collect(),
            pan,
            emails: self.digests(is::EMAILS),
            phone: self.digests(is::PHONE).into_iter().next(),
            created: self.time(is::CREATED)?,
            updated: self.time(is::UPDATED)?,
        })
    }

    /// What an order and a filter that looks beyond the vendor need to know.
    fn line(&self, order: VendorOrder) -> Result<Line, StoreError> {
        let key = match order {
            VendorOrder::Code => self.place()?.to_owned(),
            VendorOrder::Name => self.text(is::NAME).ok_or_else(|| self.corrupt(is::NAME))?.to_lowercase(),
            VendorOrder::Created => newest_first(self.time(is::CREATED)?),
            VendorOrder::Updated => newest_first(self.time(is::UPDATED)?),
        };
        let id = self.id()?;
        Ok(Line {
            place: Place { key, id },
            addresses: Addresses {
                email: self.digests(is::EMAILS).into_iter().next(),
                phone: self.digests(is::PHONE).into_iter().next(),
            },
        })
    }
}

impl From<&Vendor> for Entry {
    fn from(vendor: &Vendor) -> Self {
        let profile = &vendor.profile;
        let emails = profile.addresses(Channel::Email).into_iter();
        Self {
            id: vendor.id,
            code: profile.vendor_code.as_str().to_owned(),
            name: profile.company_name.clone(),
            status: vendor.msme_status,
            state: profile.state.map(|state| state.as_str().to_owned()),
            supplier_type: profile.supplier_type.as_deref().map(segment::label),
            tags: profile.tags.clone(),
            pan: profile.pan_number.as_ref().map(|pan| pan.as_str().to_owned()),
            udyam: profile.udyam_number.as_ref().map(|udyam| udyam.as_str().to_owned()),
            gstins: profile.gst_numbers.iter().map(|gstin| gstin.as_str().to_owned()).collect(),
            emails: emails.map(|address| digest(Channel::Email, address)).collect(),
            phone: profile.address(Channel::Whatsapp).map(|address| digest(Channel::Whatsapp, address)),
            created: vendor.created_at,
            updated: vendor.updated_at,
        }
    }
}

/// Digests of the addresses campaigns write to.
struct Addresses {
    email: Option<String>,
    phone: Option<String>,
}

impl Addresses {
    fn of(vendor: &Vendor) -> Self {
        let of = |channel| vendor.profile.address(channel).map(|address| digest(channel, address));
        Self {
            email: of(Channel::Email),
            phone: of(Channel::Whatsapp),
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
        let digests = async {
            match filter.asks_for_suppressions() {
                true => suppressions::digests(store, 2 * DIGEST_BYTES).await.map(Some),
                false => Ok(None),
            }
        };
        let of = async |campaign: Option<CampaignId>| match campaign {
            Some(campaign) => answered(store, campaign).await.map(Some),
            None => Ok(None),
        };
        let (suppressed, answered, not_answered) = try_join3(digests, of(filter.responded), of(filter.not_responded)).await?;
        Ok(Self {
            suppressed,
            answered,
            not_answered,
        })
    }

    /// Addresses are asked for only where they matter: their digests cost something.
    fn admits(&self, filter: &VendorFilter, id: VendorId, addresses: impl FnOnce() -> Addresses) -> bool {
        self.answered.as_ref().is_none_or(|set| set.contains(&id))
            && self.not_answered.as_ref().is_none_or(|set| !set.contains(&id))
            && (self.suppressed.as_ref()).is_none_or(|suppressed| Self::admits_addresses(suppressed, filter, &addresses()))
    }

    fn admits_addresses(suppressed: &HashSet<String>, filter: &VendorFilter, addresses: &Addresses) -> bool {
        let is_suppressed = |digest: &Option<String>| digest.as_ref().is_some_and(|digest| suppressed.contains(digest));
        let agrees = |wanted: Option<bool>, is: bool| wanted.is_none_or(|wanted| wanted == is);
        let (email, phone) = (is_suppressed(&addresses.email), is_suppressed(&addresses.phone));
        agrees(filter.suppressed, email || phone) && agrees(filter.suppressed_email, email) && agrees(filter.suppressed_whatsapp, phone)
    }

    /// Whether a vendor is meant by the filter, all things considered.
    pub(crate) fn admits_vendor(&self, filter: &VendorFilter, query: Option<&Query>, vendor: &Vendor) -> bool {
        filter.admits(&Traits::from(vendor))
            && self.admits(filter, vendor.id, || Addresses::of(vendor))
            && query.is_none_or(|query| query.matches(&search::tokens(&vendor.profile)))
    }
}

/// Everyone who answered a campaign or a reminder of it, and those an answer was applied to.
async fn answered(store: &Store, campaign: CampaignId) -> Result<HashSet<VendorId>, StoreError> {
    let root = match campaigns::get(store, campaign).await {
        Ok(campaign) => campaign.root(),
        // Only a draft can be deleted: nobody answered it. Who names a campaign there never was is told so by `unknown_campaigns`.
        Err(StoreError::NotFound) => campaign,
        Err(error) => return Err(error),
    };
    let partition = keys::answers(root);
    let items = store.list_all_items(Listing::partition(&partition).consistent().keys_only()).await?;
    let ids = items.iter().filter_map(|item| Stored(item).text("sk")?.parse().ok());
    Ok(ids.collect())
}

/// The fields of a filter that name a campaign there is none of: taken for one that nobody answered, it would mean everybody.
///
/// # Errors
/// When the table cannot be read.
pub async fn unknown_campaigns(store: &Store, filter: &VendorFilter) -> Result<Vec<FieldError>, StoreError> {
    let mut errors = Vec::new();
    for (field, campaign) in filter.campaigns() {
        match campaigns::get(store, campaign).await {
            Ok(_) => {}
            Err(StoreError::NotFound) => {
                let message = "there is no such campaign: list them with GET /api/v1/campaigns";
                errors.push(FieldError::new(field, &campaign.to_string(), "unknown", message));
            }
            Err(error) => return Err(error),
        }
    }
    Ok(errors)
}

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

/// A vendor's place in an order; smaller comes first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    /// For times: counted down, so that the newest come first.
    key: String,
    id: VendorId,
}

fn newest_first(at: Timestamp) -> String {
    format!("{:020}", i64::MAX - at.as_microsecond())
}

impl Place {
    fn in_order_of_code(code_key: &str, id: VendorId) -> Self {
        Self {
            key: keys::in_order_of_code(code_key, id),
            id,
        }
    }

    fn of(vendor: &Vendor, order: VendorOrder) -> Self {
        let key = match order {
            VendorOrder::Code => keys::in_order_of_code(&vendor.profile.vendor_code.key(), vendor.id),
            VendorOrder::Name => vendor.profile.company_name.to_lowercase(),
            VendorOrder::Created => newest_first(vendor.created_at),
            VendorOrder::Updated => newest_first(vendor.updated_at),
        };
        Self { key, id: vendor.id }
    }
}

/// What a list has shown already: up to which place, of how many.
struct Seen {
    place: Place,
    total: u64,
}

impl Seen {
    fn write(self) -> PageKey {
        let Place { key, id } = self.place;
        let total = self.total.to_string();
        PageKey::from([("key".to_owned(), key), ("id".to_owned(), id.to_string()), ("total".to_owned(), total)])
    }

    fn read(key: &PageKey) -> Option<Self> {
        let place = Place {
            key: key.get("key")?.clone(),
            id: key.get("id")?.parse().ok()?,
        };
        let total = key.get("total")?.parse().ok()?;
        Some(Self { place, total })
    }
}

/// A page's places.
struct Places {
    places: Vec<Place>,
    total: u64,
    more: bool,
}

impl Places {
    /// Picks a page of all places, which are in no order.
    fn of_all(mut places: Vec<Place>, after: Option<Seen>, wanted: usize) -> Self {
        each_once(&mut places);
        let total = u64::try_from(places.len()).unwrap_or(u64::MAX);
        if let Some(Seen { place: after, total: _ }) = after {
            places.retain(|place| *place > after);
        }
        Self::first(places, total, wanted)
    }

    /// Picks a page of the places behind those shown.
    fn of_rest(mut places: Vec<Place>, total: u64, wanted: usize) -> Self {
        each_once(&mut places);
        Self::first(places, total, wanted)
    }

    fn first(mut places: Vec<Place>, total: u64, wanted: usize) -> Self {
        let more = places.len() > wanted;
        if more {
            // Only the page is sorted: the rest merely has to be behind it.
            places.select_nth_unstable(wanted);
            places.truncate(wanted);
        }
        places.sort_unstable();
        Self { places, total, more }
    }

    fn ids(&self) -> impl Iterator<Item = VendorId> {
        self.places.iter().map(|place| place.id)
    }

    fn into_next(mut self) -> Option<PageKey> {
        let place = self.places.pop().filter(|_| self.more)?;
        Some(Seen { place, total: self.total }.write())
    }
}

/// A vendor whose code is being changed may be read at both of its places.
fn each_once(places: &mut Vec<Place>) {
    let mut seen = HashSet::with_capacity(places.len());
    places.retain(|place| seen.insert(place.id));
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
            // `<token>#<code>#<id>`, and no token has a `#`.
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
async fn by_words(store: &Store, query: &Query) -> Result<Leads, StoreError> {
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

/// What a list reads of an entry.
struct Line {
    place: Place,
    addresses: Addresses,
}

/// A filter at work.
struct Selection<'a> {
    store: &'a Store,
    filter: &'a VendorFilter,
    elsewhere: Elsewhere,
}

/// Entries looked at by the first query of a part for a page in order of code. With as many parts, a page has a few of each.
const FIRST_LOOK: i32 = 256;

impl Selection<'_> {
    /// Whether the table tells exactly which entries are meant: then it can count them.
    fn is_told_by_the_table(&self) -> bool {
        !self.filter.asks_for_suppressions() && !self.filter.asks_for_answers()
    }

    fn has_words_only(&self) -> bool {
        let words_only = VendorFilter {
            text: self.filter.text.clone(),
            ..VendorFilter::default()
        };
        *self.filter == words_only
    }

    /// Those of the vendors that are meant.
    async fn vendors(&self, ids: &[VendorId]) -> Result<Vec<Vendor>, StoreError> {
        let query = self.filter.query();
        let mut vendors = vendors::get_many(self.store, ids).await?;
        vendors.retain(|vendor| self.elsewhere.admits_vendor(self.filter, query.as_ref(), vendor));
        Ok(vendors)
    }

    /// The places of everyone who is meant, in no order. Words are not looked at.
    async fn places(&self, order: VendorOrder) -> Result<Vec<Place>, StoreError> {
        let condition = self.condition(order);
        let parts = (0..counters::SHARDS).map(|shard| self.part(condition.query(self.store, shard, None), |stored| stored.line(order)));
        let lines = try_join_all(parts).await?.into_iter().flatten();
        Ok(lines.filter_map(|line| self.admitted(line)).collect())
    }

    /// The entries of everyone who is meant, each once. Words are not looked at.
    async fn entries(&self) -> Result<Vec<Entry>, StoreError> {
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
    async fn by_code(&self, after: Option<Seen>, wanted: usize) -> Result<Places, StoreError> {
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
                places.extend(self.admitted(Stored(&item).line(VendorOrder::Code)?));
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

/// The part of a filter the table tells: all but words, suppressions and answers.
#[derive(Default)]
struct Condition {
    clauses: Vec<String>,
    projection: Option<String>,
    names: HashMap<String, String>,
    values: HashMap<String, AttributeValue>,
}

impl Condition {
    /// Of a filter as vendors are stored ([`VendorFilter::normalised`]).
    fn of(filter: &VendorFilter) -> Self {
        let state = |name: &String| n(IndianState::parse(name).map_or(0, IndianState::gst_code));
        let mut condition = Self::default();
        condition.one_of(is::STATUS, filter.msme_statuses.iter().map(|status| s(letter_of(*status))).collect());
        condition.one_of(is::STATE, filter.states.iter().map(state).collect());
        condition.one_of(is::SUPPLIER_TYPE, filter.supplier_types.iter().map(s).collect());
        condition.has(is::EMAILS, filter.has_email);
        condition.has(is::PHONE, filter.has_whatsapp);
        for (i, tag) in filter.tags.iter().enumerate() {
            let tags = condition.name(is::TAGS);
            condition.values.insert(format!(":tag{i}"), s(tag));
            condition.clauses.push(format!("contains({tags}, :tag{i})"));
        }
        condition
    }

    fn name(&mut self, attribute: &str) -> String {
        let name = format!("#{attribute}");
        self.names.insert(name.clone(), attribute.to_owned());
        name
    }

    fn one_of(&mut self, attribute: &str, wanted: Vec<AttributeValue>) {
        if wanted.is_empty() {
            return;
        }
        let name = self.name(attribute);
        let mut places = Vec::with_capacity(wanted.len());
        for (i, value) in wanted.into_iter().enumerate() {
            places.push(format!(":{attribute}{i}"));
            self.values.insert(format!(":{attribute}{i}"), value);
        }
        self.clauses.push(format!("{name} IN ({})", places.join(", ")));
    }

    fn has(&mut self, attribute: &str, wanted: Option<bool>) {
        let Some(wanted) = wanted else { return };
        let name = self.name(attribute);
        let function = if wanted { "attribute_exists" } else { "attribute_not_exists" };
        self.clauses.push(format!("{function}({name})"));
    }

    /// Only these attributes are wanted.
    fn reading(mut self, attributes: &[&str]) -> Self {
        let names: Vec<String> = attributes.iter().map(|attribute| self.name(attribute)).collect();
        self.projection = Some(names.join(", "));
        self
    }

    /// A query of one part of the directory, behind a place in order of code.
    fn query(&self, store: &Store, shard: u8, after: Option<&str>) -> QueryFluentBuilder {
        let expression = (!self.clauses.is_empty()).then(|| self.clauses.join(" AND "));
        let query = store
            .client
            .query()
            .table_name(&store.table)
            .set_filter_expression(expression)
            .set_projection_expression(self.projection.clone())
            .set_expression_attribute_names((!self.names.is_empty()).then(|| self.names.clone()))
            .set_expression_attribute_values((!self.values.is_empty()).then(|| self.values.clone()))
            .expression_attribute_values(":pk", s(keys::directory(shard)))
            .consistent_read(true);
        match after {
            None => query.key_condition_expression("pk = :pk"),
            Some(after) => query
                .key_condition_expression("pk = :pk AND sk > :after")
                .expression_attribute_values(":after", s(after)),
        }
    }
}

#[cfg(test)]
mod tests {
    use domain::vendor::{RawVendor, VendorProfile};

    use super::*;

    fn vendor(raw: RawVendor, at: i64) -> Vendor {
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

    fn named(name: &str, at: i64) -> Vendor {
        let raw = RawVendor {
            vendor_code: Some("v-1".to_owned()),
            company_name: Some(name.to_owned()),
            ..RawVendor::default()
        };
        vendor(raw, at)
    }

    fn stored(vendor: &Vendor) -> Item {
        entry(vendor, keys::directory_entry(3, &vendor.profile.vendor_code.key(), vendor.id))
    }

    #[test]
    fn an_entry_is_read_as_it_was_written_and_is_small() {
        let raw = serde_json::from_str::<RawVendor>(
            r#"{"vendor_code": "v-000123", "company_name": "Kaveri Castings Private Limited", "state": "KA", "supplier_type": "Trader",
                "tags": ["critical"], "pan_number": "AAPFU0939F", "gst_numbers": ["27AAPFU0939F1ZV"], "udyam_number": "UDYAM-KR-03-0012345",
                "emails": ["a@kaveri.example", "b@kaveri.example"], "phone_numbers": ["9876543210"]}"#,
        );
        for vendor in [vendor(raw.unwrap(), 20), named("Bare", 10)] {
            let item = stored(&vendor);
            assert_eq!(Stored(&item).entry().unwrap(), Entry::from(&vendor));
            let size: usize = item.iter().map(|(name, value)| name.len() + size_of(value)).sum();
            assert!(size < 250, "{size} bytes: a hundred thousand of them are read for one page");
        }
    }

    /// As DynamoDB counts.
    fn size_of(value: &AttributeValue) -> usize {
        match value {
            AttributeValue::S(text) => text.len(),
            AttributeValue::N(digits) => digits.len() / 2 + 1,
            AttributeValue::B(bytes) => bytes.as_ref().len(),
            AttributeValue::Ss(texts) => texts.iter().map(|text| text.len() + 1).sum::<usize>() + 3,
            _ => usize::MAX / 100,
        }
    }

    #[test]
    fn the_newest_come_first_and_ids_tell_equals_apart() {
        let (older, newer) = (named("Name", 10), named("Name", 20));
        let place = |vendor: &Vendor, order| Place::of(vendor, order);
        assert!(place(&newer, VendorOrder::Created) < place(&older, VendorOrder::Created));
        assert!(place(&older, VendorOrder::Name) < place(&newer, VendorOrder::Name));
        for order in [VendorOrder::Code, VendorOrder::Name, VendorOrder::Created, VendorOrder::Updated] {
            let read = Stored(&stored(&newer)).line(order).unwrap().place;
            assert_eq!(read, place(&newer, order), "the directory and the vendor agree about {order:?}");
            let seen = Seen {
                place: read.clone(),
                total: 7,
            };
            let again = Seen::read(&seen.write()).unwrap();
            assert_eq!((again.place, again.total), (read, 7));
        }
    }
}
