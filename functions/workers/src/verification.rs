//! `workers-verification`: has a provider ask the registers about vendors' identifiers.
//!
//! A run is cut into pages of fifty vendors. A few pages are worked on at a time; each, when done, hands out the one after it, so that
//! a long run neither floods the queue nor stands in the way of another. Every message may come twice and at any time:
//!
//! - what a page holds is decided once, and it is counted once ([`store::verifications::count_page`]);
//! - that an identifier is asked about is written down before the provider hears of it ([`store::verifications::claim`]), in one
//!   transaction with a look at the run: nothing is asked twice by accident, and nothing after a cancellation;
//! - an answer is written down before anything follows from it, and what follows can be repeated;
//! - an answer that is about the account and not about the identifier leaves the identifier waiting: it counts as no attempt, is in nobody's
//!   history, and is asked again when the run is resumed.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use domain::VendorId;
use domain::declaration::indian_date;
use domain::vendor_record::Vendor;
use domain::verification::{
    Asked, Next, Outcome, Verification, VerificationRequest, VerificationResult, identifiers_of, record_after, status_entries,
};
use futures::{StreamExt as _, stream};
use jiff::{SignedDuration, Timestamp};
use outbound::https::Https;
use runtime::{ApiError, App, InvalidSecret, Message, Metrics, Outgoing, RecordError, Var, Worker};
use store::gcra::{self, Rate, Reservation};
use store::vendors::By;
use store::verifications::{self as runs, Ask, AskState, Attempt, Claim, Counts, DailyLimit, Example, PAGE_VENDORS, Run, RunState, WorkPage};
use store::{Store, StoreError};
use verification::{Cashfree, CashfreeCredentials, CashfreePublicKey, Verifier, cashfree};
use verifications::{Task, VerificationMessage, has_identifiers};

use crate::each::each;
use crate::giving_up;

/// The worker.
pub static WORKER: Worker = Worker {
    name: "workers-verification",
    needs: &[
        Var::TableName,
        Var::VerificationQueueUrl,
        Var::VerificationSecretArn,
        Var::VerificationPerMinute,
        Var::VerificationDailyLimit,
    ],
    handler: |app, messages| Box::pin(each(messages, move |message| handle(app, message))),
};

/// The account in the table: how fast it may be asked, and whether it wants to be left alone.
const ACCOUNT: &str = "verification:cashfree";

/// Pages of a run worked on at a time.
const LANES: u32 = 4;

/// Questions of a page under way at a time.
const AT_ONCE: usize = 8;

/// How often an identifier is asked about, at most.
const MAX_ATTEMPTS: u32 = 5;

// The function may run for 90 s: what begins before this waits 10 s for its slot, 25 s for its answer, and is stored.
const BUDGET: Duration = Duration::from_secs(35);

/// The registers behind the provider often need ten seconds.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(25);

/// How far ahead a slot may be to be waited for; beyond it the page comes back later.
const PACE_HORIZON: Duration = Duration::from_secs(10);

/// After this long without an answer whoever asked is dead: longer than the function may run.
const LOST_AFTER: SignedDuration = SignedDuration::from_secs(120);

/// Seconds before the first repetition, doubled with each.
const BACKOFF_SECS: u32 = 5;

/// Failures of the provider in a row, over all runs and whatever they were about, after which it is taken to be down. More than one
/// identifier has attempts, so that one the register chokes on stops nobody.
const OUTAGE_AFTER: u32 = 10;

/// A wait that is worth telling whoever looks at the run.
const LONG_WAIT_SECS: i64 = 60;

/// The longest SQS keeps a message back.
const MAX_DELAY_SECS: u32 = 900;

async fn handle(app: &App, message: Message) -> Result<(), RecordError> {
    let VerificationMessage { run_id, task } = message.json()?;
    let run = runs::get(app.store()?, run_id).await?;
    let work = Work {
        app,
        store: app.store()?,
        run: &run,
        correlation_id: &message.correlation_id,
        deadline: Instant::now() + BUDGET,
    };
    if giving_up::is_due(&message) {
        if matches!(task, Task::Page { .. }) && run.state == RunState::Halted {
            // Left as it is: resuming the run hands it out again.
            return Ok(());
        }
        work.give_up(task).await?;
        // It goes to the dead letters, where operators see it; the run does not wait for them.
        return Err(giving_up::error());
    }
    match task {
        Task::Plan => work.plan().await,
        Task::Page { number } => work.page(number).await,
    }
}

/// A message being worked on.
struct Work<'a> {
    app: &'a App,
    store: &'a Store,
    run: &'a Run,
    correlation_id: &'a str,
    deadline: Instant,
}

