//! Kills a sender of the local stack with SIGKILL at a chosen one of its calls.
//!
//! The [`Interceptor`] stands between the senders and everything they talk to: AWS, SES, WhatsApp. It knows each call by what it
//! asks for and each caller by its process id, which is in the address that process calls: the function's code is replaced by
//! a script that sets that address and becomes the real binary ([`Interceptor::install`]). So it can stop exactly before a call
//! or exactly after it, kill the process, and let nothing of it through any more.

use std::collections::{BTreeMap, HashMap};
use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::process::Command;
use tokio::sync::mpsc;

/// Why the interceptor could not do its work.
pub type Error = Box<dyn std::error::Error + Send + Sync>;

/// SES takes requests of a few megabytes.
const MAX_BODY_BYTES: usize = 64 * 1024 * 1024;

/// Headers of one connection, not of the message.
const CONNECTION_HEADERS: [HeaderName; 5] = [
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::HOST,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// What a sender asks for, in the order in which it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Call {
    /// Claims the chunk.
    Claim,
    /// Reads what is known of the chunk.
    Log,
    /// Reads campaign, suppressions and providers.
    Check,
    /// Reserves its slot.
    Pace,
    /// Hands messages to the provider: a chunk of e-mails, or one WhatsApp message.
    Send,
    /// Records: a wave's announcements, with the outcomes of the wave before, or how the attempt ended.
    Record,
    /// Enqueues the chunk again.
    Requeue,
}

/// Where to kill. Calls of a kind are counted from 1, over all processes that work on the chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// The call has left the sender and reached nobody.
    Before(Call, u32),
    /// The call succeeded, and the sender has not heard of it.
    After(Call, u32),
    /// So many messages are under way at once, some of them accepted, and the sender has heard of none.
    AmidWave {
        /// How many are under way.
        under_way: u32,
        /// How many of them are accepted.
        accepted: u32,
    },
}

/// A sender was killed, and is gone.
#[derive(Debug, Clone)]
pub struct Death {
    /// The campaign it worked for.
    pub campaign: String,
    /// Its process id.
    pub pid: u32,
}

/// What is known of the work on a campaign with one chunk.
#[derive(Debug, Clone, Default)]
pub struct Track {
    /// The processes that tried to claim the chunk, in order.
    pub claimants: Vec<u32>,
    /// The one that was killed.
    pub killed: Option<u32>,
    /// Requests the provider got.
    pub provider_requests: u32,
    cut: Option<Cut>,
    /// The one whose claim succeeded last: WhatsApp's calls don't say who makes them.
    holder: Option<u32>,
    /// How often each call was begun, and carried out.
    begun: BTreeMap<Call, u32>,
    done: BTreeMap<Call, u32>,
}

/// Stands between the senders and the rest of the local stack.
#[derive(Debug)]
pub struct Interceptor {
    base: String,
    shared: Arc<Shared>,
    deaths: mpsc::UnboundedReceiver<Death>,
}

#[derive(Debug)]
struct Shared {
    client: reqwest::Client,
    aws: String,
    ses: String,
    whatsapp: String,
    state: Mutex<Inner>,
    deaths: mpsc::UnboundedSender<Death>,
}

#[derive(Debug, Default)]
struct Inner {
    tracks: HashMap<String, Track>,
    /// What each process claimed last. It handles one chunk at a time.
    at_work: HashMap<u32, String>,
}

/// Who makes a call, and for which campaign.
struct Caller {
    pid: u32,
    campaign: String,
}

/// What becomes of a call.
enum Verdict {
    /// It is passed on, and its answer back.
    Pass,
    /// It is passed on; whether the answer goes back is decided then.
    Ask(Caller, Call),
    /// Nothing of it is passed on.
    Swallow,
}

impl Interceptor {
    /// Serves on a free port, in front of these addresses: AWS, SES, and the Graph API with its version.
    ///
    /// # Errors
    /// When no port can be had.
    pub async fn start(aws: &str, ses: &str, whatsapp: &str) -> Result<Self, Error> {
        let (sender, deaths) = mpsc::unbounded_channel();
        let shared = Arc::new(Shared {
            client: crate::http().build()?,
            aws: aws.to_owned(),
            ses: ses.to_owned(),
            whatsapp: whatsapp.to_owned(),
            state: Mutex::default(),
            deaths: sender,
        });
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let base = format!("http://{}", listener.local_addr()?);
        let router = Router::new().fallback(handle).with_state(Arc::clone(&shared));
        tokio::spawn(async move {
            let _ = axum::serve(listener, router).await;
        });
        Ok(Self { base, shared, deaths })
    }

    /// The Graph API as the senders are to see it: the account's `api_url`.
    pub fn whatsapp_url(&self) -> String {
        format!("{}/whatsapp", self.base)
    }

