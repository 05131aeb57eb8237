//! `messaging` against a submission server: what is said, how often, and what each reply, or none, is taken for.

use std::time::Duration;

use messaging::email_providers::may_fail_over;
use messaging::{Attempt, EntryResult, OutgoingEmail, RenderedEmail, SingleSender, Smtp, SmtpCredentials, SmtpTls, Wait};
use tests::smtp_server::{LOGIN, SmtpAnswer, SmtpServer, SmtpStage};
use tokio::net::TcpListener;

/// Long enough for an answer on a busy machine, short enough to wait for in a test.
const TIMEOUT: Duration = Duration::from_millis(1500);
const ID: &str = "cmp_01ARZ3NDEKTSV4RRFFQ69G5FAV.vnd_01ARZ3NDEKTSV4RRFFQ69G0003.2@example.in";

fn attempt() -> Attempt {
    Attempt {
        number: 2,
        at: "2026-11-22T10:00:00Z".parse().expect("a time"),
    }
}

fn message(n: usize, address: &str) -> OutgoingEmail {
    OutgoingEmail {
        recipient: format!("vnd_01ARZ3NDEKTSV4RRFFQ69G{n:04}").parse().expect("a vendor id"),
        to: address.to_owned(),
        email: RenderedEmail {
            subject: "Rao & Söhne लिमिटेड".to_owned(),
            html: "<p>Rao</p>".to_owned(),
            text: "Rao\n.\n..and a line after two dots".to_owned(),
        },
        unsubscribe_url: format!("https://msme.example/unsubscribe/{n}"),
        campaign: "cmp_01ARZ3NDEKTSV4RRFFQ69G5FAV".parse().expect("a campaign id"),
        chunk: 7,
    }
}

fn smtp(port: u16, password: &str, tls: SmtpTls) -> Smtp {
    let login = SmtpCredentials {
        username: LOGIN.0.to_owned(),
        password: password.to_owned(),
    };
    let smtp = Smtp::new("127.0.0.1", port, Some(login), tls, "Example Industries <msme@example.in>").expect("a server");
    smtp.with_timeout(TIMEOUT)
}

struct World {
    server: SmtpServer,
    smtp: Smtp,
}

impl World {
    async fn start() -> Self {
        let server = SmtpServer::start().await.expect("the server starts");
        let smtp = smtp(server.port(), LOGIN.1, SmtpTls::Plain);
        Self { server, smtp }
    }

    /// What one message comes to if the server does this.
    async fn under(stage: SmtpStage, answer: SmtpAnswer) -> (Self, EntryResult) {
        let world = Self::start().await;
        world.server.answer(stage, answer);
        let result = world.smtp.send(&message(3, "asha@example.in"), attempt()).await;
        (world, result)
    }

    /// Connections made, whole messages that arrived, messages accepted.
    fn counts(&self) -> (usize, usize, usize) {
        (self.server.connections(), self.server.contents(), self.server.messages().len())
    }
}

fn retry(reason: &str, wait: Option<Wait>) -> EntryResult {
    let reason = reason.to_owned();
    EntryResult::Retry { reason, wait }
}

fn unknown(reason: &str) -> EntryResult {
    EntryResult::Unknown { reason: reason.to_owned() }
}

fn stop(reason: &str) -> EntryResult {
    EntryResult::Stop { reason: reason.to_owned() }
}

fn failed(reason: &str) -> EntryResult {
    EntryResult::Failed { reason: reason.to_owned() }
}

#[tokio::test]
async fn a_message_arrives_with_its_headers_and_our_id() {
    let world = World::start().await;
    let result = world.smtp.send(&message(3, "asha@example.in"), attempt()).await;
    assert_eq!(result, EntryResult::Accepted { message_id: ID.to_owned() });
    assert_eq!(world.counts(), (1, 1, 1));
    let messages = world.server.messages();
    let sent = messages.first().expect("a message");
    assert_eq!((sent.from.as_str(), sent.to.as_str()), ("msme@example.in", "asha@example.in"));
    assert_eq!(sent.user.as_deref(), Some(LOGIN.0));
    for (name, value) in [
        ("Message-ID", format!("<{ID}>")),
        ("Date", "Sun, 22 Nov 2026 10:00:00 +0000".to_owned()),
        ("List-Unsubscribe", "<https://msme.example/unsubscribe/3>".to_owned()),
        ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click".to_owned()),
    ] {
        assert_eq!(sent.header(name).as_deref(), Some(value.as_str()), "{name}");
    }
    assert!(sent.header("Subject").is_some_and(|subject| subject.starts_with("Rao & =?utf-8?")));
    assert!(sent.content.contains("Rao\r\n.\r\n..and a line after two dots"), "{}", sent.content);
}

