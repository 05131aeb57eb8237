//! The inbox page: what arrived, for whom, and what became of it.
//!
//! Messages are untrusted: every value is escaped, the HTML part lives in a sandboxed frame without scripts, and the policy
//! of the page allows no script at all.

use std::fmt::Write as _;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, Query, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use jiff::Timestamp;
use serde::Deserialize;

use super::Shared;
use super::message::{EventState, Message, Outcome};

const STYLE: &str = include_str!("inbox.css");
const PAGE_SIZE: usize = 50;
const LIST_POLICY: &str = "default-src 'none'; style-src 'self'; img-src data:; form-action 'self'; base-uri 'none'; \
    frame-ancestors 'none'";
/// A `srcdoc` frame inherits this policy, so it must let an e-mail have inline styles and pictures. Nothing of a message
/// reaches the page outside that frame unescaped.
const MESSAGE_POLICY: &str = "default-src 'none'; style-src 'self' 'unsafe-inline'; img-src data: http: https:; \
    frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/", get(list))
        .route("/messages/{id}", get(show))
        .route("/assets/inbox.css", get(style))
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Filter {
    q: String,
    outcome: String,
    page: usize,
}

impl Filter {
    fn finds_address(&self, message: &Message) -> bool {
        let wanted = self.q.trim().to_lowercase();
        let found_in = |text: &str| text.to_lowercase().contains(&wanted);
        wanted.is_empty() || message.recipients().iter().any(|address| found_in(address)) || found_in(&message.from) || found_in(&message.subject)
    }

    fn href(&self, outcome: &str, page: usize) -> String {
        let mut pairs = Vec::new();
        if !self.q.is_empty() {
            pairs.push(("q", self.q.clone()));
        }
        if !outcome.is_empty() {
            pairs.push(("outcome", outcome.to_owned()));
        }
        if page > 0 {
            pairs.push(("page", page.to_string()));
        }
        if pairs.is_empty() {
            return "/".to_owned();
        }
        reqwest::Url::parse_with_params("http://inbox/", pairs)
            .map_or_else(|_| "/".to_owned(), |url| format!("/?{}", url.query().unwrap_or_default()))
    }
}

async fn list(State(shared): State<Arc<Shared>>, Query(filter): Query<Filter>) -> Response {
    let state = shared.state();
    let found: Vec<&Message> = state.messages.iter().rev().filter(|message| filter.finds_address(message)).collect();
    let shown: Vec<&Message> = found
        .iter()
        .copied()
        .filter(|message| filter.outcome.is_empty() || message.outcome.as_str() == filter.outcome)
        .collect();

    let mut main = String::new();
    write_toolbar(&mut main, &filter, &found);
    if shown.is_empty() {
        let (title, hint) = if state.messages.is_empty() {
            (
                "No messages yet",
                "Messages sent through this endpoint appear here as soon as they are accepted.",
            )
        } else {
            ("Nothing matches", "Try another address, or show all outcomes.")
        };
        push(&mut main, format_args!("<div class=\"empty\"><h2>{title}</h2><p>{hint}</p></div>"));
    } else {
        main.push_str("<ol class=\"messages\">");
        for message in shown.iter().skip(filter.page * PAGE_SIZE).take(PAGE_SIZE) {
            write_row(&mut main, message);
        }
        main.push_str("</ol>");
        write_pager(&mut main, &filter, shown.len());
    }
    let events = shared.publisher.status();
    let footer = format!(
        "Events: {} published · {} waiting · {} lost{}",
        events.published,
        events.waiting,
        events.lost,
        if shared.publisher.topic().is_none() {
            " · no event topic set"
        } else {
            ""
        },
    );
    page("Inbox", LIST_POLICY, &main, &footer)
}

fn write_toolbar(main: &mut String, filter: &Filter, found: &[&Message]) {
    push(
        main,
        format_args!(
            "<form class=\"search\" action=\"/\" role=\"search\"><label class=\"hidden\" for=\"q\">Address or subject</label>\
             <input id=\"q\" name=\"q\" type=\"search\" placeholder=\"Search address or subject\" value=\"{}\" \
             autocomplete=\"off\" spellcheck=\"false\"><input type=\"hidden\" name=\"outcome\" value=\"{}\">\
             <button>Search</button></form>",
            escape(&filter.q),
            escape(&filter.outcome),
        ),
    );
    main.push_str("<nav class=\"chips\" aria-label=\"Outcome\">");
    write_chip(main, filter, "", "All", found.len());
    for outcome in Outcome::ALL {
        let count = found.iter().filter(|message| message.outcome == outcome).count();
        if count > 0 || filter.outcome == outcome.as_str() {
            write_chip(main, filter, outcome.as_str(), label(outcome), count);
        }
    }
    main.push_str("</nav>");
}

