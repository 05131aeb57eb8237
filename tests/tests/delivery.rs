//! The delivery path, end to end and under faults: the workers' own code on the harness.
//!
//! What every test holds the path to: no recipient is sent to twice, none is lost, and the ledger says where each one is.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics with the place")]

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use domain::CampaignId;
use domain::campaign::CampaignState;
use domain::delivery::{CHUNK_SIZE, Channel, MAX_ATTEMPTS, RecipientClass, RecipientStatus};
use domain::suppression::{SuppressionReason, SuppressionSource};
use domain::template::{EmailContent, Template};
use domain::vendor::{RawVendor, VendorProfile};
use jiff::SignedDuration;
use runtime::App;
use serde_json::Value;
use store::campaigns::transition;
use store::chunks::ChunkState;
use store::suppressions::{self, Suppression};
use store::{StoreError, responses, templates, vendors};
use tests::harness::{self, Harness, Options, Queue, QueueMessage, Turn, invoke};
use tests::ses_simulator::{Fault, FaultKind};
use workers::{campaign_planner, delivery_events, email_sender};

/// Longer than a claim.
const AFTER_THE_CLAIM: SignedDuration = SignedDuration::from_secs(91);

async fn start() -> Harness {
    Harness::start(Options::default()).await.expect("the harness starts")
}

/// A planned campaign to `vendors` vendors, its chunks waiting.
async fn planned(vendors: usize) -> (Harness, CampaignId) {
    planned_with(Options::default(), vendors).await
}

async fn planned_with(options: Options, vendors: usize) -> (Harness, CampaignId) {
    let mut harness = Harness::start(options).await.expect("the harness starts");
    harness.seed_vendors(vendors).await.unwrap();
    let campaign = harness.executed_campaign().await.unwrap();
    harness.drain_only(&[Turn::Plan]).await.unwrap();
    (harness, campaign)
}

/// How many recipients are in each class, after checking that the ledger's counts say the same and balance.
#[track_caller]
fn classes(statuses: &BTreeMap<String, RecipientStatus>, ledger: &domain::delivery::Counts) -> BTreeMap<RecipientClass, usize> {
    let mut classes = BTreeMap::new();
    for status in statuses.values() {
        *classes.entry(status.class).or_default() += 1;
    }
    assert!(ledger.is_balanced(), "{ledger:?}");
    assert_eq!(usize::try_from(ledger.targeted).unwrap(), statuses.len(), "targeted: {ledger:?}");
    let counted: BTreeMap<RecipientClass, usize> = [
        (RecipientClass::Pending, ledger.pending),
        (RecipientClass::Accepted, ledger.accepted),
        (RecipientClass::Delivered, ledger.delivered),
        (RecipientClass::Bounced, ledger.bounced),
        (RecipientClass::Suppressed, ledger.suppressed),
        (RecipientClass::Skipped, ledger.skipped),
        (RecipientClass::Failed, ledger.failed),
        (RecipientClass::Unknown, ledger.unknown),
    ]
    .into_iter()
    .filter(|(_, count)| *count > 0)
    .map(|(class, count)| (class, usize::try_from(count).unwrap()))
    .collect();
    assert_eq!(counted, classes, "the ledger is the fold");
    classes
}

async fn check(harness: &Harness, campaign: CampaignId, expected: &[(RecipientClass, usize)]) {
    let statuses = harness.statuses(campaign).await.unwrap();
    let ledger = harness.ledger(campaign).await.unwrap();
    assert_eq!(
        classes(&statuses, &ledger),
        expected.iter().copied().collect::<BTreeMap<_, _>>(),
        "{statuses:?}"
    );
    nobody_got_two(harness);
}

/// No address has two messages.
#[track_caller]
fn nobody_got_two(harness: &Harness) {
    let mut seen = BTreeSet::new();
    for message in harness.simulator.messages() {
        let key = (message.tag("campaign").map(str::to_owned), message.to.clone());
        assert!(seen.insert(key), "{:?} got two messages", message.to);
    }
}

async fn state(harness: &Harness, campaign: CampaignId) -> CampaignState {
    harness.campaign(campaign).await.unwrap().state
}

fn bulk_sends(harness: &Harness) -> u64 {
    harness.calls().get("SendBulkEmail").copied().unwrap_or(0)
}

