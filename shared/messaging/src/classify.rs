//! What an answer of Amazon SES means for the message: may it be sent again, must it not, or does nobody know?
//!
//! The rule behind the table: only an answer that proves SES did *not* accept a message permits another attempt.
//! <https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_SendBulkEmail.html>

/// Why SES did not take a message now, which decides how long to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Wait {
    /// Too many messages a second: wait a moment and slow the pace.
    Throttled,
    /// The quota of 24 hours is used up: pause until the window reopens.
    DailyQuota,
    /// No connection was made: back off.
    Unreachable,
    /// The same two numbers talked a moment ago; WhatsApp takes one message in six seconds.
    PairLimit,
}

/// What became of one message of a call that SES answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EntryResult {
    /// SES took responsibility.
    Accepted {
        /// The id in every event of the message.
        message_id: String,
    },
    /// Proven not accepted: another attempt is safe.
    Retry {
        /// `ses:transient_failure` …
        reason: String,
        /// Set where it was not this message's turn rather than its fault, so that the attempt should not count.
        wait: Option<Wait>,
    },
    /// Refused for good.
    Failed {
        /// `ses:message_rejected` …
        reason: String,
    },
    /// Perhaps accepted. Never to be sent again blindly; a `Send` event resolves it.
    Unknown {
        /// `ses:failed` …
        reason: String,
    },
    /// Not accepted, and nothing else of the campaign will be until someone changes something.
    Stop {
        /// `ses:account_sending_paused` …
        reason: String,
    },
}

/// Why a call gave no result per message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// Nothing was accepted: the same call may be made again after the wait.
    #[error("SES accepted nothing: {reason}")]
    NotAccepted {
        /// `ses:too_many_requests` …
        reason: String,
        /// How long to wait.
        wait: Wait,
    },
    /// Perhaps everything, perhaps nothing was accepted.
    #[error("it is unknown whether SES accepted the messages: {reason}")]
    Ambiguous {
        /// `ses:timeout` …
        reason: String,
    },
    /// Nothing was accepted, and never will be as it stands.
    #[error("SES refused the messages for good: {reason}")]
    Permanent {
        /// `ses:bad_request` …
        reason: String,
    },
    /// Nothing was accepted, and nothing of the campaign will be until someone changes something.
    #[error("SES will accept nothing until something changes: {reason}")]
    StopCampaign {
        /// `ses:account_suspended` …
        reason: String,
    },
}

impl SendError {
    /// The reason, for instance `ses:timeout`.
    pub fn reason(&self) -> &str {
        match self {
            SendError::NotAccepted { reason, .. }
            | SendError::Ambiguous { reason }
            | SendError::Permanent { reason }
            | SendError::StopCampaign { reason } => reason,
        }
    }

    /// What the error of a whole call means for one of its messages.
    pub fn for_entry(&self) -> EntryResult {
        let reason = self.reason().to_owned();
        match self {
            SendError::NotAccepted { wait, .. } => EntryResult::Retry { reason, wait: Some(*wait) },
            SendError::Ambiguous { .. } => EntryResult::Unknown { reason },
            SendError::Permanent { .. } => EntryResult::Failed { reason },
            SendError::StopCampaign { .. } => EntryResult::Stop { reason },
        }
    }
}

/// Whether a reason says that the recipient told the provider to keep our messages away.
pub fn is_opt_out(reason: &str) -> bool {
    // <https://developers.facebook.com/docs/whatsapp/cloud-api/support/error-codes>: the user stopped marketing messages.
    reason == "whatsapp:131050"
}

/// Whether a reason says that the provider gave the message up for today, and would take it tomorrow.
pub fn is_due_next_day(reason: &str) -> bool {
    // "Not delivered to maintain healthy ecosystem engagement": Meta asks not to try again within 24 hours.
    reason == "whatsapp:131049"
}

