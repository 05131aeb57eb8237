//! The crash matrix: on the deployed template, the sender is killed at each step of the delivery of a chunk.
//!
//! One table says what each crash does to the recipients. One test plays every row and compares; another compares
//! `docs/crash-matrix.md` with the table. `UPDATE_DOCS=1` writes the document instead.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use aws_sdk_sqs::types::QueueAttributeName;
use domain::CampaignId;
use domain::delivery::Channel::{self, Email, Whatsapp};
use domain::delivery::ChunkLog;
use futures::{StreamExt as _, stream};
use reqwest::{Client, Method};
use runtime::{App, Config, Var};
use serde_json::{Value, json};
use store::chunks::{self, ChunkState};
use store::{ChunkRef, Store};
use tests::crash_matrix::Call::{Check, Claim, Log, Pace, Record, Requeue, Send};
use tests::crash_matrix::Cut::{self, After, AmidWave, Before};
use tests::crash_matrix::{Interceptor, credentials};
use tests::local::{LocalStack, Options, TEMPLATE, prepare};
use tests::meta_simulator::WebhookTarget;
use tests::ses_simulator::{Fault, FaultKind};

/// How many recipients stand where. `announced` is pending too: a record says that a message to them was about to go.
type Standing = &'static [(&'static str, usize)];

/// A row.
#[derive(Debug)]
struct Case {
    channel: Channel,
    /// How far the sender was.
    step: &'static str,
    /// What was under way.
    under_way: &'static str,
    cut: Cut,
    /// One recipient of the chunk is put off by the provider at first.
    put_off: bool,
    expected: Story<Standing>,
}

/// What becomes of the recipients.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Story<S> {
    /// Messages the provider had accepted when the sender died.
    accepted: usize,
    after_crash: S,
    after_redelivery: S,
    after_events: S,
    /// Requests the provider got in all.
    requests: usize,
    /// Messages the provider accepted in all.
    messages: usize,
    /// Recipients with more than one message.
    duplicates: usize,
}

/// Three waves: ten, ten and five.
const WHATSAPP_RECIPIENTS: usize = 25;
const EMAIL_RECIPIENTS: usize = 4;

const fn email(step: &'static str, under_way: &'static str, cut: Cut, expected: Story<Standing>) -> Case {
    Case {
        channel: Email,
        step,
        under_way,
        cut,
        put_off: false,
        expected,
    }
}

const fn whatsapp(step: &'static str, under_way: &'static str, cut: Cut, expected: Story<Standing>) -> Case {
    Case {
        channel: Whatsapp,
        ..email(step, under_way, cut, expected)
    }
}

/// A chunk whose sender died between its claim and its record: nobody can tell whether it was sent, so it is not sent again.
const fn unknown_chunk(accepted: usize, requests: usize) -> Story<Standing> {
    Story {
        accepted,
        after_crash: &[("pending", 4)],
        after_redelivery: &[("unknown", 4)],
        after_events: if accepted == 4 { &[("delivered", 4)] } else { &[("unknown", 4)] },
        requests,
        messages: accepted,
        duplicates: 0,
    }
}