/// Waits until the simulator has accepted `count` messages.
async fn accepted(harness: &Harness, count: usize) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while harness.simulator.messages().len() < count {
        assert!(
            Instant::now() < deadline,
            "SES has {} of {count} messages",
            harness.simulator.messages().len()
        );
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

fn copies(message: &QueueMessage, count: usize) -> Vec<Vec<QueueMessage>> {
    vec![vec![message.clone()]; count]
}

/// Runs a worker on a message and kills it once `dies` is done.
async fn kill(app: &App, worker: &runtime::Worker, message: QueueMessage, dies: impl Future<Output = ()>) {
    tokio::select! {
        biased;
        () = dies => {}
        _ = invoke(app, worker, vec![message]) => {}
    }
}

#[test]
fn the_harness_batches_as_the_template_says() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../template.yaml");
    let template: serde_yaml::Value = serde_yaml::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let senders = &template["Parameters"]["EmailSenders"]["Default"];
    assert_eq!(senders.as_u64(), u64::try_from(harness::SENDERS).ok());
    let template: Value = serde_json::to_value(&template["Resources"]).unwrap_or_else(|_| panic!("the template's resources are plain YAML"));
    let mapping = |name: &str| template[name]["Properties"].clone();
    let seconds = |window: Duration| Value::from(window.as_secs());
    let sender = mapping("WorkersEmailSenderMapping");
    assert_eq!(sender["BatchSize"], 1);
    assert_eq!(mapping("WorkersCampaignPlannerMapping")["BatchSize"], 1);
    let events = mapping("WorkersDeliveryEventsMapping");
    assert_eq!(events["BatchSize"], harness::EVENT_BATCH);
    assert_eq!(events["MaximumBatchingWindowInSeconds"], seconds(harness::EVENT_WINDOW));
    let stream = mapping("WorkersProgressAggregatorMapping");
    assert_eq!(stream["BatchSize"], harness::STREAM_BATCH);
    assert_eq!(stream["MaximumBatchingWindowInSeconds"], seconds(harness::STREAM_WINDOW));
    for queue in ["PlanQueue", "EmailQueue", "DeliveryEventsQueue"] {
        assert_eq!(mapping(queue)["RedrivePolicy"]["maxReceiveCount"], harness::MAX_RECEIVES);
    }
}

#[tokio::test]
async fn every_recipient_ends_in_exactly_one_class_and_the_ledger_balances() {
    let mut harness = start().await;
    let mut all = Vec::new();
    let addresses = [
        Some("delivered@example.in"),
        Some("bounce+1@simulator.amazonses.com"),
        Some("complaint+1@simulator.amazonses.com"),
        Some("suppressionlist+1@simulator.amazonses.com"),
        None,
        Some("nocity@example.in"),
        Some("Opted.Out@example.in"),
    ];
    for (n, address) in addresses.into_iter().enumerate() {
        let mut vendor = harness.vendor(&format!("V-{n}"), address).unwrap();
        if address == Some("nocity@example.in") {
            vendor.profile.city = None;
        }
        all.push(vendor);
    }
    harness.store_vendors(all).await.unwrap();
    let opted_out = Suppression::new(SuppressionReason::Unsubscribe, harness.app().now(), SuppressionSource::Link);
    suppressions::add(harness.store().unwrap(), Channel::Email, "opted.out@example.in", &opted_out)
        .await
        .unwrap();
    let content = EmailContent {
        text: "{{ city }} {{ form_url }}".to_owned(),
        ..harness.content()
    };

    let first = harness.seed_campaign().await.unwrap();
    harness.execute(&first, content.clone()).await.unwrap();
    harness.drain().await.unwrap();
    let expected = [
        (RecipientClass::Delivered, 2),
        (RecipientClass::Bounced, 2),
        (RecipientClass::Suppressed, 1),
        (RecipientClass::Skipped, 2),
    ];
    check(&harness, first.id, &expected).await;
    let reasons: BTreeMap<String, Option<String>> = harness
        .statuses(first.id)
        .await
        .unwrap()
        .into_iter()
        .map(|(code, status)| (code, status.reason))
        .collect();
    let reason = |code: &str| reasons[code].clone().unwrap_or_default();
    assert_eq!(reason("V-1"), "permanent:general");
    assert_eq!(reason("V-4"), "no_email");
    assert_eq!(reason("V-5"), "missing_variable:city");
    assert_eq!(reason("V-6"), "unsubscribe");
    assert_eq!(harness.ledger(first.id).await.unwrap().complained, 1);
    assert_eq!(state(&harness, first.id).await, CampaignState::Collecting, "two vendors may still answer");
    assert_eq!(bulk_sends(&harness), 1);

    // Whoever bounced or complained is not written to again.
    let second = harness.seed_campaign().await.unwrap();
    harness.execute(&second, content).await.unwrap();
    harness.drain().await.unwrap();
    let expected = [
        (RecipientClass::Delivered, 1),
        (RecipientClass::Suppressed, 4),
        (RecipientClass::Skipped, 2),
    ];
    check(&harness, second.id, &expected).await;
    assert!(harness.dead_letters().is_empty());
}

