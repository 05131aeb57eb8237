//! Providers: what they do with messages, what they answer, and what they tell later.

use delivery::{Provider, Style};
use domain::VendorId;
use domain::delivery::{Channel, DeliveryEvent, EventKind};
use messaging::{EntryResult, Wait};
use store::ChunkRef;

use super::port::Outgoing;
use super::scenario::{Mood, ProviderPlan};
use super::world::{HOUR, Happening, MINUTE, SECOND, Told, World};

impl World {
    /// Messages reach a provider. It decides, and answers, or does not.
    pub(crate) fn take_messages(&mut self, run: usize, provider: Provider, messages: &[&Outgoing]) -> Vec<EntryResult> {
        let Some(plan) = self.plan.provider(provider.name).cloned() else {
            return Vec::new();
        };
        for message in messages {
            self.may_send(run, message.chunk, message.vendor, &message.address);
        }
        if provider.style == Style::Bulk {
            let mood = self.mood(&plan);
            return match mood {
                Some(mood) => self.whole_call(&plan, mood, messages),
                None => self.handed_over(&plan, messages),
            };
        }
        let each = |world: &mut Self, message: &&Outgoing| match world.mood(&plan) {
            Some(mood) => world.whole_call(&plan, mood, &[*message]),
            None => world.handed_over(&plan, &[*message]),
        };
        messages.iter().flat_map(|message| each(self, message)).collect()
    }

    /// What becomes of a whole call, where that is the same for all of its messages.
    fn mood(&mut self, plan: &ProviderPlan) -> Option<Mood> {
        if self.is_calm() {
            return None;
        }
        let now = self.now;
        if let Some((_, _, mood)) = plan.episodes.iter().find(|(from, to, _)| (*from..*to).contains(&now)) {
            return Some(*mood);
        }
        let each = if plan.style == Style::Waves { 3 } else { 1 };
        if self.rng.chance(plan.ambiguous / each) {
            Some(Mood::Ambiguous)
        } else if self.rng.chance(plan.refuses / each) {
            Some(self.rng.one_of(&[Mood::Throttled, Mood::Throttled, Mood::DailyQuota, Mood::Unreachable]))
        } else if self.rng.chance(plan.stops / each) {
            Some(Mood::Stop)
        } else {
            None
        }
    }

    fn whole_call(&mut self, plan: &ProviderPlan, mood: Mood, messages: &[&Outgoing]) -> Vec<EntryResult> {
        let name = plan.name;
        let answer = match mood {
            Mood::Ambiguous => {
                // How far it got nobody will know: not at all, all the way, or something in between.
                let share = self.rng.one_of(&[0, 1_000_000, 1_000_000, 500_000]);
                self.hand(name, messages.len());
                for message in messages {
                    if self.rng.chance(share) {
                        self.totals.answers_lost += 1;
                        self.accept(plan, message.chunk, message.vendor, &message.address);
                    }
                }
                EntryResult::Unknown {
                    reason: format!("{name}:timeout"),
                }
            }
            Mood::Stop => EntryResult::Stop {
                reason: format!("{name}:account_suspended"),
            },
            Mood::Throttled | Mood::DailyQuota | Mood::Unreachable => EntryResult::Retry {
                reason: format!("{name}:refused"),
                wait: Some(match mood {
                    Mood::DailyQuota => Wait::DailyQuota,
                    Mood::Unreachable => Wait::Unreachable,
                    _ => Wait::Throttled,
                }),
            },
        };
        self.say(|| format!("{name} answers {} messages: {answer:?}", messages.len()));
        vec![answer; messages.len()]
    }

    fn handed_over(&mut self, plan: &ProviderPlan, messages: &[&Outgoing]) -> Vec<EntryResult> {
        self.hand(plan.name, messages.len());
        messages.iter().map(|message| self.decide(plan, message)).collect()
    }

