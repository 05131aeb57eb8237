//! Walking a campaign's audience, page by page, from any place it was left.

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use domain::campaign::{Audience, Campaign};
use domain::delivery::{Channel, ChunkLog, RecipientClass, RecipientStatus, escalates};
use domain::search::Query;
use domain::segment::VendorFilter;
use domain::vendor_record::Vendor;
use domain::{CampaignId, VendorId};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use tokio::sync::OnceCell;

use crate::client::key_item;
use crate::directory::Elsewhere;
use crate::{ChunkRef, PageRequest, Store, StoreError, campaigns, chunks, keys, responses, segments, suppressions, vendors};

/// A stretch of the walk.
#[derive(Debug)]
pub struct Stretch {
    /// The vendors of the audience in it, each with the place after it.
    pub vendors: Vec<(Vendor, String)>,
    /// Where to go on; `None` at the end.
    pub next: Option<String>,
}

/// The audience with its segment's filter as it is now. What a campaign starts with is this, so that later changes of the segment do
/// not change who is asked.
///
/// # Errors
/// [`StoreError::NotFound`] when the segment is gone.
pub async fn resolve(store: &Store, audience: &Audience) -> Result<Audience, StoreError> {
    let mut audience = audience.clone();
    if let Some(id) = audience.segment_id {
        audience.filter = Some(segments::get(store, id).await?.filter);
    }
    Ok(audience)
}

/// What one walk looks up beyond the vendors, suppressions and answers: once, however many stretches it takes. It is as it was at the
/// first stretch, so it is for one invocation; senders look again at each address before they write to it.
#[derive(Debug, Default)]
pub struct Lookups {
    of_filter: OnceCell<(VendorFilter, Arc<Elsewhere>)>,
}

impl Lookups {
    async fn of(&self, store: &Store, filter: &VendorFilter) -> Result<Arc<Elsewhere>, StoreError> {
        let look_up = || async { Ok::<_, StoreError>((filter.clone(), Arc::new(Elsewhere::of(store, filter).await?))) };
        let (of, elsewhere) = self.of_filter.get_or_try_init(look_up).await?;
        if of == filter {
            return Ok(Arc::clone(elsewhere));
        }
        // Another audience's walk came first.
        Ok(Arc::new(Elsewhere::of(store, filter).await?))
    }
}

/// Reads the audience after `place` (as handed out by an earlier stretch), in an order that does not change. A segment must have been
/// resolved. `channels` are those the campaign asks through: of the vendors of one PAN, one is asked that they reach.
///
/// # Errors
/// When the table cannot be read, or `place` is not one of ours.
pub async fn walk(store: &Store, lookups: &Lookups, audience: &Audience, channels: &[Channel], place: Option<&str>) -> Result<Stretch, StoreError> {
    let mut stretch = match audience.not_answered {
        Some(campaign) => not_answered(store, campaign, place).await?,
        None if audience.vendor_ids.is_empty() => by_code(store, place).await?,
        None => by_id(store, &audience.vendor_ids, place).await?,
    };
    if stretch.vendors.is_empty() {
        return Ok(stretch);
    }
    let wanted = Wanted::of(store, lookups, audience).await?;
    stretch.vendors.retain(|(vendor, _)| wanted.admits(vendor));
    if audience.once_per_pan {
        let speakers = speakers(store, &wanted, channels, &stretch.vendors).await?;
        stretch.vendors.retain(|(vendor, _)| match &vendor.profile.pan_number {
            Some(pan) => speakers.get(pan.as_str()).is_none_or(|speaker| *speaker == vendor.id),
            None => true,
        });
    }
    Ok(stretch)
}

/// Whom an audience means, as far as one vendor can be told without the others.
struct Wanted<'a> {
    audience: &'a Audience,
    ids: HashSet<VendorId>,
    filter: VendorFilter,
    query: Option<Query>,
    elsewhere: Arc<Elsewhere>,
}

