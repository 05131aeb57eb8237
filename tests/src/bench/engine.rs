//! How many recipients a core takes through the delivery engine: planner, senders, events and aggregator.
//!
//! Time is the processor's, of all threads: a machine that is busy with something else does not change it. On the table it is that of
//! dynoxide, HTTP and the simulators too, which production does not pay: the figure is a floor, for comparison with itself. The core
//! alone runs in the [`simulation`] without faults: no table, no wire, no rendering, but the simulation's own bookkeeping.

use std::time::Duration;

use domain::delivery::Channel;

use super::campaign::{self, Case, SES_RAISED, WHATSAPP};
use super::{Error, Figure, Options, Report, Table, cpu_time, unoptimised};

const NAME: &str = "engine";
const RECIPIENTS: u32 = 10_000;
const CORE_RECIPIENTS: u32 = 10_000;

/// Runs the suite.
///
/// # Errors
/// When a campaign does not end with every message delivered.
pub fn run(options: &Options) -> Result<Report, Error> {
    let mut report = Report {
        title: "Recipients per second and core through the delivery engine, plan to last event, providers simulated".to_owned(),
        table: Table {
            header: ["engine", "recipients", "CPU s", "recipients/s"].map(str::to_owned).into(),
            rows: Vec::new(),
        },
        figures: Vec::new(),
        notes: vec![
            "on the table: workers over HTTP to DynamoDB, SQS, SES and Meta in this process, whose work is counted too".to_owned(),
            "the core alone: delivery and domain in the simulation, whose bookkeeping is counted too".to_owned(),
        ],
    };
    report.notes.extend(unoptimised());
    for (name, channel, per_second) in [("email", Channel::Email, SES_RAISED), ("whatsapp", Channel::Whatsapp, WHATSAPP)] {
        // What was asked for only in part is measured in that part.
        let recipients = options
            .sizes
            .iter()
            .copied()
            .filter(|size| *size <= RECIPIENTS)
            .max()
            .unwrap_or(RECIPIENTS);
        let run = campaign::run(Case {
            channel,
            recipients,
            per_second,
        })?;
        add(&mut report, name, &format!("{name}, on the table"), f64::from(recipients), run.cpu);
    }
    for (name, channel) in [("email", Channel::Email), ("whatsapp", Channel::Whatsapp)] {
        let before = cpu_time()?;
        let run = simulation::run_undisturbed(channel, CORE_RECIPIENTS);
        let cpu = cpu_time()?.saturating_sub(before);
        if run.totals.accepted != u64::from(CORE_RECIPIENTS) || !run.violations.is_empty() {
            return Err(format!("the simulation sent {} messages: {:?}", run.totals.accepted, run.violations).into());
        }
        add(
            &mut report,
            &format!("core.{name}"),
            &format!("{name}, the core alone"),
            f64::from(CORE_RECIPIENTS),
            cpu,
        );
    }
    Ok(report)
}

fn add(report: &mut Report, key: &str, what: &str, recipients: f64, cpu: Duration) {
    let rate = recipients / cpu.as_secs_f64();
    report.figures.push(Figure::new(format!("{NAME}.{key}.recipients_per_s"), rate));
    report.table.rows.push(vec![
        what.to_owned(),
        format!("{recipients:.0}"),
        format!("{:.2}", cpu.as_secs_f64()),
        format!("{rate:.0}"),
    ]);
}
