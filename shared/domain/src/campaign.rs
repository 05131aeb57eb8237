//! A campaign and its life: `draft → scheduled → planning → sending → collecting → completed`.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::delivery::{Channel, Counts};
use crate::schedule::QuietHours;
use crate::segment::{self, VendorFilter};
use crate::vendor::MsmeStatus;
use crate::{CampaignId, FieldError, SegmentId, TemplateId, UserId, VendorId};

/// Where a campaign stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CampaignState {
    /// Being prepared; may be edited and deleted.
    Draft,
    /// Waiting for its start time.
    Scheduled,
    /// The audience is being written into chunks.
    Planning,
    /// Chunks are being sent.
    Sending,
    /// Everything is sent; answers are collected until the deadline.
    Collecting,
    /// Over, with a ledger that balances.
    Completed,
    /// Stopped by an operator, may go on.
    Paused,
    /// Stopped for good by an operator.
    Cancelled,
    /// Stopped by the product itself, with a reason.
    Halted,
}

impl CampaignState {
    /// Every state, for tables and tests.
    pub const ALL: [CampaignState; 9] = [
        CampaignState::Draft,
        CampaignState::Scheduled,
        CampaignState::Planning,
        CampaignState::Sending,
        CampaignState::Collecting,
        CampaignState::Completed,
        CampaignState::Paused,
        CampaignState::Cancelled,
        CampaignState::Halted,
    ];

    /// The name on the wire and in storage.
    pub const fn as_str(self) -> &'static str {
        match self {
            CampaignState::Draft => "draft",
            CampaignState::Scheduled => "scheduled",
            CampaignState::Planning => "planning",
            CampaignState::Sending => "sending",
            CampaignState::Collecting => "collecting",
            CampaignState::Completed => "completed",
            CampaignState::Paused => "paused",
            CampaignState::Cancelled => "cancelled",
            CampaignState::Halted => "halted",
        }
    }

    /// Whether a campaign in this state may move to `next`. Storage repeats the question as a write condition.
    pub const fn may_become(self, next: CampaignState) -> bool {
        use CampaignState::{Cancelled, Collecting, Completed, Draft, Halted, Paused, Planning, Scheduled, Sending};
        match next {
            Draft => matches!(self, Scheduled),
            Scheduled => matches!(self, Draft),
            Planning => matches!(self, Draft | Scheduled | Paused | Halted),
            Sending => matches!(self, Planning | Paused | Halted),
            Collecting => matches!(self, Sending | Paused | Halted),
            Completed => matches!(self, Collecting),
            Paused | Halted => matches!(self, Planning | Sending | Collecting),
            Cancelled => !matches!(self, Completed | Cancelled),
        }
    }

    /// Whether the campaign has begun and may still change its recipients' standing: what the reconciler looks after.
    pub const ACTIVE: [CampaignState; 5] = [
        CampaignState::Planning,
        CampaignState::Sending,
        CampaignState::Collecting,
        CampaignState::Paused,
        CampaignState::Halted,
    ];

    /// Whether messages may still leave: checked by the sender before every provider call. While answers are collected, those
    /// may that were reopened or moved to the other channel.
    pub const fn allows_sending(self) -> bool {
        matches!(self, CampaignState::Planning | CampaignState::Sending | CampaignState::Collecting)
    }

    /// Whether the campaign's content and audience may be edited, or the campaign deleted.
    pub const fn is_editable(self) -> bool {
        matches!(self, CampaignState::Draft)
    }
}

impl fmt::Display for CampaignState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Through which channels a campaign asks, where it has a template for more than one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Routing {
    /// Through every channel it has a template for.
    #[default]
    Every,
    /// By e-mail; whom that does not reach, by WhatsApp.
    EmailFirst,
    /// By WhatsApp; whom that does not reach, by e-mail.
    WhatsappFirst,
}

/// What becomes of a recipient whose provider's answer was lost and whom no event has resolved in time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum UnknownPolicy {
    /// It stays unknown until an operator decides.
    #[default]
    Leave,
    /// It is sent again: the one way a vendor may get a message twice.
    Resend,
}

/// What a campaign was made from, where nobody wrote it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CampaignOrigin {
    /// Why it was made.
    pub kind: OriginKind,
    /// The campaign it was made from.
    pub parent: CampaignId,
    /// The campaign vendors were first asked by: an answer to any reminder answers that one.
    pub root: CampaignId,
    /// When the schedule that made it was due.
    pub scheduled_for: Timestamp,
}

/// Why a campaign was made from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OriginKind {
    /// One run of a recurring schedule.
    Occurrence,
    /// Asks those again who have not answered.
    Reminder,
}

