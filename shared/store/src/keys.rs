//! Every key of the table. No other module spells one.

use domain::delivery::Channel;
use domain::hash::sha256_hex;
use domain::{CampaignId, ImportId, ResponseId, TemplateId, UserId, VendorId};
use jiff::civil::Date;
use ulid::Ulid;

/// A primary key.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    pub(crate) pk: String,
    pub(crate) sk: String,
}

fn key(pk: impl Into<String>, sk: impl Into<String>) -> Key {
    Key {
        pk: pk.into(),
        sk: sk.into(),
    }
}

/// The sort key of a list by time. All nine digits of the fraction: shortened, `.03Z` would sort after `.037Z`.
pub(crate) fn by_time(at: jiff::Timestamp, id: impl std::fmt::Display) -> String {
    format!("{at:.9}#{id}")
}

pub(crate) const USERS: &str = "USERS";
pub(crate) const VENDORS: &str = "VENDORS";
pub(crate) const TEMPLATES: &str = "TEMPLATES";
pub(crate) const CAMPAIGNS: &str = "CAMPAIGNS";
pub(crate) const RESPONSES: &str = "RESPONSES";
pub(crate) const IMPORTS: &str = "IMPORTS";

pub(crate) fn user(id: UserId) -> Key {
    key(format!("USER#{id}"), "PROFILE")
}

pub(crate) fn credentials(id: UserId) -> Key {
    key(format!("USER#{id}"), "CREDENTIALS")
}

pub(crate) fn session(user: UserId, family: Ulid) -> Key {
    key(format!("USER#{user}"), format!("SESSION#{family}"))
}

pub(crate) fn email_marker(email_lower: &str) -> Key {
    key(format!("EMAIL#{email_lower}"), "USER")
}

pub(crate) fn bootstrap_marker() -> Key {
    key("BOOTSTRAP", "ADMIN")
}

pub(crate) fn vendor(id: VendorId) -> Key {
    key(format!("VENDOR#{id}"), "PROFILE")
}

pub(crate) fn vendor_code(code_key: &str) -> Key {
    key(format!("VENDORCODE#{code_key}"), "VENDOR")
}

pub(crate) fn vendor_status(id: VendorId, effective_from: Date, entry: Ulid) -> Key {
    key(format!("VENDOR#{id}"), format!("STATUS#{effective_from}#{entry}"))
}

pub(crate) fn recipient_of(vendor: VendorId, campaign: CampaignId) -> Key {
    key(format!("VENDOR#{vendor}"), format!("RCPT#{campaign}"))
}

pub(crate) fn pan_index(pan: &str) -> String {
    format!("PAN#{pan}")
}

pub(crate) fn template(id: TemplateId) -> Key {
    key(format!("TEMPLATE#{id}"), "META")
}

pub(crate) fn import(id: ImportId) -> Key {
    key(format!("IMPORT#{id}"), "META")
}

pub(crate) fn response(id: ResponseId) -> Key {
    key(format!("RESPONSE#{id}"), "META")
}

pub(crate) fn campaign(id: CampaignId) -> Key {
    key(format!("CAMPAIGN#{id}"), "META")
}

pub(crate) fn campaign_message(id: CampaignId) -> Key {
    key(format!("CAMPAIGN#{id}"), "MESSAGE")
}

pub(crate) fn campaign_state_index(state: &str) -> String {
    format!("CAMPAIGNS#{state}")
}

pub(crate) const CHUNK_PREFIX: &str = "CHUNK#";
pub(crate) const MANIFEST: &str = "MANIFEST";
pub(crate) const OUTCOME_PREFIX: &str = "OUT#";
pub(crate) const EVENT_PREFIX: &str = "EVT#";

/// Names a chunk: the unit of sending and of folding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ChunkRef {
    /// The campaign.
    pub campaign: CampaignId,
    /// The channel.
    pub channel: Channel,
    /// Counted from 1, in planning order.
    pub number: u32,
}

impl ChunkRef {
    pub(crate) fn summary(self) -> Key {
        // Zero-padded so that chunks sort in planning order; seven digits hold 500 million recipients.
        key(
            format!("CAMPAIGN#{}", self.campaign),
            format!("{CHUNK_PREFIX}{}#{:07}", self.channel.as_str(), self.number),
        )
    }

    pub(crate) fn partition(self) -> String {
        format!("CAMPAIGN#{}#{}#{}", self.campaign, self.channel.as_str(), self.number)
    }

    pub(crate) fn manifest(self) -> Key {
        key(self.partition(), MANIFEST)
    }

    pub(crate) fn outcome(self, attempt_token: Ulid) -> Key {
        key(self.partition(), format!("{OUTCOME_PREFIX}{attempt_token}"))
    }

    pub(crate) fn events(self, digest: &str) -> Key {
        key(self.partition(), format!("{EVENT_PREFIX}{digest}"))
    }
}

/// The chunk a stream record belongs to, if its key is that of an outcome or of events.
pub fn chunk_of_stream_key(pk: &str, sk: &str) -> Option<ChunkRef> {
    if !sk.starts_with(OUTCOME_PREFIX) && !sk.starts_with(EVENT_PREFIX) {
        return None;
    }
    let mut parts = pk.strip_prefix("CAMPAIGN#")?.split('#');
    let campaign = parts.next()?.parse().ok()?;
    let channel = match parts.next()? {
        "email" => Channel::Email,
        _ => return None,
    };
    let number = parts.next()?.parse().ok()?;
    parts.next().is_none().then_some(ChunkRef { campaign, channel, number })
}

pub(crate) fn suppression(channel: Channel, address_lower: &str) -> Key {
    key(format!("SUPPRESS#{}#{}", channel.as_str(), sha256_hex(address_lower.as_bytes())), "S")
}

pub(crate) fn pace(name: &str) -> Key {
    key(format!("PACE#{name}"), "P")
}

pub(crate) fn lockout(scope: &str) -> Key {
    // Hashed: what was typed as an e-mail may be long, or a password in the wrong field.
    key(format!("LOCK#{}", sha256_hex(scope.as_bytes())), "L")
}

pub(crate) fn idempotency(scope: &str, client_key: &str) -> Key {
    // The client's key is hashed: it may be long, or hold a '#'.
    key(format!("IDEM#{scope}#{}", sha256_hex(client_key.as_bytes())), "I")
}

pub(crate) fn vendor_counter(shard: u8) -> Key {
    key("COUNT#VENDORS", format!("SHARD#{shard:02}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_key_names_its_chunk_and_nothing_else_does() {
        let chunk = ChunkRef {
            campaign: CampaignId::from_ulid(Ulid::from_parts(1, 1)),
            channel: Channel::Email,
            number: 12,
        };
        let outcome = chunk.outcome(Ulid::from_parts(2, 2));
        assert_eq!(chunk_of_stream_key(&outcome.pk, &outcome.sk), Some(chunk));
        assert_eq!(chunk_of_stream_key(&chunk.manifest().pk, MANIFEST), None);
        assert_eq!(chunk_of_stream_key("VENDOR#x", "OUT#1"), None);
    }
}
