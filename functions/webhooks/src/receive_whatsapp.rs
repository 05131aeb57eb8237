//! `POST /api/v1/webhooks/whatsapp`.

use http::{Method, StatusCode};
use messaging::whatsapp::webhook::{SIGNATURE_HEADER, verify_signature};
use runtime::problem::bad_request;
use runtime::{Access, ApiError, App, Outgoing, Request, Response, Route, Var, respond};
use serde_json::Value;

/// The route.
pub static ROUTE: Route = Route::new(
    "webhooks-receive-whatsapp",
    Method::POST,
    "/api/v1/webhooks/whatsapp",
    Access::Public,
    |app, request| Box::pin(handle(app, request)),
)
// Meta posts at most 3 MB.
.taking(3_200_000)
.needing(&[Var::WhatsappEventsQueueUrl, Var::WhatsappSecretArn]);

/// A queue message holds 256 KB, its envelope and attributes included.
const MAX_MESSAGE_BYTES: usize = 200_000;

/// Takes what Meta tells: statuses of messages, messages of vendors, changes of templates. A repeat changes nothing, so Meta may
/// tell anything again.
#[utoipa::path(post, path = "/api/v1/webhooks/whatsapp", operation_id = "webhooks-receive-whatsapp", tag = "webhooks",
    params(("X-Hub-Signature-256" = String, Header, description = "`sha256=` and the HMAC of the raw body under the app secret, in hexadecimal")),
    request_body(content = Object, description = "A webhook of a WhatsApp Business Account as Meta documents it"),
    responses((status = 200, description = "Taken; it is worked on within moments", content_type = "text/plain", body = String),
        (status = 400, description = "Signed, but not JSON"), (status = 403, description = "Not signed by Meta"),
        (status = 404, description = "This stack does not use WhatsApp")),
    security(()))]
pub async fn handle(app: &App, request: Request) -> Result<Response, ApiError> {
    let account = app.whatsapp_account().await?;
    let secret = account.app_secret().ok_or(ApiError::NotFound("there is nothing by this name"))?;
    if !verify_signature(&request.body, request.header(SIGNATURE_HEADER), secret) {
        return Err(ApiError::Forbidden("the signature is missing or does not fit"));
    }
    let webhook: Value = serde_json::from_slice(&request.body).map_err(|_| bad_request("the body is not JSON"))?;
    for body in pieces(webhook, MAX_MESSAGE_BYTES) {
        let message = [Outgoing { body, delay_secs: 0 }];
        // One a call: two of them together may be more than a batch holds. If one is not taken, Meta posts them all again.
        runtime::send(app, Var::WhatsappEventsQueueUrl, &request.correlation_id, &message)
            .await
            .map_err(ApiError::Internal)?;
    }
    // Meta wants exactly 200.
    Ok(respond::new(StatusCode::OK, "text/plain; charset=utf-8", "taken\n"))
}

/// The lists of a webhook, the outer ones first.
const LISTS: [(&str, &str); 5] = [
    ("", "entry"),
    ("/entry/0", "changes"),
    ("/entry/0/changes/0/value", "statuses"),
    ("/entry/0/changes/0/value", "messages"),
    ("/entry/0/changes/0/value", "errors"),
];

/// Cuts a webhook into webhooks of at most so many bytes, which together say the same. A single thing that is larger stays whole.
fn pieces(webhook: Value, most_bytes: usize) -> Vec<Value> {
    if webhook.to_string().len() <= most_bytes {
        return vec![webhook];
    }
    match halves(&webhook) {
        Some(halves) => halves.into_iter().flat_map(|half| pieces(half, most_bytes)).collect(),
        None => vec![webhook],
    }
}

fn halves(webhook: &Value) -> Option<[Value; 2]> {
    let (place, list) = LISTS.into_iter().find(|(place, list)| items(webhook, place, list).len() > 1)?;
    let (mut first, mut second) = (webhook.clone(), webhook.clone());
    let rest = first.pointer_mut(place)?.get_mut(list)?.as_array_mut()?;
    let rest = rest.split_off(rest.len() / 2);
    let holder = second.pointer_mut(place)?.as_object_mut()?;
    // What stands beside the list is in the first half already.
    for (other, beside) in LISTS {
        if other == place {
            holder.remove(beside);
        }
    }
    holder.insert(list.to_owned(), rest.into());
    Some([first, second])
}

fn items<'a>(webhook: &'a Value, place: &str, list: &str) -> &'a [Value] {
    let holder = webhook.pointer(place);
    holder.and_then(|holder| holder[list].as_array()).map_or(&[], Vec::as_slice)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_large_webhook_is_cut_and_nothing_is_lost_or_repeated() {
        let list = |of: &str, range: std::ops::Range<usize>| range.map(|n| json!({ of: n })).collect::<Vec<_>>();
        let change = |from: usize| {
            let value = json!({ "metadata": {}, "statuses": list("status", from..from + 40), "messages": list("message", from..from + 7),
                "errors": list("error", from..from + 2) });
            json!({ "field": "messages", "value": value })
        };
        let entry = |from: usize| json!({ "id": "1", "changes": [change(from), change(from + 100)] });
        let webhook = json!({ "object": "whatsapp_business_account", "entry": [entry(0), entry(1_000)] });
        assert_eq!(pieces(webhook.clone(), 100_000), std::slice::from_ref(&webhook));

        let said = |webhooks: &[Value]| {
            let mut said = Vec::new();
            for change in webhooks
                .iter()
                .flat_map(|webhook| items(webhook, "", "entry"))
                .flat_map(|entry| items(entry, "", "changes"))
            {
                for list in ["statuses", "messages", "errors"] {
                    said.extend(items(&change["value"], "", list).iter().map(Value::to_string));
                }
            }
            said.sort();
            said
        };
        for most in [2_000, 500, 300, 1] {
            let cut = pieces(webhook.clone(), most);
            assert_eq!(said(&cut), said(std::slice::from_ref(&webhook)), "{most}");
            assert!(cut.iter().all(|piece| piece["object"] == "whatsapp_business_account"));
            // An item with its envelope takes some 200 bytes; what is longer than asked for stays whole.
            if most >= 300 {
                assert!(cut.iter().all(|piece| piece.to_string().len() <= most), "{most}");
            }
        }
    }

    #[test]
    fn what_cannot_be_cut_stays_whole() {
        for webhook in [json!([1, 2, 3]), json!({ "entry": 7 }), json!({ "entry": [{ "changes": "x" }] })] {
            assert_eq!(pieces(webhook.clone(), 1), [webhook]);
        }
    }
}