#[tokio::test]
async fn every_reply_has_its_class_and_the_message_is_sent_at_most_once() {
    use SmtpStage::*;
    let unreachable = Some(Wait::Unreachable);
    for (stage, line, expected) in [
        (Greeting, "554 no service here", stop("smtp:554")),
        (Greeting, "421 4.3.2 too busy", retry("smtp:421", unreachable)),
        (Hello, "550 not you", stop("smtp:550")),
        (Auth, "454 4.7.0 Temporary authentication failure", retry("smtp:454", unreachable)),
        (Auth, "535 5.7.8 Authentication credentials invalid", stop("smtp:535")),
        (Mail, "550 5.7.1 sender refused", stop("smtp:550")),
        (Mail, "451 4.3.0 local error", retry("smtp:451", Some(Wait::Throttled))),
        (Rcpt, "550 5.1.1 no such user", failed("smtp:550")),
        (Rcpt, "551 user not local", failed("smtp:551")),
        (Rcpt, "552 5.2.2 mailbox full", failed("smtp:552")),
        (Rcpt, "553 5.1.3 bad mailbox name", failed("smtp:553")),
        (Rcpt, "554 5.7.1 refused", failed("smtp:554")),
        (Rcpt, "554 5.7.1 Relay access denied", stop("smtp:554")),
        (Rcpt, "450 4.2.0 greylisted", retry("smtp:450", None)),
        (Rcpt, "421 4.3.2 closing", retry("smtp:421", unreachable)),
        (Data, "451 4.3.0 local error", retry("smtp:451", None)),
        (Data, "421 4.3.2 closing", retry("smtp:421", unreachable)),
        (Data, "554 5.5.1 no valid recipients", failed("smtp:554")),
    ] {
        let (world, result) = World::under(stage, SmtpAnswer::Reply(line)).await;
        assert_eq!(result, expected, "{stage:?} {line}");
        assert_eq!(world.counts(), (1, 0, 0), "{stage:?} {line}");
    }
    for (line, expected) in [
        ("451 4.3.0 local error", retry("smtp:451", None)),
        ("421 4.3.2 closing", retry("smtp:421", unreachable)),
        ("554 5.6.0 content refused", failed("smtp:554")),
        (
            "454 Throttling failure: Daily message quota exceeded.",
            retry("smtp:454", Some(Wait::DailyQuota)),
        ),
        ("554 Message rejected: Email address is not verified.", stop("smtp:554")),
    ] {
        let (world, result) = World::under(Content, SmtpAnswer::Reply(line)).await;
        assert_eq!(result, expected, "{line}");
        assert_eq!(world.counts(), (1, 1, 0), "{line}");
    }
}

#[tokio::test]
async fn silence_and_loss_prove_non_acceptance_until_the_content_was_begun() {
    use SmtpStage::*;
    for stage in [Greeting, Hello, Auth, Mail, Rcpt, Data] {
        let (world, result) = World::under(stage, SmtpAnswer::Drop).await;
        let word = if matches!(stage, Greeting | Hello) {
            "smtp:unreachable"
        } else {
            "smtp:connection_lost"
        };
        assert_eq!(result, retry(word, Some(Wait::Unreachable)), "{stage:?}");
        assert_eq!(world.counts(), (1, 0, 0), "{stage:?}");
        assert!(may_fail_over(&result));
    }
    for stage in [Greeting, Rcpt] {
        let (world, result) = World::under(stage, SmtpAnswer::Silence).await;
        assert_eq!(result, retry("smtp:timeout", Some(Wait::Unreachable)), "{stage:?}");
        assert_eq!(world.counts(), (1, 0, 0), "{stage:?}");
    }
    for (answer, reason, accepted) in [
        (SmtpAnswer::AcceptThenDrop, "smtp:connection_lost", 1),
        (SmtpAnswer::Drop, "smtp:connection_lost", 0),
        (SmtpAnswer::Silence, "smtp:timeout", 0),
        (SmtpAnswer::Reply("what?"), "smtp:connection_lost", 0),
    ] {
        let (world, result) = World::under(Content, answer.clone()).await;
        assert_eq!(result, unknown(reason), "{answer:?}");
        assert_eq!(world.counts(), (1, 1, accepted), "{answer:?}");
        assert!(!may_fail_over(&result));
    }
}

#[tokio::test]
async fn a_wrong_password_stops_and_no_server_is_unreachable() {
    let world = World::start().await;
    let wrong = smtp(world.server.port(), "guess", SmtpTls::Plain);
    assert_eq!(wrong.send(&message(3, "asha@example.in"), attempt()).await, stop("smtp:535"));
    // A server without TLS gets neither the password nor the message.
    let insists = smtp(world.server.port(), LOGIN.1, SmtpTls::StartTls);
    assert_eq!(insists.send(&message(3, "asha@example.in"), attempt()).await, stop("smtp:no_starttls"));
    assert_eq!(world.server.messages(), []);

    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    drop(listener);
    for tls in [SmtpTls::Plain, SmtpTls::Implicit] {
        let result = smtp(port, LOGIN.1, tls).send(&message(3, "asha@example.in"), attempt()).await;
        assert_eq!(result, retry("smtp:unreachable", Some(Wait::Unreachable)), "{tls:?}");
    }
}

#[tokio::test]
async fn many_messages_keep_their_order_and_each_its_own_result() {
    let world = World::start().await;
    let messages: Vec<OutgoingEmail> = (0..25).map(|n| message(n, &format!("v{n}@example.in"))).collect();
    world
        .server
        .answer_for("v4@example.in", SmtpStage::Rcpt, SmtpAnswer::Reply("550 5.1.1 no such user"));
    world.server.answer_for("v17@example.in", SmtpStage::Content, SmtpAnswer::AcceptThenDrop);
    let results = SingleSender::Smtp(world.smtp.clone()).send_all(&messages, attempt()).await;
    assert_eq!(results.len(), 25);
    for (n, result) in results.iter().enumerate() {
        match n {
            4 => assert_eq!(*result, failed("smtp:550")),
            17 => assert_eq!(*result, unknown("smtp:connection_lost")),
            20.. => assert_eq!(*result, retry("smtp:not_attempted", Some(Wait::Throttled))),
            _ => assert!(
                matches!(result, EntryResult::Accepted { message_id } if message_id.contains(&format!("G{n:04}."))),
                "{n} {result:?}"
            ),
        }
    }
    // One unknown, one refused, and nothing sent after the wave it happened in.
    assert_eq!(world.counts(), (20, 19, 19));
}
