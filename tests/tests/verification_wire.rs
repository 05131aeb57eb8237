//! `verification` against the Cashfree simulator over HTTP: what is on the wire, how often, and what each answer is taken for.

use std::time::Duration;

use domain::declaration::Activity;
use domain::identifiers::Gstin;
use domain::verification::{Asked, EnterpriseType, Field, Kind, Next, OurRecord, Outcome, Standing, Verification, VerificationRequest};
use jiff::Timestamp;
use jiff::civil::date;
use outbound::https::Https;
use rsa::RsaPrivateKey;
use rsa::pkcs8::{EncodePublicKey as _, LineEnding};
use rsa::rand_core::OsRng;
use secrecy::SecretString;
use serde_json::json;
use tests::cashfree_simulator::universe::name_of;
use tests::cashfree_simulator::{CLIENT_ID, CLIENT_SECRET, CashfreeFault, CashfreeSimulator, Entry};
use tokio::net::TcpListener;
use verification::{Cashfree, CashfreeCredentials, CashfreePublicKey, Verifier};

/// Long enough for an answer on a busy machine, short enough to wait for in a test.
const TIMEOUT: Duration = Duration::from_millis(1500);

/// When every request is made.
fn now() -> Timestamp {
    Timestamp::from_second(1_793_593_800).expect("a time")
}

fn cashfree(url: &str, client_id: &str, client_secret: &str) -> Cashfree {
    signing(url, client_id, client_secret, None)
}

fn signing(url: &str, client_id: &str, client_secret: &str, public_key: Option<&str>) -> Cashfree {
    let credentials = CashfreeCredentials {
        client_id: SecretString::from(client_id),
        client_secret: SecretString::from(client_secret),
        public_key: public_key.map(|key| CashfreePublicKey::parse(key).expect("a public key")),
    };
    Cashfree::new(Https::new(TIMEOUT).expect("TLS is there"), url, credentials)
}

fn udyam(last: u8) -> Asked {
    Asked::Udyam(format!("UDYAM-MH-26-012345{last}").parse().expect("a Udyam number"))
}

fn pan(last: u8) -> Asked {
    Asked::Pan(format!("AABCV012{last}K").parse().expect("a PAN"))
}

fn gstin(last: u8) -> Asked {
    let body = format!("27AABCV012{last}K1Z");
    let check = Gstin::check_character(&body).expect("fourteen characters");
    Asked::Gstin(format!("{body}{check}").parse().expect("a GSTIN"))
}

fn asked(kind: Kind, last: u8) -> Asked {
    match kind {
        Kind::Udyam => udyam(last),
        Kind::Gstin => gstin(last),
        Kind::Pan => pan(last),
    }
}

struct World {
    simulator: CashfreeSimulator,
    cashfree: Cashfree,
}

impl World {
    async fn start() -> Self {
        let simulator = CashfreeSimulator::start().await.expect("the simulator starts");
        let cashfree = cashfree(&simulator.url(), CLIENT_ID, CLIENT_SECRET);
        Self { simulator, cashfree }
    }

    /// Asks through the trait, as the product does, under an id of its own.
    async fn verify(&self, asked: Asked) -> Verification {
        let id = format!("vrf_{}", self.simulator.requests());
        self.verify_as(&id, asked).await
    }

    async fn verify_as(&self, id: &str, asked: Asked) -> Verification {
        let request = VerificationRequest {
            id: id.parse().expect("a request id"),
            asked,
            at: now(),
        };
        let verifier: &dyn Verifier = &self.cashfree;
        verifier.verify(&request).await
    }
}

#[tokio::test]
async fn each_register_is_asked_in_its_own_words_and_once() {
    let world = World::start().await;
    for kind in Kind::ALL {
        let found = world.verify_as(&format!("vrf.{kind}-1"), asked(kind, 0)).await;
        assert_eq!((found.outcome, found.reason.as_str()), (Outcome::Verified, "cashfree:valid"), "{found:?}");
        assert_eq!((found.kind, found.provider.as_str(), found.next), (kind, "cashfree", Next::Keep));
        assert!(found.reference.is_some() && found.mismatches.is_empty());
    }
    let bodies: Vec<_> = world
        .simulator
        .accepted()
        .into_iter()
        .map(|request| (request.product, request.body))
        .collect();
    let expected = [
        ("udyam", json!({ "verification_id": "vrf.udyam-1", "udyam": "UDYAM-MH-26-0123450" })),
        ("gstin", json!({ "GSTIN": gstin(0).as_str() })),
        ("pan", json!({ "pan": "AABCV0120K" })),
    ];
    assert_eq!((bodies.as_slice(), world.simulator.requests()), (expected.as_slice(), 3));
}

