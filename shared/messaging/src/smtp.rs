//! Sending through a submission server (RFC 6409): one connection and one transaction per message, made once.
//!
//! The transaction is driven command by command, so that it is always known how far it came. Until the content was begun, nothing
//! can have been accepted, whatever happens. From then on only a reply proves anything: RFC 5321 lets a server that answers 4xx or
//! 5xx to the content have no responsibility for it (§4.2.1, §6.1), and a connection lost or silent there leaves the message unknown,
//! even if the server may not have seen its end.

use std::fmt;
use std::time::{Duration, SystemTime};

use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart};
use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{AsyncSmtpConnection, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail, Rcpt};
use lettre::transport::smtp::extension::{ClientId, Extension, MailBodyParameter, MailParameter};
use lettre::{Address, Message};
use tokio::time::timeout;

use crate::classify::{EntryResult, Wait};
use crate::email_providers::Attempt;
use crate::ses::OutgoingEmail;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// For the whole transaction. RFC 5321 would wait minutes for each reply; an invocation of ours cannot.
const TIMEOUT: Duration = Duration::from_secs(20);
/// Saying goodbye is courtesy: the answer is known by then.
const QUIT_TIMEOUT: Duration = Duration::from_secs(1);

/// How the connection is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SmtpTls {
    /// TLS from the first byte, usually on port 465.
    Implicit,
    /// `STARTTLS`, usually on port 587; a server that does not offer it gets nothing.
    StartTls,
    /// None: for a server on the same machine.
    Plain,
}

/// A login.
#[derive(Clone)]
pub struct SmtpCredentials {
    /// User name.
    pub username: String,
    /// Password.
    pub password: String,
}

impl fmt::Debug for SmtpCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SmtpCredentials(…)")
    }
}

/// Why a server cannot be used as configured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SmtpSetupError {
    /// The sender is not an address, with or without a name: `Example <msme@example.in>`.
    #[error("the sender is not an address")]
    Sender,
    /// TLS cannot be set up for this host name.
    #[error("TLS cannot be set up for the server's name")]
    Tls,
}

/// Sends through one submission server, from one address.
#[derive(Clone)]
pub struct Smtp {
    host: String,
    port: u16,
    credentials: Option<Credentials>,
    tls: SmtpTls,
    tls_parameters: Option<TlsParameters>,
    from: Mailbox,
    timeout: Duration,
}

impl fmt::Debug for Smtp {
    /// Without the credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Smtp")
            .field("host", &self.host)
            .field("port", &self.port)
            .field("tls", &self.tls)
            .finish_non_exhaustive()
    }
}

impl Smtp {
    /// Sends from `from` (an address, with or without a display name) through a server, signed in if there are credentials.
    ///
    /// # Errors
    /// When `from` is no address, or TLS cannot be set up for `host`.
    pub fn new(host: &str, port: u16, credentials: Option<SmtpCredentials>, tls: SmtpTls, from: &str) -> Result<Self, SmtpSetupError> {
        let tls_parameters = match tls {
            SmtpTls::Plain => None,
            SmtpTls::Implicit | SmtpTls::StartTls => Some(TlsParameters::new(host.to_owned()).map_err(|_| SmtpSetupError::Tls)?),
        };
        Ok(Self {
            host: host.to_owned(),
            port,
            credentials: credentials.map(|SmtpCredentials { username, password }| Credentials::new(username, password)),
            tls,
            tls_parameters,
            from: from.parse().map_err(|_| SmtpSetupError::Sender)?,
            timeout: TIMEOUT,
        })
    }

    /// The same, with another limit for a transaction.
    #[must_use]
    pub fn with_timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// Sends a message once. Its id is the `Message-ID` without the angle brackets, the same for the same attempt.
    pub async fn send(&self, message: &OutgoingEmail, attempt: Attempt) -> EntryResult {
        let Ok(to) = message.to.parse::<Address>() else {
            return EntryResult::Failed {
                reason: "smtp:invalid_address".to_owned(),
            };
        };
        let message_id = self.message_id(message, attempt);
        let Some(content) = self.content(message, &to, attempt, &message_id) else {
            return EntryResult::Stop {
                reason: "smtp:message_not_built".to_owned(),
            };
        };
        let mut phase = Phase::Connect;
        let sent = timeout(self.timeout, self.transact(&to, &content, &mut phase)).await;
        match sent {
            Ok(Ok(())) => EntryResult::Accepted { message_id },
            Ok(Err(error)) => failed(phase, &error),
            Err(_) => silent(phase, "timeout"),
        }
    }

