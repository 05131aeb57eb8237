//! WhatsApp, failover, escalation, reminders and the reconciler, end to end on the harness.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics with the place")]

use domain::CampaignId;
use domain::campaign::{CampaignContent, CampaignState, Routing, UnknownPolicy};
use domain::delivery::{Channel, RecipientClass, RecipientStatus};
use domain::suppression::{SuppressionReason, SuppressionSource};
use domain::vendor_record::Vendor;
use domain::work::{Scope, Task};
use domain::{TemplateId, VendorId};
use jiff::SignedDuration;
use serde_json::json;
use store::chunks::ChunkState;
use store::suppressions::{self, Suppression};
use tests::harness::{Harness, Options, Turn};
use tests::meta_simulator::{self, NumberHealth};
use tests::sendgrid_simulator::{API_KEY, SendGridSimulator};
use tests::ses_simulator::{Fault, FaultKind};

async fn start() -> Harness {
    Harness::start(Options::default()).await.expect("the harness starts")
}

/// Stores vendors with these addresses and numbers: `V-1` first.
async fn seed(harness: &Harness, vendors: &[(Option<&str>, Option<&str>)]) -> Vec<Vendor> {
    let vendors = vendors
        .iter()
        .zip(1..)
        .map(|((email, phone), n)| harness.vendor_with_phone(&format!("V-{n}"), *email, *phone).unwrap())
        .collect();
    harness.store_vendors(vendors).await.unwrap()
}

fn by_whatsapp(content: &mut CampaignContent) {
    content.template_id = None;
    content.whatsapp_template_id = Some(TemplateId::from_ulid(ulid::Ulid::from_parts(1, 1)));
}

fn by_both(content: &mut CampaignContent) {
    content.whatsapp_template_id = Some(TemplateId::from_ulid(ulid::Ulid::from_parts(1, 1)));
}

async fn execute(harness: &Harness, change: impl FnOnce(&mut CampaignContent)) -> CampaignId {
    let campaign = harness.seed_campaign_with(change).await.unwrap();
    harness.execute(&campaign, harness.content()).await.unwrap();
    campaign.id
}

async fn status(harness: &Harness, campaign: CampaignId, name: &str) -> RecipientStatus {
    harness.statuses(campaign).await.unwrap()[name].clone()
}

#[track_caller]
fn check(status: &RecipientStatus, class: RecipientClass, reason: Option<&str>) {
    assert_eq!((status.class, status.reason.as_deref()), (class, reason), "{status:?}");
}

/// Every ledger balances, and says what the recipients say.
async fn balances(harness: &Harness, campaign: CampaignId) {
    let ledger = harness.ledger(campaign).await.unwrap();
    let statuses = harness.statuses(campaign).await.unwrap();
    assert!(ledger.is_balanced(), "{ledger:?}");
    for class in RecipientClass::ALL {
        let count = statuses.values().filter(|status| status.class == class).count();
        assert_eq!(usize::try_from(ledger.of(class)).unwrap(), count, "{class:?}: {ledger:?}");
    }
}

fn whatsapps_to(harness: &Harness, number: &str) -> usize {
    harness.meta.messages_to(number).len()
}

#[tokio::test]
async fn whatsapp_reaches_who_can_be_reached_and_says_why_not() {
    let mut harness = start().await;
    let vendors = [
        (None, Some("9876500001")),
        (None, Some("9876500002")),
        (None, None),
        // Refused at once: not a WhatsApp number.
        (None, Some("9990131026")),
        // Accepted, then given up.
        (None, Some("9991131026")),
        // The provider says it wants none: an opt-out.
        (None, Some("9990131050")),
    ];
    seed(&harness, &vendors).await;
    let campaign = execute(&harness, by_whatsapp).await;
    harness.drain().await.unwrap();

    let of = async |n: u32| status(&harness, campaign, &format!("V-{n}/whatsapp")).await;
    check(&of(1).await, RecipientClass::Delivered, None);
    check(&of(2).await, RecipientClass::Delivered, None);
    assert!(of(2).await.read && !of(1).await.read);
    check(&of(3).await, RecipientClass::Skipped, Some("no_phone"));
    check(&of(4).await, RecipientClass::Failed, Some("whatsapp:131026"));
    check(&of(5).await, RecipientClass::Failed, Some("whatsapp:131026"));
    check(&of(6).await, RecipientClass::Failed, Some("whatsapp:131050"));
    balances(&harness, campaign).await;
    assert!(harness.dead_letters().is_empty());

    let again = execute(&harness, by_whatsapp).await;
    harness.drain().await.unwrap();
    check(
        &status(&harness, again, "V-6/whatsapp").await,
        RecipientClass::Suppressed,
        Some("provider_opt_out"),
    );
}