fn write_chip(main: &mut String, filter: &Filter, outcome: &str, label: &str, count: usize) {
    let current = if filter.outcome == outcome { " aria-current=\"true\"" } else { "" };
    let href = filter.href(outcome, 0);
    push(
        main,
        format_args!(
            "<a class=\"chip {outcome}\" href=\"{}\"{current}>{label} <b>{count}</b></a>",
            escape(&href)
        ),
    );
}

fn write_row(main: &mut String, message: &Message) {
    let preview: String = message
        .text
        .as_deref()
        .unwrap_or_default()
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ");
    let preview: String = preview.chars().take(140).collect();
    let subject = if message.was_sent() {
        message.subject.as_str()
    } else {
        "(could not be rendered)"
    };
    let recipients = message.recipients();
    let others = match recipients.len() {
        0 | 1 => String::new(),
        count => format!(" <span class=\"more\">+{}</span>", count - 1),
    };
    push(
        main,
        format_args!(
            "<li><a href=\"/messages/{id}\"><span class=\"to\">{to}{others}</span>{badge}\
             <span class=\"what\"><span class=\"subject\">{subject}</span><span class=\"preview\">{preview}</span></span>\
             <time datetime=\"{at}\">{time}</time></a></li>",
            id = escape(&message.id),
            to = escape(recipients.first().map_or("", String::as_str)),
            badge = badge(message.outcome),
            subject = escape(subject),
            preview = escape(&preview),
            at = message.accepted_at,
            time = local_time(message.accepted_at, "%d %b, %H:%M:%S"),
        ),
    );
}

fn write_pager(main: &mut String, filter: &Filter, total: usize) {
    let first = filter.page * PAGE_SIZE;
    let last = (first + PAGE_SIZE).min(total);
    push(
        main,
        format_args!(
            "<nav class=\"pager\" aria-label=\"Pages\"><span>{}–{last} of {total}</span>",
            (first + 1).min(last)
        ),
    );
    if filter.page > 0 {
        push(
            main,
            format_args!("<a href=\"{}\">← Newer</a>", escape(&filter.href(&filter.outcome, filter.page - 1))),
        );
    }
    if last < total {
        push(
            main,
            format_args!("<a href=\"{}\">Older →</a>", escape(&filter.href(&filter.outcome, filter.page + 1))),
        );
    }
    main.push_str("</nav>");
}

async fn show(State(shared): State<Arc<Shared>>, Path(id): Path<String>) -> Response {
    let Some(message) = shared.message(&id) else {
        let main = "<div class=\"empty\"><h2>No such message</h2><p>It may have been cleared. <a href=\"/\">Back to the inbox</a></p></div>";
        let mut response = page("No such message", LIST_POLICY, main, "");
        *response.status_mut() = StatusCode::NOT_FOUND;
        return response;
    };
    let subject = if message.subject.is_empty() { "(no subject)" } else { &message.subject };
    let mut main = String::new();
    push(
        &mut main,
        format_args!(
            "<p class=\"back\"><a href=\"/\">← Inbox</a></p><article><header class=\"head\"><h2>{}</h2>{}</header>",
            escape(subject),
            badge(message.outcome)
        ),
    );
    write_envelope(&mut main, &message);
    if let Some(reason) = &message.rendering_failure {
        push(&mut main, format_args!("<p class=\"failure\"><b>Not sent.</b> {}</p>", escape(reason)));
    }
    write_timeline(&mut main, &message);
    if let Some(html) = &message.html {
        push(
            &mut main,
            format_args!(
                "<section><h3>HTML</h3><iframe title=\"HTML part\" referrerpolicy=\"no-referrer\" \
                 sandbox=\"allow-popups allow-popups-to-escape-sandbox\" srcdoc=\"{}\"></iframe></section>",
                escape(&opening_links_in_new_tabs(html))
            ),
        );
    }
    if let Some(text) = &message.text {
        push(
            &mut main,
            format_args!("<section><h3>Text</h3><pre class=\"text\">{}</pre></section>", escape(text)),
        );
    }
    main.push_str("<div class=\"pair\">");
    write_pairs(
        &mut main,
        "Headers",
        message.headers.iter().map(|header| (header.name.as_str(), header.value.as_str())),
    );
    write_pairs(&mut main, "Tags", message.tags.iter().map(|tag| (tag.name.as_str(), tag.value.as_str())));
    main.push_str("</div>");
    let raw = serde_json::to_string_pretty(&message).unwrap_or_default();
    push(
        &mut main,
        format_args!(
            "<section><details><summary>Raw JSON</summary><pre>{}</pre></details></section></article>",
            escape(&raw)
        ),
    );
    page(subject, MESSAGE_POLICY, &main, &format!("Message {}", message.id))
}

