//! Test messages: what one vendor would get, sent to whoever asks for it.
//!
//! A test is no part of any campaign: its links open nothing, nothing about it is counted, and what providers tell of it is
//! dropped. Its address is an address all the same: one that is suppressed gets nothing.

use domain::delivery::{Channel, Recipient};
use domain::identifiers::MobileNumber;
use domain::links::TEST_CHUNK;
use domain::suppression::{SuppressionId, masked};
use domain::{CampaignId, VendorId};
use messaging::EntryResult;
use messaging::email_providers::{may_fail_over, parse_order};
use runtime::problem::{conflict, invalid};
use runtime::{ApiError, App, Caller, Request, Var};
use serde::{Deserialize, Serialize};
use store::campaigns::MessageSnapshot;
use store::gcra::{self, Rate, Reservation};
use store::{ChunkRef, StoreError, suppressions, vendors};
use utoipa::ToSchema;

use crate::message::{Compiled, Message};
use crate::providers;
use crate::quota::is_whatsapp_configured;

/// The settings a route that sends tests needs.
pub const NEEDS: [Var; 6] = [
    Var::OrganisationName,
    Var::FromAddress,
    Var::SesConfigurationSet,
    Var::EmailProviders,
    Var::EmailProvidersSecretArn,
    Var::WhatsappSecretArn,
];

/// The address a request came in at. A function behind the API cannot be told the API's address, which depends on the function.
pub fn base_of(request: &Request) -> String {
    let scheme = request.header("x-forwarded-proto").filter(|scheme| *scheme == "http").unwrap_or("https");
    format!("{scheme}://{}", request.header("host").unwrap_or("localhost"))
}

/// Tests in an hour, by caller. A WhatsApp message costs money and rings a telephone that need not be the caller's own.
const fn per_hour(channel: Channel) -> u32 {
    match channel {
        Channel::Email => 30,
        Channel::Whatsapp => 5,
    }
}

/// A test that is wanted.
#[derive(Debug)]
pub struct Test {
    /// What is sent: the template of the channel at least.
    pub message: MessageSnapshot,
    /// The campaign it is of, if of any: part of the links and tags.
    pub campaign: CampaignId,
    /// The vendor whose record fills it.
    pub vendor_id: String,
    /// The channel.
    pub channel: Channel,
    /// The address, where the caller gave one.
    pub to: Option<String>,
    /// Where the links lead: the address this product was called at, without a slash at the end.
    pub base: String,
}

/// What became of a test.
#[derive(Debug)]
pub struct Sent {
    /// The address, masked.
    pub to: String,
    /// The provider that answered last.
    pub provider: String,
    /// Its answer.
    pub result: EntryResult,
}

/// What to try out.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TestSendRequest {
    /// The vendor whose record fills the message, `vnd_…`. It gets nothing.
    pub vendor_id: String,
    /// The channel; the template's own where left out.
    #[serde(default)]
    pub channel: Option<Channel>,
    /// By WhatsApp: your own mobile number. By e-mail the message goes to your own address, which may be named here.
    #[serde(default)]
    #[schema(example = "+919876500001")]
    pub to: Option<String>,
}

/// What became of a test message.
#[derive(Debug, Serialize, ToSchema)]
pub struct TestSendResponse {
    /// How it went.
    channel: Channel,
    /// Where it went, masked.
    to: String,
    /// The provider that answered, `ses`, `whatsapp` …
    provider: String,
    /// `accepted`, `refused`, or `unknown` where the answer was lost and the message may still arrive.
    outcome: TestOutcome,
    /// The provider's id of the message, if it was accepted.
    message_id: Option<String>,
    /// Why it was not, machine-readable.
    reason: Option<String>,
}

/// How a provider took a test message.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TestOutcome {
    /// It is on its way.
    Accepted,
    /// It was not taken.
    Refused,
    /// Nobody knows.
    Unknown,
}

impl TestSendResponse {
    /// The answer to a test that was sent.
    pub fn new(channel: Channel, sent: Sent) -> Self {
        let Sent { to, provider, result } = sent;
        let (outcome, message_id, reason) = match result {
            EntryResult::Accepted { message_id } => (TestOutcome::Accepted, Some(message_id), None),
            EntryResult::Unknown { reason } => (TestOutcome::Unknown, None, Some(reason)),
            EntryResult::Retry { reason, .. } | EntryResult::Failed { reason } | EntryResult::Stop { reason } => {
                (TestOutcome::Refused, None, Some(reason))
            }
        };
        Self {
            channel,
            to,
            provider,
            outcome,
            message_id,
            reason,
        }
    }
}

