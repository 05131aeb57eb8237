//! What a seed chooses: how many campaigns and recipients, what goes wrong and how often, who interferes when.

use std::collections::BTreeMap;

use delivery::{Provider, Style};
use domain::campaign::{Audience, Campaign, CampaignContent, CampaignState, Routing, UnknownPolicy};
use domain::delivery::{Channel, Recipient};
use domain::schedule::QuietHours;
use domain::work::Scope;
use domain::{CampaignId, TemplateId, UserId, VendorId};
use jiff::Timestamp;
use jiff::civil::time;
use store::providers::ProviderState;
use ulid::Ulid;

use super::random::Rng;
use super::world::{Deed, HOUR, Happening, MINUTE, SECOND, Vendor, World};

/// 2 November 2026, 10:00 in India.
const START: i64 = 1_793_593_800 * SECOND;

/// How a provider behaves, in parts per million.
#[derive(Debug, Clone)]
pub(crate) struct ProviderPlan {
    pub(crate) name: &'static str,
    pub(crate) channel: Channel,
    pub(crate) style: Style,
    pub(crate) rate_per_second: u32,
    /// A call as a whole: its answer is lost.
    pub(crate) ambiguous: u32,
    /// A call as a whole: throttled, out of quota, unreachable.
    pub(crate) refuses: u32,
    /// A call as a whole: stop.
    pub(crate) stops: u32,
    /// A message: something other than accepted.
    pub(crate) entry: u32,
    /// A message that was accepted: bounces, is given up, is complained about.
    pub(crate) mishap: u32,
    /// Whether it tells what becomes of messages.
    pub(crate) tells: bool,
    /// When every call ends alike: badly.
    pub(crate) episodes: Vec<(i64, i64, Mood)>,
}

/// A bad time of a provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mood {
    Ambiguous,
    Throttled,
    DailyQuota,
    Unreachable,
    Stop,
}

/// What a seed chose.
#[derive(Debug, Clone, Default)]
pub(crate) struct Plan {
    pub(crate) start: i64,
    /// When all faults end.
    pub(crate) calm_from: i64,
    /// When the reconciler's last tick is.
    pub(crate) end: i64,
    pub(crate) last_deadline: i64,
    /// Chance of each await to be a worker's last.
    pub(crate) crashes: u32,
    /// When workers crash a lot.
    pub(crate) crash_bursts: Vec<(i64, i64)>,
    pub(crate) store_faults: u32,
    pub(crate) outages: Vec<(i64, i64)>,
    /// Chance of a call to take up to seconds.
    pub(crate) slow: u32,
    /// Chance of a call to take long enough for others to come in between.
    pub(crate) sluggish: u32,
    /// Chance of a provider to take its time.
    pub(crate) unhurried: u32,
    /// How long the stream gathers at most.
    pub(crate) gathering: i64,
    pub(crate) zombies: u32,
    pub(crate) duplicates: u32,
    /// How long a worker goes on before it leaves the rest to the next.
    pub(crate) budget: i64,
    /// Workers of a queue at once.
    pub(crate) workers: usize,
    pub(crate) visibility: i64,
    /// Vendors in a page of the audience.
    pub(crate) page: usize,
    /// Whether an operator looks after what stopped, once in a while.
    pub(crate) diligent: bool,
    pub(crate) providers: Vec<ProviderPlan>,
}

impl Plan {
    pub(crate) fn provider(&self, name: &str) -> Option<&ProviderPlan> {
        self.providers.iter().find(|provider| provider.name == name)
    }

    pub(crate) fn of_channel(&self, channel: Channel) -> Vec<Provider> {
        self.providers
            .iter()
            .filter(|provider| provider.channel == channel)
            .map(|provider| Provider {
                name: provider.name,
                style: provider.style,
                rate_per_second: provider.rate_per_second,
            })
            .collect()
    }
}

fn windows(rng: &mut Rng, from: i64, to: i64, chance: u32, longest: i64) -> Vec<(i64, i64)> {
    let mut windows = Vec::new();
    while windows.len() < 3 && rng.chance(chance) {
        let start = rng.between(from, to);
        windows.push((start, start + rng.between(SECOND, longest)));
    }
    windows
}