/// Which vendors a campaign asks. Empty lists do not restrict.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Audience {
    /// Exactly these vendors; at most 1,000. Other filters still apply.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<String>)]
    pub vendor_ids: Vec<VendorId>,
    /// Vendors whose current status is one of these.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub msme_statuses: Vec<MsmeStatus>,
    /// Vendors in one of these states, by name, letters or GST code.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub states: Vec<String>,
    /// Vendors of one of these supplier types.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub supplier_types: Vec<String>,
    /// Vendors of a saved segment. It is copied when the campaign starts: later changes of the segment do not change who is asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub segment_id: Option<SegmentId>,
    /// Vendors this filter means; that of the segment, once the campaign has started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<VendorFilter>,
    /// Of several vendors with one PAN only one is asked, and its answer counts for all of them.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub once_per_pan: bool,
    /// Only vendors that this campaign reached and that have not answered it: the audience of a reminder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub not_answered: Option<CampaignId>,
}

impl Audience {
    /// The largest explicit list of vendors.
    pub const MAX_VENDOR_IDS: usize = 1_000;

    /// Whether a vendor with these traits is asked. Membership of `vendor_ids` is the planner's walk, not a trait.
    pub fn admits(&self, status: MsmeStatus, state: Option<&str>, supplier_type: Option<&str>) -> bool {
        (self.msme_statuses.is_empty() || self.msme_statuses.contains(&status))
            && segment::is_one_of(&self.states, state)
            && segment::is_one_of(&self.supplier_types, supplier_type)
    }

    /// As vendors are stored: states by their full names, supplier types by their labels, the filter like one of a list.
    #[must_use]
    fn normalised(self) -> Self {
        Self {
            msme_statuses: segment::each_once(self.msme_statuses),
            states: segment::named_states(self.states),
            supplier_types: segment::labels(self.supplier_types),
            filter: self.filter.map(VendorFilter::normalised),
            ..self
        }
    }
}

/// What a user says of a campaign when creating or replacing it.
#[derive(Debug, Clone, PartialEq)]
pub struct CampaignContent {
    /// What colleagues call it.
    pub name: String,
    /// Free text.
    pub description: Option<String>,
    /// The e-mail template it sends.
    pub template_id: Option<TemplateId>,
    /// The WhatsApp template it sends.
    pub whatsapp_template_id: Option<TemplateId>,
    /// Through which of the two.
    pub routing: Routing,
    /// What becomes of recipients that stay unknown.
    pub unknown_policy: UnknownPolicy,
    /// When no WhatsApp message goes: it waits.
    pub quiet_hours: QuietHours,
    /// Whom it asks.
    pub audience: Audience,
    /// When the form links stop working and the campaign may complete.
    pub deadline: Timestamp,
}

impl CampaignContent {
    /// The channels it has a template for.
    pub fn channels(&self) -> Vec<Channel> {
        let has = |channel: &Channel| match channel {
            Channel::Email => self.template_id.is_some(),
            Channel::Whatsapp => self.whatsapp_template_id.is_some(),
        };
        Channel::ALL.into_iter().filter(has).collect()
    }

    /// The channels everyone of the audience is asked through, in the order they are planned.
    pub fn first_channels(&self) -> Vec<Channel> {
        match self.routing {
            Routing::Every => self.channels(),
            Routing::EmailFirst => vec![Channel::Email],
            Routing::WhatsappFirst => vec![Channel::Whatsapp],
        }
    }

    /// Where those go whom the first channel does not reach.
    pub fn escalates_to(&self) -> Option<Channel> {
        match self.routing {
            Routing::Every => None,
            Routing::EmailFirst => Some(Channel::Whatsapp),
            Routing::WhatsappFirst => Some(Channel::Email),
        }
    }

    /// Checks lengths and that the deadline lies ahead of `now`, within a year.
    ///
    /// # Errors
    /// Every field that is wrong, with its fix.
    pub fn checked(self, now: Timestamp) -> Result<Self, Vec<FieldError>> {
        let mut errors = Vec::new();
        let name = self.name.trim().to_owned();
        if name.is_empty() || name.chars().count() > 120 {
            errors.push(FieldError::new(
                "name",
                &self.name,
                "length",
                "give the campaign a name of 1 to 120 characters",
            ));
        }
        if self.description.as_ref().is_some_and(|text| text.chars().count() > 2_000) {
            errors.push(FieldError::new(
                "description",
                "",
                "length",
                "shorten the description to 2,000 characters",
            ));
        }
        if self.audience.vendor_ids.len() > Audience::MAX_VENDOR_IDS {
            errors.push(FieldError::new(
                "audience.vendor_ids",
                &self.audience.vendor_ids.len().to_string(),
                "too_many",
                "name at most 1,000 vendors, or use the other audience filters",
            ));
        }
        match &self.audience.filter {
            Some(_) if self.audience.segment_id.is_some() => errors.push(FieldError::new(
                "audience.filter",
                "",
                "segment_given",
                "give a segment or a filter, not both: the segment's own filter counts",
            )),
            Some(filter) => errors.extend(filter.check().err().into_iter().flatten()),
            None => {}
        }
        segment::check_audience_lists(&mut errors, &self.audience.states, &self.audience.supplier_types);
        match (self.routing, self.template_id, self.whatsapp_template_id) {
            (_, None, None) => errors.push(FieldError::new(
                "template_id",
                "",
                "required",
                "give an e-mail template, a WhatsApp template in `whatsapp_template_id`, or both",
            )),
            (Routing::EmailFirst | Routing::WhatsappFirst, None, _) | (Routing::EmailFirst | Routing::WhatsappFirst, _, None) => {
                errors.push(FieldError::new(
                    "routing",
                    "",
                    "needs_both_templates",
                    "to move from one channel to the other, give a template for both, or choose `every`",
                ));
            }
            _ => {}
        }
        let latest = now + jiff::SignedDuration::from_hours(24 * 366);
        if self.deadline <= now || self.deadline > latest {
            errors.push(FieldError::new(
                "deadline",
                &self.deadline.to_string(),
                "out_of_range",
                "give a deadline in the future and at most a year ahead, e.g. 2027-01-31T18:29:59Z",
            ));
        }
        if errors.is_empty() {
            Ok(Self {
                name,
                audience: self.audience.normalised(),
                ..self
            })
        } else {
            Err(errors)
        }
    }
}