const CASES: &[Case] = &[
    email(
        "before the claim",
        "the claim, not stored",
        Before(Claim, 1),
        Story {
            accepted: 0,
            after_crash: &[("pending", 4)],
            after_redelivery: &[("accepted", 4)],
            after_events: &[("delivered", 4)],
            requests: 1,
            messages: 4,
            duplicates: 0,
        },
    ),
    email("after the claim", "the claim, stored", After(Claim, 1), unknown_chunk(0, 0)),
    email("after the log is read", "the read, answered", After(Log, 1), unknown_chunk(0, 0)),
    email(
        "after the check of opt-outs and campaign",
        "the read, answered",
        After(Check, 1),
        unknown_chunk(0, 0),
    ),
    email(
        "after the pacing reservation",
        "the reservation, stored",
        After(Pace, 1),
        unknown_chunk(0, 0),
    ),
    email(
        "the SES call in flight, before acceptance",
        "the call, not arrived",
        Before(Send, 1),
        unknown_chunk(0, 0),
    ),
    email(
        "after acceptance, before the answer",
        "the call, its answer on the way",
        After(Send, 1),
        unknown_chunk(4, 1),
    ),
    email(
        "after the answer, before the record",
        "the record, not stored",
        Before(Record, 1),
        unknown_chunk(4, 1),
    ),
    email(
        "after the record, before the acknowledgement",
        "the record, stored",
        After(Record, 1),
        Story {
            accepted: 4,
            after_crash: &[("accepted", 4)],
            after_redelivery: &[("accepted", 4)],
            after_events: &[("delivered", 4)],
            requests: 1,
            messages: 4,
            duplicates: 0,
        },
    ),
    Case {
        put_off: true,
        ..email(
            "one put off: after the record, before the requeue",
            "the new message, not stored",
            Before(Requeue, 1),
            Story {
                accepted: 3,
                after_crash: &[("accepted", 3), ("pending", 1)],
                after_redelivery: &[("accepted", 4)],
                after_events: &[("delivered", 4)],
                requests: 2,
                messages: 4,
                duplicates: 0,
            },
        )
    },
    Case {
        put_off: true,
        ..email(
            "one put off: after the requeue, before the acknowledgement",
            "the new message, stored",
            After(Requeue, 1),
            Story {
                accepted: 3,
                after_crash: &[("accepted", 3), ("pending", 1)],
                after_redelivery: &[("accepted", 4)],
                after_events: &[("delivered", 4)],
                requests: 2,
                messages: 4,
                duplicates: 0,
            },
        )
    },
    whatsapp(
        "before the claim",
        "the claim, not stored",
        Before(Claim, 1),
        Story {
            accepted: 0,
            after_crash: &[("pending", 25)],
            after_redelivery: &[("accepted", 25)],
            after_events: &[("delivered", 25)],
            requests: 25,
            messages: 25,
            duplicates: 0,
        },
    ),
    whatsapp(
        "after the claim",
        "the claim, stored",
        After(Claim, 1),
        Story {
            accepted: 0,
            after_crash: &[("pending", 25)],
            after_redelivery: &[("accepted", 25)],
            after_events: &[("delivered", 25)],
            requests: 25,
            messages: 25,
            duplicates: 0,
        },
    ),
    whatsapp(
        "after the pacing reservation",
        "the reservation, stored",
        After(Pace, 1),
        Story {
            accepted: 0,
            after_crash: &[("pending", 25)],
            after_redelivery: &[("accepted", 25)],
            after_events: &[("delivered", 25)],
            requests: 25,
            messages: 25,
            duplicates: 0,
        },
    ),
    whatsapp(
        "after wave 1 is announced",
        "the announcement, stored",
        After(Record, 1),
        Story {
            accepted: 0,
            after_crash: &[("announced", 10), ("pending", 15)],
            after_redelivery: &[("accepted", 15), ("unknown", 10)],
            after_events: &[("delivered", 15), ("unknown", 10)],
            requests: 15,
            messages: 15,
            duplicates: 0,
        },
    ),
    whatsapp(
        "in the middle of wave 1, four accepted",
        "ten calls, none answered",
        AmidWave { under_way: 10, accepted: 4 },
        Story {
            accepted: 4,
            after_crash: &[("announced", 10), ("pending", 15)],
            after_redelivery: &[("accepted", 15), ("unknown", 10)],
            after_events: &[("delivered", 19), ("unknown", 6)],
            requests: 19,
            messages: 19,
            duplicates: 0,
        },
    ),
    whatsapp(
        "after wave 1, before the next record",
        "the record, not stored",
        Before(Record, 2),
        Story {
            accepted: 10,
            after_crash: &[("announced", 10), ("pending", 15)],
            after_redelivery: &[("accepted", 15), ("unknown", 10)],
            after_events: &[("delivered", 25)],
            requests: 25,
            messages: 25,
            duplicates: 0,
        },
    ),
    whatsapp(
        "between waves: wave 1 recorded, wave 2 announced",
        "the record, stored",
        After(Record, 2),
        Story {
            accepted: 10,
            after_crash: &[("accepted", 10), ("announced", 10), ("pending", 5)],
            after_redelivery: &[("accepted", 15), ("unknown", 10)],
            after_events: &[("delivered", 15), ("unknown", 10)],
            requests: 15,
            messages: 15,
            duplicates: 0,
        },
    ),
    whatsapp(
        "after the last wave, before the final record",
        "the record, not stored",
        Before(Record, 4),
        Story {
            accepted: 25,
            after_crash: &[("accepted", 20), ("announced", 5)],
            after_redelivery: &[("accepted", 20), ("unknown", 5)],
            after_events: &[("delivered", 25)],
            requests: 25,
            messages: 25,
            duplicates: 0,
        },
    ),
    whatsapp(
        "after the final record, before the acknowledgement",
        "the record, stored",
        After(Record, 4),
        Story {
            accepted: 25,
            after_crash: &[("accepted", 25)],
            after_redelivery: &[("accepted", 25)],
            after_events: &[("delivered", 25)],
            requests: 25,
            messages: 25,
            duplicates: 0,
        },
    ),
];