/// Everything the registers can say, of each of them.
#[tokio::test]
async fn every_digit_of_the_universe_has_its_outcome() {
    use Outcome::*;
    let world = World::start().await;
    let active = Some(Standing::Active);
    let table = [
        (Kind::Udyam, 0, Verified, "valid", active),
        (Kind::Udyam, 3, Verified, "valid", active),
        (Kind::Udyam, 4, Verified, "valid", active),
        (Kind::Udyam, 5, NotFound, "udyam_not_found", None),
        (Kind::Udyam, 6, Mismatch, "udyam_cancelled", Some(Standing::Cancelled)),
        (Kind::Udyam, 7, Verified, "valid", active),
        (Kind::Udyam, 8, Verified, "valid", active),
        (Kind::Gstin, 0, Verified, "valid", active),
        (Kind::Gstin, 5, NotFound, "gstin_not_found", None),
        (Kind::Gstin, 6, Mismatch, "gstin_cancelled", Some(Standing::Cancelled)),
        (Kind::Gstin, 8, Mismatch, "gstin_suspended", Some(Standing::Suspended)),
        (Kind::Pan, 0, Verified, "valid", active),
        (Kind::Pan, 5, NotFound, "pan_not_found", None),
        (Kind::Pan, 6, Mismatch, "pan_deactivated", Some(Standing::Deactivated)),
        (Kind::Pan, 8, Mismatch, "pan_deleted", Some(Standing::Deleted)),
    ];
    for (kind, last, outcome, reason, standing) in table {
        let found = world.verify(asked(kind, last)).await;
        assert_eq!(
            (found.outcome, found.reason.as_str()),
            (outcome, format!("cashfree:{reason}").as_str()),
            "{kind} {last}"
        );
        assert_eq!(found.facts.map(|facts| facts.standing), standing, "{kind} {last}");
        assert!(found.outcome.is_conclusive() && found.next == Next::Keep, "{kind} {last}");
    }
    assert_eq!(world.simulator.requests(), table.len());
}

#[tokio::test]
async fn the_facts_are_read_in_both_shapes_and_every_date() {
    let world = World::start().await;
    let small = world.verify(udyam(3)).await.facts.expect("facts");
    assert_eq!(
        (small.enterprise_type, small.major_activity),
        (Some(EnterpriseType::Small), Some(Activity::Manufacturing))
    );
    assert_eq!(small.legal_name, Some(name_of("UDYAM-MH-26-0123453")));
    assert_eq!(small.registered_on, Some(date(2022, 1, 2)));
    let history: Vec<_> = small
        .classification_history
        .iter()
        .map(|entry| (entry.year.as_str(), entry.enterprise_type))
        .collect();
    assert_eq!(history, [("2024-25", EnterpriseType::Small), ("2023-24", EnterpriseType::Micro)]);

    let older = world.verify(udyam(8)).await.facts.expect("facts");
    assert_eq!(
        (older.enterprise_type, older.registered_on),
        (Some(EnterpriseType::Micro), Some(date(2022, 1, 2)))
    );
    assert_eq!(older.classification_history.first().and_then(|entry| entry.on), Some(date(2025, 6, 2)));

    let cancelled = world.verify(gstin(6)).await.facts.expect("facts");
    assert_eq!(
        (cancelled.registered_on, cancelled.cancelled_on),
        (Some(date(2017, 9, 30)), Some(date(2024, 4, 1)))
    );
    assert_eq!(cancelled.pan.map(String::from).as_deref(), Some("AABCV0126K"));
}

#[tokio::test]
async fn what_the_register_says_is_held_against_our_record() {
    let world = World::start().await;
    let record = |name: &str| OurRecord {
        business_names: vec![name.to_owned()],
        pan: Some("AABCV0123K".parse().expect("a PAN")),
        enterprise_type: Some(EnterpriseType::Small),
        ..OurRecord::default()
    };
    let ours = name_of("UDYAM-MH-26-0123453").replace("PRIVATE LIMITED", "(P) Ltd.");
    let fields = |found: &Verification| found.mismatches.iter().map(|mismatch| mismatch.field).collect::<Vec<_>>();

    let same = world.verify(udyam(3)).await.compared_with(&record(&ours));
    assert_eq!((same.outcome, fields(&same)), (Outcome::Verified, vec![]));
    let other_name = world.verify(udyam(7)).await.compared_with(&record(&ours));
    assert_eq!(
        (other_name.outcome, fields(&other_name)),
        (Outcome::Mismatch, vec![Field::Name, Field::EnterpriseType])
    );
    let name_of_gstin = name_of(gstin(4).as_str());
    let other_pan = world.verify(gstin(4)).await.compared_with(&record(&name_of_gstin));
    assert_eq!((other_pan.outcome, fields(&other_pan)), (Outcome::Mismatch, vec![Field::Pan]));
    // Nothing was found: there is nothing to compare, and nothing changes.
    let absent = world.verify(pan(5)).await.compared_with(&record(&ours));
    assert_eq!((absent.outcome, fields(&absent)), (Outcome::NotFound, vec![]));

    // A test may put anything into the register.
    let asha = pan(5);
    world.simulator.register(asha.as_str(), Entry::active("Asha Textiles Pvt Ltd"));
    let found = world.verify(asha).await.compared_with(&OurRecord {
        business_names: vec!["Asha Textiles Private Limited".to_owned()],
        ..OurRecord::default()
    });
    assert_eq!(found.outcome, Outcome::Verified);
}

