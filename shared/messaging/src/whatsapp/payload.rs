//! The request that sends a template message: compiled when the template is saved, rendered once per recipient.
//! <https://developers.facebook.com/docs/whatsapp/cloud-api/guides/send-message-templates>

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use domain::template::{
    ButtonKind, Header, MAX_BODY_CHARS, MAX_BUTTON_URL_CHARS, MAX_HEADER_CHARS, MAX_PAYLOAD_CHARS, Media, WhatsappContent, fill_placeholders,
};
use domain::{CampaignId, FieldError, VendorId};
use serde::Serialize;
use serde_json::{Value, json};

use crate::render::{Parts, RenderError, Variables, one_line};

const HEADER: &str = "header";
const BODY: &str = "body";
const BUTTONS: &str = "buttons";

/// The version of [`Callback`]'s text.
const CALLBACK_VERSION: &str = "v1";

/// A template whose parameters compiled: their syntax is right and they use only known variables.
///
/// Whether they fit the template Meta approved is known to Meta alone.
#[derive(Debug)]
pub struct WhatsappTemplate {
    content: WhatsappContent,
    parts: Parts,
    /// The names of the body's parts, in order.
    body: Vec<String>,
    /// The names of the buttons' parts, in order.
    buttons: Vec<String>,
}

/// A message ready to send: the template and what fills it.
#[derive(Clone, PartialEq)]
pub struct RenderedWhatsapp {
    /// The `template` object of the request.
    template: Value,
    /// The header's text.
    pub header: Option<String>,
    /// What fills `{{1}}`, `{{2}}` … of the body.
    pub body: Vec<String>,
    /// What fills each button.
    pub buttons: Vec<String>,
    /// The body as the recipient reads it, where the template holds a copy of the approved text.
    pub text: Option<String>,
}

impl fmt::Debug for RenderedWhatsapp {
    /// Without the parameters: they are personal.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RenderedWhatsapp")
            .field("template", &self.template["name"])
            .finish_non_exhaustive()
    }
}

/// A message to one recipient.
#[derive(Clone, PartialEq)]
pub struct OutgoingWhatsapp {
    /// The vendor.
    pub recipient: VendorId,
    /// Its mobile number, E.164.
    pub to: String,
    /// What it reads.
    pub message: RenderedWhatsapp,
    /// The campaign.
    pub campaign: CampaignId,
    /// The chunk's number within the campaign.
    pub chunk: u32,
}

impl fmt::Debug for OutgoingWhatsapp {
    /// Without the number, which is personal.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            recipient,
            to: _,
            message,
            campaign,
            chunk,
        } = self;
        f.debug_struct("OutgoingWhatsapp")
            .field("recipient", recipient)
            .field("message", message)
            .field("campaign", campaign)
            .field("chunk", chunk)
            .finish_non_exhaustive()
    }
}

/// Which message of ours a status is about: `v1:<campaign>:<chunk>:<vendor>`. Meta repeats it in every status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Callback {
    /// The campaign.
    pub campaign: CampaignId,
    /// The chunk's number within it.
    pub chunk: u32,
    /// The vendor.
    pub recipient: VendorId,
}

/// A text that is no [`Callback`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the callback data is not ours")]
pub struct NotOurs;

impl fmt::Display for Callback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { campaign, chunk, recipient } = self;
        write!(f, "{CALLBACK_VERSION}:{campaign}:{chunk}:{recipient}")
    }
}

impl FromStr for Callback {
    type Err = NotOurs;

    fn from_str(text: &str) -> Result<Self, NotOurs> {
        let parts: Vec<&str> = text.split(':').collect();
        let [CALLBACK_VERSION, campaign, chunk, recipient] = parts.as_slice() else {
            return Err(NotOurs);
        };
        Ok(Self {
            campaign: campaign.parse().map_err(|_| NotOurs)?,
            chunk: chunk.parse().map_err(|_| NotOurs)?,
            recipient: recipient.parse().map_err(|_| NotOurs)?,
        })
    }
}

