//! Templates as users write them: e-mails in full, WhatsApp messages as what fills the template Meta approved.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::delivery::Channel;
use crate::{FieldError, TemplateId, UserId};

/// The variables a template may use, with what they hold.
pub const VARIABLES: [(&str, &str); 16] = [
    ("vendor_code", "the vendor's code in your books"),
    ("company_name", "the vendor's name"),
    ("contact_name", "the contact person; the company's name where none is on record"),
    ("city", "city of the registered address"),
    ("state", "state of the registered address"),
    ("gstin", "GSTIN on record"),
    ("pan_masked", "PAN on record, masked"),
    ("udyam_number", "Udyam number on record"),
    ("email", "the address e-mails go to"),
    ("phone_number", "the mobile number WhatsApp messages go to"),
    ("organisation_name", "your organisation"),
    ("campaign_name", "the campaign"),
    ("deadline", "last day to answer, in Indian time, e.g. 31 January 2027"),
    ("form_url", "the vendor's personal link to the form"),
    (
        "form_token",
        "the end of that link, for a WhatsApp button whose URL is approved without it",
    ),
    ("unsubscribe_url", "the vendor's personal opt-out link"),
];

/// The parts of an e-mail template.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EmailContent {
    /// What colleagues call it.
    pub name: String,
    /// Subject line.
    pub subject: String,
    /// HTML part; values are escaped.
    pub html: String,
    /// Plain-text part.
    pub text: String,
}

impl EmailContent {
    /// Checks lengths; syntax and variables are checked where templates are compiled.
    ///
    /// # Errors
    /// Every field that is wrong, with its fix.
    pub fn checked(self) -> Result<Self, Vec<FieldError>> {
        let mut errors = Vec::new();
        let mut check = |field: &'static str, value: &str, most: usize, fix: &str| {
            let length = value.chars().count();
            if value.trim().is_empty() || length > most {
                errors.push(FieldError::new(field, &format!("{length} characters"), "length", fix));
            }
        };
        check("name", &self.name, 120, "give the template a name of 1 to 120 characters");
        check("subject", &self.subject, 200, "give a subject of 1 to 200 characters");
        check("html", &self.html, 100_000, "give an HTML part of 1 to 100,000 characters");
        check("text", &self.text, 50_000, "give a plain-text part of 1 to 50,000 characters");
        if self.subject.chars().any(char::is_control) {
            errors.push(FieldError::new(
                "subject",
                "",
                "control_character",
                "remove line breaks and control characters from the subject",
            ));
        }
        if errors.is_empty() { Ok(self) } else { Err(errors) }
    }
}

/// The longest body of a WhatsApp message, and so of one of its parameters, in characters.
/// <https://developers.facebook.com/docs/whatsapp/business-management-api/message-templates/components>
pub const MAX_BODY_CHARS: usize = 1_024;

/// The longest text header, in characters.
pub const MAX_HEADER_CHARS: usize = 60;

/// The longest URL behind a button, in characters.
pub const MAX_BUTTON_URL_CHARS: usize = 2_000;

/// The longest text that comes back when a quick reply is tapped, in characters.
pub const MAX_PAYLOAD_CHARS: usize = 128;

/// The most buttons of a template, of which two may open a URL.
const MAX_BUTTONS: usize = 10;
const MAX_URL_BUTTONS: usize = 2;

/// More parameters than a text of 1,024 characters can sensibly hold.
const MAX_PARAMETERS: usize = 50;

/// What a WhatsApp message fills into a template that Meta has approved.
///
/// Every parameter is a text with variables, as in `{{ company_name }}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WhatsappContent {
    /// What colleagues call it.
    #[schema(example = "MSME declaration, first request", max_length = 120)]
    pub name: String,
    /// The name it was approved by.
    #[schema(example = "msme_declaration_request", max_length = 512)]
    pub template_name: String,
    /// The language it was approved in.
    #[schema(example = "en")]
    pub language: String,
    /// The header, where the template has one that varies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header: Option<Header>,
    /// The values of `{{1}}`, `{{2}}` … in the body.
    #[serde(default)]
    #[schema(example = json!(["{{ contact_name }}", "{{ organisation_name }}", "{{ deadline }}"]))]
    pub body: Vec<String>,
    /// The buttons that vary.
    #[serde(default)]
    pub buttons: Vec<Button>,
    /// A copy of the approved body with its `{{1}}`, `{{2}}` …, to preview the message and to check its length.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "Dear {{1}}, {{2}} asks you to declare your MSME status by {{3}}.", max_length = 1024)]
    pub body_text: Option<String>,
}