#[tokio::test]
async fn a_whatsapp_chunk_goes_in_waves_and_every_recipient_gets_one_message() {
    let mut harness = start().await;
    let phones: Vec<String> = (0..130).map(|n| format!("98765{n:05}")).collect();
    let vendors: Vec<_> = phones.iter().map(|phone| (None, Some(phone.as_str()))).collect();
    seed(&harness, &vendors).await;
    let campaign = execute(&harness, by_whatsapp).await;
    harness.drain().await.unwrap();
    let ledger = harness.ledger(campaign).await.unwrap();
    assert_eq!((ledger.targeted, ledger.delivered), (130, 130), "{ledger:?}");
    assert_eq!(harness.summaries(campaign).await.unwrap().len(), 2, "98 and 32");
    assert!(harness.meta.duplicates().is_empty());
    assert!(harness.meta.peak_concurrency() <= 20, "two senders of ten each");
}

#[tokio::test]
async fn lost_answers_are_unknown_until_the_webhook_tells() {
    let mut harness = start().await;
    // Accepted and answered 500; accepted without a webhook, connection dropped.
    seed(
        &harness,
        &[(None, Some("9992000003")), (None, Some("9992000005")), (None, Some("9876500011"))],
    )
    .await;
    let campaign = execute(&harness, by_whatsapp).await;
    harness.drain_only(&[Turn::Plan, Turn::SendWhatsapp]).await.unwrap();
    assert_eq!(status(&harness, campaign, "V-1/whatsapp").await.class, RecipientClass::Unknown);
    harness.drain().await.unwrap();
    assert_eq!(status(&harness, campaign, "V-1/whatsapp").await.class, RecipientClass::Delivered);
    assert_eq!(status(&harness, campaign, "V-2/whatsapp").await.class, RecipientClass::Unknown);
    assert_eq!(status(&harness, campaign, "V-3/whatsapp").await.class, RecipientClass::Delivered);
    assert_eq!(whatsapps_to(&harness, "919992000003"), 1);
}

#[tokio::test]
async fn unknown_is_left_to_an_operator_or_sent_again_as_the_campaign_says() {
    for (policy, requests) in [(UnknownPolicy::Leave, 1), (UnknownPolicy::Resend, 2)] {
        let mut harness = start().await;
        seed(&harness, &[(Some("one@example.in"), None)]).await;
        harness
            .simulator
            .inject(Fault::once(FaultKind::TimeoutBefore { answer_after_ms: Some(50) }));
        let campaign = execute(&harness, |content| content.unknown_policy = policy).await;
        harness.run_ticking(SignedDuration::from_mins(10)).await.unwrap();
        assert_eq!(
            status(&harness, campaign, "V-1").await.class,
            RecipientClass::Unknown,
            "not before the grace is over"
        );
        harness.run_ticking(SignedDuration::from_mins(20)).await.unwrap();
        let expected = match policy {
            UnknownPolicy::Leave => RecipientClass::Unknown,
            UnknownPolicy::Resend => RecipientClass::Delivered,
        };
        assert_eq!(status(&harness, campaign, "V-1").await.class, expected);
        assert_eq!(harness.calls()["SendBulkEmail"], requests);
        balances(&harness, campaign).await;
    }
}