// ---- the document ------------------------------------------------------------------------------------------------------------

const INTRODUCTION: &str = "# What a crash of the sender does to the recipients

<!-- Written by `UPDATE_DOCS=1 cargo nextest run -p tests --test crash_matrix document`. A test keeps it equal to the table it is made from. -->

A sender takes one chunk through these steps: claim it, read what is known of it, check opt-outs and the campaign's state, reserve a
slot, send, record, acknowledge the message (or enqueue the chunk again first). It can die at any of them: out of memory, out of time,
the machine gone. Each row below is one such death. A test plays every row on the local stack: the deployed template, its functions as
processes, real queues and a real table. It stops the sender exactly there and kills its process with SIGKILL; then the queue delivers
the chunk's message again and another process takes over. `cargo nextest run -p tests --test crash_matrix` repeats it.

How to read it:

- **Step**: how far the sender was. **Killed during**: the call that was under way, and whether it took effect.
- **Accepted**: messages the provider had taken responsibility for when the sender died. No record of ours says so yet, unless the
  next column does.
- **Right after**: where the recipients stand by our records. *Announced* ones are pending, with a record that a message to them was
  about to go.
- **After the message comes again**: the queue delivers the message again after its visibility timeout, 6 minutes in production and
  20 seconds in the test. A claim holds for 90 seconds, in both; whoever finds it run out knows that its sender is dead. The
  provider's events are held back until this column is taken: in production they usually come before the claim has run out, and then
  nobody who was sent to shows as unknown at all.
- **After events**: once the provider has told what became of its messages, as it does within seconds.
- **Duplicates**: recipients who got more than one message.

What it shows:

- **Nobody gets a message twice, and nobody is lost.** In every column each recipient is in exactly one place, and the API's
  ledger shows the last one and balances.
- **Whoever may have got a message is *unknown*, and is not written to again**, with the reason `claim_expired`. The provider's events
  resolve those it did accept. The others stay unknown, by name, until an operator, or the campaign's policy, decides to send again:
  that is the only way to a duplicate.
- An e-mail chunk is one call to SES, so a death between claim and record leaves the whole chunk (up to 50) unknown, even where
  nothing had been sent yet: between the claim and the call there is no record that could tell, and one more write per chunk for a
  rare case would cost every campaign. WhatsApp messages are single calls, announced ten at a time, so a death leaves at most ten
  unknown; the rest of the chunk is sent.
";

fn document() -> String {
    let mut text = INTRODUCTION.to_owned();
    for (channel, title) in [
        (Email, format!("E-mail: a chunk of {EMAIL_RECIPIENTS} recipients, one call to SES")),
        (
            Whatsapp,
            format!("WhatsApp: a chunk of {WHATSAPP_RECIPIENTS} recipients, in waves of 10, 10 and 5"),
        ),
    ] {
        text.push_str(&format!(
            "\n## {title}\n\n| Step | Killed during | Accepted | Right after | After the message comes again | After events | Duplicates |\n|---|---|--:|---|---|---|--:|\n"
        ));
        for case in CASES.iter().filter(|case| case.channel == channel) {
            let Story {
                accepted,
                after_crash,
                after_redelivery,
                after_events,
                requests: _,
                messages: _,
                duplicates,
            } = &case.expected;
            let words = |standing: &Standing| {
                standing
                    .iter()
                    .map(|(class, count)| format!("{count} {class}"))
                    .collect::<Vec<_>>()
                    .join(", ")
            };
            text.push_str(&format!(
                "| {} | {} | {accepted} | {} | {} | {} | {duplicates} |\n",
                case.step,
                case.under_way,
                words(after_crash),
                words(after_redelivery),
                words(after_events),
            ));
        }
    }
    text
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

#[test]
fn the_document_shows_the_table() {
    let path = root().join("docs/crash-matrix.md");
    let document = document();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, &document).expect("docs/ can be written");
    }
    let written = std::fs::read_to_string(&path).expect("docs/crash-matrix.md can be read");
    assert_eq!(
        written, document,
        "write it anew: UPDATE_DOCS=1 cargo nextest run -p tests --test crash_matrix document"
    );
}

