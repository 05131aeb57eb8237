//! `GET /api/v1/campaigns/{id}/recipients`.

use domain::CampaignId;
use domain::delivery::{Channel, ChunkLog, Counts, Recipient, RecipientClass, RecipientStatus};
use domain::user::Permission;
use futures::future::try_join_all;
use http::Method;
use jiff::Timestamp;
use runtime::paging::{self, List};
use runtime::problem::invalid;
use runtime::{Access, ApiError, App, Request, Response, Route, respond};
use serde::Serialize;
use store::chunks::ChunkSummary;
use store::{ChunkRef, PageKey, Store, StoreError, campaigns, chunks};
use utoipa::ToSchema;

/// The route.
pub static ROUTE: Route = Route::new(
    "campaigns-recipients",
    Method::GET,
    "/api/v1/campaigns/{id}/recipients",
    Access::Requires(Permission::CampaignsRead),
    |app, request| Box::pin(handle(app, request)),
);

/// Chunks read at once for a page.
const AT_ONCE: usize = 2;

/// The most chunks read for a page. Where counts cannot tell which chunks hold what is asked for, a page may end early, with a
/// cursor that goes on behind it.
const MAX_CHUNKS: usize = 200;

/// Where one recipient stands.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RecipientResponse {
    /// The vendor, `vnd_…`.
    vendor_id: String,
    vendor_code: String,
    company_name: String,
    channel: Channel,
    class: RecipientClass,
    /// Why, machine-readable; for every class that is not a success.
    reason: Option<String>,
    /// The provider's message id.
    message_id: Option<String>,
    attempts: u32,
    responded: bool,
    /// Whether the provider reported the message opened or read.
    read: bool,
    complained: bool,
    unsubscribed: bool,
    /// Whether the address does not exist.
    hard_bounced: bool,
    /// Whether more than one message was accepted.
    duplicated: bool,
    updated_at: Option<Timestamp>,
}

impl RecipientResponse {
    pub(crate) fn new(channel: Channel, recipient: &Recipient, status: RecipientStatus) -> Self {
        let RecipientStatus {
            class,
            reason,
            message_id,
            attempts,
            messages: _,
            in_flight: _,
            read,
            hard_bounced,
            duplicated,
            responded,
            complained,
            unsubscribed,
            updated_at,
        } = status;
        Self {
            vendor_id: recipient.id.to_string(),
            vendor_code: recipient.code.clone(),
            company_name: recipient.name.clone(),
            channel,
            class,
            reason,
            message_id,
            attempts,
            responded,
            read,
            complained,
            unsubscribed,
            hard_bounced,
            duplicated,
            updated_at,
        }
    }
}

/// Lists recipients by name, channel by channel in planning order. Filters may be combined. A page may hold fewer recipients than
/// `limit`: the list ends where `next_cursor` is absent. `total` is given where it is known without reading every recipient.
#[utoipa::path(get, path = "/api/v1/campaigns/{id}/recipients", operation_id = "campaigns-recipients", tag = "campaigns",
    params(("id" = String, Path, description = "cmp_…"), ("channel" = Option<Channel>, Query, description = "One channel"),
        ("class" = Option<RecipientClass>, Query, description = "One class of the ledger"),
        ("reason" = Option<String>, Query, description = "One reason, whole or up to a colon: `missing_variable` finds `missing_variable:city`"),
        ("responded" = Option<bool>, Query, description = "Only those who have answered, or have not"),
        ("limit" = Option<u32>, Query, description = "1 to 200, default 50"), ("cursor" = Option<String>, Query, description = "next_cursor of the page before")),
    responses((status = 200, description = "A page", body = List<RecipientResponse>), (status = 404, description = "No such campaign"),
        (status = 422, description = "A filter is wrong")), security(("bearer" = [])))]
