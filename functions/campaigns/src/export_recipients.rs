//! `GET /api/v1/campaigns/{id}/recipients/export`.

use std::time::Duration;

use aws_sdk_s3::presigning::PresigningConfig;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use domain::CampaignId;
use domain::delivery::{Channel, ChunkLog, RecipientStatus};
use domain::user::Permission;
use http::{Method, StatusCode};
use jiff::{SignedDuration, Timestamp};
use runtime::{Access, ApiError, App, RecordError, Request, Response, Route, Var, respond};
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

const CONTENT_TYPE: &str = "text/csv; charset=utf-8";

/// Lambda answers with at most 6 MB of JSON, in which a quotation mark or a line break of the file takes two bytes.
/// <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>
const MAX_INLINE_BYTES: usize = 3_000_000;

/// What is kept of a large file in memory. S3 takes no part but the last below 5 MiB.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html>
const PART_BYTES: usize = 6 * 1024 * 1024;

const LINK_TTL: Duration = Duration::from_secs(300);

/// Chunks read at once: 100,000 recipients are 2,000 chunks, and API Gateway waits 30 s.
const AT_ONCE: usize = 16;

/// Excel reads UTF-8 only where a file begins with this.
const BYTE_ORDER_MARK: &str = "\u{feff}";

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
    let mut file = File::new(app, campaign.id)?;
    file.write(format!("{BYTE_ORDER_MARK}{}\r\n", COLUMNS.join(",")).as_bytes())
        .await
        .map_err(ApiError::Internal)?;
    for some in filter.chunks(campaign.id, &summaries).chunks(AT_ONCE) {
        for (chunk, log) in some.iter().zip(logs(store, some).await?) {
            let rows = rows(&campaign.content.name, chunk.channel, &log, &filter).map_err(ApiError::Internal)?;
            file.write(&rows).await.map_err(ApiError::Internal)?;
        }
    }
    file.finish().await.map_err(ApiError::Internal)
}

/// The rows of a chunk.
fn rows(campaign: &str, channel: Channel, log: &ChunkLog, filter: &Filter) -> Result<Vec<u8>, RecordError> {
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
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
        let yes = |it: bool| if it { "yes" } else { "no" }.to_owned();
        writer.write_record([
            harmless(campaign),
            channel.as_str().to_owned(),
            harmless(&recipient.code),
            harmless(&recipient.name),
            class.as_str().to_owned(),
            harmless(&reason.unwrap_or_default()),
            harmless(&message_id.unwrap_or_default()),
            attempts.to_string(),
            yes(responded),
            yes(read),
            updated_at.map(indian_time).unwrap_or_default(),
        ])?;
    }
    Ok(writer.into_inner().map_err(|error| error.into_error())?)
}

/// A cell no spreadsheet takes for a formula. <https://owasp.org/www-community/attacks/CSV_Injection>
fn harmless(text: &str) -> String {
    let is_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠']);
    if is_formula { format!("'{text}") } else { text.to_owned() }
}

fn indian_time(at: Timestamp) -> String {
    // India has kept UTC+05:30 without change since 1945, so no time-zone database is needed.
    (at + SignedDuration::from_mins(330)).strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// A file of unknown length: answered with where it is short, else stored part by part, so that memory holds one part.
struct File<'a> {
    app: &'a App,
    bucket: &'a str,
    key: String,
    name: String,
    buffer: Vec<u8>,
    upload: Option<Upload>,
}

struct Upload {
    id: String,
    parts: Vec<CompletedPart>,
}

impl<'a> File<'a> {
    fn new(app: &'a App, campaign: CampaignId) -> Result<Self, ApiError> {
        Ok(Self {
            app,
            bucket: app.config().get(Var::BucketName)?,
            // A name nobody can guess and nobody else writes.
            key: format!("exports/{campaign}/{}.csv", app.new_ulid()),
            name: format!("{campaign}-recipients.csv"),
            buffer: Vec::new(),
            upload: None,
        })
    }

    async fn write(&mut self, bytes: &[u8]) -> Result<(), RecordError> {
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() >= PART_BYTES {
            self.store_part().await?;
        }
        Ok(())
    }

    async fn store_part(&mut self) -> Result<(), RecordError> {
        let s3 = self.app.s3();
        let upload = match &mut self.upload {
            Some(upload) => upload,
            none => {
                let begun = s3
                    .create_multipart_upload()
                    .bucket(self.bucket)
                    .key(&self.key)
                    .content_type(CONTENT_TYPE)
                    .send()
                    .await?;
                none.insert(Upload {
                    id: begun.upload_id.ok_or("S3 began an upload without an id")?,
                    parts: Vec::new(),
                })
            }
        };
        let number = i32::try_from(upload.parts.len() + 1)?;
        let stored = s3
            .upload_part()
            .bucket(self.bucket)
            .key(&self.key)
            .upload_id(&upload.id)
            .part_number(number)
            .body(ByteStream::from(std::mem::take(&mut self.buffer)))
            .send()
            .await?;
        let part = CompletedPart::builder()
            .part_number(number)
            .set_e_tag(stored.e_tag)
            .set_checksum_crc32(stored.checksum_crc32)
            .set_checksum_crc64_nvme(stored.checksum_crc64_nvme);
        upload.parts.push(part.build());
        Ok(())
    }

    /// The answer: the file, or where it is. An upload that is not completed is removed by the bucket's lifecycle.
    async fn finish(mut self) -> Result<Response, RecordError> {
        if self.upload.is_none() && self.buffer.len() <= MAX_INLINE_BYTES {
            let response = respond::new(StatusCode::OK, CONTENT_TYPE, String::from_utf8(self.buffer)?);
            return Ok(respond::with_header(response, "content-disposition", &disposition(&self.name)));
        }
        if self.upload.is_some() && !self.buffer.is_empty() {
            self.store_part().await?;
        }
        let s3 = self.app.s3();
        match self.upload.take() {
            Some(Upload { id, parts }) => {
                let completed = CompletedMultipartUpload::builder().set_parts(Some(parts)).build();
                let request = s3.complete_multipart_upload().bucket(self.bucket).key(&self.key);
                request.upload_id(id).multipart_upload(completed).send().await?;
            }
            None => {
                let body = ByteStream::from(std::mem::take(&mut self.buffer));
                let request = s3.put_object().bucket(self.bucket).key(&self.key);
                request.content_type(CONTENT_TYPE).body(body).send().await?;
            }
        }
        let mut response = respond::no_content();
        *response.status_mut() = StatusCode::SEE_OTHER;
        Ok(respond::with_header(response, "location", &self.link().await?))
    }

    /// A link that needs no token, for a file that is too large to pass through.
    async fn link(&self) -> Result<String, RecordError> {
        let request = self.app.s3().get_object().bucket(self.bucket).key(&self.key);
        let request = request.response_content_disposition(disposition(&self.name));
        Ok(request.presigned(PresigningConfig::expires_in(LINK_TTL)?).await?.uri().to_owned())
    }
}

fn disposition(name: &str) -> String {
    format!("attachment; filename=\"{name}\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_begins_a_formula() {
        for text in ["=1+1", "+911", "-2", "@SUM(A1)", "\tx", "\rx", "＝1"] {
            assert_eq!(harmless(text), format!("'{text}"));
        }
        assert_eq!(harmless("Kaveri = Castings"), "Kaveri = Castings");
    }

    #[test]
    fn times_are_indian() {
        let at = "2026-11-22T20:15:00Z".parse().unwrap();
        assert_eq!(indian_time(at), "2026-11-23 01:45:00");
    }
}
