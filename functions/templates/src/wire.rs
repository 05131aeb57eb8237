//! Templates on the wire.

use std::collections::BTreeSet;

use domain::FieldError;
use domain::delivery::Channel;
use domain::template::{Button, EmailContent, Header, Template, TemplateContent, WhatsappContent};
use jiff::Timestamp;
use messaging::{EmailTemplate, WhatsappTemplate};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// An e-mail template as its author writes it. Variables are written `{{ company_name }}`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EmailTemplateRequest {
    /// What colleagues call it.
    #[schema(example = "MSME declaration, first request", max_length = 120)]
    name: String,
    /// Subject line.
    #[schema(example = "{{ company_name }}: please confirm your MSME status", max_length = 200)]
    subject: String,
    /// HTML part; values are escaped. It has to hold `{{ form_url }}`.
    #[schema(
        example = "<p>Dear {{ contact_name }},</p><p><a href=\"{{ form_url }}\">Answer by {{ deadline }}</a></p>",
        max_length = 100_000
    )]
    html: String,
    /// Plain-text part. It has to hold `{{ form_url }}`.
    #[schema(example = "Dear {{ contact_name }},\nanswer by {{ deadline }}: {{ form_url }}", max_length = 50_000)]
    text: String,
}

impl EmailTemplateRequest {
    /// The content, checked and compiled once.
    pub(crate) fn checked(self) -> Result<EmailContent, Vec<FieldError>> {
        let Self { name, subject, html, text } = self;
        let content = EmailContent { name, subject, html, text }.checked()?;
        EmailTemplate::compile(&content)?;
        Ok(content)
    }
}

/// A template of either channel; which one is decided by the template that is replaced. For the document alone: each channel's is
/// read as its own type, so that errors name the field.
#[derive(ToSchema)]
#[serde(untagged)]
pub enum TemplateRequest {
    /// An e-mail.
    Email(EmailTemplateRequest),
    /// A WhatsApp message.
    Whatsapp(WhatsappContent),
}

/// The content, checked and compiled once.
pub(crate) fn checked_whatsapp(content: WhatsappContent) -> Result<WhatsappContent, Vec<FieldError>> {
    let content = content.checked()?;
    WhatsappTemplate::compile(&content)?;
    Ok(content)
}

/// A template.
#[derive(Debug, Serialize, ToSchema)]
pub struct TemplateResponse {
    #[serde(flatten)]
    summary: TemplateSummary,
    #[serde(flatten)]
    parts: TemplateParts,
}

/// What a template is made of, by channel.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub enum TemplateParts {
    /// An e-mail.
    Email {
        /// HTML part.
        html: String,
        /// Plain-text part.
        text: String,
    },
    /// A WhatsApp message.
    Whatsapp {
        /// The header, where the template has one that varies.
        #[serde(skip_serializing_if = "Option::is_none")]
        header: Option<Header>,
        /// The parameters of the body.
        body: Vec<String>,
        /// The buttons that vary.
        buttons: Vec<Button>,
        /// A copy of the approved body.
        #[serde(skip_serializing_if = "Option::is_none")]
        body_text: Option<String>,
    },
}

/// A template in a list, without its parts.
#[derive(Debug, Serialize, ToSchema)]
pub struct TemplateSummary {
    /// Identity, `tpl_…`.
    id: String,
    /// What it is for.
    channel: Channel,
    /// Name.
    name: String,
    /// Subject line of an e-mail.
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<String>,
    /// The name Meta approved a WhatsApp template by.
    #[serde(skip_serializing_if = "Option::is_none")]
    template_name: Option<String>,
    /// The language it approved it in.
    #[serde(skip_serializing_if = "Option::is_none")]
    language: Option<String>,
    /// The variables it uses, in any part.
    variables: BTreeSet<String>,
    /// Who created it, `usr_…`.
    created_by: String,
    /// When it was created.
    created_at: Timestamp,
    /// When it last changed.
    updated_at: Timestamp,
}

impl From<Template> for TemplateResponse {
    fn from(template: Template) -> Self {
        let Template {
            id,
            content,
            created_by,
            created_at,
            updated_at,
            version: _,
        } = template;
        let channel = content.channel();
        // A template that older rules let through can still be read and mended.
        let variables = match &content {
            TemplateContent::Email(content) => EmailTemplate::compile(content).map(|compiled| compiled.variables()),
            TemplateContent::Whatsapp(content) => WhatsappTemplate::compile(content).map(|compiled| compiled.variables()),
        }
        .unwrap_or_default();
        let (name, subject, template_name, language, parts) = match content {
            TemplateContent::Email(EmailContent { name, subject, html, text }) => {
                (name, Some(subject), None, None, TemplateParts::Email { html, text })
            }
            TemplateContent::Whatsapp(WhatsappContent {
                name,
                template_name,
                language,
                header,
                body,
                buttons,
                body_text,
            }) => {
                let parts = TemplateParts::Whatsapp {
                    header,
                    body,
                    buttons,
                    body_text,
                };
                (name, None, Some(template_name), Some(language), parts)
            }
        };
        let summary = TemplateSummary {
            id: id.to_string(),
            channel,
            name,
            subject,
            template_name,
            language,
            variables,
            created_by: created_by.to_string(),
            created_at,
            updated_at,
        };
        Self { summary, parts }
    }
}

impl From<Template> for TemplateSummary {
    fn from(template: Template) -> Self {
        TemplateResponse::from(template).summary
    }
}
