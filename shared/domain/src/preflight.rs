//! What would come of a campaign that is executed now: whom it reaches, how long it takes, what it costs, and what speaks
//! against it.
//!
//! A [`Survey`] is fed the audience vendor by vendor and keeps counts, a few examples and hashes: 100,000 vendors take some
//! 10 MB. Nothing here asks anybody: what the providers say of their accounts comes in as [`Account`].

use std::collections::{BTreeMap, HashSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use jiff::civil::{Date, date};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;

use crate::VendorId;
use crate::campaign::CampaignContent;
use crate::delivery::{Channel, RecipientClass, escalates, no_address};
use crate::schedule::QuietHours;
use crate::suppression::SuppressionId;
use crate::vendor_record::Vendor;

/// How many vendor codes a count is illustrated with.
pub const MAX_EXAMPLES: usize = 10;

/// How much a finding matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// *Execute* refuses the campaign.
    Blocker,
    /// Worth a look before executing.
    Warning,
    /// Good to know.
    Info,
}

/// Something to know before a campaign is executed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Finding {
    /// Machine-readable, as in `nobody_reachable`.
    #[schema(value_type = String)]
    pub code: &'static str,
    /// How much it matters.
    pub severity: Severity,
    /// The channel it concerns, where it concerns one.
    pub channel: Option<Channel>,
    /// What is the matter, and what to do.
    pub message: String,
    /// How many vendors it concerns; 0 where it is not about vendors.
    pub count: u32,
    /// Codes of some of them, at most ten.
    pub examples: Vec<String>,
}

impl Finding {
    fn new(severity: Severity, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            severity,
            channel: None,
            message: message.into(),
            count: 0,
            examples: Vec::new(),
        }
    }

    /// A finding *execute* refuses the campaign for.
    pub fn blocker(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(Severity::Blocker, code, message)
    }

    /// A finding worth a look.
    pub fn warning(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(Severity::Warning, code, message)
    }

    /// A finding that is good to know.
    pub fn info(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(Severity::Info, code, message)
    }

    /// The same, of one channel.
    #[must_use]
    pub fn on(self, channel: Channel) -> Self {
        Self {
            channel: Some(channel),
            ..self
        }
    }

    fn of(self, vendors: &Tally) -> Self {
        Self {
            count: vendors.count,
            examples: vendors.examples.clone(),
            ..self
        }
    }
}

/// How many vendors, and some of them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct Tally {
    /// How many.
    pub count: u32,
    /// Codes of some of them, at most ten.
    pub examples: Vec<String>,
}

impl Tally {
    fn add(&mut self, code: &str) {
        self.count += 1;
        if self.examples.len() < MAX_EXAMPLES {
            self.examples.push(code.to_owned());
        }
    }
}

/// How many vendors for one reason, and some of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Named {
    /// The variable that is missing, or why they are suppressed.
    pub name: String,
    /// The vendors.
    #[serde(flatten)]
    pub vendors: Tally,
}

fn named(tallies: BTreeMap<String, Tally>) -> Vec<Named> {
    tallies.into_iter().map(|(name, vendors)| Named { name, vendors }).collect()
}

// ---- accounts ----------------------------------------------------------------------------------------------------------

/// How an account with a provider stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Account {
    /// `ses`, `whatsapp` …
    pub provider: String,
    /// Messages per second.
    pub per_second: u32,
    /// Recipients in any 24 hours; absent where there is no limit, or it is not known.
    pub limit_24h: Option<u32>,
    /// What is left of that now.
    pub remaining_24h: Option<u32>,
    /// The provider's words on it, separated by commas: `HEALTHY`, `HEALTHY,SANDBOX`, `YELLOW,FLAGGED` …
    pub standing: Option<String>,
    /// When the provider said so; absent where it never did.
    pub asked_at: Option<Timestamp>,
    /// Nothing is sent through it for now, and why.
    pub closed: Option<String>,
}

impl Account {
    /// Whether the provider's words include this one.
    pub fn is(&self, word: &str) -> bool {
        self.standing
            .as_deref()
            .is_some_and(|standing| standing.split(',').any(|said| said == word))
    }

    /// Whether the provider takes no messages from it at all.
    pub fn is_disabled(&self) -> bool {
        self.is("SENDING_DISABLED") || self.is("SHUTDOWN")
    }
}