    /// Makes a deployed function call through here: from its next process on, `binary` runs with other addresses.
    ///
    /// By its code, not by its settings: MiniStack gives every function its own address as `AWS_ENDPOINT_URL`, whatever the
    /// settings say. `python` packs the script, and `scratch` is a directory for it.
    ///
    /// # Errors
    /// When it cannot be packed, or MiniStack refuses it.
    pub async fn install(&self, function: &str, binary: &Path, python: &Path, scratch: &Path) -> Result<(), Error> {
        // `exec` keeps the process id, so `$$` is the sender's.
        let script = format!(
            "#!/bin/sh\nexport AWS_ENDPOINT_URL={base}/aws/$$ AWS_ENDPOINT_URL_SESV2={base}/ses/$$\nexec '{binary}'\n",
            base = self.base,
            binary = binary.display(),
        );
        let directory = scratch.join(function);
        std::fs::create_dir_all(&directory)?;
        let bootstrap = directory.join("bootstrap");
        std::fs::write(&bootstrap, script)?;
        let archive = directory.join("function.zip");
        let packed = Command::new(python)
            .args(["-m", "zipfile", "-c"])
            .args([&archive, &bootstrap])
            .status()
            .await?;
        if !packed.success() {
            return Err("the script could not be packed".into());
        }
        let input = json!({ "ZipFile": STANDARD.encode(std::fs::read(&archive)?) });
        let url = format!("{}/2015-03-31/functions/{function}/code", self.shared.aws);
        let request = self.shared.client.put(url).header("authorization", credentials("lambda")).json(&input);
        let answer = request.send().await?;
        if answer.status().is_success() {
            Ok(())
        } else {
            Err(format!("UpdateFunctionCode of {function}: {}", answer.text().await?).into())
        }
    }

    /// Kills the sender of this campaign there, once.
    pub fn arm(&self, campaign: &str, cut: Cut) {
        self.shared.state().tracks.entry(campaign.to_owned()).or_default().cut = Some(cut);
    }

    /// Waits for the next sender that is killed.
    ///
    /// # Errors
    /// When none is for as long as `patience`.
    pub async fn death(&mut self, patience: Duration) -> Result<Death, Error> {
        let death = tokio::time::timeout(patience, self.deaths.recv()).await;
        death.ok().flatten().ok_or_else(|| "no sender came to where it is to be killed".into())
    }

    /// What is known of a campaign.
    pub fn track(&self, campaign: &str) -> Track {
        self.shared.state().tracks.get(campaign).cloned().unwrap_or_default()
    }
}

/// Shaped like SigV4: MiniStack reads account, region and service from the scope; the signature is not one.
pub fn credentials(service: &str) -> String {
    format!("AWS4-HMAC-SHA256 Credential=000000000000/20260101/ap-south-1/{service}/aws4_request, SignedHeaders=host, Signature=none")
}

async fn handle(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let Ok(body) = to_bytes(body, MAX_BODY_BYTES).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let path = head.uri.path_and_query().map_or("/", |path| path.as_str()).trim_start_matches('/');
    let (service, rest) = path.split_once('/').unwrap_or((path, ""));
    // What a process calls begins with its id, except the Graph API, whose address is the same for all.
    let (pid, upstream, rest) = match service {
        "whatsapp" => (None, &shared.whatsapp, rest),
        _ => {
            let (pid, rest) = rest.split_once('/').unwrap_or((rest, ""));
            let upstream = if service == "ses" { &shared.ses } else { &shared.aws };
            (pid.parse().ok(), upstream, rest)
        }
    };
    let url = format!("{upstream}/{rest}");
    let target = head
        .headers
        .get("x-amz-target")
        .and_then(|target| target.to_str().ok())
        .unwrap_or_default();
    let verdict = match identify(service, rest, target, &body) {
        Some((call, campaign)) => shared.begin(pid, call, campaign),
        None => Verdict::Pass,
    };
    let forward = shared.client.request(head.method, url).headers(end_to_end(&head.headers)).body(body);
    match verdict {
        Verdict::Pass => answer(forward).await,
        Verdict::Ask(caller, call) => {
            let answer = answer(forward).await;
            if shared.finish(&caller, call, answer.status()) {
                answer
            } else {
                std::future::pending().await
            }
        }
        // The connection ends with its process.
        Verdict::Swallow => std::future::pending().await,
    }
}

