//! Sending one chunk: claim, check, pace, render, send once, record.

use std::collections::HashMap;

use domain::campaign::Campaign;
use domain::delivery::{AttemptResult, Channel, ChunkLog, MAX_ATTEMPTS, Outcome, OutcomePack, Recipient, WAVE_SIZE, no_address};
use jiff::{SignedDuration, Timestamp};
use messaging::email_providers::may_fail_over;
use messaging::{EntryResult, Wait};
use store::chunks::{ChunkState, ChunkSummary, Claim, Ending, SendCheck, SendQuestion};
use store::gcra::{Rate, Reservation};
use store::providers::ProviderState;
use store::{ChunkRef, StoreError};
use ulid::Ulid;

use crate::halt::halt;
use crate::ports::{Error, Ports, Provider, Style};

/// How long a claim holds: longer than a sender may run (60 s), so that it runs out only when its sender is dead.
pub const CLAIM: SignedDuration = SignedDuration::from_secs(90);

/// How far ahead a slot may be to be waited for; a farther one is a job for the queue's delay. Short, because who opted out is
/// read before the wait.
pub const MAX_WAIT: SignedDuration = SignedDuration::from_secs(10);

/// After so many calls in a row that failed on the provider's side, it gets a rest.
const BREAKER: u32 = 5;
/// After so many whose answers were lost, the campaign stops: each leaves a chunk of recipients unknown.
const AMBIGUOUS_BREAKER: u32 = 3;
/// The rest.
const REST: SignedDuration = SignedDuration::from_mins(2);
/// How long a used-up daily quota closes a provider before it is asked again.
const QUOTA_REST: SignedDuration = SignedDuration::from_mins(15);
/// The wave number of a record that ends an attempt: after all of its waves.
const LAST_WAVE: u32 = 1_000;

/// What one delivery of a chunk message came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Nothing is left to do for this message.
    Done,
    /// Look again after this many seconds.
    Again(i32),
    /// Nothing is to be sent for a while; the reconciler brings the chunk back.
    Parked,
}

/// Takes a chunk one step further.
///
/// # Errors
/// When the table or the secrets cannot be reached. Whatever was sent by then is resolved by the claim running out.
pub async fn send_chunk(ports: &impl Ports, chunk: ChunkRef) -> Result<Step, Error> {
    let (now, token) = (ports.now(), ports.new_token());
    let summary = match ports.claim(chunk, token, now + CLAIM).await {
        Ok(Claim::Won(summary)) => summary,
        Ok(Claim::Expired(summary)) => return take_over(ports, chunk, token, &summary).await,
        // The other sender may die: someone has to look again when its claim has run out.
        Ok(Claim::Busy(until)) => return Ok(Step::Again(delay(until - now.as_second() + 1))),
        Ok(Claim::Closed) | Err(StoreError::NotFound) => return Ok(Step::Done),
        Err(error) => return Err(error.into()),
    };
    let attempt = Attempt {
        ports,
        chunk,
        token,
        summary,
    };
    let ready = match attempt.make_ready().await {
        Ok(Ready::Send(ready)) => *ready,
        Ok(Ready::Not(step)) => {
            ports.release(chunk, token, step == Step::Parked).await?;
            return Ok(step);
        }
        // Nothing left yet, and that is certain: the chunk goes back as it was, and the message comes again.
        Err(error) => {
            ports.release(chunk, token, false).await?;
            return Err(error);
        }
    };
    attempt.send(ready).await
}

/// One attempt at a chunk, under a claim.
struct Attempt<'a, P> {
    ports: &'a P,
    chunk: ChunkRef,
    token: Ulid,
    summary: ChunkSummary,
}

enum Ready<M> {
    Send(Box<Batch<M>>),
    Not(Step),
}

/// Everything before the provider call.
struct Batch<M> {
    log: ChunkLog,
    items: u32,
    /// Whom nothing is sent to, and why.
    outcomes: Vec<Outcome>,
    /// Whom something is sent to.
    outgoing: Vec<Outgoing<M>>,
    /// The first provider that takes messages now, and those after it.
    providers: Vec<Provider>,
    states: HashMap<String, ProviderState>,
}