#[test]
fn by_the_table_nobody_is_lost_and_nobody_gets_two() {
    for case in CASES {
        let Story {
            after_crash,
            after_redelivery,
            after_events,
            duplicates,
            ..
        } = &case.expected;
        for standing in [after_crash, after_redelivery, after_events] {
            let all: usize = standing.iter().map(|(_, count)| count).sum();
            assert_eq!(all, recipients(case.channel), "{}: {standing:?}", case.step);
        }
        assert_eq!(*duplicates, 0, "{}", case.step);
    }
}

const fn recipients(channel: Channel) -> usize {
    match channel {
        Email => EMAIL_RECIPIENTS,
        Whatsapp => WHATSAPP_RECIPIENTS,
    }
}

// ---- the stack ---------------------------------------------------------------------------------------------------------------

/// Instead of the template's six minutes. Longer than a sender on a busy machine needs to come to where it is killed, and shorter
/// than a claim holds, which is what the test waits for.
const VISIBILITY_SECS: &str = "20";

/// The stack, with the senders behind the interceptor.
struct Bench {
    stack: LocalStack,
    interceptor: Interceptor,
    app: App,
    http: Client,
    token: String,
}

impl Bench {
    async fn start() -> Self {
        let options = Options::for_test("crash-matrix");
        prepare(&options).expect("the functions build");
        let (name, scratch) = (options.stack_name.clone(), options.work_dir.clone());
        let stack = LocalStack::start(options).await.expect("the stack starts");
        let interceptor = Interceptor::start(stack.aws_endpoint(), stack.inbox_url(), &stack.whatsapp().api_url())
            .await
            .expect("a port is free");
        for sender in ["workers-email-sender", "workers-whatsapp-sender"] {
            let binary = root().join("target/lambda").join(sender).join("bootstrap");
            let binary = binary.canonicalize().expect("the function was built");
            let python = root().join(".local/venv/bin/python");
            interceptor
                .install(&format!("{name}-{sender}"), &binary, &python, &scratch)
                .await
                .expect("the function takes other code");
        }
        let environment = stack.environment();
        let config = Config::from_lookup(&[Var::TableName], |name| {
            environment.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone())
        });
        let mut bench = Self {
            app: App::new(config.expect("the stack has a table")),
            stack,
            interceptor,
            http: tests::http().build().expect("a client"),
            token: String::new(),
        };
        bench.show_whatsapp_to_senders().await;
        for queue in ["EmailQueueUrl", "WhatsappQueueUrl"] {
            let attributes = bench.app.sqs().set_queue_attributes().queue_url(bench.output(queue));
            attributes
                .attributes(QueueAttributeName::VisibilityTimeout, VISIBILITY_SECS)
                .send()
                .await
                .expect("the queue takes the attribute");
        }
        let login = json!({ "email": bench.stack.admin_email(), "password": bench.stack.admin_password() });
        let session = bench.call(Method::POST, "/api/v1/auth/login", Some(login)).await;
        bench.token = text(&session, "access_token");
        bench
    }

    /// The account's secret, with the interceptor as the Graph API.
    async fn show_whatsapp_to_senders(&self) {
        let meta = self.stack.whatsapp().options();
        let account = json!({
            "access_token": meta.access_token,
            "app_secret": meta.app_secret,
            "verify_token": meta.verify_token,
            "phone_number_id": meta.phone_number_id,
            "business_account_id": meta.waba_id,
            "api_url": self.interceptor.whatsapp_url(),
        });
        let input = json!({ "SecretId": self.output("WhatsappSecretArn"), "SecretString": account.to_string() });
        let request = self
            .http
            .post(self.stack.aws_endpoint())
            .header("authorization", credentials("secretsmanager"))
            .header("x-amz-target", "secretsmanager.PutSecretValue")
            .header("content-type", "application/x-amz-json-1.1")
            .body(input.to_string());
        let answer = request.send().await.expect("Secrets Manager answers");
        assert!(answer.status().is_success(), "{:?}", answer.text().await);
    }

    fn output(&self, name: &str) -> &str {
        self.stack.outputs().get(name).unwrap_or_else(|| panic!("the stack has an output {name}"))
    }

    fn store(&self) -> &Store {
        self.app.store().expect("the table is set")
    }

    /// Calls the API; anything but a success is the end of the test.
    async fn call(&self, method: Method, path: &str, body: Option<Value>) -> Value {
        let mut request = self.http.request(method, format!("{}{path}", self.stack.api_url()));
        if !self.token.is_empty() {
            request = request.bearer_auth(&self.token);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send().await.expect("the API answers");
        let (status, body) = (answer.status(), answer.text().await.expect("a body"));
        assert!(status.is_success(), "{path}: {status}: {body}");
        serde_json::from_str(&body).expect("the API answers JSON")
    }

    async fn post(&self, path: &str, body: Value) -> String {
        text(&self.call(Method::POST, path, Some(body)).await, "id")
    }

    /// Messages waiting and in flight.
    async fn depth(&self, queue: &str) -> u64 {
        let request = self.app.sqs().get_queue_attributes().queue_url(self.output(queue));
        let output = request.attribute_names(QueueAttributeName::All).send().await.expect("the queue answers");
        let attributes = output.attributes.unwrap_or_default();
        [
            QueueAttributeName::ApproximateNumberOfMessages,
            QueueAttributeName::ApproximateNumberOfMessagesNotVisible,
            QueueAttributeName::ApproximateNumberOfMessagesDelayed,
        ]
        .iter()
        .filter_map(|name| attributes.get(name)?.parse::<u64>().ok())
        .sum()
    }

    /// Whether a queue is empty.
    async fn are_empty(&self, queues: &[&str]) -> bool {
        for queue in queues {
            if self.depth(queue).await > 0 {
                return false;
            }
        }
        true
    }

    async fn log(&self, run: &Run) -> ChunkLog {
        chunks::log(self.store(), run.chunk()).await.expect("the chunk can be read").0
    }

    /// Where the recipients stand by our records.
    async fn standing(&self, run: &Run) -> BTreeMap<&'static str, usize> {
        let mut standing = BTreeMap::new();
        for status in self.log(run).await.statuses() {
            let place = if status.in_flight { "announced" } else { status.class.as_str() };
            *standing.entry(place).or_default() += 1;
        }
        standing
    }

    /// How many messages each recipient was accepted for, by what the provider knows.
    fn messages(&self, run: &Run) -> BTreeMap<String, usize> {
        let mut messages = BTreeMap::new();
        let campaign = run.campaign.to_string();
        for message in self.stack.simulator().messages() {
            if message.tag("campaign") == Some(&campaign) {
                *messages.entry(message.tag("recipient").unwrap_or_default().to_owned()).or_default() += 1;
            }
        }
        for message in self.stack.whatsapp().messages() {
            let data = message.callback_data.unwrap_or_default();
            if data.split(':').nth(1) == Some(&campaign) {
                *messages.entry(data.rsplit(':').next().unwrap_or_default().to_owned()).or_default() += 1;
            }
        }
        messages
    }

    async fn is_closed(&self, run: &Run) -> bool {
        let summaries = chunks::summaries(self.store(), run.campaign).await.expect("the chunks can be read");
        summaries.len() == 1 && summaries.iter().all(|chunk| chunk.state == ChunkState::Closed)
    }

    /// The ledger as the API shows it: whether it balances, and its classes that hold anybody.
    async fn ledger(&self, run: &Run) -> (bool, BTreeMap<String, usize>) {
        let ledger = self.call(Method::GET, &format!("/api/v1/campaigns/{}/ledger", run.campaign), None).await;
        let links = ledger["channels"][0]["recipients"].as_array().cloned().unwrap_or_default();
        let classes = links.iter().filter_map(|link| {
            let count = usize::try_from(link["count"].as_u64()?).ok()?;
            (count > 0).then(|| (text(link, "class"), count))
        });
        (ledger["balanced"] == true, classes.collect())
    }
}

