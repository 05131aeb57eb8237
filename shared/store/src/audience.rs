//! Walking a campaign's audience, page by page, from any place it was left.

use domain::campaign::Audience;
use domain::delivery::{Channel, RecipientClass};
use domain::vendor_record::Vendor;
use domain::{CampaignId, VendorId};

use crate::client::key_item;
use crate::{PageRequest, Store, StoreError, chunks, keys, vendors};

/// A stretch of the walk.
#[derive(Debug)]
pub struct Stretch {
    /// The vendors of the audience in it, each with the place after it.
    pub vendors: Vec<(Vendor, String)>,
    /// Where to go on; `None` at the end.
    pub next: Option<String>,
}

/// Reads the audience after `place` (as handed out by an earlier stretch), in an order that does not change.
///
/// # Errors
/// When the table cannot be read, or `place` is not one of ours.
pub async fn walk(store: &Store, audience: &Audience, place: Option<&str>) -> Result<Stretch, StoreError> {
    let mut stretch = match audience.not_answered {
        Some(campaign) => not_answered(store, campaign, place).await?,
        None if audience.vendor_ids.is_empty() => by_code(store, place).await?,
        None => by_id(store, &audience.vendor_ids, place).await?,
    };
    if audience.not_answered.is_some() && !audience.vendor_ids.is_empty() {
        stretch.vendors.retain(|(vendor, _)| audience.vendor_ids.contains(&vendor.id));
    }
    stretch.vendors.retain(|(vendor, _)| {
        audience.admits(
            vendor.msme_status,
            vendor.profile.state.map(|state| state.as_str()),
            vendor.profile.supplier_type.as_deref(),
        )
    });
    Ok(stretch)
}

/// Whether at least one vendor of the audience has an address of one of the channels.
///
/// # Errors
/// When the table cannot be read.
pub async fn has_reachable(store: &Store, audience: &Audience, channels: &[Channel]) -> Result<bool, StoreError> {
    let mut place: Option<String> = None;
    loop {
        let stretch = walk(store, audience, place.as_deref()).await?;
        if stretch
            .vendors
            .iter()
            .any(|(vendor, _)| channels.iter().any(|channel| has_address(vendor, *channel)))
        {
            return Ok(true);
        }
        match stretch.next {
            Some(next) => place = Some(next),
            None => return Ok(false),
        }
    }
}

const fn has_address(vendor: &Vendor, channel: Channel) -> bool {
    match channel {
        Channel::Email => vendor.profile.email.is_some(),
        Channel::Whatsapp => vendor.profile.phone_number.is_some(),
    }
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
        let silent = log.with_statuses().filter(|(_, status)| {
            let reached = matches!(
                status.class,
                RecipientClass::Accepted | RecipientClass::Delivered | RecipientClass::Unknown
            );
            reached && !status.responded && !status.unsubscribed && !status.complained
        });
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
