//! Every key of the table. No other module spells one.

use domain::delivery::Channel;
use domain::hash::sha256_hex;
use domain::suppression::SuppressionId;
use domain::verification::{Asked, Kind};
use domain::{
    CampaignId, ExportId, ImportId, ProposalId, ResponseId, ScheduleId, SegmentId, SyncRunId, SyncSourceId, TemplateId, UserId, VendorId,
    VerificationRunId,
};
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
/// The deleted ones, by the time they were deleted.
pub(crate) const DELETED_VENDORS: &str = "VENDORS#DELETED";
pub(crate) const TEMPLATES: &str = "TEMPLATES";
pub(crate) const CAMPAIGNS: &str = "CAMPAIGNS";
pub(crate) const RESPONSES: &str = "RESPONSES";
pub(crate) const IMPORTS: &str = "IMPORTS";
pub(crate) const INBOUND: &str = "INBOUND";
pub(crate) const PROPOSALS: &str = "PROPOSALS";

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

/// That a person deleted the vendor of a code. It stays when the code is given again: then the marker of the code says more.
pub(crate) fn deleted_code(code_key: &str) -> Key {
    key(format!("VENDORCODE#{code_key}"), "DELETED")
}

pub(crate) fn vendor_status(id: VendorId, effective_from: Date, entry: Ulid) -> Key {
    key(format!("VENDOR#{id}"), format!("{STATUS_PREFIX}{effective_from}#{entry}"))
}

pub(crate) const STATUS_PREFIX: &str = "STATUS#";
pub(crate) const CHANGE_PREFIX: &str = "CHANGE#";

/// An entry of a vendor's history; among each other by time.
pub(crate) fn vendor_change(id: VendorId, at: jiff::Timestamp, entry: Ulid) -> Key {
    key(format!("VENDOR#{id}"), format!("{CHANGE_PREFIX}{}", by_time(at, entry)))
}

/// A part of the directory of vendors.
pub(crate) fn directory(shard: u8) -> String {
    format!("DIRECTORY#{shard:02}")
}

/// What lists need to know of a vendor; within a part of the directory by code.
pub(crate) fn directory_entry(shard: u8, code_key: &str, id: VendorId) -> Key {
    key(directory(shard), in_order_of_code(code_key, id))
}

/// Which vendors' statuses begin or end by the calendar on a day.
pub(crate) fn directory_of_day(day: Date) -> String {
    format!("DIRECTORY#{day}")
}

/// That a vendor's status begins or ends on a day.
pub(crate) fn status_turns(day: Date, id: VendorId) -> Key {
    key(directory_of_day(day), id.to_string())
}

/// Between a code and an id: no code has a control character, and it sorts before all that a code may have, so that `A` comes before `A B`.
const BEHIND_CODE: char = '\t';

/// A vendor's place among others in order of code.
pub(crate) fn in_order_of_code(code_key: &str, id: VendorId) -> String {
    // Without the `vnd_` of ids: of a hundred thousand vendors it would be read with every one.
    format!("{code_key}{BEHIND_CODE}{}", id.ulid())
}

/// Code and identity of a place in order of code.
pub(crate) fn at_place_of_code(place: &str) -> Option<(&str, VendorId)> {
    let (code_key, id) = place.rsplit_once(BEHIND_CODE)?;
    Some((code_key, VendorId::from_ulid(Ulid::from_string(id).ok()?)))
}

/// How many characters of a token name its partition. More of them let fewer words share one, so that an import does not write
/// everything that begins alike into one place.
const PARTITION_CHARS: usize = 3;

/// The partition of a token: its first three characters, or two where the third is no Latin letter or digit. So the partitions a
/// shorter beginning may lie in can be named.
pub(crate) fn search_partition(token: &str) -> String {
    let is_latin = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let chars = match token.chars().take(PARTITION_CHARS).all(is_latin) {
        true => PARTITION_CHARS,
        false => domain::search::MIN_CHARS,
    };
    format!("SEARCH#{}", token.chars().take(chars).collect::<String>())
}

/// Every partition that may hold tokens with this beginning.
pub(crate) fn search_partitions(prefix: &str) -> Vec<String> {
    let own = search_partition(prefix);
    if prefix.len() >= PARTITION_CHARS || !prefix.is_ascii() {
        return vec![own];
    }
    let third = ('0'..='9').chain('a'..='z').map(|c| search_partition(&format!("{prefix}{c}")));
    third.chain([own]).collect()
}