#[tokio::test]
async fn a_failure_is_never_taken_for_an_answer_and_is_asked_once() {
    use Outcome::*;
    let refuse = |status, code| CashfreeFault::Refuse { status, code };
    let table = [
        (refuse(401, "authentication_failed"), Auth, "authentication_failed", Next::HaltRun),
        (refuse(403, "ip_validation_failed"), Auth, "ip_validation_failed", Next::HaltRun),
        (refuse(422, "insufficient_balance"), Quota, "insufficient_balance", Next::HaltRun),
        (
            refuse(429, "too_many_requests_per_ip"),
            Quota,
            "too_many_requests_per_ip",
            Next::RetryLater,
        ),
        (refuse(500, "verification_failed"), ProviderError, "verification_failed", Next::RetryLater),
        (refuse(502, "verification_failed"), ProviderError, "verification_failed", Next::RetryLater),
        (refuse(404, "route_not_found"), ProviderError, "route_not_found", Next::Keep),
        (refuse(301, "moved"), ProviderError, "moved", Next::Keep),
        (CashfreeFault::WrongIdentifier, ProviderError, "another_identifier", Next::HaltRun),
        (CashfreeFault::CutOff, ProviderError, "unreadable_answer", Next::RetryLater),
        (CashfreeFault::Html, ProviderError, "unreadable_answer", Next::RetryLater),
        (CashfreeFault::Silence, Timeout, "timeout", Next::RetryLater),
    ];
    for (fault, outcome, reason, next) in table {
        for kind in Kind::ALL {
            let world = World::start().await;
            // Not even of an identifier that is not there.
            world.simulator.inject_for(asked(kind, 5).as_str(), fault.clone());
            let found = world.verify(asked(kind, 5)).await;
            let expected = (outcome, format!("cashfree:{reason}"), next);
            assert_eq!((found.outcome, found.reason, found.next), expected, "{kind} {fault:?}");
            assert!(!found.outcome.is_conclusive() && found.facts.is_none());
            assert_eq!(world.simulator.requests(), 1, "{kind} {fault:?}");
        }
    }
}

#[tokio::test]
async fn a_200_may_carry_a_failure() {
    let world = World::start().await;
    for (kind, reason) in [
        (Kind::Udyam, "cashfree:status_failed"),
        (Kind::Gstin, "cashfree:not_valid"),
        (Kind::Pan, "cashfree:no_pan_status"),
    ] {
        world.simulator.inject(CashfreeFault::SuccessWithFailure);
        let found = world.verify(asked(kind, 0)).await;
        assert_eq!((found.outcome, found.reason.as_str()), (Outcome::ProviderError, reason));
        assert!(found.is_retryable());
        // And the next time it may be known.
        assert_eq!(world.verify(asked(kind, 0)).await.outcome, Outcome::Verified);
    }
}

#[tokio::test]
async fn a_limit_says_how_long_to_wait_and_an_empty_account_stops_the_run() {
    let world = World::start().await;
    world.simulator.inject(CashfreeFault::RateLimited { retry_after_secs: 42 });
    let limited = world.verify(udyam(0)).await;
    assert_eq!((limited.outcome, limited.retry_after_secs), (Outcome::Quota, Some(42)));
    assert!(limited.is_retryable() && !limited.halts_run());

    world.simulator.set_balance(1);
    assert_eq!(world.verify(udyam(0)).await.outcome, Outcome::Verified);
    let empty = world.verify(udyam(0)).await;
    assert_eq!((empty.outcome, empty.reason.as_str()), (Outcome::Quota, "cashfree:insufficient_balance"));
    assert!(empty.halts_run() && !empty.is_retryable());
}