/// A campaign as stored.
#[derive(Debug, Clone, PartialEq)]
pub struct Campaign {
    /// Identity.
    pub id: CampaignId,
    /// What it sends and to whom.
    pub content: CampaignContent,
    /// Where it stands.
    pub state: CampaignState,
    /// Why it halted, or why it waits.
    pub halt_reason: Option<String>,
    /// Reasons to halt that an operator has overruled by resuming.
    pub waived: Vec<String>,
    /// What it was made from, where nobody wrote it.
    pub origin: Option<CampaignOrigin>,
    /// How many chunks the planner wrote; final once `planned_at` is set.
    pub chunks: u32,
    /// How many vendors the plan holds; final once `planned_at` is set.
    pub targeted: u32,
    /// Who created it.
    pub created_by: UserId,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// When *execute* was accepted.
    pub executed_at: Option<Timestamp>,
    /// When the plan was complete.
    pub planned_at: Option<Timestamp>,
    /// When the last chunk was closed.
    pub sent_at: Option<Timestamp>,
    /// When it completed.
    pub completed_at: Option<Timestamp>,
    /// Counts the changes, for `ETag`.
    pub version: u64,
}

impl Campaign {
    /// The campaign vendors were first asked by: itself, unless it is a reminder.
    pub fn root(&self) -> CampaignId {
        self.origin.as_ref().map_or(self.id, |origin| origin.root)
    }

    /// Whether a recipient may have answered before this campaign writes to it.
    pub fn may_be_answered_already(&self) -> bool {
        self.root() != self.id || self.content.channels().len() > 1
    }
}

/// Why a campaign must stop by itself, judged by its counts: a list that bounces or annoys costs the sender its reputation.
///
/// More than 10 hard bounces that are more than 10 % of what was sent; or complaints of more than 0.3 % of what was
/// delivered, once there are two (one of a small campaign is no rate).
pub fn must_halt(counts: &Counts) -> Option<&'static str> {
    let attempted = counts.accepted + counts.delivered + counts.bounced;
    if counts.hard_bounced > 10 && u64::from(counts.hard_bounced) * 10 > u64::from(attempted) {
        return Some("bounce_rate");
    }
    let arrived = counts.accepted + counts.delivered;
    (counts.complained > 1 && u64::from(counts.complained) * 1_000 > u64::from(arrived) * 3).then_some("complaint_rate")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_leaves_a_completed_or_cancelled_campaign() {
        for next in CampaignState::ALL {
            assert!(!CampaignState::Completed.may_become(next), "completed → {next}");
            assert!(!CampaignState::Cancelled.may_become(next), "cancelled → {next}");
        }
    }

    #[test]
    fn a_fresh_draft_can_be_executed_and_only_collecting_completes() {
        assert!(CampaignState::Draft.may_become(CampaignState::Planning));
        let sources: Vec<_> = CampaignState::ALL
            .into_iter()
            .filter(|from| from.may_become(CampaignState::Completed))
            .collect();
        assert_eq!(sources, [CampaignState::Collecting]);
    }

    #[test]
    fn paused_halted_and_cancelled_campaigns_send_nothing() {
        for state in [
            CampaignState::Paused,
            CampaignState::Halted,
            CampaignState::Cancelled,
            CampaignState::Completed,
        ] {
            assert!(!state.allows_sending(), "{state}");
        }
    }

    #[track_caller]
    fn check_halt(delivered: u32, hard_bounced: u32, complained: u32, expected: Option<&str>) {
        let counts = Counts {
            delivered,
            bounced: hard_bounced,
            hard_bounced,
            complained,
            ..Counts::default()
        };
        assert_eq!(must_halt(&counts), expected);
    }

    #[test]
    fn bounces_halt_above_ten_and_ten_percent_and_complaints_above_three_per_mille() {
        check_halt(90, 10, 0, None);
        check_halt(89, 11, 0, Some("bounce_rate"));
        check_halt(989, 11, 0, None);
        check_halt(0, 11, 0, Some("bounce_rate"));
        check_halt(1_000, 0, 3, None);
        check_halt(1_000, 0, 4, Some("complaint_rate"));
        check_halt(50, 0, 1, None);
        check_halt(50, 0, 2, Some("complaint_rate"));
    }
}