/// That a vendor is found by a token; its code beside, by which what is found is listed.
pub(crate) fn search_token(token: &str, code_key: &str, vendor: VendorId) -> Key {
    key(search_partition(token), format!("{token}#{}", in_order_of_code(code_key, vendor)))
}

/// That a vendor answered a campaign or a reminder of it: all answers of a campaign are in one partition.
pub(crate) fn answered(root: CampaignId, vendor: VendorId) -> Key {
    key(answers(root), vendor.to_string())
}

/// Where the answers to a campaign and its reminders are.
pub(crate) fn answers(root: CampaignId) -> String {
    format!("CAMPAIGN#{root}#ANSWERS")
}

pub(crate) const SEGMENTS: &str = "SEGMENTS";

pub(crate) fn segment(id: SegmentId) -> Key {
    key(format!("SEGMENT#{id}"), "META")
}

/// That a campaign asks a vendor through a channel. Filed under the campaign that asked first: `root` and `campaign` differ for
/// a reminder, and one query finds every message an answer settles.
pub(crate) fn recipient_of(vendor: VendorId, root: CampaignId, channel: Channel, campaign: CampaignId) -> Key {
    key(format!("VENDOR#{vendor}"), format!("RCPT#{root}#{}#{campaign}", channel.as_str()))
}

/// Where a vendor's items of [`recipient_of`] begin.
pub(crate) fn recipient_of_root(vendor: VendorId, root: CampaignId) -> Key {
    key(format!("VENDOR#{vendor}"), format!("RCPT#{root}#"))
}

/// A vendor's answer to a campaign and its reminders: there is one at most.
pub(crate) fn answer(vendor: VendorId, root: CampaignId) -> Key {
    key(format!("VENDOR#{vendor}"), format!("ANSWER#{root}"))
}

/// Where a vendor's answers begin.
pub(crate) fn answers_of(vendor: VendorId) -> Key {
    key(format!("VENDOR#{vendor}"), "ANSWER#")
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

/// What one dry run of an import found.
pub(crate) fn import_report(id: ImportId, run: Ulid) -> Key {
    key(format!("IMPORT#{id}"), format!("REPORT#{run}"))
}

pub(crate) const EXPORTS: &str = "EXPORTS";

pub(crate) fn export(id: ExportId) -> Key {
    key(format!("EXPORT#{id}"), "META")
}

pub(crate) const SYNC_SOURCES: &str = "SYNC_SOURCES";
pub(crate) const SYNC_RUN_PREFIX: &str = "RUN#";

pub(crate) fn sync_source(id: SyncSourceId) -> Key {
    key(format!("SYNC#{id}"), "META")
}

pub(crate) fn sync_run(source: SyncSourceId, id: SyncRunId) -> Key {
    key(sync_source(source).pk, format!("{SYNC_RUN_PREFIX}{id}"))
}

/// That something had a source read: one item for each thing that may do so once.
pub(crate) fn sync_trigger(source: SyncSourceId, name: &str) -> Key {
    key(sync_source(source).pk, format!("TRIGGER#{name}"))
}

/// Whose a folder of the bucket is.
pub(crate) fn sync_folder(prefix: &str) -> Key {
    key(format!("SYNCFOLDER#{prefix}"), "F")
}

pub(crate) fn response(id: ResponseId) -> Key {
    key(format!("RESPONSE#{id}"), "META")
}

/// The sort key of a campaign itself, after those of its chunks.
pub(crate) const CAMPAIGN: &str = "META";

pub(crate) fn campaign(id: CampaignId) -> Key {
    key(format!("CAMPAIGN#{id}"), CAMPAIGN)
}

pub(crate) fn campaign_message(id: CampaignId) -> Key {
    key(format!("CAMPAIGN#{id}"), "MESSAGE")
}

pub(crate) const SCHEDULE_PREFIX: &str = "SCHEDULE#";

pub(crate) fn schedule(campaign: CampaignId, id: ScheduleId) -> Key {
    key(format!("CAMPAIGN#{campaign}"), format!("{SCHEDULE_PREFIX}{id}"))
}

/// That a schedule fired: one item for each time it was to.
pub(crate) fn fired(campaign: CampaignId, schedule: ScheduleId, scheduled_for: jiff::Timestamp) -> Key {
    key(format!("CAMPAIGN#{campaign}"), format!("FIRED#{schedule}#{scheduled_for}"))
}

pub(crate) fn campaign_state_index(state: &str) -> String {
    format!("CAMPAIGNS#{state}")
}

pub(crate) const CHUNK_PREFIX: &str = "CHUNK#";
pub(crate) const MANIFEST: &str = "MANIFEST";
pub(crate) const OUTCOME_PREFIX: &str = "OUT#";
pub(crate) const EVENT_PREFIX: &str = "EVT#";

/// Ends the key of outcomes that were stored without the chunk's new counts: the aggregator has to fold the chunk.
const UNCOUNTED: &str = "#uncounted";

/// How outcomes are stored, which decides who counts them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OutcomeKind {
    /// Together with the chunk's new counts.
    Counted,
    /// In the course of an attempt; the record that ends it counts them.
    Wave(u32),
    /// By themselves.
    Uncounted,
}

