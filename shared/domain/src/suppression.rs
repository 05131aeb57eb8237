//! When an address must not be written to any more, and what counts as evidence.
//!
//! A suppression belongs to a channel and an address, not to a vendor: whoever shares the address shares the suppression, and
//! a vendor imported again is still suppressed.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::delivery::Channel;
use crate::hash::sha256_hex;
use crate::identifiers::{EmailAddress, MobileNumber, Parsed};

/// Why an address is suppressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SuppressionReason {
    /// The address does not exist, or its server refused it for good.
    HardBounce,
    /// Messages keep coming back; see [`AddressHistory::is_unreachable`].
    SoftBounces,
    /// The recipient marked a message as spam.
    Complaint,
    /// The recipient opted out by the link in a message.
    Unsubscribe,
    /// The recipient answered STOP, or a word for it, on WhatsApp.
    WhatsappStop,
    /// The provider says that the recipient opted out with it (WhatsApp error 131050).
    ProviderOptOut,
    /// Somebody of the organisation decided it.
    Admin,
}

impl SuppressionReason {
    /// Every reason, for tables and tests.
    pub const ALL: [SuppressionReason; 7] = [
        SuppressionReason::HardBounce,
        SuppressionReason::SoftBounces,
        SuppressionReason::Complaint,
        SuppressionReason::Unsubscribe,
        SuppressionReason::WhatsappStop,
        SuppressionReason::ProviderOptOut,
        SuppressionReason::Admin,
    ];

    /// The name on the wire, in storage and in the ledger.
    pub const fn as_str(self) -> &'static str {
        match self {
            SuppressionReason::HardBounce => "hard_bounce",
            SuppressionReason::SoftBounces => "soft_bounces",
            SuppressionReason::Complaint => "complaint",
            SuppressionReason::Unsubscribe => "unsubscribe",
            SuppressionReason::WhatsappStop => "whatsapp_stop",
            SuppressionReason::ProviderOptOut => "provider_opt_out",
            SuppressionReason::Admin => "admin",
        }
    }

    /// The reason of this name.
    pub fn parse(name: &str) -> Option<Self> {
        SuppressionReason::ALL.into_iter().find(|reason| reason.as_str() == name)
    }
}

impl fmt::Display for SuppressionReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How a suppression, or its removal, reached us.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SuppressionSource {
    /// A provider's event or answer.
    Event,
    /// The unsubscribe link of a message.
    Link,
    /// A signed-in user.
    Admin,
    /// A WhatsApp message of the recipient.
    Whatsapp,
}

/// Names a channel and an address without saying the address: `email-<sha256>`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SuppressionId {
    channel: Channel,
    hash: String,
}

/// A text that is no [`SuppressionId`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected a channel, a hyphen and 64 hexadecimal digits")]
pub struct InvalidSuppressionId;

impl SuppressionId {
    /// Names `address` on `channel`, whichever way it is spelled.
    pub fn of(channel: Channel, address: &str) -> Self {
        Self {
            channel,
            hash: sha256_hex(canonical(channel, address).as_bytes()),
        }
    }

    /// The channel.
    pub const fn channel(&self) -> Channel {
        self.channel
    }

    /// SHA-256 of the canonical address, 64 hexadecimal digits.
    pub fn hash(&self) -> &str {
        &self.hash
    }
}

impl fmt::Display for SuppressionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.channel.as_str(), self.hash)
    }
}

impl FromStr for SuppressionId {
    type Err = InvalidSuppressionId;

    fn from_str(text: &str) -> Result<Self, InvalidSuppressionId> {
        let (channel, hash) = text.split_once('-').ok_or(InvalidSuppressionId)?;
        let channel = Channel::parse(channel).ok_or(InvalidSuppressionId)?;
        let is_hash = hash.len() == 64 && hash.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        is_hash
            .then(|| Self {
                channel,
                hash: hash.to_owned(),
            })
            .ok_or(InvalidSuppressionId)
    }
}

/// The one spelling of an address that is hashed. Meta's webhooks write `919876543210`, we write `+919876543210`.
fn canonical(channel: Channel, address: &str) -> String {
    match channel {
        Channel::Email => address.trim().to_lowercase(),
        Channel::Whatsapp => {
            let digits: String = address.chars().filter(char::is_ascii_digit).collect();
            format!("+{digits}")
        }
    }
}