fn provider(rng: &mut Rng, name: &'static str, channel: Channel, from: i64, to: i64) -> ProviderPlan {
    let rough = rng.one_of(&[0, 1, 1, 2, 4]);
    let moods = [Mood::Ambiguous, Mood::Throttled, Mood::DailyQuota, Mood::Unreachable, Mood::Stop];
    ProviderPlan {
        name,
        channel,
        style: if channel == Channel::Whatsapp { Style::Waves } else { Style::Bulk },
        rate_per_second: rng.one_of(&[5, 14, 14, 50, 80]),
        ambiguous: 20_000 * rough,
        refuses: 30_000 * rough,
        stops: 2_000 * rough,
        entry: 10_000 * rough,
        mishap: 15_000 * rough,
        tells: name != "smtp",
        episodes: windows(rng, from, to, 250_000, 10 * MINUTE)
            .into_iter()
            .map(|(from, to)| (from, to, rng.one_of(&moods)))
            .collect(),
    }
}

/// Makes a plan.
pub(crate) fn plan(rng: &mut Rng) -> Plan {
    let start = START + rng.between(0, 23) * HOUR + rng.between(0, 59) * MINUTE;
    let last_deadline = start
        + if rng.chance(250_000) {
            rng.between(25 * HOUR, 54 * HOUR)
        } else {
            rng.between(20 * MINUTE, 5 * HOUR)
        };
    let busy = start + 30 * MINUTE;
    let weather = rng.one_of(&[0_u32, 1, 1, 3, 10]);
    let mut providers = vec![provider(rng, "ses", Channel::Email, start, busy)];
    if rng.chance(500_000) {
        let second = rng.one_of(&["sendgrid", "smtp"]);
        providers.push(provider(rng, second, Channel::Email, start, busy));
    }
    providers.push(provider(rng, "whatsapp", Channel::Whatsapp, start, busy));
    Plan {
        start,
        calm_from: last_deadline + rng.between(-10, 30) * MINUTE,
        end: last_deadline + 50 * HOUR,
        last_deadline,
        crashes: 1_000 * weather,
        crash_bursts: windows(rng, start, last_deadline, 100_000, 40 * MINUTE),
        store_faults: 2_000 * weather,
        outages: windows(rng, start, last_deadline, 150_000, 15 * MINUTE),
        slow: rng.one_of(&[0, 1_000, 5_000]),
        sluggish: rng.one_of(&[0, 0, 50_000, 300_000]),
        unhurried: rng.one_of(&[0, 0, 300_000, 800_000]),
        gathering: rng.one_of(&[SECOND / 5, 2 * SECOND, 10 * SECOND]),
        zombies: rng.one_of(&[0, 0, 0, 30_000]),
        duplicates: rng.one_of(&[0, 10_000, 50_000, 200_000]),
        budget: rng.one_of(&[3 * SECOND, 10 * SECOND, 40 * SECOND, 40 * SECOND]),
        workers: usize::try_from(rng.between(2, 10)).unwrap_or(2),
        visibility: rng.between(90, 360) * SECOND,
        page: usize::try_from(rng.one_of(&[5, 20, 60, 500])).unwrap_or(500),
        diligent: rng.chance(800_000),
        providers,
    }
}

/// Fills the world.
pub(crate) fn populate(world: &mut World) {
    let rng = &mut world.rng;
    let crowd = match rng.below(10) {
        0..=5 => rng.between(1, 40),
        6..=8 => rng.between(40, 110),
        _ => rng.between(110, 250),
    };
    let start = world.plan.start;
    for number in 0..crowd {
        let id = VendorId::from_ulid(Ulid::from_parts(1_700_000_000_000, u128::try_from(number).unwrap_or(0) + 1));
        let moves = rng.chance(20_000);
        let position = rng.next();
        let email = (!rng.chance(80_000)).then(|| format!("v{number}@example.in"));
        let phone = (!rng.chance(100_000)).then(|| format!("+9198{number:08}"));
        world.vendors.push(Vendor {
            positions: (position, if moves { rng.next() } else { position }),
            moves_at: start + rng.between(0, 3 * MINUTE),
            joins_at: if rng.chance(20_000) { start + rng.between(0, 3 * MINUTE) } else { 0 },
            ..vendor(id, email, phone, position)
        });
    }
    for number in 0..rng.one_of(&[1_u8, 1, 2, 3]) {
        let campaign = campaign(rng, number, start, world.plan.last_deadline);
        world.campaigns.push(campaign.id);
        world.table.campaigns.insert(campaign.id, campaign);
    }
    quotas(world);
    deeds(world);
}

