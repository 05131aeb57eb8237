//! EventBridge Scheduler: what the stack's schedules are made of.
//!
//! A schedule is named by its id, in the stack's group, and puts one message into the stack's schedule queue whenever it fires.

use aws_sdk_scheduler::error::{ProvideErrorMetadata as _, SdkError};
use aws_sdk_scheduler::types::{
    ActionAfterCompletion, DeadLetterConfig, FlexibleTimeWindow, FlexibleTimeWindowMode, RetryPolicy, ScheduleState, Target,
};
use domain::ScheduleId;
use domain::schedule::{Expression, Schedule, ScheduleMessage, TimeZone};
use jiff::Timestamp;
use serde::Serialize;

use crate::App;
use crate::config::Var;
use crate::problem::{ApiError, invalid};

/// What a function that makes schedules must be given.
pub const CREATE_NEEDS: [Var; 4] = [Var::ScheduleGroupName, Var::ScheduleRoleArn, Var::ScheduleTargetArn, Var::ScheduleDlqArn];

/// How long EventBridge goes on trying to put a firing into the queue. What comes later than wanted is the late policy's.
const MAX_EVENT_AGE_SECS: i32 = 86_400;
const MAX_ATTEMPTS: i32 = 185;

/// Makes a campaign's schedule. One of the same name is taken for our own earlier attempt, whose answer was lost.
///
/// # Errors
/// 422 for what only EventBridge can judge, as an unknown time zone; [`ApiError::Busy`] when it throttles.
pub async fn create(app: &App, schedule: &Schedule) -> Result<(), ApiError> {
    let message = ScheduleMessage::Fire {
        schedule: schedule.id,
        campaign: schedule.campaign,
        kind: schedule.plan.kind,
        scheduled_for: None,
    };
    let when = When {
        expression: &schedule.plan.expression,
        zone: &schedule.plan.zone,
        until: schedule.plan.until,
    };
    create_with(app, schedule.id, when, &message).await
}

/// When a schedule fires.
#[derive(Debug, Clone, Copy)]
pub struct When<'a> {
    /// The rhythm.
    pub expression: &'a Expression,
    /// Whose wall clock it is on.
    pub zone: &'a TimeZone,
    /// No more of it after this.
    pub until: Option<Timestamp>,
}

/// Makes a schedule that puts `message` into the function's schedule queue; else as [`create`].
///
/// # Errors
/// As [`create`].
pub async fn create_with(app: &App, id: ScheduleId, when: When<'_>, message: &impl Serialize) -> Result<(), ApiError> {
    let config = app.config();
    let input = serde_json::to_string(message).map_err(internal)?;
    let retries = RetryPolicy::builder()
        .maximum_event_age_in_seconds(MAX_EVENT_AGE_SECS)
        .maximum_retry_attempts(MAX_ATTEMPTS)
        .build();
    let target = Target::builder()
        .arn(config.get(Var::ScheduleTargetArn)?)
        .role_arn(config.get(Var::ScheduleRoleArn)?)
        .input(input)
        .retry_policy(retries)
        .dead_letter_config(DeadLetterConfig::builder().arn(config.get(Var::ScheduleDlqArn)?).build())
        .build()
        .map_err(internal)?;
    let window = FlexibleTimeWindow::builder()
        .mode(FlexibleTimeWindowMode::Off)
        .build()
        .map_err(internal)?;
    let (expression, zone) = when.expression.for_eventbridge(when.zone);
    let until = when
        .until
        .map(|until| aws_sdk_scheduler::primitives::DateTime::from_secs(until.as_second()));
    let result = app
        .scheduler()
        .create_schedule()
        .group_name(config.get(Var::ScheduleGroupName)?)
        .name(id.to_string())
        .schedule_expression(expression)
        .schedule_expression_timezone(zone)
        .set_end_date(until)
        .flexible_time_window(window)
        // Gone once it can fire no more, so that the group holds what is still to come.
        .action_after_completion(ActionAfterCompletion::Delete)
        .state(ScheduleState::Enabled)
        .client_token(id.to_string())
        .target(target)
        .send()
        .await;
    match result {
        Ok(_) => Ok(()),
        Err(error) => match error.as_service_error().and_then(|error| error.code()) {
            Some("ConflictException") => Ok(()),
            Some("ValidationException") => Err(invalid(
                "timezone",
                zone,
                "refused",
                "the scheduler does not take this expression in this time zone: check that the zone exists, as in Asia/Kolkata",
            )),
            _ => Err(problem(error)),
        },
    }
}

/// Removes a schedule; one that is gone already is fine.
///
/// # Errors
/// [`ApiError::Busy`] when EventBridge throttles.
pub async fn delete(app: &App, id: ScheduleId) -> Result<(), ApiError> {
    let result = app
        .scheduler()
        .delete_schedule()
        .group_name(app.config().get(Var::ScheduleGroupName)?)
        .name(id.to_string())
        .client_token(id.to_string())
        .send()
        .await;
    match result {
        Ok(_) => Ok(()),
        Err(error) => match error.as_service_error().and_then(|error| error.code()) {
            Some("ResourceNotFoundException") => Ok(()),
            _ => Err(problem(error)),
        },
    }
}

fn problem<E, R>(error: SdkError<E, R>) -> ApiError
where
    E: aws_sdk_scheduler::error::ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    R: std::fmt::Debug + Send + Sync + 'static,
{
    match error.as_service_error().and_then(|error| error.code()) {
        Some("ThrottlingException") => ApiError::Busy,
        _ => internal(error),
    }
}

fn internal(error: impl std::error::Error + Send + Sync + 'static) -> ApiError {
    ApiError::Internal(Box::new(error))
}