/// The varying header of a WhatsApp message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Header {
    /// A line of text with one parameter.
    Text {
        /// The parameter.
        parameter: String,
    },
    /// A picture.
    Image {
        /// Where it is.
        media: Media,
    },
    /// A file.
    Document {
        /// Where it is.
        media: Media,
        /// The name the recipient sees.
        #[schema(example = "Notice.pdf")]
        filename: String,
    },
}

/// Where Meta finds a picture or a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Media {
    /// Uploaded to Meta, which keeps it for 30 days.
    Id(String),
    /// Anywhere on the web, over https.
    Link(String),
}

/// A button whose value varies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Button {
    /// Its place among the template's buttons, from 0.
    #[schema(maximum = 9)]
    pub index: u8,
    /// What it does.
    pub sub_type: ButtonKind,
    /// The end of the URL, or what comes back when it is tapped.
    #[schema(example = "{{ form_token }}")]
    pub parameter: String,
}

/// What a button does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ButtonKind {
    /// Opens the approved URL with the parameter at its end.
    Url,
    /// Answers with its label; we are told the parameter.
    QuickReply,
}

impl ButtonKind {
    /// Meta's word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            ButtonKind::Url => "url",
            ButtonKind::QuickReply => "quick_reply",
        }
    }
}

impl WhatsappContent {
    /// Checks what can be known without asking Meta; syntax and variables are checked where templates are compiled.
    ///
    /// # Errors
    /// Every field that is wrong, with its fix.
    pub fn checked(self) -> Result<Self, Vec<FieldError>> {
        let mut errors = Vec::new();
        self.check_names(&mut errors);
        self.check_header(&mut errors);
        self.check_body(&mut errors);
        self.check_buttons(&mut errors);
        if errors.is_empty() { Ok(self) } else { Err(errors) }
    }

    fn check_names(&self, errors: &mut Vec<FieldError>) {
        let length = self.name.chars().count();
        if self.name.trim().is_empty() || length > 120 {
            let length = format!("{length} characters");
            errors.push(FieldError::new(
                "name",
                &length,
                "length",
                "give the template a name of 1 to 120 characters",
            ));
        }
        let of_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        if self.template_name.is_empty() || self.template_name.len() > 512 || !self.template_name.chars().all(of_name) {
            errors.push(FieldError::new(
                "template_name",
                &self.template_name,
                "template_name",
                "give the name as WhatsApp Manager shows it: lower-case letters, digits and _, at most 512 characters",
            ));
        }
        if !is_language(&self.language) {
            errors.push(FieldError::new(
                "language",
                &self.language,
                "language",
                "give the code the template was approved in, for instance en, en_US or hi",
            ));
        }
    }

    fn check_header(&self, errors: &mut Vec<FieldError>) {
        let (media, filename) = match &self.header {
            None => return,
            Some(Header::Text { parameter }) => {
                check_parameter("header", "the parameter", parameter, MAX_BODY_CHARS, errors);
                return;
            }
            Some(Header::Image { media }) => (media, None),
            Some(Header::Document { media, filename }) => (media, Some(filename)),
        };
        match media {
            Media::Id(id) if id.is_empty() || id.len() > 64 || !id.bytes().all(|byte| byte.is_ascii_digit()) => {
                errors.push(FieldError::new(
                    "header",
                    id,
                    "media_id",
                    "give the id Meta answered the upload with: digits only",
                ));
            }
            Media::Link(link) if !is_https(link) => {
                errors.push(FieldError::new(
                    "header",
                    link,
                    "media_link",
                    "give a link that begins with https:// and names a host, of at most 2,000 characters",
                ));
            }
            _ => {}
        }
        if let Some(filename) = filename
            && (filename.trim().is_empty() || filename.chars().count() > 240 || filename.chars().any(|c| c.is_control() || c == '/'))
        {
            errors.push(FieldError::new(
                "header",
                filename,
                "filename",
                "give the document a file name of 1 to 240 characters without a slash, for instance Notice.pdf",
            ));
        }
    }

