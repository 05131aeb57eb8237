//! `POST /unsubscribe/{token}`.

use std::collections::BTreeMap;

use domain::delivery::{DeliveryEvent, EventKind};
use domain::suppression::{SuppressionReason, SuppressionSource};
use http::{Method, StatusCode};
use runtime::problem::bad_request;
use runtime::{Access, ApiError, App, Request, Response, Route, Var, respond};
use store::ChunkRef;
use store::suppressions::{self, Suppression};

use crate::{asking, pages};

/// The route.
pub static ROUTE: Route = Route::new(
    "public-unsubscribe",
    Method::POST,
    "/unsubscribe/{token}",
    Access::Public,
    |app, request| Box::pin(handle(app, request)),
)
.taking(16 * 1024)
.needing(&[Var::TableName, Var::SigningSecretArn, Var::OrganisationName]);

/// The natural key of an opt-out made here: one per recipient, however often it is repeated.
const PROVIDER_ID: &str = "unsubscribe";

/// Stops messages to the address a campaign wrote to. A repeat changes nothing.
#[utoipa::path(post, path = "/unsubscribe/{token}", operation_id = "public-unsubscribe", tag = "public",
    params(("token" = String, Path, description = "The signed token of the message's unsubscribe link")),
    request_body(content = String, content_type = "application/x-www-form-urlencoded",
        description = "`List-Unsubscribe=One-Click` from a mail program (RFC 8058; multipart too), `confirm=yes` from the page"),
    responses((status = 200, description = "No more messages: a page, or a line of text for a mail program", content_type = "text/html", body = String),
        (status = 400, description = "Neither of the two bodies"), (status = 404, description = "Not a link of ours"),
        (status = 410, description = "Expired")),
    security(()))]
pub async fn handle(app: &App, request: Request) -> Result<Response, ApiError> {
    let stopped = stop(app, &request).await;
    pages::or_page(app, &request, stopped)
}

/// Who asks to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Confirmation {
    /// A mail program, for its user.
    OneClick,
    /// A person, by the page's button.
    Button,
}

async fn stop(app: &App, request: &Request) -> Result<Response, ApiError> {
    let confirmation = confirmation(request).ok_or_else(|| bad_request("the body must be List-Unsubscribe=One-Click"))?;
    let organisation = app.config().get(Var::OrganisationName)?;
    let addressee = asking::addressee(app, request).await?;
    let (store, now) = (app.store()?, app.now());
    // The suppression first: it is what keeps the promise. If the event is lost with us here, a repeat records it.
    let suppression = Suppression::new(SuppressionReason::Unsubscribe, now, SuppressionSource::Link).because_of(addressee.link.campaign, None);
    suppressions::add(store, addressee.link.channel, &addressee.address, &suppression).await?;
    let recipient = addressee.recipient.id;
    let recorded = |event: &DeliveryEvent| event.recipient == recipient && event.kind == EventKind::Unsubscribed && event.provider_id == PROVIDER_ID;
    if !addressee.log.events.iter().any(recorded) {
        let event = DeliveryEvent {
            recipient,
            kind: EventKind::Unsubscribed,
            provider_id: PROVIDER_ID.to_owned(),
            at: now,
            reason: None,
        };
        let chunk = ChunkRef {
            campaign: addressee.link.campaign,
            channel: addressee.link.channel,
            number: addressee.link.chunk,
        };
        store::chunks::record_events(store, BTreeMap::from([(chunk, vec![event])])).await?;
    }
    match confirmation {
        Confirmation::OneClick => Ok(respond::new(StatusCode::OK, "text/plain; charset=utf-8", "You are unsubscribed.\n")),
        Confirmation::Button => pages::unsubscribed(organisation, &addressee.masked_address()),
    }
}

/// Reads the body. RFC 8058 lets a mail program send the one pair as a form of either encoding.
fn confirmation(request: &Request) -> Option<Confirmation> {
    let content_type = request.header("content-type").unwrap_or_default().trim_start().to_ascii_lowercase();
    let body = std::str::from_utf8(&request.body).ok()?;
    if content_type.starts_with("multipart/form-data") {
        // The pair is fixed, so looking for its two halves in one part is reading it.
        let mut parts = body.split("name=\"List-Unsubscribe\"").skip(1);
        return parts
            .any(|rest| rest.trim_start().starts_with("One-Click"))
            .then_some(Confirmation::OneClick);
    }
    let pairs: Vec<(String, String)> = serde_urlencoded::from_str(body).ok()?;
    let has = |name: &str, value: &str| pairs.iter().any(|(key, given)| key == name && given == value);
    if has("List-Unsubscribe", "One-Click") {
        Some(Confirmation::OneClick)
    } else {
        has("confirm", "yes").then_some(Confirmation::Button)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(content_type: &str, body: &str, expected: Option<Confirmation>) {
        let mut headers = http::HeaderMap::new();
        headers.insert("content-type", content_type.parse().unwrap());
        let request = Request {
            method: Method::POST,
            path: String::new(),
            headers,
            query: Vec::new(),
            path_parameters: Vec::new(),
            body: body.as_bytes().to_vec(),
            source_ip: String::new(),
            request_id: String::new(),
            correlation_id: String::new(),
            caller: None,
        };
        assert_eq!(confirmation(&request), expected);
    }

    #[test]
    fn both_encodings_of_one_click_and_the_button_are_understood() {
        let form = "application/x-www-form-urlencoded";
        check(form, "List-Unsubscribe=One-Click", Some(Confirmation::OneClick));
        check(form, "confirm=yes", Some(Confirmation::Button));
        check(form, "", None);
        check(form, "List-Unsubscribe=Maybe", None);
        let multipart = "multipart/form-data; boundary=b";
        check(
            multipart,
            "--b\r\nContent-Disposition: form-data; name=\"List-Unsubscribe\"\r\n\r\nOne-Click\r\n--b--\r\n",
            Some(Confirmation::OneClick),
        );
        check(
            multipart,
            "--b\r\nContent-Disposition: form-data; name=\"other\"\r\n\r\nOne-Click\r\n--b--\r\n",
            None,
        );
    }
}