#[tokio::test]
async fn an_operator_resumes_what_failed_and_what_is_unknown() {
    let mut harness = start().await;
    seed(&harness, &[(Some("one@example.in"), None), (Some("two@example.in"), None)]).await;
    let refused = FaultKind::EntryStatus {
        status: "MESSAGE_REJECTED".to_owned(),
        error: None,
        accepted: false,
    };
    harness.simulator.inject(Fault::once(refused).to("one@example.in"));
    let campaign = execute(&harness, |_| {}).await;
    harness.drain().await.unwrap();
    check(
        &status(&harness, campaign, "V-1").await,
        RecipientClass::Failed,
        Some("ses:message_rejected"),
    );
    for _ in 0..2 {
        let task = Task::Resume {
            scope: Scope::Failed,
            by: "usr_operator".to_owned(),
        };
        harness.send_task(campaign, task);
    }
    harness.drain().await.unwrap();
    assert_eq!(status(&harness, campaign, "V-1").await.class, RecipientClass::Delivered);
    assert_eq!(harness.simulator.messages_to("one@example.in").len(), 1);
    assert_eq!(harness.simulator.messages_to("two@example.in").len(), 1, "who was reached is left alone");
    balances(&harness, campaign).await;
}

#[tokio::test]
async fn whom_email_does_not_reach_is_asked_by_whatsapp_once() {
    let mut harness = start().await;
    let vendors = [
        (Some("bounce@simulator.amazonses.com"), Some("9876500021")),
        (Some("fine@example.in"), Some("9876500022")),
        (None, Some("9876500023")),
        (None, None),
        (Some("out@example.in"), Some("9876500025")),
    ];
    seed(&harness, &vendors).await;
    let opted_out = Suppression::new(SuppressionReason::Unsubscribe, harness.app().now(), SuppressionSource::Link);
    suppressions::add(harness.store().unwrap(), Channel::Email, "out@example.in", &opted_out)
        .await
        .unwrap();
    let campaign = execute(&harness, |content| {
        by_both(content);
        content.routing = Routing::EmailFirst;
    })
    .await;
    harness.run_ticking(SignedDuration::from_mins(30)).await.unwrap();

    check(
        &status(&harness, campaign, "V-1").await,
        RecipientClass::Bounced,
        Some("permanent:general"),
    );
    check(&status(&harness, campaign, "V-1/whatsapp").await, RecipientClass::Delivered, None);
    check(&status(&harness, campaign, "V-3/whatsapp").await, RecipientClass::Delivered, None);
    check(
        &status(&harness, campaign, "V-4/whatsapp").await,
        RecipientClass::Skipped,
        Some("no_phone"),
    );
    let statuses = harness.statuses(campaign).await.unwrap();
    assert!(!statuses.contains_key("V-2/whatsapp"), "it got the e-mail");
    assert!(!statuses.contains_key("V-5/whatsapp"), "it asked to be left alone");
    assert_eq!(harness.meta.messages().len(), 2);
    balances(&harness, campaign).await;
}

#[tokio::test]
async fn a_provider_that_cannot_be_reached_hands_over_to_the_next() {
    let sendgrid = SendGridSimulator::start().await.unwrap();
    let mut harness = Harness::start(Options {
        email_providers: "ses,sendgrid",
        ..Options::default()
    })
    .await
    .unwrap();
    harness
        .set_email_providers(&json!({"sendgrid_api_key": API_KEY, "sendgrid_url": sendgrid.url()}))
        .unwrap();
    seed(&harness, &[(Some("one@example.in"), None), (Some("two@example.in"), None)]).await;
    harness.simulator.inject(Fault::always(FaultKind::SendingPaused));
    let campaign = execute(&harness, |_| {}).await;
    harness.drain().await.unwrap();
    assert_eq!(sendgrid.messages().len(), 2);
    assert_eq!(status(&harness, campaign, "V-1").await.class, RecipientClass::Accepted);
    assert_ne!(harness.campaign(campaign).await.unwrap().state, CampaignState::Halted);

    // A lost answer proves nothing: nobody else may send the message.
    harness.simulator.clear_faults();
    harness
        .simulator
        .inject(Fault::once(FaultKind::TimeoutBefore { answer_after_ms: Some(50) }));
    let lost = execute(&harness, |_| {}).await;
    harness.drain().await.unwrap();
    assert_eq!(status(&harness, lost, "V-1").await.class, RecipientClass::Unknown);
    assert_eq!(sendgrid.messages().len(), 2);
}