    /// One transaction. `phase` says what was last begun when this ends or is dropped.
    async fn transact(&self, to: &Address, content: &[u8], phase: &mut Phase) -> Result<(), Error> {
        let name = ClientId::Domain(self.from.email.domain().to_owned());
        let implicit = self.tls_parameters.clone().filter(|_| self.tls == SmtpTls::Implicit);
        let connect_timeout = CONNECT_TIMEOUT.min(self.timeout);
        let mut connection =
            AsyncSmtpConnection::connect_tokio1((self.host.as_str(), self.port), Some(connect_timeout), &name, implicit, None).await?;
        let answer = self.converse(&mut connection, &name, to, content, phase).await;
        if answer.as_ref().is_ok_and(|()| true) || answer.as_ref().is_err_and(|error| error.status().is_some()) {
            // Whatever comes of it changes nothing.
            let _ = timeout(QUIT_TIMEOUT, connection.quit()).await;
        }
        answer
    }

    async fn converse(
        &self,
        connection: &mut AsyncSmtpConnection,
        name: &ClientId,
        to: &Address,
        content: &[u8],
        phase: &mut Phase,
    ) -> Result<(), Error> {
        if let Some(tls) = self.tls_parameters.clone().filter(|_| self.tls == SmtpTls::StartTls) {
            *phase = Phase::StartTls;
            connection.starttls(tls, name).await?;
        }
        if let Some(credentials) = &self.credentials {
            *phase = Phase::Authenticate;
            connection.auth(&[Mechanism::Plain, Mechanism::Login], credentials).await?;
        }
        *phase = Phase::Sender;
        let mut parameters = Vec::new();
        if !content.is_ascii() && connection.server_info().supports_feature(Extension::EightBitMime) {
            parameters.push(MailParameter::Body(MailBodyParameter::EightBitMime));
        }
        connection.command(Mail::new(Some(self.from.email.clone()), parameters)).await?;
        *phase = Phase::Recipient;
        connection.command(Rcpt::new(to.clone(), Vec::new())).await?;
        *phase = Phase::Data;
        connection.command(Data).await?;
        *phase = Phase::Content;
        connection.message(content).await?;
        Ok(())
    }

    fn message_id(&self, message: &OutgoingEmail, attempt: Attempt) -> String {
        let OutgoingEmail { campaign, recipient, .. } = message;
        format!("{campaign}.{recipient}.{}@{}", attempt.number, self.from.email.domain())
    }

    fn content(&self, message: &OutgoingEmail, to: &Address, attempt: Attempt, message_id: &str) -> Option<Vec<u8>> {
        let header = |name: &'static str, value: String| HeaderValue::new(HeaderName::new_from_ascii_str(name), value);
        let OutgoingEmail { email, unsubscribe_url, .. } = message;
        let message = Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, to.clone()))
            .subject(email.subject.as_str())
            .date(SystemTime::from(attempt.at))
            .message_id(Some(format!("<{message_id}>")))
            // RFC 8058: mail programs that see both headers offer to unsubscribe with one click.
            .raw_header(header("List-Unsubscribe", format!("<{unsubscribe_url}>")))
            .raw_header(header("List-Unsubscribe-Post", "List-Unsubscribe=One-Click".to_owned()))
            .multipart(MultiPart::alternative_plain_html(email.text.clone(), email.html.clone()))
            .ok()?;
        Some(message.formatted())
    }
}

/// How far a transaction came: what was last begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Name lookup, connection, TLS, greeting, `EHLO`.
    Connect,
    /// `STARTTLS`.
    StartTls,
    /// `AUTH`.
    Authenticate,
    /// `MAIL FROM`.
    Sender,
    /// `RCPT TO`.
    Recipient,
    /// `DATA`, before any content.
    Data,
    /// The content and its final dot.
    Content,
}