#[tokio::test]
async fn a_campaign_completes_when_nobody_can_answer_any_more() {
    let mut harness = start().await;
    harness.seed_addresses(&[Some("bounce@simulator.amazonses.com"), None]).await.unwrap();
    let campaign = harness.executed_campaign().await.unwrap();
    harness.drain().await.unwrap();
    check(&harness, campaign, &[(RecipientClass::Bounced, 1), (RecipientClass::Skipped, 1)]).await;
    let campaign = harness.campaign(campaign).await.unwrap();
    assert_eq!(campaign.state, CampaignState::Completed);
    assert!(campaign.planned_at.is_some() && campaign.sent_at.is_some() && campaign.completed_at.is_some());
    assert_eq!((campaign.targeted, campaign.chunks), (2, 1));
}

#[tokio::test]
async fn a_campaign_collects_answers_until_its_deadline() {
    let (mut harness, campaign) = planned(3).await;
    harness.drain().await.unwrap();
    assert_eq!(state(&harness, campaign).await, CampaignState::Collecting);
    workers::progress_aggregator::advance(harness.app(), campaign).await.unwrap();
    assert_eq!(state(&harness, campaign).await, CampaignState::Collecting);
    harness.advance(SignedDuration::from_hours(24 * 31));
    workers::progress_aggregator::advance(harness.app(), campaign).await.unwrap();
    assert_eq!(state(&harness, campaign).await, CampaignState::Completed);
}

#[tokio::test]
async fn replaying_the_plan_message_plans_nothing_twice() {
    let mut harness = start().await;
    harness.seed_vendors(620).await.unwrap();
    let campaign = harness.executed_campaign().await.unwrap();
    harness.send_plan(campaign);
    harness.drain().await.unwrap();
    harness.send_plan(campaign);
    harness.drain().await.unwrap();
    check(&harness, campaign, &[(RecipientClass::Delivered, 620)]).await;
    assert_eq!(harness.campaign(campaign).await.unwrap().chunks, 13);
    assert_eq!(harness.summaries(campaign).await.unwrap().len(), 13);
    assert_eq!(bulk_sends(&harness), 13);
}

#[tokio::test]
async fn two_planners_at_once_plan_everyone_once() {
    let mut harness = start().await;
    harness.seed_vendors(1_120).await.unwrap();
    let campaign = harness.executed_campaign().await.unwrap();
    let message = harness.take_messages(Queue::Plan).remove(0);
    let apps = [
        harness.another_app().unwrap(),
        harness.another_app().unwrap(),
        harness.another_app().unwrap(),
    ];
    let planners = apps
        .iter()
        .zip(copies(&message, 3))
        .map(|(app, messages)| invoke(app, &campaign_planner::WORKER, messages));
    let failed: Vec<_> = futures::future::join_all(planners).await.into_iter().flatten().collect();
    assert!(failed.is_empty(), "{failed:?}");
    harness.drain().await.unwrap();
    check(&harness, campaign, &[(RecipientClass::Delivered, 1_120)]).await;
    assert_eq!(harness.campaign(campaign).await.unwrap().targeted, 1_120);
}

#[tokio::test]
async fn a_planner_killed_at_any_call_leaves_nobody_out() {
    for calls in 1.. {
        let mut harness = start().await;
        let vendors = harness.seed_vendors(120).await.unwrap();
        let campaign = harness.executed_campaign().await.unwrap();
        harness.reset_calls();
        let message = harness.take_messages(Queue::Plan).remove(0);
        let app = harness.another_app().unwrap();
        kill(&app, &campaign_planner::WORKER, message, harness.called_in_all(calls)).await;
        let finished = harness.calls().values().sum::<u64>() < calls;
        // SQS delivers the message again.
        harness.send_plan(campaign);
        harness.drain().await.unwrap();
        check(&harness, campaign, &[(RecipientClass::Delivered, 120)]).await;
        assert_eq!(state(&harness, campaign).await, CampaignState::Collecting, "killed at call {calls}");
        for vendor in &vendors {
            let asked = responses::asked(harness.store().unwrap(), vendor.id, campaign).await.unwrap();
            assert!(
                asked.is_some(),
                "killed at call {calls}: {} could not answer",
                vendor.profile.vendor_code.as_str()
            );
        }
        if finished {
            assert!(calls > 5, "the planner makes some calls");
            return;
        }
    }
}