/// Names a chunk: the unit of sending and of folding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
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

    pub(crate) fn outcome(self, attempt_token: Ulid, kind: OutcomeKind) -> Key {
        let suffix = match kind {
            OutcomeKind::Counted => String::new(),
            OutcomeKind::Wave(wave) => format!("#wave-{wave:03}"),
            OutcomeKind::Uncounted => UNCOUNTED.to_owned(),
        };
        key(self.partition(), format!("{OUTCOME_PREFIX}{attempt_token}{suffix}"))
    }

    /// Where the campaign's chunks of this channel are.
    pub(crate) fn channel_prefix(channel: Channel) -> String {
        format!("{CHUNK_PREFIX}{}#", channel.as_str())
    }

    pub(crate) fn events(self, digest: &str) -> Key {
        key(self.partition(), format!("{EVENT_PREFIX}{digest}"))
    }
}

/// What a record of the table's stream asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Touched {
    /// Outcomes whose counts are stored with them: only the campaign as a whole may move on.
    Counted(ChunkRef),
    /// The chunk's counts are out of date.
    Uncounted(ChunkRef),
}

/// The chunk a stream record belongs to, if its key is that of an outcome or of events.
pub fn touched_by_stream_key(pk: &str, sk: &str) -> Option<Touched> {
    let is_outcome = sk.starts_with(OUTCOME_PREFIX);
    if !is_outcome && !sk.starts_with(EVENT_PREFIX) {
        return None;
    }
    let mut parts = pk.strip_prefix("CAMPAIGN#")?.split('#');
    let campaign = parts.next()?.parse().ok()?;
    let channel = Channel::parse(parts.next()?)?;
    let number = parts.next()?.parse().ok()?;
    if parts.next().is_some() {
        return None;
    }
    let chunk = ChunkRef { campaign, channel, number };
    Some(if is_outcome && !sk.ends_with(UNCOUNTED) {
        Touched::Counted(chunk)
    } else {
        Touched::Uncounted(chunk)
    })
}

pub(crate) const SUPPRESSIONS: &str = "SUPPRESSIONS";
pub(crate) const SUPPRESSION: &str = "S";

pub(crate) fn suppression(id: &SuppressionId) -> Key {
    key(format!("SUPPRESS#{}#{}", id.channel().as_str(), id.hash()), SUPPRESSION)
}

/// An entry of an address's history; after [`SUPPRESSION`] in no order, among each other by time.
pub(crate) fn suppression_entry(id: &SuppressionId, at: jiff::Timestamp, entry: &str) -> Key {
    key(suppression(id).pk, format!("HISTORY#{}", by_time(at, entry)))
}

/// The soft bounces of an address.
pub(crate) fn bounces(id: &SuppressionId) -> Key {
    key(format!("BOUNCES#{}#{}", id.channel().as_str(), id.hash()), "B")
}

/// Which campaigns wrote to a number on WhatsApp.
pub(crate) fn contacts(number: &SuppressionId) -> String {
    format!("PHONE#{}", number.hash())
}

/// That a campaign wrote to a number for a vendor; among each other by the time the campaigns were made.
pub(crate) fn contact(number: &SuppressionId, campaign: CampaignId, vendor: VendorId) -> Key {
    key(contacts(number), format!("CONTACT#{campaign}#{vendor}"))
}

/// A message of a vendor.
pub(crate) fn inbound(message_id: &str) -> Key {
    key(format!("INBOUND#{message_id}"), "META")
}

pub(crate) fn proposal(id: ProposalId) -> Key {
    key(format!("PROPOSAL#{id}"), "META")
}

/// Begins the sort keys of what a vendor was asked; see [`recipient_of`].
pub(crate) const ASKED_PREFIX: &str = "RCPT#";

