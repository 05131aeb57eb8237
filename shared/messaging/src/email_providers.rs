//! Which provider sends an e-mail, and when the next one may be asked: SES, SendGrid, SMTP, in an order that is configuration.

use std::fmt;
use std::future::Future;

use domain::delivery::WAVE_SIZE;
use futures::future::join_all;
use jiff::Timestamp;

use crate::classify::{EntryResult, SendError, Wait};
use crate::sendgrid::SendGrid;
use crate::ses::OutgoingEmail;
use crate::smtp::Smtp;

/// A provider of e-mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum EmailProvider {
    /// Amazon SES.
    Ses,
    /// Twilio SendGrid, by its HTTP API.
    Sendgrid,
    /// Any submission server.
    Smtp,
}

impl EmailProvider {
    /// Every provider, in the usual order.
    pub const ALL: [EmailProvider; 3] = [EmailProvider::Ses, EmailProvider::Sendgrid, EmailProvider::Smtp];

    /// The name in configuration, and before the colon of every reason.
    pub const fn as_str(self) -> &'static str {
        match self {
            EmailProvider::Ses => "ses",
            EmailProvider::Sendgrid => "sendgrid",
            EmailProvider::Smtp => "smtp",
        }
    }

    /// The provider of this name.
    pub fn parse(name: &str) -> Option<Self> {
        EmailProvider::ALL.into_iter().find(|provider| provider.as_str() == name)
    }
}

impl fmt::Display for EmailProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An order of providers that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidOrder {
    /// A word that is no provider.
    #[error("{0:?} is no e-mail provider: use ses, sendgrid, smtp")]
    Unknown(String),
    /// A provider that comes up a second time.
    #[error("{0} is named twice")]
    Repeated(EmailProvider),
    /// No provider at all.
    #[error("no e-mail provider is named: use ses, sendgrid, smtp")]
    Empty,
}

/// Reads an order: `ses,sendgrid,smtp`. Spaces and case do not matter.
///
/// # Errors
/// [`InvalidOrder`], naming the word that is wrong.
pub fn parse_order(list: &str) -> Result<Vec<EmailProvider>, InvalidOrder> {
    let mut order = Vec::new();
    for word in list.split(',').map(str::trim) {
        if word.is_empty() && list.trim().is_empty() {
            break;
        }
        let provider = EmailProvider::parse(&word.to_ascii_lowercase()).ok_or_else(|| InvalidOrder::Unknown(word.to_owned()))?;
        if order.contains(&provider) {
            return Err(InvalidOrder::Repeated(provider));
        }
        order.push(provider);
    }
    if order.is_empty() { Err(InvalidOrder::Empty) } else { Ok(order) }
}

/// Whether the next provider may be asked to send the message instead.
///
/// Only where the answer proves that this one did not take it, and speaks of the provider rather than of the recipient: another
/// provider would not make a bad address good. Throttling is no reason either: the pace has to fit, not the provider. Never on
/// [`EntryResult::Unknown`], which may have been accepted.
pub fn may_fail_over(result: &EntryResult) -> bool {
    match result {
        EntryResult::Retry { wait, .. } => matches!(wait, Some(Wait::Unreachable | Wait::DailyQuota)),
        // What we could not even write down is our own mistake: the next provider would only hide it.
        EntryResult::Stop { reason } => !reason.ends_with("_not_built"),
        EntryResult::Accepted { .. } | EntryResult::Failed { .. } | EntryResult::Unknown { .. } => false,
    }
}

/// [`may_fail_over`], for an error of a whole call.
pub fn call_may_fail_over(error: &SendError) -> bool {
    may_fail_over(&error.for_entry())
}

/// Which attempt a message is sent in: for providers that have us name the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attempt {
    /// 1 for the first.
    pub number: u32,
    /// The time, which becomes the message's date.
    pub at: Timestamp,
}

/// A provider that takes one message a call.
#[derive(Debug, Clone)]
pub enum SingleSender {
    /// SendGrid.
    Sendgrid(SendGrid),
    /// A submission server.
    Smtp(Smtp),
}