/// Tells what a sender asks for, and for which campaign where the call says so.
fn identify(service: &str, path: &str, target: &str, body: &Bytes) -> Option<(Call, Option<String>)> {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    match service {
        "ses" => path.ends_with("outbound-bulk-emails").then_some((Call::Send, None)),
        "whatsapp" => {
            let mut callback = body["biz_opaque_callback_data"].as_str()?.split(':');
            Some((Call::Send, callback.nth(1).map(str::to_owned)))
        }
        _ => match target.split_once('.')?.1 {
            "UpdateItem" => {
                let (pk, sk) = (body["Key"]["pk"]["S"].as_str()?, body["Key"]["sk"]["S"].as_str()?);
                // A provider's arrival time lies with all else that is known of it; a reservation is what moves it.
                if body["UpdateExpression"].as_str()?.starts_with("SET tat") {
                    return Some((Call::Pace, None));
                }
                // A release changes the same item, and sets no deadline.
                let claims = sk.starts_with("CHUNK#") && body["ExpressionAttributeValues"].get(":until").is_some();
                claims.then(|| (Call::Claim, pk.strip_prefix("CAMPAIGN#").map(str::to_owned)))
            }
            "Query" => Some((Call::Log, None)),
            "BatchGetItem" => Some((Call::Check, None)),
            "TransactWriteItems" => Some((Call::Record, None)),
            "SendMessage" | "SendMessageBatch" => Some((Call::Requeue, None)),
            _ => None,
        },
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, Inner> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A call has come in.
    fn begin(self: &Arc<Self>, pid: Option<u32>, call: Call, campaign: Option<String>) -> Verdict {
        let mut state = self.state();
        let Inner { tracks, at_work } = &mut *state;
        if let (Call::Claim, Some(pid), Some(campaign)) = (call, pid, &campaign) {
            at_work.insert(pid, campaign.clone());
        }
        let Some(campaign) = campaign.or_else(|| at_work.get(&pid?).cloned()) else {
            return Verdict::Pass;
        };
        let Some(track) = tracks.get_mut(&campaign) else {
            return Verdict::Pass;
        };
        let Some(pid) = pid.or(track.holder) else {
            return Verdict::Pass;
        };
        let caller = Caller { pid, campaign };
        if call == Call::Claim {
            track.claimants.push(pid);
        }
        if track.killed == Some(pid) {
            return Verdict::Swallow;
        }
        let begun = track.begun.entry(call).or_default();
        *begun += 1;
        let begun = *begun;
        let swallow = match track.cut {
            Some(Cut::Before(at, nth)) => (at, nth) == (call, begun),
            Some(Cut::AmidWave { accepted, .. }) => call == Call::Send && begun > accepted,
            _ => false,
        };
        if call == Call::Send && !swallow {
            track.provider_requests += 1;
        }
        if let Some(Cut::Before(..)) = track.cut.filter(|_| swallow) {
            self.kill(&caller, track);
        }
        self.kill_amid_wave(&caller, track);
        if swallow { Verdict::Swallow } else { Verdict::Ask(caller, call) }
    }

    /// A call has been answered. Whether its sender may hear of it.
    fn finish(self: &Arc<Self>, caller: &Caller, call: Call, status: StatusCode) -> bool {
        let mut state = self.state();
        let Some(track) = state.tracks.get_mut(&caller.campaign) else {
            return true;
        };
        if !status.is_success() {
            return true;
        }
        if call == Call::Claim {
            track.holder = Some(caller.pid);
        }
        let done = track.done.entry(call).or_default();
        *done += 1;
        match track.cut {
            Some(Cut::After(at, nth)) if (at, nth) == (call, *done) => {
                self.kill(caller, track);
                false
            }
            Some(Cut::AmidWave { .. }) if call == Call::Send => {
                self.kill_amid_wave(caller, track);
                false
            }
            _ => true,
        }
    }

    fn kill_amid_wave(self: &Arc<Self>, caller: &Caller, track: &mut Track) {
        let count = |calls: &BTreeMap<Call, u32>| calls.get(&Call::Send).copied().unwrap_or(0);
        if let Some(Cut::AmidWave { under_way, accepted }) = track.cut
            && count(&track.begun) >= under_way
            && count(&track.done) >= accepted
        {
            self.kill(caller, track);
        }
    }

    /// Kills the caller, and tells once it is gone.
    fn kill(self: &Arc<Self>, caller: &Caller, track: &mut Track) {
        let (shared, campaign, pid) = (Arc::clone(self), caller.campaign.clone(), caller.pid);
        track.cut = None;
        track.killed = Some(pid);
        // Not in the call's own task, which ends when its connection does.
        tokio::spawn(async move {
            let deadline = Instant::now() + Duration::from_secs(20);
            signal("-KILL", pid).await;
            // A killed process is there until its parent, MiniStack, has looked after it.
            while signal("-0", pid).await && Instant::now() < deadline {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            if !signal("-0", pid).await {
                let _ = shared.deaths.send(Death { campaign, pid });
            }
        });
    }
}

/// Whether there is such a process to take the signal.
async fn signal(signal: &str, pid: u32) -> bool {
    let mut kill = Command::new("kill");
    kill.args([signal, &pid.to_string()]).stderr(std::process::Stdio::null());
    kill.status().await.is_ok_and(|status| status.success())
}

async fn answer(request: reqwest::RequestBuilder) -> Response {
    let answer = match request.send().await {
        Ok(answer) => answer,
        Err(error) => return (StatusCode::BAD_GATEWAY, error.to_string()).into_response(),
    };
    let (status, headers) = (answer.status(), end_to_end(answer.headers()));
    match answer.bytes().await {
        Ok(body) => (status, headers, Body::from(body)).into_response(),
        Err(error) => (StatusCode::BAD_GATEWAY, error.to_string()).into_response(),
    }
}

fn end_to_end(headers: &HeaderMap) -> HeaderMap {
    let mut kept = headers.clone();
    for name in CONNECTION_HEADERS {
        kept.remove(name);
    }
    kept
}