    fn check_body(&self, errors: &mut Vec<FieldError>) {
        if self.body.len() > MAX_PARAMETERS {
            errors.push(FieldError::new(
                "body",
                &self.body.len().to_string(),
                "too_many",
                "give at most 50 parameters",
            ));
        }
        for (place, parameter) in self.body.iter().enumerate().take(MAX_PARAMETERS) {
            check_parameter("body", &format!("parameter {}", place + 1), parameter, MAX_BODY_CHARS, errors);
        }
        let Some(text) = &self.body_text else { return };
        let length = text.chars().count();
        if text.trim().is_empty() || length > MAX_BODY_CHARS {
            errors.push(FieldError::new(
                "body_text",
                &format!("{length} characters"),
                "length",
                "copy the approved body of 1 to 1,024 characters, or leave it out",
            ));
        }
        let wanted: BTreeSet<usize> = (1..=self.body.len()).collect();
        let found = placeholder_numbers(text);
        if found != wanted {
            errors.push(FieldError::new(
                "body_text",
                &format!("{} placeholders", found.len()),
                "placeholders",
                &format!(
                    "the text has to hold exactly {}: give one parameter in `body` for each placeholder",
                    match self.body.len() {
                        0 => "no placeholder".to_owned(),
                        1 => "{{1}}".to_owned(),
                        last => format!("{{{{1}}}} to {{{{{last}}}}}"),
                    }
                ),
            ));
        }
    }

    fn check_buttons(&self, errors: &mut Vec<FieldError>) {
        let mut error = |value: &str, code: &'static str, fix: &str| errors.push(FieldError::new("buttons", value, code, fix));
        if self.buttons.len() > MAX_BUTTONS {
            error(&self.buttons.len().to_string(), "too_many", "give at most 10 buttons");
        }
        let urls = self.buttons.iter().filter(|button| button.sub_type == ButtonKind::Url).count();
        if urls > MAX_URL_BUTTONS {
            error(&urls.to_string(), "too_many_urls", "give at most 2 buttons that open a URL");
        }
        let mut seen = BTreeSet::new();
        for button in &self.buttons {
            let index = button.index.to_string();
            if usize::from(button.index) >= MAX_BUTTONS {
                error(&index, "index", "count the template's buttons from 0 to 9");
            }
            if !seen.insert(button.index) {
                error(&index, "index", "name each button once: two have the same index");
            }
            if button.sub_type == ButtonKind::Url && button.parameter.trim_start().to_ascii_lowercase().starts_with("http") {
                error(
                    &button.parameter,
                    "full_url",
                    "give only what follows the approved part of the URL, for instance {{ form_token }}",
                );
            }
        }
        for button in self.buttons.iter().take(MAX_BUTTONS) {
            let most = match button.sub_type {
                ButtonKind::Url => MAX_BUTTON_URL_CHARS,
                // Variables make the text longer than what it becomes; the result is checked when it is rendered.
                ButtonKind::QuickReply => MAX_BODY_CHARS,
            };
            check_parameter("buttons", &format!("button {}", button.index), &button.parameter, most, errors);
        }
    }
}

/// Meta refuses line breaks, tabs and runs of spaces in a parameter (132018, 132012), and empty ones (131008).
fn check_parameter(field: &'static str, which: &str, text: &str, most: usize, errors: &mut Vec<FieldError>) {
    let length = text.chars().count();
    if text.trim().is_empty() || length > most {
        let fix = format!("{which} has {length} characters: give 1 to {most}, for instance {{{{ company_name }}}}");
        errors.push(FieldError::new(field, &format!("{length} characters"), "length", &fix));
    }
    if text.chars().any(char::is_control) || text.contains("    ") {
        let fix = format!("{which} holds a line break, a tab or four spaces in a row, which WhatsApp refuses: write it on one line");
        errors.push(FieldError::new(field, "", "whitespace", &fix));
    }
}

