//! What can go wrong, on request.

use serde::{Deserialize, Serialize};

use super::message::{Outcome, bare_address};

/// A fault, how often it happens, and to whom. As JSON: `{"kind": "throttle", "times": 2, "to": "asha@example.in"}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fault {
    /// What happens.
    #[serde(flatten)]
    pub kind: FaultKind,
    /// How many requests, entries or events it strikes; `None` is "until cleared". Once, unless the JSON says otherwise.
    #[serde(default = "once")]
    pub times: Option<u32>,
    /// Strikes only where this address is a recipient.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// Strikes only this entry of a bulk call, counted from 0; a single send is entry 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entry: Option<usize>,
}

/// The kinds of fault.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum FaultKind {
    /// 429 `TooManyRequestsException`, "Maximum sending rate exceeded.". Nothing is accepted.
    Throttle,
    /// 400 `LimitExceededException`, "Daily message quota exceeded.". Nothing is accepted.
    DailyQuota,
    /// 400 `SendingPausedException`. Nothing is accepted.
    SendingPaused,
    /// Any other SES error, for example 400 `AccountSuspendedException`. Nothing is accepted.
    Error {
        /// The HTTP status.
        status: u16,
        /// The exception name.
        code: String,
        /// The message.
        message: String,
    },
    /// One entry of a bulk call answers with this `BulkEmailStatus`; the others are unaffected.
    EntryStatus {
        /// For example `TRANSIENT_FAILURE`, `ACCOUNT_THROTTLED`, `MESSAGE_REJECTED`, `FAILED`.
        status: String,
        /// The entry's `Error` text.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error: Option<String>,
        /// Whether SES sends the message all the same, which `FAILED` does not rule out.
        #[serde(default)]
        accepted: bool,
    },
    /// A 5xx answer; nothing is accepted.
    ServerErrorBefore {
        /// The HTTP status, for example 503.
        status: u16,
    },
    /// A 5xx answer although the messages were accepted, are sent and publish their events.
    ServerErrorAfter {
        /// The HTTP status, for example 500.
        status: u16,
    },
    /// No answer, or a late 503; nothing is accepted.
    TimeoutBefore {
        /// Answers after this time; `None` is never.
        #[serde(default)]
        answer_after_ms: Option<u64>,
    },
    /// No answer, or a late one, although the messages were accepted, are sent and publish their events.
    TimeoutAfter {
        /// Answers after this time; `None` is never.
        #[serde(default)]
        answer_after_ms: Option<u64>,
    },
    /// An event never reaches the topic.
    EventLoss {
        /// Only events of this type, for example `Delivery`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        event_type: Option<String>,
    },
    /// An event reaches the topic more than once.
    EventDuplication {
        /// Only events of this type.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        event_type: Option<String>,
        /// How often it arrives in all, for example 2.
        copies: usize,
    },
    /// The message ends this way whatever its address says; how soft bounces, which SES has no address for, are made.
    EndAs {
        /// The outcome of all its recipients.
        outcome: Outcome,
    },
}

impl Fault {
    /// A fault that happens once, to whoever comes first.
    pub fn once(kind: FaultKind) -> Self {
        Self {
            kind,
            times: once(),
            to: None,
            entry: None,
        }
    }

    /// A fault that happens until it is cleared.
    pub fn always(kind: FaultKind) -> Self {
        Self {
            times: None,
            ..Self::once(kind)
        }
    }

    /// The same fault, `times` times.
    pub fn times(self, times: u32) -> Self {
        Self { times: Some(times), ..self }
    }

    /// The same fault, only where `address` is a recipient.
    pub fn to(self, address: impl Into<String>) -> Self {
        Self {
            to: Some(address.into()),
            ..self
        }
    }

    /// The same fault, only for this entry of a bulk call, counted from 0.
    pub fn entry(self, entry: usize) -> Self {
        Self { entry: Some(entry), ..self }
    }

    fn strikes(&self, entry: usize, recipients: &[String]) -> bool {
        let address_matches = self.to.as_deref().is_none_or(|wanted| {
            let wanted = bare_address(wanted);
            recipients.iter().any(|recipient| bare_address(recipient) == wanted)
        });
        address_matches && self.entry.is_none_or(|wanted| wanted == entry)
    }
}

fn once() -> Option<u32> {
    Some(1)
}

impl FaultKind {
    fn concerns_request(&self) -> bool {
        !matches!(
            self,
            Self::EntryStatus { .. } | Self::EventLoss { .. } | Self::EventDuplication { .. } | Self::EndAs { .. }
        )
    }

    fn concerns_event(&self, wanted: &str) -> bool {
        match self {
            Self::EventLoss { event_type } | Self::EventDuplication { event_type, .. } => {
                event_type.as_deref().is_none_or(|event_type| event_type == wanted)
            }
            _ => false,
        }
    }
}

/// The faults still to happen, oldest first.
#[derive(Debug, Default)]
pub(super) struct Faults(Vec<Fault>);

impl Faults {
    pub(super) fn push(&mut self, fault: Fault) {
        if fault.times != Some(0) {
            self.0.push(fault);
        }
    }

    pub(super) fn list(&self) -> Vec<Fault> {
        self.0.clone()
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// The fault of a whole request, whose entries have these recipients.
    pub(super) fn take_request(&mut self, entries: &[Vec<String>]) -> Option<FaultKind> {
        self.take(|fault| fault.kind.concerns_request() && entries.iter().enumerate().any(|(entry, recipients)| fault.strikes(entry, recipients)))
    }

    /// The status forced on an entry.
    pub(super) fn take_entry(&mut self, entry: usize, recipients: &[String]) -> Option<FaultKind> {
        self.take(|fault| matches!(fault.kind, FaultKind::EntryStatus { .. }) && fault.strikes(entry, recipients))
    }

    /// The outcome forced on a message.
    pub(super) fn take_outcome(&mut self, entry: usize, recipients: &[String]) -> Option<Outcome> {
        let kind = self.take(|fault| matches!(fault.kind, FaultKind::EndAs { .. }) && fault.strikes(entry, recipients))?;
        match kind {
            FaultKind::EndAs { outcome } => Some(outcome),
            _ => None,
        }
    }

    /// How often an event is to arrive: 0 is lost, 1 is ordinary.
    pub(super) fn take_event_copies(&mut self, entry: usize, recipients: &[String], event_type: &str) -> usize {
        let kind = self.take(|fault| fault.kind.concerns_event(event_type) && fault.strikes(entry, recipients));
        match kind {
            Some(FaultKind::EventLoss { .. }) => 0,
            Some(FaultKind::EventDuplication { copies, .. }) => copies,
            _ => 1,
        }
    }

    fn take(&mut self, matches: impl Fn(&Fault) -> bool) -> Option<FaultKind> {
        let position = self.0.iter().position(matches)?;
        let fault = &mut self.0[position];
        let kind = fault.kind.clone();
        if let Some(times) = &mut fault.times {
            *times -= 1;
            if *times == 0 {
                self.0.remove(position);
            }
        }
        Some(kind)
    }
}
