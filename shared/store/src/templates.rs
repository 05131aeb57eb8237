//! Templates of every channel.

use aws_sdk_dynamodb::types::ReturnValue;
use domain::template::{Template, TemplateContent};
use domain::{TemplateId, UserId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::client::{Listing, item, key_item, n, read, s};
use crate::{Page, PageRequest, Store, StoreError, keys};

#[derive(Serialize, Deserialize)]
struct TemplateItem {
    id: TemplateId,
    content: TemplateContent,
    created_by: UserId,
    created_at: Timestamp,
    updated_at: Timestamp,
    version: u64,
}

impl From<TemplateItem> for Template {
    fn from(
        TemplateItem {
            id,
            content,
            created_by,
            created_at,
            updated_at,
            version,
        }: TemplateItem,
    ) -> Self {
        Template {
            id,
            content,
            created_by,
            created_at,
            updated_at,
            version,
        }
    }
}

/// Stores a new template.
///
/// # Errors
/// When the table cannot be written.
pub async fn create(store: &Store, template: &Template) -> Result<(), StoreError> {
    let Template {
        id,
        content,
        created_by,
        created_at,
        updated_at,
        version,
    } = template.clone();
    let body = TemplateItem {
        id,
        content,
        created_by,
        created_at,
        updated_at,
        version,
    };
    let mut stored = item(keys::template(id), "template", &body)?;
    stored.insert("gsi1pk".into(), s(keys::TEMPLATES));
    stored.insert("gsi1sk".into(), s(keys::by_time(created_at, id)));
    store.put_fresh(stored).await
}

/// Reads a template.
///
/// # Errors
/// [`StoreError::NotFound`], or when the table cannot be read.
pub async fn get(store: &Store, id: TemplateId) -> Result<Template, StoreError> {
    store
        .get::<TemplateItem>(keys::template(id))
        .await?
        .map(Template::from)
        .ok_or(StoreError::NotFound)
}

/// Lists templates, newest first.
///
/// # Errors
/// When the table cannot be read.
pub async fn list(store: &Store, page: &PageRequest) -> Result<Page<Template>, StoreError> {
    let page = store.list::<TemplateItem>(Listing::gsi1(keys::TEMPLATES).newest_first(), page).await?;
    Ok(Page {
        items: page.items.into_iter().map(Template::from).collect(),
        next: page.next,
    })
}

/// Replaces the content, if the template is still at `version`.
///
/// # Errors
/// [`StoreError::Conflict`] when it changed meanwhile.
pub async fn replace(store: &Store, id: TemplateId, content: &TemplateContent, version: u64, now: Timestamp) -> Result<Template, StoreError> {
    let output = store
        .client
        .update_item()
        .table_name(&store.table)
        .set_key(Some(key_item(keys::template(id))))
        .update_expression("SET content = :content, updated_at = :now, version = :next")
        // Race: two edits of one template; the later one must see the earlier.
        .condition_expression("version = :version")
        .expression_attribute_values(":content", serde_dynamo::to_attribute_value(content).map_err(StoreError::encoding)?)
        .expression_attribute_values(":now", s(now.to_string()))
        .expression_attribute_values(":version", n(version))
        .expression_attribute_values(":next", n(version + 1))
        .return_values(ReturnValue::AllNew)
        .send()
        .await?;
    Ok(read::<TemplateItem>(output.attributes.unwrap_or_default())?.into())
}

/// Deletes the template, if it is still at `version`. Campaigns keep their own copy of what they send.
///
/// # Errors
/// [`StoreError::Conflict`] when it changed meanwhile.
pub async fn delete(store: &Store, id: TemplateId, version: u64) -> Result<(), StoreError> {
    store
        .client
        .delete_item()
        .table_name(&store.table)
        .set_key(Some(key_item(keys::template(id))))
        // Race: an edit and a deletion; who deletes must have seen the edit.
        .condition_expression("version = :version")
        .expression_attribute_values(":version", n(version))
        .send()
        .await?;
    Ok(())
}
