//! The executor: one thread, and a seed that decides who goes on when, and who never does.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use domain::campaign::CampaignState;
use domain::work::{CampaignMessage, Scope, Task};

use super::port::Port;
use super::world::{Body, Deed, HOUR, Happening, MINUTE, QueueName, Run, SECOND, WORKER_LIFE, World};
use super::{Fault, Invariant, worker};

/// More happenings than any run needs.
const MOST: u32 = 1_000_000;

type Work = Pin<Box<dyn Future<Output = bool>>>;

/// Lets the world run until nothing more happens.
pub(crate) fn run(world: World) -> World {
    let mut engine = Engine {
        world: Arc::new(Mutex::new(world)),
        workers: Vec::new(),
    };
    engine.drain();
    let Engine { world, workers } = engine;
    drop(workers);
    match Arc::try_unwrap(world) {
        Ok(world) => world.into_inner().unwrap_or_else(PoisonError::into_inner),
        Err(_) => unreachable!("every worker is gone, and its port with it"),
    }
}

struct Engine {
    world: Arc<Mutex<World>>,
    workers: Vec<Option<Work>>,
}

impl Engine {
    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn drain(&mut self) {
        for _ in 0..MOST {
            let next = self.world().advance();
            let Some(next) = next else { return };
            self.happen(next);
        }
        self.world().violate(Invariant::EveryoneEnds, "the run does not end");
    }

    fn happen(&mut self, what: Happening) {
        match what {
            Happening::Wake(run) => self.go_on(run),
            Happening::Kill(run) => self.kill(run, "its time is up"),
            Happening::Deliver(message) => {
                let received = self.world().receive(message);
                if received {
                    let body = self.world().messages[message].body.clone();
                    let run = self.start(Some(message), None);
                    let port = self.port(run);
                    self.workers[run] = Some(Box::pin(worker::handle(port, body)));
                    self.go_on(run);
                }
            }
            Happening::Visible(message, receives) => self.world().visible(message, receives),
            Happening::Stream => self.world().hand_out_stream(),
            Happening::Tell(told) => self.world().gather(told),
            Happening::Gathered => self.world().hand_out_events(),
            Happening::Tick => self.world().tick(),
            Happening::Deed(deed) => self.act(deed, 0),
        }
    }

    fn act(&mut self, deed: Deed, tries: u32) {
        let run = self.start(None, Some((deed, tries)));
        let port = self.port(run);
        self.workers[run] = Some(Box::pin(worker::act(port, deed)));
        self.go_on(run);
    }

    fn port(&self, run: usize) -> Port {
        Port {
            world: Arc::clone(&self.world),
            run,
        }
    }

    fn start(&mut self, message: Option<usize>, deed: Option<(Deed, u32)>) -> usize {
        let mut world = self.world();
        let run = world.runs.len();
        let chance = world.plan.zombies;
        let zombie = message.is_some() && world.unlucky(chance);
        let started = world.now;
        world.runs.push(Run {
            started,
            message,
            zombie,
            checked: None,
            deed,
        });
        world.say(|| match message {
            Some(message) => format!("[{run}] starts on message {message}{}", if zombie { ", a zombie" } else { "" }),
            None => format!("[{run}] starts on {deed:?}"),
        });
        if !zombie {
            world.at(started + WORKER_LIFE, Happening::Kill(run));
        }
        drop(world);
        self.workers.push(None);
        run
    }

    fn go_on(&mut self, run: usize) {
        if self.workers[run].is_none() {
            return;
        }
        if self.world().crashes() {
            self.kill(run, "crashes");
            return;
        }
        let Some(work) = self.workers[run].as_mut() else { return };
        match work.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Pending => {}
            Poll::Ready(acknowledged) => {
                self.workers[run] = None;
                self.over(run, acknowledged);
            }
        }
    }

    fn kill(&mut self, run: usize, why: &str) {
        if self.workers[run].take().is_some() {
            let mut world = self.world();
            world.totals.crashes += 1;
            world.say(|| format!("[{run}] {why}"));
            drop(world);
            self.over(run, false);
        }
    }

    fn over(&mut self, run: usize, acknowledged: bool) {
        let mut world = self.world();
        world.finish(run, acknowledged);
        let deed = world.runs[run].deed;
        if let Some((deed, tries)) = deed
            && !acknowledged
            && tries < 3
        {
            drop(world);
            // People try again at once.
            self.act(deed, tries + 1);
        }
    }
}

impl World {
    fn crashes(&mut self) -> bool {
        if self.is_calm() {
            return false;
        }
        let burst = self.plan.crash_bursts.iter().any(|(from, to)| (*from..*to).contains(&self.now));
        let chance = if burst { 60_000 } else { self.plan.crashes };
        self.rng.chance(chance)
    }

    /// The reconciler's schedule.
    fn tick(&mut self) {
        let open: Vec<(usize, CampaignState)> = self
            .campaigns
            .iter()
            .enumerate()
            .filter_map(|(number, id)| Some((number, self.table.campaign(*id).ok()?.state)))
            .filter(|(_, state)| !matches!(state, CampaignState::Completed | CampaignState::Cancelled))
            .collect();
        for (number, state) in &open {
            let id = self.campaigns[*number];
            if *state != CampaignState::Draft && self.fault != Fault::NoReconciler {
                self.enqueue(QueueName::Campaigns, &Body::Campaign(CampaignMessage::new(id, Task::Reconcile)), 0);
            }
            if self.plan.diligent && matches!(state, CampaignState::Paused | CampaignState::Halted) {
                let (over, attentive) = (self.now > self.plan.last_deadline, self.rng.chance(150_000));
                if over || attentive {
                    let scope = self.rng.one_of(&[Scope::Pending, Scope::Pending, Scope::Failed, Scope::Unknown]);
                    self.at(self.now + SECOND, Happening::Deed(Deed::Resume(*number, scope)));
                }
            }
        }
        let asleep = open.iter().all(|(_, state)| !state.allows_sending()) && !self.plan.diligent;
        // Who paused may resume for a while yet.
        let late = self.now > self.plan.calm_from.max(self.plan.last_deadline) + HOUR;
        let over = self.now >= self.plan.end || (late && asleep);
        if open.is_empty() || over {
            return;
        }
        // In the long hours in between the schedule may as well have failed.
        let busy = self.now < self.plan.start + 2 * HOUR || (self.now - self.plan.last_deadline).abs() < HOUR;
        let next = if busy { 5 * MINUTE } else { 30 * MINUTE };
        self.at(self.now + next, Happening::Tick);
    }
}