impl WhatsappTemplate {
    /// Checks and compiles the parameters.
    ///
    /// # Errors
    /// Everything wrong with them: syntax, unknown variables and filters, a whole link where only its end goes. Each error names
    /// the field, the parameter and the fix.
    pub fn compile(content: &WhatsappContent) -> Result<Self, Vec<FieldError>> {
        let mut errors = Vec::new();
        let mut parts = Parts::new();
        if let Some(Header::Text { parameter }) = &content.header {
            parts.add(HEADER, HEADER, parameter, &mut errors);
        }
        let body: Vec<String> = (1..=content.body.len()).map(|number| format!("body_{number}")).collect();
        for (name, source) in body.iter().zip(&content.body) {
            parts.add(name, BODY, source, &mut errors);
        }
        let buttons: Vec<String> = content.buttons.iter().map(|button| format!("button_{}", button.index)).collect();
        for (name, button) in buttons.iter().zip(&content.buttons) {
            parts.add(name, BUTTONS, &button.parameter, &mut errors);
            let whole = ["form_url", "unsubscribe_url"].into_iter().find(|url| parts.uses(name, url));
            if let (ButtonKind::Url, Some(url)) = (button.sub_type, whole) {
                let fix = format!("{name}: the approved URL stands before the parameter, so {url} would repeat it; use {{{{ form_token }}}}");
                errors.push(FieldError::new(BUTTONS, url, "full_url", &fix));
            }
        }
        if errors.is_empty() {
            parts.try_out(&mut errors);
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        Ok(Self {
            content: content.clone(),
            parts,
            body,
            buttons,
        })
    }

    /// What was compiled.
    pub const fn content(&self) -> &WhatsappContent {
        &self.content
    }

    /// The variables the template uses, in any parameter.
    pub fn variables(&self) -> BTreeSet<String> {
        self.parts.variables()
    }

    /// Whether the recipient gets a link to the form, in the text or behind a button.
    pub fn has_form_link(&self) -> bool {
        let variables = self.variables();
        variables.contains("form_url") || variables.contains("form_token")
    }

    /// Renders the message for one recipient. Line breaks and runs of spaces in a vendor's data become one space.
    ///
    /// # Errors
    /// [`RenderError::MissingVariable`] where a parameter prints a variable without a value, [`RenderError::Parameter`] where one
    /// comes out empty or too long: Meta would refuse the message, and with some codes the whole campaign.
    pub fn render(&self, variables: &Variables) -> Result<RenderedWhatsapp, RenderError> {
        let context = variables.to_value();
        let part = |name: &str, most: usize| {
            let text = one_line(&self.parts.render(name, &context, variables)?);
            let problem = match text.chars().count() {
                0 => "empty",
                length if length > most => "too_long",
                _ => return Ok(text),
            };
            Err(RenderError::Parameter {
                part: name.to_owned(),
                problem,
            })
        };
        let header = match &self.content.header {
            Some(Header::Text { .. }) => Some(part(HEADER, MAX_HEADER_CHARS)?),
            _ => None,
        };
        let body = self.body.iter().map(|name| part(name, MAX_BODY_CHARS)).collect::<Result<Vec<_>, _>>()?;
        let text = self.content.body_text.as_deref().map(|text| fill_placeholders(text, &body));
        let length = text
            .as_deref()
            .map_or_else(|| body.iter().map(|value| value.chars().count()).sum(), |text| text.chars().count());
        if length > MAX_BODY_CHARS {
            return Err(RenderError::Parameter {
                part: BODY.to_owned(),
                problem: "too_long",
            });
        }
        let buttons = self
            .buttons
            .iter()
            .zip(&self.content.buttons)
            .map(|(name, button)| match button.sub_type {
                ButtonKind::Url => part(name, MAX_BUTTON_URL_CHARS),
                ButtonKind::QuickReply => part(name, MAX_PAYLOAD_CHARS),
            })
            .collect::<Result<Vec<_>, _>>()?;
        let template = json!({
            "name": self.content.template_name,
            "language": { "code": self.content.language },
            "components": self.components(header.as_deref(), &body, &buttons),
        });
        Ok(RenderedWhatsapp {
            template,
            header,
            body,
            buttons,
            text,
        })
    }

    fn components(&self, header: Option<&str>, body: &[String], buttons: &[String]) -> Vec<Value> {
        let text = |text: &str| json!({ "type": "text", "text": text });
        let mut components = Vec::new();
        let header = match &self.content.header {
            None => None,
            Some(Header::Text { .. }) => header.map(text),
            Some(Header::Image { media }) => Some(json!({ "type": "image", "image": source(media) })),
            Some(Header::Document { media, filename }) => {
                let mut document = source(media);
                document["filename"] = json!(filename);
                Some(json!({ "type": "document", "document": document }))
            }
        };
        if let Some(parameter) = header {
            components.push(json!({ "type": "header", "parameters": [parameter] }));
        }
        if !body.is_empty() {
            let parameters: Vec<Value> = body.iter().map(|value| text(value)).collect();
            components.push(json!({ "type": "body", "parameters": parameters }));
        }
        for (button, value) in self.content.buttons.iter().zip(buttons) {
            let parameter = match button.sub_type {
                ButtonKind::Url => text(value),
                ButtonKind::QuickReply => json!({ "type": "payload", "payload": value }),
            };
            components.push(json!({
                "type": "button",
                "sub_type": button.sub_type.as_str(),
                "index": button.index.to_string(),
                "parameters": [parameter],
            }));
        }
        components
    }
}

fn source(media: &Media) -> Value {
    match media {
        Media::Id(id) => json!({ "id": id }),
        Media::Link(link) => json!({ "link": link }),
    }
}

impl OutgoingWhatsapp {
    /// Which message this is, in every status of it.
    pub const fn callback(&self) -> Callback {
        Callback {
            campaign: self.campaign,
            chunk: self.chunk,
            recipient: self.recipient,
        }
    }