/// `en`, `fil`, `en_US`.
fn is_language(code: &str) -> bool {
    let (language, region) = code.split_once('_').map_or((code, None), |(language, region)| (language, Some(region)));
    let lower = (2..=3).contains(&language.len()) && language.bytes().all(|byte| byte.is_ascii_lowercase());
    lower && region.is_none_or(|region| region.len() == 2 && region.bytes().all(|byte| byte.is_ascii_uppercase()))
}

fn is_https(link: &str) -> bool {
    let Some(rest) = link.strip_prefix("https://") else { return false };
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let plain = |c: char| c.is_ascii_graphic() && !matches!(c, '"' | '<' | '>' | '\\' | '{' | '}');
    host.contains('.') && !host.starts_with('.') && link.len() <= MAX_BUTTON_URL_CHARS && link.chars().all(plain)
}

/// A `{{1}}` in an approved text.
struct Placeholder {
    start: usize,
    end: usize,
    number: usize,
}

fn placeholders(text: &str) -> impl Iterator<Item = Placeholder> {
    let mut from = 0;
    std::iter::from_fn(move || {
        loop {
            let start = from + text[from..].find("{{")?;
            let end = start + text[start..].find("}}")? + 2;
            from = end;
            if let Ok(number) = text[start + 2..end - 2].trim().parse() {
                return Some(Placeholder { start, end, number });
            }
        }
    })
}

/// The numbers of the placeholders in an approved text: 1 for `{{1}}`.
pub fn placeholder_numbers(text: &str) -> BTreeSet<usize> {
    placeholders(text).map(|placeholder| placeholder.number).collect()
}

/// Puts values into an approved text: the first for `{{1}}`. A placeholder without a value stays as it is.
pub fn fill_placeholders(text: &str, values: &[impl AsRef<str>]) -> String {
    let mut filled = String::with_capacity(text.len());
    let mut from = 0;
    for Placeholder { start, end, number } in placeholders(text) {
        filled.push_str(&text[from..start]);
        match number.checked_sub(1).and_then(|place| values.get(place)) {
            Some(value) => filled.push_str(value.as_ref()),
            None => filled.push_str(&text[start..end]),
        }
        from = end;
    }
    filled.push_str(&text[from..]);
    filled
}

/// What a template says, by channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "channel", rename_all = "snake_case", from = "ReadContent")]
pub enum TemplateContent {
    /// An e-mail.
    Email(EmailContent),
    /// A WhatsApp message.
    Whatsapp(WhatsappContent),
}

/// As stored: templates from before there was a second channel do not name theirs.
#[derive(Deserialize)]
#[serde(untagged)]
enum ReadContent {
    OfChannel(ContentOfChannel),
    Email(EmailContent),
}

#[derive(Deserialize)]
#[serde(tag = "channel", rename_all = "snake_case")]
enum ContentOfChannel {
    Email(EmailContent),
    Whatsapp(WhatsappContent),
}

impl From<ReadContent> for TemplateContent {
    fn from(content: ReadContent) -> Self {
        match content {
            ReadContent::Email(content) | ReadContent::OfChannel(ContentOfChannel::Email(content)) => Self::Email(content),
            ReadContent::OfChannel(ContentOfChannel::Whatsapp(content)) => Self::Whatsapp(content),
        }
    }
}

impl TemplateContent {
    /// The channel it is for.
    pub const fn channel(&self) -> Channel {
        match self {
            TemplateContent::Email(_) => Channel::Email,
            TemplateContent::Whatsapp(_) => Channel::Whatsapp,
        }
    }

    /// What colleagues call it.
    pub fn name(&self) -> &str {
        match self {
            TemplateContent::Email(content) => &content.name,
            TemplateContent::Whatsapp(content) => &content.name,
        }
    }

