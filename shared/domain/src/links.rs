//! Personal signed links: which vendor, asked by which campaign, until when. 76 characters, nothing personal inside.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::Timestamp;
use sha2::Sha256;
use ulid::Ulid;

use crate::delivery::Channel;
use crate::{CampaignId, VendorId};

const VERSION: u8 = 1;
const PAYLOAD: usize = 1 + 1 + 16 + 16 + 4 + 4;
// 128 bits of HMAC-SHA256: more than anyone can guess online, and a link that still fits a line of a plain-text mail.
const TAG: usize = 16;

/// The chunk number of what was sent as a test: no campaign plans a chunk of it, so a test's links open nothing and what is
/// heard of a test's message is nobody's standing.
pub const TEST_CHUNK: u32 = 0;

/// What a link is for. A form link cannot unsubscribe, nor the other way round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Opens the declaration form.
    Form,
    /// Opts the vendor out.
    Unsubscribe,
}

impl Purpose {
    /// Purpose and channel in one letter: a link is as long for every channel.
    const fn byte(self, channel: Channel) -> u8 {
        match (self, channel) {
            (Purpose::Form, Channel::Email) => b'f',
            (Purpose::Form, Channel::Whatsapp) => b'F',
            (Purpose::Unsubscribe, Channel::Email) => b'u',
            (Purpose::Unsubscribe, Channel::Whatsapp) => b'U',
        }
    }
}

/// What a link says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Link {
    /// What it is for.
    pub purpose: Purpose,
    /// The campaign that sent it.
    pub campaign: CampaignId,
    /// The vendor it was sent to.
    pub vendor: VendorId,
    /// The channel it went through.
    pub channel: Channel,
    /// The vendor's chunk, so that an answer is recorded without a search.
    pub chunk: u32,
    /// When it stops working; whole seconds, up to the year 2106.
    pub expires_at: Timestamp,
}

/// Why a link is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// Not a link of ours, or altered on the way.
    #[error("the link is not genuine or was cut off")]
    Forged,
    /// Genuine, but its time is over.
    #[error("the link has expired")]
    Expired,
}

impl Link {
    /// Signs the link with `key`.
    pub fn sign(&self, key: &[u8]) -> String {
        let mut bytes = Vec::with_capacity(PAYLOAD + TAG);
        bytes.push(VERSION);
        bytes.push(self.purpose.byte(self.channel));
        bytes.extend(self.campaign.ulid().to_bytes());
        bytes.extend(self.vendor.ulid().to_bytes());
        bytes.extend(self.chunk.to_be_bytes());
        bytes.extend(u32::try_from(self.expires_at.as_second()).unwrap_or(u32::MAX).to_be_bytes());
        let tag = mac(key, &bytes).finalize().into_bytes();
        bytes.extend(&tag[..TAG]);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Reads a token signed with any of `keys` (several while a key is being rotated).
    ///
    /// # Errors
    /// [`LinkError::Forged`] for anything we did not sign for `purpose`, [`LinkError::Expired`] after its time.
    pub fn verify<'k>(token: &str, purpose: Purpose, keys: impl IntoIterator<Item = &'k [u8]>, now: Timestamp) -> Result<Self, LinkError> {
        let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| LinkError::Forged)?;
        if bytes.len() != PAYLOAD + TAG || bytes[0] != VERSION {
            return Err(LinkError::Forged);
        }
        let channel = Channel::ALL
            .into_iter()
            .find(|channel| purpose.byte(*channel) == bytes[1])
            .ok_or(LinkError::Forged)?;
        let (payload, tag) = bytes.split_at(PAYLOAD);
        if !keys.into_iter().any(|key| mac(key, payload).verify_truncated_left(tag).is_ok()) {
            return Err(LinkError::Forged);
        }
        let array = |from: usize| <[u8; 16]>::try_from(&payload[from..from + 16]).map_err(|_| LinkError::Forged);
        let number = |from: usize| {
            <[u8; 4]>::try_from(&payload[from..from + 4])
                .map(u32::from_be_bytes)
                .map_err(|_| LinkError::Forged)
        };
        let link = Link {
            purpose,
            campaign: CampaignId::from_ulid(Ulid::from_bytes(array(2)?)),
            vendor: VendorId::from_ulid(Ulid::from_bytes(array(18)?)),
            channel,
            chunk: number(34)?,
            expires_at: Timestamp::from_second(i64::from(number(38)?)).map_err(|_| LinkError::Forged)?,
        };
        if link.expires_at <= now { Err(LinkError::Expired) } else { Ok(link) }
    }
}

fn mac(key: &[u8], payload: &[u8]) -> Hmac<Sha256> {
    // HMAC takes keys of any length, so this cannot fail.
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap_or_else(|_| unreachable!("HMAC accepts keys of any length"));
    mac.update(payload);
    mac
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link() -> Link {
        Link {
            purpose: Purpose::Form,
            campaign: CampaignId::from_ulid(Ulid::from_parts(1, 2)),
            vendor: VendorId::from_ulid(Ulid::from_parts(3, 4)),
            channel: Channel::Whatsapp,
            chunk: 9,
            expires_at: Timestamp::from_second(2_000_000_000).unwrap(),
        }
    }

    const BEFORE: Timestamp = Timestamp::constant(1_999_999_999, 0);

    #[test]
    fn a_link_reads_back_with_its_key_or_a_rotated_one() {
        let token = link().sign(b"one");
        assert_eq!(Link::verify(&token, Purpose::Form, [&b"two"[..], b"one"], BEFORE), Ok(link()));
        assert_eq!(Link::verify(&token, Purpose::Form, [&b"two"[..]], BEFORE), Err(LinkError::Forged));
    }

    #[test]
    fn a_form_link_cannot_unsubscribe_and_an_old_one_is_expired() {
        let token = link().sign(b"k");
        assert_eq!(Link::verify(&token, Purpose::Unsubscribe, [&b"k"[..]], BEFORE), Err(LinkError::Forged));
        assert_eq!(
            Link::verify(&token, Purpose::Form, [&b"k"[..]], link().expires_at),
            Err(LinkError::Expired)
        );
    }

    #[test]
    fn every_altered_byte_is_noticed() {
        let token = link().sign(b"k");
        let bytes = URL_SAFE_NO_PAD.decode(&token).unwrap();
        for i in 0..bytes.len() {
            let mut altered = bytes.clone();
            altered[i] ^= 1;
            let altered = URL_SAFE_NO_PAD.encode(altered);
            assert_eq!(
                Link::verify(&altered, Purpose::Form, [&b"k"[..]], BEFORE),
                Err(LinkError::Forged),
                "byte {i}"
            );
        }
    }
}
