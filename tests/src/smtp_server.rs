//! A submission server for tests: `EHLO`, `AUTH PLAIN` and `LOGIN`'s refusal, `MAIL`, `RCPT`, `DATA`, `QUIT`, with replies to order.
//!
//! It keeps what it answered 250 to after the final dot, and what it saw but never answered for. No TLS: that is the library's.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// A command a reply can be ordered for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SmtpStage {
    /// The greeting, before any command.
    Greeting,
    /// `EHLO`.
    Hello,
    /// `AUTH`.
    Auth,
    /// `MAIL FROM`.
    Mail,
    /// `RCPT TO`.
    Rcpt,
    /// `DATA`.
    Data,
    /// The final dot.
    Content,
}

/// What the server does instead of agreeing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SmtpAnswer {
    /// Replies with this line, without its end.
    Reply(&'static str),
    /// Closes the connection.
    Drop,
    /// Says nothing and keeps the connection.
    Silence,
    /// Takes responsibility for the message and closes the connection before saying so; for [`SmtpStage::Content`].
    AcceptThenDrop,
}

/// A message the server took responsibility for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SmtpMessage {
    /// `MAIL FROM`.
    pub from: String,
    /// `RCPT TO`.
    pub to: String,
    /// Who was signed in.
    pub user: Option<String>,
    /// Headers and body, dots unstuffed.
    pub content: String,
}

impl SmtpMessage {
    /// A header's value, unfolded.
    pub fn header(&self, name: &str) -> Option<String> {
        let headers = self.content.split("\r\n\r\n").next().unwrap_or_default().replace("\r\n ", " ");
        let mut lines = headers.split("\r\n").filter_map(|line| line.split_once(": "));
        lines.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.to_owned())
    }
}

#[derive(Debug, Default)]
struct Shared {
    messages: Vec<SmtpMessage>,
    connections: usize,
    contents: usize,
    answers: BTreeMap<SmtpStage, SmtpAnswer>,
    by_recipient: BTreeMap<(String, SmtpStage), SmtpAnswer>,
}

/// A running server. Dropping it stops it.
#[derive(Debug)]
pub struct SmtpServer {
    address: SocketAddr,
    shared: Arc<Mutex<Shared>>,
    server: JoinHandle<()>,
}

/// The login the server takes.
pub const LOGIN: (&str, &str) = ("campaigns", "pass word");

impl SmtpServer {
    /// Binds a free port of 127.0.0.1.
    ///
    /// # Errors
    /// When there is none.
    pub async fn start() -> std::io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let shared: Arc<Mutex<Shared>> = Arc::default();
        let state = Arc::clone(&shared);
        let server = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                lock(&state).connections += 1;
                let session = Session {
                    stream: BufReader::new(stream),
                    shared: Arc::clone(&state),
                    user: None,
                    from: String::new(),
                    to: String::new(),
                };
                tokio::spawn(session.run());
            }
        });
        Ok(Self { address, shared, server })
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Every message taken responsibility for, oldest first.
    pub fn messages(&self) -> Vec<SmtpMessage> {
        lock(&self.shared).messages.clone()
    }

    /// Connections made.
    pub fn connections(&self) -> usize {
        lock(&self.shared).connections
    }

    /// How often a whole message, final dot included, has arrived, whatever came of it.
    pub fn contents(&self) -> usize {
        lock(&self.shared).contents
    }

    /// Does this at a stage, every time.
    pub fn answer(&self, stage: SmtpStage, answer: SmtpAnswer) {
        lock(&self.shared).answers.insert(stage, answer);
    }

    /// Does this at `RCPT`, `DATA` or the final dot of messages to an address.
    pub fn answer_for(&self, address: &str, stage: SmtpStage, answer: SmtpAnswer) {
        lock(&self.shared).by_recipient.insert((address.to_owned(), stage), answer);
    }
}

impl Drop for SmtpServer {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// A panic elsewhere while the lock was held leaves nothing half-written that a test could not still read.
fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Session {
    stream: BufReader<TcpStream>,
    shared: Arc<Mutex<Shared>>,
    user: Option<String>,
    from: String,
    to: String,
}

/// Why a session ends before `QUIT`: the client left, or the server was told to.
struct Over;

impl Session {
    async fn run(mut self) {
        // Both ends of a session are ordinary here.
        let _ = self.talk().await;
    }

