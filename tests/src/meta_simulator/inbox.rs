//! The page of conversations: what each vendor's phone shows, and a form to answer as the vendor.
//!
//! Messages are untrusted: every value is escaped, and the policy of the page allows no script at all.

use std::fmt::Write as _;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Form, Path, Query, State};
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use jiff::Timestamp;
use jiff::tz::{Offset, TimeZone};
use serde::Deserialize;

use super::control::Reply;
use super::message::{Button, Header, Inbound, InboundContent, MediaSource, Message, StatusName, WebhookState};
use super::{Shared, State as Kept, WebhookTarget};

const STYLE: &str = include_str!("inbox.css");
/// UTC+05:30, without summer time since 1945.
const INDIA_SECS: i32 = 5 * 3600 + 1800;
/// A longer list is searched, not read.
const MAX_CONVERSATIONS: usize = 200;
const POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self' data: http: https:; form-action 'self'; base-uri 'none'; \
    frame-ancestors 'none'";

pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/", get(show))
        .route("/reply", post(reply))
        .route("/media/{id}", get(media))
        .route("/assets/inbox.css", get(style))
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Filter {
    /// Part of a number or of a text.
    q: String,
    /// The conversation that is open.
    with: String,
}

impl Filter {
    fn href(&self, with: &str) -> String {
        let mut pairs = Vec::new();
        if !self.q.is_empty() {
            pairs.push(("q", self.q.as_str()));
        }
        if !with.is_empty() {
            pairs.push(("with", with));
        }
        reqwest::Url::parse_with_params("http://inbox/", pairs)
            .ok()
            .and_then(|url| url.query().filter(|query| !query.is_empty()).map(|query| format!("/?{query}")))
            .unwrap_or_else(|| "/".to_owned())
    }
}

/// A message of either side.
enum Bubble<'a> {
    Sent(&'a Message),
    Received(&'a Inbound),
}

impl Bubble<'_> {
    fn number(&self) -> &str {
        match self {
            Self::Sent(message) => &message.to,
            Self::Received(inbound) => &inbound.from,
        }
    }

    fn at(&self) -> Timestamp {
        match self {
            Self::Sent(message) => message.accepted_at,
            Self::Received(inbound) => inbound.at,
        }
    }

    fn text(&self) -> &str {
        match self {
            Self::Sent(message) => &message.body,
            Self::Received(inbound) => match &inbound.content {
                InboundContent::Text { body } => body,
                InboundContent::Button { text, .. } => text,
            },
        }
    }
}

/// Everything that was said, oldest first.
fn bubbles(state: &Kept) -> Vec<Bubble<'_>> {
    let sent = state.messages.iter().map(Bubble::Sent);
    let mut all: Vec<Bubble<'_>> = sent.chain(state.replies.iter().map(Bubble::Received)).collect();
    all.sort_by_key(Bubble::at);
    all
}

async fn show(State(shared): State<Arc<Shared>>, Query(filter): Query<Filter>) -> Response {
    let state = shared.state();
    let all = bubbles(&state);
    let mut conversations: Vec<&Bubble<'_>> = Vec::new();
    let mut seen = std::collections::HashSet::new();
    for bubble in all.iter().rev() {
        if seen.insert(bubble.number()) {
            conversations.push(bubble);
        }
    }
    let wanted = filter.q.trim().to_lowercase();
    let total = conversations.len();
    conversations.retain(|bubble| wanted.is_empty() || bubble.number().contains(&wanted) || bubble.text().to_lowercase().contains(&wanted));
    let open = if filter.with.is_empty() {
        conversations.first().map_or("", |bubble| bubble.number())
    } else {
        filter.with.as_str()
    };

    let mut main = String::from("<div class=\"split\"><section class=\"list\" aria-label=\"Conversations\">");
    write_list(&mut main, &filter, &conversations, open, total);
    main.push_str("</section>");
    if open.is_empty() {
        main.push_str(
            "<div class=\"empty\"><h2>No messages yet</h2><p>Messages sent through this endpoint appear here as soon as they are accepted.</p></div>",
        );
    } else {
        let thread: Vec<&Bubble<'_>> = all.iter().filter(|bubble| bubble.number() == open).collect();
        write_phone(&mut main, &shared.options.verified_name, open, &thread);
    }
    main.push_str("</div>");
    let webhooks = shared.publisher.status();
    let target = match shared.publisher.target() {
        WebhookTarget::Capture => "captured".to_owned(),
        WebhookTarget::Url(url) => format!("to {url}"),
    };
    let footer = format!(
        "Webhooks {target}: {} published · {} waiting · {} lost · {} refused",
        webhooks.published, webhooks.waiting, webhooks.lost, webhooks.refused
    );
    page(&main, &footer)
}

