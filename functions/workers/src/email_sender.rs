//! Sends one chunk of e-mail: claim, check, pace, render, send once, record.
//!
//! The promise: no duplicate comes from our retries. A message leaves only under a claim, is never repeated unless the
//! provider proved it did not accept it, and whatever cannot be proved is recorded as unknown.

use std::sync::Arc;
use std::time::Duration;

use domain::CampaignId;
use domain::campaign::CampaignState;
use domain::delivery::{AttemptResult, Channel, ChunkLog, MAX_ATTEMPTS, Outcome, OutcomePack, Recipient};
use domain::links::{Link, Purpose};
use domain::work::ChunkMessage;
use jiff::SignedDuration;
use messaging::{CampaignContext, EmailTemplate, EntryResult, OutgoingEmail, SendError, Ses, Variables, Wait};
use runtime::{App, KeyUse, Message, Metrics, Outgoing, RecordError, Var, Worker};
use store::campaigns::MessageSnapshot;
use store::chunks::{self, ChunkState, ChunkSummary, Claim};
use store::gcra::{Rate, Reservation};
use store::{ChunkRef, StoreError, campaigns};
use tokio::sync::Mutex;

use crate::each::each;

/// The worker.
pub static WORKER: Worker = Worker {
    name: "workers-email-sender",
    needs: &[
        Var::TableName,
        Var::EmailQueueUrl,
        Var::SigningSecretArn,
        Var::PublicBaseUrl,
        Var::FromAddress,
        Var::OrganisationName,
        Var::SesConfigurationSet,
        Var::SesMaxSendRate,
    ],
    handler: |app, messages| Box::pin(each(messages, move |message| handle(app, message))),
};

// Longer than the function may run (60 s): a claim runs out only when its sender is dead.
const CLAIM: SignedDuration = SignedDuration::from_secs(90);
// A near slot is waited for, a far one is a job for the queue's delay. Long enough for all ten senders to wait in line at a new
// account's 14 messages a second: sent back, a chunk costs seven calls each time, and most would be sent back many times.
// Short enough for the wait and SES's 20 s to fit into the function's 60 s.
const MAX_WAIT_MICROS: i64 = 33_000_000;
// An opt-out link works longer than the form: people unsubscribe from old mail.
const UNSUBSCRIBE: SignedDuration = SignedDuration::from_hours(24 * 400);

/// What one delivery of a chunk message came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Nothing is left to do for this message.
    Done,
    /// Look again after this many seconds.
    Again(i32),
}

async fn handle(app: &App, message: Message) -> Result<(), RecordError> {
    let body: ChunkMessage = message.json()?;
    match send_chunk(
        app,
        ChunkRef {
            campaign: body.campaign_id,
            channel: Channel::Email,
            number: body.chunk,
        },
    )
    .await?
    {
        Step::Done => Ok(()),
        // A new message instead of a failure: waiting must not use up the receive count.
        Step::Again(delay_secs) => runtime::send(app, Var::EmailQueueUrl, &message.correlation_id, &[Outgoing { body, delay_secs }]).await,
    }
}

