//! Templates as they are now.

use domain::TemplateId;
use domain::template::TemplateContent;
use store::campaigns::TemplateSnapshot;
use store::{Store, StoreError, templates};

/// A template of a channel; none where there is none of this id, or it is of the other channel.
pub(crate) async fn snapshot_of<T>(
    store: &Store,
    id: Option<TemplateId>,
    of_channel: impl Fn(&TemplateContent) -> Option<T>,
) -> Result<Option<TemplateSnapshot<T>>, StoreError> {
    let Some(id) = id else { return Ok(None) };
    let template = match templates::get(store, id).await {
        Ok(template) => template,
        Err(StoreError::NotFound) => return Ok(None),
        Err(error) => return Err(error),
    };
    Ok(of_channel(&template.content).map(|content| TemplateSnapshot {
        template_id: template.id,
        template_version: template.version,
        content,
    }))
}
