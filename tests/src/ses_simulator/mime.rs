//! Reads a raw message: enough of MIME for what mail libraries write, which is headers with folding and encoded words,
//! nested multiparts, base64 and quoted-printable.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};

use super::message::{Draft, Header, Tag};

/// Fills in what the draft does not have from the request. Recipients and sender of the request win over the headers.
pub(super) fn read_into(data: &[u8], draft: &mut Draft) {
    let (headers, body) = split(data);
    let has_destination = !(draft.to.is_empty() && draft.cc.is_empty() && draft.bcc.is_empty());
    for Header { name, value } in &headers {
        let decoded = decode_words(value);
        match name.to_ascii_lowercase().as_str() {
            "from" if draft.from.is_empty() => draft.from = decoded,
            "to" if !has_destination => draft.to = addresses(&decoded),
            "cc" if !has_destination => draft.cc = addresses(&decoded),
            "bcc" if !has_destination => draft.bcc = addresses(&decoded),
            "reply-to" if draft.reply_to.is_empty() => draft.reply_to = addresses(&decoded),
            "subject" => draft.subject = decoded,
            "x-ses-configuration-set" if draft.configuration_set.is_none() => draft.configuration_set = Some(decoded),
            "x-ses-message-tags" if draft.tags.is_empty() => draft.tags = message_tags(&decoded),
            // Of the message's structure or replaced by SES, not the sender's own.
            "from"
            | "to"
            | "cc"
            | "bcc"
            | "reply-to"
            | "mime-version"
            | "content-type"
            | "date"
            | "message-id"
            | "content-transfer-encoding"
            | "content-disposition"
            | "return-path"
            | "x-ses-configuration-set"
            | "x-ses-message-tags" => {}
            _ => draft.headers.push(Header {
                name: name.clone(),
                value: decoded,
            }),
        }
    }
    read_part(&headers, body, draft);
}

fn read_part(headers: &[Header], body: &[u8], draft: &mut Draft) {
    let content_type = header(headers, "content-type").unwrap_or("text/plain");
    if let Some(boundary) = parameter(content_type, "boundary") {
        for part in parts(body, &boundary) {
            let (headers, body) = split(part);
            read_part(&headers, body, draft);
        }
        return;
    }
    let disposition = header(headers, "content-disposition").unwrap_or_default();
    let file_name = parameter(disposition, "filename").or_else(|| parameter(content_type, "name"));
    if disposition.to_ascii_lowercase().starts_with("attachment") || file_name.is_some() {
        draft.attachments.push(file_name.unwrap_or_else(|| "attachment".to_owned()));
        return;
    }
    let encoding = header(headers, "content-transfer-encoding").unwrap_or_default().to_ascii_lowercase();
    let decoded = match encoding.as_str() {
        "base64" => decode_base64(body),
        "quoted-printable" => decode_quoted_printable(body, false),
        _ => body.to_vec(),
    };
    let text = String::from_utf8_lossy(&decoded).into_owned();
    let content_type = content_type.to_ascii_lowercase();
    if content_type.starts_with("text/html") && draft.html.is_none() {
        draft.html = Some(text);
    } else if content_type.starts_with("text/plain") && draft.text.is_none() {
        draft.text = Some(text);
    }
}

/// Headers, unfolded, and what follows the empty line.
fn split(data: &[u8]) -> (Vec<Header>, &[u8]) {
    let mut headers: Vec<Header> = Vec::new();
    let mut rest = data;
    while !rest.is_empty() {
        let end = rest.iter().position(|&b| b == b'\n').map_or(rest.len(), |position| position + 1);
        let (line, after) = rest.split_at(end);
        rest = after;
        let line = String::from_utf8_lossy(line);
        let line = line.trim_end_matches(['\r', '\n']);
        if line.is_empty() {
            break;
        }
        if line.starts_with([' ', '\t']) {
            if let Some(last) = headers.last_mut() {
                last.value.push(' ');
                last.value.push_str(line.trim_start());
            }
        } else if let Some((name, value)) = line.split_once(':') {
            headers.push(Header {
                name: name.trim().to_owned(),
                value: value.trim().to_owned(),
            });
        }
    }
    (headers, rest)
}

fn header<'a>(headers: &'a [Header], name: &str) -> Option<&'a str> {
    headers
        .iter()
        .find(|header| header.name.eq_ignore_ascii_case(name))
        .map(|header| header.value.as_str())
}

fn parameter(value: &str, name: &str) -> Option<String> {
    value.split(';').skip(1).find_map(|parameter| {
        let (key, value) = parameter.split_once('=')?;
        key.trim().eq_ignore_ascii_case(name).then(|| value.trim().trim_matches('"').to_owned())
    })
}