fn failed(phase: Phase, error: &Error) -> EntryResult {
    if let Some(code) = error.status() {
        return replied(phase, u16::from(code), &error.to_string());
    }
    let stop = |reason: &str| EntryResult::Stop { reason: reason.to_owned() };
    match phase {
        // lettre refuses by itself where the server does not offer what is needed.
        Phase::StartTls if error.is_client() => stop("smtp:no_starttls"),
        Phase::Authenticate if error.is_client() => stop("smtp:no_auth_mechanism"),
        Phase::Connect => silent(phase, "unreachable"),
        _ => silent(phase, "connection_lost"),
    }
}

/// Classifies a transaction that ended without a reply, in this phase.
pub fn silent(phase: Phase, word: &str) -> EntryResult {
    let reason = format!("smtp:{word}");
    match phase {
        Phase::Content => EntryResult::Unknown { reason },
        Phase::Connect | Phase::StartTls | Phase::Authenticate | Phase::Sender | Phase::Recipient | Phase::Data => EntryResult::Retry {
            reason,
            wait: Some(Wait::Unreachable),
        },
    }
}

/// Classifies a reply of 4xx or 5xx by what it replies to. The text decides only where the code does not tell the recipient's
/// fault from the account's; the phrases are those of Amazon SES, SendGrid and Postfix.
/// <https://docs.aws.amazon.com/ses/latest/dg/troubleshoot-error-messages.html>
pub fn replied(phase: Phase, code: u16, text: &str) -> EntryResult {
    let text = text.to_ascii_lowercase();
    let says = |phrases: &[&str]| phrases.iter().any(|phrase| text.contains(phrase));
    let reason = format!("smtp:{code}");
    let is_of_the_message = matches!(phase, Phase::Recipient | Phase::Data | Phase::Content);
    if code < 500 {
        let wait = match code {
            // The server is closing: as if there had been no connection.
            421 => Some(Wait::Unreachable),
            _ if says(&["daily message quota"]) => Some(Wait::DailyQuota),
            _ if says(&["throttl", "sending rate", "rate limit", "too many"]) => Some(Wait::Throttled),
            _ if is_of_the_message => None,
            _ if phase == Phase::Sender => Some(Wait::Throttled),
            _ => Some(Wait::Unreachable),
        };
        return EntryResult::Retry { reason, wait };
    }
    match code {
        // Our commands are not understood, or we may not give them: no message will fare better.
        500 | 502..=504 | 530 | 534 | 535 | 538 => EntryResult::Stop { reason },
        _ if is_of_the_message && !says(&["relay", "not verified", "sender identity", "unauthenticated"]) => EntryResult::Failed { reason },
        _ => EntryResult::Stop { reason },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::RenderedEmail;

    #[track_caller]
    fn retry(phase: Phase, code: u16, text: &str, wait: Option<Wait>) {
        let reason = format!("smtp:{code}");
        assert_eq!(replied(phase, code, text), EntryResult::Retry { reason, wait }, "{phase:?} {code} {text}");
    }

    #[track_caller]
    fn failed(phase: Phase, code: u16, text: &str) {
        let reason = format!("smtp:{code}");
        assert_eq!(replied(phase, code, text), EntryResult::Failed { reason }, "{phase:?} {code} {text}");
    }

    #[track_caller]
    fn stop(phase: Phase, code: u16, text: &str) {
        let reason = format!("smtp:{code}");
        assert_eq!(replied(phase, code, text), EntryResult::Stop { reason }, "{phase:?} {code} {text}");
    }

    const ALL: [Phase; 7] = [
        Phase::Connect,
        Phase::StartTls,
        Phase::Authenticate,
        Phase::Sender,
        Phase::Recipient,
        Phase::Data,
        Phase::Content,
    ];

    #[test]
    fn a_4xx_is_tried_again_wherever_it_comes() {
        for phase in ALL {
            retry(phase, 421, "4.3.0 closing", Some(Wait::Unreachable));
        }
        retry(Phase::Connect, 450, "", Some(Wait::Unreachable));
        retry(Phase::StartTls, 454, "TLS not available due to temporary reason", Some(Wait::Unreachable));
        retry(
            Phase::Authenticate,
            454,
            "4.7.0 Temporary authentication failure",
            Some(Wait::Unreachable),
        );
        retry(Phase::Sender, 451, "local error", Some(Wait::Throttled));
        for code in [450, 451, 452] {
            retry(Phase::Recipient, code, "4.2.0 Greylisted, operate later", None);
            retry(Phase::Content, code, "", None);
        }
        retry(Phase::Data, 451, "", None);
        retry(
            Phase::Content,
            454,
            "Throttling failure: Maximum sending rate exceeded.",
            Some(Wait::Throttled),
        );
        retry(
            Phase::Content,
            454,
            "Throttling failure: Daily message quota exceeded.",
            Some(Wait::DailyQuota),
        );
        retry(Phase::Recipient, 450, "4.7.1 Too many recipients this minute", Some(Wait::Throttled));
        retry(Phase::Recipient, 452, "4.2.2 mailbox over quota", None);
    }

    #[test]
    fn a_5xx_is_the_recipients_once_the_sender_was_taken() {
        for code in [501, 550, 551, 552, 553, 554, 556] {
            failed(Phase::Recipient, code, "5.1.1 no such user");
            failed(Phase::Data, code, "");
            failed(Phase::Content, code, "5.6.0 content refused");
            for phase in [Phase::Connect, Phase::StartTls, Phase::Authenticate, Phase::Sender] {
                stop(phase, code, "");
            }
        }
        for phase in ALL {
            for code in [500, 502, 503, 504, 530, 534, 535, 538] {
                stop(phase, code, "");
            }
        }
        stop(Phase::Recipient, 554, "5.7.1 <asha@example.in>: Relay access denied");
        stop(Phase::Content, 554, "Message rejected: Email address is not verified.");
        stop(Phase::Content, 550, "The from address does not match a verified Sender Identity.");
        stop(Phase::Content, 550, "Unauthenticated senders not allowed");
    }

    #[test]
    fn silence_is_unknown_only_once_the_content_was_begun() {
        for phase in ALL {
            let reason = "smtp:timeout".to_owned();
            let expected = match phase {
                Phase::Content => EntryResult::Unknown { reason },
                _ => EntryResult::Retry {
                    reason,
                    wait: Some(Wait::Unreachable),
                },
            };
            assert_eq!(silent(phase, "timeout"), expected, "{phase:?}");
        }
    }

    #[test]
    fn a_message_has_both_parts_and_its_headers() {
        let smtp = Smtp::new("localhost", 25, None, SmtpTls::Plain, "Example Industries <msme@example.in>").unwrap();
        let message = OutgoingEmail {
            recipient: "vnd_01ARZ3NDEKTSV4RRFFQ69G5FAV".parse().unwrap(),
            to: "asha@example.in".to_owned(),
            email: RenderedEmail {
                subject: "ठीक".to_owned(),
                html: "<p>ठीक</p>".to_owned(),
                text: "ठीक".to_owned(),
            },
            unsubscribe_url: format!("https://msme.example/unsubscribe/{}", "t".repeat(200)),
            campaign: "cmp_01ARZ3NDEKTSV4RRFFQ69G5FAV".parse().unwrap(),
            chunk: 1,
        };
        let attempt = Attempt {
            number: 2,
            at: "2026-11-22T10:00:00Z".parse().unwrap(),
        };
        let id = smtp.message_id(&message, attempt);
        assert_eq!(id, "cmp_01ARZ3NDEKTSV4RRFFQ69G5FAV.vnd_01ARZ3NDEKTSV4RRFFQ69G5FAV.2@example.in");
        let content = smtp.content(&message, &"asha@example.in".parse().unwrap(), attempt, &id).unwrap();
        let content = String::from_utf8(content).unwrap();
        assert!(content.is_ascii());
        for line in [
            "From: \"Example Industries\" <msme@example.in>\r\n",
            "To: asha@example.in\r\n",
            "Date: Sun, 22 Nov 2026 10:00:00 +0000\r\n",
            &format!("Message-ID: <{id}>\r\n"),
            &format!("List-Unsubscribe: <{}>\r\n", message.unsubscribe_url),
            "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n",
            "Content-Type: text/plain; charset=utf-8\r\n",
            "Content-Type: text/html; charset=utf-8\r\n",
        ] {
            assert!(content.contains(line), "{line} is not in\n{content}");
        }
    }

    #[test]
    fn a_server_that_cannot_be_used_says_why() {
        let setup = |host: &str, tls, from: &str| Smtp::new(host, 465, None, tls, from).err();
        assert_eq!(setup("localhost", SmtpTls::Plain, "nobody"), Some(SmtpSetupError::Sender));
        assert_eq!(setup("smtp.example.in", SmtpTls::Implicit, "msme@example.in"), None);
    }
}