struct Outgoing<M> {
    recipient: Recipient,
    /// Attempts before this one that count.
    attempts: u32,
    message: M,
}

/// What a send came to, besides the outcomes.
#[derive(Default)]
struct Verdict {
    /// The campaign must stop.
    stop: Option<String>,
    /// The provider wants a pause.
    wait: Option<Wait>,
    /// The claim was lost under way: what is known is recorded late, and nothing more may be done.
    lost: bool,
    /// Waves whose records are stored.
    waves: u32,
    /// Recipients left for another step, of whom nothing is recorded.
    left: bool,
}

impl<P: Ports> Attempt<'_, P> {
    /// Checks, renders and paces.
    async fn make_ready(&self) -> Result<Ready<P::Message>, Error> {
        let (ports, channel) = (self.ports, self.chunk.channel);
        let (log, items) = ports.log(self.chunk).await?;
        let unsent: Vec<(Recipient, u32)> = log
            .unsent()
            .into_iter()
            .map(|(recipient, status)| (recipient.clone(), status.attempts))
            .collect();
        let (check, choices) = self.check(&unsent).await?;
        let now = ports.now();
        if !check.campaign.state.allows_sending() {
            // Paused, halted or cancelled: the chunk stays pending, and *resume* enqueues what is pending.
            return Ok(Ready::Not(Step::Done));
        }
        if channel == Channel::Whatsapp && check.campaign.content.quiet_hours.is_quiet(now) {
            return Ok(Ready::Not(Step::Parked));
        }
        let (outcomes, recipients) = sort(channel, &check, unsent, now);
        let mut batch = Batch {
            log,
            items,
            outcomes,
            outgoing: Vec::with_capacity(recipients.len()),
            providers: Vec::new(),
            states: check.providers,
        };
        self.render(&mut batch, recipients).await?;
        if batch.outgoing.is_empty() {
            return Ok(Ready::Send(Box::new(batch)));
        }
        batch.providers = choices
            .into_iter()
            .skip_while(|provider| batch.states.get(provider.name).is_some_and(|state| state.closed(now).is_some()))
            .collect();
        let Some(first) = batch.providers.first().copied() else {
            return Ok(Ready::Not(Step::Parked));
        };
        match self.pace(first, &mut batch).await? {
            None => Ok(Ready::Send(Box::new(batch))),
            Some(step) => Ok(Ready::Not(step)),
        }
    }

    /// Reads what must be known at the moment of sending.
    async fn check(&self, unsent: &[(Recipient, u32)]) -> Result<(SendCheck, Vec<Provider>), Error> {
        let channel = self.chunk.channel;
        let addresses: Vec<String> = unsent
            .iter()
            .filter_map(|(recipient, _)| recipient.address(channel).map(str::to_owned))
            .collect();
        let vendors: Vec<_> = unsent.iter().map(|(recipient, _)| recipient.id).collect();
        let choices = self.ports.providers(channel);
        let names: Vec<&str> = choices.iter().map(|provider| provider.name).collect();
        let question = SendQuestion {
            addresses: &addresses,
            answers: self.summary.answers.map(|root| (root, vendors.as_slice())),
            providers: &names,
        };
        Ok((self.ports.check(self.chunk, question).await?, choices))
    }

    async fn render(&self, batch: &mut Batch<P::Message>, recipients: Vec<(Recipient, u32)>) -> Result<(), Error> {
        if recipients.is_empty() {
            return Ok(());
        }
        let (recipients, attempts): (Vec<Recipient>, Vec<u32>) = recipients.into_iter().unzip();
        let rendered = self.ports.render(self.chunk, &recipients).await?;
        for ((recipient, attempts), rendered) in recipients.into_iter().zip(attempts).zip(rendered) {
            match rendered {
                Ok(message) => batch.outgoing.push(Outgoing {
                    recipient,
                    attempts,
                    message,
                }),
                Err(reason) => batch
                    .outcomes
                    .push(Outcome::without_message(recipient.id, AttemptResult::Skipped, reason)),
            }
        }
        Ok(())
    }

    /// Waits for the chunk's slot, or says when to come back. What a rolling day does not admit is left out.
    async fn pace(&self, provider: Provider, batch: &mut Batch<P::Message>) -> Result<Option<Step>, Error> {
        let ports = self.ports;
        let state = batch.states.get(provider.name).cloned().unwrap_or_default();
        let per_second = i64::from(state.rate_per_second.unwrap_or(provider.rate_per_second).max(1));
        let rate = Rate {
            name: provider.name,
            unit_micros: 1_000_000 / per_second,
            horizon_micros: i64::try_from(MAX_WAIT.as_micros())?,
        };
        let wanted = u32::try_from(batch.outgoing.len())?;
        match ports.reserve(rate, &state, wanted).await? {
            Reservation::After(micros) if micros > 0 => ports.sleep(SignedDuration::from_micros(micros)).await,
            Reservation::After(_) => {}
            Reservation::Refused(micros) => {
                let jitter = i64::from(ports.random_below(5));
                return Ok(Some(Step::Again(delay(micros / 1_000_000 + 1 + jitter))));
            }
        }
        if provider.style == Style::Waves && state.limit_24h.is_some() {
            let granted = usize::try_from(ports.take(provider.name, &state, wanted).await?)?;
            if granted == 0 {
                ports.close_provider(provider.name, ports.now() + QUOTA_REST, "daily_limit").await?;
                return Ok(Some(Step::Parked));
            }
            batch.outgoing.truncate(granted);
        }
        Ok(None)
    }

    /// Sends, fails over where that is safe, records.
    async fn send(self, mut batch: Batch<P::Message>) -> Result<Step, Error> {
        let mut verdict = Verdict::default();
        let outgoing = std::mem::take(&mut batch.outgoing);
        if self.chunk.channel == Channel::Whatsapp {
            self.send_in_waves(&mut batch, &outgoing, &mut verdict).await?;
        } else {
            self.send_email(&mut batch, &outgoing, &mut verdict).await;
        }
        self.finish(batch, &outgoing, verdict).await
    }

    /// The whole chunk at once; then those the provider proved not to have accepted for reasons of its own, through the next one.
    async fn send_email(&self, batch: &mut Batch<P::Message>, outgoing: &[Outgoing<P::Message>], verdict: &mut Verdict) {
        let mut results: Vec<Option<EntryResult>> = vec![None; outgoing.len()];
        for provider in batch.providers.clone() {
            if batch
                .states
                .get(provider.name)
                .is_some_and(|state| state.closed(self.ports.now()).is_some())
            {
                continue;
            }
            let open: Vec<usize> = results
                .iter()
                .enumerate()
                .filter(|(_, result)| result.as_ref().is_none_or(may_fail_over))
                .map(|(i, _)| i)
                .collect();
            if open.is_empty() {
                break;
            }
            let messages: Vec<&P::Message> = open.iter().map(|i| &outgoing[*i].message).collect();
            let answers = self.ports.send(provider, &messages).await;
            self.judge_provider(provider, &batch.states, &answers, verdict).await;
            for (i, answer) in open.into_iter().zip(answers) {
                results[i] = Some(answer);
            }
        }
        for (outgoing, result) in outgoing.iter().zip(results) {
            if let Some(result) = result {
                batch.outcomes.push(self.outcome(outgoing, result, verdict).await);
            }
        }
    }

    /// Ten at a time: announced before, recorded after, so that a crash leaves at most ten recipients unknown.
    async fn send_in_waves(&self, batch: &mut Batch<P::Message>, outgoing: &[Outgoing<P::Message>], verdict: &mut Verdict) -> Result<(), Error> {
        let Some(provider) = batch.providers.first().copied() else {
            return Ok(());
        };
        for wave in outgoing.chunks(WAVE_SIZE) {
            // That one recipient was written to a moment ago says nothing of the others.
            let wait = verdict.wait.is_some_and(|wait| wait != Wait::PairLimit);
            if verdict.stop.is_some() || wait || !self.ports.has_time() {
                verdict.left = true;
                break;
            }
            let mut pack = self.pack(std::mem::take(&mut batch.outcomes));
            pack.wave = verdict.waves + 1;
            let known = pack.outcomes.clone();
            pack.outcomes.extend(wave.iter().map(|outgoing| Outcome {
                recipient: outgoing.recipient.id,
                result: AttemptResult::Intended,
                message_id: None,
                reason: None,
            }));
            match self.ports.record_wave(self.chunk, self.token, &pack, pack.at + CLAIM).await {
                Ok(()) => {}
                Err(StoreError::Conflict(_)) => {
                    batch.outcomes = known;
                    verdict.lost = true;
                    return Ok(());
                }
                Err(error) => return Err(error.into()),
            }
            verdict.waves += 1;
            batch.items += 1;
            batch.log.attempts.push(pack);
            let messages: Vec<&P::Message> = wave.iter().map(|outgoing| &outgoing.message).collect();
            let answers = self.ports.send(provider, &messages).await;
            self.judge_provider(provider, &batch.states, &answers, verdict).await;
            for (outgoing, answer) in wave.iter().zip(answers) {
                let outcome = self.outcome(outgoing, answer, verdict).await;
                batch.outcomes.push(outcome);
            }
        }
        Ok(())
    }

    /// What an answer means for the recipient, and what it says of the campaign.
    async fn outcome(&self, outgoing: &Outgoing<P::Message>, answer: EntryResult, verdict: &mut Verdict) -> Outcome {
        let recipient = &outgoing.recipient;
        let (result, message_id, reason) = match answer {
            EntryResult::Accepted { message_id } => (AttemptResult::Accepted, Some(message_id), None),
            EntryResult::Failed { reason } => {
                if messaging::classify::is_opt_out(&reason)
                    && let Some(address) = recipient.address(self.chunk.channel)
                {
                    let stored = self.ports.opted_out(self.chunk, recipient.id, address, &reason).await;
                    if let Err(error) = stored {
                        // The provider refuses again next time, and says so again.
                        tracing::warn!(recipient = %recipient.id, %error, "an opt-out the provider told of was not stored");
                    }
                }
                (AttemptResult::Failed, None, Some(reason))
            }
            EntryResult::Unknown { reason } => (AttemptResult::Unknown, None, Some(reason)),
            // Not the message's fault: it waits for its turn however often that takes.
            EntryResult::Retry { reason, wait: Some(wait) } => {
                verdict.wait = verdict.wait.filter(|known| *known != Wait::PairLimit).or(Some(wait));
                (AttemptResult::Deferred, None, Some(reason))
            }
            EntryResult::Retry { reason, wait: None } if outgoing.attempts + 1 >= MAX_ATTEMPTS => (AttemptResult::Failed, None, Some(reason)),
            EntryResult::Retry { reason, wait: None } => (AttemptResult::Retry, None, Some(reason)),
            EntryResult::Stop { reason } => {
                verdict.stop.get_or_insert_with(|| reason.clone());
                (AttemptResult::Deferred, None, Some(reason))
            }
        };
        Outcome {
            recipient: recipient.id,
            result,
            message_id,
            reason,
        }
    }

    /// The circuit breaker: counts calls that failed on the provider's side, gives it a rest after several, and stops the campaign
    /// where going on would leave more and more recipients unknown.
    async fn judge_provider(&self, provider: Provider, states: &HashMap<String, ProviderState>, answers: &[EntryResult], verdict: &mut Verdict) {
        if let Err(error) = self.try_judge_provider(provider, states, answers, verdict).await {
            // What was sent must be recorded whatever becomes of this; the next call counts again.
            tracing::warn!(provider = provider.name, %error, "the provider's state was not stored");
        }
    }

    async fn try_judge_provider(
        &self,
        provider: Provider,
        states: &HashMap<String, ProviderState>,
        answers: &[EntryResult],
        verdict: &mut Verdict,
    ) -> Result<(), StoreError> {
        let ports = self.ports;
        let before = states.get(provider.name).map_or(0, |state| state.failures);
        let lost = answers.iter().all(|answer| matches!(answer, EntryResult::Unknown { .. }));
        let unreachable = answers.iter().all(|answer| {
            matches!(
                answer,
                EntryResult::Retry {
                    wait: Some(Wait::Unreachable),
                    ..
                }
            )
        });
        if !lost && !unreachable {
            if before > 0 && answers.iter().any(|answer| matches!(answer, EntryResult::Accepted { .. })) {
                ports.provider_recovered(provider.name).await?;
            }
            if answers.iter().any(|answer| {
                matches!(
                    answer,
                    EntryResult::Retry {
                        wait: Some(Wait::DailyQuota),
                        ..
                    }
                )
            }) {
                ports.close_provider(provider.name, ports.now() + QUOTA_REST, "daily_quota").await?;
            }
            return Ok(());
        }
        let failures = ports.provider_failed(provider.name).await?;
        if failures >= BREAKER || (lost && failures >= AMBIGUOUS_BREAKER) {
            ports.close_provider(provider.name, ports.now() + REST, "circuit_open").await?;
            if lost {
                verdict.stop = Some(format!("circuit_open:{}", provider.name));
            }
        }
        Ok(())
    }

    fn pack(&self, outcomes: Vec<Outcome>) -> OutcomePack {
        OutcomePack {
            attempt: self.summary.attempt,
            at: self.ports.now(),
            wave: 0,
            late: false,
            by: None,
            outcomes,
        }
    }

    /// Records the attempt, and says what comes next.
    async fn finish(&self, batch: Batch<P::Message>, outgoing: &[Outgoing<P::Message>], verdict: Verdict) -> Result<Step, Error> {
        let Batch {
            mut log, items, outcomes, ..
        } = batch;
        let ports = self.ports;
        if verdict.lost {
            self.record_late(outcomes).await?;
            return Ok(Step::Done);
        }
        let park = verdict.wait.is_some_and(|wait| matches!(wait, Wait::DailyQuota));
        let step = |again: bool| match (&verdict.stop, again) {
            (Some(_), _) | (None, false) => Step::Done,
            _ if park => Step::Parked,
            _ if verdict.left && verdict.wait.is_none() => Step::Again(1),
            _ => {
                let attempts = outgoing.iter().map(|outgoing| outgoing.attempts + 1).max().unwrap_or(1);
                Step::Again(backoff(ports, attempts, verdict.wait))
            }
        };
        let waits = verdict.left || !outcomes.is_empty();
        let only_waiting = verdict.waves == 0 && waits && outcomes.iter().all(|outcome| outcome.result == AttemptResult::Deferred);
        let next_step;
        if only_waiting {
            // Nothing happened that is worth a record: no attempt is counted.
            next_step = step(true);
            ports.release(self.chunk, self.token, next_step == Step::Parked).await?;
        } else {
            let mut pack = self.pack(outcomes);
            pack.wave = if verdict.waves > 0 { LAST_WAVE } else { 0 };
            log.attempts.push(pack.clone());
            let again = !log.unsent().is_empty();
            next_step = step(again);
            let ending = Ending {
                next: if again { ChunkState::Pending } else { ChunkState::Closed },
                parked: next_step == Step::Parked,
                counts: &log.counts(),
                items: items + 1,
            };
            match ports.record(self.chunk, self.token, &pack, ending).await {
                Ok(()) => ports.recorded(self.chunk, &pack),
                Err(StoreError::Conflict(_)) => {
                    self.record_late(pack.outcomes).await?;
                    return Ok(Step::Done);
                }
                Err(error) => return Err(error.into()),
            }
        }
        if let Some(reason) = &verdict.stop {
            halt(ports, self.chunk.campaign, reason).await?;
        }
        Ok(next_step)
    }

    /// We ran past our claim and were declared dead. What we know still resolves what was declared unknown.
    async fn record_late(&self, outcomes: Vec<Outcome>) -> Result<(), Error> {
        tracing::error!(campaign_id = %self.chunk.campaign, chunk = self.chunk.number, "outcomes recorded late: the claim was taken over");
        let mut pack = self.pack(outcomes);
        pack.late = true;
        pack.wave = LAST_WAVE;
        Ok(self.ports.record_late(self.chunk, self.token, &pack).await?)
    }
}