#[tokio::test]
async fn lost_answers_in_a_row_stop_the_campaign_with_the_reason() {
    let mut harness = start().await;
    harness.seed_vendors(400).await.unwrap();
    harness
        .simulator
        .inject(Fault::always(FaultKind::TimeoutBefore { answer_after_ms: Some(20) }));
    let campaign = execute(&harness, |_| {}).await;
    harness.drain().await.unwrap();
    let stopped = harness.campaign(campaign).await.unwrap();
    assert_eq!(stopped.state, CampaignState::Halted);
    assert_eq!(stopped.halt_reason.as_deref(), Some("circuit_open:ses"));
    let ledger = harness.ledger(campaign).await.unwrap();
    assert!(ledger.unknown <= 250, "the others were spared: {ledger:?}");
    assert!(ledger.pending >= 150, "{ledger:?}");
}

#[tokio::test]
async fn many_hard_bounces_halt_the_campaign_and_a_waived_reason_does_not_again() {
    let mut harness = start().await;
    let addresses: Vec<String> = (0..100)
        .map(|n| {
            if n < 20 {
                format!("bounce+{n}@simulator.amazonses.com")
            } else {
                format!("vendor{n}@example.in")
            }
        })
        .collect();
    let vendors: Vec<_> = addresses.iter().map(|address| (Some(address.as_str()), None)).collect();
    seed(&harness, &vendors).await;
    let campaign = harness.seed_campaign().await.unwrap();
    harness.execute(&campaign, harness.content()).await.unwrap();
    let id = campaign.id;
    // The second chunk is kept waiting, so that there is something left to stop.
    harness.drain_only(&[Turn::Plan]).await.unwrap();
    let mut messages = harness.take_messages(tests::harness::Queue::Email);
    harness.send_message(tests::harness::Queue::Email, messages.remove(0).body);
    harness.drain().await.unwrap();
    let halted = harness.campaign(id).await.unwrap();
    assert_eq!(
        (halted.state, halted.halt_reason.as_deref()),
        (CampaignState::Halted, Some("bounce_rate"))
    );

    let store = harness.store().unwrap();
    store::campaigns::resume(store, &halted, CampaignState::Sending, harness.app().now())
        .await
        .unwrap();
    harness.send_task(
        id,
        Task::Resume {
            scope: Scope::Pending,
            by: "usr_operator".to_owned(),
        },
    );
    harness.drain().await.unwrap();
    let resumed = harness.campaign(id).await.unwrap();
    assert_eq!(resumed.state, CampaignState::Collecting, "{:?}", resumed.halt_reason);
    balances(&harness, id).await;
}

#[tokio::test]
async fn a_lost_chunk_message_is_found_by_the_reconciler() {
    let mut harness = start().await;
    harness.seed_vendors(120).await.unwrap();
    let campaign = execute(&harness, |_| {}).await;
    harness.drain_only(&[Turn::Plan]).await.unwrap();
    assert_eq!(
        harness.take_messages(tests::harness::Queue::Email).len(),
        3,
        "as if a dead-letter queue had taken them"
    );
    harness.run_ticking(SignedDuration::from_mins(30)).await.unwrap();
    let ledger = harness.ledger(campaign).await.unwrap();
    assert_eq!(ledger.delivered, 120, "{ledger:?}");
    assert_eq!(harness.simulator.messages().len(), 120);
}

#[tokio::test]
async fn a_campaign_completes_at_its_deadline_without_anyone_stirring_it() {
    let mut harness = start().await;
    harness.seed_vendors(2).await.unwrap();
    let campaign = execute(&harness, |_| {}).await;
    harness.drain().await.unwrap();
    assert_eq!(harness.campaign(campaign).await.unwrap().state, CampaignState::Collecting);
    harness.advance(SignedDuration::from_hours(24 * 30));
    harness.run_ticking(SignedDuration::from_mins(5)).await.unwrap();
    assert_eq!(harness.campaign(campaign).await.unwrap().state, CampaignState::Completed);
}

#[tokio::test]
async fn whatsapp_waits_for_the_morning() {
    let mut harness = start().await;
    seed(&harness, &[(None, Some("9876500031"))]).await;
    // From 10:00 to 21:00 in India.
    harness.advance(SignedDuration::from_hours(11));
    let campaign = execute(&harness, by_whatsapp).await;
    harness.run_ticking(SignedDuration::from_hours(10)).await.unwrap();
    assert_eq!(status(&harness, campaign, "V-1/whatsapp").await.class, RecipientClass::Pending);
    assert!(harness.meta.messages().is_empty());
    assert!(
        harness
            .summaries(campaign)
            .await
            .unwrap()
            .iter()
            .all(|chunk| chunk.state == ChunkState::Pending)
    );
    harness.run_ticking(SignedDuration::from_mins(90)).await.unwrap();
    assert_eq!(status(&harness, campaign, "V-1/whatsapp").await.class, RecipientClass::Delivered);
}