/// Classifies an error answer: HTTP status, exception name and message.
pub fn request_error(status: u16, code: Option<&str>, message: Option<&str>) -> SendError {
    let reason = reason_of(code, status);
    if status >= 500 || status == 408 {
        // The request was written; the front end cannot know how far it got behind it.
        return SendError::Ambiguous { reason };
    }
    let message = message.unwrap_or_default().to_ascii_lowercase();
    let is_daily = message.contains("daily") || message.contains("24 hour") || message.contains("24-hour");
    match code.unwrap_or_default() {
        "TooManyRequestsException" | "TooManyRequests" | "ThrottlingException" | "Throttling" | "RequestLimitExceeded" => SendError::NotAccepted {
            reason,
            wait: if is_daily { Wait::DailyQuota } else { Wait::Throttled },
        },
        "LimitExceededException" => {
            let is_rate = message.contains("sending rate");
            SendError::NotAccepted {
                reason,
                wait: if is_rate { Wait::Throttled } else { Wait::DailyQuota },
            }
        }
        "MessageRejected" | "BadRequestException" => SendError::Permanent { reason },
        // Suspended, paused, not verified, no such configuration set, no permission, and whatever SES may invent: refused,
        // and as likely to be refused for the next chunk. Halting shows the reason and loses nobody.
        _ if status == 429 => SendError::NotAccepted {
            reason,
            wait: Wait::Throttled,
        },
        _ => SendError::StopCampaign { reason },
    }
}

/// Classifies the result of one message of a bulk call: `Status` and `MessageId`.
pub fn entry(status: Option<&str>, message_id: Option<&str>) -> EntryResult {
    let Some(status) = status else {
        return EntryResult::Unknown {
            reason: "ses:no_status".to_owned(),
        };
    };
    let reason = format!("ses:{}", status.to_ascii_lowercase());
    match status {
        "SUCCESS" => match message_id {
            Some(message_id) if !message_id.is_empty() => EntryResult::Accepted {
                message_id: message_id.to_owned(),
            },
            _ => EntryResult::Unknown {
                reason: "ses:success_without_message_id".to_owned(),
            },
        },
        "TRANSIENT_FAILURE" => EntryResult::Retry { reason, wait: None },
        "ACCOUNT_THROTTLED" => EntryResult::Retry {
            reason,
            wait: Some(Wait::Throttled),
        },
        "ACCOUNT_DAILY_QUOTA_EXCEEDED" => EntryResult::Retry {
            reason,
            wait: Some(Wait::DailyQuota),
        },
        "MESSAGE_REJECTED" | "INVALID_PARAMETER" => EntryResult::Failed { reason },
        "ACCOUNT_SENDING_PAUSED"
        | "ACCOUNT_SUSPENDED"
        | "MAIL_FROM_DOMAIN_NOT_VERIFIED"
        | "TEMPLATE_NOT_FOUND"
        | "CONFIGURATION_SET_NOT_FOUND"
        | "CONFIGURATION_SET_SENDING_PAUSED"
        | "INVALID_SENDING_POOL_NAME" => EntryResult::Stop { reason },
        // FAILED says nothing about acceptance, and neither does a word SES may add.
        _ => EntryResult::Unknown { reason },
    }
}