pub async fn handle(app: &App, request: Request) -> Result<Response, ApiError> {
    let store = app.store()?;
    let page = paging::page(app, &request).await?;
    let filter = Filter::of(&request)?;
    let campaign = campaigns::get(store, request.id("id")?).await?;
    let summaries = chunks::summaries(store, campaign.id).await?;
    let begin = page.after.as_ref().and_then(Place::of).unwrap_or(Place::FIRST);
    let candidates = filter.chunks(campaign.id, &summaries);
    let candidates: Vec<ChunkRef> = candidates
        .into_iter()
        .filter(|chunk| (chunk.channel, chunk.number) >= (begin.channel, begin.number))
        .collect();
    let limit = usize::try_from(page.limit).unwrap_or(usize::MAX);

    let (mut items, mut next) = (Vec::new(), None);
    let (now, later) = candidates.split_at(candidates.len().min(MAX_CHUNKS));
    'chunks: for some in now.chunks(AT_ONCE) {
        for (chunk, log) in some.iter().zip(logs(store, some).await?) {
            let first = if (chunk.channel, chunk.number) == (begin.channel, begin.number) {
                begin.index
            } else {
                0
            };
            for (index, (recipient, status)) in log.with_statuses().enumerate().skip(first) {
                if !filter.admits(&status) {
                    continue;
                }
                if items.len() == limit {
                    next = Some(Place::at(*chunk, index));
                    break 'chunks;
                }
                items.push(RecipientResponse::new(chunk.channel, recipient, status));
            }
        }
    }
    let next = next.or_else(|| later.first().map(|chunk| Place::at(*chunk, 0)));
    let next_cursor = paging::cursor(app, &request, next.map(Place::key)).await?;
    respond::ok(&List {
        items,
        next_cursor,
        total: filter.total(&summaries),
    })
}

/// What is known of each of these chunks, read at once.
pub(crate) async fn logs(store: &Store, chunks: &[ChunkRef]) -> Result<Vec<ChunkLog>, StoreError> {
    let logs = try_join_all(chunks.iter().map(|chunk| chunks::log(store, *chunk))).await?;
    Ok(logs.into_iter().map(|(log, _)| log).collect())
}

/// A place in the list. Manifests never change, so it stays the same recipient's.
struct Place {
    channel: Channel,
    number: u32,
    index: usize,
}

impl Place {
    const FIRST: Place = Place {
        channel: Channel::Email,
        number: 0,
        index: 0,
    };

    const fn at(chunk: ChunkRef, index: usize) -> Self {
        Self {
            channel: chunk.channel,
            number: chunk.number,
            index,
        }
    }

    fn of(key: &PageKey) -> Option<Self> {
        Some(Self {
            channel: Channel::parse(key.get("channel")?)?,
            number: key.get("chunk")?.parse().ok()?,
            index: key.get("index")?.parse().ok()?,
        })
    }

    fn key(self) -> PageKey {
        let Self { channel, number, index } = self;
        PageKey::from([
            ("channel".to_owned(), channel.as_str().to_owned()),
            ("chunk".to_owned(), number.to_string()),
            ("index".to_owned(), index.to_string()),
        ])
    }
}

/// Which recipients are asked for.
#[derive(Debug, Default)]
pub(crate) struct Filter {
    channel: Option<Channel>,
    class: Option<RecipientClass>,
    reason: Option<String>,
    responded: Option<bool>,
}