/// A plan in which nothing goes wrong and nobody waits.
pub(crate) fn undisturbed(channel: Channel) -> Plan {
    let (name, style) = match channel {
        Channel::Email => ("ses", Style::Bulk),
        Channel::Whatsapp => ("whatsapp", Style::Waves),
    };
    Plan {
        start: START,
        calm_from: START,
        end: START + 6 * HOUR,
        last_deadline: START + 6 * HOUR,
        gathering: 10 * SECOND,
        budget: 40 * SECOND,
        workers: 10,
        visibility: 360 * SECOND,
        page: 1_000,
        diligent: true,
        providers: vec![ProviderPlan {
            name,
            channel,
            style,
            rate_per_second: 10_000,
            ambiguous: 0,
            refuses: 0,
            stops: 0,
            entry: 0,
            mishap: 0,
            tells: true,
            episodes: Vec::new(),
        }],
        ..Plan::default()
    }
}

/// Fills the world with one campaign of a channel and so many recipients.
pub(crate) fn populate_undisturbed(world: &mut World, channel: Channel, recipients: u32) {
    let (start, last_deadline) = (world.plan.start, world.plan.last_deadline);
    for number in 0..recipients {
        // None that the simulation does not render.
        let id = VendorId::from_ulid(Ulid::from_parts(1_700_000_000_000, u128::from(number) * 41 + 1));
        let (email, phone) = (Some(format!("v{number}@example.in")), Some(format!("+9198{number:08}")));
        world.vendors.push(vendor(id, email, phone, u64::from(number)));
    }
    let mut campaign = campaign(&mut world.rng, 0, start, last_deadline);
    let template = Some(TemplateId::from_ulid(Ulid::from_parts(1, 1)));
    campaign.content.template_id = template.filter(|_| channel == Channel::Email);
    campaign.content.whatsapp_template_id = template.filter(|_| channel == Channel::Whatsapp);
    campaign.content.routing = Routing::Every;
    campaign.content.quiet_hours = quiet_hours(false);
    world.campaigns.push(campaign.id);
    world.table.campaigns.insert(campaign.id, campaign);
    world.at(start, Happening::Deed(Deed::Execute(0)));
    world.at(start + 5 * MINUTE, Happening::Tick);
}

fn quiet_hours(quiet: bool) -> QuietHours {
    QuietHours {
        from: if quiet { time(20, 0, 0, 0) } else { time(0, 0, 0, 0) },
        to: if quiet { time(8, 0, 0, 0) } else { time(0, 0, 0, 0) },
        holidays: std::collections::BTreeSet::new(),
    }
}

fn vendor(id: VendorId, email: Option<String>, phone: Option<String>, position: u64) -> Vendor {
    Vendor {
        recipient: Recipient {
            id,
            code: String::new(),
            name: String::new(),
            contact: None,
            email,
            phone,
            city: None,
            state: None,
            gstin: None,
            pan: None,
            pan_digest: None,
            udyam: None,
        },
        positions: (position, position),
        moves_at: 0,
        joins_at: 0,
    }
}

