//! The limits of SES on what a request contains. Every error is the text that SES, or its documentation, gives.

use super::message::{Header, Tag};

/// Recipients of one message (to, cc and bcc), and entries of one bulk call.
pub(super) const MAX_DESTINATIONS: usize = 50;
const MAX_HEADERS: usize = 15;
const MAX_HEADER_NAME: usize = 126;
const MAX_HEADER_VALUE: usize = 995;
const MAX_HEADER: usize = 996;
const MAX_TAG: usize = 256;

/// Headers that SES writes itself and refuses from the sender.
const RESERVED_HEADERS: [&str; 12] = [
    "bcc",
    "cc",
    "content-disposition",
    "content-type",
    "date",
    "from",
    "message-id",
    "mime-version",
    "reply-to",
    "return-path",
    "subject",
    "to",
];

/// `Name <local@domain>` or a bare address; the wording is that of SES for each fault.
pub(super) fn address(address: &str) -> Result<(), String> {
    let bare = match (address.rfind('<'), address.rfind('>')) {
        (Some(open), Some(close)) if open < close => &address[open + 1..close],
        _ => address,
    }
    .trim();
    let Some((local, domain)) = bare.rsplit_once('@') else {
        return Err("Missing final '@domain'".to_owned());
    };
    if local.is_empty() {
        return Err("Missing local name".to_owned());
    }
    if !local.is_ascii() {
        return Err("Local address contains non-ASCII characters".to_owned());
    }
    if local.chars().any(|c| c.is_ascii_control() || c == ' ') {
        return Err("Local address contains control or whitespace".to_owned());
    }
    if domain.is_empty() || !domain.contains('.') && domain != "localhost" {
        return Err("Missing final '@domain'".to_owned());
    }
    if domain.starts_with('.') {
        return Err("Domain starts with dot".to_owned());
    }
    if domain.ends_with('.') {
        return Err("Domain ends with dot".to_owned());
    }
    if domain.contains("..") {
        return Err("Domain contains dot-dot".to_owned());
    }
    if !domain.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-')) {
        return Err("Domain contains illegal character".to_owned());
    }
    Ok(())
}

/// At least one recipient, at most fifty, each well formed.
pub(super) fn recipients(recipients: &[String]) -> Result<(), String> {
    if recipients.is_empty() {
        return Err("Destination must have at least one recipient.".to_owned());
    }
    if recipients.len() > MAX_DESTINATIONS {
        return Err(format!("Recipient count exceeds {MAX_DESTINATIONS}."));
    }
    recipients.iter().try_for_each(|recipient| address(recipient))
}

/// ASCII letters, digits, `_` and `-`, at most 256, in name and value.
/// <https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_MessageTag.html>
pub(super) fn tags(tags: &[Tag]) -> Result<(), String> {
    let is_plain = |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'));
    for (index, tag) in tags.iter().enumerate() {
        for (part, text) in [("name", &tag.name), ("value", &tag.value)] {
            if text.is_empty() || !is_plain(text) {
                return Err(format!(
                    "Invalid tag {part} <{text}>, only alphanumeric ASCII characters, '_', and '-' are allowed."
                ));
            }
            if text.len() > MAX_TAG {
                return Err(format!("Tag {part} exceeds {MAX_TAG} characters."));
            }
        }
        if tags[..index].iter().any(|earlier| earlier.name == tag.name) {
            return Err(format!("Duplicate tag name <{}>.", tag.name));
        }
    }
    Ok(())
}

/// At most 15 headers; names of printable ASCII without colon, values of printable ASCII, 126, 995 and together 996 characters.
/// <https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_MessageHeader.html>
pub(super) fn headers(headers: &[Header]) -> Result<(), String> {
    if headers.len() > MAX_HEADERS {
        return Err(format!(
            "1 validation error detected: Value at 'headers' failed to satisfy constraint: \
             Member must have length less than or equal to {MAX_HEADERS}"
        ));
    }
    for Header { name, value } in headers {
        let name_is_plain = name.bytes().all(|b| (33..=126).contains(&b) && b != b':');
        if name.is_empty() || name.len() > MAX_HEADER_NAME || !name_is_plain {
            return Err(format!("Header name <{name}> is not valid."));
        }
        let value_is_plain = value.bytes().all(|b| (32..=126).contains(&b));
        if value.len() > MAX_HEADER_VALUE || !value_is_plain {
            return Err(format!("Header value of <{name}> is not valid."));
        }
        if name.len() + value.len() > MAX_HEADER {
            return Err(format!("Header <{name}> exceeds {MAX_HEADER} characters."));
        }
        if RESERVED_HEADERS.iter().any(|reserved| name.eq_ignore_ascii_case(reserved)) {
            return Err(format!("Header <{name}> is not allowed."));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_header(name: &str, value: &str, is_valid: bool) {
        let header = Header {
            name: name.to_owned(),
            value: value.to_owned(),
        };
        assert_eq!(headers(&[header]).is_ok(), is_valid, "{name}");
    }

    #[track_caller]
    fn check_tag(name: &str, value: &str, is_valid: bool) {
        assert_eq!(
            tags(&[Tag {
                name: name.to_owned(),
                value: value.to_owned()
            }])
            .is_ok(),
            is_valid,
            "{name}={value}"
        );
    }

    #[track_caller]
    fn check_address(input: &str, expected: Result<(), &str>) {
        assert_eq!(address(input), expected.map_err(str::to_owned), "{input}");
    }

    #[test]
    fn enforces_header_limits() {
        check_header("List-Unsubscribe", "<https://example.in/u/1>", true);
        check_header("X-Long", &"a".repeat(990), true);
        check_header("X-Long", &"a".repeat(991), false);
        check_header("X-Long", &"a".repeat(996), false);
        check_header(&"n".repeat(127), "a", false);
        check_header("X:Colon", "a", false);
        check_header("X-Line", "a\r\nBcc: eve@example.in", false);
        check_header("X-Hindi", "नमस्ते", false);
        check_header("Subject", "a", false);
    }

    #[test]
    fn enforces_tag_characters_and_length() {
        check_tag("campaign", "01J-a_b", true);
        check_tag("campaign", "a b", false);
        check_tag("campaign", "a@b", false);
        check_tag("", "a", false);
        check_tag("campaign", "", false);
        check_tag("campaign", &"a".repeat(256), true);
        check_tag("campaign", &"a".repeat(257), false);
    }

    #[test]
    fn judges_addresses_in_the_words_of_ses() {
        check_address("asha@example.in", Ok(()));
        check_address("Asha Rao <asha+1@example.in>", Ok(()));
        check_address("asha", Err("Missing final '@domain'"));
        check_address("as ha@example.in", Err("Local address contains control or whitespace"));
        check_address("asha@example..in", Err("Domain contains dot-dot"));
        check_address("asha@example.in.", Err("Domain ends with dot"));
        check_address("asha@exa_mple.in", Err("Domain contains illegal character"));
    }
}
