//! What a personal link stands for: who was asked, by which campaign, and whether an answer is still wanted.

use domain::campaign::{Campaign, CampaignState};
use domain::delivery::{ChunkLog, Recipient};
use domain::links::{Link, LinkError, Purpose, TEST_CHUNK};
use domain::vendor_record::Vendor;
use runtime::{ApiError, App, KeyUse, Request};
use store::responses::Asked;
use store::{ChunkRef, StoreError};

const UNKNOWN: ApiError = ApiError::NotFound("this link is not genuine or was cut off: open the full link from the message again");
const TEST: ApiError = ApiError::Gone("this link came with a test message: only the links in a campaign's own messages open the form");
const EXPIRED: ApiError = ApiError::Gone("this link has expired");
const CANCELLED: ApiError = ApiError::Gone("the request was withdrawn: no answer is needed");
const CLOSED: ApiError = ApiError::Gone("the request is closed: its last day has passed");

/// Reads the link in the path.
///
/// # Errors
/// 404 for a token we did not sign for this purpose, 410 after its time or if it came with a test.
pub(crate) async fn link(app: &App, request: &Request, purpose: Purpose) -> Result<Link, ApiError> {
    let keys = app.signing_keys().await?.all(KeyUse::Link);
    let link = Link::verify(request.path_parameter("token"), purpose, keys.iter().map(<[u8; 32]>::as_slice), app.now());
    match link {
        // Whoever tests a campaign must not answer for a vendor.
        Ok(link) if link.chunk == TEST_CHUNK => Err(TEST),
        Ok(link) => Ok(link),
        Err(LinkError::Forged) => Err(UNKNOWN),
        Err(LinkError::Expired) => Err(EXPIRED),
    }
}

/// A vendor that was asked for a declaration.
#[derive(Debug)]
pub(crate) struct Asking {
    /// The link's content.
    pub(crate) link: Link,
    /// The campaign that asks.
    pub(crate) campaign: Campaign,
    /// The vendor that is asked, as it is on record now.
    pub(crate) vendor: Vendor,
    /// The request, and its answer once given.
    pub(crate) asked: Asked,
}

impl Asking {
    /// Whether an answer would still be taken.
    ///
    /// # Errors
    /// 410 with the reason.
    pub(crate) fn is_open(&self, app: &App) -> Result<(), ApiError> {
        match self.campaign.state {
            CampaignState::Cancelled => Err(CANCELLED),
            CampaignState::Completed => Err(CLOSED),
            _ if self.campaign.content.deadline <= app.now() => Err(CLOSED),
            _ => Ok(()),
        }
    }
}

/// Reads everything behind a form link.
///
/// # Errors
/// As [`link`]; 404 also when the campaign or the vendor is gone, or the campaign never asked this vendor.
pub(crate) async fn asking(app: &App, request: &Request) -> Result<Asking, ApiError> {
    let link = link(app, request, Purpose::Form).await?;
    let store = app.store()?;
    let read = async {
        let campaign = store::campaigns::get(store, link.campaign).await?;
        // An answer to a reminder answers the campaign that asked first.
        let (vendor, asked) = tokio::try_join!(
            store::vendors::get(store, link.vendor),
            store::responses::asked(store, link.vendor, campaign.root()),
        )?;
        Ok((campaign, vendor, asked))
    };
    match read.await {
        Ok((campaign, vendor, Some(asked))) => Ok(Asking {
            link,
            campaign,
            vendor,
            asked,
        }),
        Ok((_, _, None)) | Err(StoreError::NotFound) => Err(UNKNOWN),
        Err(error) => Err(error.into()),
    }
}

/// The recipient behind an unsubscribe link, with the address the campaign wrote to.
#[derive(Debug)]
pub(crate) struct Addressee {
    /// The link's content.
    pub(crate) link: Link,
    /// The recipient as planned.
    pub(crate) recipient: Recipient,
    /// The address: of e-mail, or a telephone number.
    pub(crate) address: String,
    /// What happened in its chunk so far.
    pub(crate) log: ChunkLog,
}

/// Reads whom an unsubscribe link was sent to. Later edits of the vendor do not matter: who opts out is the address that
/// got the message.
///
/// # Errors
/// As [`link`]; 404 also when the campaign never wrote to this vendor.
pub(crate) async fn addressee(app: &App, request: &Request) -> Result<Addressee, ApiError> {
    let link = link(app, request, Purpose::Unsubscribe).await?;
    let chunk = ChunkRef {
        campaign: link.campaign,
        channel: link.channel,
        number: link.chunk,
    };
    let (log, _) = store::chunks::log(app.store()?, chunk).await?;
    let recipient = log
        .recipients
        .iter()
        .find(|recipient| recipient.id == link.vendor)
        .cloned()
        .ok_or(UNKNOWN)?;
    let address = recipient.address(link.channel).ok_or(UNKNOWN)?.to_owned();
    Ok(Addressee {
        link,
        recipient,
        address,
        log,
    })
}

impl Addressee {
    /// The address, told so that its owner recognises it and nobody else learns it.
    pub(crate) fn masked_address(&self) -> String {
        domain::suppression::masked(self.link.channel, &self.address)
    }
}
