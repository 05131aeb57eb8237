//! Walking a campaign's audience, page by page, from any place it was left.

use domain::VendorId;
use domain::campaign::Audience;
use domain::vendor_record::Vendor;

use crate::client::key_item;
use crate::{PageRequest, Store, StoreError, keys, vendors};

/// Vendors per page: about 500 KB, within the 1 MB of a query.
const PAGE: u32 = 500;

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
    let mut stretch = if audience.vendor_ids.is_empty() {
        by_code(store, place).await?
    } else {
        by_id(store, &audience.vendor_ids, place).await?
    };
    stretch.vendors.retain(|(vendor, _)| {
        audience.admits(
            vendor.msme_status,
            vendor.profile.state.map(|state| state.as_str()),
            vendor.profile.supplier_type.as_deref(),
        )
    });
    Ok(stretch)
}

/// Whether at least one vendor of the audience has an e-mail address.
///
/// # Errors
/// When the table cannot be read.
pub async fn has_reachable(store: &Store, audience: &Audience) -> Result<bool, StoreError> {
    let mut place: Option<String> = None;
    loop {
        let stretch = walk(store, audience, place.as_deref()).await?;
        if stretch.vendors.iter().any(|(vendor, _)| vendor.profile.email.is_some()) {
            return Ok(true);
        }
        match stretch.next {
            Some(next) => place = Some(next),
            None => return Ok(false),
        }
    }
}

async fn by_code(store: &Store, place: Option<&str>) -> Result<Stretch, StoreError> {
    let corrupt = |error: serde_json::Error| StoreError::Unavailable(Box::new(error));
    let after = place.map(serde_json::from_str).transpose().map_err(corrupt)?;
    let page = vendors::list_by_code(store, &PageRequest { limit: PAGE, after }).await?;
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