/// Tells who gets a message from who needs none.
fn sort(channel: Channel, check: &SendCheck, unsent: Vec<(Recipient, u32)>, now: Timestamp) -> (Vec<Outcome>, Vec<(Recipient, u32)>) {
    let Campaign { content, .. } = &check.campaign;
    let mut outcomes = Vec::new();
    let mut recipients = Vec::with_capacity(unsent.len());
    for (recipient, attempts) in unsent {
        let skipped = |reason: &str| Outcome::without_message(recipient.id, AttemptResult::Skipped, reason);
        let outcome = match recipient.address(channel) {
            None => Some(skipped(no_address(channel))),
            Some(address) => match check.suppressed.get(address) {
                Some(suppression) => Some(Outcome::without_message(
                    recipient.id,
                    AttemptResult::Suppressed,
                    suppression.reason.as_str(),
                )),
                None if check.answered.contains(&recipient.id) => Some(skipped("already_answered")),
                // A chunk that waited past the deadline, behind a quota or a pause: its form link would open nothing.
                None if content.deadline <= now => Some(skipped("deadline_passed")),
                None => None,
            },
        };
        match outcome {
            Some(outcome) => outcomes.push(outcome),
            None => recipients.push((recipient, attempts)),
        }
    }
    (outcomes, recipients)
}