/// Sends a test.
///
/// # Errors
/// 422 for a vendor or an address that cannot be used, or a message that cannot be made; 409 for a suppressed address; 429 after too
/// many.
pub async fn send(app: &App, caller: &Caller, test: Test) -> Result<Sent, ApiError> {
    let Test {
        message,
        campaign,
        vendor_id,
        channel,
        to,
        base,
    } = test;
    let to = address(channel, caller, to.as_deref())?;
    let vendor = vendor(app, &vendor_id).await?;
    if channel == Channel::Whatsapp && !is_whatsapp_configured(app).await.map_err(ApiError::Internal)? {
        return Err(invalid(
            "channel",
            channel.as_str(),
            "whatsapp_not_configured",
            "WhatsApp is not set up: fill in its secret first",
        ));
    }
    let id = SuppressionId::of(channel, &to);
    if let Some(found) = suppressions::find(app.store()?, &id).await? {
        return Err(conflict(format!(
            "{} must not be written to ({}): an administrator can lift that",
            masked(channel, &to),
            found.suppression.reason
        )));
    }
    let compiled = Compiled::new(message)?;
    let chunk = ChunkRef {
        campaign,
        channel,
        number: TEST_CHUNK,
    };
    let rendered = render(app, &compiled, chunk, vendor, &to, &base).await?;
    let mut message = rendered.map_err(|reason| {
        let message = format!("the message cannot be made for this vendor: {reason}");
        invalid("vendor_id", &vendor_id, "cannot_render", &message)
    })?;
    match &mut message {
        Message::Email(email) => {
            email.to.clone_from(&to);
            email.email.subject = format!("[TEST] {}", email.email.subject);
        }
        Message::Whatsapp(whatsapp) => whatsapp.to.clone_from(&to),
    }
    limit(app, caller, channel).await?;
    let (provider, result) = hand_over(app, &message).await.map_err(ApiError::Internal)?;
    tracing::info!(user_id = %caller.id(), channel = channel.as_str(), provider, "a test was sent");
    Ok(Sent {
        to: masked(channel, &to),
        provider,
        result,
    })
}

/// Where a test goes: to the caller itself.
fn address(channel: Channel, caller: &Caller, to: Option<&str>) -> Result<String, ApiError> {
    match (channel, to) {
        (Channel::Email, None) => Ok(caller.user.email.clone()),
        (Channel::Email, Some(to)) if to.trim().eq_ignore_ascii_case(&caller.user.email) => Ok(caller.user.email.clone()),
        (Channel::Email, Some(to)) => Err(invalid(
            "to",
            to,
            "not_your_own",
            "tests by e-mail go to your own address alone: leave `to` out",
        )),
        (Channel::Whatsapp, None) => Err(invalid("to", "", "required", "give your own mobile number, as in +919876500001")),
        (Channel::Whatsapp, Some(to)) => match MobileNumber::parse(to) {
            Ok(number) => Ok(number.into_value().as_str().to_owned()),
            Err(error) => Err(invalid("to", to, error.code(), &error.to_string())),
        },
    }
}

async fn vendor(app: &App, text: &str) -> Result<Recipient, ApiError> {
    let unknown = || invalid("vendor_id", text, "not_found", "there is no such vendor: pass the id of one, vnd_…");
    let id: VendorId = text.parse().map_err(|_| unknown())?;
    match vendors::get(app.store()?, id).await {
        Ok(vendor) => Ok(Recipient::from(vendor)),
        Err(StoreError::NotFound) => Err(unknown()),
        Err(error) => Err(error.into()),
    }
}

async fn render(
    app: &App,
    compiled: &Compiled,
    chunk: ChunkRef,
    mut vendor: Recipient,
    to: &str,
    base: &str,
) -> Result<Result<Message, String>, ApiError> {
    // A vendor without an address can be tried out too.
    match chunk.channel {
        Channel::Email => vendor.email.get_or_insert_with(|| to.to_owned()),
        Channel::Whatsapp => vendor.phone.get_or_insert_with(|| to.to_owned()),
    };
    let rendered = compiled.render_at(app, base, chunk, &[vendor]).await.map_err(ApiError::Internal)?;
    rendered
        .into_iter()
        .next()
        .ok_or_else(|| ApiError::Internal("nothing was rendered".into()))
}

async fn limit(app: &App, caller: &Caller, channel: Channel) -> Result<(), ApiError> {
    let most = i64::from(per_hour(channel));
    let unit_micros = 3_600_000_000 / most;
    let name = format!("test-send:{}:{}", channel.as_str(), caller.id());
    let rate = Rate {
        name: &name,
        unit_micros,
        // The whole hour's at once, and then one as each comes free.
        horizon_micros: unit_micros * (most - 1),
    };
    match gcra::reserve(app.store()?, rate, 1, app.now()).await? {
        Reservation::After(_) => Ok(()),
        Reservation::Refused(micros) => Err(ApiError::TooManyRequests(micros / 1_000_000 + 1)),
    }
}

/// Sends through the first provider that takes it.
async fn hand_over(app: &App, message: &Message) -> Result<(String, EntryResult), runtime::RecordError> {
    let no_answer = || EntryResult::Unknown {
        reason: "no_answer".to_owned(),
    };
    match message {
        Message::Whatsapp(whatsapp) => {
            let client = providers::whatsapp(app).await?;
            let results = providers::send_whatsapp(&client, &[whatsapp.as_ref()]).await;
            Ok((providers::WHATSAPP.to_owned(), results.into_iter().next().unwrap_or_else(no_answer)))
        }
        Message::Email(email) => {
            let mut last = None;
            for provider in parse_order(app.config().get(Var::EmailProviders)?)? {
                let results = providers::send_email(app, provider.as_str(), &[email.as_ref()]).await?;
                let result = results.into_iter().next().unwrap_or_else(no_answer);
                let goes_on = may_fail_over(&result);
                last = Some((provider.as_str().to_owned(), result));
                if !goes_on {
                    break;
                }
            }
            last.ok_or_else(|| "no e-mail provider is set".into())
        }
    }
}