/// What speaks against the accounts of a channel, first choice first.
pub fn of_accounts(channel: Channel, accounts: &[Account]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let all_disabled = !accounts.is_empty() && accounts.iter().all(Account::is_disabled);
    for account in accounts {
        let provider = &account.provider;
        let mut add = |finding: Finding| findings.push(finding.on(channel));
        if account.is_disabled() {
            let message = format!("{provider} has disabled sending for this account: settle it with the provider");
            add(if all_disabled {
                Finding::blocker("email_sending_disabled", message)
            } else {
                Finding::warning("email_sending_disabled", format!("{message}; until then the next provider is used"))
            });
        }
        if account.is("PROBATION") {
            add(Finding::warning(
                "account_under_review",
                format!("{provider} reviews this account for bounces or complaints: a bad list may end its sending"),
            ));
        }
        if account.is("SANDBOX") {
            add(Finding::warning(
                "sandbox",
                format!("{provider} delivers to verified addresses alone until production access is granted"),
            ));
        }
        for quality in ["YELLOW", "RED"] {
            if account.is(quality) {
                add(Finding::warning(
                    "quality_low",
                    format!("recipients block or report the number's messages (quality {quality}): Meta may lower its limit"),
                ));
            }
        }
        for status in [
            "FLAGGED",
            "RESTRICTED",
            "BANNED",
            "DISCONNECTED",
            "RATE_LIMITED",
            "UNVERIFIED",
            "PENDING",
            "MIGRATED",
        ] {
            if account.is(status) {
                add(Finding::warning(
                    "number_not_connected",
                    format!("Meta shows the number as {status}: look at it in WhatsApp Manager"),
                ));
            }
        }
        if account.remaining_24h == Some(0) {
            add(Finding::warning(
                "quota_exhausted",
                format!("what {provider} takes in 24 hours is used up: messages wait until it takes more"),
            ));
        }
        if let Some(reason) = &account.closed {
            add(Finding::warning(
                "provider_closed",
                format!("nothing goes through {provider} for the moment: {reason}"),
            ));
        }
        if account.asked_at.is_none() && matches!(provider.as_str(), "ses" | "whatsapp") {
            add(Finding::warning(
                "quota_unknown",
                format!("{provider} did not say what it grants: durations are estimated from the settings"),
            ));
        }
    }
    findings
}

// ---- duration ----------------------------------------------------------------------------------------------------------

/// How fast messages may go.
#[derive(Debug, Clone, Copy)]
pub struct Pace<'a> {
    /// Messages per second.
    pub per_second: u32,
    /// Recipients in any 24 hours.
    pub limit_24h: Option<u32>,
    /// What is left of that now.
    pub remaining_24h: Option<u32>,
    /// When nothing goes.
    pub quiet: Option<&'a QuietHours>,
}

/// Longer than any campaign.
const LONGEST: SignedDuration = SignedDuration::from_hours(24 * 366);
const DAY: SignedDuration = SignedDuration::from_hours(24);

/// When the last of these messages goes if nothing else is sent; `None` if it takes more than a year.
///
/// What was sent in the last 24 hours is taken to come free at the end of the next 24: never too early, perhaps too late.
pub fn finish(messages: u32, pace: Pace<'_>, now: Timestamp) -> Option<Timestamp> {
    let per_second = u64::from(pace.per_second.max(1));
    // Between two looks at the clock.
    let at_once = if pace.quiet.is_some() { per_second * 60 } else { u64::MAX };
    let mut left = u64::from(messages);
    let mut at = now;
    let mut window_end = now + DAY;
    let mut budget = pace.limit_24h.map(|limit| u64::from(pace.remaining_24h.unwrap_or(limit)));
    while left > 0 {
        if at > now + LONGEST {
            return None;
        }
        if let Some(opens) = pace.quiet.and_then(|quiet| quiet.opens_at(at)) {
            at = opens;
        }
        if at >= window_end {
            budget = pace.limit_24h.map(u64::from);
            window_end = at + DAY;
        }
        let sent = left.min(at_once).min(budget.unwrap_or(u64::MAX));
        if sent == 0 {
            at = window_end;
            continue;
        }
        left -= sent;
        budget = budget.map(|budget| budget - sent);
        at += SignedDuration::from_secs(i64::try_from(sent.div_ceil(per_second)).unwrap_or(i64::MAX / 2));
    }
    Some(at)
}

// ---- cost --------------------------------------------------------------------------------------------------------------

