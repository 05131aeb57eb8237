//! What a filter asks for beyond the vendor: suppressed addresses, answers to campaigns.

use std::collections::HashSet;

use domain::delivery::Channel;
use domain::search::{self, Query};
use domain::segment::{Traits, VendorFilter};
use domain::vendor_record::Vendor;
use domain::{CampaignId, FieldError, VendorId};
use futures::future::try_join3;

use super::entry::{DIGEST_BYTES, Stored, digest};
use crate::client::Listing;
use crate::{Store, StoreError, campaigns, keys, suppressions};

/// Digests of the addresses campaigns write to.
pub(super) struct Addresses {
    pub(super) email: Option<String>,
    pub(super) phone: Option<String>,
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
    pub(super) answered: Option<HashSet<VendorId>>,
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
    pub(super) fn admits(&self, filter: &VendorFilter, id: VendorId, addresses: impl FnOnce() -> Addresses) -> bool {
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