impl SingleSender {
    /// Which one.
    pub const fn provider(&self) -> EmailProvider {
        match self {
            SingleSender::Sendgrid(_) => EmailProvider::Sendgrid,
            SingleSender::Smtp(_) => EmailProvider::Smtp,
        }
    }

    /// Sends a message once.
    pub async fn send(&self, message: &OutgoingEmail, attempt: Attempt) -> EntryResult {
        match self {
            SingleSender::Sendgrid(sendgrid) => sendgrid.send(message).await,
            SingleSender::Smtp(smtp) => smtp.send(message, attempt).await,
        }
    }

    /// Sends each message once, ten at a time; the results are in their order. See [`in_waves`].
    pub async fn send_all(&self, messages: &[OutgoingEmail], attempt: Attempt) -> Vec<EntryResult> {
        in_waves(self.provider(), messages, |message| self.send(message, attempt)).await
    }
}

/// Sends messages in waves of [`WAVE_SIZE`]; the results are in their order.
///
/// After a wave in which the provider refused to work, throttled, or left somebody unknown, the rest is not attempted: it comes
/// back as [`EntryResult::Retry`], or as the [`EntryResult::Stop`] it would have met. So one outage makes at most one wave unknown.
pub async fn in_waves<'a, F, Fut>(provider: EmailProvider, messages: &'a [OutgoingEmail], send: F) -> Vec<EntryResult>
where
    F: Fn(&'a OutgoingEmail) -> Fut,
    Fut: Future<Output = EntryResult>,
{
    let mut results = Vec::with_capacity(messages.len());
    for wave in messages.chunks(WAVE_SIZE) {
        let answers = join_all(wave.iter().map(&send)).await;
        let rest = answers.iter().find_map(|answer| instead_of_sending(provider, answer));
        results.extend(answers);
        if let Some(rest) = rest {
            results.resize(messages.len(), rest);
            break;
        }
    }
    results
}

/// What becomes of messages not attempted after this answer; none if there is no reason to stop.
fn instead_of_sending(provider: EmailProvider, answer: &EntryResult) -> Option<EntryResult> {
    let not_attempted = |wait| EntryResult::Retry {
        reason: format!("{provider}:not_attempted"),
        wait: Some(wait),
    };
    match answer {
        EntryResult::Stop { .. } => Some(answer.clone()),
        EntryResult::Retry { wait: Some(wait), .. } => Some(not_attempted(*wait)),
        EntryResult::Unknown { .. } => Some(not_attempted(Wait::Throttled)),
        EntryResult::Accepted { .. } | EntryResult::Failed { .. } | EntryResult::Retry { wait: None, .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::render::RenderedEmail;

    #[track_caller]
    fn order(list: &str, expected: Result<&[EmailProvider], &str>) {
        let found = parse_order(list).map_err(|error| error.to_string());
        assert_eq!(found.as_deref().map_err(String::as_str), expected, "{list}");
    }

    #[test]
    fn an_order_is_read_and_its_wrong_word_is_named() {
        use EmailProvider::*;
        order("ses,sendgrid,smtp", Ok(&[Ses, Sendgrid, Smtp]));
        order("smtp", Ok(&[Smtp]));
        order(" SendGrid , ses ", Ok(&[Sendgrid, Ses]));
        order("ses,mailgun", Err("\"mailgun\" is no e-mail provider: use ses, sendgrid, smtp"));
        order("ses,,smtp", Err("\"\" is no e-mail provider: use ses, sendgrid, smtp"));
        order("ses,smtp,ses", Err("ses is named twice"));
        order(" ", Err("no e-mail provider is named: use ses, sendgrid, smtp"));
    }

    #[test]
    fn only_proven_non_acceptance_that_speaks_of_the_provider_fails_over() {
        #[track_caller]
        fn check(result: &EntryResult, expected: bool) {
            assert_eq!(may_fail_over(result), expected, "{result:?}");
        }
        let reason = || "ses:x".to_owned();
        let retry = |wait| EntryResult::Retry { reason: reason(), wait };
        check(&EntryResult::Accepted { message_id: "m".to_owned() }, false);
        check(&retry(None), false);
        check(&retry(Some(Wait::Throttled)), false);
        check(&retry(Some(Wait::DailyQuota)), true);
        check(&retry(Some(Wait::Unreachable)), true);
        check(&EntryResult::Failed { reason: reason() }, false);
        check(&EntryResult::Unknown { reason: reason() }, false);
        check(&EntryResult::Stop { reason: reason() }, true);
        for ours in ["ses:request_not_built", "smtp:message_not_built"] {
            check(&EntryResult::Stop { reason: ours.to_owned() }, false);
        }
        let not_accepted = |wait| SendError::NotAccepted { reason: reason(), wait };
        assert!(call_may_fail_over(&not_accepted(Wait::Unreachable)));
        assert!(call_may_fail_over(&not_accepted(Wait::DailyQuota)));
        assert!(!call_may_fail_over(&not_accepted(Wait::Throttled)));
        assert!(call_may_fail_over(&SendError::StopCampaign { reason: reason() }));
        assert!(!call_may_fail_over(&SendError::Ambiguous { reason: reason() }));
        assert!(!call_may_fail_over(&SendError::Permanent { reason: reason() }));
    }

    fn messages(count: u32) -> Vec<OutgoingEmail> {
        let message = |chunk| OutgoingEmail {
            recipient: "vnd_01ARZ3NDEKTSV4RRFFQ69G5FAV".parse().unwrap(),
            to: "asha@example.in".to_owned(),
            email: RenderedEmail {
                subject: "s".to_owned(),
                html: "h".to_owned(),
                text: "t".to_owned(),
            },
            unsubscribe_url: "https://msme.example/unsubscribe/t".to_owned(),
            campaign: "cmp_01ARZ3NDEKTSV4RRFFQ69G5FAV".parse().unwrap(),
            chunk,
        };
        (0..count).map(message).collect()
    }

    /// Sends 35 messages, of which number 12 is answered with `odd`; gives how many were attempted and the results.
    async fn send_35(odd: &EntryResult) -> (usize, Vec<EntryResult>) {
        let (messages, attempted, at_once) = (messages(35), Cell::new(0), Cell::new(0_usize));
        let most = Cell::new(0);
        let results = in_waves(EmailProvider::Smtp, &messages, async |message: &OutgoingEmail| {
            attempted.set(attempted.get() + 1);
            at_once.set(at_once.get() + 1);
            most.set(most.get().max(at_once.get()));
            // Let the others of the wave begin.
            tokio::task::yield_now().await;
            at_once.set(at_once.get() - 1);
            if message.chunk == 12 {
                return odd.clone();
            }
            EntryResult::Accepted {
                message_id: message.chunk.to_string(),
            }
        })
        .await;
        assert_eq!(most.get(), WAVE_SIZE);
        (attempted.get(), results)
    }

    #[tokio::test]
    async fn messages_go_in_waves_of_ten_and_results_keep_their_order() {
        let (attempted, results) = send_35(&EntryResult::Failed {
            reason: "smtp:550".to_owned(),
        })
        .await;
        assert_eq!((attempted, results.len()), (35, 35));
        for (n, result) in results.iter().enumerate().filter(|(n, _)| *n != 12) {
            assert_eq!(*result, EntryResult::Accepted { message_id: n.to_string() });
        }
    }

    #[tokio::test]
    async fn after_a_wave_that_went_wrong_the_rest_is_not_attempted() {
        let reason = || "smtp:x".to_owned();
        let not_attempted = |wait| EntryResult::Retry {
            reason: "smtp:not_attempted".to_owned(),
            wait: Some(wait),
        };
        let retry = |wait| EntryResult::Retry { reason: reason(), wait };
        let stop = EntryResult::Stop { reason: reason() };
        for (odd, rest) in [
            (stop.clone(), stop),
            (EntryResult::Unknown { reason: reason() }, not_attempted(Wait::Throttled)),
            (retry(Some(Wait::Unreachable)), not_attempted(Wait::Unreachable)),
            (retry(Some(Wait::Throttled)), not_attempted(Wait::Throttled)),
        ] {
            let (attempted, results) = send_35(&odd).await;
            assert_eq!((attempted, results.len()), (20, 35));
            assert_eq!(results[12], odd);
            assert!(results[20..].iter().all(|result| *result == rest), "{odd:?}");
        }
        assert_eq!(send_35(&retry(None)).await.0, 35);
    }
}