/// List prices, without tax. They change: the date is shown with every estimate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PriceTable {
    /// When the prices were in force.
    pub as_of: Date,
    /// SES: micro-dollars for 1,000 messages in the Essentials plan, in which every account new since 21 July 2026 is; accounts that
    /// sent before may pay 100,000 à la carte. Without attachments, which our e-mails have none of, there is no charge for data.
    /// The price list of us-east-1 (`Essentials-Outbound-Email`); that of ap-south-1 was not seen.
    /// <https://aws.amazon.com/ses/pricing/>
    pub ses_usd_micros_per_1000: u64,
    /// WhatsApp to India: paise for 1,000 marketing messages; the rate card of 1 January 2026. That of 1 October changed nothing for
    /// India's templates. <https://developers.facebook.com/documentation/business-messaging/whatsapp/pricing>
    pub whatsapp_marketing_paise_per_1000: u64,
    /// WhatsApp to India: paise for 1,000 utility or authentication messages, up to 750,000 a month; the same rate card.
    pub whatsapp_utility_paise_per_1000: u64,
    /// Paise for a dollar, rounded. (check)
    pub paise_per_usd: u64,
    /// When it was worth that.
    pub exchange_as_of: Date,
}

/// The prices estimates are made with.
pub const PRICES: PriceTable = PriceTable {
    as_of: date(2026, 10, 1),
    ses_usd_micros_per_1000: 160_000,
    whatsapp_marketing_paise_per_1000: 86_310,
    whatsapp_utility_paise_per_1000: 11_500,
    paise_per_usd: 9_000,
    exchange_as_of: date(2026, 1, 1),
};

/// What a campaign costs at its providers, at most: messages that are not delivered may be free.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Cost {
    /// All of it in paise, rounded up.
    pub paise: u64,
    /// All of it in millionths of a dollar, rounded up.
    pub usd_micros: u64,
    /// Its parts.
    pub lines: Vec<CostLine>,
    /// The date of the list prices.
    #[schema(value_type = String, example = "2026-10-01")]
    pub price_table_date: Date,
    /// The rate dollars were converted at, paise for a dollar.
    pub paise_per_usd: u64,
    /// The date of that rate.
    #[schema(value_type = String, example = "2026-01-01")]
    pub exchange_rate_date: Date,
}

/// A part of the cost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct CostLine {
    /// The channel.
    pub channel: Channel,
    /// What is paid for, as in `ses messages`.
    pub item: String,
    /// How many messages.
    pub messages: u32,
    /// In paise, rounded up.
    pub paise: u64,
    /// In millionths of a dollar, rounded up.
    pub usd_micros: u64,
}

impl PriceTable {
    fn in_usd(&self, channel: Channel, item: &str, messages: u32, usd_micros: u64) -> CostLine {
        CostLine {
            channel,
            item: item.to_owned(),
            messages,
            paise: (usd_micros * self.paise_per_usd).div_ceil(1_000_000),
            usd_micros,
        }
    }

    fn in_inr(&self, channel: Channel, item: &str, messages: u32, paise: u64) -> CostLine {
        CostLine {
            channel,
            item: item.to_owned(),
            messages,
            paise,
            usd_micros: (paise * 1_000_000).div_ceil(self.paise_per_usd),
        }
    }

    /// What messages through SES cost.
    pub fn ses(&self, messages: u32) -> CostLine {
        let usd_micros = (u64::from(messages) * self.ses_usd_micros_per_1000).div_ceil(1_000);
        self.in_usd(Channel::Email, "ses messages", messages, usd_micros)
    }

    /// What WhatsApp messages of a template of this category cost; of one that is not known, what the dearest do.
    pub fn whatsapp(&self, messages: u32, category: Option<&str>) -> CostLine {
        let (item, per_1000) = match category {
            Some("UTILITY") => ("whatsapp utility messages", self.whatsapp_utility_paise_per_1000),
            Some("AUTHENTICATION") => ("whatsapp authentication messages", self.whatsapp_utility_paise_per_1000),
            Some("MARKETING") => ("whatsapp marketing messages", self.whatsapp_marketing_paise_per_1000),
            _ => ("whatsapp messages, at the price of marketing", self.whatsapp_marketing_paise_per_1000),
        };
        let paise = (u64::from(messages) * per_1000).div_ceil(1_000);
        self.in_inr(Channel::Whatsapp, item, messages, paise)
    }

    fn total(&self, lines: Vec<CostLine>) -> Cost {
        Cost {
            paise: lines.iter().map(|line| line.paise).sum(),
            usd_micros: lines.iter().map(|line| line.usd_micros).sum(),
            lines,
            price_table_date: self.as_of,
            paise_per_usd: self.paise_per_usd,
            exchange_rate_date: self.exchange_as_of,
        }
    }
}

// ---- audience ----------------------------------------------------------------------------------------------------------

/// What a channel can do for a vendor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reach {
    /// There is no address.
    NoAddress,
    /// The address must not be written to, and why.
    Suppressed(String),
    /// The template prints variables the vendor has no value for.
    Missing(Vec<String>),
    /// A message goes.
    Reached,
}