fn write_envelope(main: &mut String, message: &Message) {
    main.push_str("<dl class=\"envelope\">");
    let accepted = local_time(message.accepted_at, "%A, %d %B %Y, %H:%M:%S");
    let rows = [
        ("From", message.from.clone()),
        ("To", message.to.join(", ")),
        ("Cc", message.cc.join(", ")),
        ("Bcc", message.bcc.join(", ")),
        ("Reply to", message.reply_to.join(", ")),
        ("Accepted", accepted),
        (
            "Configuration set",
            message.configuration_set.clone().unwrap_or_else(|| "none: no events".to_owned()),
        ),
        ("Attachments", message.attachments.join(", ")),
    ];
    for (name, value) in rows.iter().filter(|(_, value)| !value.is_empty()) {
        push(main, format_args!("<div><dt>{name}</dt><dd>{}</dd></div>", escape(value)));
    }
    main.push_str("</dl>");
}

fn write_timeline(main: &mut String, message: &Message) {
    if message.events.is_empty() {
        return;
    }
    main.push_str("<ol class=\"timeline\" aria-label=\"Events\">");
    for event in &message.events {
        let (class, state) = match event.state {
            EventState::Waiting => ("waiting", "waiting"),
            EventState::Published => ("published", "published"),
            EventState::Lost => ("lost", "lost"),
        };
        push(
            main,
            format_args!(
                "<li class=\"{class}\"><b>{}</b><span>{} · {state}</span></li>",
                escape(&event.event_type),
                local_time(event.at, "%H:%M:%S%.3f")
            ),
        );
    }
    main.push_str("</ol>");
}

fn write_pairs<'a>(main: &mut String, title: &str, pairs: impl Iterator<Item = (&'a str, &'a str)>) {
    let rows: String = pairs
        .map(|(name, value)| format!("<tr><th scope=\"row\">{}</th><td>{}</td></tr>", escape(name), escape(value)))
        .collect();
    let content = if rows.is_empty() {
        "<p class=\"none\">None</p>".to_owned()
    } else {
        format!("<table>{rows}</table>")
    };
    push(main, format_args!("<section><h3>{title}</h3>{content}</section>"));
}

async fn style() -> Response {
    ([(CONTENT_TYPE, "text/css; charset=utf-8"), (CACHE_CONTROL, "no-cache")], STYLE).into_response()
}

fn page(title: &str, policy: &'static str, main: &str, footer: &str) -> Response {
    let title = escape(title);
    let footer = escape(footer);
    let body = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><meta name=\"color-scheme\" content=\"light dark\">\
         <title>{title} · SES simulator</title><link rel=\"icon\" href=\"data:,\">\
         <link rel=\"stylesheet\" href=\"/assets/inbox.css\"></head><body>\
         <header class=\"bar\"><h1><a href=\"/\">Inbox</a></h1><span>SES simulator · nothing leaves this machine</span></header>\
         <main>{main}</main><footer>{footer}</footer></body></html>"
    );
    let headers = [
        (CONTENT_TYPE, "text/html; charset=utf-8"),
        (CONTENT_SECURITY_POLICY, policy),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
        (CACHE_CONTROL, "no-store"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin-allow-popups"),
    ];
    (headers, body).into_response()
}

/// Puts `<base target="_blank">` first in the head, so that links leave the frame, and leaves the doctype where it is.
fn opening_links_in_new_tabs(html: &str) -> String {
    const BASE: &str = "<base target=\"_blank\">";
    // ASCII lower case keeps byte positions.
    let lower = html.to_ascii_lowercase();
    let after_tag = |tag: &str| {
        let start = lower.find(tag)?;
        let follows = lower[start + tag.len()..].chars().next()?;
        (follows == '>' || follows.is_ascii_whitespace()).then_some(())?;
        Some(start + lower[start..].find('>')? + 1)
    };
    let at = ["<head", "<html", "<!doctype"].into_iter().find_map(after_tag).unwrap_or(0);
    format!("{}{BASE}{}", &html[..at], &html[at..])
}

fn label(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Delivered => "Delivered",
        Outcome::Complained => "Complaint",
        Outcome::SoftBounced => "Soft bounce",
        Outcome::Bounced => "Bounced",
        Outcome::Suppressed => "Suppressed",
        Outcome::RenderingFailed => "Not rendered",
    }
}

fn badge(outcome: Outcome) -> String {
    format!("<span class=\"badge {}\">{}</span>", outcome.as_str(), label(outcome))
}

/// Indian time: the people who read this page are there.
fn local_time(at: Timestamp, format: &str) -> String {
    match at.in_tz("Asia/Kolkata") {
        Ok(local) => format!("{} IST", local.strftime(format)),
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
    fn the_inbox_makes_links_of_a_message_open_in_a_new_tab() {
        #[track_caller]
        fn check(html: &str, expected: &str) {
            assert_eq!(opening_links_in_new_tabs(html), expected);
        }
        check("<p>x", "<base target=\"_blank\"><p>x");
        check(
            "<!DOCTYPE html><HTML><Head lang=x><p>",
            "<!DOCTYPE html><HTML><Head lang=x><base target=\"_blank\"><p>",
        );
        check("<!doctype html><p>x", "<!doctype html><base target=\"_blank\"><p>x");
        check("<header>x", "<base target=\"_blank\"><header>x");
    }
}