impl Work<'_> {
    async fn send(&self, task: Task, delay_secs: u32) -> Result<(), RecordError> {
        let run_id = self.run.id;
        let message = Outgoing {
            body: VerificationMessage { run_id, task },
            delay_secs: i32::try_from(delay_secs.min(MAX_DELAY_SECS)).unwrap_or_default(),
        };
        let tenant = run_id.to_string();
        runtime::send_as(self.app, Var::VerificationQueueUrl, self.correlation_id, Some(&tenant), &[message]).await
    }

    /// Goes on without what could not be done several times.
    async fn give_up(&self, task: Task) -> Result<(), RecordError> {
        let now = self.app.now();
        let Task::Page { number } = task else {
            runs::stop(self.store, self.run.id, RunState::Halted, Some(&halted_because("plan_failed")), now).await?;
            return Ok(());
        };
        if runs::fail_page(self.store, self.run.id, number, now).await? {
            tracing::error!(correlation_id = self.correlation_id, run_id = %self.run.id, page = number, "verification of a page given up");
        }
        let page = runs::get_page(self.store, self.run.id, number).await?;
        if !page.passed_on {
            self.pass_on(number).await?;
        }
        for vendor_id in page.vendor_ids.into_iter().filter(|_| page.failed) {
            let example = Example {
                vendor_id,
                vendor_code: None,
                asked: None,
                reason: "worker:page_failed".to_owned(),
            };
            runs::put_example(self.store, self.run.id, verifications::NOT_DONE, &example, now).await?;
        }
        Ok(())
    }

    /// Cuts the run into pages and hands out the first of each lane that is not done.
    async fn plan(&self) -> Result<(), RecordError> {
        if self.run.state != RunState::Running {
            return Ok(());
        }
        if self.run.pages.is_none() {
            if self.write_pages().await?.is_none() {
                return self.send(Task::Plan, 0).await;
            }
            // An outage that halted another run, perhaps weeks ago, is none of this one's.
            runs::answered(self.store, ACCOUNT).await?;
        }
        let open = runs::open_pages(self.store, self.run.id).await?;
        for lane in 0..LANES {
            if let Some(&number) = open.iter().find(|number| **number % LANES == lane) {
                self.send(Task::Page { number }, 0).await?;
            }
        }
        if open.is_empty() {
            runs::complete(self.store, self.run.id, self.app.now()).await?;
        }
        Ok(())
    }

    /// Writes the pages after those that are there, in order of the vendors' ids; `None` when there was no time for all of them.
    async fn write_pages(&self) -> Result<Option<u32>, RecordError> {
        let filter = self.run.scope.filter.clone().unwrap_or_default();
        let entries = store::directory::entries(self.store, &filter).await?;
        let with = entries.iter().filter(|entry| has_identifiers(entry, &self.run.kinds));
        let mut ids: Vec<VendorId> = with.map(|entry| entry.id).collect();
        ids.sort_unstable();
        drop(entries);
        let mut last = runs::last_page(self.store, self.run.id).await?;
        loop {
            let number = last.as_ref().map_or(0, |page| page.number);
            let after = last.as_ref().and_then(|page| page.vendor_ids.last());
            let begin = after.map_or(0, |after| ids.partition_point(|id| id <= after));
            let vendor_ids: Vec<VendorId> = ids[begin..].iter().take(PAGE_VENDORS).copied().collect();
            if vendor_ids.is_empty() {
                runs::set_pages(self.store, self.run.id, number).await?;
                return Ok(Some(number));
            }
            if Instant::now() > self.deadline {
                return Ok(None);
            }
            let page = WorkPage::new(number + 1, vendor_ids);
            last = Some(runs::put_page(self.store, self.run.id, page, self.app.now()).await?);
        }
    }

    /// Takes a page as far as it goes now.
    async fn page(&self, number: u32) -> Result<(), RecordError> {
        let page = runs::get_page(self.store, self.run.id, number).await?;
        if page.done_at.is_some() {
            // Again, after a crash between the end of this page and the next message; or merely delivered twice.
            return if page.passed_on { Ok(()) } else { self.pass_on(number).await };
        }
        if self.run.state == RunState::Halted {
            // Left as it is: resuming the run hands it out again.
            return Ok(());
        }
        let pass = self.ask_all(&page).await?;
        if let Some(reason) = &pass.halt {
            self.halt(reason).await?;
        }
        if let Some((until, why)) = &pass.waiting {
            runs::set_waiting(self.store, self.run.id, *until, why).await?;
        }
        // What a halted run left is open until the run is resumed, which may be by now: only where nobody will ask again it is done.
        let is_left = pass.is_over && matches!(self.state().await?, RunState::Halted | RunState::Running);
        let is_done = pass.failed.is_none() && (pass.later.is_none() || (pass.is_over && !is_left));
        let page = runs::count_page(self.store, self.run.id, page, &pass.counts, is_done, self.app.now()).await?;
        if let Some(error) = pass.failed {
            return Err(error);
        }
        match (is_done, pass.later) {
            (true, _) if page.passed_on => Ok(()),
            (true, _) => {
                self.count(&pass.counts);
                self.pass_on(number).await
            }
            // A new message instead of a failure: waiting must not use up the receive count.
            (false, Some(delay_secs)) if !is_left => self.send(Task::Page { number }, delay_secs).await,
            (false, _) => Ok(()),
        }
    }

    async fn state(&self) -> Result<RunState, RecordError> {
        Ok(runs::get(self.store, self.run.id).await?.state)
    }

    async fn halt(&self, reason: &str) -> Result<(), RecordError> {
        let told = halted_because(reason);
        if runs::stop(self.store, self.run.id, RunState::Halted, Some(&told), self.app.now()).await? {
            tracing::warn!(correlation_id = self.correlation_id, run_id = %self.run.id, reason = told, "verification halted");
        }
        // Whatever is wrong with the account is mended in its secret more often than not.
        self.app.forget_verification_account().await;
        Ok(())
    }

    /// Hands out the page that this lane comes to next, and ends the run after the last.
    async fn pass_on(&self, number: u32) -> Result<(), RecordError> {
        let run = runs::get(self.store, self.run.id).await?;
        let next = number + LANES;
        if run.state == RunState::Running && run.pages.is_none_or(|pages| next <= pages) {
            self.send(Task::Page { number: next }, 0).await?;
        }
        runs::set_passed_on(self.store, run.id, number).await?;
        if runs::complete(self.store, run.id, self.app.now()).await? {
            tracing::info!(correlation_id = self.correlation_id, run_id = %run.id, "verification over");
        }
        Ok(())
    }

    fn count(&self, counts: &Counts) {
        let of = |outcome: Outcome| counts.outcomes.get(&outcome).copied().unwrap_or(0);
        let inconclusive = counts.outcomes.iter().filter(|(outcome, _)| !outcome.is_conclusive());
        Metrics {
            stage: &self.app.config().stage,
            properties: &[("run_id", self.run.id.to_string())],
            counts: &[
                ("VerificationRequests", counts.requests),
                ("VerificationsVerified", of(Outcome::Verified)),
                ("VerificationsMismatched", of(Outcome::Mismatch)),
                ("VerificationsNotFound", of(Outcome::NotFound)),
                ("VerificationsInconclusive", inconclusive.map(|(_, count)| count).sum()),
            ],
        }
        .emit(self.app.now());
    }

    /// Asks about every identifier of a page's vendors that nobody has asked about yet, and stores what came of all of them.
    async fn ask_all(&self, page: &WorkPage) -> Result<Pass, RecordError> {
        let mut pass = Pass {
            counts: Counts::default(),
            halt: None,
            later: None,
            waiting: None,
            is_over: self.run.state != RunState::Running,
            failed: None,
        };
        let vendors = store::vendors::get_many(self.store, &page.vendor_ids).await?;
        let mut bearers: HashMap<Asked, Vec<&Vendor>> = HashMap::new();
        let mut identifiers = Vec::new();
        for vendor in &vendors {
            for asked in identifiers_of(&vendor.profile, &self.run.kinds) {
                let of_it = bearers.entry(asked.clone()).or_default();
                if of_it.is_empty() {
                    identifiers.push(asked);
                }
                of_it.push(vendor);
            }
        }
        let known = runs::asks(self.store, self.run.id, &identifiers).await?;
        let mut known: HashMap<Asked, Ask> = known.into_iter().map(|ask| (ask.asked.clone(), ask)).collect();
        let recent = self.recently_told(&bearers, &known).await?;
        identifiers.retain(|asked| !recent.contains(asked));
        for asked in &recent {
            pass.counts.skipped += u32::try_from(bearers[asked].len()).unwrap_or(u32::MAX);
        }
        let mut verifier = None;
        if !pass.is_over {
            match self.verifier().await? {
                Ok(ready) => verifier = Some(ready),
                Err(reason) => {
                    pass.halt = Some(reason.to_owned());
                    pass.is_over = true;
                }
            }
        }
        let asking = Asking {
            work: self,
            page: page.number,
            verifier,
            halt: OnceLock::new(),
            day_is_full: AtomicBool::new(false),
            is_over: AtomicBool::new(pass.is_over),
            closed_until: AtomicI64::new(0),
            failures: AtomicU32::new(0),
        };
        let questions: Vec<(Asked, Option<Ask>)> = identifiers
            .into_iter()
            .map(|asked| {
                let seen = known.remove(&asked);
                (asked, seen)
            })
            .collect();
        let bearers = &bearers;
        let asking = &asking;
        let answered = stream::iter(questions)
            .map(|(asked, seen)| async move {
                let came = self.deal_with(asking, bearers, &asked, seen).await;
                (asked, came)
            })
            .buffer_unordered(AT_ONCE);
        // All of them, also after a failure: a question that is under way is paid for, and its answer must be written down and counted.
        let answered: Vec<_> = answered.collect().await;
        let mut unsettled: BTreeSet<VendorId> = BTreeSet::new();
        for (asked, came) in answered {
            let (standing, outcomes) = match came {
                Ok(came) => came,
                Err(error) => {
                    unsettled.extend(bearers.get(&asked).into_iter().flatten().map(|vendor| vendor.id));
                    pass.failed.get_or_insert(error);
                    continue;
                }
            };
            for outcome in outcomes {
                *pass.counts.outcomes.entry(outcome).or_default() += 1;
            }
            match standing {
                Standing::Settled(ask) => pass.count(&ask, page.number),
                Standing::Later { ask, delay_secs } => {
                    if let Some(ask) = &ask {
                        pass.count(ask, page.number);
                    }
                    pass.later = Some(pass.later.map_or(delay_secs, |other| other.min(delay_secs)));
                    unsettled.extend(bearers.get(&asked).into_iter().flatten().map(|vendor| vendor.id));
                }
            }
        }
        // Those that were deleted since are dealt with, too.
        pass.counts.vendors = u32::try_from(page.vendor_ids.len() - unsettled.len()).unwrap_or(u32::MAX);
        pass.is_over |= asking.is_over();
        pass.halt = pass.halt.or_else(|| asking.halt.get().cloned());
        pass.waiting = asking.waiting()?;
        Ok(pass)
    }

    /// Asks about an identifier, and stores what came of it with every vendor that bears it.
    async fn deal_with(
        &self,
        asking: &Asking<'_>,
        bearers: &HashMap<Asked, Vec<&Vendor>>,
        asked: &Asked,
        seen: Option<Ask>,
    ) -> Result<(Standing, Vec<Outcome>), RecordError> {
        let standing = asking.ask(asked, seen).await?;
        let mut outcomes = Vec::new();
        if let Standing::Settled(ask) = &standing {
            let holders = self.holders(ask).await?;
            for vendor in bearers.get(asked).into_iter().flatten() {
                outcomes.extend(self.keep(vendor, &holders, ask).await?);
            }
        }
        Ok((standing, outcomes))
    }

    /// The identifiers of which a register told all their bearers something not long ago, and that this run has not come to before.
    async fn recently_told(&self, bearers: &HashMap<Asked, Vec<&Vendor>>, known: &HashMap<Asked, Ask>) -> Result<HashSet<Asked>, RecordError> {
        let days = self.run.limits.not_asked_within_days;
        if days == 0 {
            return Ok(HashSet::new());
        }
        // Reckoned from when the run began, so that every pass over a page comes to the same.
        let since = self.run.created_at - SignedDuration::from_hours(24 * i64::from(days));
        let mut of_vendor: HashMap<VendorId, Vec<Asked>> = HashMap::new();
        for (asked, vendors) in bearers.iter().filter(|(asked, _)| !known.contains_key(asked)) {
            for vendor in vendors {
                of_vendor.entry(vendor.id).or_default().push(asked.clone());
            }
        }
        let mut told: HashMap<Asked, usize> = HashMap::new();
        let mut read = stream::iter(of_vendor)
            .map(|(vendor, identifiers)| async move { runs::latest(self.store, vendor, &identifiers).await })
            .buffer_unordered(AT_ONCE);
        while let Some(results) = read.next().await {
            let results = results?.into_iter();
            for result in results.filter(|result| result.outcome.is_conclusive() && result.checked_at >= since) {
                *told.entry(result.asked).or_default() += 1;
            }
        }
        let all = told.into_iter().filter(|(asked, vendors)| *vendors == bearers[asked].len());
        Ok(all.map(|(asked, _)| asked).collect())
    }

    /// Every vendor that bears the Udyam number of an answer, to see whether it is one PAN's.
    async fn holders(&self, ask: &Ask) -> Result<Vec<Vendor>, RecordError> {
        let is_told = ask.answer.as_ref().is_some_and(|answer| answer.facts.is_some());
        match &ask.asked {
            Asked::Udyam(udyam) if is_told => Ok(store::directory::holders(self.store, udyam.as_str()).await?),
            _ => Ok(Vec::new()),
        }
    }

    /// Adds what came of an identifier to a vendor's history, and to its statuses what follows.
    async fn keep(&self, vendor: &Vendor, holders: &[Vendor], ask: &Ask) -> Result<Option<Outcome>, RecordError> {
        let (Some(answer), Some(last)) = (&ask.answer, ask.attempts.last()) else {
            return Ok(None);
        };
        let result = VerificationResult::of(vendor, holders, answer.clone(), self.run.id, last.at, ask.count());
        let result = runs::add_result(self.store, vendor.id, ask.entry, result).await?;
        self.add_statuses(vendor, &result, ask).await?;
        if result.outcome != Outcome::Verified {
            let example = Example {
                vendor_id: vendor.id,
                vendor_code: Some(vendor.profile.vendor_code.as_str().to_owned()),
                asked: Some(result.asked),
                reason: result.reason,
            };
            runs::put_example(self.store, self.run.id, result.outcome.as_str(), &example, last.at).await?;
        }
        Ok(Some(result.outcome))
    }

    /// Adds what the register's word comes to in a vendor's dated statuses, one entry after the other, until there is nothing to add.
    async fn add_statuses(&self, vendor: &Vendor, result: &VerificationResult, ask: &Ask) -> Result<(), RecordError> {
        let who = self.run.id.to_string();
        let mut seen = vendor.clone();
        let mut conflicts = 0;
        // Each fiscal year is an entry at most, and Udyam is not that old: what goes on longer would go on for ever.
        for _ in 0..100 {
            let history = store::vendors::status_history(self.store, seen.id).await?;
            let Some(entry) = status_entries(result, &history).into_iter().next() else {
                return Ok(());
            };
            let by = By {
                who: &who,
                at: self.app.now(),
                entry: ask.entry,
            };
            let profile = record_after(result, &seen.profile);
            match store::vendors::add_status_with(self.store, &seen, profile, &entry, by).await {
                Ok(now) => seen = now,
                // Changed between the read and the write: look again.
                Err(StoreError::Conflict(_)) if conflicts < 5 => {
                    conflicts += 1;
                    match store::vendors::get(self.store, seen.id).await {
                        Ok(now) => seen = now,
                        Err(StoreError::NotFound) => return Ok(()),
                        Err(error) => return Err(error.into()),
                    }
                }
                Err(error) => return Err(error.into()),
            }
        }
        Err("the statuses of a vendor never come to rest".into())
    }

    /// The provider, or why it cannot be asked: the account was taken away or spoilt since the run began.
    async fn verifier(&self) -> Result<Result<Cashfree, &'static str>, RecordError> {
        let account = match self.app.verification_account_since(self.run.account_as_of()).await {
            Ok(account) => account,
            Err(ApiError::Internal(error)) if error.is::<InvalidSecret>() => return Ok(Err("secret_unreadable")),
            Err(error) => return Err(format!("the secret of the provider of verifications: {error:?}").into()),
        };
        let Some((id, secret)) = account.credentials().filter(|_| account.provider() == cashfree::PROVIDER) else {
            return Ok(Err("not_set_up"));
        };
        let Ok(public_key) = account.public_key().map(CashfreePublicKey::parse).transpose() else {
            return Ok(Err("cashfree:public_key_unreadable"));
        };
        let credentials = CashfreeCredentials {
            client_id: id.into(),
            client_secret: secret.into(),
            public_key,
        };
        let url = account.url().unwrap_or(cashfree::CASHFREE_URL);
        Ok(Ok(Cashfree::new(Https::new(ANSWER_TIMEOUT)?, url, credentials)))
    }
}