#[tokio::test]
async fn a_portfolio_limit_spreads_a_campaign_over_days_and_loses_nobody() {
    let mut harness = start().await;
    let phones: Vec<String> = (0..300).map(|n| format!("98764{n:05}")).collect();
    let vendors: Vec<_> = phones.iter().map(|phone| (None, Some(phone.as_str()))).collect();
    seed(&harness, &vendors).await;
    harness.meta.set_health(NumberHealth {
        messaging_limit: "TIER_250".to_owned(),
        ..NumberHealth::default()
    });
    harness.tick().await.unwrap();
    let campaign = execute(&harness, by_whatsapp).await;
    harness.run_ticking(SignedDuration::from_hours(6)).await.unwrap();
    assert_eq!(harness.ledger(campaign).await.unwrap().pending, 50, "250 on the first day");
    harness.run_ticking(SignedDuration::from_hours(22)).await.unwrap();
    let ledger = harness.ledger(campaign).await.unwrap();
    assert_eq!(ledger.delivered, 300, "{ledger:?}");
    assert!(harness.meta.duplicates().is_empty());
    assert_ne!(harness.campaign(campaign).await.unwrap().state, CampaignState::Halted);
}

#[tokio::test]
async fn a_message_given_up_for_the_day_goes_again_the_next() {
    let mut harness = start().await;
    seed(&harness, &[(None, Some("9876500041"))]).await;
    let given_up = meta_simulator::FaultKind::EndAs {
        outcome: meta_simulator::Outcome::NeverSent { code: 131_049 },
    };
    harness.meta.inject(meta_simulator::Fault::once(given_up));
    let campaign = execute(&harness, by_whatsapp).await;
    harness.drain().await.unwrap();
    check(
        &status(&harness, campaign, "V-1/whatsapp").await,
        RecipientClass::Failed,
        Some("whatsapp:131049"),
    );
    harness.run_ticking(SignedDuration::from_hours(26)).await.unwrap();
    let status = status(&harness, campaign, "V-1/whatsapp").await;
    check(&status, RecipientClass::Delivered, None);
    assert!(!status.duplicated, "the first was given up: {status:?}");
    assert_eq!(whatsapps_to(&harness, "919876500041"), 2);
}

#[tokio::test]
async fn a_reminder_asks_who_is_silent_and_an_answer_to_it_answers_both() {
    let mut harness = start().await;
    let vendors = seed(
        &harness,
        &[
            (Some("silent@example.in"), None),
            (Some("answers@example.in"), None),
            (Some("bounce@simulator.amazonses.com"), None),
        ],
    )
    .await;
    let first = execute(&harness, |_| {}).await;
    harness.drain().await.unwrap();
    answer(&harness, first, vendors[1].id).await;
    harness.drain().await.unwrap();

    let reminder = harness.reminder_of(first).await.unwrap();
    harness.drain().await.unwrap();
    let statuses = harness.statuses(reminder).await.unwrap();
    assert_eq!(statuses.keys().collect::<Vec<_>>(), ["V-1"]);
    assert_eq!(harness.simulator.messages_to("silent@example.in").len(), 2);

    answer(&harness, first, vendors[0].id).await;
    harness.drain().await.unwrap();
    assert!(status(&harness, first, "V-1").await.responded);
    assert!(status(&harness, reminder, "V-1").await.responded);
    assert_eq!(harness.campaign(reminder).await.unwrap().state, CampaignState::Completed);
}

/// Records a vendor's answer as the form does.
async fn answer(harness: &Harness, root: CampaignId, vendor: VendorId) {
    let store = harness.store().unwrap();
    let asked = store::responses::asked(store, vendor, root).await.unwrap().unwrap();
    let response = harness.answer(root, vendor);
    let submitted = store::responses::submit(store, &response, root, &asked.chunks, harness.app().new_ulid())
        .await
        .unwrap();
    assert_eq!(submitted, store::responses::Submitted::Accepted);
}