/// What is known of an account with a provider: its quota, whether it is closed, how it fares.
pub(crate) fn provider(name: &str) -> Key {
    key(format!("PROVIDER#{name}"), "STATE")
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

pub(crate) const VERIFICATION_RUNS: &str = "VERIFICATIONS";
pub(crate) const VERIFICATION_PAGE_PREFIX: &str = "PAGE#";
pub(crate) const VERIFICATION_RESULT_PREFIX: &str = "VERIF#";

/// A verification of many vendors.
pub(crate) fn verification_run(id: VerificationRunId) -> Key {
    key(format!("VERIFICATION#{id}"), "META")
}

/// A page of its work.
pub(crate) fn verification_page(run: VerificationRunId, number: u32) -> Key {
    key(verification_run(run).pk, format!("{VERIFICATION_PAGE_PREFIX}{number:07}"))
}

/// An identifier it asks about. Hashed: keys are seen where what they name should not be.
pub(crate) fn verification_ask(run: VerificationRunId, asked: &Asked) -> Key {
    let digest = sha256_hex(asked.as_str().as_bytes());
    key(verification_run(run).pk, format!("ASK#{}#{digest}", asked.kind()))
}

/// Begins the sort keys of vendors a run came to no good end with, by what became of them.
pub(crate) fn verification_examples_prefix(outcome: &str) -> String {
    format!("EX#{outcome}#")
}

/// A vendor a run came to no good end with; once for each identifier.
pub(crate) fn verification_example(run: VerificationRunId, outcome: &str, vendor: VendorId, asked: Option<&Asked>) -> Key {
    let digest = asked.map(|asked| sha256_hex(asked.as_str().as_bytes())).unwrap_or_default();
    let prefix = verification_examples_prefix(outcome);
    key(verification_run(run).pk, format!("{prefix}{vendor}#{digest}"))
}

/// Which run asks about identifiers of this kind in a scope. Hashed: a scope may be a thousand vendors.
pub(crate) fn verification_scope(scope: &str, kind: Kind) -> Key {
    key(format!("VERIFICATION#SCOPE#{}", sha256_hex(scope.as_bytes())), kind.as_str())
}

/// How much an account was used on a day in India.
pub(crate) fn provider_day(name: &str, day: jiff::civil::Date) -> Key {
    key(provider(name).pk, format!("DAY#{day}"))
}

/// What came of asking about a vendor; among each other by time.
pub(crate) fn verification_result(vendor: VendorId, at: jiff::Timestamp, entry: Ulid) -> Key {
    key(format!("VENDOR#{vendor}"), format!("{VERIFICATION_RESULT_PREFIX}{}", by_time(at, entry)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_token_lies_where_each_of_its_beginnings_is_looked_up() {
        for token in [
            "3m",
            "kaveri",
            "\u{915}\u{93e}\u{935}\u{947}\u{930}\u{940}",
            "ka\u{e9}",
            "k\u{e9}a",
            "98765",
            "\u{915}ab",
        ] {
            let partition = search_partition(token);
            for chars in 2..=token.chars().count() {
                let prefix: String = token.chars().take(chars).collect();
                assert!(search_partitions(&prefix).contains(&partition), "{prefix} of {token} in {partition}");
            }
        }
        let id = VendorId::from_ulid(Ulid::from_parts(1, 1));
        assert_eq!(at_place_of_code(&in_order_of_code("A#1", id)), Some(("A#1", id)));
    }

    #[test]
    fn a_stream_key_names_its_chunk_and_nothing_else_does() {
        let chunk = ChunkRef {
            campaign: CampaignId::from_ulid(Ulid::from_parts(1, 1)),
            channel: Channel::Whatsapp,
            number: 12,
        };
        let key = |kind| chunk.outcome(Ulid::from_parts(2, 2), kind);
        let touched = |key: Key| touched_by_stream_key(&key.pk, &key.sk);
        assert_eq!(touched(key(OutcomeKind::Counted)), Some(Touched::Counted(chunk)));
        assert_eq!(touched(key(OutcomeKind::Wave(2))), Some(Touched::Counted(chunk)));
        assert_eq!(touched(key(OutcomeKind::Uncounted)), Some(Touched::Uncounted(chunk)));
        assert_eq!(touched(chunk.events("d")), Some(Touched::Uncounted(chunk)));
        assert_eq!(touched(chunk.manifest()), None);
        assert_eq!(touched_by_stream_key("VENDOR#x", "OUT#1"), None);
    }
}
