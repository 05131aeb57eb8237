//! E-mail templates as users write them.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{FieldError, TemplateId, UserId};

/// The variables a template may use, with what they hold.
pub const VARIABLES: [(&str, &str); 14] = [
    ("vendor_code", "the vendor's code in your books"),
    ("company_name", "the vendor's name"),
    ("contact_name", "the contact person; the company's name where none is on record"),
    ("city", "city of the registered address"),
    ("state", "state of the registered address"),
    ("gstin", "GSTIN on record"),
    ("pan_masked", "PAN on record, masked"),
    ("udyam_number", "Udyam number on record"),
    ("email", "the address the message goes to"),
    ("organisation_name", "your organisation"),
    ("campaign_name", "the campaign"),
    ("deadline", "last day to answer, in Indian time, e.g. 31 January 2027"),
    ("form_url", "the vendor's personal link to the form"),
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

/// A template as stored.
#[derive(Debug, Clone, PartialEq)]
pub struct Template {
    /// Identity.
    pub id: TemplateId,
    /// What it says.
    pub content: EmailContent,
    /// Who created it.
    pub created_by: UserId,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// Counts the changes, for `ETag`.
    pub version: u64,
}