    fn decide(&mut self, plan: &ProviderPlan, message: &Outgoing) -> EntryResult {
        let name = plan.name;
        let accept = |world: &mut Self| world.accept(plan, message.chunk, message.vendor, &message.address);
        if self.is_calm() || !self.rng.chance(plan.entry) {
            return EntryResult::Accepted { message_id: accept(self) };
        }
        let whatsapp = plan.channel == Channel::Whatsapp;
        let reason = |word: &str| format!("{name}:{word}");
        match self.rng.below(20) {
            0..=5 => EntryResult::Retry {
                reason: reason("transient_failure"),
                wait: None,
            },
            6..=7 => EntryResult::Retry {
                reason: reason("account_throttled"),
                wait: Some(if whatsapp { Wait::PairLimit } else { Wait::Throttled }),
            },
            8 => EntryResult::Retry {
                reason: reason("daily_quota"),
                wait: Some(Wait::DailyQuota),
            },
            9..=10 => EntryResult::Failed {
                reason: reason("message_rejected"),
            },
            11 if whatsapp => EntryResult::Failed { reason: reason("131050") },
            12..=14 => {
                self.totals.answers_lost += 1;
                accept(self);
                EntryResult::Unknown { reason: reason("failed") }
            }
            15 => EntryResult::Stop {
                reason: reason("account_suspended"),
            },
            _ => EntryResult::Unknown { reason: reason("failed") },
        }
    }

    /// Decides what becomes of an accepted message, and when it is told.
    pub(crate) fn promise_events(&mut self, plan: &ProviderPlan, chunk: ChunkRef, vendor: VendorId, address: &str, id: &str) {
        if !plan.tells {
            return;
        }
        let whatsapp = chunk.channel == Channel::Whatsapp;
        let sent = self.now + self.rng.between(10_000, 3 * SECOND);
        let then = |world: &mut Self, at: i64| {
            let longest = world.rng.one_of(&[5 * SECOND, MINUTE, MINUTE, 10 * MINUTE, 2 * HOUR]);
            at + world.rng.between(SECOND, longest)
        };
        let mut story: Vec<(EventKind, i64, Option<&str>)> = Vec::new();
        if !self.rng.chance(30_000) {
            story.push((EventKind::Sent, sent, None));
        }
        let later = then(self, sent);
        let mishap = self.rng.chance(plan.mishap);
        let choice = self.rng.below(10);
        match choice {
            0..=2 if mishap => story.push((EventKind::HardBounced, later, Some("permanent:general"))),
            3..=4 if mishap => story.push((EventKind::SoftBounced, later, Some("transient:general"))),
            5 if mishap => {
                story.push((EventKind::Delivered, later, None));
                let back = then(self, later);
                story.push((EventKind::HardBounced, back, Some("permanent:general")));
            }
            6 if mishap => {
                story.push((EventKind::Delivered, later, None));
                let complained = then(self, later);
                story.push((EventKind::Complained, complained, Some("abuse")));
            }
            7..=9 if mishap => story.push((
                EventKind::Rejected,
                later,
                Some(if whatsapp {
                    self.rng.one_of(&["whatsapp:131049", "whatsapp:131049", "whatsapp:131026"])
                } else {
                    "ses:bad_content"
                }),
            )),
            0 => story.push((EventKind::Delayed, later, None)),
            1..=2 => {}
            _ => {
                story.push((EventKind::Delivered, later, None));
                if whatsapp && choice > 5 {
                    let read = then(self, later);
                    story.push((EventKind::Read, read, None));
                }
            }
        }
        let lost = |kind: EventKind| matches!(kind, EventKind::HardBounced | EventKind::SoftBounced | EventKind::Rejected);
        if story.iter().any(|(kind, ..)| lost(*kind))
            && let Some(truth) = self.truth.get_mut(&(chunk.campaign, chunk.channel, vendor))
            && let Some(message) = truth.messages.iter_mut().find(|message| message.id == id)
        {
            message.lost = true;
        }
        for (kind, at, reason) in story {
            let told = Told {
                chunk,
                event: DeliveryEvent {
                    recipient: vendor,
                    kind,
                    provider_id: if kind == EventKind::Delayed { format!("{id}/1") } else { id.to_owned() },
                    at: jiff::Timestamp::from_microsecond(at).unwrap_or(jiff::Timestamp::MAX),
                    reason: reason.map(str::to_owned),
                },
                address: address.to_owned(),
            };
            for _ in 0..=u8::from(self.rng.chance(self.plan.duplicates)) {
                let late = if self.rng.chance(30_000) {
                    self.rng.between(0, 3 * HOUR)
                } else {
                    let longest = self.rng.one_of(&[100_000, SECOND, 20 * SECOND]);
                    self.rng.between(10_000, longest)
                };
                self.at(at + late, Happening::Tell(told.clone()));
            }
        }
    }
}