/// The form of an address that tells its owner which one is meant and nobody else what it is: `a***@example.in`,
/// `+91XXXXXX3210`.
pub fn masked(channel: Channel, address: &str) -> String {
    match channel {
        Channel::Email => EmailAddress::parse(address).map_or_else(|_| "***".to_owned(), |address| address.masked()),
        Channel::Whatsapp => {
            MobileNumber::parse(&canonical(channel, address)).map_or_else(|_| "***".to_owned(), |Parsed { value, .. }| value.masked())
        }
    }
}

/// How many results of an address are looked at.
pub const HISTORY: usize = 5;
/// So many soft bounces one after the other make an address unreachable.
pub const SOFT_BOUNCES_IN_A_ROW: usize = 5;
/// So many soft bounces among the last [`HISTORY`] results do too. As long as this is the smaller number the row of five is
/// never reached first; it stays a rule of its own so that either can be changed alone.
pub const SOFT_BOUNCES_OF_LAST: usize = 3;

/// What became of one message to an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliveryResult {
    /// The recipient's server took it.
    Delivered,
    /// It came back, and the address may still be good.
    SoftBounced,
}

/// The last [`HISTORY`] results of an address, oldest first. However often and in which order results are told, the history
/// is the same.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AddressHistory {
    results: Vec<(Timestamp, String, DeliveryResult)>,
}

impl AddressHistory {
    /// Takes note of what became of the message `message_id`. A message has one result: one that was taken and came back later
    /// came back.
    pub fn record(&mut self, message_id: &str, at: Timestamp, result: DeliveryResult) {
        match self.results.iter_mut().find(|(_, id, _)| id == message_id) {
            Some((_, _, DeliveryResult::SoftBounced)) => {}
            Some(known) => {
                if result == DeliveryResult::SoftBounced {
                    *known = (at, message_id.to_owned(), result);
                }
            }
            None => self.results.push((at, message_id.to_owned(), result)),
        }
        self.results.sort_by(|a, b| (a.0, &a.1).cmp(&(b.0, &b.1)));
        if self.results.len() > HISTORY {
            self.results.remove(0);
        }
    }

    /// Whether messages to this address are not worth sending: the last [`SOFT_BOUNCES_IN_A_ROW`] came back, or
    /// [`SOFT_BOUNCES_OF_LAST`] of the last [`HISTORY`]. A delivery ends a row, and pushes older bounces out of sight.
    pub fn is_unreachable(&self) -> bool {
        let is_soft = |result: &DeliveryResult| *result == DeliveryResult::SoftBounced;
        let newest_first = || self.results.iter().rev().map(|(_, _, result)| result);
        newest_first().take_while(|result| is_soft(result)).count() >= SOFT_BOUNCES_IN_A_ROW
            || newest_first().take(HISTORY).filter(|result| is_soft(result)).count() >= SOFT_BOUNCES_OF_LAST
    }
}

/// Whether we, not the address, are why a message came back. Says nothing about the address, so it counts for nobody.
///
/// Reads the reason of a [`DeliveryEvent`](crate::delivery::DeliveryEvent), or what a server said. Known are SES's bounce
/// subtypes, SendGrid's classifications `content` and `reputation`, and the enhanced status codes of RFC 3463: x.2.3 and x.3.4
/// (message too large), x.6.* (content). The basic codes 552 and 554 alone prove nothing: a full mailbox is a 552 too.
/// <https://docs.aws.amazon.com/ses/latest/dg/notification-contents.html#bounce-types>
pub fn is_sender_caused(reason: &str) -> bool {
    let reason = reason.to_ascii_lowercase();
    reason
        .split(|c: char| !(c.is_ascii_alphanumeric() || c == '.' || c == '_'))
        .any(|word| is_sender_word(word.trim_matches('.')))
}