#[tokio::test]
async fn a_vendor_whose_code_changes_under_the_planner_is_asked_once() {
    let mut harness = start().await;
    let seeded = harness.seed_vendors(60).await.unwrap();
    let campaign = harness.executed_campaign().await.unwrap();
    let message = harness.take_messages(Queue::Plan).remove(0);
    harness.reset_calls();
    // The planner dies once its first chunk is stored; meanwhile the first vendor gets a code behind everyone's.
    kill(harness.app(), &campaign_planner::WORKER, message, harness.called("TransactWriteItems", 2)).await;
    assert_eq!(harness.summaries(campaign).await.unwrap()[0].counts.targeted, 50);
    let raw = RawVendor {
        vendor_code: Some("Z-1".to_owned()),
        company_name: Some("Moved".to_owned()),
        emails: vec!["vendor1@example.in".to_owned()],
        ..RawVendor::default()
    };
    let (profile, _) = VendorProfile::parse(raw).unwrap();
    vendors::replace_profile(harness.store().unwrap(), &seeded[0], profile, harness.by())
        .await
        .unwrap();
    harness.send_plan(campaign);
    harness.drain().await.unwrap();
    assert_eq!(harness.simulator.messages_to("vendor1@example.in").len(), 1);
    assert_eq!(harness.ledger(campaign).await.unwrap().delivered, 60);
}

#[tokio::test]
async fn a_redelivered_chunk_message_sends_nothing_twice() {
    let (mut harness, campaign) = planned(60).await;
    for chunk in [1, 2, 1, 2, 2] {
        harness.send_chunk(campaign, chunk);
    }
    harness.drain().await.unwrap();
    harness.send_chunk(campaign, 1);
    harness.drain().await.unwrap();
    assert_eq!(bulk_sends(&harness), 2);
    assert_eq!(harness.simulator.messages().len(), 60);
    check(&harness, campaign, &[(RecipientClass::Delivered, 60)]).await;
}

#[tokio::test]
async fn two_senders_on_one_chunk_make_one_call() {
    let (mut harness, campaign) = planned(50).await;
    let message = harness.take_messages(Queue::Email).remove(0);
    let apps = [
        harness.another_app().unwrap(),
        harness.another_app().unwrap(),
        harness.another_app().unwrap(),
    ];
    let senders = apps
        .iter()
        .zip(copies(&message, 3))
        .map(|(app, messages)| invoke(app, &email_sender::WORKER, messages));
    let failed: Vec<_> = futures::future::join_all(senders).await.into_iter().flatten().collect();
    assert!(failed.is_empty(), "{failed:?}");
    harness.drain().await.unwrap();
    assert_eq!(bulk_sends(&harness), 1);
    check(&harness, campaign, &[(RecipientClass::Delivered, 50)]).await;
}

#[tokio::test]
async fn what_a_killed_sender_sent_is_unknown_until_its_events_arrive() {
    let options = Options {
        // Long after the claim has run out.
        timing: harness::Timing {
            send_event_ms: (600_000, 700_000),
            delivery_event_ms: (800_000, 900_000),
            complaint_event_ms: (1_000_000, 1_000_000),
        },
        ..Options::default()
    };
    let (mut harness, campaign) = planned_with(options, 50).await;
    harness.simulator.inject(Fault::once(FaultKind::TimeoutAfter { answer_after_ms: None }));
    let message = harness.take_messages(Queue::Email).remove(0);
    let app = harness.another_app().unwrap();
    kill(&app, &email_sender::WORKER, message, accepted(&harness, 50)).await;

    // The message comes again while the claim still holds, and waits for it to run out.
    harness.send_chunk(campaign, 1);
    harness.run_for(SignedDuration::from_secs(80)).await.unwrap();
    check(&harness, campaign, &[(RecipientClass::Pending, 50)]).await;
    harness.run_for(SignedDuration::from_secs(60)).await.unwrap();
    check(&harness, campaign, &[(RecipientClass::Unknown, 50)]).await;
    let reasons: BTreeSet<_> = harness
        .statuses(campaign)
        .await
        .unwrap()
        .into_values()
        .map(|status| status.reason)
        .collect();
    assert_eq!(reasons, BTreeSet::from([Some("claim_expired".to_owned())]));
    assert_eq!(state(&harness, campaign).await, CampaignState::Collecting);

    harness.drain().await.unwrap();
    check(&harness, campaign, &[(RecipientClass::Delivered, 50)]).await;
    assert_eq!(bulk_sends(&harness), 1);
}

#[tokio::test]
async fn a_claim_that_ran_out_is_unknown_and_not_sent_again() {
    let (mut harness, campaign) = planned(10).await;
    harness.simulator.inject(Fault::once(FaultKind::TimeoutBefore { answer_after_ms: None }));
    let message = harness.take_messages(Queue::Email).remove(0);
    let app = harness.another_app().unwrap();
    kill(&app, &email_sender::WORKER, message, harness.called("SendBulkEmail", 1)).await;
    harness.advance(AFTER_THE_CLAIM);
    harness.send_chunk(campaign, 1);
    harness.send_chunk(campaign, 1);
    harness.drain().await.unwrap();
    check(&harness, campaign, &[(RecipientClass::Unknown, 10)]).await;
    assert_eq!(bulk_sends(&harness), 1);
    assert_eq!(
        state(&harness, campaign).await,
        CampaignState::Collecting,
        "an unknown recipient may still answer"
    );
}

