//! Message templates, in the shape of Meta's own listing, so that a test can register what it read from there.
//! <https://developers.facebook.com/documentation/business-messaging/whatsapp/templates/overview>

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// A template of the WhatsApp Business Account.
///
/// How many parameters a component takes follows from its placeholders: `{{1}}`, `{{2}}` or named ones.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Template {
    /// Lower-case letters, digits and underscores.
    pub name: String,
    /// For example `en`, `en_US`, `hi`.
    pub language: String,
    /// `UTILITY`, `MARKETING` or `AUTHENTICATION`.
    #[serde(default = "utility")]
    pub category: String,
    /// Only an approved template can be sent.
    #[serde(default)]
    pub status: TemplateStatus,
    /// Header, body, footer and buttons, at most one of each.
    pub components: Vec<Component>,
}

fn utility() -> String {
    "UTILITY".to_owned()
}

/// A template's status.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum TemplateStatus {
    /// Can be sent.
    #[default]
    Approved,
    /// In review; sending it is 132001.
    Pending,
    /// Refused; sending it is 132001.
    Rejected,
    /// Low quality; sending it is 132015.
    Paused,
    /// Paused too often; sending it is 132016.
    Disabled,
}

impl TemplateStatus {
    /// As Meta writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Approved => "APPROVED",
            Self::Pending => "PENDING",
            Self::Rejected => "REJECTED",
            Self::Paused => "PAUSED",
            Self::Disabled => "DISABLED",
        }
    }
}

/// A component of a template.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Component {
    /// Above the text.
    Header {
        /// What it is.
        format: HeaderFormat,
        /// Of a text header, with at most one placeholder.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        text: Option<String>,
    },
    /// The text.
    Body {
        /// With its placeholders.
        text: String,
    },
    /// The small print.
    Footer {
        /// Without placeholders.
        text: String,
    },
    /// At most ten.
    Buttons {
        /// In the order of their index.
        buttons: Vec<TemplateButton>,
    },
}

/// What a header is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum HeaderFormat {
    /// A line of text.
    Text,
    /// A picture.
    Image,
    /// A film.
    Video,
    /// A file.
    Document,
}

impl HeaderFormat {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Text => "TEXT",
            Self::Image => "IMAGE",
            Self::Video => "VIDEO",
            Self::Document => "DOCUMENT",
        }
    }
}

/// A button of a template.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum TemplateButton {
    /// Answers with a payload.
    QuickReply {
        /// The label.
        text: String,
    },
    /// Opens a page.
    Url {
        /// The label.
        text: String,
        /// With at most one placeholder, at its end.
        url: String,
    },
    /// Calls a number.
    PhoneNumber {
        /// The label.
        text: String,
        /// The number.
        phone_number: String,
    },
}

impl Template {
    /// An approved utility template with only a body.
    pub fn new(name: impl Into<String>, language: impl Into<String>, body: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            language: language.into(),
            category: utility(),
            status: TemplateStatus::default(),
            components: vec![Component::Body { text: body.into() }],
        }
    }

    /// The same template in another category.
    pub fn category(self, category: impl Into<String>) -> Self {
        Self {
            category: category.into(),
            ..self
        }
    }

    /// The same template in another status.
    pub fn status(self, status: TemplateStatus) -> Self {
        Self { status, ..self }
    }

    /// The same template with a line of text above the body.
    pub fn header_text(mut self, text: impl Into<String>) -> Self {
        let text = Some(text.into());
        let format = HeaderFormat::Text;
        self.components.insert(0, Component::Header { format, text });
        self
    }

    /// The same template with a medium above the body.
    pub fn header_media(mut self, format: HeaderFormat) -> Self {
        self.components.insert(0, Component::Header { format, text: None });
        self
    }

    /// The same template with small print.
    pub fn footer(mut self, text: impl Into<String>) -> Self {
        self.components.push(Component::Footer { text: text.into() });
        self
    }

    /// The same template with one more button that opens a page.
    pub fn url_button(self, text: impl Into<String>, url: impl Into<String>) -> Self {
        self.button(TemplateButton::Url {
            text: text.into(),
            url: url.into(),
        })
    }

    /// The same template with one more quick reply.
    pub fn quick_reply(self, text: impl Into<String>) -> Self {
        self.button(TemplateButton::QuickReply { text: text.into() })
    }

    fn button(mut self, button: TemplateButton) -> Self {
        for component in &mut self.components {
            if let Component::Buttons { buttons } = component {
                buttons.push(button);
                return self;
            }
        }
        self.components.push(Component::Buttons { buttons: vec![button] });
        self
    }

    pub(super) fn header(&self) -> Option<(HeaderFormat, &str)> {
        self.components.iter().find_map(|component| match component {
            Component::Header { format, text } => Some((*format, text.as_deref().unwrap_or_default())),
            _ => None,
        })
    }

    pub(super) fn body(&self) -> &str {
        let body = self.components.iter().find_map(|component| match component {
            Component::Body { text } => Some(text.as_str()),
            _ => None,
        });
        body.unwrap_or_default()
    }

    pub(super) fn footer_text(&self) -> Option<&str> {
        self.components.iter().find_map(|component| match component {
            Component::Footer { text } => Some(text.as_str()),
            _ => None,
        })
    }

    pub(super) fn buttons(&self) -> &[TemplateButton] {
        let buttons = self.components.iter().find_map(|component| match component {
            Component::Buttons { buttons } => Some(buttons.as_slice()),
            _ => None,
        });
        buttons.unwrap_or_default()
    }

    /// A stable numeric id: FNV-1a of name and language, within the 53 bits that survive a JavaScript reader.
    pub(super) fn id(&self) -> u64 {
        let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
        for byte in self.name.bytes().chain([0]).chain(self.language.bytes()) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        hash >> 12
    }

    /// One element of `GET /{waba_id}/message_templates`.
    pub(super) fn listing(&self) -> Value {
        let named = placeholders(self.body()).iter().any(|name| name.parse::<u32>().is_err());
        json!({
            "id": self.id().to_string(),
            "name": self.name,
            "language": self.language,
            "category": self.category,
            "status": self.status,
            "parameter_format": if named { "NAMED" } else { "POSITIONAL" },
            "components": self.components,
            "quality_score": {"score": "UNKNOWN"},
        })
    }
}

/// The placeholders of a text, each once, in order of appearance.
pub(super) fn placeholders(text: &str) -> Vec<&str> {
    let mut found: Vec<&str> = Vec::new();
    for part in text.split("{{").skip(1) {
        if let Some((name, _)) = part.split_once("}}")
            && !found.contains(&name.trim())
        {
            found.push(name.trim());
        }
    }
    found
}

/// Fills a text's placeholders; `value` is asked for each by its name.
pub(super) fn fill(text: &str, value: impl Fn(&str) -> String) -> String {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        filled.push_str(before);
        match after.split_once("}}") {
            Some((name, after)) => {
                filled.push_str(&value(name.trim()));
                rest = after;
            }
            None => {
                filled.push_str("{{");
                rest = after;
            }
        }
    }
    filled.push_str(rest);
    filled
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_knows_its_placeholders_and_fills_them() {
        assert_eq!(placeholders("{{1}} {{2}}, {{ 1 }}"), ["1", "2"]);
        assert_eq!(placeholders("Dear {{name}}"), ["name"]);
        assert_eq!(fill("{{1}}: {{2}} }} {{", |name| format!("<{name}>")), "<1>: <2> }} {{");
    }
}
