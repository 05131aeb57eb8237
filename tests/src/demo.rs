//! The main job, as a user would do it over HTTP: import vendors, write templates, run campaigns by e-mail and WhatsApp, collect
//! answers, remind those who are silent; then take vendors from other systems, verify and export them. With what goes wrong on the way: a throttled provider, a lost answer, dead addresses.
//!
//! `make demo` prints it; a stack test asserts on what it returns.

mod api;
mod email;
mod import;
mod ledger;
mod master;
mod reminder;
mod vendors;
mod whatsapp;

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::local::LocalStack;
use api::Api;
use ledger::CLASSES;

/// The vendors the repository ships: synthetic, with the dirt of real exports.
pub fn sample_vendors() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("data/vendors.csv")
}

/// What went wrong, in words for the person at the terminal.
#[derive(Debug)]
pub struct DemoError(String);

impl fmt::Display for DemoError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for DemoError {}

impl From<reqwest::Error> for DemoError {
    fn from(error: reqwest::Error) -> Self {
        DemoError(format!("a request failed: {error}"))
    }
}

type Result<T> = std::result::Result<T, DemoError>;

fn failed<T>(what: impl Into<String>) -> Result<T> {
    Err(DemoError(what.into()))
}

/// Between two looks at something that runs behind a queue.
const PAUSE: Duration = Duration::from_millis(500);

/// The last line of the demo, and what it adds up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// Every campaign's account of every channel, in the order of their start.
    pub accounts: Vec<Account>,
    /// Whether every ledger balances, by its own word and by our addition.
    pub balanced: bool,
    /// How long everything took, the start of the stack included.
    pub seconds: u64,
}

/// One campaign's account of one channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// The campaign, `cmp_…`.
    pub campaign: String,
    /// `email` or `whatsapp`.
    pub channel: String,
    /// The ledger's counts, in the line's order, `responded` last.
    pub counts: Vec<(&'static str, u64)>,
}

impl Account {
    /// A count by name.
    pub fn count(&self, name: &str) -> u64 {
        self.counts.iter().find(|(found, _)| *found == name).map_or(0, |(_, count)| *count)
    }
}

impl Summary {
    fn of(ledgers: &[Value], seconds: u64) -> Self {
        let mut accounts = Vec::new();
        let mut balanced = true;
        for ledger in ledgers {
            balanced &= ledger["balanced"] == true;
            for channel in ledger["channels"].as_array().into_iter().flatten() {
                let of = |name: &str| channel["counts"][name].as_u64().unwrap_or(0);
                let sum: u64 = CLASSES.iter().map(|class| of(class)).sum();
                balanced &= of("pending") == 0 && sum == of("targeted");
                let names = ["targeted"].into_iter().chain(CLASSES).chain(["responded"]);
                accounts.push(Account {
                    campaign: ledger["id"].as_str().unwrap_or_default().to_owned(),
                    channel: channel["channel"].as_str().unwrap_or_default().to_owned(),
                    counts: names.map(|name| (name, of(name))).collect(),
                });
            }
        }
        Self { accounts, balanced, seconds }
    }

    /// A count by name, over all campaigns and channels.
    pub fn count(&self, name: &str) -> u64 {
        self.accounts.iter().map(|account| account.count(name)).sum()
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "demo:")?;
        for name in ["targeted"].into_iter().chain(CLASSES).chain(["responded"]) {
            write!(f, " {name}={}", self.count(name))?;
        }
        write!(f, " balanced={} seconds={}", if self.balanced { "yes" } else { "no" }, self.seconds)
    }
}

/// A signed-in administrator at work, who tells what happens.
struct Demo<'a> {
    stack: &'a LocalStack,
    api: Api,
    tell: &'a mut dyn FnMut(&str),
}

impl Demo<'_> {
    fn say(&mut self, line: impl AsRef<str>) {
        (self.tell)(line.as_ref());
    }

    /// The heading of a scene.
    fn title(&mut self, title: &str) {
        self.say(format!("\n{title}"));
    }
}

/// Runs the main job against a running stack, telling `say` what happens.
///
/// # Errors
/// The first step that did not do what it should, with what the API answered.
pub async fn run(stack: &LocalStack, vendors_csv: &Path, started: Instant, say: &mut dyn FnMut(&str)) -> Result<Summary> {
    let api = Api::login(stack).await?;
    let mut demo = Demo { stack, api, tell: say };
    demo.say(format!("Signed in as {}.", stack.admin_email()));

    demo.title("Vendors");
    demo.import(vendors_csv).await?;
    demo.vendors().await?;

    demo.title("A campaign by e-mail");
    let campaign = demo.prepare_email_campaign().await?;
    let reminder = demo.schedule_reminder(&campaign).await?;
    demo.execute_throttled(&campaign).await?;
    demo.pause_and_resume(&campaign).await?;
    demo.watch_sending(&campaign).await?;

    demo.title("An answer that was lost");
    demo.show_unknown(&campaign).await?;
    demo.resolve_unknown(&campaign).await?;

    demo.title("Vendors answer");
    let (answered, unsubscribed) = demo.vendors_react(&campaign).await?;

    demo.title("WhatsApp for those e-mail did not reach");
    let whatsapp = demo.ask_by_whatsapp(&campaign).await?;

    let ledger = demo
        .wait_for_ledger(&campaign, |counts| {
            counts["responded"].as_u64() == Some(answered) && counts["unsubscribed"].as_u64() == Some(unsubscribed)
        })
        .await?;

    demo.title("The reminder");
    let reminder = demo.follow_reminder(&campaign, &reminder).await?;

    let mut ledgers = Vec::new();
    for (name, ledger) in [
        ("the e-mail campaign", Some(ledger)),
        ("WhatsApp", whatsapp),
        ("the reminder", Some(reminder)),
    ] {
        if let Some(ledger) = ledger {
            demo.show_ledger(name, &ledger);
            ledgers.push(ledger);
        }
    }
    demo.show_recipients(&campaign).await?;
    demo.show_dashboard().await?;

    demo.title("Vendors from other systems, the register, and a file");
    demo.take_from_other_systems().await?;
    demo.verify().await?;
    demo.export().await?;
    Ok(Summary::of(&ledgers, started.elapsed().as_secs()))
}