#[tokio::test]
async fn an_id_used_twice_is_ours_to_replace() {
    let world = World::start().await;
    assert_eq!(world.verify_as("vrf_1", udyam(0)).await.outcome, Outcome::Verified);
    let again = world.verify_as("vrf_1", udyam(1)).await;
    assert_eq!(
        (again.outcome, again.reason.as_str(), again.next),
        (Outcome::ProviderError, "cashfree:verification_id_already_exists", Next::RetryLater)
    );
    assert_eq!(world.verify_as("vrf_2", udyam(1)).await.outcome, Outcome::Verified);
}

#[tokio::test]
async fn wrong_or_broken_credentials_are_ours_to_mend() {
    let world = World::start().await;
    let request = VerificationRequest {
        id: "vrf_1".parse().expect("a request id"),
        asked: pan(0),
        at: now(),
    };
    for (id, secret, reason, requests) in [
        (CLIENT_ID, "cfsk_wrong", "cashfree:authentication_failed", 1),
        (CLIENT_ID, "", "cashfree:x_client_secret_missing", 2),
        // With a line break in the middle it is no header: nothing is sent.
        (CLIENT_ID, "cfsk\nsimulator", "cashfree:request_not_built", 2),
    ] {
        let found = cashfree(&world.simulator.url(), id, secret).verify(&request).await;
        assert_eq!((found.outcome, found.reason.as_str()), (Outcome::Auth, reason));
        assert!(found.halts_run());
        assert_eq!(world.simulator.requests(), requests);
    }
    // At the ends it is only how secrets are pasted.
    let pasted = cashfree(&world.simulator.url(), CLIENT_ID, &format!("{CLIENT_SECRET}\n"));
    assert_eq!(pasted.verify(&request).await.outcome, Outcome::Verified);
}

#[tokio::test]
async fn an_account_without_a_fixed_address_signs_its_requests() {
    let world = World::start().await;
    let simulator = &world.simulator;
    let key = CashfreeSimulator::public_key();
    // Cashfree's sandbox hands out keys of this size; nobody has the other half of this one.
    let foreign = RsaPrivateKey::new(&mut OsRng, 2_048).expect("randomness").to_public_key();
    let foreign = foreign.to_public_key_pem(LineEnding::LF).expect("a PEM");
    let signing = |key: Option<&str>| signing(&simulator.url(), CLIENT_ID, CLIENT_SECRET, key);
    let pasted = key.replace('\n', "\\n");
    let in_minutes = |minutes: i64| now().as_second() + 60 * minutes;
    let valid = "cashfree:valid";
    for (public_key, clock, reason) in [
        (Some(key.as_str()), in_minutes(0), valid),
        (Some(pasted.as_str()), in_minutes(5), valid),
        (None, in_minutes(0), "cashfree:signature_missing"),
        (Some(foreign.as_str()), in_minutes(0), "cashfree:signature_invalid"),
        (Some(key.as_str()), in_minutes(6), "cashfree:signature_expired"),
        (Some(key.as_str()), in_minutes(-6), "cashfree:signature_expired"),
    ] {
        simulator.require_signatures(clock);
        for kind in Kind::ALL {
            let request = VerificationRequest {
                id: format!("vrf_{}", simulator.requests()).parse().expect("a request id"),
                asked: asked(kind, 0),
                at: now(),
            };
            let found = signing(public_key).verify(&request).await;
            assert_eq!(found.reason, reason, "{kind}");
            let (outcome, halts) = if reason == valid {
                (Outcome::Verified, false)
            } else {
                (Outcome::Auth, true)
            };
            assert_eq!((found.outcome, found.halts_run()), (outcome, halts), "{kind}");
        }
    }
    // Who need not sign may all the same.
    let open = World::start().await;
    let found = world.verify(udyam(1)).await;
    assert_eq!(found.reason, "cashfree:signature_missing");
    assert_eq!(open.verify(udyam(1)).await.reason, valid);
}

#[tokio::test]
async fn no_connection_says_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let refused = format!("http://{}", listener.local_addr().expect("an address"));
    drop(listener);
    let request = VerificationRequest {
        id: "vrf_1".parse().expect("a request id"),
        asked: udyam(5),
        at: now(),
    };
    // RFC 6761 keeps `.invalid` out of the DNS for good.
    for url in [refused.as_str(), "https://cashfree.invalid"] {
        let found = cashfree(url, CLIENT_ID, CLIENT_SECRET).verify(&request).await;
        assert_eq!(
            (found.outcome, found.reason.as_str()),
            (Outcome::ProviderError, "cashfree:unreachable"),
            "{url}"
        );
        assert!(found.is_retryable());
    }
}
