//! `DELETE /api/v1/campaigns/{id}/schedules/{schedule_id}`.

use domain::CampaignId;
use domain::campaign::CampaignState;
use domain::schedule::{Schedule, ScheduleState};
use domain::user::Permission;
use http::Method;
use runtime::problem::conflict;
use runtime::{Access, ApiError, App, Request, Response, Route, Var, respond, scheduler};
use store::{StoreError, campaigns, schedules};

/// The route.
pub static ROUTE: Route = Route::new(
    "campaigns-unschedule",
    Method::DELETE,
    "/api/v1/campaigns/{id}/schedules/{schedule_id}",
    Access::Requires(Permission::CampaignsExecute),
    |app, request| Box::pin(handle(app, request)),
)
.needing(&[Var::ScheduleGroupName]);

/// Takes a schedule back. A campaign that waited for it becomes a draft again. Repeating it is harmless.
#[utoipa::path(delete, path = "/api/v1/campaigns/{id}/schedules/{schedule_id}", operation_id = "campaigns-unschedule", tag = "campaigns",
    params(("id" = String, Path, description = "cmp_…"), ("schedule_id" = String, Path, description = "sch_…"),
        ("If-Match" = Option<String>, Header, description = "Version of the schedule you read, in quotation marks")),
    responses((status = 204, description = "It will not fire"), (status = 409, description = "It has fired for the last time"),
        (status = 412, description = "It changed since you read it")), security(("bearer" = [])))]
pub async fn handle(app: &App, request: Request) -> Result<Response, ApiError> {
    let schedule = schedules::get(app.store()?, request.id("id")?, request.id("schedule_id")?).await?;
    request.if_match(schedule.version)?;
    withdraw(app, &schedule).await?;
    Ok(respond::no_content())
}

/// Takes a schedule back: it has no more effect from the first write on, whatever happens to the others.
async fn withdraw(app: &App, schedule: &Schedule) -> Result<(), ApiError> {
    let store = app.store()?;
    match schedule.state {
        // One that fired late and left its question open may be answered by taking it back.
        ScheduleState::Done if schedule.question.is_none() => {
            return Err(conflict("the schedule has fired for the last time: there is nothing to take back"));
        }
        ScheduleState::Active | ScheduleState::Done => schedules::cancel(store, schedule).await?,
        // Taken back before, but perhaps not to the end.
        ScheduleState::Cancelled => {}
    }
    if schedule.plan.kind.holds_campaign() {
        match campaigns::transition(store, schedule.campaign, CampaignState::Scheduled, CampaignState::Draft, None, app.now()).await {
            // Somebody has executed it.
            Ok(_) | Err(StoreError::Conflict(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    scheduler::delete(app, schedule.id).await
}

/// Takes every active schedule of a campaign back, because it was cancelled.
///
/// # Errors
/// When one could not be taken back; repeating it is harmless.
pub async fn withdraw_all(app: &App, campaign: CampaignId) -> Result<(), ApiError> {
    let store = app.store()?;
    for schedule in schedules::list(store, campaign).await? {
        if schedule.state == ScheduleState::Active {
            match schedules::cancel(store, &schedule).await {
                // It fired meanwhile: a cancelled campaign gives it nothing to do.
                Ok(()) | Err(StoreError::Conflict(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        scheduler::delete(app, schedule.id).await?;
    }
    Ok(())
}

/// Removes every schedule of a campaign that was deleted. One that is left over removes itself when it fires.
///
/// # Errors
/// When one could not be removed.
pub async fn remove_all(app: &App, campaign: CampaignId) -> Result<(), ApiError> {
    let store = app.store()?;
    for schedule in schedules::list(store, campaign).await? {
        scheduler::delete(app, schedule.id).await?;
        schedules::remove(store, campaign, schedule.id).await?;
    }
    Ok(())
}