/// What came of one pass over a page.
struct Pass {
    counts: Counts,
    /// Why nothing more should be asked.
    halt: Option<String>,
    /// In how many seconds there is more to do.
    later: Option<u32>,
    /// Until when nothing is asked, and why, where that is long.
    waiting: Option<(Timestamp, String)>,
    /// The run is over: nothing more is asked, whatever is left.
    is_over: bool,
    /// What kept an identifier from being dealt with: the page comes again.
    failed: Option<RecordError>,
}

impl Pass {
    /// Counts the requests about an identifier, with the page that came to it first.
    fn count(&mut self, ask: &Ask, page: u32) {
        if ask.page == page {
            self.counts.requests += ask.count();
            self.counts.retries += ask.count().saturating_sub(1);
        }
    }
}

/// Where an identifier stands after a pass.
enum Standing {
    /// There is an answer, or asking was given up.
    Settled(Ask),
    /// To be looked at again, unless the run is over.
    Later {
        /// What is known of it.
        ask: Option<Ask>,
        /// In how many seconds.
        delay_secs: u32,
    },
}

/// A pass over the identifiers of a page.
struct Asking<'a> {
    work: &'a Work<'a>,
    page: u32,
    /// None where nothing may be asked.
    verifier: Option<Cashfree>,
    halt: OnceLock<String>,
    day_is_full: AtomicBool,
    is_over: AtomicBool,
    /// The provider wants to be left alone until then, seconds since the epoch.
    closed_until: AtomicI64,
    /// Failures of the provider in a row, when last looked at.
    failures: AtomicU32,
}