/// `TooManyRequestsException` → `ses:too_many_requests`; without a code the HTTP status, `ses:http_502`.
fn reason_of(code: Option<&str>, status: u16) -> String {
    let Some(code) = code.filter(|code| !code.is_empty()) else {
        return format!("ses:http_{status}");
    };
    let code = code.strip_suffix("Exception").unwrap_or(code);
    let mut reason = "ses:".to_owned();
    // Bounded and plain, whatever a proxy in between may answer.
    for (i, c) in code.chars().filter(char::is_ascii_alphanumeric).take(60).enumerate() {
        if c.is_ascii_uppercase() && i > 0 {
            reason.push('_');
        }
        reason.push(c.to_ascii_lowercase());
    }
    reason
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq)]
    enum Class {
        NotAccepted(Wait),
        Ambiguous,
        Permanent,
        Stop,
    }

    #[track_caller]
    fn check(status: u16, code: &str, message: &str, class: Class, reason: &str) {
        let error = request_error(status, Some(code).filter(|code| !code.is_empty()), Some(message));
        let found = match &error {
            SendError::NotAccepted { wait, .. } => Class::NotAccepted(*wait),
            SendError::Ambiguous { .. } => Class::Ambiguous,
            SendError::Permanent { .. } => Class::Permanent,
            SendError::StopCampaign { .. } => Class::Stop,
        };
        assert_eq!((found, error.reason()), (class, reason), "{status} {code} {message}");
    }

    #[test]
    fn every_error_answer_has_its_class() {
        use Class::*;
        check(
            429,
            "TooManyRequestsException",
            "Maximum sending rate exceeded.",
            NotAccepted(Wait::Throttled),
            "ses:too_many_requests",
        );
        check(
            429,
            "TooManyRequestsException",
            "Daily message quota exceeded.",
            NotAccepted(Wait::DailyQuota),
            "ses:too_many_requests",
        );
        check(
            400,
            "ThrottlingException",
            "Rate exceeded",
            NotAccepted(Wait::Throttled),
            "ses:throttling",
        );
        check(
            400,
            "LimitExceededException",
            "Daily message quota exceeded.",
            NotAccepted(Wait::DailyQuota),
            "ses:limit_exceeded",
        );
        check(
            400,
            "LimitExceededException",
            "Maximum sending rate exceeded.",
            NotAccepted(Wait::Throttled),
            "ses:limit_exceeded",
        );
        check(429, "", "", NotAccepted(Wait::Throttled), "ses:http_429");
        check(400, "SendingPausedException", "", Stop, "ses:sending_paused");
        check(400, "AccountSuspendedException", "", Stop, "ses:account_suspended");
        check(400, "MailFromDomainNotVerifiedException", "", Stop, "ses:mail_from_domain_not_verified");
        check(404, "NotFoundException", "Configuration set <x> does not exist.", Stop, "ses:not_found");
        check(403, "AccessDeniedException", "", Stop, "ses:access_denied");
        check(400, "MessageRejected", "", Permanent, "ses:message_rejected");
        check(400, "BadRequestException", "", Permanent, "ses:bad_request");
        check(500, "InternalServiceErrorException", "", Ambiguous, "ses:internal_service_error");
        check(503, "ServiceUnavailable", "", Ambiguous, "ses:service_unavailable");
        check(503, "ThrottlingException", "", Ambiguous, "ses:throttling");
        check(502, "", "", Ambiguous, "ses:http_502");
        check(408, "RequestTimeout", "", Ambiguous, "ses:request_timeout");
        check(418, "Teapot<script>", "", Stop, "ses:teapotscript");
    }

    #[test]
    fn every_entry_status_has_its_class() {
        let retry = |reason: &str, wait| EntryResult::Retry {
            reason: reason.to_owned(),
            wait,
        };
        let failed = |reason: &str| EntryResult::Failed { reason: reason.to_owned() };
        let unknown = |reason: &str| EntryResult::Unknown { reason: reason.to_owned() };
        let stop = |reason: &str| EntryResult::Stop { reason: reason.to_owned() };
        let table = [
            ("TRANSIENT_FAILURE", retry("ses:transient_failure", None)),
            ("ACCOUNT_THROTTLED", retry("ses:account_throttled", Some(Wait::Throttled))),
            (
                "ACCOUNT_DAILY_QUOTA_EXCEEDED",
                retry("ses:account_daily_quota_exceeded", Some(Wait::DailyQuota)),
            ),
            ("MESSAGE_REJECTED", failed("ses:message_rejected")),
            ("INVALID_PARAMETER", failed("ses:invalid_parameter")),
            ("ACCOUNT_SENDING_PAUSED", stop("ses:account_sending_paused")),
            ("ACCOUNT_SUSPENDED", stop("ses:account_suspended")),
            ("MAIL_FROM_DOMAIN_NOT_VERIFIED", stop("ses:mail_from_domain_not_verified")),
            ("TEMPLATE_NOT_FOUND", stop("ses:template_not_found")),
            ("CONFIGURATION_SET_NOT_FOUND", stop("ses:configuration_set_not_found")),
            ("CONFIGURATION_SET_SENDING_PAUSED", stop("ses:configuration_set_sending_paused")),
            ("INVALID_SENDING_POOL_NAME", stop("ses:invalid_sending_pool_name")),
            ("FAILED", unknown("ses:failed")),
            ("SOMETHING_NEW", unknown("ses:something_new")),
        ];
        for (status, expected) in table {
            assert_eq!(entry(Some(status), None), expected, "{status}");
        }
        assert_eq!(
            entry(Some("SUCCESS"), Some("0109")),
            EntryResult::Accepted {
                message_id: "0109".to_owned()
            }
        );
        assert_eq!(entry(Some("SUCCESS"), None), unknown("ses:success_without_message_id"));
        assert_eq!(entry(None, None), unknown("ses:no_status"));
    }
}
