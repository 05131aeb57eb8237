//! Campaigns on the wire.

use std::collections::BTreeSet;

use domain::campaign::{Audience, Campaign, CampaignContent, CampaignOrigin, CampaignState, OriginKind, Routing, UnknownPolicy};
use domain::delivery::{Channel, Counts};
use domain::schedule::QuietHours;
use domain::{FieldError, TemplateId};
use jiff::Timestamp;
use jiff::civil::{Date, Time};
use runtime::problem::conflict;
use runtime::{ApiError, App};
use serde::{Deserialize, Serialize};
use store::chunks::{self, ChunkSummary};
use store::{StoreError, templates};
use utoipa::ToSchema;

use crate::survey::known_campaigns;

/// What a user says of a campaign when creating or replacing it.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CampaignRequest {
    /// What colleagues call it, 1 to 120 characters.
    name: String,
    /// Free text, at most 2,000 characters.
    #[serde(default)]
    description: Option<String>,
    /// The e-mail template to send, `tpl_…`. At least one of the two templates is needed.
    #[serde(default)]
    template_id: Option<String>,
    /// The WhatsApp template to send, `tpl_…`.
    #[serde(default)]
    whatsapp_template_id: Option<String>,
    /// With both templates: ask through every channel, or through one first and through the other whom that does not reach.
    #[serde(default)]
    routing: Routing,
    /// What becomes of recipients whose provider's answer was lost and whom no event resolves within 15 minutes: `leave` them to an
    /// operator, or `resend`, by which a vendor may get a message twice.
    #[serde(default)]
    unknown_policy: UnknownPolicy,
    /// When no WhatsApp message goes, in Indian time; it waits. 20:00 to 08:00 where left out.
    #[serde(default)]
    quiet_hours: Option<QuietHoursWire>,
    /// Whom to ask; everyone where left out.
    #[serde(default)]
    audience: Audience,
    /// When the form links stop working, at most a year ahead.
    deadline: Timestamp,
}

/// Quiet hours on the wire.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct QuietHoursWire {
    /// When they begin, `HH:MM` in Indian time.
    #[schema(value_type = String, example = "20:00")]
    from: String,
    /// When they end; the same as `from`: no hours are quiet.
    #[schema(value_type = String, example = "08:00")]
    to: String,
    /// Days without messages at all, `YYYY-MM-DD`; at most 100.
    #[serde(default)]
    #[schema(value_type = Vec<String>, example = json!(["2027-01-26"]))]
    holidays: BTreeSet<Date>,
}

impl QuietHoursWire {
    fn parse(self) -> Result<QuietHours, FieldError> {
        let wrong = |value: &str| FieldError::new("quiet_hours", value, "not_a_time", "give from and to as HH:MM in Indian time, e.g. 20:00");
        let time = |text: &str| Time::strptime("%H:%M", text).map_err(|_| wrong(text));
        if self.holidays.len() > 100 {
            return Err(FieldError::new(
                "quiet_hours",
                &self.holidays.len().to_string(),
                "too_many",
                "give at most 100 holidays",
            ));
        }
        Ok(QuietHours {
            from: time(&self.from)?,
            to: time(&self.to)?,
            holidays: self.holidays,
        })
    }
}

impl From<QuietHours> for QuietHoursWire {
    fn from(hours: QuietHours) -> Self {
        let QuietHours { from, to, holidays } = hours;
        Self {
            from: from.strftime("%H:%M").to_string(),
            to: to.strftime("%H:%M").to_string(),
            holidays,
        }
    }
}

impl CampaignRequest {
    /// Checks the fields, that the templates exist and are of their channels, and that there are the campaigns the filter names.
    pub(crate) async fn checked(self, app: &App) -> Result<CampaignContent, ApiError> {
        let CampaignRequest {
            name,
            description,
            template_id,
            whatsapp_template_id,
            routing,
            unknown_policy,
            quiet_hours,
            audience,
            deadline,
        } = self;
        let content = CampaignContent {
            name,
            description,
            template_id: template(app, "template_id", template_id, Channel::Email).await?,
            whatsapp_template_id: template(app, "whatsapp_template_id", whatsapp_template_id, Channel::Whatsapp).await?,
            routing,
            unknown_policy,
            quiet_hours: quiet_hours
                .map_or_else(|| Ok(QuietHours::default()), QuietHoursWire::parse)
                .map_err(|error| vec![error])?,
            audience,
            deadline,
        };
        let content = content.checked(app.now())?;
        known_campaigns(app, &content.audience).await?;
        Ok(content)
    }
}

/// The id of an existing template of this channel, where one was given.
async fn template(app: &App, field: &'static str, given: Option<String>, channel: Channel) -> Result<Option<TemplateId>, ApiError> {
    let Some(given) = given else { return Ok(None) };
    let wrong = || {
        let fix = match channel {
            Channel::Email => "give the id of an existing e-mail template, tpl_…",
            Channel::Whatsapp => "give the id of an existing WhatsApp template, tpl_…",
        };
        ApiError::from(vec![FieldError::new(field, &given, "not_found", fix)])
    };
    let id: TemplateId = given.parse().map_err(|_| wrong())?;
    match templates::get(app.store()?, id).await {
        Ok(template) if template.content.channel() == channel => Ok(Some(id)),
        Ok(_) | Err(StoreError::NotFound) => Err(wrong()),
        Err(error) => Err(error.into()),
    }
}