/// Takes a chunk one step further.
///
/// # Errors
/// When the table or the secrets cannot be reached. Whatever was sent by then is resolved by the claim running out.
pub async fn send_chunk(app: &App, chunk: ChunkRef) -> Result<Step, RecordError> {
    let (store, now, token) = (app.store()?, app.now(), app.new_ulid());
    let summary = match chunks::claim(store, chunk, token, now + CLAIM, now).await {
        Ok(Claim::Won(summary)) => summary,
        Ok(Claim::Expired(summary)) => {
            let (log, _) = chunks::log(store, chunk).await?;
            return declare_unknown(app, chunk, &summary, &log).await;
        }
        // The other sender may die: someone has to look again when its claim has run out.
        Ok(Claim::Busy(until)) => return Ok(Step::Again(delay(until - now.as_second() + 1))),
        Ok(Claim::Closed) | Err(StoreError::NotFound) => return Ok(Step::Done),
        Err(error) => return Err(error.into()),
    };

    let mut batch = match make_ready(app, chunk).await {
        Ok(Ready::Send(batch)) => batch,
        Ok(Ready::Not(step)) => {
            chunks::release(store, chunk, token).await?;
            return Ok(step);
        }
        // Nothing left yet, and that is certain: the chunk goes back as it was, and the message comes again.
        Err(error) => {
            chunks::release(store, chunk, token).await?;
            return Err(error);
        }
    };
    let mut stop = None;
    let mut wait = None;
    let results = if batch.outgoing.is_empty() {
        Vec::new()
    } else {
        match ses(app)?.send_chunk(&batch.outgoing).await {
            Ok(results) => results,
            Err(error) => {
                if let SendError::NotAccepted { wait: reason, .. } = &error {
                    wait = Some(*reason);
                }
                batch.outgoing.iter().map(|_| error.for_entry()).collect()
            }
        }
    };
    for (email, result) in batch.outgoing.iter().zip(results) {
        let recorded = match result {
            EntryResult::Accepted { message_id } => outcome(email, AttemptResult::Accepted, Some(message_id), None),
            EntryResult::Failed { reason } => outcome(email, AttemptResult::Failed, None, Some(reason)),
            EntryResult::Unknown { reason } => outcome(email, AttemptResult::Unknown, None, Some(reason)),
            // Not the message's fault: it waits for its turn however often that takes.
            EntryResult::Retry { reason, wait: Some(turn) } => {
                wait = wait.or(Some(turn));
                outcome(email, AttemptResult::Retry, None, Some(reason))
            }
            EntryResult::Retry { reason, wait: None } if summary.attempt >= MAX_ATTEMPTS => outcome(email, AttemptResult::Failed, None, Some(reason)),
            EntryResult::Retry { reason, wait: None } => outcome(email, AttemptResult::Retry, None, Some(reason)),
            EntryResult::Stop { reason } => {
                stop = stop.or(Some(reason.clone()));
                outcome(email, AttemptResult::Retry, None, Some(reason))
            }
        };
        batch.outcomes.push(recorded);
    }

    let again = batch.outcomes.iter().any(|outcome| outcome.result == AttemptResult::Retry);
    let only_waiting = wait.is_some() && stop.is_none() && batch.outcomes.iter().all(|outcome| outcome.result == AttemptResult::Retry);
    if only_waiting {
        // Nothing happened that is worth a record: no attempt is counted.
        chunks::release(store, chunk, token).await?;
    } else {
        let pack = OutcomePack {
            attempt: summary.attempt,
            at: app.now(),
            outcomes: batch.outcomes,
        };
        let next = if again { ChunkState::Pending } else { ChunkState::Closed };
        record(app, chunk, token, &pack, next).await?;
    }
    if let Some(reason) = stop {
        halt(app, chunk.campaign, &reason).await?;
        return Ok(Step::Done);
    }
    Ok(if again {
        Step::Again(backoff(summary.attempt, wait))
    } else {
        Step::Done
    })
}

enum Ready {
    Send(Batch),
    Not(Step),
}

/// Everything before the provider call: checks, pacing, rendering.
async fn make_ready(app: &App, chunk: ChunkRef) -> Result<Ready, RecordError> {
    let store = app.store()?;
    let (log, _) = chunks::log(store, chunk).await?;
    let unsent: Vec<Recipient> = log.unsent().into_iter().cloned().collect();
    let addresses: Vec<String> = unsent.iter().filter_map(|recipient| recipient.email.clone()).collect();
    let check = chunks::check_before_send(store, chunk, &addresses).await?;
    if !check.campaign.state.allows_sending() {
        // Paused, halted or cancelled: the chunk stays pending, and *resume* enqueues what is pending.
        return Ok(Ready::Not(Step::Done));
    }
    let to_send = addresses.iter().filter(|address| !check.suppressed.contains_key(*address)).count();
    if let Some(wait_secs) = pace(app, to_send).await? {
        return Ok(Ready::Not(Step::Again(wait_secs)));
    }
    Ok(Ready::Send(prepare(app, chunk, unsent, &check.suppressed).await?))
}

