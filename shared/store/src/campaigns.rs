//! Campaigns: their record, their state, and the message they send.

use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, Delete, Put, ReturnValue, TransactWriteItem, Update};
use domain::campaign::{Audience, Campaign, CampaignContent, CampaignOrigin, CampaignState, Routing, UnknownPolicy};
use domain::schedule::QuietHours;
use domain::template::{EmailContent, WhatsappContent};
use domain::{CampaignId, TemplateId, UserId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::client::{Item, Listing, item, key_item, n, read, s};
use crate::{Page, PageRequest, Store, StoreError, keys};

#[derive(Serialize, Deserialize)]
struct CampaignItem {
    id: CampaignId,
    name: String,
    #[serde(default)]
    description: Option<String>,
    #[serde(default)]
    template_id: Option<TemplateId>,
    #[serde(default)]
    whatsapp_template_id: Option<TemplateId>,
    #[serde(default)]
    routing: Routing,
    #[serde(default)]
    unknown_policy: UnknownPolicy,
    #[serde(default)]
    quiet_hours: QuietHours,
    audience: Audience,
    deadline: Timestamp,
    state: CampaignState,
    #[serde(default)]
    halt_reason: Option<String>,
    #[serde(default)]
    waived: Vec<String>,
    #[serde(default)]
    origin: Option<CampaignOrigin>,
    #[serde(default)]
    chunks: u32,
    #[serde(default)]
    targeted: u32,
    created_by: UserId,
    created_at: Timestamp,
    updated_at: Timestamp,
    #[serde(default)]
    executed_at: Option<Timestamp>,
    #[serde(default)]
    planned_at: Option<Timestamp>,
    #[serde(default)]
    sent_at: Option<Timestamp>,
    #[serde(default)]
    completed_at: Option<Timestamp>,
    version: u64,
}

impl From<CampaignItem> for Campaign {
    fn from(stored: CampaignItem) -> Self {
        let CampaignItem {
            id,
            name,
            description,
            template_id,
            whatsapp_template_id,
            routing,
            unknown_policy,
            quiet_hours,
            audience,
            deadline,
            state,
            halt_reason,
            waived,
            origin,
            chunks,
            targeted,
            created_by,
            created_at,
            updated_at,
            executed_at,
            planned_at,
            sent_at,
            completed_at,
            version,
        } = stored;
        Campaign {
            id,
            content: CampaignContent {
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
            chunks,
            targeted,
            created_by,
            created_at,
            updated_at,
            executed_at,
            planned_at,
            sent_at,
            completed_at,
            version,
        }
    }
}

fn stored(campaign: &Campaign) -> Result<Item, StoreError> {
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
        chunks,
        targeted,
        created_by,
        created_at,
        updated_at,
        executed_at,
        planned_at,
        sent_at,
        completed_at,
        version,
    } = campaign.clone();
    let body = CampaignItem {
        id,
        name,
        description,
        template_id,
        whatsapp_template_id,
        routing,
        unknown_policy,
        quiet_hours,
        audience,
        deadline,
        state,
        halt_reason,
        waived,
        origin,
        chunks,
        targeted,
        created_by,
        created_at,
        updated_at,
        executed_at,
        planned_at,
        sent_at,
        completed_at,
        version,
    };
    let mut stored = item(keys::campaign(id), "campaign", &body)?;
    stored.insert("gsi1pk".into(), s(keys::CAMPAIGNS));
    stored.insert("gsi1sk".into(), s(keys::by_time(created_at, id)));
    stored.insert("gsi2pk".into(), s(keys::campaign_state_index(state.as_str())));
    stored.insert("gsi2sk".into(), s(id.to_string()));
    Ok(stored)
}

/// Stores a new campaign.
///
/// # Errors
/// When the table cannot be written.
pub async fn create(store: &Store, campaign: &Campaign) -> Result<(), StoreError> {
    let item = stored(campaign)?;
    store.put_fresh(item).await
}

/// Reads a campaign.
///
/// # Errors
/// [`StoreError::NotFound`], or when the table cannot be read.
pub async fn get(store: &Store, id: CampaignId) -> Result<Campaign, StoreError> {
    store
        .get::<CampaignItem>(keys::campaign(id))
        .await?
        .map(Campaign::from)
        .ok_or(StoreError::NotFound)
}

pub(crate) fn from_item(item: Item) -> Result<Campaign, StoreError> {
    read::<CampaignItem>(item).map(Campaign::from)
}

/// Lists campaigns, newest first.
///
/// # Errors
/// When the table cannot be read.
pub async fn list(store: &Store, page: &PageRequest) -> Result<Page<Campaign>, StoreError> {
    let page = store.list::<CampaignItem>(Listing::gsi1(keys::CAMPAIGNS).newest_first(), page).await?;
    Ok(Page {
        items: page.items.into_iter().map(Campaign::from).collect(),
        next: page.next,
    })
}

/// Replaces a draft's content, if it is still as `seen`.
///
/// # Errors
/// [`StoreError::Conflict`] when it changed or was executed meanwhile.
pub async fn replace_draft(store: &Store, seen: &Campaign, content: CampaignContent, now: Timestamp) -> Result<Campaign, StoreError> {
    let updated = Campaign {
        content,
        updated_at: now,
        version: seen.version + 1,
        ..seen.clone()
    };
    store
        .client
        .put_item()
        .table_name(&store.table)
        .set_item(Some(stored(&updated)?))
        // Race: an edit during *execute*; what is being sent must not change under the planner.
        .condition_expression("#state = :draft AND version = :version")
        .expression_attribute_names("#state", "state")
        .expression_attribute_values(":draft", s(CampaignState::Draft.as_str()))
        .expression_attribute_values(":version", n(seen.version))
        .send()
        .await?;
    Ok(updated)
}

/// Deletes a draft, if it is still as `seen`.
///
/// # Errors
/// [`StoreError::Conflict`] when it changed or was executed meanwhile.
pub async fn delete_draft(store: &Store, seen: &Campaign) -> Result<(), StoreError> {
    let delete = Delete::builder()
        .table_name(&store.table)
        .set_key(Some(key_item(keys::campaign(seen.id))))
        // Race: a deletion during *execute*; a campaign with recipients is evidence and stays.
        .condition_expression("#state = :draft AND version = :version")
        .expression_attribute_names("#state", "state")
        .expression_attribute_values(":draft", s(CampaignState::Draft.as_str()))
        .expression_attribute_values(":version", n(seen.version))
        .build()
        .map_err(|error| StoreError::Unavailable(Box::new(error)))?;
    store
        .transact(vec![TransactWriteItem::builder().delete(delete).build()])
        .await?
        .committed_or("the campaign changed meanwhile")
}

/// The message a campaign sends and what its links need, copied when it was executed: later edits of the template do
/// not change what vendors were told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MessageSnapshot {
    /// The e-mail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<TemplateSnapshot<EmailContent>>,
    /// The WhatsApp message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub whatsapp: Option<TemplateSnapshot<WhatsappContent>>,
    /// The campaign's name.
    pub campaign_name: String,
    /// Until when answers are taken.
    pub deadline: Timestamp,
}