fn write_list(main: &mut String, filter: &Filter, conversations: &[&Bubble<'_>], open: &str, total: usize) {
    push(
        main,
        format_args!(
            "<form class=\"search\" action=\"/\" role=\"search\"><label class=\"hidden\" for=\"q\">Number or text</label>\
             <input id=\"q\" name=\"q\" type=\"search\" placeholder=\"Search {total} conversations\" value=\"{}\" \
             autocomplete=\"off\" spellcheck=\"false\"><button>Search</button></form><ol>",
            escape(&filter.q)
        ),
    );
    for bubble in conversations.iter().take(MAX_CONVERSATIONS) {
        let current = if bubble.number() == open { " aria-current=\"true\"" } else { "" };
        let preview: String = bubble.text().split_whitespace().collect::<Vec<_>>().join(" ").chars().take(80).collect();
        let mark = match bubble {
            Bubble::Sent(message) => ticks(message),
            Bubble::Received(_) => String::new(),
        };
        push(
            main,
            format_args!(
                "<li><a href=\"{}\"{current}><span class=\"who\">{}</span><time datetime=\"{}\">{}</time>\
                 <span class=\"preview\">{mark}{}</span></a></li>",
                escape(&filter.href(bubble.number())),
                escape(&display(bubble.number())),
                bubble.at(),
                local_time(bubble.at(), "%H:%M"),
                escape(&preview)
            ),
        );
    }
    main.push_str("</ol>");
    if conversations.is_empty() && total > 0 {
        main.push_str("<p class=\"none\">Nothing matches.</p>");
    }
    if conversations.len() > MAX_CONVERSATIONS {
        push(
            main,
            format_args!(
                "<p class=\"none\">{} more: search for a number.</p>",
                conversations.len() - MAX_CONVERSATIONS
            ),
        );
    }
}

fn write_phone(main: &mut String, business: &str, number: &str, thread: &[&Bubble<'_>]) {
    push(
        main,
        format_args!(
            "<article class=\"phone\"><header><span class=\"avatar\" aria-hidden=\"true\">{}</span><div><h2>{}</h2>\
             <p>on the phone of {}</p></div></header><div class=\"chat\">",
            escape(&business.chars().take(1).collect::<String>()),
            escape(business),
            escape(&display(number))
        ),
    );
    if thread.is_empty() {
        main.push_str("<p class=\"day\">Nothing was said yet</p>");
    }
    let mut day = String::new();
    for bubble in thread {
        let today = local_time(bubble.at(), "%d %B %Y");
        if today != day {
            push(main, format_args!("<p class=\"day\">{today}</p>"));
            day = today;
        }
        match bubble {
            Bubble::Sent(message) => write_sent(main, message),
            Bubble::Received(inbound) => push(
                main,
                format_args!(
                    "<div class=\"bubble vendor\"><p class=\"body\">{}</p><footer>{}</footer></div>",
                    rich(bubble.text()),
                    local_time(inbound.at, "%H:%M")
                ),
            ),
        }
    }
    push(
        main,
        format_args!(
            "</div><form class=\"compose\" method=\"post\" action=\"/reply\"><input type=\"hidden\" name=\"from\" value=\"{}\">\
             <label class=\"hidden\" for=\"text\">Reply as the vendor</label>\
             <input id=\"text\" name=\"text\" required maxlength=\"4096\" placeholder=\"Reply as the vendor, or STOP\" \
             autocomplete=\"off\"><button>Send</button></form></article>",
            escape(number)
        ),
    );
}

fn write_sent(main: &mut String, message: &Message) {
    main.push_str("<div class=\"bubble\">");
    match &message.header {
        None => {}
        Some(Header::Text { text }) => push(main, format_args!("<h3>{}</h3>", escape(text))),
        Some(Header::Image { media }) => push(
            main,
            format_args!(
                "<img src=\"{}\" alt=\"Header image\" referrerpolicy=\"no-referrer\">",
                escape(&address(media))
            ),
        ),
        Some(Header::Video { media }) => write_file(main, media, "Video"),
        Some(Header::Document { media, filename }) => write_file(main, media, filename.as_deref().unwrap_or("Document")),
    }
    push(main, format_args!("<p class=\"body\">{}</p>", rich(&message.body)));
    if let Some(footer) = &message.footer {
        push(main, format_args!("<p class=\"small\">{}</p>", escape(footer)));
    }
    push(
        main,
        format_args!("<footer>{} {}</footer></div>", local_time(message.accepted_at, "%H:%M"), ticks(message)),
    );
    for button in &message.buttons {
        match button {
            Button::Url { text, url } => push(
                main,
                format_args!(
                    "<a class=\"tap\" target=\"_blank\" rel=\"noopener noreferrer\" href=\"{}\">↗ {}</a>",
                    escape(&safe_link(url)),
                    escape(text)
                ),
            ),
            Button::PhoneNumber { text, phone_number } => {
                push(
                    main,
                    format_args!("<span class=\"tap\" title=\"{}\">☎ {}</span>", escape(phone_number), escape(text)),
                );
            }
            Button::QuickReply { text, payload } => push(
                main,
                format_args!(
                    "<form method=\"post\" action=\"/reply\"><input type=\"hidden\" name=\"from\" value=\"{}\">\
                     <input type=\"hidden\" name=\"answers\" value=\"{}\"><input type=\"hidden\" name=\"payload\" value=\"{}\">\
                     <button class=\"tap\" name=\"text\" value=\"{label}\">↩ {label}</button></form>",
                    escape(&message.to),
                    escape(&message.id),
                    escape(payload),
                    label = escape(text)
                ),
            ),
        }
    }
    let raw = serde_json::to_string_pretty(message).unwrap_or_default();
    push(
        main,
        format_args!(
            "<details><summary>{} · {}</summary><pre>{}</pre></details>",
            escape(&message.template),
            escape(&message.language),
            escape(&raw)
        ),
    );
}

fn write_file(main: &mut String, media: &MediaSource, name: &str) {
    push(
        main,
        format_args!(
            "<a class=\"file\" target=\"_blank\" rel=\"noopener noreferrer\" href=\"{}\">▤ {}</a>",
            escape(&address(media)),
            escape(name)
        ),
    );
}

fn address(media: &MediaSource) -> String {
    match media {
        MediaSource::Id(id) => format!("/media/{id}"),
        MediaSource::Link(link) => safe_link(link),
    }
}

/// A link that can only open a web page.
fn safe_link(link: &str) -> String {
    let is_web = link.starts_with("https://") || link.starts_with("http://");
    if is_web { link.to_owned() } else { "#".to_owned() }
}

/// One tick sent, two delivered, two blue read, a cross failed; a clock until then.
fn ticks(message: &Message) -> String {
    let last = message.statuses.iter().rev().find(|status| status.state == WebhookState::Published);
    let (class, mark, label) = match last.map(|status| status.status) {
        None => ("clock", "◷", "accepted".to_owned()),
        Some(StatusName::Sent) => ("sent", "✓", "sent".to_owned()),
        Some(StatusName::Delivered) => ("delivered", "✓✓", "delivered".to_owned()),
        Some(StatusName::Read) => ("read", "✓✓", "read".to_owned()),
        Some(StatusName::Failed) => {
            let code = last.and_then(|status| status.code).unwrap_or_default();
            ("failed", "✕", format!("failed ({code})"))
        }
    };
    let shown = if class == "failed" { format!("{mark} {label}") } else { mark.to_owned() };
    format!("<span class=\"ticks {class}\" title=\"{label}\" aria-label=\"{label}\">{shown}</span> ")
}

/// WhatsApp's own bold and italic, and line breaks.
fn rich(text: &str) -> String {
    let mut html = escape(text);
    for (mark, tag) in [('*', "strong"), ('_', "em"), ('~', "s")] {
        html = marked(&html, mark, tag);
    }
    html
}

/// A mark counts where a word begins after the first and ends before the second, on one line.
fn marked(text: &str, mark: char, tag: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(mark) {
        let (before, after) = (&rest[..start], &rest[start + 1..]);
        let opens = before.chars().next_back().is_none_or(|c| !c.is_alphanumeric() && c != '/') && !after.starts_with([' ', '\n']);
        let end = after.find([mark, '\n']).filter(|&end| after[end..].starts_with(mark) && end > 0);
        let end = end.filter(|&end| after[end + 1..].chars().next().is_none_or(|c| !c.is_alphanumeric()));
        out.push_str(before);
        match end {
            Some(end) if opens => {
                push(&mut out, format_args!("<{tag}>{}</{tag}>", &after[..end]));
                rest = &after[end + 1..];
            }
            _ => {
                out.push(mark);
                rest = after;
            }
        }
    }
    out.push_str(rest);
    out
}

/// `+91 98765 43210`; other countries without spaces.
fn display(number: &str) -> String {
    match number.strip_prefix("91").filter(|rest| rest.len() == 10) {
        Some(rest) => format!("+91 {} {}", &rest[..5], &rest[5..]),
        None => format!("+{number}"),
    }
}

async fn reply(State(shared): State<Arc<Shared>>, Form(reply): Form<Reply>) -> Redirect {
    let from = super::fault::digits(&reply.from);
    reply.receive(&shared);
    let filter = Filter::default();
    Redirect::to(&filter.href(&from))
}

async fn media(State(shared): State<Arc<Shared>>, Path(id): Path<String>) -> Response {
    let Some(medium) = shared.state().media.get(&id).cloned() else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let headers = [(CONTENT_TYPE, medium.mime_type), (X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned())];
    (headers, medium.bytes).into_response()
}

async fn style() -> Response {
    ([(CONTENT_TYPE, "text/css; charset=utf-8"), (CACHE_CONTROL, "no-cache")], STYLE).into_response()
}

fn page(main: &str, footer: &str) -> Response {
    let footer = escape(footer);
    let body = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><meta name=\"color-scheme\" content=\"light dark\">\
         <title>Conversations · WhatsApp simulator</title><link rel=\"icon\" href=\"data:,\">\
         <link rel=\"stylesheet\" href=\"/assets/inbox.css\"></head><body>\
         <header class=\"bar\"><h1><a href=\"/\">Conversations</a></h1><span>WhatsApp simulator · nothing leaves this machine</span></header>\
         <main>{main}</main><footer class=\"foot\">{footer}</footer></body></html>"
    );
    let headers = [
        (CONTENT_TYPE, "text/html; charset=utf-8"),
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
        (CACHE_CONTROL, "no-store"),
    ];
    (headers, body).into_response()
}

/// Indian time, which needs no time-zone database: the people who read this page are there.
fn local_time(at: Timestamp, format: &str) -> String {
    match Offset::from_seconds(INDIA_SECS) {
        Ok(offset) => at.to_zoned(TimeZone::fixed(offset)).strftime(format).to_string(),
        Err(_) => at.to_string(),
    }
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

/// Writing to a `String` cannot fail.
fn push(out: &mut String, content: std::fmt::Arguments<'_>) {
    let _ = out.write_fmt(content);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_renders_marks_and_nothing_else() {
        #[track_caller]
        fn check(text: &str, expected: &str) {
            assert_eq!(rich(text), expected);
        }
        check("*Dear* _Rao_", "<strong>Dear</strong> <em>Rao</em>");
        check("2*3*4 a_b_c *open", "2*3*4 a_b_c *open");
        check("<b> *x*", "&lt;b&gt; <strong>x</strong>");
    }

    #[test]
    fn a_number_is_shown_as_people_write_it() {
        assert_eq!(display("919876543210"), "+91 98765 43210");
        assert_eq!(display("15551234567"), "+15551234567");
    }
}