fn is_sender_word(word: &str) -> bool {
    if matches!(
        word,
        "messagetoolarge"
            | "contentrejected"
            | "attachmentrejected"
            | "message_too_large"
            | "content_rejected"
            | "attachment_rejected"
            | "content"
            | "reputation"
    ) {
        return true;
    }
    let mut numbers = word.split('.').map(|number| number.parse::<u16>().ok());
    match (numbers.next(), numbers.next(), numbers.next(), numbers.next()) {
        (Some(Some(4 | 5)), Some(Some(subject)), Some(Some(detail)), None) => matches!((subject, detail), (2, 3) | (3, 4) | (6, _)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn history(results: &str) -> AddressHistory {
        let mut history = AddressHistory::default();
        for (n, result) in (1_i64..).zip(results.chars()) {
            let result = if result == 's' {
                DeliveryResult::SoftBounced
            } else {
                DeliveryResult::Delivered
            };
            history.record(&format!("m{n}"), Timestamp::from_second(n).unwrap(), result);
        }
        history
    }

    #[test]
    fn five_in_a_row_or_three_of_the_last_five_make_an_address_unreachable() {
        for (results, unreachable) in [
            ("", false),
            ("s", false),
            ("ss", false),
            ("sss", true),
            ("sssss", true),
            ("ssd", false),
            ("ssdd", false),
            ("ssds", true),
            ("sdsds", true),
            ("sddds", false),
            ("sdsdds", false),
            ("ssddds", false),
            ("sssddd", false),
            ("sssdd", true),
            ("ddddd", false),
            ("sssdddss", false),
            ("sssdddsss", true),
        ] {
            assert_eq!(history(results).is_unreachable(), unreachable, "{results}");
        }
    }

    #[test]
    fn a_history_is_the_same_in_any_order_however_often_it_is_told() {
        let told: Vec<(i64, char)> = (1..).zip("sdsdss".chars()).collect();
        let expected = history("sdsdss");
        for skip in 0..told.len() {
            let mut other = AddressHistory::default();
            for (n, result) in told.iter().cycle().skip(skip).take(told.len() * 2) {
                let result = if *result == 's' {
                    DeliveryResult::SoftBounced
                } else {
                    DeliveryResult::Delivered
                };
                other.record(&format!("m{n}"), Timestamp::from_second(*n).unwrap(), result);
            }
            assert_eq!(other, expected);
        }
    }

    #[test]
    fn a_message_that_was_delivered_and_came_back_came_back() {
        for (first, second) in [
            (DeliveryResult::Delivered, DeliveryResult::SoftBounced),
            (DeliveryResult::SoftBounced, DeliveryResult::Delivered),
        ] {
            let mut history = history("ss");
            history.record("m9", Timestamp::from_second(9).unwrap(), first);
            history.record("m9", Timestamp::from_second(9).unwrap(), second);
            assert!(history.is_unreachable());
        }
    }

    #[test]
    fn what_we_caused_is_told_from_what_the_address_caused() {
        for reason in [
            "transient:messagetoolarge",
            "transient:contentrejected",
            "transient:attachmentrejected",
            "blocked:content",
            "blocked:reputation",
            "smtp:552:5.3.4",
            "smtp:552 5.2.3 message length exceeds administrative limit",
            "554 5.6.0 Message contains invalid header",
            "smtp:5.6.7",
        ] {
            assert!(is_sender_caused(reason), "{reason}");
        }
        for reason in [
            "transient:general",
            "transient:mailboxfull",
            "undetermined:undetermined",
            "blocked:mailbox_unavailable",
            "smtp:552",
            "smtp:554",
            "552 5.2.2 Mailbox full",
            "554 5.7.1 Relay access denied",
            "450 4.2.1 try again from 10.5.6.1",
            "",
        ] {
            assert!(!is_sender_caused(reason), "{reason}");
        }
    }

    #[test]
    fn every_spelling_of_an_address_has_one_id_and_it_reads_back() {
        let id = SuppressionId::of(Channel::Email, " Asha@Example.IN ");
        assert_eq!(id, SuppressionId::of(Channel::Email, "asha@example.in"));
        assert_eq!(id.to_string().parse(), Ok(id.clone()));
        assert_eq!(id.hash(), sha256_hex(b"asha@example.in"));
        let phone = SuppressionId::of(Channel::Whatsapp, "919876543210");
        assert_eq!(phone, SuppressionId::of(Channel::Whatsapp, "+91 98765 43210"));
        assert_ne!(phone.hash(), SuppressionId::of(Channel::Email, "919876543210").hash());
        for wrong in [
            "",
            "email",
            "email-",
            "sms-00",
            &id.to_string().to_uppercase(),
            &format!("{id}0"),
            &format!("email-{id}"),
        ] {
            assert_eq!(wrong.parse::<SuppressionId>(), Err(InvalidSuppressionId), "{wrong}");
        }
    }

    #[test]
    fn a_masked_address_gives_nothing_away() {
        assert_eq!(masked(Channel::Email, "Asha.Rao@Example.in"), "A***@example.in");
        assert_eq!(masked(Channel::Whatsapp, "919876543210"), "+91XXXXXX3210");
        assert_eq!(masked(Channel::Email, "no address"), "***");
        assert_eq!(masked(Channel::Whatsapp, "12"), "***");
    }

    #[test]
    fn reasons_are_named_on_the_wire_as_in_the_ledger() {
        for reason in SuppressionReason::ALL {
            assert_eq!(serde_json::to_value(reason).unwrap(), reason.as_str());
            assert_eq!(SuppressionReason::parse(reason.as_str()), Some(reason));
        }
    }
}
