//! Campaigns on the wire.

use domain::campaign::{Audience, Campaign, CampaignContent, CampaignState};
use domain::delivery::{Channel, Counts};
use domain::{FieldError, TemplateId};
use jiff::Timestamp;
use runtime::problem::conflict;
use runtime::{ApiError, App};
use serde::{Deserialize, Serialize};
use store::{StoreError, chunks, templates};
use utoipa::ToSchema;

/// What a user says of a campaign when creating or replacing it.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CampaignRequest {
    /// What colleagues call it, 1 to 120 characters.
    name: String,
    /// Free text, at most 2,000 characters.
    #[serde(default)]
    description: Option<String>,
    /// The e-mail template to send, `tpl_…`.
    template_id: String,
    /// Whom to ask; everyone where left out.
    #[serde(default)]
    audience: Audience,
    /// When the form links stop working, at most a year ahead.
    deadline: Timestamp,
}

impl CampaignRequest {
    /// Checks the fields, and that the template exists.
    pub(crate) async fn checked(self, app: &App) -> Result<CampaignContent, ApiError> {
        let CampaignRequest {
            name,
            description,
            template_id,
            audience,
            deadline,
        } = self;
        let no_template = |value: &str| {
            vec![FieldError::new(
                "template_id",
                value,
                "not_found",
                "give the id of an existing e-mail template, tpl_…",
            )]
        };
        let id: TemplateId = template_id.parse().map_err(|_| no_template(&template_id))?;
        let content = CampaignContent {
            name,
            description,
            template_id: id,
            audience,
            deadline,
        }
        .checked(app.now())?;
        match templates::get(app.store()?, id).await {
            Ok(_) => Ok(content),
            Err(StoreError::NotFound) => Err(no_template(&template_id).into()),
            Err(error) => Err(error.into()),
        }
    }
}

/// A campaign.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CampaignResponse {
    /// Identity, `cmp_…`.
    id: String,
    name: String,
    description: Option<String>,
    channel: Channel,
    /// The template it sends, `tpl_…`.
    template_id: String,
    audience: Audience,
    /// When the form links stop working.
    deadline: Timestamp,
    state: CampaignState,
    /// Why it halted, machine-readable.
    halt_reason: Option<String>,
    /// How many vendors the plan holds; final once `planned_at` is set.
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

impl From<Campaign> for CampaignResponse {
    fn from(campaign: Campaign) -> Self {
        let Campaign {
            id,
            content:
                CampaignContent {
                    name,
                    description,
                    template_id,
                    audience,
                    deadline,
                },
            state,
            halt_reason,
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
            channel: Channel::Email,
            template_id: template_id.to_string(),
            audience,
            deadline,
            state,
            halt_reason,
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

/// A campaign with its counts, summed over its chunks.
pub(crate) struct Progress {
    pub(crate) counts: Counts,
    pub(crate) chunks: u32,
    pub(crate) chunks_closed: u32,
}

impl Progress {
    pub(crate) async fn of(app: &App, campaign: &Campaign) -> Result<Self, ApiError> {
        let summaries = chunks::summaries(app.store()?, campaign.id).await?;
        let mut progress = Progress {
            counts: Counts::default(),
            chunks: 0,
            chunks_closed: 0,
        };
        for chunk in &summaries {
            progress.counts.merge(&chunk.counts);
            progress.chunks += 1;
            progress.chunks_closed += u32::from(chunk.state == chunks::ChunkState::Closed);
        }
        Ok(progress)
    }
}