impl Reach {
    /// Whether the other channel takes over, where the campaign moves from one to the other.
    fn escalates(&self) -> bool {
        match self {
            // The same for either channel.
            Reach::NoAddress => escalates(RecipientClass::Skipped, Some(no_address(Channel::Email))),
            Reach::Suppressed(reason) => escalates(RecipientClass::Suppressed, Some(reason)),
            Reach::Missing(_) | Reach::Reached => false,
        }
    }
}

/// An audience being looked through.
#[derive(Debug)]
pub struct Survey {
    first: Vec<Channel>,
    second: Option<Channel>,
    audience: u32,
    reachable: u32,
    channels: BTreeMap<Channel, ChannelSurvey>,
    /// Hashes of the PANs seen.
    pans: HashSet<u64>,
    duplicate_pans: Tally,
    /// A reminder's audience names a vendor once for each channel it was asked through.
    seen: Option<HashSet<VendorId>>,
}

#[derive(Debug, Default)]
struct ChannelSurvey {
    targeted: u32,
    reachable: u32,
    no_address: Tally,
    suppressed: BTreeMap<String, Tally>,
    missing: BTreeMap<String, Tally>,
    incomplete: Tally,
    /// Hashes of the addresses seen.
    addresses: HashSet<u64>,
    duplicates: Tally,
}

impl Survey {
    /// Nobody yet.
    pub fn new(content: &CampaignContent) -> Self {
        let (first, second) = (content.first_channels(), content.escalates_to());
        Self {
            channels: first
                .iter()
                .copied()
                .chain(second)
                .map(|channel| (channel, ChannelSurvey::default()))
                .collect(),
            first,
            second,
            audience: 0,
            reachable: 0,
            pans: HashSet::new(),
            duplicate_pans: Tally::default(),
            seen: content.audience.not_answered.map(|_| HashSet::new()),
        }
    }

    /// Whether anybody would get a message.
    pub const fn reaches_anybody(&self) -> bool {
        self.reachable > 0
    }

    /// Takes a vendor of the audience into account; `reach` says what each channel can do for it.
    pub fn add(&mut self, vendor: &Vendor, mut reach: impl FnMut(Channel) -> Reach) {
        if self.seen.as_mut().is_some_and(|seen| !seen.insert(vendor.id)) {
            return;
        }
        let code = vendor.profile.vendor_code.as_str();
        self.audience += 1;
        if let Some(pan) = &vendor.profile.pan_number
            && !self.pans.insert(hash(pan.as_str()))
        {
            self.duplicate_pans.add(code);
        }
        let mut is_reached = false;
        let mut moves_on = false;
        for channel in &self.first {
            let reach = reach(*channel);
            is_reached |= reach == Reach::Reached;
            moves_on |= reach.escalates();
            if let Some(survey) = self.channels.get_mut(channel) {
                survey.add(*channel, vendor, reach);
            }
        }
        if let Some(second) = self.second.filter(|_| moves_on) {
            let reach = reach(second);
            is_reached |= reach == Reach::Reached;
            if let Some(survey) = self.channels.get_mut(&second) {
                survey.add(second, vendor, reach);
            }
        }
        self.reachable += u32::from(is_reached);
    }

    /// What *execute* refuses an audience for.
    pub fn blocker(&self) -> Option<Finding> {
        if self.audience == 0 {
            return Some(Finding::blocker(
                "no_recipients",
                "no vendor is in the campaign's audience: change the audience, or add vendors",
            ));
        }
        (self.reachable == 0).then(|| {
            Finding::blocker(
                "nobody_reachable",
                "no vendor of the audience would get a message: each lacks an address or a value the template prints, or is suppressed",
            )
        })
    }
}

impl ChannelSurvey {
    fn add(&mut self, channel: Channel, vendor: &Vendor, reach: Reach) {
        let code = vendor.profile.vendor_code.as_str();
        self.targeted += 1;
        if let Some(address) = vendor.profile.address(channel)
            && !self.addresses.insert(hash(SuppressionId::of(channel, address).hash()))
        {
            self.duplicates.add(code);
        }
        match reach {
            Reach::NoAddress => self.no_address.add(code),
            Reach::Suppressed(reason) => self.suppressed.entry(reason).or_default().add(code),
            Reach::Missing(variables) => {
                self.incomplete.add(code);
                for variable in variables {
                    self.missing.entry(variable).or_default().add(code);
                }
            }
            Reach::Reached => self.reachable += 1,
        }
    }

