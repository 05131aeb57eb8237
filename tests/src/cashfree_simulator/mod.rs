//! A stand-in for Cashfree's Secure ID over HTTP: Udyam, GSTIN and PAN, with its headers, its checks of the request, its error answers,
//! and a register of its own ([`universe`]) in which the identifier says what is known of it.
//!
//! Left out on purpose: every other product, and the sandbox's fixed test data. A balance runs out, limits are reached, and signatures are
//! required, when a test says so.

mod api;
pub mod universe;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use axum::Router;
use axum::routing::post;
use rsa::RsaPrivateKey;
use rsa::pkcs8::{EncodePublicKey as _, LineEnding};
use rsa::rand_core::OsRng;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

pub use universe::Entry;

/// The client id the simulator takes.
pub const CLIENT_ID: &str = "CF-SIMULATOR";
/// The client secret the simulator takes.
pub const CLIENT_SECRET: &str = "cfsk_simulator";

/// What happens to a request instead of the ordinary. Each strikes once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CashfreeFault {
    /// An error answer.
    Refuse {
        /// The HTTP status.
        status: u16,
        /// Its `code`.
        code: &'static str,
    },
    /// 429 with the time after which to come again.
    RateLimited {
        /// `Retry-After`, in seconds.
        retry_after_secs: u32,
    },
    /// 200 that says the verification failed.
    SuccessWithFailure,
    /// 200 with the sample of another identifier, as for keys that are not active.
    WrongIdentifier,
    /// 200 with half of the answer.
    CutOff,
    /// 200 with a page for people.
    Html,
    /// No answer.
    Silence,
}

/// A request that passed the checks.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// `udyam`, `gstin` or `pan`.
    pub product: &'static str,
    /// The identifier asked about.
    pub identifier: String,
    /// The body.
    pub body: Value,
}

#[derive(Debug, Default)]
struct Shared {
    requests: usize,
    accepted: Vec<Request>,
    used_ids: BTreeSet<String>,
    register: BTreeMap<String, Entry>,
    faults: VecDeque<CashfreeFault>,
    by_identifier: BTreeMap<String, CashfreeFault>,
    balance: Option<usize>,
    /// The time by which signatures are judged, where they are required.
    signed_at: Option<i64>,
}

/// The key pair of the account. Made anew in each process: nobody should find a private key in a repository, not even this one.
fn private_key() -> &'static RsaPrivateKey {
    static KEY: OnceLock<RsaPrivateKey> = OnceLock::new();
    KEY.get_or_init(|| RsaPrivateKey::new(&mut OsRng, 2_048).expect("the system has randomness"))
}

/// A running simulator. Dropping it stops the server.
#[derive(Debug)]
pub struct CashfreeSimulator {
    address: SocketAddr,
    shared: Arc<Mutex<Shared>>,
    server: JoinHandle<()>,
}

impl CashfreeSimulator {
    /// Binds a free port of 127.0.0.1.
    ///
    /// # Errors
    /// When there is none.
    pub async fn start() -> std::io::Result<Self> {
        Self::start_on(0).await
    }

    /// Binds a port of 127.0.0.1; 0 picks a free one.
    ///
    /// # Errors
    /// When the port is taken.
    pub async fn start_on(port: u16) -> std::io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        let address = listener.local_addr()?;
        let shared: Arc<Mutex<Shared>> = Arc::default();
        let router = Router::new()
            .route("/verification/udyam", post(api::udyam))
            .route("/verification/gstin", post(api::gstin))
            .route("/verification/pan", post(api::pan))
            .with_state(Arc::clone(&shared));
        let server = tokio::spawn(async move {
            let _ = axum::serve(listener, router).await;
        });
        Ok(Self { address, shared, server })
    }

    /// The base URL, as the product is given it.
    pub fn url(&self) -> String {
        format!("http://{}/verification", self.address)
    }

    /// HTTP requests received, faulty and refused ones included.
    pub fn requests(&self) -> usize {
        lock(&self.shared).requests
    }

    /// Every request that passed the checks, oldest first.
    pub fn accepted(&self) -> Vec<Request> {
        lock(&self.shared).accepted.clone()
    }

    /// Puts into the register what is known of an identifier, instead of what the identifier says.
    pub fn register(&self, identifier: &str, entry: Entry) {
        lock(&self.shared).register.insert(identifier.to_owned(), entry);
    }

    /// Lets this happen to the next request that no other fault is meant for.
    pub fn inject(&self, fault: CashfreeFault) {
        lock(&self.shared).faults.push_back(fault);
    }

    /// Lets this happen to the next request about an identifier.
    pub fn inject_for(&self, identifier: &str, fault: CashfreeFault) {
        lock(&self.shared).by_identifier.insert(identifier.to_owned(), fault);
    }

    /// The public key of the account, as the dashboard hands it out.
    ///
    /// # Panics
    /// When the system has no randomness to make one.
    pub fn public_key() -> String {
        let key = private_key().to_public_key();
        key.to_public_key_pem(LineEnding::LF).expect("a public key can be written")
    }

    /// Takes signed requests only, made within five minutes of this second: the account has no fixed address.
    pub fn require_signatures(&self, now_second: i64) {
        lock(&self.shared).signed_at = Some(now_second);
    }

    /// Takes back what was to happen.
    pub fn clear_faults(&self) {
        let mut shared = lock(&self.shared);
        shared.faults.clear();
        shared.by_identifier.clear();
    }

    /// Leaves money for so many more answers.
    pub fn set_balance(&self, answers: usize) {
        lock(&self.shared).balance = Some(answers);
    }
}

impl Drop for CashfreeSimulator {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// A panic elsewhere while the lock was held leaves nothing half-written that a test could not still read.
fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
