//! What a person sees while the stack comes up: bars on a terminal, plain lines elsewhere, nothing in tests.

use std::io::IsTerminal as _;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// Where the progress of a long step is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Nowhere: the step runs inside a test.
    Silent,
    /// One line when a step starts and one when it ends: a log, a pipe, CI.
    Lines,
    /// Bars and spinners, redrawn in place.
    Bars,
}

impl Progress {
    /// Bars when standard error is a terminal, lines when it is not.
    pub fn for_terminal() -> Self {
        if std::io::stderr().is_terminal() { Self::Bars } else { Self::Lines }
    }

    /// Begins a step. It ends by [`Step::done`]; dropped before that, it disappears, because an error message follows.
    pub fn step(self, title: impl Into<String>) -> Step {
        let title = title.into();
        let bar = match self {
            Self::Bars => {
                let bar = ProgressBar::new_spinner().with_style(style("  {spinner:.cyan} {prefix} {elapsed:.dim} {wide_msg:.dim}"));
                bar.set_prefix(title.clone());
                bar.enable_steady_tick(Duration::from_millis(120));
                bar
            }
            Self::Lines => {
                eprintln!("  … {title}");
                ProgressBar::hidden()
            }
            Self::Silent => ProgressBar::hidden(),
        };
        Step {
            progress: self,
            title,
            bar,
            started: Instant::now(),
        }
    }

    /// Says something between two steps.
    pub(super) fn note(self, text: &str) {
        if self != Self::Silent {
            eprintln!("  {text}");
        }
    }
}

/// A running step of the start-up.
#[derive(Debug)]
pub struct Step {
    progress: Progress,
    title: String,
    bar: ProgressBar,
    started: Instant,
}

impl Step {
    /// Turns the spinner into a bar of `total` units. May be called again when the total becomes known.
    pub(super) fn set_total(&self, total: u64) {
        if self.bar.length() != Some(total) {
            self.bar
                .set_style(style("  {spinner:.cyan} {prefix} [{bar:28.cyan/blue}] {pos}/{len} {wide_msg:.dim}"));
            self.bar.set_length(total);
        }
    }

    /// Moves the bar to `position` units.
    pub(super) fn set_position(&self, position: u64) {
        self.bar.set_position(position);
    }

    /// Moves the bar on by one unit.
    pub(super) fn advance(&self) {
        self.bar.inc(1);
    }

    /// Shows what is being worked on.
    pub(super) fn set_detail(&self, detail: impl Into<String>) {
        self.bar.set_message(detail.into());
    }

    /// Ends the step and leaves one line with its outcome and its duration.
    pub fn done(self, outcome: &str) {
        self.bar.finish_and_clear();
        if self.progress != Progress::Silent {
            let detail = if outcome.is_empty() { String::new() } else { format!(": {outcome}") };
            eprintln!("  ✓ {}{detail} ({:.1} s)", self.title, self.started.elapsed().as_secs_f32());
        }
    }
}

impl Drop for Step {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// The template is a constant of this file, so a mistake in it shows as the default style, not as a failure.
fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}