impl<'a> Wanted<'a> {
    async fn of(store: &Store, lookups: &Lookups, audience: &'a Audience) -> Result<Self, StoreError> {
        let filter = audience.filter.clone().unwrap_or_default().normalised();
        Ok(Self {
            audience,
            ids: audience.vendor_ids.iter().copied().collect(),
            query: filter.query(),
            elsewhere: lookups.of(store, &filter).await?,
            filter,
        })
    }

    fn admits(&self, vendor: &Vendor) -> bool {
        let profile = &vendor.profile;
        (self.ids.is_empty() || self.ids.contains(&vendor.id))
            && self.audience.admits(
                vendor.msme_status,
                profile.state.map(|state| state.as_str()),
                profile.supplier_type.as_deref(),
            )
            && self.elsewhere.admits_vendor(&self.filter, self.query.as_ref(), vendor)
    }
}

/// Lookups at once.
const AT_ONCE: usize = 16;

/// Who is asked for each PAN of these vendors that several vendors have: of those the audience means, one that all channels reach
/// before one that some do, and that before one that none does, then the first by code. A suppressed address reaches nobody. That
/// does not depend on where the walk is, so each PAN has one.
async fn speakers(
    store: &Store,
    wanted: &Wanted<'_>,
    channels: &[Channel],
    vendors: &[(Vendor, String)],
) -> Result<HashMap<String, VendorId>, StoreError> {
    let pans: BTreeSet<String> = vendors
        .iter()
        .filter_map(|(vendor, _)| Some(vendor.profile.pan_number.as_ref()?.as_str().to_owned()))
        .collect();
    // Most PANs have one code: only of the others are the vendors read.
    let shared: Vec<Vec<VendorId>> = stream::iter(pans)
        .map(|pan| async move { vendors::ids_of_pan(store, &pan).await })
        .buffered(AT_ONCE)
        .try_filter(|ids| std::future::ready(ids.len() > 1))
        .try_collect()
        .await?;
    // While a PAN changes hands the index may have a vendor under both, and a key that is asked for twice is refused.
    let ids: BTreeSet<VendorId> = shared.into_iter().flatten().collect();
    let mut members = vendors::get_many(store, &Vec::from_iter(ids)).await?;
    members.retain(|vendor| wanted.admits(vendor));
    if let Some(campaign) = wanted.audience.not_answered {
        // Whom the campaign before did not reach cannot be reminded for the others.
        let silent = silent_among(store, campaign, &members).await?;
        members.retain(|vendor| silent.contains(&vendor.id));
    }
    let suppressed = suppressed_among(store, channels, &members).await?;
    let place = |vendor: &Vendor| (unreached_channels(vendor, channels, &suppressed), vendor.profile.vendor_code.key());
    let mut speakers: HashMap<String, &Vendor> = HashMap::new();
    for vendor in &members {
        // The index may be a moment behind the vendor: its own PAN counts.
        if let Some(pan) = &vendor.profile.pan_number {
            let speaker = speakers.entry(pan.as_str().to_owned()).or_insert(vendor);
            if place(vendor) < place(speaker) {
                *speaker = vendor;
            }
        }
    }
    Ok(speakers.into_iter().map(|(pan, vendor)| (pan, vendor.id)).collect())
}

/// Whom to ask instead of vendors that `campaign`, which asks each PAN once, could not reach: of each of their PANs the next code
/// that has not been asked and has an address that may be written to. None while another code of the PAN may still hear, or has
/// answered. Asking the same again gives the same, until those found are asked.
///
/// # Errors
/// When the table cannot be read.
pub async fn instead_of(store: &Store, campaign: &Campaign, unreached: &[VendorId]) -> Result<Vec<Vendor>, StoreError> {
    let wanted = Wanted::of(store, &Lookups::default(), &campaign.content.audience).await?;
    let vendors = vendors::get_many(store, &Vec::from_iter(BTreeSet::from_iter(unreached.iter().copied()))).await?;
    let pans: BTreeSet<String> = vendors
        .into_iter()
        .filter_map(|vendor| Some(vendor.profile.pan_number?.as_str().to_owned()))
        .collect();
    let (mut logs, mut found) = (HashMap::new(), Vec::new());
    for pan in pans {
        let mut members = vendors::list_by_pan(store, &pan).await?;
        members.retain(|vendor| wanted.admits(vendor));
        found.extend(next_of_pan(store, campaign, members, &mut logs).await?);
    }
    Ok(found)
}

