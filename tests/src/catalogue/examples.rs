//! Request bodies to start from. A test reads each as the type its route reads.

use serde_json::{Value, json};

/// An example of a body, and the operations that take it.
struct Example {
    operations: &'static [&'static str],
    summary: &'static str,
    body: fn() -> Value,
}

const EXAMPLES: [Example; 6] = [
    Example {
        operations: &["auth-login"],
        summary: "The first administrator of a local stack",
        body: || json!({ "email": "admin@example.org", "password": "the ADMIN_PASSWORD of .local/env" }),
    },
    Example {
        operations: &["vendors-create", "vendors-update"],
        summary: "A registered vendor with all its particulars",
        body: || {
            json!({
                "vendor_code": "V-1001",
                "company_name": "Kaveri Test Castings LLP",
                "contact_person_name": "Asha Rao",
                "email": "accounts@kaveri.example",
                "phone_number": "+919876500001",
                "registered_address": "12 Sample Industrial Estate",
                "city": "Pune",
                "state": "Maharashtra",
                "pin_code": "411001",
                "gst_number": "27AAPFU0939F1ZV",
                "pan_number": "AAPFU0939F",
                "udyam_number": "UDYAM-MH-26-0012345",
                "supplier_type": "manufacturer"
            })
        },
    },
    Example {
        operations: &["exports-create"],
        summary: "The vendors of two states whose status is not known, for Excel",
        body: || {
            json!({
                "format": "xlsx",
                "filter": { "msme_statuses": ["unknown"], "states": ["Karnataka", "Maharashtra"] },
                "columns": ["vendor_code", "company_name", "email", "phone_number", "msme_status"],
                "reveal_identifiers": false
            })
        },
    },
    Example {
        operations: &["templates-create-email", "templates-update"],
        summary: "A first request, with the personal link and the opt-out",
        body: || {
            json!({
                "name": "MSME declaration, first request",
                "subject": "{{ company_name }}: please confirm your MSME status",
                "html": "<p>Dear {{ contact_name }},</p><p><a href=\"{{ form_url }}\">Answer by {{ deadline }}</a></p><p><a href=\"{{ unsubscribe_url }}\">Unsubscribe</a></p>",
                "text": "Dear {{ contact_name }},\n\nplease answer by {{ deadline }}: {{ form_url }}\n\nUnsubscribe: {{ unsubscribe_url }}\n"
            })
        },
    },
    Example {
        operations: &["templates-create-whatsapp"],
        summary: "A first request whose button opens the personal link",
        body: || {
            json!({
                "name": "MSME declaration, first request",
                "template_name": "msme_declaration_request",
                "language": "en",
                "body": ["{{ contact_name }}", "{{ organisation_name }}", "{{ deadline }}"],
                "buttons": [{ "index": 0, "sub_type": "url", "parameter": "{{ form_token }}" }],
                "body_text": "Dear {{1}}, {{2}} asks you to declare your MSME status by {{3}}."
            })
        },
    },
    Example {
        operations: &["campaigns-create", "campaigns-update"],
        summary: "Ask the vendors of two states whose status is not known",
        body: || {
            json!({
                "name": "MSME status 2026-27",
                "description": "Yearly confirmation before the accounts close",
                "template_id": "tpl_01KAQ2P3R7A5B9E1H4S6T8X2Y0",
                "audience": { "msme_statuses": ["unknown"], "states": ["Karnataka", "Maharashtra"] },
                "deadline": "2027-01-31T18:30:00Z"
            })
        },
    },
];

/// Adds the examples.
pub(super) fn apply(document: &mut Value) {
    for operation in super::conventions::operations(document) {
        let id = operation["operationId"].as_str().unwrap_or_default().to_owned();
        let Some(example) = EXAMPLES.iter().find(|example| example.operations.contains(&id.as_str())) else {
            continue;
        };
        if let Some(content) = operation.pointer_mut("/requestBody/content/application~1json") {
            content["examples"] = json!({ "typical": { "summary": example.summary, "value": (example.body)() } });
        }
    }
}