    fn findings(&self, channel: Channel) -> Vec<Finding> {
        let mut findings = Vec::new();
        let mut warn = |vendors: &Tally, code: &'static str, message: String| {
            if vendors.count > 0 {
                findings.push(Finding::warning(code, message).on(channel).of(vendors));
            }
        };
        let what = match channel {
            Channel::Email => "e-mail address",
            Channel::Whatsapp => "mobile number",
        };
        warn(
            &self.no_address,
            "no_address",
            format!("{} vendors have no {what} on record", self.no_address.count),
        );
        for (reason, vendors) in &self.suppressed {
            warn(
                vendors,
                "suppressed",
                format!("{} vendors must not be written to ({reason})", vendors.count),
            );
        }
        for (variable, vendors) in &self.missing {
            warn(
                vendors,
                "missing_variable",
                format!(
                    "{} vendors are left out because the template prints {variable}, which is not on record: complete it, or write {{{{ {variable}|default(\"…\") }}}}",
                    vendors.count
                ),
            );
        }
        warn(
            &self.duplicates,
            "duplicate_address",
            format!("{} vendors share their {what} with another and get a message each", self.duplicates.count),
        );
        findings
    }
}

/// The same within a process; collisions among 100,000 are one in four thousand million.
fn hash(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

// ---- report ------------------------------------------------------------------------------------------------------------

/// What would come of a campaign that is executed now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Preflight {
    /// Whether *execute* would take it: there is no blocker.
    pub can_execute: bool,
    /// When all this was looked at.
    pub checked_at: Timestamp,
    /// How many vendors the audience holds, as far as it was read.
    pub audience: u32,
    /// How many of them would get a message through at least one channel.
    pub reachable: u32,
    /// Whether the whole audience was read; where not, all numbers are of the part that was.
    pub complete: bool,
    /// Channel by channel.
    pub channels: Vec<ChannelReport>,
    /// Vendors whose PAN another vendor before them has, too.
    pub duplicates_by_pan: Tally,
    /// When the last message goes, over all channels, if nothing else is sent meanwhile; absent if it takes more than a year.
    pub finishes_at: Option<Timestamp>,
    /// How many seconds from now that is.
    pub estimated_seconds: Option<i64>,
    /// How many days, rounded up.
    pub days: Option<i64>,
    /// What it costs.
    pub cost: Cost,
    /// What *execute* refuses it for.
    pub blockers: Vec<Finding>,
    /// What is worth a look.
    pub warnings: Vec<Finding>,
    /// What is good to know.
    pub infos: Vec<Finding>,
}

/// What would come of one channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ChannelReport {
    /// The channel.
    pub channel: Channel,
    /// Whether it is asked through only after the other one did not reach a vendor; then more may follow as messages bounce.
    pub is_fallback: bool,
    /// Vendors it is to reach.
    pub targeted: u32,
    /// Vendors that would get a message.
    pub reachable: u32,
    /// Vendors without an address.
    pub no_address: Tally,
    /// Vendors whose address must not be written to, by reason.
    pub suppressed: Vec<Named>,
    /// Vendors that are left out for want of a value, by variable.
    pub missing_variables: Vec<Named>,
    /// Vendors that are left out for want of any value.
    pub incomplete: Tally,
    /// Vendors whose address another vendor before them has, too.
    pub duplicate_addresses: Tally,
    /// The accounts it goes through, first choice first.
    pub accounts: Vec<Account>,
    /// When the last message goes; absent if it takes more than a year.
    pub finishes_at: Option<Timestamp>,
    /// How many seconds from now that is.
    pub estimated_seconds: Option<i64>,
    /// How many days, rounded up.
    pub days: Option<i64>,
}

/// What a report needs besides the audience.
#[derive(Debug, Default)]
pub struct Circumstances {
    /// The accounts of each channel, first choice first.
    pub accounts: BTreeMap<Channel, Vec<Account>>,
    /// What Meta counts the WhatsApp template among.
    pub whatsapp_category: Option<String>,
    /// What was found already.
    pub findings: Vec<Finding>,
    /// Whether the whole audience was read.
    pub complete: bool,
}

/// After this many days a price is said to be old.
const PRICES_LAST_DAYS: i32 = 180;