    /// The body of the request.
    pub fn body(&self) -> Vec<u8> {
        #[derive(Serialize)]
        struct Body<'a> {
            messaging_product: &'static str,
            recipient_type: &'static str,
            to: &'a str,
            #[serde(rename = "type")]
            kind: &'static str,
            template: &'a Value,
            biz_opaque_callback_data: String,
        }
        let body = Body {
            messaging_product: "whatsapp",
            recipient_type: "individual",
            to: &self.to,
            kind: "template",
            template: &self.message.template,
            biz_opaque_callback_data: self.callback().to_string(),
        };
        // Texts and texts alone: nothing here cannot be written as JSON.
        serde_json::to_vec(&body).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use domain::template::Button;

    use super::*;

    fn button(index: u8, sub_type: ButtonKind, parameter: &str) -> Button {
        Button {
            index,
            sub_type,
            parameter: parameter.to_owned(),
        }
    }

    fn content() -> WhatsappContent {
        WhatsappContent {
            name: "First request".to_owned(),
            template_name: "msme_declaration_request".to_owned(),
            language: "en".to_owned(),
            header: Some(Header::Text {
                parameter: "{{ organisation_name }}".to_owned(),
            }),
            body: vec!["{{ contact_name }}".to_owned(), "{{ city }}".to_owned()],
            buttons: vec![
                button(0, ButtonKind::Url, "{{ form_token }}"),
                button(1, ButtonKind::QuickReply, "not_msme:{{ vendor_code }}"),
            ],
            body_text: Some("Dear {{1}} of {{2}}, please answer.".to_owned()),
        }
    }

    fn render(content: &WhatsappContent, variables: &Variables) -> Result<RenderedWhatsapp, RenderError> {
        WhatsappTemplate::compile(content).unwrap().render(variables)
    }

    fn outgoing(message: RenderedWhatsapp) -> OutgoingWhatsapp {
        OutgoingWhatsapp {
            recipient: "vnd_01ARZ3NDEKTSV4RRFFQ69G5FAW".parse().unwrap(),
            to: "+919876500001".to_owned(),
            message,
            campaign: "cmp_01ARZ3NDEKTSV4RRFFQ69G5FAV".parse().unwrap(),
            chunk: 7,
        }
    }

