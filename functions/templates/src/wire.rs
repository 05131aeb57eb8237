//! Templates on the wire.

use std::collections::BTreeSet;

use domain::FieldError;
use domain::template::{EmailContent, Template};
use jiff::Timestamp;
use messaging::EmailTemplate;
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

/// A template.
#[derive(Debug, Serialize, ToSchema)]
pub struct TemplateResponse {
    #[serde(flatten)]
    summary: TemplateSummary,
    /// HTML part.
    html: String,
    /// Plain-text part.
    text: String,
}

/// A template in a list, without its parts.
#[derive(Debug, Serialize, ToSchema)]
pub struct TemplateSummary {
    /// Identity, `tpl_…`.
    id: String,
    /// Name.
    name: String,
    /// Subject line.
    subject: String,
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
        // A template that older rules let through can still be read and mended.
        let variables = EmailTemplate::compile(&content).map(|compiled| compiled.variables()).unwrap_or_default();
        let EmailContent { name, subject, html, text } = content;
        let summary = TemplateSummary {
            id: id.to_string(),
            name,
            subject,
            variables,
            created_by: created_by.to_string(),
            created_at,
            updated_at,
        };
        Self { summary, html, text }
    }
}

impl From<Template> for TemplateSummary {
    fn from(template: Template) -> Self {
        TemplateResponse::from(template).summary
    }
}