impl Survey {
    /// The report.
    pub fn report(self, content: &CampaignContent, circumstances: Circumstances, now: Timestamp) -> Preflight {
        let Circumstances {
            accounts,
            whatsapp_category,
            mut findings,
            complete,
        } = circumstances;
        findings.extend(self.blocker().filter(|_| complete));
        if self.duplicate_pans.count > 0 {
            let message = format!(
                "{} vendors have the PAN of another: they are one enterprise, and it is asked once for each",
                self.duplicate_pans.count
            );
            findings.push(Finding::warning("duplicate_pan", message).of(&self.duplicate_pans));
        }
        if !complete {
            findings.push(Finding::warning(
                "audience_walk_truncated",
                format!(
                    "the audience is larger than can be read at once: the numbers are of its first {} vendors",
                    self.audience
                ),
            ));
        }
        let mut channels = Vec::new();
        let mut lines = Vec::new();
        for (channel, survey) in self.channels {
            findings.extend(survey.findings(channel));
            let accounts = accounts.get(&channel).cloned().unwrap_or_default();
            let first = accounts.iter().find(|account| !account.is_disabled());
            match (channel, first.map(|account| account.provider.as_str())) {
                (Channel::Whatsapp, _) => lines.push(PRICES.whatsapp(survey.reachable, whatsapp_category.as_deref())),
                (Channel::Email, None | Some("ses")) => lines.push(PRICES.ses(survey.reachable)),
                (Channel::Email, Some(other)) => {
                    findings.push(Finding::info("price_unknown", format!("what {other} charges depends on its contract")).on(channel));
                }
            }
            let pace = Pace {
                per_second: first.map_or(1, |account| account.per_second),
                limit_24h: first.and_then(|account| account.limit_24h),
                remaining_24h: first.and_then(|account| account.remaining_24h),
                quiet: (channel == Channel::Whatsapp).then_some(&content.quiet_hours),
            };
            let finishes_at = finish(survey.reachable, pace, now);
            channels.push(ChannelReport {
                channel,
                is_fallback: self.second == Some(channel),
                targeted: survey.targeted,
                reachable: survey.reachable,
                no_address: survey.no_address,
                suppressed: named(survey.suppressed),
                missing_variables: named(survey.missing),
                incomplete: survey.incomplete,
                duplicate_addresses: survey.duplicates,
                accounts,
                finishes_at,
                estimated_seconds: finishes_at.map(|at| seconds(now, at)),
                days: finishes_at.map(|at| days(now, at)),
            });
        }
        let finishes_at = channels
            .iter()
            .map(|channel| channel.finishes_at)
            .try_fold(now, |last, at| at.map(|at| at.max(last)));
        if finishes_at.is_none_or(|at| at > content.deadline) && content.deadline > now {
            findings.push(Finding::warning(
                "deadline_before_finish",
                match finishes_at {
                    Some(at) => format!(
                        "the last message goes {} days from now, after the deadline: move the deadline",
                        days(now, at)
                    ),
                    None => "under today's limits the last message goes after more than a year".to_owned(),
                },
            ));
        }
        let cost = PRICES.total(lines);
        let age = |then: Date| then.until(now.to_zoned(jiff::tz::TimeZone::UTC).date()).map_or(0, |span| span.get_days());
        if age(PRICES.as_of).max(age(PRICES.exchange_as_of)) > PRICES_LAST_DAYS {
            findings.push(Finding::info(
                "prices_old",
                format!("the list prices are of {}: check them before relying on the cost", PRICES.as_of),
            ));
        }
        let of = |severity: Severity| {
            findings
                .iter()
                .filter(|finding| finding.severity == severity)
                .cloned()
                .collect::<Vec<_>>()
        };
        let blockers = of(Severity::Blocker);
        Preflight {
            can_execute: blockers.is_empty(),
            checked_at: now,
            audience: self.audience,
            reachable: self.reachable,
            complete,
            channels,
            duplicates_by_pan: self.duplicate_pans,
            finishes_at,
            estimated_seconds: finishes_at.map(|at| seconds(now, at)),
            days: finishes_at.map(|at| days(now, at)),
            cost,
            warnings: of(Severity::Warning),
            infos: of(Severity::Info),
            blockers,
        }
    }
}

fn seconds(now: Timestamp, at: Timestamp) -> i64 {
    at.duration_since(now).as_secs()
}

