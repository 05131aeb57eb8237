//! Reads a message as strictly as Meta does, against the registered templates, and renders it.
//! <https://developers.facebook.com/documentation/business-messaging/whatsapp/messages/template-messages>

use serde_json::{Map, Value};

use super::error::{GraphError, bad_parameter, invalid_parameter, invalid_value, missing};
use super::fault::digits;
use super::message::{Button, Header, MediaSource};
use super::template::{HeaderFormat, Template, TemplateButton, TemplateStatus, fill, placeholders};

const MAX_CALLBACK_DATA: usize = 512;
const MAX_BODY: usize = 1024;
const MAX_HEADER: usize = 60;
const MAX_PAYLOAD: usize = 128;

/// A message that may be accepted.
#[derive(Debug)]
pub(super) struct Draft {
    /// As the request had it, which the answer repeats.
    pub(super) input: String,
    pub(super) to: String,
    pub(super) callback_data: Option<String>,
    pub(super) template: String,
    pub(super) language: String,
    pub(super) category: String,
    pub(super) header: Option<Header>,
    pub(super) body: String,
    pub(super) footer: Option<String>,
    pub(super) buttons: Vec<Button>,
}

/// What a message is checked against.
pub(super) struct Account<'a> {
    /// The sender's digits.
    pub(super) number: &'a str,
    pub(super) templates: &'a [Template],
    /// Whether a medium was uploaded.
    pub(super) has_media: &'a dyn Fn(&str) -> bool,
}

/// The recipient of a request that may be wrong in any other way; empty where there is none.
pub(super) fn recipient(payload: &Value) -> String {
    payload["to"].as_str().map(digits).unwrap_or_default()
}

pub(super) fn message(payload: &Value, account: &Account<'_>) -> Result<Draft, GraphError> {
    let payload = payload
        .as_object()
        .ok_or_else(|| bad_parameter("The request body must be a JSON object."))?;
    one_of(payload, "messaging_product", &["whatsapp"])?;
    if payload.contains_key("recipient_type") {
        one_of(payload, "recipient_type", &["individual"])?;
    }
    let input = match payload.get("to") {
        None | Some(Value::Null) => return Err(bad_parameter("The parameter to is required.")),
        Some(Value::String(to)) => to,
        Some(_) => return Err(bad_parameter("Param to must be a string.")),
    };
    let to = phone_number(input)?;
    if to == account.number {
        return Err(GraphError::new(131_021));
    }
    let callback_data = callback_data(payload)?;
    match payload.get("type").map_or(Some("text"), Value::as_str) {
        Some("template") => {}
        Some(other) => return Err(GraphError::new(131_051).details(format!("Message type \"{other}\" is not currently supported."))),
        None => return Err(bad_parameter("Param type must be a string.")),
    }
    let top = [
        "messaging_product",
        "recipient_type",
        "to",
        "type",
        "template",
        "biz_opaque_callback_data",
    ];
    only_keys(payload, &top, "message")?;
    let sent = payload
        .get("template")
        .ok_or_else(|| bad_parameter("The parameter template is required."))?
        .as_object()
        .ok_or_else(|| bad_parameter("Param template must be a JSON object."))?;
    only_keys(sent, &["name", "language", "components"], "template")?;
    let template = find_template(sent, account.templates)?;
    let components = Components::read(sent)?;

    let body = text_component("body", template.body(), &components.body, MAX_BODY)?;
    let header = header(template, &components, account)?;
    let buttons = buttons(template, &components)?;
    Ok(Draft {
        input: input.clone(),
        to,
        callback_data,
        template: template.name.clone(),
        language: template.language.clone(),
        category: template.category.clone(),
        header,
        body,
        footer: template.footer_text().map(str::to_owned),
        buttons,
    })
}

/// E.164: up to 15 digits, no leading zero; Meta takes a leading `+` as well.
fn phone_number(input: &str) -> Result<String, GraphError> {
    let number = input.strip_prefix('+').unwrap_or(input);
    let is_e164 = (8..=15).contains(&number.len()) && number.bytes().all(|byte| byte.is_ascii_digit()) && !number.starts_with('0');
    if is_e164 {
        Ok(number.to_owned())
    } else {
        Err(invalid_value(format!("Recipient phone number is not valid: {input}")))
    }
}