#[tokio::test]
async fn a_sender_killed_at_any_call_sends_nothing_twice_and_loses_nobody() {
    for calls in 1.. {
        let (mut harness, campaign) = planned(12).await;
        harness.reset_calls();
        let message = harness.take_messages(Queue::Email).remove(0);
        let app = harness.another_app().unwrap();
        kill(&app, &email_sender::WORKER, message, harness.called_in_all(calls)).await;
        let finished = harness.calls().values().sum::<u64>() < calls;
        harness.send_chunk(campaign, 1);
        harness.drain().await.unwrap();
        let sent = harness.simulator.messages().len();
        let expected = if sent == 12 {
            RecipientClass::Delivered
        } else {
            RecipientClass::Unknown
        };
        check(&harness, campaign, &[(expected, 12)]).await;
        assert!(bulk_sends(&harness) <= 1, "killed at call {calls}");
        assert_eq!(state(&harness, campaign).await, CampaignState::Collecting, "killed at call {calls}");
        if finished {
            assert!(calls > 5, "the sender makes some calls");
            return;
        }
    }
}

#[tokio::test]
async fn a_lost_answer_is_unknown_until_its_events_arrive() {
    let (mut harness, campaign) = planned(20).await;
    harness.lose_next_answer("SendBulkEmail");
    harness.drain_only(&[Turn::Send]).await.unwrap();
    let ledger = harness.chunk(campaign, 1).await.unwrap().counts();
    assert_eq!(ledger.unknown, 20, "{ledger:?}");
    harness.drain().await.unwrap();
    check(&harness, campaign, &[(RecipientClass::Delivered, 20)]).await;
    assert_eq!(bulk_sends(&harness), 1);
}

#[tokio::test]
async fn an_ambiguous_server_error_is_one_request_and_unknown() {
    let (mut harness, campaign) = planned(20).await;
    harness.simulator.inject(Fault::once(FaultKind::ServerErrorBefore { status: 503 }));
    harness.drain().await.unwrap();
    check(&harness, campaign, &[(RecipientClass::Unknown, 20)]).await;
    assert_eq!(bulk_sends(&harness), 1);

    let (mut harness, campaign) = planned(20).await;
    harness.simulator.inject(Fault::once(FaultKind::ServerErrorAfter { status: 500 }));
    harness.drain().await.unwrap();
    check(&harness, campaign, &[(RecipientClass::Delivered, 20)]).await;
    assert_eq!(bulk_sends(&harness), 1);
}

#[tokio::test]
async fn a_transient_failure_is_tried_five_times_and_then_failed() {
    let (mut harness, campaign) = planned(4).await;
    let transient = FaultKind::EntryStatus {
        status: "TRANSIENT_FAILURE".to_owned(),
        error: None,
        accepted: false,
    };
    harness.simulator.inject(Fault::always(transient.clone()).to("vendor1@example.in"));
    harness.simulator.inject(Fault::once(transient).times(2).to("vendor2@example.in"));
    harness.drain().await.unwrap();
    check(&harness, campaign, &[(RecipientClass::Delivered, 3), (RecipientClass::Failed, 1)]).await;
    let statuses = harness.statuses(campaign).await.unwrap();
    assert_eq!(statuses["V-00001"].reason.as_deref(), Some("ses:transient_failure"));
    assert_eq!(
        (statuses["V-00001"].attempts, statuses["V-00002"].attempts, statuses["V-00003"].attempts),
        (MAX_ATTEMPTS, 3, 1)
    );
    assert_eq!(bulk_sends(&harness), u64::from(MAX_ATTEMPTS));
}

#[tokio::test]
async fn throttling_loses_nobody_and_counts_no_attempt() {
    let (mut harness, campaign) = planned(60).await;
    harness.simulator.inject(Fault::once(FaultKind::Throttle).times(9));
    let throttled = FaultKind::EntryStatus {
        status: "ACCOUNT_THROTTLED".to_owned(),
        error: None,
        accepted: false,
    };
    harness.drain().await.unwrap();
    check(&harness, campaign, &[(RecipientClass::Delivered, 60)]).await;
    assert!(harness.statuses(campaign).await.unwrap().values().all(|status| status.attempts == 1));
    assert!(harness.dead_letters().is_empty());
    assert_eq!(bulk_sends(&harness), 11);

    // One recipient of a chunk alone, and more often than a fault of its own would be forgiven.
    let second = harness.executed_campaign().await.unwrap();
    harness.simulator.inject(Fault::once(throttled).times(8).to("vendor7@example.in"));
    harness.drain().await.unwrap();
    check(&harness, second, &[(RecipientClass::Delivered, 60)]).await;
}