/// The claim before ours ran out. A chunk that is one call may have been sent or not, as a whole; of one that is sent in waves,
/// only those announced.
async fn take_over(ports: &impl Ports, chunk: ChunkRef, token: Ulid, summary: &ChunkSummary) -> Result<Step, Error> {
    let (mut log, items) = ports.log(chunk).await?;
    let unsent: Vec<Recipient> = match chunk.channel {
        Channel::Email => log.unsent().into_iter().map(|(recipient, _)| recipient.clone()).collect(),
        Channel::Whatsapp => Vec::new(),
    };
    let in_doubt = log.in_flight().into_iter().cloned().chain(unsent);
    let outcomes = in_doubt
        .map(|recipient| match recipient.address(chunk.channel) {
            Some(_) => Outcome::without_message(recipient.id, AttemptResult::Unknown, "claim_expired"),
            None => Outcome::without_message(recipient.id, AttemptResult::Skipped, no_address(chunk.channel)),
        })
        .collect();
    let pack = OutcomePack {
        attempt: summary.attempt,
        at: ports.now(),
        wave: LAST_WAVE,
        late: false,
        by: None,
        outcomes,
    };
    log.attempts.push(pack.clone());
    let again = !log.unsent().is_empty();
    let ending = Ending {
        next: if again { ChunkState::Pending } else { ChunkState::Closed },
        parked: false,
        counts: &log.counts(),
        items: items + 1,
    };
    match ports.record(chunk, token, &pack, ending).await {
        Ok(()) => ports.recorded(chunk, &pack),
        // Slow ourselves: whoever took over from us records it.
        Err(StoreError::Conflict(_)) => return Ok(Step::Done),
        Err(error) => return Err(error.into()),
    }
    Ok(if again { Step::Again(1) } else { Step::Done })
}

/// Exponential backoff with full jitter; a throttled account is asked again soon, a used-up quota late.
fn backoff(ports: &impl Ports, attempts: u32, wait: Option<Wait>) -> i32 {
    let (least, most) = match wait {
        Some(Wait::Throttled) => (1, 5),
        // One message to the same number every six seconds.
        Some(Wait::PairLimit) => (6, 30),
        Some(Wait::DailyQuota) => (900, 900),
        Some(Wait::Unreachable) => (1, 60),
        None => (1, 10_u32.saturating_mul(1 << attempts.min(6))),
    };
    delay(i64::from(least + ports.random_below(most - least + 1)))
}

fn delay(seconds: i64) -> i32 {
    i32::try_from(seconds.clamp(1, 900)).unwrap_or(900)
}
