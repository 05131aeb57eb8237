//! What Meta's error codes mean for a message, in the answer to a request and in a `failed` status alike.
//!
//! Meta asks to decide by the code, not by the HTTP status, the title or the subcode.
//! <https://developers.facebook.com/docs/whatsapp/cloud-api/support/error-codes>

use crate::classify::{EntryResult, Wait};

/// What may be done about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// Not taken: the same message may be sent again after the wait.
    Retry(Wait),
    /// Not taken, and Meta asks not to try this recipient again within 24 hours: final for now, and due again the next day.
    RetryAfter24h,
    /// Perhaps taken: only a status resolves it.
    Ambiguous,
    /// This recipient cannot be reached.
    Permanent,
    /// This recipient cannot be reached, because it has opted out of our messages.
    PermanentOptOut,
    /// Nothing will be taken until someone changes something about account, number or template.
    Halt,
    /// Our request does not fit the approved template: nothing will be taken until template or campaign is corrected.
    PayloadBug,
}

impl Class {
    /// Whether the campaign has to stop.
    pub const fn halts(self) -> bool {
        matches!(self, Class::Halt | Class::PayloadBug)
    }

    /// Whether the recipient is to be recorded as opted out.
    pub const fn is_opt_out(self) -> bool {
        matches!(self, Class::PermanentOptOut)
    }
}

/// The class of a code; none for one that is not listed.
pub const fn class_of(code: u32) -> Option<Class> {
    Some(match code {
        // Too many calls of the app or the account, or too many messages of the number, a second.
        4 | 80_007 | 130_429 => Class::Retry(Wait::Throttled),
        // Service unavailable; account in maintenance.
        131_016 | 131_057 => Class::Retry(Wait::Unreachable),
        // One message per recipient and six seconds.
        131_056 => Class::Retry(Wait::PairLimit),
        // Held back to protect the recipient from too much marketing.
        131_049 => Class::RetryAfter24h,
        1 | 2 | 131_000 | 135_000 => Class::Ambiguous,
        // Sender is recipient; not on WhatsApp; no open conversation; in an experiment; not among a test number's recipients.
        131_021 | 131_026 | 131_047 | 130_472 | 131_030 => Class::Permanent,
        131_050 => Class::PermanentOptOut,
        // Spam limit; restricted; policy; locked; payment; country; not eligible; display name not approved; number not registered.
        131_048 | 131_064 | 368 | 131_031 | 131_042 | 130_497 | 131_063 | 131_037 | 131_045 | 133_010 | 33 => Class::Halt,
        // The template: absent, text too long, against policy, paused, disabled.
        132_001 | 132_005 | 132_007 | 132_015 | 132_016 => Class::Halt,
        // The access token and what it may do.
        0 | 3 | 10 | 190 | 200..=299 | 131_005 => Class::Halt,
        100 | 131_008 | 131_009 | 131_051 | 131_053 | 132_000 | 132_008 | 132_012 | 132_018 => Class::PayloadBug,
        _ => return None,
    })
}

/// Classifies an error answer: HTTP status and, where the body has one, Meta's code.
pub fn request_error(status: u16, code: Option<u32>) -> EntryResult {
    let reason = reason(code, status);
    match code.and_then(class_of) {
        Some(Class::Retry(wait)) => EntryResult::Retry { reason, wait: Some(wait) },
        Some(Class::Ambiguous) => EntryResult::Unknown { reason },
        // The reconciler opens those of `RetryAfter24h` again when their day has passed.
        Some(Class::RetryAfter24h | Class::Permanent | Class::PermanentOptOut) => EntryResult::Failed { reason },
        Some(Class::Halt | Class::PayloadBug) => EntryResult::Stop { reason },
        None => match status {
            // An error answer with a code we do not know still is one: not accepted.
            400..=499 if code.is_some() && status != 408 => EntryResult::Failed { reason },
            // From something in front of the API, or with a body cut off.
            429 => EntryResult::Retry {
                reason,
                wait: Some(Wait::Throttled),
            },
            401 | 403 | 404 => EntryResult::Stop { reason },
            400 | 402 | 405..=407 | 409..=499 => EntryResult::Failed { reason },
            // 408 and 5xx: the request was written, and nobody can say how far it got. 3xx is followed by nobody.
            _ => EntryResult::Unknown { reason },
        },
    }
}

/// The class of a `failed` status. It proves that the message was not delivered and never will be, whatever the code.
pub const fn failed_status(code: u32) -> Class {
    match class_of(code) {
        None => Class::Permanent,
        // Only an answer leaves open what became of the message.
        Some(Class::Ambiguous) => Class::Retry(Wait::Unreachable),
        Some(class) => class,
    }
}

