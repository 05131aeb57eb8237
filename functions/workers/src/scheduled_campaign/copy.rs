//! Campaigns made from a campaign: occurrences and reminders. Each has its own ledger.

use domain::campaign::{Audience, Campaign, CampaignContent, CampaignOrigin, CampaignState, OriginKind};
use domain::schedule::{Schedule, TimeZone};
use jiff::{SignedDuration, Timestamp};
use runtime::{App, RecordError};
use store::campaigns;

use super::{Fired, Outcome, refusal};

/// What becomes of the copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Then {
    /// It is sent.
    Send,
    /// It stays a draft that a person executes or deletes.
    Ask,
}

/// One run of a recurring campaign.
pub(super) async fn occurrence(app: &App, fired: &Fired, then: Then) -> Result<Outcome, RecordError> {
    // The parent waits as long as it recurs. Somebody may have executed it once more by hand: it recurs all the same.
    let parent = &fired.campaign;
    if matches!(parent.state, CampaignState::Draft | CampaignState::Cancelled) {
        return Ok(Outcome::of(format!("skipped:{}", parent.state)));
    }
    let id = Schedule::occurrence(fired.schedule.id, fired.scheduled_for);
    let answers = SignedDuration::from_hours(24 * i64::from(fired.schedule.plan.answer_days));
    let content = CampaignContent {
        name: named(&parent.content.name, "", fired.scheduled_for),
        deadline: fired.scheduled_for + answers,
        ..parent.content.clone()
    };
    let origin = CampaignOrigin {
        kind: OriginKind::Occurrence,
        parent: parent.id,
        root: id,
        scheduled_for: fired.scheduled_for,
    };
    make(app, fired, content, origin, then).await
}

/// Asks those again whom the campaign reached and who have not answered.
pub(super) async fn reminder(app: &App, fired: &Fired, then: Then) -> Result<Outcome, RecordError> {
    let parent = &fired.campaign;
    if !matches!(parent.state, CampaignState::Sending | CampaignState::Collecting) {
        return Ok(Outcome::of(format!("skipped:{}", parent.state)));
    }
    // Nothing of the parent's filters: whom it asked was settled when it was planned, whatever has become of the vendor since. For
    // whom an answer counts is another matter: an answer to the reminder is one to the parent.
    let content = CampaignContent {
        name: named(&parent.content.name, "reminder ", fired.scheduled_for),
        audience: Audience {
            not_answered: Some(parent.id),
            once_per_pan: parent.content.audience.once_per_pan,
            ..Audience::default()
        },
        ..parent.content.clone()
    };
    let origin = CampaignOrigin {
        kind: OriginKind::Reminder,
        parent: parent.id,
        root: parent.root(),
        scheduled_for: fired.scheduled_for,
    };
    make(app, fired, content, origin, then).await
}

/// Stores the copy, once however often the firing is handled, and sends it.
async fn make(app: &App, fired: &Fired, content: CampaignContent, origin: CampaignOrigin, then: Then) -> Result<Outcome, RecordError> {
    let (store, now) = (app.store()?, app.now());
    if content.deadline <= now {
        return Ok(Outcome::of("skipped:past_deadline"));
    }
    let copy = Campaign {
        id: Schedule::occurrence(fired.schedule.id, fired.scheduled_for),
        content,
        state: CampaignState::Draft,
        halt_reason: None,
        waived: Vec::new(),
        origin: Some(origin),
        chunks: 0,
        targeted: 0,
        created_by: fired.schedule.created_by,
        created_at: now,
        updated_at: now,
        executed_at: None,
        planned_at: None,
        sent_at: None,
        completed_at: None,
        version: 1,
    };
    campaigns::create(store, &copy).await?;
    if then == Then::Ask {
        return Ok(Outcome {
            result: format!("late:asked:{}", copy.id),
            question: Some(fired.question()),
        });
    }
    // As it is stored, which may be what an earlier handling of this firing left.
    let stored = campaigns::get(store, copy.id).await?;
    if !matches!(stored.state, CampaignState::Draft | CampaignState::Planning) {
        return Ok(Outcome::of(format!("created:{}", stored.id)));
    }
    match ::campaigns::start(app, &stored, &fired.correlation_id).await {
        Ok(()) => Ok(Outcome::of(format!("created:{}", stored.id))),
        Err(error) => Ok(Outcome::of(format!("refused:{}:{}", refusal(error)?, stored.id))),
    }
}

/// The parent's name with the day in India, within the 120 characters of a name.
fn named(parent: &str, what: &str, at: Timestamp) -> String {
    let day = TimeZone::default()
        .offset()
        .map_or_else(String::new, |offset| offset.to_datetime(at).date().to_string());
    let suffix = format!(" – {what}{day}");
    let room = 120 - suffix.chars().count();
    let name: String = parent.chars().take(room).collect();
    format!("{}{suffix}", name.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_is_named_by_its_day_in_india_and_fits() {
        let at = "2026-11-30T20:00:00Z".parse().unwrap();
        assert_eq!(named("MSME status", "reminder ", at), "MSME status – reminder 2026-12-01");
        let long = named(&"ü".repeat(120), "reminder ", at);
        assert_eq!(long.chars().count(), 120);
        assert!(long.ends_with("ü – reminder 2026-12-01"), "{long}");
    }
}