fn days(now: Timestamp, at: Timestamp) -> i64 {
    let seconds = at.as_second() - now.as_second();
    (seconds + 86_399) / 86_400
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::campaign::{Audience, Routing, UnknownPolicy};
    use crate::vendor::{MsmeStatus, RawVendor, VendorProfile};
    use crate::{CampaignId, TemplateId};
    use ulid::Ulid;

    /// 2 November 2026, 10:00 in India.
    const NOW: Timestamp = Timestamp::constant(1_793_593_800, 0);

    fn content(routing: Routing) -> CampaignContent {
        CampaignContent {
            name: "c".to_owned(),
            description: None,
            template_id: Some(TemplateId::from_ulid(Ulid::from_parts(1, 1))),
            whatsapp_template_id: Some(TemplateId::from_ulid(Ulid::from_parts(1, 2))),
            routing,
            unknown_policy: UnknownPolicy::Leave,
            quiet_hours: QuietHours::default(),
            audience: Audience::default(),
            deadline: NOW + SignedDuration::from_hours(24 * 10),
        }
    }

    fn vendor(code: u32, email: Option<&str>, phone: Option<&str>, pan: Option<&str>) -> Vendor {
        let raw = RawVendor {
            vendor_code: Some(format!("V-{code}")),
            company_name: Some("Castings".to_owned()),
            emails: email.map(str::to_owned).into_iter().collect(),
            phone_numbers: phone.map(str::to_owned).into_iter().collect(),
            pan_number: pan.map(str::to_owned),
            ..RawVendor::default()
        };
        Vendor {
            id: VendorId::from_ulid(Ulid::from_parts(1, u128::from(code))),
            profile: VendorProfile::parse(raw).unwrap().0,
            msme_status: MsmeStatus::Unknown,
            origin: None,
            deleted_at: None,
            created_at: NOW,
            updated_at: NOW,
            version: 1,
        }
    }

    fn by_address(vendor: &Vendor) -> impl Fn(Channel) -> Reach {
        let has = [vendor.profile.email().is_some(), vendor.profile.phone_number().is_some()];
        move |channel| {
            if has[usize::from(channel == Channel::Whatsapp)] {
                Reach::Reached
            } else {
                Reach::NoAddress
            }
        }
    }

    fn pace(per_second: u32, limit: Option<u32>, remaining: Option<u32>) -> Pace<'static> {
        Pace {
            per_second,
            limit_24h: limit,
            remaining_24h: remaining,
            quiet: None,
        }
    }

    fn account(standing: &str) -> Account {
        Account {
            provider: "ses".to_owned(),
            per_second: 14,
            limit_24h: Some(50_000),
            remaining_24h: Some(40_000),
            standing: Some(standing.to_owned()),
            asked_at: Some(NOW),
            closed: None,
        }
    }

    fn took(messages: u32, pace: Pace<'_>) -> Option<i64> {
        finish(messages, pace, NOW).map(|at| seconds(NOW, at))
    }

    #[test]
    fn a_day_admits_what_is_left_of_it_and_then_the_limit() {
        assert_eq!(took(0, pace(14, None, None)), Some(0));
        assert_eq!(took(1_400, pace(14, None, None)), Some(100));
        assert_eq!(took(1_400, pace(14, Some(50_000), Some(1_400))), Some(100));
        assert_eq!(took(1_401, pace(14, Some(50_000), Some(1_400))), Some(86_401));
        // 250 a day: the fourth day begins three days on.
        assert_eq!(took(1_000, pace(80, Some(250), None)), Some(3 * 86_400 + 4));
        assert_eq!(took(1, pace(80, Some(0), Some(0))), None);
        assert_eq!(took(100_000, pace(80, Some(250), None)), None, "more than a year");
    }

    #[test]
    fn nothing_goes_in_quiet_hours() {
        let quiet = QuietHours::default();
        let pace = Pace {
            quiet: Some(&quiet),
            ..pace(1, None, None)
        };
        // Ten hours until the evening, then twelve of silence.
        assert_eq!(took(36_000, pace), Some(36_000));
        assert_eq!(took(36_060, pace), Some(36_000 + 43_200 + 60));
    }

    #[test]
    fn vendors_are_counted_once_for_each_channel_that_asks_them() {
        let content = content(Routing::Every);
        let mut survey = Survey::new(&content);
        let (a, b) = (Some("a@x.example"), Some("A@x.example"));
        for vendor in [
            vendor(1, a, Some("9876500001"), Some("AAPFU0939F")),
            vendor(2, b, None, Some("AAPFU0939F")),
            vendor(3, None, None, None),
        ] {
            survey.add(&vendor, by_address(&vendor));
        }
        assert!(survey.reaches_anybody() && survey.blocker().is_none());
        let circumstances = Circumstances {
            accounts: BTreeMap::from([(Channel::Email, vec![account("HEALTHY")])]),
            complete: true,
            ..Circumstances::default()
        };
        let report = survey.report(&content, circumstances, NOW);
        assert!(report.can_execute);
        assert_eq!((report.audience, report.reachable, report.duplicates_by_pan.count), (3, 2, 1));
        let [email, whatsapp] = report.channels.as_slice() else {
            panic!("two channels")
        };
        assert_eq!((email.targeted, email.reachable, email.no_address.count), (3, 2, 1));
        assert_eq!((whatsapp.targeted, whatsapp.reachable, whatsapp.no_address.count), (3, 1, 2));
        assert_eq!(email.duplicate_addresses.examples, ["V-2"], "case does not matter");
        let codes: Vec<_> = report.warnings.iter().map(|finding| finding.code).collect();
        assert_eq!(codes, ["duplicate_pan", "no_address", "duplicate_address", "no_address"]);
    }

    #[test]
    fn the_second_channel_gets_whom_the_first_cannot_reach() {
        let content = content(Routing::EmailFirst);
        let mut survey = Survey::new(&content);
        let phone = Some("9876500001");
        for (number, reach) in [
            Reach::Reached,
            Reach::NoAddress,
            Reach::Suppressed("hard_bounce".to_owned()),
            Reach::Suppressed("unsubscribe".to_owned()),
            Reach::Missing(vec!["city".to_owned()]),
        ]
        .into_iter()
        .enumerate()
        {
            let vendor = vendor(u32::try_from(number).unwrap(), None, phone, None);
            survey.add(&vendor, |channel| if channel == Channel::Email { reach.clone() } else { Reach::Reached });
        }
        let report = survey.report(
            &content,
            Circumstances {
                complete: true,
                ..Circumstances::default()
            },
            NOW,
        );
        let [email, whatsapp] = report.channels.as_slice() else {
            panic!("two channels")
        };
        assert_eq!((email.targeted, email.reachable, email.is_fallback), (5, 1, false));
        assert_eq!((whatsapp.targeted, whatsapp.reachable, whatsapp.is_fallback), (2, 2, true));
        assert_eq!(report.reachable, 3);
        assert_eq!(email.missing_variables[0].name, "city");
    }

    #[test]
    fn a_reminder_counts_a_vendor_once_and_an_empty_audience_blocks() {
        let mut content = content(Routing::Every);
        content.audience.not_answered = Some(CampaignId::from_ulid(Ulid::from_parts(1, 9)));
        let mut survey = Survey::new(&content);
        assert_eq!(survey.blocker().map(|finding| finding.code), Some("no_recipients"));
        let vendor = vendor(1, None, None, None);
        survey.add(&vendor, by_address(&vendor));
        survey.add(&vendor, by_address(&vendor));
        assert_eq!(survey.audience, 1);
        assert_eq!(survey.blocker().map(|finding| finding.code), Some("nobody_reachable"));
    }

    #[test]
    fn costs_are_rounded_up_and_dated() {
        let emails = PRICES.ses(100_000);
        assert_eq!((emails.usd_micros, emails.paise), (16_000_000, 144_000));
        let utility = PRICES.whatsapp(10_000, Some("UTILITY"));
        assert_eq!(utility.paise, 115_000);
        let unknown = PRICES.whatsapp(1, None);
        assert_eq!((unknown.paise, unknown.usd_micros), (87, 9_667));
        assert_eq!(PRICES.total(vec![utility]).price_table_date, PRICES.as_of);
    }

    #[test]
    fn accounts_are_judged_by_the_providers_words() {
        let codes = |accounts: &[Account]| {
            let findings = of_accounts(Channel::Email, accounts);
            findings.iter().map(|finding| (finding.code, finding.severity)).collect::<Vec<_>>()
        };
        let disabled = account("SENDING_DISABLED");
        assert_eq!(codes(&[account("HEALTHY")]), []);
        assert_eq!(codes(&[account("HEALTHY,SANDBOX")]), [("sandbox", Severity::Warning)]);
        assert_eq!(codes(std::slice::from_ref(&disabled)), [("email_sending_disabled", Severity::Blocker)]);
        let other = Account {
            provider: "smtp".to_owned(),
            asked_at: None,
            standing: None,
            ..account("")
        };
        assert_eq!(codes(&[disabled, other]), [("email_sending_disabled", Severity::Warning)]);
        let number = Account {
            remaining_24h: Some(0),
            ..account("YELLOW,FLAGGED")
        };
        assert_eq!(
            codes(&[number]).iter().map(|(code, _)| *code).collect::<Vec<_>>(),
            ["quality_low", "number_not_connected", "quota_exhausted"]
        );
    }

    #[test]
    fn a_deadline_before_the_last_message_is_pointed_out() {
        let mut content = content(Routing::EmailFirst);
        content.deadline = NOW + SignedDuration::from_secs(10);
        let mut survey = Survey::new(&content);
        for number in 0..20 {
            let vendor = vendor(number, Some(&format!("v{number}@x.example")), None, None);
            survey.add(&vendor, by_address(&vendor));
        }
        let report = survey.report(
            &content,
            Circumstances {
                complete: true,
                ..Circumstances::default()
            },
            NOW,
        );
        assert_eq!(
            (report.estimated_seconds, report.days),
            (Some(20), Some(1)),
            "one a second where nothing is known"
        );
        assert!(report.warnings.iter().any(|finding| finding.code == "deadline_before_finish"));
    }
}