    /// The e-mail, where it is one.
    pub const fn as_email(&self) -> Option<&EmailContent> {
        match self {
            TemplateContent::Email(content) => Some(content),
            TemplateContent::Whatsapp(_) => None,
        }
    }

    /// The WhatsApp message, where it is one.
    pub const fn as_whatsapp(&self) -> Option<&WhatsappContent> {
        match self {
            TemplateContent::Whatsapp(content) => Some(content),
            TemplateContent::Email(_) => None,
        }
    }
}

impl From<EmailContent> for TemplateContent {
    fn from(content: EmailContent) -> Self {
        TemplateContent::Email(content)
    }
}

impl From<WhatsappContent> for TemplateContent {
    fn from(content: WhatsappContent) -> Self {
        TemplateContent::Whatsapp(content)
    }
}

/// A template as stored.
#[derive(Debug, Clone, PartialEq)]
pub struct Template {
    /// Identity.
    pub id: TemplateId,
    /// What it says.
    pub content: TemplateContent,
    /// Who created it.
    pub created_by: UserId,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// Counts the changes, for `ETag`.
    pub version: u64,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn content() -> WhatsappContent {
        WhatsappContent {
            name: "First request".to_owned(),
            template_name: "msme_declaration_request".to_owned(),
            language: "en".to_owned(),
            header: Some(Header::Document {
                media: Media::Link("https://files.example.in/notice.pdf".to_owned()),
                filename: "Notice.pdf".to_owned(),
            }),
            body: vec!["{{ contact_name }}".to_owned(), "{{ deadline }}".to_owned()],
            buttons: vec![Button {
                index: 0,
                sub_type: ButtonKind::Url,
                parameter: "{{ form_token }}".to_owned(),
            }],
            body_text: Some("Dear {{1}}, please answer by {{2}}.".to_owned()),
        }
    }

    #[track_caller]
    fn refused(change: impl FnOnce(&mut WhatsappContent), expected: &[(&str, &str)]) {
        let mut content = content();
        change(&mut content);
        let errors = content.checked().err().unwrap_or_default();
        let found: Vec<_> = errors.iter().map(|error| (error.field, error.code)).collect();
        assert_eq!(found, expected);
        assert!(errors.iter().all(|error| error.message.contains(' ')));
    }

    #[test]
    fn a_right_template_is_taken_as_it_is() {
        assert_eq!(content().checked(), Ok(content()));
        refused(|content| content.header = None, &[]);
        refused(|content| content.body_text = None, &[]);
        for language in ["hi", "en_US", "fil"] {
            refused(|content| content.language = language.to_owned(), &[]);
        }
    }

    #[test]
    fn names_and_language_are_those_of_meta() {
        refused(|content| content.name = " ".to_owned(), &[("name", "length")]);
        for wrong in ["", "Msme", "msme-request", "मस्म", &"x".repeat(513)] {
            refused(|content| content.template_name = wrong.to_owned(), &[("template_name", "template_name")]);
        }
        for wrong in ["", "EN", "en-US", "en_us", "english", "e"] {
            refused(|content| content.language = wrong.to_owned(), &[("language", "language")]);
        }
    }

    #[test]
    fn media_is_an_id_or_an_https_link() {
        let image = |media| move |content: &mut WhatsappContent| content.header = Some(Header::Image { media });
        refused(image(Media::Id("1166846181421424".to_owned())), &[]);
        for wrong in ["", "abc", "12 34"] {
            refused(image(Media::Id(wrong.to_owned())), &[("header", "media_id")]);
        }
        for wrong in [
            "http://a.in/x.png",
            "https://",
            "https://localhost/x",
            "https://a.in/{{ city }}",
            "https://a.in/a b",
        ] {
            refused(image(Media::Link(wrong.to_owned())), &[("header", "media_link")]);
        }
        for wrong in ["", "a/b.pdf", "a\nb.pdf"] {
            let header = Header::Document {
                media: Media::Id("1".to_owned()),
                filename: wrong.to_owned(),
            };
            refused(|content| content.header = Some(header), &[("header", "filename")]);
        }
    }