impl Asking<'_> {
    fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Relaxed)
    }

    /// Ends the run for everybody, and leaves what was being asked about for when it is resumed.
    fn end(&self, reason: &str) {
        self.halt.get_or_init(|| reason.to_owned());
        self.is_over.store(true, Ordering::Relaxed);
    }

    fn closed_until(&self) -> Result<Timestamp, RecordError> {
        Ok(Timestamp::from_second(self.closed_until.load(Ordering::Relaxed))?)
    }

    fn waiting(&self) -> Result<Option<(Timestamp, String)>, RecordError> {
        let until = self.closed_until()?;
        let is_long = until.duration_since(self.work.app.now()).as_secs() >= LONG_WAIT_SECS;
        let why = match self.day_is_full.load(Ordering::Relaxed) {
            true => "daily_limit",
            false => "too_many_requests",
        };
        Ok(is_long.then(|| (until, why.to_owned())))
    }

    /// Reads again until when the account wants to be left alone: another run may have learned of it.
    async fn look_at_account(&self) -> Result<Timestamp, RecordError> {
        let state = store::providers::get(self.work.store, ACCOUNT).await?;
        self.closed_until.fetch_max(state.closed_until, Ordering::Relaxed);
        self.failures.store(state.failures, Ordering::Relaxed);
        self.closed_until()
    }

    /// Asks about an identifier, if it is its time.
    async fn ask(&self, asked: &Asked, seen: Option<Ask>) -> Result<Standing, RecordError> {
        let now = self.work.app.now();
        let later = |ask: Option<Ask>, until: Timestamp| {
            let secs = until.duration_since(now).as_secs().max(0) + 1;
            let delay_secs = u32::try_from(secs).unwrap_or(MAX_DELAY_SECS);
            Ok(Standing::Later { ask, delay_secs })
        };
        if let Some(ask) = &seen {
            let last = ask.attempts.last().map_or(now, |last| last.at);
            match ask.state {
                AskState::Settled => return Ok(Standing::Settled(ask.clone())),
                // Left as it is: nobody will ask again.
                _ if self.is_over() => return Ok(Standing::Later { ask: seen, delay_secs: 0 }),
                AskState::Asking if now < last + LOST_AFTER => return later(seen, last + LOST_AFTER),
                AskState::Waiting if ask.not_before.is_some_and(|at| now < at) => {
                    let at = ask.not_before.unwrap_or(now);
                    return later(seen, at);
                }
                AskState::Asking | AskState::Waiting => {}
            }
        }
        let Some(verifier) = self.verifier.as_ref().filter(|_| !self.is_over()) else {
            return Ok(Standing::Later { ask: seen, delay_secs: 0 });
        };
        if Instant::now() > self.work.deadline {
            return Ok(Standing::Later { ask: seen, delay_secs: 0 });
        }
        let closed_until = self.look_at_account().await?;
        if now < closed_until {
            return later(seen, closed_until);
        }
        if let Some(ask) = seen.as_ref().filter(|ask| ask.count() >= MAX_ATTEMPTS) {
            return self.give_up(verifier, ask.clone()).await;
        }
        match self.slot().await? {
            Reservation::After(micros) => tokio::time::sleep(Duration::from_micros(u64::try_from(micros).unwrap_or(0))).await,
            Reservation::Refused(micros) => {
                // Nobody knows how many others wait as well: not all of them should come back at once.
                let secs = u32::try_from(micros / 1_000_000).unwrap_or(MAX_DELAY_SECS);
                let delay_secs = secs + 1 + random_below(self.work.app, 10);
                return Ok(Standing::Later { ask: seen, delay_secs });
            }
        }
        // Somebody else's answer may have ended the run, or closed the account, while this one waited.
        if self.is_over() {
            return Ok(Standing::Later { ask: seen, delay_secs: 0 });
        }
        let closed_until = self.look_at_account().await?;
        if now < closed_until {
            return later(seen, closed_until);
        }
        self.ask_now(verifier, asked, seen).await
    }

    async fn slot(&self) -> Result<Reservation, RecordError> {
        let app = self.work.app;
        let per_minute = i64::from(app.config().number(Var::VerificationPerMinute)?);
        let rate = Rate {
            name: ACCOUNT,
            unit_micros: 60_000_000 / per_minute,
            horizon_micros: i64::try_from(PACE_HORIZON.as_micros()).unwrap_or(i64::MAX),
        };
        Ok(gcra::reserve(self.work.store, rate, 1, app.now()).await?)
    }

    async fn ask_now(&self, verifier: &Cashfree, asked: &Asked, seen: Option<Ask>) -> Result<Standing, RecordError> {
        let Work { app, store, run, .. } = *self.work;
        let now = app.now();
        let request_id = app.new_ulid().to_string();
        let mut ask = seen.clone().unwrap_or_else(|| Ask {
            asked: asked.clone(),
            page: self.page,
            entry: app.new_ulid(),
            state: AskState::Asking,
            attempts: Vec::new(),
            turned_away: 0,
            not_before: None,
            answer: None,
        });
        if let Some(lost) = ask.attempts.last_mut().filter(|_| ask.state == AskState::Asking) {
            lost.outcome = Some(Outcome::Timeout);
            lost.reason = Some(LOST.to_owned());
        }
        ask.state = AskState::Asking;
        ask.not_before = None;
        ask.attempts.push(Attempt {
            at: now,
            request_id: request_id.clone(),
            outcome: None,
            reason: None,
        });
        let limit = DailyLimit {
            account: ACCOUNT,
            day: indian_date(now),
            requests: app.config().number(Var::VerificationDailyLimit)?,
        };
        match runs::claim(store, run, seen.as_ref(), &ask, limit, now).await? {
            Claim::Won => {}
            Claim::Lost => return Ok(Standing::Later { ask: None, delay_secs: 2 }),
            Claim::RunOver => {
                self.is_over.store(true, Ordering::Relaxed);
                return Ok(Standing::Later { ask: seen, delay_secs: 0 });
            }
            Claim::RunFull => {
                self.end("max_requests");
                return Ok(Standing::Later { ask: seen, delay_secs: 0 });
            }
            Claim::DayFull => {
                self.day_is_full.store(true, Ordering::Relaxed);
                self.closed_until.fetch_max(next_day_in_india(now), Ordering::Relaxed);
                return Ok(Standing::Later {
                    ask: seen,
                    delay_secs: MAX_DELAY_SECS,
                });
            }
        }
        let request = VerificationRequest {
            id: request_id.parse()?,
            asked: asked.clone(),
            at: now,
        };
        let answer = verifier.verify(&request).await;
        match self.about_the_account(&answer, ask.count()).await? {
            Some(until) => self.turn_away(ask, until).await,
            None => self.write_down(ask, answer).await,
        }
    }

    /// Whether an answer says nothing of the identifier, because it is about the account or the provider: until when to wait then.
    async fn about_the_account(&self, answer: &Verification, attempts: u32) -> Result<Option<Timestamp>, RecordError> {
        let Work { app, store, .. } = self.work;
        let now = app.now();
        if answer.halts_run() {
            self.end(&answer.reason);
            return Ok(Some(now));
        }
        if answer.outcome == Outcome::Quota {
            // Too many requests: everybody waits, and nobody wastes an attempt.
            let wait = answer.retry_after_secs.unwrap_or(BACKOFF_SECS);
            let until = now + SignedDuration::from_secs(i64::from(wait));
            store::providers::close(store, ACCOUNT, until, &answer.reason).await?;
            self.closed_until.fetch_max(until.as_second(), Ordering::Relaxed);
            return Ok(Some(until));
        }
        if !answer.is_retryable() {
            if self.failures.swap(0, Ordering::Relaxed) > 0 {
                runs::answered(store, ACCOUNT).await?;
            }
            return Ok(None);
        }
        let failures = store::providers::failed(store, ACCOUNT).await?;
        self.failures.store(failures, Ordering::Relaxed);
        if failures < OUTAGE_AFTER {
            return Ok(None);
        }
        self.end("provider_unavailable");
        // One that has had its attempts is settled all the same, or it would halt the run again and again.
        Ok((attempts < MAX_ATTEMPTS).then_some(now))
    }

    /// Leaves an identifier for later as if nobody had asked about it.
    async fn turn_away(&self, mut ask: Ask, until: Timestamp) -> Result<Standing, RecordError> {
        let Work { app, store, run, .. } = self.work;
        ask.attempts.pop();
        ask.turned_away += 1;
        ask.state = AskState::Waiting;
        ask.not_before = Some(until);
        let is_ours = runs::settle(store, run.id, &ask, app.now()).await?;
        let delay_secs = u32::try_from(until.duration_since(app.now()).as_secs().max(0) + 1).unwrap_or(MAX_DELAY_SECS);
        Ok(Standing::Later {
            ask: is_ours.then_some(ask),
            delay_secs,
        })
    }

    /// Writes down an answer, or when to ask again.
    async fn write_down(&self, mut ask: Ask, answer: Verification) -> Result<Standing, RecordError> {
        let Work { app, store, run, .. } = self.work;
        let now = app.now();
        if let Some(last) = ask.attempts.last_mut() {
            last.outcome = Some(answer.outcome);
            last.reason = Some(answer.reason.clone());
            // The answer's time is the result's.
            last.at = now;
        }
        let mut delay_secs = 0;
        // What may have been paid for is asked once more, and not until it ends otherwise.
        let alike = ask.attempts.iter().filter(|attempt| attempt.reason.as_ref() == Some(&answer.reason));
        let is_worth_it = answer.next != Next::RetryOnce || alike.count() < 2;
        if answer.is_retryable() && is_worth_it && ask.count() < MAX_ATTEMPTS {
            delay_secs = backoff(app, ask.count(), answer.retry_after_secs);
            ask.state = AskState::Waiting;
            ask.not_before = Some(now + SignedDuration::from_secs(i64::from(delay_secs)));
        } else {
            ask.state = AskState::Settled;
            ask.answer = Some(answer);
        }
        if !runs::settle(store, run.id, &ask, now).await? {
            return Ok(Standing::Later { ask: None, delay_secs: 2 });
        }
        Ok(match ask.state {
            AskState::Settled => Standing::Settled(ask),
            AskState::Asking | AskState::Waiting => Standing::Later {
                ask: Some(ask),
                delay_secs: delay_secs + 1,
            },
        })
    }

    /// Ends an identifier whose last question was never answered.
    async fn give_up(&self, verifier: &Cashfree, ask: Ask) -> Result<Standing, RecordError> {
        let answer = Verification {
            kind: ask.asked.kind(),
            asked: ask.asked.clone(),
            outcome: Outcome::Timeout,
            reason: LOST.to_owned(),
            facts: None,
            mismatches: Vec::new(),
            provider: verifier.provider().to_owned(),
            reference: None,
            next: Next::Keep,
            retry_after_secs: None,
        };
        self.write_down(ask, answer).await
    }
}