fn callback_data(payload: &Map<String, Value>) -> Result<Option<String>, GraphError> {
    match payload.get("biz_opaque_callback_data") {
        None => Ok(None),
        Some(Value::String(data)) if data.chars().count() <= MAX_CALLBACK_DATA => Ok(Some(data.clone())),
        Some(Value::String(_)) => Err(bad_parameter("Param biz_opaque_callback_data must be at most 512 characters long.")),
        Some(_) => Err(bad_parameter("Param biz_opaque_callback_data must be a string.")),
    }
}

fn find_template<'a>(sent: &Map<String, Value>, templates: &'a [Template]) -> Result<&'a Template, GraphError> {
    let name = sent
        .get("name")
        .and_then(Value::as_str)
        .filter(|name| !name.is_empty())
        .ok_or_else(|| missing("Parameter 'name' is mandatory for template"))?;
    let language = sent
        .get("language")
        .and_then(Value::as_object)
        .ok_or_else(|| missing("Parameter 'language' is mandatory for template"))?;
    only_keys(language, &["code", "policy"], "template['language']")?;
    if language.contains_key("policy") {
        one_of(language, "policy", &["deterministic"])?;
    }
    let code = language
        .get("code")
        .and_then(Value::as_str)
        .filter(|code| !code.is_empty())
        .ok_or_else(|| missing("Parameter 'code' is mandatory for template language"))?;
    let unknown = || GraphError::new(132_001).details(format!("template name ({name}) does not exist in {code}"));
    let template = templates
        .iter()
        .find(|template| template.name == name && template.language == code)
        .ok_or_else(unknown)?;
    match template.status {
        TemplateStatus::Approved => Ok(template),
        TemplateStatus::Paused => Err(GraphError::new(132_015)),
        TemplateStatus::Disabled => Err(GraphError::new(132_016)),
        TemplateStatus::Pending | TemplateStatus::Rejected => Err(unknown()),
    }
}

/// The components of a request, sorted out.
#[derive(Default)]
struct Components<'a> {
    header: Vec<Parameter<'a>>,
    body: Vec<Parameter<'a>>,
    buttons: Vec<ButtonComponent<'a>>,
}

struct ButtonComponent<'a> {
    sub_type: String,
    index: usize,
    parameters: Vec<Parameter<'a>>,
}

struct Parameter<'a> {
    kind: &'a str,
    name: Option<&'a str>,
    object: &'a Map<String, Value>,
}

impl<'a> Components<'a> {
    fn read(template: &'a Map<String, Value>) -> Result<Self, GraphError> {
        let mut components = Self::default();
        let sent = match template.get("components") {
            None | Some(Value::Null) => return Ok(components),
            Some(Value::Array(sent)) => sent,
            Some(_) => return Err(bad_parameter("Param template['components'] must be an array.")),
        };
        let mut seen: Vec<String> = Vec::new();
        for (position, component) in sent.iter().enumerate() {
            let path = format!("template['components'][{position}]");
            let component = component
                .as_object()
                .ok_or_else(|| bad_parameter(format!("Param {path} must be a JSON object.")))?;
            let kind = component
                .get("type")
                .and_then(Value::as_str)
                .ok_or_else(|| missing(format!("Parameter 'type' is mandatory for {path}")))?
                .to_ascii_lowercase();
            let parameters = parameters(component, &path)?;
            let slot = match kind.as_str() {
                "header" | "body" => {
                    only_keys(component, &["type", "parameters"], &path)?;
                    kind.clone()
                }
                "button" => {
                    only_keys(component, &["type", "sub_type", "index", "parameters"], &path)?;
                    let button = ButtonComponent::read(component, parameters)?;
                    let slot = format!("button {}", button.index);
                    components.buttons.push(button);
                    if seen.contains(&slot) {
                        return Err(invalid_parameter(format!("Duplicate component: {slot}")));
                    }
                    seen.push(slot);
                    continue;
                }
                _ => {
                    return Err(bad_parameter(format!(
                        "Param {path}['type'] must be one of {{HEADER, BODY, BUTTON}} - got \"{kind}\"."
                    )));
                }
            };
            if seen.contains(&slot) {
                return Err(invalid_parameter(format!("Duplicate component: {slot}")));
            }
            if slot == "header" {
                components.header = parameters;
            } else {
                components.body = parameters;
            }
            seen.push(slot);
        }
        Ok(components)
    }
}