async fn next_of_pan(
    store: &Store,
    campaign: &Campaign,
    members: Vec<Vendor>,
    logs: &mut HashMap<ChunkRef, ChunkLog>,
) -> Result<Option<Vendor>, StoreError> {
    let channels = campaign.content.channels();
    let suppressed = suppressed_among(store, &channels, &members).await?;
    let unreached = |vendor: &Vendor| unreached_channels(vendor, &channels, &suppressed);
    let mut fresh = Vec::new();
    for member in members {
        let Some(asked) = responses::asked(store, member.id, campaign.root()).await? else {
            fresh.push(member);
            continue;
        };
        if asked.answer.is_some() {
            return Ok(None);
        }
        for chunk in asked.chunks.into_iter().filter(|chunk| chunk.campaign == campaign.id) {
            if let Entry::Vacant(vacant) = logs.entry(chunk) {
                vacant.insert(chunks::log(store, chunk).await?.0);
            }
            let status = logs[&chunk].with_statuses().find(|(recipient, _)| recipient.id == member.id);
            if status.is_some_and(|(_, status)| !escalates(status.class, status.reason.as_deref())) {
                return Ok(None);
            }
        }
    }
    fresh.retain(|vendor| unreached(vendor) < channels.len());
    Ok(fresh
        .into_iter()
        .min_by_key(|vendor| (unreached(vendor), vendor.profile.vendor_code.key())))
}

/// Through how many channels a vendor cannot be reached.
fn unreached_channels(vendor: &Vendor, channels: &[Channel], suppressed: &HashSet<(Channel, String)>) -> usize {
    let reaches = |channel: Channel| {
        let address = vendor.profile.address(channel);
        address.is_some_and(|address| !suppressed.contains(&(channel, address.to_owned())))
    };
    channels.iter().filter(|channel| !reaches(**channel)).count()
}

/// The addresses of these vendors that must not be written to.
async fn suppressed_among(store: &Store, channels: &[Channel], vendors: &[Vendor]) -> Result<HashSet<(Channel, String)>, StoreError> {
    let mut suppressed = HashSet::new();
    for channel in channels {
        let addresses: BTreeSet<String> = vendors
            .iter()
            .filter_map(|vendor| vendor.profile.address(*channel).map(str::to_owned))
            .collect();
        let found = suppressions::among(store, *channel, &Vec::from_iter(addresses)).await?;
        suppressed.extend(found.into_keys().map(|address| (*channel, address)));
    }
    Ok(suppressed)
}

/// Those of the vendors that a campaign reached and that have not answered, whichever chunk of it they are in.
async fn silent_among(store: &Store, campaign: CampaignId, vendors: &[Vendor]) -> Result<HashSet<VendorId>, StoreError> {
    let root = match campaigns::get(store, campaign).await {
        Ok(campaign) => campaign.root(),
        Err(StoreError::NotFound) => campaign,
        Err(error) => return Err(error),
    };
    let ids: Vec<VendorId> = vendors.iter().map(|vendor| vendor.id).collect();
    let asked: Vec<Vec<ChunkRef>> = stream::iter(ids)
        .map(|id| async move {
            let asked = responses::asked(store, id, root).await?;
            Ok::<_, StoreError>(asked.map(|asked| asked.chunks).unwrap_or_default())
        })
        .buffered(AT_ONCE)
        .try_collect()
        .await?;
    let chunks: BTreeSet<ChunkRef> = asked.into_iter().flatten().filter(|chunk| chunk.campaign == campaign).collect();
    let mut silent = HashSet::new();
    for chunk in chunks {
        let (log, _) = chunks::log(store, chunk).await?;
        silent.extend(
            log.with_statuses()
                .filter(|(_, status)| is_silent(status))
                .map(|(recipient, _)| recipient.id),
        );
    }
    Ok(silent)
}