/// The reason of a question whose asker died.
const LOST: &str = "worker:answer_lost";

/// What a user is told of the provider's reason.
fn halted_because(reason: &str) -> String {
    let what_to_do = match reason {
        "not_set_up" => "the provider's account is no longer set up: fill in its secret, then resume the run",
        "secret_unreadable" => "the secret of the provider's account is no JSON object of texts: correct it, then resume the run",
        "provider_unavailable" => "the provider or the registers behind it failed time after time: wait, then resume the run",
        "plan_failed" => "the vendors could not be read, for a reason on our side: resume the run",
        "max_requests" => "it has asked about as many identifiers as it may: start another run, which asks only about what this one did not come to",
        reason if reason.ends_with(":public_key_unreadable") => {
            "the public key in the secret is no RSA public key: copy the PEM file of the provider's dashboard, with \\n for its line breaks, then resume the run"
        }
        reason if reason.ends_with(":insufficient_balance") => "the account has no money left: recharge it, then resume the run",
        reason if reason.ends_with(":another_identifier") => {
            "the provider answered with another identifier than was asked, as it does for keys that are not active: activate them, then resume the run"
        }
        reason if reason.ends_with(":not_enabled") => "the account is not enabled for this: have the provider enable it, then resume the run",
        _ => {
            "the provider refuses the account: check its keys, and that it either allows this stack's addresses or has its public key in the secret, then resume the run"
        }
    };
    format!("{reason}: {what_to_do}")
}