impl<'a> ButtonComponent<'a> {
    fn read(component: &'a Map<String, Value>, parameters: Vec<Parameter<'a>>) -> Result<Self, GraphError> {
        let sub_type = component
            .get("sub_type")
            .and_then(Value::as_str)
            .ok_or_else(|| missing("Parameter 'sub_type' is mandatory for component type button"))?
            .to_ascii_lowercase();
        let index = match component.get("index") {
            Some(Value::String(index)) => index.parse().ok(),
            Some(Value::Number(index)) => index.as_u64().and_then(|index| usize::try_from(index).ok()),
            _ => return Err(missing("Parameter 'index' is mandatory for component type button")),
        };
        let index = index
            .filter(|index| *index < 10)
            .ok_or_else(|| invalid_value("button: index must be a number from 0 to 9"))?;
        Ok(Self { sub_type, index, parameters })
    }
}

fn parameters<'a>(component: &'a Map<String, Value>, path: &str) -> Result<Vec<Parameter<'a>>, GraphError> {
    let sent = match component.get("parameters") {
        None => return Ok(Vec::new()),
        Some(Value::Array(sent)) => sent,
        Some(_) => return Err(bad_parameter(format!("Param {path}['parameters'] must be an array."))),
    };
    let read = |(position, parameter): (usize, &'a Value)| {
        let path = format!("{path}['parameters'][{position}]");
        let object = parameter
            .as_object()
            .ok_or_else(|| bad_parameter(format!("Param {path} must be a JSON object.")))?;
        let kind = object
            .get("type")
            .and_then(Value::as_str)
            .ok_or_else(|| missing(format!("Parameter 'type' is mandatory for {path}")))?;
        if !["text", "image", "document", "video", "payload"].contains(&kind) {
            return Err(bad_parameter(format!(
                "Param {path}['type'] must be one of {{TEXT, IMAGE, DOCUMENT, VIDEO, PAYLOAD}} - got \"{kind}\"."
            )));
        }
        only_keys(object, &["type", kind, "parameter_name"], &path)?;
        let name = object.get("parameter_name").and_then(Value::as_str);
        Ok(Parameter { kind, name, object })
    };
    sent.iter().enumerate().map(read).collect()
}

impl Parameter<'_> {
    fn text(&self) -> Result<&str, GraphError> {
        let text = match self.object.get("text") {
            None | Some(Value::Null) => return Err(missing("Parameter of type text is missing text value")),
            Some(Value::String(text)) => text,
            Some(_) => return Err(invalid_value("Parameter 'text' must be a string")),
        };
        if text.trim().is_empty() {
            return Err(missing("Parameter of type text is missing text value"));
        }
        if text.contains(['\n', '\r', '\t']) || text.contains("     ") {
            return Err(invalid_parameter(
                "Param text cannot have new-line/tab characters or more than 4 consecutive spaces",
            ));
        }
        Ok(text)
    }

    /// The medium, by id or link, and the name of a document.
    fn media(&self, account: &Account<'_>) -> Result<(MediaSource, Option<String>), GraphError> {
        let kind = self.kind;
        let media = self
            .object
            .get(kind)
            .and_then(Value::as_object)
            .ok_or_else(|| missing(format!("Parameter '{kind}' is mandatory for component parameter type '{kind}'")))?;
        let allowed: &[&str] = if kind == "document" {
            &["id", "link", "filename"]
        } else {
            &["id", "link"]
        };
        only_keys(media, allowed, kind)?;
        let text_of = |key: &str| match media.get(key) {
            None => Ok(None),
            Some(Value::String(value)) => Ok(Some(value.clone())),
            Some(_) => Err(invalid_value(format!("{kind}['{key}'] must be a string"))),
        };
        let filename = text_of("filename")?;
        match (text_of("id")?, text_of("link")?) {
            (Some(_), Some(_)) => Err(invalid_value(format!("{kind} must have either an id or a link, not both"))),
            (None, None) => Err(missing(format!("{kind} must have an id or a link"))),
            (Some(id), None) if (account.has_media)(&id) => Ok((MediaSource::Id(id), filename)),
            (Some(id), None) => Err(invalid_value(format!("Media with id {id} was not found"))),
            (None, Some(link)) if is_web_address(&link) => Ok((MediaSource::Link(link), filename)),
            (None, Some(link)) => Err(invalid_value(format!("{kind}['link'] is not a valid URI: {link}"))),
        }
    }
}