/// Chunks read for one stretch of a reminder's audience.
const CHUNKS: usize = 10;

/// Those a campaign reached, or may have reached, and that have neither answered nor opted out. A vendor asked through two
/// channels comes twice; planning asks it once.
async fn not_answered(store: &Store, campaign: CampaignId, place: Option<&str>) -> Result<Stretch, StoreError> {
    let summaries = chunks::summaries(store, campaign).await?;
    // `<chunk>` or, within a chunk, `<chunk>/<vendor>`.
    let (start, after) = place.map_or((0, None), |place| {
        let (chunk, vendor) = place.split_once('/').unwrap_or((place, ""));
        (chunk.parse::<usize>().unwrap_or(0), vendor.parse::<VendorId>().ok())
    });
    let end = summaries.len().min(start + CHUNKS);
    let mut vendors = Vec::new();
    for (i, summary) in summaries.iter().enumerate().take(end).skip(start) {
        let (log, _) = chunks::log(store, summary.chunk(campaign)).await?;
        let silent = log.with_statuses().filter(|(_, status)| is_silent(status));
        let wanted = silent.map(|(recipient, _)| key_item(keys::vendor(recipient.id))).collect();
        let mut found = Vec::new();
        for item in store.get_all(wanted).await? {
            found.extend(vendors::from_item(item)?);
        }
        found.sort_by_key(|vendor| vendor.id);
        found.retain(|vendor| i > start || after.is_none_or(|after| vendor.id > after));
        vendors.extend(found.into_iter().map(|vendor| {
            let place = format!("{i}/{}", vendor.id);
            (vendor, place)
        }));
    }
    Ok(Stretch {
        vendors,
        next: (end < summaries.len()).then(|| end.to_string()),
    })
}

/// Whether a recipient was reached, or may have been, and has neither answered nor opted out.
fn is_silent(status: &RecipientStatus) -> bool {
    let reached = matches!(
        status.class,
        RecipientClass::Accepted | RecipientClass::Delivered | RecipientClass::Unknown
    );
    reached && !status.responded && !status.unsubscribed && !status.complained
}

async fn by_code(store: &Store, place: Option<&str>) -> Result<Stretch, StoreError> {
    let corrupt = |error: serde_json::Error| StoreError::Unavailable(Box::new(error));
    let after = place.map(serde_json::from_str).transpose().map_err(corrupt)?;
    // As many as a query reads, which is 1 MB: about a thousand.
    let page = vendors::list_by_code(store, &PageRequest { limit: 0, after }).await?;
    let mut found = Vec::with_capacity(page.items.len());
    for vendor in page.items {
        let place = serde_json::to_string(&vendors::page_key_after(&vendor)).map_err(corrupt)?;
        found.push((vendor, place));
    }
    let next = page.next.map(|key| serde_json::to_string(&key)).transpose().map_err(corrupt)?;
    Ok(Stretch { vendors: found, next })
}

async fn by_id(store: &Store, ids: &[VendorId], place: Option<&str>) -> Result<Stretch, StoreError> {
    let mut ids = ids.to_vec();
    ids.sort_unstable();
    ids.dedup();
    let start = place.map_or(0, |place| ids.partition_point(|id| id.to_string().as_str() <= place));
    let stretch = &ids[start..ids.len().min(start + 100)];
    let wanted = stretch.iter().map(|id| key_item(keys::vendor(*id))).collect();
    let mut found = Vec::with_capacity(stretch.len());
    for item in store.get_all(wanted).await? {
        found.extend(vendors::from_item(item)?);
    }
    found.sort_by_key(|vendor| vendor.id);
    let next = (start + stretch.len() < ids.len())
        .then(|| stretch.last().map(VendorId::to_string))
        .flatten();
    Ok(Stretch {
        vendors: found
            .into_iter()
            .map(|vendor| {
                let place = vendor.id.to_string();
                (vendor, place)
            })
            .collect(),
        next,
    })
}