/// A template as it was.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TemplateSnapshot<T> {
    /// The template it was copied from.
    pub template_id: TemplateId,
    /// The template's version.
    pub template_version: u64,
    /// The content.
    pub content: T,
}

/// Moves a draft to `planning` and copies its message, and its audience as it is now ([`crate::audience::resolve`]).
///
/// # Errors
/// [`StoreError::Conflict`] when the campaign is not as `seen` any more; [`StoreError::NotFound`] when its segment is gone.
pub async fn start(store: &Store, seen: &Campaign, message: &MessageSnapshot, now: Timestamp) -> Result<(), StoreError> {
    let audience = crate::audience::resolve(store, &seen.content.audience).await?;
    let update = Update::builder()
        .table_name(&store.table)
        .set_key(Some(key_item(keys::campaign(seen.id))))
        .update_expression("SET #state = :planning, audience = :audience, gsi2pk = :index, halt_reason = :none, executed_at = :now, updated_at = :now, version = :next")
        // Race: two clicks on *execute*, or an edit at the same time; one start happens, of what was checked.
        .condition_expression("#state = :seen AND version = :version")
        .expression_attribute_names("#state", "state")
        .expression_attribute_values(":audience", serde_dynamo::to_attribute_value(&audience).map_err(StoreError::encoding)?)
        .expression_attribute_values(":planning", s(CampaignState::Planning.as_str()))
        .expression_attribute_values(":index", s(keys::campaign_state_index(CampaignState::Planning.as_str())))
        .expression_attribute_values(":seen", s(seen.state.as_str()))
        // What it waited for is over.
        .expression_attribute_values(":none", AttributeValue::Null(true))
        .expression_attribute_values(":now", s(now.to_string()))
        .expression_attribute_values(":version", n(seen.version))
        .expression_attribute_values(":next", n(seen.version + 1))
        .build()
        .map_err(|error| StoreError::Unavailable(Box::new(error)))?;
    let put = Put::builder()
        .table_name(&store.table)
        .set_item(Some(item(keys::campaign_message(seen.id), "campaign_message", message)?))
        .build()
        .map_err(|error| StoreError::Unavailable(Box::new(error)))?;
    let writes = vec![
        TransactWriteItem::builder().update(update).build(),
        TransactWriteItem::builder().put(put).build(),
    ];
    store.transact(writes).await?.committed_or("the campaign changed meanwhile")
}