    #[test]
    fn parameters_fit_and_stand_on_one_line() {
        let text = |parameter: &str| Header::Text {
            parameter: parameter.to_owned(),
        };
        refused(|content| content.header = Some(text("")), &[("header", "length")]);
        refused(|content| content.header = Some(text("a\nb")), &[("header", "whitespace")]);
        for wrong in ["a\tb", "a    b", "a\r\nb"] {
            refused(|content| content.body[1] = wrong.to_owned(), &[("body", "whitespace")]);
        }
        refused(|content| content.body[0] = "x".repeat(1_025), &[("body", "length")]);
        refused(|content| content.body[0] = "  ".to_owned(), &[("body", "length")]);
        refused(
            |content| {
                content.body = vec!["x".to_owned(); 51];
                content.body_text = None;
            },
            &[("body", "too_many")],
        );
    }

    #[test]
    fn the_copy_of_the_body_has_a_placeholder_per_parameter() {
        for wrong in ["Dear {{1}}", "Dear {{1}} {{3}}", "Dear {{ name }}", "{{1}} {{2}} {{3}}"] {
            refused(|content| content.body_text = Some(wrong.to_owned()), &[("body_text", "placeholders")]);
        }
        refused(|content| content.body_text = Some("{{2}} {{ 1 }} {{2}}".to_owned()), &[]);
        let long = format!("{{{{1}}}} {{{{2}}}} {}", "x".repeat(1_024));
        refused(|content| content.body_text = Some(long), &[("body_text", "length")]);
        assert_eq!(
            fill_placeholders("{{2}}, {{ 1 }}: {{2}} {{3}} {{x}} }}", &["a", "b"]),
            "b, a: b {{3}} {{x}} }}"
        );
    }

    #[test]
    fn buttons_are_few_distinct_and_without_the_whole_url() {
        let button = |index, sub_type, parameter: &str| Button {
            index,
            sub_type,
            parameter: parameter.to_owned(),
        };
        let url = |index| button(index, ButtonKind::Url, "{{ form_token }}");
        let reply = |index| button(index, ButtonKind::QuickReply, "not_msme");
        refused(|content| content.buttons = vec![url(0), url(1), reply(2)], &[]);
        refused(|content| content.buttons = vec![url(0), url(1), url(2)], &[("buttons", "too_many_urls")]);
        refused(|content| content.buttons = vec![reply(1), reply(1)], &[("buttons", "index")]);
        refused(|content| content.buttons = vec![reply(10)], &[("buttons", "index")]);
        refused(
            |content| content.buttons = (0..=10).map(reply).collect(),
            &[("buttons", "too_many"), ("buttons", "index")],
        );
        refused(
            |content| content.buttons = vec![button(0, ButtonKind::Url, "https://msme.example/f/{{ form_token }}")],
            &[("buttons", "full_url")],
        );
        refused(|content| content.buttons = vec![button(3, ButtonKind::Url, "")], &[("buttons", "length")]);
    }

    #[test]
    fn a_stored_template_knows_its_channel_and_an_old_one_is_an_email() {
        let email = json!({ "name": "n", "subject": "s", "html": "h", "text": "t" });
        let old: TemplateContent = serde_json::from_value(email).unwrap();
        assert_eq!(old.channel(), Channel::Email);
        let stored = serde_json::to_value(&old).unwrap();
        assert_eq!(stored["channel"], "email");
        assert_eq!(serde_json::from_value::<TemplateContent>(stored).unwrap(), old);

        let whatsapp = TemplateContent::from(content());
        let stored = serde_json::to_value(&whatsapp).unwrap();
        assert_eq!(stored["channel"], "whatsapp");
        assert_eq!(
            stored["header"],
            json!({ "type": "document", "media": { "link": "https://files.example.in/notice.pdf" }, "filename": "Notice.pdf" })
        );
        assert_eq!(stored["buttons"][0]["sub_type"], "url");
        assert_eq!(serde_json::from_value::<TemplateContent>(stored).unwrap(), whatsapp);
    }
}