    async fn talk(&mut self) -> Result<(), Over> {
        if self.at(SmtpStage::Greeting, "220 mail.example.in ESMTP").await? {
            loop {
                let line = self.line().await?;
                let verb = line.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
                match verb.as_str() {
                    "EHLO" => {
                        let extensions = "250-mail.example.in\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250 AUTH PLAIN";
                        self.at(SmtpStage::Hello, extensions).await?;
                    }
                    "AUTH" => self.auth(&line).await?,
                    "MAIL" => {
                        self.from = address(&line);
                        self.at(SmtpStage::Mail, "250 2.1.0 OK").await?;
                    }
                    "RCPT" => {
                        self.to = address(&line);
                        self.at(SmtpStage::Rcpt, "250 2.1.5 OK").await?;
                    }
                    "DATA" => {
                        if self.at(SmtpStage::Data, "354 end with a dot on a line of its own").await? {
                            self.content().await?;
                        }
                    }
                    "QUIT" => return self.reply("221 2.0.0 Bye").await,
                    "RSET" | "NOOP" => self.reply("250 2.0.0 OK").await?,
                    _ => self.reply("502 5.5.2 not implemented").await?,
                }
            }
        }
        Ok(())
    }

    async fn auth(&mut self, line: &str) -> Result<(), Over> {
        let given = line
            .strip_prefix("AUTH PLAIN ")
            .and_then(|given| STANDARD.decode(given).ok())
            .unwrap_or_default();
        let (user, password) = LOGIN;
        if given != format!("\0{user}\0{password}").into_bytes() {
            return self.reply("535 5.7.8 Authentication credentials invalid").await;
        }
        if self.at(SmtpStage::Auth, "235 2.7.0 Authentication successful").await? {
            self.user = Some(user.to_owned());
        }
        Ok(())
    }

    async fn content(&mut self) -> Result<(), Over> {
        let mut content = String::new();
        loop {
            let line = self.line().await?;
            if line == "." {
                break;
            }
            content.push_str(line.strip_prefix('.').unwrap_or(&line));
            content.push_str("\r\n");
        }
        lock(&self.shared).contents += 1;
        let message = SmtpMessage {
            from: self.from.clone(),
            to: self.to.clone(),
            user: self.user.clone(),
            content,
        };
        if self.ordered(SmtpStage::Content) == Some(SmtpAnswer::AcceptThenDrop) {
            lock(&self.shared).messages.push(message);
            return Err(Over);
        }
        if self.ordered(SmtpStage::Content).is_none() {
            lock(&self.shared).messages.push(message);
        }
        self.at(SmtpStage::Content, "250 2.0.0 queued").await?;
        Ok(())
    }

    /// Answers as ordered, else with `usual`; whether it was the usual.
    async fn at(&mut self, stage: SmtpStage, usual: &str) -> Result<bool, Over> {
        match self.ordered(stage) {
            None => self.reply(usual).await.map(|()| true),
            Some(SmtpAnswer::Reply(line)) => {
                self.reply(line).await?;
                // "421 closing": the server does as it says.
                if line.starts_with("421") { Err(Over) } else { Ok(false) }
            }
            Some(SmtpAnswer::Drop | SmtpAnswer::AcceptThenDrop) => Err(Over),
            Some(SmtpAnswer::Silence) => std::future::pending().await,
        }
    }

    fn ordered(&self, stage: SmtpStage) -> Option<SmtpAnswer> {
        let shared = lock(&self.shared);
        let own = shared.by_recipient.get(&(self.to.clone(), stage));
        own.or_else(|| shared.answers.get(&stage)).cloned()
    }

    async fn reply(&mut self, line: &str) -> Result<(), Over> {
        let text = format!("{line}\r\n");
        self.stream.get_mut().write_all(text.as_bytes()).await.map_err(|_| Over)
    }

    async fn line(&mut self) -> Result<String, Over> {
        let mut line = Vec::new();
        match self.stream.read_until(b'\n', &mut line).await {
            Ok(length) if length > 0 => Ok(String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n']).to_owned()),
            _ => Err(Over),
        }
    }
}

/// `RCPT TO:<asha@example.in> …` → `asha@example.in`.
fn address(line: &str) -> String {
    let inside = line.split_once('<').and_then(|(_, rest)| rest.split_once('>'));
    inside.map(|(address, _)| address.to_owned()).unwrap_or_default()
}
