//! Starting a campaign: what *execute* and a schedule have in common.

use domain::TemplateId;
use domain::campaign::{Campaign, CampaignState};
use domain::template::TemplateContent;
use domain::work::{CampaignMessage, Task};
use messaging::EmailTemplate;
use runtime::problem::{conflict, invalid};
use runtime::{ApiError, App, Outgoing, Var};
use store::campaigns::{MessageSnapshot, TemplateSnapshot};
use store::{Store, StoreError, audience, campaigns, templates};

/// Checks that the campaign can be sent as it is, copies its messages and has it planned. While it is being planned,
/// starting it again is harmless.
///
/// # Errors
/// 422 with what keeps it from being sent, 409 in another state or when it changed meanwhile.
pub async fn start(app: &App, campaign: &Campaign, correlation_id: &str) -> Result<(), ApiError> {
    match campaign.state {
        CampaignState::Draft | CampaignState::Scheduled => {
            let message = snapshot(app, campaign).await?;
            campaigns::start(app.store()?, campaign, &message, app.now()).await?;
        }
        // Started before, but its plan message may have been lost: another one is harmless.
        CampaignState::Planning => {}
        state => {
            return Err(conflict(format!(
                "the campaign is {state}: only a draft or a scheduled campaign can be executed"
            )));
        }
    }
    let message = Outgoing {
        body: CampaignMessage::new(campaign.id, Task::Plan),
        delay_secs: 0,
    };
    runtime::send(app, Var::PlanQueueUrl, correlation_id, &[message])
        .await
        .map_err(ApiError::Internal)
}

async fn snapshot(app: &App, campaign: &Campaign) -> Result<MessageSnapshot, ApiError> {
    let (store, content) = (app.store()?, &campaign.content);
    if content.deadline <= app.now() {
        return Err(invalid(
            "deadline",
            &content.deadline.to_string(),
            "past",
            "the deadline has passed: move it before executing",
        ));
    }
    let email = template(store, content.template_id, "template_id", |content| content.as_email().cloned()).await?;
    if let Some(email) = &email {
        EmailTemplate::compile(&email.content)?;
    }
    let whatsapp = template(store, content.whatsapp_template_id, "whatsapp_template_id", |content| {
        content.as_whatsapp().cloned()
    })
    .await?;
    if !audience::has_reachable(store, &content.audience, &content.channels()).await? {
        return Err(invalid(
            "audience",
            "",
            "nobody_reachable",
            "no vendor of the audience has an address on the campaign's channels",
        ));
    }
    Ok(MessageSnapshot {
        email,
        whatsapp,
        campaign_name: content.name.clone(),
        deadline: content.deadline,
    })
}

/// A template as it is now; none where the campaign has none for this channel.
async fn template<T>(
    store: &Store,
    id: Option<TemplateId>,
    field: &'static str,
    of_channel: impl Fn(&TemplateContent) -> Option<T>,
) -> Result<Option<TemplateSnapshot<T>>, ApiError> {
    let Some(id) = id else { return Ok(None) };
    let gone = || invalid(field, "", "not_found", "the template was deleted: choose another");
    let template = match templates::get(store, id).await {
        Ok(template) => template,
        Err(StoreError::NotFound) => return Err(gone()),
        Err(error) => return Err(error.into()),
    };
    let content = of_channel(&template.content).ok_or_else(gone)?;
    Ok(Some(TemplateSnapshot {
        template_id: template.id,
        template_version: template.version,
        content,
    }))
}