/// A campaign.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CampaignResponse {
    /// Identity, `cmp_…`.
    id: String,
    name: String,
    description: Option<String>,
    /// The channels it has a template for.
    channels: Vec<Channel>,
    /// The e-mail template it sends, `tpl_…`.
    template_id: Option<String>,
    /// The WhatsApp template it sends, `tpl_…`.
    whatsapp_template_id: Option<String>,
    routing: Routing,
    unknown_policy: UnknownPolicy,
    quiet_hours: QuietHoursWire,
    audience: Audience,
    /// When the form links stop working.
    deadline: Timestamp,
    state: CampaignState,
    /// Why it halted or waits, machine-readable.
    halt_reason: Option<String>,
    /// Reasons to halt that an operator has overruled by resuming.
    waived: Vec<String>,
    /// What it was made from, where a schedule made it.
    origin: Option<OriginResponse>,
    /// How many vendors the plan holds, over all channels; final once `planned_at` is set.
    targeted: u32,
    /// The user who created it, `usr_…`.
    created_by: String,
    created_at: Timestamp,
    updated_at: Timestamp,
    executed_at: Option<Timestamp>,
    planned_at: Option<Timestamp>,
    sent_at: Option<Timestamp>,
    completed_at: Option<Timestamp>,
}

/// What a campaign was made from.
#[derive(Debug, Serialize, ToSchema)]
struct OriginResponse {
    kind: OriginKind,
    /// The campaign whose schedule made it, `cmp_…`.
    parent: String,
    /// The campaign vendors were first asked by, `cmp_…`.
    root: String,
    /// When the schedule was due.
    scheduled_for: Timestamp,
}

impl From<CampaignOrigin> for OriginResponse {
    fn from(origin: CampaignOrigin) -> Self {
        let CampaignOrigin {
            kind,
            parent,
            root,
            scheduled_for,
        } = origin;
        Self {
            kind,
            parent: parent.to_string(),
            root: root.to_string(),
            scheduled_for,
        }
    }
}

impl From<Campaign> for CampaignResponse {
    fn from(campaign: Campaign) -> Self {
        let channels = campaign.content.channels();
        let Campaign {
            id,
            content:
                CampaignContent {
                    name,
                    description,
                    template_id,
                    whatsapp_template_id,
                    routing,
                    unknown_policy,
                    quiet_hours,
                    audience,
                    deadline,
                },
            state,
            halt_reason,
            waived,
            origin,
            chunks: _,
            targeted,
            created_by,
            created_at,
            updated_at,
            executed_at,
            planned_at,
            sent_at,
            completed_at,
            version: _,
        } = campaign;
        Self {
            id: id.to_string(),
            name,
            description,
            channels,
            template_id: template_id.map(|id| id.to_string()),
            whatsapp_template_id: whatsapp_template_id.map(|id| id.to_string()),
            routing,
            unknown_policy,
            quiet_hours: quiet_hours.into(),
            audience,
            deadline,
            state,
            halt_reason,
            waived,
            origin: origin.map(OriginResponse::from),
            targeted,
            created_by: created_by.to_string(),
            created_at,
            updated_at,
            executed_at,
            planned_at,
            sent_at,
            completed_at,
        }
    }
}

/// The 409 of a change only a draft allows.
pub(crate) fn not_a_draft(state: CampaignState) -> ApiError {
    conflict(format!("the campaign is {state}: only a draft can be changed or deleted"))
}

/// A campaign with its counts, summed over its chunks, channel by channel.
pub(crate) struct Progress {
    pub(crate) accounts: Vec<ChannelAccount>,
    /// The sum over channels.
    pub(crate) counts: Counts,
    pub(crate) chunks: u32,
    pub(crate) chunks_closed: u32,
    /// Recipients of the plan, without those moved to another channel since.
    pub(crate) planned: u32,
    pub(crate) summaries: Vec<ChunkSummary>,
}

/// One channel's share.
pub(crate) struct ChannelAccount {
    pub(crate) channel: Channel,
    pub(crate) counts: Counts,
}

impl Progress {
    pub(crate) async fn of(app: &App, campaign: &Campaign) -> Result<Self, ApiError> {
        let summaries = chunks::summaries(app.store()?, campaign.id).await?;
        let mut counts = Counts::default();
        let mut accounts: Vec<ChannelAccount> = campaign
            .content
            .channels()
            .into_iter()
            .map(|channel| ChannelAccount {
                channel,
                counts: Counts::default(),
            })
            .collect();
        for chunk in &summaries {
            counts.merge(&chunk.counts);
            if let Some(account) = accounts.iter_mut().find(|account| account.channel == chunk.channel) {
                account.counts.merge(&chunk.counts);
            }
        }
        let count = |wanted: &dyn Fn(&&ChunkSummary) -> bool| u32::try_from(summaries.iter().filter(wanted).count()).unwrap_or(u32::MAX);
        Ok(Progress {
            accounts,
            counts,
            chunks: count(&|_| true),
            chunks_closed: count(&|chunk| chunk.state == chunks::ChunkState::Closed),
            planned: summaries.iter().filter(|chunk| !chunk.follow_up).map(|chunk| chunk.counts.targeted).sum(),
            summaries,
        })
    }
}