fn is_web_address(link: &str) -> bool {
    reqwest::Url::parse(link).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
}

/// Fills a text with its parameters: as many as it has placeholders, all of them text, named where the template names them.
fn text_component(component: &str, text: &str, sent: &[Parameter<'_>], most: usize) -> Result<String, GraphError> {
    let expected = placeholders(text);
    if expected.len() != sent.len() {
        return Err(wrong_count(component, sent.len(), expected.len()));
    }
    if let Some(other) = sent.iter().find(|parameter| parameter.kind != "text") {
        return Err(wrong_format(component, "TEXT", &other.kind.to_ascii_uppercase()));
    }
    let mut values = Vec::with_capacity(sent.len());
    for (position, parameter) in sent.iter().enumerate() {
        let value = parameter.text()?;
        let placeholder = expected
            .iter()
            .copied()
            .filter(|name| name.parse::<u32>().is_err())
            .find(|name| parameter.name == Some(*name));
        let by_position = expected.iter().all(|name| name.parse::<u32>().is_ok());
        let name = match (by_position, placeholder) {
            (true, _) => (position + 1).to_string(),
            (false, Some(name)) => name.to_owned(),
            (false, None) => {
                let name = parameter.name.unwrap_or("(none)");
                return Err(GraphError::new(132_012).details(format!("{component}: parameter name {name} was not found in the template")));
            }
        };
        values.push((name, value));
    }
    let filled = fill(text, |name| {
        let value = values.iter().find(|(known, _)| known == name);
        value.map_or_else(String::new, |(_, value)| (*value).to_owned())
    });
    if filled.chars().count() > most {
        return Err(GraphError::new(132_005).details(format!("{component}: text is longer than {most} characters")));
    }
    Ok(filled)
}

fn header(template: &Template, components: &Components<'_>, account: &Account<'_>) -> Result<Option<Header>, GraphError> {
    let sent = &components.header;
    let Some((format, text)) = template.header() else {
        return if sent.is_empty() {
            Ok(None)
        } else {
            Err(wrong_count("header", sent.len(), 0))
        };
    };
    if format == HeaderFormat::Text {
        let text = text_component("header", text, sent, MAX_HEADER)?;
        return Ok(Some(Header::Text { text }));
    }
    let [parameter] = sent.as_slice() else {
        return Err(match sent.len() {
            0 => wrong_format("header", format.as_str(), "UNKNOWN"),
            many => wrong_count("header", many, 1),
        });
    };
    if !parameter.kind.eq_ignore_ascii_case(format.as_str()) {
        return Err(wrong_format("header", format.as_str(), &parameter.kind.to_ascii_uppercase()));
    }
    let (media, filename) = parameter.media(account)?;
    Ok(Some(match format {
        HeaderFormat::Video => Header::Video { media },
        HeaderFormat::Document => Header::Document { media, filename },
        HeaderFormat::Image | HeaderFormat::Text => Header::Image { media },
    }))
}

fn buttons(template: &Template, components: &Components<'_>) -> Result<Vec<Button>, GraphError> {
    let known = template.buttons();
    if let Some(extra) = components.buttons.iter().find(|button| button.index >= known.len()) {
        return Err(wrong_count("buttons", extra.index + 1, known.len()));
    }
    let mut rendered = Vec::with_capacity(known.len());
    for (index, button) in known.iter().enumerate() {
        let sent = components.buttons.iter().find(|sent| sent.index == index);
        rendered.push(render_button(index, button, sent)?);
    }
    Ok(rendered)
}

fn render_button(index: usize, button: &TemplateButton, sent: Option<&ButtonComponent<'_>>) -> Result<Button, GraphError> {
    let expected = match button {
        TemplateButton::QuickReply { .. } => "quick_reply",
        TemplateButton::Url { .. } => "url",
        TemplateButton::PhoneNumber { .. } => "voice_call",
    };
    if let Some(sent) = sent
        && sent.sub_type != expected
    {
        let got = sent.sub_type.to_ascii_uppercase();
        return Err(wrong_format(&format!("button at index {index}"), &expected.to_ascii_uppercase(), &got));
    }
    let parameters = sent.map(|sent| sent.parameters.as_slice()).unwrap_or_default();
    Ok(match button {
        TemplateButton::QuickReply { text } => {
            let payload = match parameters {
                [] => text.clone(),
                [parameter] if parameter.kind == "payload" => payload(parameter)?,
                [other] => return Err(wrong_format("buttons", "PAYLOAD", &other.kind.to_ascii_uppercase())),
                many => return Err(wrong_count("buttons", many.len(), 1)),
            };
            Button::QuickReply { text: text.clone(), payload }
        }
        TemplateButton::Url { text, url } => {
            if sent.is_none() && !placeholders(url).is_empty() {
                return Err(missing(format!("buttons: Button at index {index} of type Url requires a parameter")));
            }
            Button::Url {
                text: text.clone(),
                url: text_component("buttons", url, parameters, 2000)?,
            }
        }
        TemplateButton::PhoneNumber { text, phone_number } => Button::PhoneNumber {
            text: text.clone(),
            phone_number: phone_number.clone(),
        },
    })
}

fn payload(parameter: &Parameter<'_>) -> Result<String, GraphError> {
    match parameter.object.get("payload") {
        Some(Value::String(payload)) if payload.is_empty() => Err(missing("Parameter of type payload is missing payload value")),
        Some(Value::String(payload)) if payload.chars().count() <= MAX_PAYLOAD => Ok(payload.clone()),
        Some(_) => Err(invalid_value("Parameter 'payload' must be a string of at most 128 characters")),
        None => Err(missing("Parameter of type payload is missing payload value")),
    }
}

fn wrong_count(component: &str, sent: usize, expected: usize) -> GraphError {
    GraphError::new(132_000).details(format!(
        "{component}: number of localizable_params ({sent}) does not match the expected number of params ({expected})"
    ))
}

fn wrong_format(component: &str, expected: &str, received: &str) -> GraphError {
    GraphError::new(132_012).details(format!("{component}: Format mismatch, expected {expected}, received {received}"))
}

fn one_of(object: &Map<String, Value>, key: &str, allowed: &[&str]) -> Result<(), GraphError> {
    match object.get(key) {
        None | Some(Value::Null) => Err(bad_parameter(format!("The parameter {key} is required."))),
        Some(Value::String(value)) if allowed.contains(&value.to_ascii_lowercase().as_str()) => Ok(()),
        Some(value) => {
            let allowed = allowed.join(", ").to_ascii_uppercase();
            Err(bad_parameter(format!("Param {key} must be one of {{{allowed}}} - got {value}.")))
        }
    }
}

fn only_keys(object: &Map<String, Value>, allowed: &[&str], path: &str) -> Result<(), GraphError> {
    match object.keys().find(|key| !allowed.contains(&key.as_str())) {
        None => Ok(()),
        Some(key) => Err(bad_parameter(format!("Unexpected key \"{key}\" on param \"{path}\"."))),
    }
}