/// Stops the campaign with a reason an operator can act on.
async fn halt(app: &App, campaign: CampaignId, reason: &str) -> Result<(), RecordError> {
    tracing::error!(campaign_id = %campaign, reason, "campaign halted");
    // The planner may finish while SES answers, so the campaign may be in either state; it only moves forward.
    for from in [CampaignState::Planning, CampaignState::Sending] {
        match campaigns::transition(app.store()?, campaign, from, CampaignState::Halted, Some(reason), app.now()).await {
            Ok(_) => break,
            Err(StoreError::Conflict(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// The claim before ours ran out: its sender may have sent anything or nothing.
async fn declare_unknown(app: &App, chunk: ChunkRef, summary: &ChunkSummary, log: &ChunkLog) -> Result<Step, RecordError> {
    let Some(token) = summary.attempt_token else { return Ok(Step::Done) };
    let outcomes = log
        .unsent()
        .into_iter()
        .map(|recipient| match &recipient.email {
            Some(_) => Outcome {
                recipient: recipient.id,
                result: AttemptResult::Unknown,
                message_id: None,
                reason: Some("claim_expired".into()),
            },
            None => Outcome {
                recipient: recipient.id,
                result: AttemptResult::Skipped,
                message_id: None,
                reason: Some("no_email".into()),
            },
        })
        .collect();
    record(
        app,
        chunk,
        token,
        &OutcomePack {
            attempt: summary.attempt,
            at: app.now(),
            outcomes,
        },
        ChunkState::Closed,
    )
    .await?;
    Ok(Step::Done)
}

async fn record(app: &App, chunk: ChunkRef, token: ulid::Ulid, pack: &OutcomePack, next: ChunkState) -> Result<(), RecordError> {
    match chunks::record(app.store()?, chunk, token, pack, next).await {
        Ok(()) => {}
        Err(StoreError::Conflict(_)) => {
            // We ran past our claim and were declared dead; the recipients are unknown until their events arrive.
            tracing::error!(campaign_id = %chunk.campaign, chunk = chunk.number, "outcomes not recorded: the claim was taken over");
            return Ok(());
        }
        Err(error) => return Err(error.into()),
    }
    let count = |result: AttemptResult| u32::try_from(pack.outcomes.iter().filter(|outcome| outcome.result == result).count()).unwrap_or(u32::MAX);
    let metrics = Metrics {
        stage: &app.config().stage,
        properties: &[("campaign_id", chunk.campaign.to_string()), ("chunk", chunk.number.to_string())],
        counts: &[
            ("EmailsSent", count(AttemptResult::Accepted)),
            ("EmailsSuppressed", count(AttemptResult::Suppressed)),
            ("EmailsSkipped", count(AttemptResult::Skipped)),
            ("EmailsFailed", count(AttemptResult::Failed)),
            ("EmailsRetried", count(AttemptResult::Retry)),
            ("EmailsUnknown", count(AttemptResult::Unknown)),
        ],
    };
    metrics.emit(app.now());
    Ok(())
}

/// Waits for the chunk's slot, or says in how many seconds to come back.
async fn pace(app: &App, messages: usize) -> Result<Option<i32>, RecordError> {
    if messages == 0 {
        return Ok(None);
    }
    let per_second = i64::from(app.config().number(Var::SesMaxSendRate)?);
    let rate = Rate {
        name: "ses:account",
        unit_micros: 1_000_000 / per_second,
        horizon_micros: MAX_WAIT_MICROS,
    };
    match store::gcra::reserve(app.store()?, rate, u32::try_from(messages)?, app.now()).await? {
        Reservation::After(micros) => {
            tokio::time::sleep(Duration::from_micros(u64::try_from(micros).unwrap_or(0))).await;
            Ok(None)
        }
        Reservation::Refused(micros) => Ok(Some(delay(micros / 1_000_000 + 1 + rand::random_range(0..5)))),
    }
}

struct Batch {
    outgoing: Vec<OutgoingEmail>,
    outcomes: Vec<Outcome>,
}

/// Renders everyone who can be written to and records why the others cannot.
async fn prepare(
    app: &App,
    chunk: ChunkRef,
    recipients: Vec<Recipient>,
    suppressed: &std::collections::HashMap<String, store::suppressions::Suppression>,
) -> Result<Batch, RecordError> {
    let mut batch = Batch {
        outgoing: Vec::with_capacity(recipients.len()),
        outcomes: Vec::new(),
    };
    let message = message(app, chunk.campaign).await?;
    let key = app
        .signing_keys()
        .await
        .map_err(|error| format!("signing keys: {error:?}"))?
        .active(KeyUse::Link);
    let (base, organisation_name) = (app.config().get(Var::PublicBaseUrl)?, app.config().get(Var::OrganisationName)?);
    let link = |purpose, path: &str, recipient: &Recipient, expires_at| {
        let link = Link {
            purpose,
            campaign: chunk.campaign,
            vendor: recipient.id,
            chunk: chunk.number,
            expires_at,
        };
        format!("{base}/{path}/{}", link.sign(&key))
    };
    for recipient in recipients {
        let without_message = |result, reason: String| Outcome {
            recipient: recipient.id,
            result,
            message_id: None,
            reason: Some(reason),
        };
        let Some(address) = recipient.email.clone() else {
            batch.outcomes.push(without_message(AttemptResult::Skipped, "no_email".into()));
            continue;
        };
        if let Some(suppression) = suppressed.get(&address) {
            batch
                .outcomes
                .push(without_message(AttemptResult::Suppressed, suppression.reason.clone()));
            continue;
        }
        if message.snapshot.deadline <= app.now() {
            // A chunk that waited past the deadline, behind a quota or a pause: its form link would open nothing.
            batch.outcomes.push(without_message(AttemptResult::Skipped, "deadline_passed".into()));
            continue;
        }
        let form_url = link(Purpose::Form, "f", &recipient, message.snapshot.deadline);
        let unsubscribe_url = link(Purpose::Unsubscribe, "unsubscribe", &recipient, app.now() + UNSUBSCRIBE);
        let context = CampaignContext {
            organisation_name,
            campaign_name: &message.snapshot.campaign_name,
            deadline: message.snapshot.deadline,
            form_url: &form_url,
            unsubscribe_url: &unsubscribe_url,
        };
        match message.template.render(&Variables::for_recipient(&recipient, &context)) {
            Ok(email) => batch.outgoing.push(OutgoingEmail {
                recipient: recipient.id,
                to: address,
                email,
                unsubscribe_url,
                campaign: chunk.campaign,
                chunk: chunk.number,
            }),
            Err(error) => batch.outcomes.push(without_message(AttemptResult::Skipped, error.reason())),
        }
    }
    Ok(batch)
}

struct CompiledMessage {
    snapshot: MessageSnapshot,
    template: EmailTemplate,
}

/// The campaign's message, compiled. Kept between invocations: it was copied at *execute* and cannot change.
async fn message(app: &App, campaign: CampaignId) -> Result<Arc<CompiledMessage>, RecordError> {
    static LAST: Mutex<Option<(CampaignId, Arc<CompiledMessage>)>> = Mutex::const_new(None);
    let mut last = LAST.lock().await;
    if let Some((id, message)) = last.as_ref()
        && *id == campaign
    {
        return Ok(Arc::clone(message));
    }
    let snapshot = campaigns::message(app.store()?, campaign).await?;
    let template = EmailTemplate::compile(&snapshot.content).map_err(|errors| format!("the campaign's message does not compile: {errors:?}"))?;
    let message = Arc::new(CompiledMessage { snapshot, template });
    *last = Some((campaign, Arc::clone(&message)));
    Ok(message)
}

fn ses(app: &App) -> Result<Ses, RecordError> {
    let config = app.config();
    Ok(Ses::new(
        app.ses().clone(),
        config.get(Var::FromAddress)?.to_owned(),
        config.get(Var::SesConfigurationSet)?.to_owned(),
    ))
}

fn outcome(email: &OutgoingEmail, result: AttemptResult, message_id: Option<String>, reason: Option<String>) -> Outcome {
    Outcome {
        recipient: email.recipient,
        result,
        message_id,
        reason,
    }
}

/// Exponential backoff with full jitter; a throttled account is asked again soon, a used-up quota late.
fn backoff(attempt: u32, wait: Option<Wait>) -> i32 {
    let most = match wait {
        Some(Wait::Throttled) => 5,
        Some(Wait::DailyQuota) => return 900,
        Some(Wait::Unreachable) => 60,
        None => 10_i64.saturating_mul(1 << attempt.min(6)),
    };
    delay(rand::random_range(1..=most))
}

fn delay(seconds: i64) -> i32 {
    i32::try_from(seconds.clamp(1, 900)).unwrap_or(900)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_never_longer_than_the_queue_can_delay() {
        for attempt in 1..=10 {
            assert!((1..=900).contains(&backoff(attempt, None)));
        }
        assert_eq!(backoff(1, Some(Wait::DailyQuota)), 900);
    }
}