/// Reads the copied message.
///
/// # Errors
/// [`StoreError::NotFound`] before *execute*.
pub async fn message(store: &Store, id: CampaignId) -> Result<MessageSnapshot, StoreError> {
    store.get(keys::campaign_message(id)).await?.ok_or(StoreError::NotFound)
}

/// Records that the plan is complete and, if it is still being planned, lets the campaign send.
///
/// # Errors
/// When the table cannot be written.
pub async fn finish_plan(store: &Store, id: CampaignId, chunks: u32, targeted: u32, now: Timestamp) -> Result<(), StoreError> {
    // Race: a replayed plan message; the first complete plan stands (and the replay found the same chunks).
    const FIRST: &str = "attribute_exists(pk) AND (attribute_not_exists(planned_at) OR attribute_type(planned_at, :null))";
    let set_planned = |also: &str, condition: String| {
        store
            .client
            .update_item()
            .table_name(&store.table)
            .set_key(Some(key_item(keys::campaign(id))))
            .update_expression(format!(
                "SET chunks = :chunks, targeted = :targeted, planned_at = :now, updated_at = :now{also} ADD version :one"
            ))
            .condition_expression(condition)
            .expression_attribute_values(":chunks", n(chunks))
            .expression_attribute_values(":targeted", n(targeted))
            .expression_attribute_values(":now", s(now.to_string()))
            .expression_attribute_values(":one", n(1))
            .expression_attribute_values(":null", s("NULL"))
    };
    let sending = set_planned(
        ", #state = :sending, gsi2pk = :index, halt_reason = :none",
        format!("{FIRST} AND #state = :planning"),
    )
    .expression_attribute_names("#state", "state")
    .expression_attribute_values(":planning", s(CampaignState::Planning.as_str()))
    .expression_attribute_values(":sending", s(CampaignState::Sending.as_str()))
    .expression_attribute_values(":index", s(keys::campaign_state_index(CampaignState::Sending.as_str())))
    .expression_attribute_values(":none", AttributeValue::Null(true));
    match sending.send().await.map_err(StoreError::from) {
        Ok(_) => return Ok(()),
        Err(StoreError::Conflict(_)) => {}
        Err(error) => return Err(error),
    }
    // Paused or cancelled while planning: the plan is complete all the same, and the state is the operator's.
    match set_planned("", FIRST.to_owned()).send().await.map_err(StoreError::from) {
        Ok(_) | Err(StoreError::Conflict(_)) => {}
        Err(error) => return Err(error),
    }
    // Planned before, and taken up again as if it were not: by an operator who had read it before the plan was complete.
    match transition(store, id, CampaignState::Planning, CampaignState::Sending, None, now).await {
        Ok(_) | Err(StoreError::Conflict(_)) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Moves a campaign from one state to the next. Entering `collecting` and `completed` records when.
///
/// # Errors
/// [`StoreError::Conflict`] when it is not in `from`.
pub async fn transition(
    store: &Store,
    id: CampaignId,
    from: CampaignState,
    next: CampaignState,
    reason: Option<&str>,
    now: Timestamp,
) -> Result<Campaign, StoreError> {
    debug_assert!(from.may_become(next), "{from} → {next} is not a transition");
    let stamp = match next {
        CampaignState::Collecting => ", sent_at = :now",
        CampaignState::Completed => ", completed_at = :now",
        _ => "",
    };
    move_to(store, id, from, next, reason, now, stamp, |update| update).await
}

/// Lets a paused or halted campaign go on in `next`. What it halted for does not halt it again: an operator has seen it.
///
/// # Errors
/// [`StoreError::Conflict`] when it is not as `seen` any more.
pub async fn resume(store: &Store, seen: &Campaign, next: CampaignState, now: Timestamp) -> Result<Campaign, StoreError> {
    let mut waived = seen.waived.clone();
    waived.extend(seen.halt_reason.clone().filter(|reason| !waived.contains(reason)));
    let waived = serde_dynamo::to_attribute_value(waived).map_err(StoreError::encoding)?;
    move_to(store, seen.id, seen.state, next, None, now, ", waived = :waived", |update| {
        update.expression_attribute_values(":waived", waived)
    })
    .await
}

#[expect(clippy::too_many_arguments, reason = "one private function behind two with names")]
async fn move_to(
    store: &Store,
    id: CampaignId,
    from: CampaignState,
    next: CampaignState,
    reason: Option<&str>,
    now: Timestamp,
    also: &str,
    with: impl FnOnce(UpdateItemFluentBuilder) -> UpdateItemFluentBuilder,
) -> Result<Campaign, StoreError> {
    let update = store
        .client
        .update_item()
        .table_name(&store.table)
        .set_key(Some(key_item(keys::campaign(id))))
        .update_expression(format!(
            "SET #state = :next, gsi2pk = :index, halt_reason = :reason, updated_at = :now{also} ADD version :one"
        ))
        // Race: an operator and a worker move the campaign at once; one of them wins and the other sees it.
        .condition_expression("#state = :from")
        .expression_attribute_names("#state", "state")
        .expression_attribute_values(":from", s(from.as_str()))
        .expression_attribute_values(":next", s(next.as_str()))
        .expression_attribute_values(":index", s(keys::campaign_state_index(next.as_str())))
        .expression_attribute_values(":reason", serde_dynamo::to_attribute_value(reason).map_err(StoreError::encoding)?)
        .expression_attribute_values(":now", s(now.to_string()))
        .expression_attribute_values(":one", n(1))
        .return_values(ReturnValue::AllNew);
    let output = with(update).send().await?;
    from_item(output.attributes.unwrap_or_default())
}

/// The campaigns in a state, oldest first; eventually consistent.
///
/// # Errors
/// When the table cannot be read.
pub async fn list_in_state(store: &Store, state: CampaignState) -> Result<Vec<CampaignId>, StoreError> {
    let partition = keys::campaign_state_index(state.as_str());
    let items = store.list_all_items(Listing::gsi2(&partition)).await?;
    // The index holds keys alone.
    let id = |item: &Item| item.get("gsi2sk").and_then(|id| id.as_s().ok()).and_then(|id| id.parse().ok());
    Ok(items.iter().filter_map(id).collect())
}
