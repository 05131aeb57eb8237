//! A source's schedule at EventBridge. Each timetable has one of its own, which is made before the source that names it is
//! stored: what is stored does fire. One that no source names removes itself when it fires.

use domain::sync::{Settings, SyncMessage};
use domain::{ScheduleId, SyncSourceId};
use runtime::scheduler::{self, When};
use runtime::{ApiError, App};

/// Makes the schedule that these settings ask for, if they ask for one.
pub(crate) async fn make(app: &App, source: SyncSourceId, settings: &Settings) -> Result<Option<ScheduleId>, ApiError> {
    let Some(timetable) = settings.timetable.as_ref().filter(|_| settings.enabled) else {
        return Ok(None);
    };
    let id = ScheduleId::from_ulid(app.new_ulid());
    let message = SyncMessage::Fire {
        source_id: source,
        schedule_id: id,
        scheduled_for: None,
    };
    let when = When {
        expression: &timetable.expression,
        zone: &timetable.zone,
        until: None,
    };
    scheduler::create_with(app, id, when, &message).await?;
    Ok(Some(id))
}

/// Takes a schedule back that no source names any more.
pub(crate) async fn take_back(app: &App, id: ScheduleId) {
    if let Err(error) = scheduler::delete(app, id).await {
        // It fires in vain once more, and is removed then.
        tracing::warn!(schedule_id = %id, status = error.status().as_u16(), "schedule not removed");
    }
}