#[tokio::test]
async fn a_used_up_daily_quota_only_delays() {
    let (mut harness, campaign) = planned(10).await;
    harness.simulator.inject(Fault::once(FaultKind::DailyQuota).times(3));
    harness.run_ticking(SignedDuration::from_mins(40)).await.unwrap();
    check(&harness, campaign, &[(RecipientClass::Pending, 10)]).await;
    harness.run_ticking(SignedDuration::from_mins(60)).await.unwrap();
    check(&harness, campaign, &[(RecipientClass::Delivered, 10)]).await;
    assert_eq!(bulk_sends(&harness), 4, "the quota is asked for, not hammered at");
    assert!(harness.dead_letters().is_empty());
}

#[tokio::test]
async fn a_paused_account_halts_the_campaign_with_the_reason() {
    let (mut harness, id) = planned(120).await;
    harness.simulator.inject(Fault::always(FaultKind::SendingPaused));
    harness.drain().await.unwrap();
    let campaign = harness.campaign(id).await.unwrap();
    assert_eq!(
        (campaign.state, campaign.halt_reason.as_deref()),
        (CampaignState::Halted, Some("ses:sending_paused"))
    );
    check(&harness, id, &[(RecipientClass::Pending, 120)]).await;
    assert!(
        harness
            .summaries(id)
            .await
            .unwrap()
            .iter()
            .all(|chunk| chunk.state == ChunkState::Pending)
    );

    // Once the account sends again, what is pending can go.
    harness.simulator.clear_faults();
    transition(
        harness.store().unwrap(),
        id,
        CampaignState::Halted,
        CampaignState::Sending,
        None,
        harness.app().now(),
    )
    .await
    .unwrap();
    for chunk in 1..=3 {
        harness.send_chunk(id, chunk);
    }
    harness.drain().await.unwrap();
    check(&harness, id, &[(RecipientClass::Delivered, 120)]).await;
}

#[tokio::test]
async fn nothing_leaves_while_a_campaign_is_paused() {
    let (mut harness, id) = planned(60).await;
    transition(
        harness.store().unwrap(),
        id,
        CampaignState::Sending,
        CampaignState::Paused,
        None,
        harness.app().now(),
    )
    .await
    .unwrap();
    harness.drain().await.unwrap();
    assert_eq!(bulk_sends(&harness), 0);
    for chunk in harness.summaries(id).await.unwrap() {
        assert_eq!((chunk.state, chunk.attempt), (ChunkState::Pending, 0));
    }
    transition(
        harness.store().unwrap(),
        id,
        CampaignState::Paused,
        CampaignState::Sending,
        None,
        harness.app().now(),
    )
    .await
    .unwrap();
    harness.send_chunk(id, 1);
    harness.send_chunk(id, 2);
    harness.drain().await.unwrap();
    check(&harness, id, &[(RecipientClass::Delivered, 60)]).await;
}

#[tokio::test]
async fn duplicated_and_reordered_events_change_nothing() {
    for seed in 1..=4 {
        let (mut harness, campaign) = planned_with(
            Options {
                seed,
                shuffled: true,
                ..Options::default()
            },
            130,
        )
        .await;
        harness
            .simulator
            .inject(Fault::always(FaultKind::EventDuplication { event_type: None, copies: 3 }));
        harness.drain_only(&[Turn::Send]).await.unwrap();
        // All at once, in any order.
        harness.advance(SignedDuration::from_mins(10));
        harness.drain().await.unwrap();
        check(&harness, campaign, &[(RecipientClass::Delivered, 130)]).await;
        assert_eq!(state(&harness, campaign).await, CampaignState::Collecting, "seed {seed}");
    }
}

#[tokio::test]
async fn an_event_that_arrives_late_still_counts() {
    let (mut harness, campaign) = planned(20).await;
    harness.drain_only(&[Turn::Send]).await.unwrap();
    let (late, soon): (Vec<_>, Vec<_>) = harness
        .take_messages(Queue::DeliveryEvents)
        .into_iter()
        .partition(|message| message.body.contains("\\\"eventType\\\":\\\"Delivery\\\""));
    assert_eq!((late.len(), soon.len()), (20, 20));
    for message in soon {
        harness.send_message(Queue::DeliveryEvents, message.body);
    }
    harness.drain().await.unwrap();
    check(&harness, campaign, &[(RecipientClass::Accepted, 20)]).await;
    harness.advance(SignedDuration::from_hours(6));
    for message in late {
        harness.send_message(Queue::DeliveryEvents, message.body);
    }
    harness.drain().await.unwrap();
    check(&harness, campaign, &[(RecipientClass::Delivered, 20)]).await;
}