/// `whatsapp:131026`; without a code the HTTP status, `whatsapp:http_502`.
pub fn reason(code: Option<u32>, status: u16) -> String {
    match code {
        Some(code) => format!("whatsapp:{code}"),
        None => format!("whatsapp:http_{status}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The table of `delivery.md`, code by code, with the HTTP status Meta gives, and what it becomes.
    const TABLE: [(u32, u16, Class); 56] = [
        (4, 400, Class::Retry(Wait::Throttled)),
        (80_007, 400, Class::Retry(Wait::Throttled)),
        (130_429, 429, Class::Retry(Wait::Throttled)),
        (131_016, 500, Class::Retry(Wait::Unreachable)),
        (131_057, 500, Class::Retry(Wait::Unreachable)),
        (131_056, 400, Class::Retry(Wait::PairLimit)),
        (131_049, 400, Class::RetryAfter24h),
        (1, 400, Class::Ambiguous),
        (2, 503, Class::Ambiguous),
        (131_000, 500, Class::Ambiguous),
        (135_000, 400, Class::Ambiguous),
        (131_021, 400, Class::Permanent),
        (131_026, 400, Class::Permanent),
        (131_047, 400, Class::Permanent),
        (130_472, 400, Class::Permanent),
        (131_030, 400, Class::Permanent),
        (131_050, 400, Class::PermanentOptOut),
        (131_048, 400, Class::Halt),
        (131_064, 400, Class::Halt),
        (368, 403, Class::Halt),
        (131_031, 403, Class::Halt),
        (131_042, 400, Class::Halt),
        (130_497, 403, Class::Halt),
        (131_063, 400, Class::Halt),
        (131_037, 400, Class::Halt),
        (131_045, 500, Class::Halt),
        (132_001, 404, Class::Halt),
        (132_005, 400, Class::Halt),
        (132_007, 400, Class::Halt),
        (132_015, 400, Class::Halt),
        (132_016, 400, Class::Halt),
        (133_010, 400, Class::Halt),
        (33, 400, Class::Halt),
        (0, 401, Class::Halt),
        (3, 500, Class::Halt),
        (10, 403, Class::Halt),
        (190, 401, Class::Halt),
        (200, 403, Class::Halt),
        (299, 403, Class::Halt),
        (131_005, 403, Class::Halt),
        (100, 400, Class::PayloadBug),
        (131_008, 400, Class::PayloadBug),
        (131_009, 400, Class::PayloadBug),
        (131_051, 400, Class::PayloadBug),
        (131_053, 400, Class::PayloadBug),
        (132_000, 400, Class::PayloadBug),
        (132_008, 400, Class::PayloadBug),
        (132_012, 400, Class::PayloadBug),
        (132_018, 400, Class::PayloadBug),
        // The status never overrules a listed code.
        (130_429, 500, Class::Retry(Wait::Throttled)),
        (130_429, 400, Class::Retry(Wait::Throttled)),
        (131_026, 500, Class::Permanent),
        (131_000, 400, Class::Ambiguous),
        (2, 400, Class::Ambiguous),
        (190, 400, Class::Halt),
        (131_049, 500, Class::RetryAfter24h),
    ];

    #[test]
    fn every_code_has_its_class_in_an_answer() {
        for (code, status, class) in TABLE {
            let reason = reason(Some(code), status);
            assert_eq!(reason, format!("whatsapp:{code}"));
            assert_eq!(crate::classify::is_opt_out(&reason), class == Class::PermanentOptOut, "{code}");
            assert_eq!(crate::classify::is_due_next_day(&reason), class == Class::RetryAfter24h, "{code}");
            let expected = match class {
                Class::Retry(wait) => EntryResult::Retry { reason, wait: Some(wait) },
                Class::Ambiguous => EntryResult::Unknown { reason },
                Class::RetryAfter24h | Class::Permanent | Class::PermanentOptOut => EntryResult::Failed { reason },
                Class::Halt | Class::PayloadBug => EntryResult::Stop { reason },
            };
            assert_eq!(class_of(code), Some(class), "{code}");
            assert_eq!(request_error(status, Some(code)), expected, "{status} {code}");
        }
    }

    #[test]
    fn every_code_has_its_class_in_a_status() {
        for (code, _, class) in TABLE {
            let expected = match class {
                Class::Ambiguous => Class::Retry(Wait::Unreachable),
                class => class,
            };
            assert_eq!(failed_status(code), expected, "{code}");
        }
        assert_eq!(failed_status(999_999), Class::Permanent);
        assert!(failed_status(131_050).is_opt_out() && !failed_status(131_026).is_opt_out());
        assert!(failed_status(132_015).halts() && failed_status(132_012).halts() && !failed_status(131_049).halts());
    }

    #[test]
    fn what_is_not_listed_is_judged_by_the_status() {
        #[track_caller]
        fn check(status: u16, code: Option<u32>, expected: &EntryResult) {
            assert_eq!(&request_error(status, code), expected, "{status} {code:?}");
        }
        let failed = |reason: &str| EntryResult::Failed { reason: reason.to_owned() };
        let unknown = |reason: &str| EntryResult::Unknown { reason: reason.to_owned() };
        let stop = |reason: &str| EntryResult::Stop { reason: reason.to_owned() };
        check(400, Some(999_999), &failed("whatsapp:999999"));
        check(404, Some(2_500), &failed("whatsapp:2500"));
        check(429, Some(999_999), &failed("whatsapp:999999"));
        check(500, Some(999_999), &unknown("whatsapp:999999"));
        check(408, Some(999_999), &unknown("whatsapp:999999"));
        check(400, None, &failed("whatsapp:http_400"));
        check(413, None, &failed("whatsapp:http_413"));
        check(401, None, &stop("whatsapp:http_401"));
        check(403, None, &stop("whatsapp:http_403"));
        check(404, None, &stop("whatsapp:http_404"));
        check(408, None, &unknown("whatsapp:http_408"));
        check(500, None, &unknown("whatsapp:http_500"));
        check(502, None, &unknown("whatsapp:http_502"));
        check(302, None, &unknown("whatsapp:http_302"));
        let throttled = EntryResult::Retry {
            reason: "whatsapp:http_429".to_owned(),
            wait: Some(Wait::Throttled),
        };
        check(429, None, &throttled);
    }
}