    #[test]
    fn the_request_is_what_meta_documents() {
        let message = render(&content(), &Variables::sample()).unwrap();
        assert_eq!(message.text.as_deref(), Some("Dear Asha Rao of Coimbatore, please answer."));
        let body: Value = serde_json::from_slice(&outgoing(message).body()).unwrap();
        assert_eq!(
            body,
            json!({
                "messaging_product": "whatsapp",
                "recipient_type": "individual",
                "to": "+919876500001",
                "type": "template",
                "template": {
                    "name": "msme_declaration_request",
                    "language": { "code": "en" },
                    "components": [
                        { "type": "header", "parameters": [{ "type": "text", "text": "Example Industries Limited" }] },
                        { "type": "body", "parameters": [{ "type": "text", "text": "Asha Rao" }, { "type": "text", "text": "Coimbatore" }] },
                        { "type": "button", "sub_type": "url", "index": "0", "parameters": [{ "type": "text", "text": "sample" }] },
                        { "type": "button", "sub_type": "quick_reply", "index": "1",
                          "parameters": [{ "type": "payload", "payload": "not_msme:V-1001" }] },
                    ],
                },
                "biz_opaque_callback_data": "v1:cmp_01ARZ3NDEKTSV4RRFFQ69G5FAV:7:vnd_01ARZ3NDEKTSV4RRFFQ69G5FAW",
            })
        );
    }

    #[test]
    fn media_go_by_id_or_link_and_a_bare_template_has_no_components() {
        let components = |header| {
            let content = WhatsappContent {
                header,
                body: Vec::new(),
                buttons: Vec::new(),
                body_text: None,
                ..content()
            };
            render(&content, &Variables::sample()).unwrap().template["components"].clone()
        };
        assert_eq!(components(None), json!([]));
        let media = Media::Id("1166846181421424".to_owned());
        let image = json!({ "type": "image", "image": { "id": "1166846181421424" } });
        assert_eq!(
            components(Some(Header::Image { media })),
            json!([{ "type": "header", "parameters": [image] }])
        );
        let media = Media::Link("https://files.example.in/n.pdf".to_owned());
        let filename = "Notice.pdf".to_owned();
        let document = json!({ "type": "document", "document": { "link": "https://files.example.in/n.pdf", "filename": "Notice.pdf" } });
        assert_eq!(
            components(Some(Header::Document { media, filename })),
            json!([{ "type": "header", "parameters": [document] }])
        );
    }

    #[test]
    fn what_meta_would_refuse_is_not_sent() {
        let mut variables = Variables::sample();
        variables.set("contact_name", "Asha\n\t   Rao");
        assert_eq!(render(&content(), &variables).unwrap().body, ["Asha Rao", "Coimbatore"]);

        let parameter = |part: &str, problem| {
            Err(RenderError::Parameter {
                part: part.to_owned(),
                problem,
            })
        };
        variables.set("organisation_name", "x".repeat(61));
        assert_eq!(render(&content(), &variables), parameter("header", "too_long"));
        variables.set("organisation_name", "x");
        variables.set("contact_name", "x".repeat(1_025));
        assert_eq!(render(&content(), &variables), parameter("body_1", "too_long"));
        // Each fits, the filled text does not.
        variables.set("contact_name", "x".repeat(1_020));
        assert_eq!(render(&content(), &variables), parameter("body", "too_long"));
        variables.set("contact_name", "x");
        variables.set("vendor_code", "x".repeat(128));
        assert_eq!(render(&content(), &variables), parameter("button_1", "too_long"));

        let mut empty = content();
        empty.body[1] = "{{ city if false else '' }}".to_owned();
        let error = render(&empty, &Variables::sample()).unwrap_err();
        assert_eq!(error.reason(), "parameter_empty:body_2");
    }