/// The second at which the next day begins in India, which has no other time than UTC+5:30.
fn next_day_in_india(now: Timestamp) -> i64 {
    const OFFSET: i64 = 19_800;
    ((now.as_second() + OFFSET).div_euclid(86_400) + 1) * 86_400 - OFFSET
}

/// Exponential backoff with full jitter, and never sooner than the provider wants.
fn backoff(app: &App, attempts: u32, retry_after_secs: Option<u32>) -> u32 {
    let most = BACKOFF_SECS.saturating_mul(1 << attempts.min(7)).min(MAX_DELAY_SECS);
    let jittered = 1 + random_below(app, most);
    jittered.max(retry_after_secs.unwrap_or(0))
}

fn random_below(app: &App, limit: u32) -> u32 {
    let [a, b, c, d, ..] = app.random_secret();
    u32::from_le_bytes([a, b, c, d]) % limit.max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_told_what_to_do_about_every_reason() {
        assert!(halted_because("cashfree:insufficient_balance").contains("recharge"));
        assert!(halted_because("cashfree:authentication_failed").contains("keys"));
        assert!(halted_because("cashfree:public_key_unreadable").contains("PEM"));
    }

    #[test]
    fn a_day_begins_at_midnight_in_india() {
        for (now, next) in [
            ("2026-11-02T18:29:59Z", "2026-11-02T18:30:00Z"),
            ("2026-11-02T18:30:00Z", "2026-11-03T18:30:00Z"),
        ] {
            let (now, next): (Timestamp, Timestamp) = (now.parse().unwrap(), next.parse().unwrap());
            assert_eq!(next_day_in_india(now), next.as_second());
        }
    }
}