fn text(value: &Value, field: &str) -> String {
    value[field].as_str().unwrap_or_else(|| panic!("{value} has {field}")).to_owned()
}

/// A row that is being played.
struct Run {
    case: &'static Case,
    campaign: CampaignId,
}

impl Run {
    const fn chunk(&self) -> ChunkRef {
        ChunkRef {
            campaign: self.campaign,
            channel: self.case.channel,
            number: 1,
        }
    }
}

/// Polls until `ready`, or fails with `what` after `seconds`.
async fn until(what: &str, seconds: u64, mut ready: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(seconds);
    while !ready().await {
        assert!(Instant::now() < deadline, "waited {seconds} s in vain: {what}");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

/// Vendors whom every campaign asks, and one for each campaign in which SES puts one recipient off.
async fn seed(bench: &Bench) -> (Vec<String>, Vec<String>) {
    let put_off = CASES.iter().filter(|case| case.put_off).count();
    let vendors: Vec<(usize, String)> = stream::iter(1..=WHATSAPP_RECIPIENTS + put_off)
        .map(|n| async move {
            let vendor = json!({
                "vendor_code": format!("V-{n:03}"),
                "company_name": format!("Vendor {n}"),
                "contact_person_name": "Asha Gupta",
                "email": address(n),
                "phone_number": format!("98765{n:05}"),
            });
            (n, bench.post("/api/v1/vendors", vendor).await)
        })
        .buffered(4)
        .collect()
        .await;
    let (everyone, own): (Vec<_>, Vec<_>) = vendors.into_iter().partition(|(n, _)| *n <= WHATSAPP_RECIPIENTS);
    for (n, _) in &own {
        let kind = FaultKind::EntryStatus {
            status: "TRANSIENT_FAILURE".to_owned(),
            error: None,
            accepted: false,
        };
        bench.stack.simulator().inject(Fault::once(kind).to(address(*n)));
    }
    let ids = |vendors: Vec<(usize, String)>| vendors.into_iter().map(|(_, id)| id).collect();
    (ids(everyone), ids(own))
}

fn address(vendor: usize) -> String {
    format!("vendor{vendor}@example.in")
}

/// A campaign for each row, drafted.
async fn draft(bench: &Bench, vendors: &[String], own: &[String]) -> Vec<Run> {
    let email_template = json!({
        "name": "Crash matrix",
        "subject": "{{ company_name }}: please declare your MSME status",
        "html": "<p><a href=\"{{ form_url }}\">Declare</a>, or <a href=\"{{ unsubscribe_url }}\">hear no more</a></p>",
        "text": "{{ form_url }}\n{{ unsubscribe_url }}\n",
    });
    let whatsapp_template = json!({
        "name": "Crash matrix",
        "template_name": TEMPLATE,
        "language": "en",
        "body": ["{{ contact_name }}", "{{ organisation_name }}", "{{ deadline }}"],
        "buttons": [{ "index": 0, "sub_type": "url", "parameter": "{{ form_token }}" }],
    });
    let email_template = bench.post("/api/v1/templates/email", email_template).await;
    let whatsapp_template = bench.post("/api/v1/templates/whatsapp", whatsapp_template).await;
    let deadline = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(24 * 30);
    let mut own = own.iter();
    let mut runs = Vec::new();
    for case in CASES {
        let mut audience = vendors[..recipients(case.channel)].to_vec();
        if case.put_off {
            audience.pop();
            audience.extend(own.next().cloned());
        }
        let mut campaign = json!({ "name": case.step, "audience": { "vendor_ids": audience }, "deadline": deadline });
        match case.channel {
            Email => campaign["template_id"] = json!(email_template),
            Whatsapp => {
                campaign["whatsapp_template_id"] = json!(whatsapp_template);
                // The same twice: no hours are quiet.
                campaign["quiet_hours"] = json!({ "from": "00:00", "to": "00:00" });
            }
        }
        let id = bench.post("/api/v1/campaigns", campaign).await;
        bench.interceptor.arm(&id, case.cut);
        let campaign = id.parse().expect("a campaign's id");
        runs.push(Run { case, campaign });
    }
    runs
}

/// What is wrong with a row, in words; nothing if the crash did what the table says.
fn check(case: &Case, observed: &Story<BTreeMap<&'static str, usize>>) -> Option<String> {
    let map = |standing: Standing| standing.iter().copied().collect::<BTreeMap<_, _>>();
    let expected = &case.expected;
    let expected = Story {
        accepted: expected.accepted,
        after_crash: map(expected.after_crash),
        after_redelivery: map(expected.after_redelivery),
        after_events: map(expected.after_events),
        requests: expected.requests,
        messages: expected.messages,
        duplicates: expected.duplicates,
    };
    (expected != *observed).then(|| {
        format!(
            "{} {}:\n  expected {expected:?}\n  observed {observed:?}",
            case.channel.as_str(),
            case.step
        )
    })
}

#[tokio::test]
async fn a_sender_killed_at_any_step_sends_nothing_twice_and_loses_nobody() {
    let mut bench = Bench::start().await;
    let (vendors, own) = seed(&bench).await;
    // Nobody hears what became of a message before it has been seen what we make of a crash without that.
    bench.stack.hold_ses_events();
    bench.stack.whatsapp().set_webhook_target(WebhookTarget::Capture);
    let runs = draft(&bench, &vendors, &own).await;
    for run in &runs {
        let path = format!("/api/v1/campaigns/{}/execute", run.campaign);
        bench.call(Method::POST, &path, Some(json!({}))).await;
    }

    let mut stories = BTreeMap::new();
    while stories.len() < runs.len() {
        let death = bench.interceptor.death(Duration::from_secs(90)).await;
        let Ok(death) = death else {
            let alive: Vec<_> = runs
                .iter()
                .filter(|run| !stories.contains_key(&run.campaign))
                .map(|run| run.case)
                .collect();
            panic!("no sender came to where it is to be killed: {alive:#?}");
        };
        let run = runs
            .iter()
            .find(|run| run.campaign.to_string() == death.campaign)
            .expect("the campaign is one of ours");
        let story = Story {
            accepted: bench.messages(run).values().sum(),
            after_crash: bench.standing(run).await,
            after_redelivery: BTreeMap::new(),
            after_events: BTreeMap::new(),
            requests: 0,
            messages: 0,
            duplicates: 0,
        };
        stories.insert(run.campaign, story);
    }

    // The queue delivers each message again; who finds a claim comes back when it has run out.
    until("every chunk is closed, and no message is left", 240, async || {
        for run in &runs {
            if !bench.is_closed(run).await {
                return false;
            }
        }
        bench.are_empty(&["EmailQueueUrl", "WhatsappQueueUrl"]).await
    })
    .await;
    for run in &runs {
        let standing = bench.standing(run).await;
        stories.entry(run.campaign).and_modify(|story| story.after_redelivery = standing);
    }

    bench.stack.release_ses_events();
    let webhook = format!("{}/api/v1/webhooks/whatsapp", bench.stack.api_url());
    bench.stack.whatsapp().set_webhook_target(WebhookTarget::Url(webhook));
    until("the providers' events are stored", 60, async || {
        bench.stack.simulator().events().waiting == 0
            && bench.stack.whatsapp().waiting() == 0
            && bench.are_empty(&["DeliveryEventsQueueUrl", "WhatsappEventsQueueUrl"]).await
    })
    .await;

    let mut wrong = Vec::new();
    for run in &runs {
        let messages = bench.messages(run);
        let track = bench.interceptor.track(&run.campaign.to_string());
        let standing = bench.standing(run).await;
        let story = stories.get_mut(&run.campaign).expect("every row has a story");
        story.after_events = standing.clone();
        story.requests = usize::try_from(track.provider_requests).expect("a small number");
        story.messages = messages.values().sum();
        story.duplicates = messages.values().filter(|count| **count > 1).count();
        wrong.extend(check(run.case, story));

        assert!(track.killed.is_some());
        assert_ne!(track.claimants.last().copied(), track.killed, "another process takes over: {track:?}");
        for (recipient, status) in bench.log(run).await.with_statuses() {
            let is_unknown = status.class.as_str() == "unknown";
            assert_eq!(
                is_unknown,
                status.reason.as_deref() == Some("claim_expired"),
                "{}: {status:?}",
                recipient.code
            );
        }
        let standing: BTreeMap<String, usize> = standing.into_iter().map(|(class, count)| (class.to_owned(), count)).collect();
        until("the ledger shows where everyone stands, and balances", 60, async || {
            bench.ledger(run).await == (true, standing.clone())
        })
        .await;
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let dead_letters = [
        "EmailDlqUrl",
        "WhatsappDlqUrl",
        "DeliveryEventsDlqUrl",
        "WhatsappEventsDlqUrl",
        "ProgressDlqUrl",
    ];
    assert!(bench.are_empty(&dead_letters).await, "a dead-letter queue holds a message");
    bench.stack.stop().await;
}