#[tokio::test]
async fn events_stored_before_the_outcome_count_as_well() {
    let (mut harness, campaign) = planned(20).await;
    harness
        .simulator
        .inject(Fault::once(FaultKind::TimeoutAfter { answer_after_ms: Some(400) }));
    let message = harness.take_messages(Queue::Email).remove(0);
    let app = harness.another_app().unwrap();
    let events_first = async {
        accepted(&harness, 20).await;
        let deadline = Instant::now() + Duration::from_secs(30);
        while harness.messages(Queue::DeliveryEvents).len() < 40 {
            assert!(Instant::now() < deadline, "the events are published");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        let events = harness.take_messages(Queue::DeliveryEvents);
        assert!(invoke(harness.app(), &delivery_events::WORKER, events).await.is_empty());
    };
    let (failed, ()) = tokio::join!(invoke(&app, &email_sender::WORKER, vec![message]), events_first);
    assert!(failed.is_empty());
    harness.drain().await.unwrap();
    check(&harness, campaign, &[(RecipientClass::Delivered, 20)]).await;
}

#[tokio::test]
async fn an_unsubscribe_between_plan_and_send_is_honoured() {
    let (mut harness, campaign) = planned(5).await;
    let since = harness.app().now();
    let opted_out = Suppression::new(SuppressionReason::Unsubscribe, since, SuppressionSource::Link);
    assert!(
        suppressions::add(harness.store().unwrap(), Channel::Email, "vendor3@example.in", &opted_out)
            .await
            .unwrap()
    );
    harness.drain().await.unwrap();
    check(&harness, campaign, &[(RecipientClass::Delivered, 4), (RecipientClass::Suppressed, 1)]).await;
    assert!(harness.simulator.messages_to("vendor3@example.in").is_empty());
    assert_eq!(
        harness.statuses(campaign).await.unwrap()["V-00003"].reason.as_deref(),
        Some("unsubscribe")
    );
}

#[tokio::test]
async fn a_poison_event_fails_alone_and_ends_as_a_dead_letter() {
    let (mut harness, campaign) = planned(20).await;
    harness.drain_only(&[Turn::Send]).await.unwrap();
    harness.send_message(Queue::DeliveryEvents, "{\"Type\":\"Notification\",\"Message\":\"{\"}");
    let mut batch = harness.messages(Queue::DeliveryEvents);
    assert_eq!(batch.len(), 41);
    batch.sort_by(|a, b| a.id.cmp(&b.id));
    let failed = invoke(harness.app(), &delivery_events::WORKER, batch).await;
    assert_eq!(failed.len(), 1, "{failed:?}");
    assert!(failed[0].body.contains("\"Message\":\"{\""));
    assert_eq!(harness.chunk(campaign, 1).await.unwrap().counts().delivered, 20);

    harness.drain().await.unwrap();
    let dead = harness.dead_letters();
    assert_eq!(dead.len(), 1, "{dead:?}");
    assert_eq!((dead[0].0, dead[0].1.receive_count), (Queue::DeliveryEvents, harness::MAX_RECEIVES));
    check(&harness, campaign, &[(RecipientClass::Delivered, 20)]).await;
}

#[tokio::test]
async fn a_poison_chunk_message_ends_as_a_dead_letter() {
    let (mut harness, campaign) = planned(5).await;
    harness.send_message(Queue::Email, "{\"campaign_id\":\"none\"}");
    harness.drain().await.unwrap();
    assert_eq!(harness.dead_letters().len(), 1);
    check(&harness, campaign, &[(RecipientClass::Delivered, 5)]).await;
    // A chunk nobody planned is no work and no failure.
    harness.send_chunk(campaign, 99);
    harness.drain().await.unwrap();
    assert_eq!(harness.dead_letters().len(), 1);
}

#[tokio::test]
async fn a_campaign_without_recipients_halts_with_the_reason() {
    let mut harness = start().await;
    let id = harness.executed_campaign().await.unwrap();
    harness.drain().await.unwrap();
    let campaign = harness.campaign(id).await.unwrap();
    assert_eq!(
        (campaign.state, campaign.halt_reason.as_deref()),
        (CampaignState::Halted, Some("no_recipients"))
    );
    assert!(harness.summaries(id).await.unwrap().is_empty());
    assert_eq!(bulk_sends(&harness), 0);
}

#[tokio::test]
async fn many_chunks_are_all_planned_and_sent_once() {
    let (mut harness, campaign) = planned(1_310).await;
    let summaries = harness.summaries(campaign).await.unwrap();
    assert_eq!(
        summaries.iter().map(|chunk| chunk.number).collect::<Vec<_>>(),
        (1..=27).collect::<Vec<_>>()
    );
    assert!(
        summaries[..26]
            .iter()
            .all(|chunk| usize::try_from(chunk.counts.targeted).unwrap() == CHUNK_SIZE)
    );
    harness.drain().await.unwrap();
    assert_eq!(bulk_sends(&harness), 27);
    check(&harness, campaign, &[(RecipientClass::Delivered, 1_310)]).await;
}

#[tokio::test]
async fn a_chunk_of_long_messages_is_split_into_calls() {
    let mut harness = start().await;
    harness.seed_vendors(50).await.unwrap();
    let campaign = harness.seed_campaign().await.unwrap();
    let content = EmailContent {
        html: format!("{}<p>{}</p>", harness.content().html, "x".repeat(30_000)),
        ..harness.content()
    };
    harness.execute(&campaign, content).await.unwrap();
    harness.drain().await.unwrap();
    assert_eq!(bulk_sends(&harness), 2);
    check(&harness, campaign.id, &[(RecipientClass::Delivered, 50)]).await;
}

#[tokio::test]
async fn the_second_call_of_a_split_chunk_is_made_again_when_only_it_was_throttled() {
    let mut harness = start().await;
    harness.seed_vendors(50).await.unwrap();
    let campaign = harness.seed_campaign().await.unwrap();
    let content = EmailContent {
        html: format!("{}<p>{}</p>", harness.content().html, "x".repeat(30_000)),
        ..harness.content()
    };
    harness.execute(&campaign, content).await.unwrap();
    harness.simulator.inject(Fault::once(FaultKind::Throttle).to("vendor50@example.in"));
    harness.drain().await.unwrap();
    check(&harness, campaign.id, &[(RecipientClass::Delivered, 50)]).await;
    assert_eq!(bulk_sends(&harness), 3);
}

#[tokio::test]
async fn editing_the_template_after_execute_does_not_change_what_is_sent() {
    let mut harness = start().await;
    harness.seed_vendors(3).await.unwrap();
    let campaign = harness.seed_campaign().await.unwrap();
    let now = harness.app().now();
    let template = Template {
        id: campaign.content.template_id.unwrap(),
        content: harness.content().into(),
        created_by: campaign.created_by,
        created_at: now,
        updated_at: now,
        version: 1,
    };
    templates::create(harness.store().unwrap(), &template).await.unwrap();
    harness.execute(&campaign, harness.content()).await.unwrap();
    let edited = EmailContent {
        subject: "Edited".to_owned(),
        ..harness.content()
    };
    templates::replace(harness.store().unwrap(), template.id, &edited.into(), 1, now)
        .await
        .unwrap();
    harness.drain().await.unwrap();
    let messages = harness.simulator.messages();
    assert_eq!(messages.len(), 3);
    for message in messages {
        assert!(message.subject.ends_with(": please declare your MSME status"), "{}", message.subject);
    }
}

#[tokio::test]
async fn who_is_asked_is_settled_by_the_plan() {
    let (mut harness, campaign) = planned(3).await;
    let store = harness.store().unwrap();
    let page = vendors::list_by_code(store, &store::PageRequest { limit: 10, after: None })
        .await
        .unwrap();
    let raw = RawVendor {
        vendor_code: Some("V-00001".to_owned()),
        company_name: Some("Renamed".to_owned()),
        emails: vec!["moved@example.in".to_owned()],
        ..RawVendor::default()
    };
    let (profile, _) = VendorProfile::parse(raw).unwrap();
    vendors::replace_profile(store, &page.items[0], profile, harness.by()).await.unwrap();
    vendors::remove(store, &page.items[1], harness.by()).await.unwrap();
    assert!(matches!(vendors::get(store, page.items[1].id).await, Err(StoreError::NotFound)));
    harness.drain().await.unwrap();
    check(&harness, campaign, &[(RecipientClass::Delivered, 3)]).await;
    let to: BTreeSet<String> = harness.simulator.messages().into_iter().flat_map(|message| message.to).collect();
    assert_eq!(to, (1..=3).map(|n| format!("vendor{n}@example.in")).collect());
}

#[tokio::test]
async fn a_chunk_that_waited_past_the_deadline_is_not_sent() {
    let (mut harness, campaign) = planned(3).await;
    let deadline = harness.campaign(campaign).await.unwrap().content.deadline;
    harness.advance(deadline.duration_since(harness.app().now()));
    harness.drain().await.unwrap();
    check(&harness, campaign, &[(RecipientClass::Skipped, 3)]).await;
    assert!(harness.simulator.messages().is_empty(), "its link would open nothing");
}

#[tokio::test]
async fn an_error_before_anything_was_sent_makes_nobody_unknown() {
    let (mut harness, campaign) = planned(12).await;
    // As often as the SDK tries.
    for _ in 0..4 {
        harness.lose_next_answer("BatchGetItem");
    }
    harness.drain().await.unwrap();
    check(&harness, campaign, &[(RecipientClass::Delivered, 12)]).await;
    assert_eq!(bulk_sends(&harness), 1);
}
