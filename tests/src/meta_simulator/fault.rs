//! What can go wrong: on request, or because of the number a message goes to.

use serde::{Deserialize, Serialize};

use super::message::Outcome;

/// A fault, how often it happens, and to whom. As JSON: `{"kind": "error", "code": 130429, "times": 2, "to": "919876543210"}`.
///
/// A fault with `times: null` and a recipient is a standing rule for that number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// What happens.
    #[serde(flatten)]
    pub kind: FaultKind,
    /// How many requests or webhooks it strikes; `None` is "until cleared". Once, unless the JSON says otherwise.
    #[serde(default = "once")]
    pub times: Option<u32>,
    /// Strikes only this recipient: digits with or without `+`, or `*` and the last digits, for example `*4321`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// The operation that a request fault strikes.
    #[serde(default)]
    pub operation: Operation,
}

/// The operations that the simulator serves.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// `POST /v{N}/{phone_number_id}/messages`.
    #[default]
    SendMessage,
    /// `POST /v{N}/{phone_number_id}/media`.
    UploadMedia,
    /// `GET /v{N}/{id}`: a phone number, a WhatsApp Business Account or an uploaded medium.
    GetObject,
    /// `GET /v{N}/{waba_id}/message_templates`.
    ListTemplates,
    /// Anything else.
    Unknown,
}

/// The kinds of fault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum FaultKind {
    /// A Graph error in the answer.
    Error {
        /// Meta's code, for example 131056.
        code: u32,
        /// The HTTP status, where it is to differ from Meta's own for the code.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        status: Option<u16>,
        /// `error_data.details`, where it is to differ.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        details: Option<String>,
        /// Whether Meta sends the message all the same, which 131000, 1 and 2 do not rule out.
        #[serde(default)]
        accepted: bool,
    },
    /// A 5xx answer of the edge, in HTML; nothing is accepted.
    ServerErrorBefore {
        /// The HTTP status, for example 503.
        status: u16,
    },
    /// A 5xx answer of the edge, in HTML, although the message was accepted, is sent and has webhooks.
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
    /// No answer, or the ordinary one but late, although the message was accepted, is sent and has webhooks.
    TimeoutAfter {
        /// Answers after this time; `None` is never.
        #[serde(default)]
        answer_after_ms: Option<u64>,
    },
    /// The connection closes without an answer; nothing is accepted.
    DropBefore,
    /// The connection closes without an answer, although the message was accepted, is sent and has webhooks.
    DropAfter,
    /// 200 with half a body, although the message was accepted, is sent and has webhooks.
    GarbledAfter,
    /// A status never reaches the webhook.
    WebhookLoss {
        /// Only this status, for example `delivered`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        status: Option<String>,
    },
    /// A status reaches the webhook more than once, in requests of their own if batches are small enough.
    WebhookDuplication {
        /// Only this status.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        status: Option<String>,
        /// How often it arrives in all, for example 2.
        copies: usize,
    },
    /// The message ends this way whatever its number says.
    EndAs {
        /// What becomes of it.
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
            operation: Operation::default(),
        }
    }

    /// A fault that happens until it is cleared.
    pub fn always(kind: FaultKind) -> Self {
        Self {
            times: None,
            ..Self::once(kind)
        }
    }

    /// A Graph error, once, with Meta's own HTTP status and details; nothing is accepted.
    pub fn error(code: u32) -> Self {
        Self::once(FaultKind::error(code))
    }

    /// The same fault, `times` times.
    pub fn times(self, times: u32) -> Self {
        Self { times: Some(times), ..self }
    }

    /// The same fault, only for this recipient: digits, or `*` and the last digits.
    pub fn to(self, number: impl Into<String>) -> Self {
        Self {
            to: Some(number.into()),
            ..self
        }
    }

    /// The same fault, for another operation than sending.
    pub fn operation(self, operation: Operation) -> Self {
        Self { operation, ..self }
    }

    fn strikes(&self, number: &str) -> bool {
        let Some(wanted) = &self.to else { return true };
        match wanted.strip_prefix('*') {
            Some(ending) => number.ends_with(ending),
            None => digits(wanted) == number,
        }
    }
}

fn once() -> Option<u32> {
    Some(1)
}

/// The digits of a phone number.
pub(super) fn digits(number: &str) -> String {
    number.chars().filter(char::is_ascii_digit).collect()
}

impl FaultKind {
    /// A Graph error with Meta's own HTTP status and details; nothing is accepted.
    pub fn error(code: u32) -> Self {
        Self::Error {
            code,
            status: None,
            details: None,
            accepted: false,
        }
    }

    fn concerns_request(&self) -> bool {
        !matches!(self, Self::WebhookLoss { .. } | Self::WebhookDuplication { .. } | Self::EndAs { .. })
    }

    fn concerns_status(&self, wanted: &str) -> bool {
        match self {
            Self::WebhookLoss { status } | Self::WebhookDuplication { status, .. } => status.as_deref().is_none_or(|status| status == wanted),
            _ => false,
        }
    }
}