impl Filter {
    /// Reads the filters of a query.
    pub(crate) fn of(request: &Request) -> Result<Self, ApiError> {
        let one = |name: &'static str, parse: fn(&str) -> bool, fix: &str| match request.query(name) {
            Some(text) if !parse(text) => Err(invalid(name, text, "unknown", fix)),
            found => Ok(found.map(str::to_owned)),
        };
        let class = |text: &str| RecipientClass::ALL.into_iter().find(|class| class.as_str() == text);
        let channel = one("channel", |text| Channel::parse(text).is_some(), "use email or whatsapp")?;
        let wanted = one(
            "class",
            |text| RecipientClass::ALL.iter().any(|class| class.as_str() == text),
            "use one of pending, accepted, delivered, bounced, suppressed, skipped, failed, unknown",
        )?;
        let responded = one("responded", |text| matches!(text, "true" | "false"), "use true or false")?;
        Ok(Self {
            channel: channel.and_then(|text| Channel::parse(&text)),
            class: wanted.and_then(|text| class(&text)),
            reason: request.query("reason").map(str::to_owned),
            responded: responded.map(|text| text == "true"),
        })
    }

    /// The chunks that may hold such a recipient, in the order of the list.
    pub(crate) fn chunks(&self, campaign: CampaignId, summaries: &[ChunkSummary]) -> Vec<ChunkRef> {
        let held = summaries
            .iter()
            .filter(|summary| self.is_of_channel(summary) && self.may_be_in(&summary.counts));
        held.map(|summary| summary.chunk(campaign)).collect()
    }

    fn is_of_channel(&self, summary: &ChunkSummary) -> bool {
        self.channel.is_none_or(|channel| channel == summary.channel)
    }

    fn may_be_in(&self, counts: &Counts) -> bool {
        let by_class = match (self.class, &self.reason) {
            (Some(class), None) => counts.of(class) > 0,
            (None, None) => counts.targeted > 0,
            (_, Some(_)) => self.with_reason(counts) > 0,
        };
        let by_answer = match self.responded {
            None => true,
            Some(true) => counts.responded > 0,
            Some(false) => counts.responded < counts.targeted,
        };
        by_class && by_answer
    }

    /// How many recipients have the class and the reason asked for.
    fn with_reason(&self, counts: &Counts) -> u32 {
        let wanted = |key: &str| {
            key.split_once(':')
                .is_some_and(|(class, reason)| self.class.is_none_or(|wanted| wanted.as_str() == class) && self.admits_reason(Some(reason)))
        };
        counts.reasons.iter().filter(|(key, _)| wanted(key)).map(|(_, count)| count).sum()
    }

    fn admits_reason(&self, reason: Option<&str>) -> bool {
        let Some(wanted) = &self.reason else { return true };
        reason
            .and_then(|reason| reason.strip_prefix(wanted.as_str()))
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(':'))
    }

    /// Whether such a recipient is asked for.
    pub(crate) fn admits(&self, status: &RecipientStatus) -> bool {
        self.class.is_none_or(|class| class == status.class)
            && self.responded.is_none_or(|responded| responded == status.responded)
            && self.admits_reason(status.reason.as_deref())
    }

    /// How many there are, where the counts tell.
    fn total(&self, summaries: &[ChunkSummary]) -> Option<u64> {
        let mut counts = Counts::default();
        for summary in summaries.iter().filter(|summary| self.is_of_channel(summary)) {
            counts.merge(&summary.counts);
        }
        let total = match (self.class, &self.reason, self.responded) {
            (None, None, None) => counts.targeted,
            (Some(class), None, None) => counts.of(class),
            (_, Some(_), None) => self.with_reason(&counts),
            (None, None, Some(true)) => counts.responded,
            (None, None, Some(false)) => counts.targeted.saturating_sub(counts.responded),
            // Counts know classes and answers, not both together.
            (_, _, Some(_)) => return None,
        };
        Some(u64::from(total))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn a_reason_is_found_whole_or_up_to_a_colon() {
        let filter = |wanted: &str| Filter {
            reason: Some(wanted.to_owned()),
            ..Filter::default()
        };
        assert!(filter("missing_variable").admits_reason(Some("missing_variable:city")));
        assert!(filter("missing_variable:city").admits_reason(Some("missing_variable:city")));
        assert!(!filter("missing").admits_reason(Some("missing_variable:city")));
        assert!(!filter("missing_variable").admits_reason(None));
    }

    #[test]
    fn counts_by_reason_are_told_from_class_and_reason() {
        let counts = Counts {
            targeted: 9,
            reasons: BTreeMap::from([
                ("failed:whatsapp:131026".to_owned(), 2),
                ("failed:ses:message_rejected".to_owned(), 3),
                ("unknown:whatsapp:timeout".to_owned(), 4),
            ]),
            ..Counts::default()
        };
        let filter = |class, reason: &str| Filter {
            class,
            reason: Some(reason.to_owned()),
            ..Filter::default()
        };
        assert_eq!(filter(None, "whatsapp").with_reason(&counts), 6);
        assert_eq!(filter(Some(RecipientClass::Failed), "whatsapp").with_reason(&counts), 2);
        assert_eq!(filter(Some(RecipientClass::Failed), "whatsapp:131026").with_reason(&counts), 2);
        assert_eq!(filter(Some(RecipientClass::Bounced), "whatsapp").with_reason(&counts), 0);
    }
}