fn parts<'a>(body: &'a [u8], boundary: &str) -> Vec<&'a [u8]> {
    let delimiter = format!("--{boundary}").into_bytes();
    let starts: Vec<usize> = (0..body.len().saturating_sub(delimiter.len() - 1))
        .filter(|&at| body[at..].starts_with(&delimiter) && (at == 0 || body[at - 1] == b'\n'))
        .collect();
    starts
        .windows(2)
        .map(|pair| {
            let part = &body[pair[0] + delimiter.len()..pair[1]];
            let part = part.strip_prefix(b"\r\n").or_else(|| part.strip_prefix(b"\n")).unwrap_or(part);
            part.strip_suffix(b"\r\n").or_else(|| part.strip_suffix(b"\n")).unwrap_or(part)
        })
        .collect()
}

/// Splits at commas outside quotes and angle brackets.
fn addresses(value: &str) -> Vec<String> {
    let mut is_quoted = false;
    let parts = value.split(|c| {
        is_quoted ^= c == '"';
        c == ',' && !is_quoted
    });
    parts.map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

fn message_tags(value: &str) -> Vec<Tag> {
    let pairs = value.split(',').filter_map(|pair| pair.split_once('='));
    pairs
        .map(|(name, value)| Tag {
            name: name.trim().to_owned(),
            value: value.trim().to_owned(),
        })
        .collect()
}

fn decode_base64(data: &[u8]) -> Vec<u8> {
    let packed: Vec<u8> = data.iter().copied().filter(|b| !b.is_ascii_whitespace()).collect();
    STANDARD.decode(&packed).or_else(|_| STANDARD_NO_PAD.decode(&packed)).unwrap_or_default()
}

/// `is_word` reads the `Q` encoding of headers, where `_` is a space.
fn decode_quoted_printable(data: &[u8], is_word: bool) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(data.len());
    let mut rest = data;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        match byte {
            b'=' if after.starts_with(b"\r\n") => rest = &after[2..],
            b'=' if after.starts_with(b"\n") => rest = &after[1..],
            b'=' => {
                let code = after.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
                match code.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
                    Some(value) => {
                        decoded.push(value);
                        rest = &after[2..];
                    }
                    None => decoded.push(byte),
                }
            }
            b'_' if is_word => decoded.push(b' '),
            _ => decoded.push(byte),
        }
    }
    decoded
}

/// Decodes RFC 2047 words in UTF-8, which is what every current library writes.
fn decode_words(value: &str) -> String {
    let mut decoded = String::with_capacity(value.len());
    let mut rest = value;
    let mut follows_word = false;
    while let Some(start) = rest.find("=?") {
        let (before, word) = rest.split_at(start);
        // White space between two encoded words is not part of the text.
        if !(follows_word && before.trim().is_empty()) {
            decoded.push_str(before);
        }
        let mut fields = word[2..].splitn(4, '?');
        let (Some(_), Some(encoding), Some(text), Some(tail)) = (fields.next(), fields.next(), fields.next(), fields.next()) else {
            decoded.push_str(word);
            return decoded;
        };
        let bytes = match encoding {
            "B" | "b" => decode_base64(text.as_bytes()),
            _ => decode_quoted_printable(text.as_bytes(), true),
        };
        decoded.push_str(&String::from_utf8_lossy(&bytes));
        rest = tail.strip_prefix('=').unwrap_or(tail);
        follows_word = true;
    }
    decoded.push_str(rest);
    decoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_raw_message() {
        let raw = b"From: Campaign <c@example.in>\r\nTo: \"Rao, Asha\" <asha@example.in>,\r\n b@example.in\r\n\
            Subject: =?UTF-8?B?4KSo4KSu?= =?UTF-8?Q?_two?=\r\nX-SES-CONFIGURATION-SET: main\r\n\
            X-SES-MESSAGE-TAGS: a=1, b=2\r\nX-Own: yes\r\nMIME-Version: 1.0\r\n\
            Content-Type: multipart/mixed; boundary=\"m\"\r\n\r\n--m\r\nContent-Type: multipart/alternative; boundary=x\r\n\r\n\
            --x\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n\
            caf=C3=A9 =\r\nopen\r\n--x\r\nContent-Type: text/html\r\nContent-Transfer-Encoding: base64\r\n\r\nPGI+aGk8\r\nL2I+\r\n\
            --x--\r\n--m\r\nContent-Type: text/csv; name=\"v.csv\"\r\nContent-Disposition: attachment\r\n\r\na,b\r\n--m--\r\n";
        let mut draft = Draft::default();
        read_into(raw, &mut draft);
        assert_eq!(draft.from, "Campaign <c@example.in>");
        assert_eq!(draft.to, ["\"Rao, Asha\" <asha@example.in>", "b@example.in"]);
        assert_eq!(draft.subject, "नम two");
        assert_eq!(draft.text.as_deref(), Some("café open"));
        assert_eq!(draft.html.as_deref(), Some("<b>hi</b>"));
        assert_eq!(draft.configuration_set.as_deref(), Some("main"));
        assert_eq!(draft.tags.len(), 2);
        assert_eq!(
            draft.headers,
            [Header {
                name: "X-Own".to_owned(),
                value: "yes".to_owned()
            }]
        );
        assert_eq!(draft.attachments, ["v.csv"]);
    }
}