    #[test]
    fn a_missing_value_skips_the_recipient_by_name() {
        let recipient = domain::delivery::Recipient {
            id: "vnd_01ARZ3NDEKTSV4RRFFQ69G5FAV".parse().unwrap(),
            code: "V-1".to_owned(),
            name: "Rao & Sons".to_owned(),
            contact: None,
            email: None,
            phone: Some("+919876500002".to_owned()),
            city: None,
            state: None,
            gstin: None,
            pan: None,
            pan_digest: None,
            udyam: None,
        };
        let context = crate::render::CampaignContext {
            organisation_name: "Example",
            campaign_name: "FY 27",
            deadline: "2027-01-31T18:29:59Z".parse().unwrap(),
            form_url: "https://msme.example/f/tok-en_1",
            unsubscribe_url: "https://msme.example/unsubscribe/tok",
        };
        let variables = Variables::for_recipient(&recipient, &context);
        assert_eq!(render(&content(), &variables), Err(RenderError::MissingVariable("city".to_owned())));
        let mut tolerant = content();
        tolerant.body[1] = "{{ city or 'your city' }}".to_owned();
        let message = render(&tolerant, &variables).unwrap();
        assert_eq!(message.body, ["Rao & Sons", "your city"]);
        assert_eq!(message.buttons[0], "tok-en_1");
        assert!(!format!("{:?}", outgoing(message)).contains("9876500002"));
    }

    #[track_caller]
    fn refused(change: impl FnOnce(&mut WhatsappContent), expected: &[(&str, &str, &str)]) {
        let mut content = content();
        change(&mut content);
        let errors = WhatsappTemplate::compile(&content).err().unwrap_or_default();
        assert_eq!(errors.len(), expected.len(), "{errors:?}");
        for (error, (field, code, part)) in errors.iter().zip(expected) {
            assert_eq!((error.field, error.code), (*field, *code));
            assert!(error.message.contains(part), "{} should contain {part}", error.message);
        }
    }

    #[test]
    fn mistakes_are_collected_and_name_the_parameter() {
        refused(
            |content| {
                content.header = Some(Header::Text {
                    parameter: "{{ organisation }}".to_owned(),
                });
                content.body[1] = "{{ compny_name }}".to_owned();
                content.buttons[0].parameter = "{{ form_token }".to_owned();
            },
            &[
                ("header", "unknown_variable", "did you mean organisation_name?"),
                (
                    "body",
                    "unknown_variable",
                    "body_2, line 1: there is no variable compny_name; did you mean company_name?",
                ),
                ("buttons", "syntax", "button_0, line 1:"),
            ],
        );
        refused(
            |content| content.body[0] = "{{ city|shout }}".to_owned(),
            &[("body", "invalid_expression", "body_1, line 1: ")],
        );
        refused(
            |content| content.buttons[0].parameter = "{{ form_url }}".to_owned(),
            &[("buttons", "full_url", "use {{ form_token }}")],
        );
        refused(|content| content.buttons[1].parameter = "{{ form_url }}".to_owned(), &[]);
        let template = WhatsappTemplate::compile(&content()).unwrap();
        assert!(template.has_form_link());
        assert_eq!(
            template.variables().into_iter().collect::<Vec<_>>(),
            ["city", "contact_name", "form_token", "organisation_name", "vendor_code"]
        );
    }

    #[test]
    fn only_our_own_callback_data_is_read() {
        let text = "v1:cmp_01ARZ3NDEKTSV4RRFFQ69G5FAV:7:vnd_01ARZ3NDEKTSV4RRFFQ69G5FAW";
        assert_eq!(text.parse::<Callback>().unwrap().to_string(), text);
        for other in [
            "",
            "v1",
            "spring-sale",
            "v2:cmp_01ARZ3NDEKTSV4RRFFQ69G5FAV:7:vnd_01ARZ3NDEKTSV4RRFFQ69G5FAW",
            &text.replace(":7:", ":-7:"),
            &format!("{text}:x"),
        ] {
            assert_eq!(other.parse::<Callback>(), Err(NotOurs), "{other}");
        }
    }
}
