//! A template as Meta approved it, and whether a message of ours would fit: asked before a campaign begins, because a request that
//! does not fit is refused for every recipient alike (131008, 132000, 132012 …).

use std::collections::BTreeSet;

use domain::FieldError;
use domain::template::{ButtonKind, Header, WhatsappContent, placeholder_numbers};
use serde::Deserialize;

/// A template in one language.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ApprovedTemplate {
    /// Its name.
    pub name: String,
    /// Its language, as in `en_US`.
    pub language: String,
    /// `APPROVED`, `PAUSED`, `DISABLED`, `PENDING`, `REJECTED` …
    pub status: String,
    /// `UTILITY`, `MARKETING` or `AUTHENTICATION`: what a message costs depends on it.
    #[serde(default)]
    pub category: Option<String>,
    #[serde(default)]
    components: Vec<Component>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct Component {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    format: Option<String>,
    #[serde(default)]
    text: Option<String>,
    #[serde(default)]
    buttons: Vec<ApprovedButton>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct ApprovedButton {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    url: Option<String>,
}

impl ApprovedTemplate {
    /// Whether messages of it may be sent now.
    pub fn is_approved(&self) -> bool {
        self.status == "APPROVED"
    }

    /// The body with its placeholders.
    pub fn body(&self) -> Option<&str> {
        self.component("BODY")?.text.as_deref()
    }

    fn component(&self, kind: &str) -> Option<&Component> {
        self.components.iter().find(|component| component.kind.eq_ignore_ascii_case(kind))
    }

    /// Where a message of ours would not fit, with the fix. Empty where it does.
    pub fn mismatches(&self, content: &WhatsappContent) -> Vec<FieldError> {
        let mut errors = Vec::new();
        self.check_header(content, &mut errors);
        let wanted = self.body().map_or(0, count);
        if wanted != content.body.len() {
            errors.push(FieldError::new(
                "body",
                &content.body.len().to_string(),
                "parameter_count",
                &format!("the approved body has {wanted} placeholders: give as many parameters"),
            ));
        }
        self.check_buttons(content, &mut errors);
        errors
    }

    fn check_header(&self, content: &WhatsappContent, errors: &mut Vec<FieldError>) {
        let approved = self.component("HEADER");
        let format = approved
            .and_then(|header| header.format.as_deref())
            .unwrap_or("TEXT")
            .to_ascii_uppercase();
        let varies = approved.is_some_and(|header| format != "TEXT" || header.text.as_deref().map_or(0, count) > 0);
        let given = content.header.as_ref().map(|header| match header {
            Header::Text { .. } => "TEXT",
            Header::Image { .. } => "IMAGE",
            Header::Document { .. } => "DOCUMENT",
        });
        let fix = match (varies, given) {
            (false, None) => return,
            (true, Some(given)) if given == format => return,
            (false, Some(_)) => "the approved template has no header that varies: leave the header out".to_owned(),
            (true, _) => format!("the approved template has a header of the kind {}: give one", format.to_ascii_lowercase()),
        };
        errors.push(FieldError::new("header", given.unwrap_or_default(), "header_kind", &fix));
    }

    fn check_buttons(&self, content: &WhatsappContent, errors: &mut Vec<FieldError>) {
        let approved = self
            .component("BUTTONS")
            .map(|component| component.buttons.as_slice())
            .unwrap_or_default();
        let mut error = |value: &str, code: &'static str, fix: &str| errors.push(FieldError::new("buttons", value, code, fix));
        for button in &content.buttons {
            let index = button.index.to_string();
            let takes = match approved.get(usize::from(button.index)) {
                None => None,
                Some(known) if known.kind.eq_ignore_ascii_case("QUICK_REPLY") => Some(ButtonKind::QuickReply),
                Some(known) if known.url.as_deref().map_or(0, count) > 0 => Some(ButtonKind::Url),
                Some(_) => None,
            };
            match takes {
                Some(kind) if kind == button.sub_type => {}
                Some(kind) => error(
                    &index,
                    "button_kind",
                    &format!("the approved button {index} is of the kind {}", kind.as_str()),
                ),
                None => error(
                    &index,
                    "button_absent",
                    &format!("the approved template has no button {index} that takes a parameter: leave it out"),
                ),
            }
        }
        let given: BTreeSet<usize> = content.buttons.iter().map(|button| usize::from(button.index)).collect();
        for (index, button) in approved.iter().enumerate() {
            if button.url.as_deref().map_or(0, count) > 0 && !given.contains(&index) {
                let fix =
                    format!("the URL of the approved button {index} ends in a placeholder: give its parameter, for instance {{{{ form_token }}}}");
                error(&index.to_string(), "button_missing", &fix);
            }
        }
    }
}

/// How many different placeholders a text has.
fn count(text: &str) -> usize {
    placeholder_numbers(text).len()
}

#[cfg(test)]
mod tests {
    use domain::template::{Button, Media};
    use serde_json::json;

    use super::*;

    fn approved() -> ApprovedTemplate {
        serde_json::from_value(json!({
            "name": "msme_declaration_request", "language": "en", "status": "APPROVED", "category": "UTILITY", "id": "1",
            "components": [
                { "type": "HEADER", "format": "DOCUMENT", "example": {} },
                { "type": "BODY", "text": "Dear {{1}}, answer by {{2}}. {{1}}!" },
                { "type": "FOOTER", "text": "Reply STOP to opt out" },
                { "type": "BUTTONS", "buttons": [
                    { "type": "URL", "text": "Answer", "url": "https://msme.example/f/{{1}}" },
                    { "type": "QUICK_REPLY", "text": "Not an MSME" },
                    { "type": "URL", "text": "About", "url": "https://msme.example/about" },
                ] },
            ],
        }))
        .unwrap()
    }

    fn content() -> WhatsappContent {
        WhatsappContent {
            name: "First request".to_owned(),
            template_name: "msme_declaration_request".to_owned(),
            language: "en".to_owned(),
            header: Some(Header::Document {
                media: Media::Id("1".to_owned()),
                filename: "Notice.pdf".to_owned(),
            }),
            body: vec!["a".to_owned(), "b".to_owned()],
            buttons: vec![button(0, ButtonKind::Url)],
            body_text: None,
        }
    }

    fn button(index: u8, sub_type: ButtonKind) -> Button {
        Button {
            index,
            sub_type,
            parameter: "x".to_owned(),
        }
    }

    #[track_caller]
    fn check(change: impl FnOnce(&mut WhatsappContent), expected: &[(&str, &str)]) {
        let mut content = content();
        change(&mut content);
        let errors = approved().mismatches(&content);
        let found: Vec<_> = errors.iter().map(|error| (error.field, error.code)).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn a_message_fits_or_says_where_it_does_not() {
        assert!(approved().is_approved());
        check(|_| {}, &[]);
        check(|content| content.buttons.push(button(1, ButtonKind::QuickReply)), &[]);
        check(|content| content.header = None, &[("header", "header_kind")]);
        check(|content| content.body.truncate(1), &[("body", "parameter_count")]);
        check(|content| content.buttons.clear(), &[("buttons", "button_missing")]);
        check(
            |content| content.buttons[0].sub_type = ButtonKind::QuickReply,
            &[("buttons", "button_kind")],
        );
        check(
            |content| content.buttons.push(button(2, ButtonKind::Url)),
            &[("buttons", "button_absent")],
        );
        check(
            |content| content.buttons.push(button(5, ButtonKind::Url)),
            &[("buttons", "button_absent")],
        );
        let plain = ApprovedTemplate {
            components: Vec::new(),
            ..approved()
        };
        let errors = plain.mismatches(&content());
        let found: Vec<_> = errors.iter().map(|error| error.code).collect();
        assert_eq!(found, ["header_kind", "parameter_count", "button_absent"]);
    }
}
