//! `GET /api/v1/campaigns/{id}/recipients/export`.

use std::fs::File;
use std::io::Read as _;
use std::time::Duration;

use domain::CampaignId;
use domain::delivery::{Channel, ChunkLog, RecipientStatus};
use domain::user::Permission;
use http::{Method, StatusCode};
use jiff::{SignedDuration, Timestamp};
use runtime::{Access, ApiError, App, RecordError, Request, Response, Route, Var, objects, respond};
use sheets::{Kind, SheetWriter, WriteError};
use store::{campaigns, chunks};

use crate::recipients::{Filter, logs};

/// The route.
pub static ROUTE: Route = Route::new(
    "campaigns-export-recipients",
    Method::GET,
    "/api/v1/campaigns/{id}/recipients/export",
    Access::Requires(Permission::CampaignsRead),
    |app, request| Box::pin(handle(app, request)),
)
.needing(&[Var::BucketName]);

/// Lambda answers with at most 6 MB of JSON, in which a quotation mark or a line break of the file takes two bytes.
/// <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>
const MAX_INLINE_BYTES: u64 = 3_000_000;

const LINK_TTL: Duration = Duration::from_secs(300);

/// Chunks read at once: 100,000 recipients are 2,000 chunks, and API Gateway waits 30 s.
const AT_ONCE: usize = 16;

const COLUMNS: [&str; 11] = [
    "campaign",
    "channel",
    "vendor_code",
    "company_name",
    "class",
    "reason",
    "message_id",
    "attempts",
    "responded",
    "read",
    "updated_at_ist",
];

/// Recipients as CSV, channel by channel, with the filters of the list; times are Indian. Cells a spreadsheet would take for a
/// formula begin with an apostrophe.
#[utoipa::path(get, path = "/api/v1/campaigns/{id}/recipients/export", operation_id = "campaigns-export-recipients", tag = "campaigns",
    params(("id" = String, Path, description = "cmp_…"), ("channel" = Option<Channel>, Query, description = "One channel"),
        ("class" = Option<domain::delivery::RecipientClass>, Query, description = "One class of the ledger"),
        ("reason" = Option<String>, Query, description = "One reason, whole or up to a colon"),
        ("responded" = Option<bool>, Query, description = "Only those who have answered, or have not")),
    responses((status = 200, description = "The file", body = String, content_type = "text/csv"),
        (status = 303, description = "A large file: download it from `Location` within five minutes"),
        (status = 404, description = "No such campaign"), (status = 422, description = "A filter is wrong")), security(("bearer" = [])))]
pub async fn handle(app: &App, request: Request) -> Result<Response, ApiError> {
    let store = app.store()?;
    let filter = Filter::of(&request)?;
    let campaign = campaigns::get(store, request.id("id")?).await?;
    let summaries = chunks::summaries(store, campaign.id).await?;
    let internal = |error: WriteError| ApiError::Internal(error.into());
    let mut writer = SheetWriter::new(Kind::Csv, &COLUMNS).map_err(internal)?;
    for some in filter.chunks(campaign.id, &summaries).chunks(AT_ONCE) {
        for (chunk, log) in some.iter().zip(logs(store, some).await?) {
            write(&mut writer, &campaign.content.name, chunk.channel, &log, &filter).map_err(internal)?;
        }
    }
    let file = writer.finish().map_err(internal)?;
    answer(app, campaign.id, file).await.map_err(ApiError::Internal)
}

/// Adds the rows of a chunk.
fn write(writer: &mut SheetWriter, campaign: &str, channel: Channel, log: &ChunkLog, filter: &Filter) -> Result<(), WriteError> {
    for (recipient, status) in log.with_statuses().filter(|(_, status)| filter.admits(status)) {
        let RecipientStatus {
            class,
            reason,
            message_id,
            attempts,
            messages: _,
            in_flight: _,
            read,
            hard_bounced: _,
            duplicated: _,
            responded,
            complained: _,
            unsubscribed: _,
            updated_at,
        } = status;
        let yes = |it: bool| if it { "yes" } else { "no" };
        writer.write(&[
            campaign,
            channel.as_str(),
            &recipient.code,
            &recipient.name,
            class.as_str(),
            reason.as_deref().unwrap_or_default(),
            message_id.as_deref().unwrap_or_default(),
            &attempts.to_string(),
            yes(responded),
            yes(read),
            &updated_at.map(indian_time).unwrap_or_default(),
        ])?;
    }
    Ok(())
}

/// The file where it is short, else where it is.
async fn answer(app: &App, campaign: CampaignId, mut file: File) -> Result<Response, RecordError> {
    let (name, content_type) = (format!("{campaign}-recipients.csv"), Kind::Csv.content_type());
    if file.metadata()?.len() <= MAX_INLINE_BYTES {
        let mut text = String::new();
        file.read_to_string(&mut text)?;
        let response = respond::new(StatusCode::OK, content_type, text);
        let disposition = format!("attachment; filename=\"{name}\"");
        return Ok(respond::with_header(response, "content-disposition", &disposition));
    }
    // A name nobody can guess and nobody else writes.
    let key = format!("exports/{campaign}/{}.csv", app.new_ulid());
    objects::put_open_file(app, &key, &file, content_type).await?;
    // A link that needs no token, for a file that is too large to pass through.
    let link = objects::download_link(app, &key, &name, LINK_TTL).await?;
    let mut response = respond::no_content();
    *response.status_mut() = StatusCode::SEE_OTHER;
    Ok(respond::with_header(response, "location", &link))
}

fn indian_time(at: Timestamp) -> String {
    // India has kept UTC+05:30 without change since 1945, so no time-zone database is needed.
    (at + SignedDuration::from_mins(330)).strftime("%Y-%m-%d %H:%M:%S").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_indian() {
        let at = "2026-11-22T20:15:00Z".parse().unwrap();
        assert_eq!(indian_time(at), "2026-11-23 01:45:00");
    }
}