fn campaign(rng: &mut Rng, number: u8, start: i64, last_deadline: i64) -> Campaign {
    let created_at = Timestamp::from_microsecond(start).unwrap_or(Timestamp::MIN);
    let routing = rng.one_of(&[Routing::Every, Routing::Every, Routing::EmailFirst, Routing::WhatsappFirst]);
    let channels = if routing == Routing::Every { rng.below(3) } else { 2 };
    let template = || Some(TemplateId::from_ulid(Ulid::from_parts(1, 1)));
    let deadline = if number == 0 {
        last_deadline
    } else {
        rng.between(start + 10 * MINUTE, last_deadline)
    };
    let quiet = rng.chance(250_000);
    Campaign {
        id: CampaignId::from_ulid(Ulid::from_parts(1_750_000_000_000, u128::from(number) + 1)),
        content: CampaignContent {
            name: format!("campaign {number}"),
            description: None,
            template_id: if channels != 1 { template() } else { None },
            whatsapp_template_id: if channels != 0 { template() } else { None },
            routing,
            unknown_policy: rng.one_of(&[UnknownPolicy::Leave, UnknownPolicy::Resend]),
            quiet_hours: quiet_hours(quiet),
            audience: Audience::default(),
            deadline: Timestamp::from_microsecond(deadline).unwrap_or(Timestamp::MAX),
        },
        state: CampaignState::Draft,
        halt_reason: None,
        waived: Vec::new(),
        origin: None,
        chunks: 0,
        targeted: 0,
        created_by: UserId::from_ulid(Ulid::from_parts(1, 1)),
        created_at,
        updated_at: created_at,
        executed_at: None,
        planned_at: None,
        sent_at: None,
        completed_at: None,
        version: 1,
    }
}

/// What the providers said of themselves.
fn quotas(world: &mut World) {
    for provider in world.plan.providers.clone() {
        let rng = &mut world.rng;
        let limited = provider.channel == Channel::Whatsapp && rng.chance(300_000);
        let state = ProviderState {
            rate_per_second: rng.chance(500_000).then_some(provider.rate_per_second),
            limit_24h: limited.then(|| u32::try_from(rng.between(5, 200)).unwrap_or(5)),
            hours: BTreeMap::new(),
            ..ProviderState::default()
        };
        if rng.chance(700_000) {
            world.table.providers.insert(provider.name.to_owned(), state);
        }
    }
}

/// Who does what when.
fn deeds(world: &mut World) {
    let (start, end) = (world.plan.start, world.plan.last_deadline);
    let campaigns = world.campaigns.len();
    for campaign in 0..campaigns {
        let rng = &mut world.rng;
        let begins = start + rng.between(0, 2 * MINUTE);
        let mut schedule = vec![(begins, Deed::Execute(campaign))];
        let whenever = |rng: &mut Rng| {
            if rng.chance(600_000) {
                begins + rng.between(0, 5 * MINUTE)
            } else {
                rng.between(begins, end)
            }
        };
        for _ in 0..rng.one_of(&[0, 0, 1, 2]) {
            let paused = whenever(rng);
            schedule.push((paused, Deed::Pause(campaign)));
            let scope = rng.one_of(&[Scope::Pending, Scope::Failed, Scope::Unknown]);
            let pause = rng.between(SECOND, 20 * MINUTE);
            schedule.push((paused + pause, Deed::Resume(campaign, scope)));
        }
        if rng.chance(200_000) {
            let scope = rng.one_of(&[Scope::Failed, Scope::Unknown]);
            schedule.push((whenever(rng), Deed::Resume(campaign, scope)));
        }
        if rng.chance(60_000) {
            schedule.push((whenever(rng), Deed::Cancel(campaign)));
        }
        if rng.chance(200_000) {
            schedule.push((whenever(rng), Deed::Resolve(campaign)));
        }
        for (time, deed) in schedule {
            world.at(time, Happening::Deed(deed));
        }
    }
    for vendor in 0..world.vendors.len() {
        let rng = &mut world.rng;
        if rng.chance(60_000) {
            let time = if rng.chance(700_000) {
                start + rng.between(0, 5 * MINUTE)
            } else {
                rng.between(start, end)
            };
            let channel = rng.one_of(&Channel::ALL);
            world.at(time, Happening::Deed(Deed::OptOut(vendor, channel)));
        }
        let rng = &mut world.rng;
        if rng.chance(150_000) {
            let time = rng.between(start + MINUTE, end);
            world.at(time, Happening::Deed(Deed::Answer(vendor)));
        }
    }
    world.at(start + 5 * MINUTE, Happening::Tick);
}