/// What a number says about the messages it gets.
///
/// | Indian number | what happens |
/// |---|---|
/// | `91 999 0 cccccc` | the request is refused with Meta's error `cccccc` (`999 0 131026`, `999 0 000004`) |
/// | `91 999 1 cccccc` | accepted, sent, then `failed` with the error `cccccc` |
/// | `91 999 2 000001` | accepted; the connection drops before the answer |
/// | `91 999 2 000002` | accepted; the answer never comes |
/// | `91 999 2 000003` | accepted; the answer is an HTTP 500 |
/// | `91 999 2 000004` | accepted; the answer is an HTTP 503 |
/// | `91 999 2 000005` | the connection drops, nothing is accepted |
/// | `91 999 2 000006` | accepted, and never heard of again |
/// | `91 999 2 000007` | accepted and sent, never delivered |
/// | `91 999 2 000008` | read at once: no `delivered` webhook |
/// | any other, last digit even | sent, delivered, read |
/// | any other | sent, delivered |
pub(super) fn of_number(number: &str) -> (Option<FaultKind>, Outcome) {
    let ordinary = if number.bytes().last().is_some_and(|digit| (digit - b'0').is_multiple_of(2)) {
        Outcome::Read
    } else {
        Outcome::Delivered
    };
    let Some(special) = number.strip_prefix("91999").filter(|rest| rest.len() == 7) else {
        return (None, ordinary);
    };
    let (group, code) = special.split_at(1);
    let code: u32 = code.parse().unwrap_or_default();
    match (group, code) {
        ("0", 1..) => (Some(FaultKind::error(code)), ordinary),
        ("1", 1..) => (None, Outcome::Failed { code }),
        ("2", 1) => (Some(FaultKind::DropAfter), ordinary),
        ("2", 2) => (Some(FaultKind::TimeoutAfter { answer_after_ms: None }), ordinary),
        ("2", 3) => (Some(FaultKind::ServerErrorAfter { status: 500 }), ordinary),
        ("2", 4) => (Some(FaultKind::ServerErrorAfter { status: 503 }), ordinary),
        ("2", 5) => (Some(FaultKind::DropBefore), ordinary),
        ("2", 6) => (None, Outcome::Silent),
        ("2", 7) => (None, Outcome::Sent),
        ("2", 8) => (None, Outcome::ReadAtOnce),
        _ => (None, ordinary),
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

    /// The fault of a request; `number` is empty where there is no recipient.
    pub(super) fn take_request(&mut self, operation: Operation, number: &str) -> Option<FaultKind> {
        self.take(|fault| fault.kind.concerns_request() && fault.operation == operation && fault.strikes(number))
    }

    /// The outcome forced on a message.
    pub(super) fn take_outcome(&mut self, number: &str) -> Option<Outcome> {
        match self.take(|fault| matches!(fault.kind, FaultKind::EndAs { .. }) && fault.strikes(number))? {
            FaultKind::EndAs { outcome } => Some(outcome),
            _ => None,
        }
    }

    /// How often a status is to arrive: 0 is lost, 1 is ordinary.
    pub(super) fn take_copies(&mut self, number: &str, status: &str) -> usize {
        match self.take(|fault| fault.kind.concerns_status(status) && fault.strikes(number)) {
            Some(FaultKind::WebhookLoss { .. }) => 0,
            Some(FaultKind::WebhookDuplication { copies, .. }) => copies,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_digits_of_a_number_decide_what_becomes_of_its_messages() {
        #[track_caller]
        fn check(number: &str, fault: Option<FaultKind>, outcome: Outcome) {
            assert_eq!(of_number(number), (fault, outcome), "{number}");
        }
        check("919876543211", None, Outcome::Delivered);
        check("919876543210", None, Outcome::Read);
        check("919990131056", Some(FaultKind::error(131_056)), Outcome::Read);
        check("919990000004", Some(FaultKind::error(4)), Outcome::Read);
        check("919991131026", None, Outcome::Failed { code: 131_026 });
        check("919992000001", Some(FaultKind::DropAfter), Outcome::Delivered);
        check("919992000006", None, Outcome::Silent);
        check("919993000001", None, Outcome::Delivered);
        check("", None, Outcome::Delivered);
    }

    #[test]
    fn a_fault_strikes_its_recipient_as_often_as_it_says() {
        let mut faults = Faults::default();
        faults.push(Fault::error(4).to("+91 98765 43210").times(2));
        faults.push(Fault::always(FaultKind::DropBefore).to("*17"));
        let mut take = |number: &str| faults.take_request(Operation::SendMessage, number);
        assert_eq!(take("919876543211"), None);
        assert_eq!(take("919876543210"), Some(FaultKind::error(4)));
        assert_eq!(take("919876543210"), Some(FaultKind::error(4)));
        assert_eq!(take("919876543210"), None);
        assert_eq!(take("910000000017"), Some(FaultKind::DropBefore));
        assert_eq!(take("910000000017"), Some(FaultKind::DropBefore));
    }
}
