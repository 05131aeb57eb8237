//! `POST /api/v1/templates/{id}/preview`.

use std::collections::BTreeSet;

use domain::VendorId;
use domain::delivery::Recipient;
use domain::template::{TemplateContent, VARIABLES};
use domain::user::Permission;
use http::Method;
use jiff::ToSpan as _;
use messaging::{CampaignContext, EmailTemplate, RenderError, RenderedEmail, Variables, WhatsappTemplate};
use runtime::problem::invalid;
use runtime::{Access, ApiError, App, Request, Response, Route, Var, extract, respond};
use serde::{Deserialize, Serialize};
use store::StoreError;
use utoipa::ToSchema;

/// The route.
pub static ROUTE: Route = Route::new(
    "templates-preview",
    Method::POST,
    "/api/v1/templates/{id}/preview",
    Access::Requires(Permission::TemplatesRead),
    |app, request| Box::pin(handle(app, request)),
)
.needing(&[Var::OrganisationName]);

/// Whom to preview a template for.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PreviewRequest {
    /// A vendor of yours, `vnd_…`; a made-up one with every variable where absent.
    vendor_id: Option<String>,
}

/// A message as one vendor would get it, apart from the personal links.
#[derive(Debug, Serialize, ToSchema)]
pub struct PreviewResponse {
    #[serde(flatten)]
    message: PreviewMessage,
    /// The variables the template uses.
    variables: BTreeSet<String>,
    /// Those the template prints and this vendor has no value for; shown as `[name]` here. A campaign skips such a vendor
    /// and says so: write `{{ city|default("your city") }}` or `{% if city %}` to send all the same.
    missing: BTreeSet<String>,
}

/// The message, by channel.
#[derive(Debug, Serialize, ToSchema)]
#[serde(tag = "channel", rename_all = "snake_case")]
pub enum PreviewMessage {
    /// An e-mail.
    Email {
        /// Subject line.
        subject: String,
        /// HTML part.
        html: String,
        /// Plain-text part.
        text: String,
    },
    /// A WhatsApp message.
    Whatsapp {
        /// What fills a text header.
        header: Option<String>,
        /// What fills the placeholders of the body.
        body: Vec<String>,
        /// What fills the buttons.
        buttons: Vec<String>,
        /// The body as the vendor reads it, where the template holds a copy of the approved text.
        text: Option<String>,
    },
}

/// Shows a template filled in for a vendor. Nothing is sent.
#[utoipa::path(post, path = "/api/v1/templates/{id}/preview", operation_id = "templates-preview", tag = "templates",
    request_body = Option<PreviewRequest>,
    params(("id" = String, Path, description = "tpl_…")),
    responses((status = 200, description = "The message", body = PreviewResponse), (status = 404, description = "No such template"),
        (status = 422, description = "No such vendor, or the message cannot be made for it")),
    security(("bearer" = [])))]
pub async fn handle(app: &App, request: Request) -> Result<Response, ApiError> {
    let PreviewRequest { vendor_id } = if request.body.is_empty() {
        PreviewRequest::default()
    } else {
        extract::json(&request)?
    };
    let store = app.store()?;
    let template = store::templates::get(store, request.id("id")?).await?;
    let variables = match vendor_id {
        None => sample(app)?,
        Some(text) => {
            let unknown = || {
                invalid(
                    "vendor_id",
                    &text,
                    "not_found",
                    "there is no such vendor: pass the id of one, or leave vendor_id out",
                )
            };
            let id: VendorId = text.parse().map_err(|_| unknown())?;
            let vendor = store::vendors::get(store, id).await.map_err(|error| match error {
                StoreError::NotFound => unknown(),
                error => error.into(),
            })?;
            for_recipient(app, &Recipient::from(vendor))?
        }
    };
    let (message, used, missing) = match &template.content {
        TemplateContent::Email(content) => {
            let compiled = EmailTemplate::compile(content)?;
            let (RenderedEmail { subject, html, text }, missing) = render(variables, |variables| compiled.render(variables))?;
            (PreviewMessage::Email { subject, html, text }, compiled.variables(), missing)
        }
        TemplateContent::Whatsapp(content) => {
            let compiled = WhatsappTemplate::compile(content)?;
            let (rendered, missing) = render(variables, |variables| compiled.render(variables))?;
            let message = PreviewMessage::Whatsapp {
                header: rendered.header,
                body: rendered.body,
                buttons: rendered.buttons,
                text: rendered.text,
            };
            (message, compiled.variables(), missing)
        }
    };
    respond::ok(&PreviewResponse {
        message,
        variables: used,
        missing,
    })
}

/// Renders with a mark in place of each value that is missing.
fn render<T>(mut variables: Variables, render: impl Fn(&Variables) -> Result<T, RenderError>) -> Result<(T, BTreeSet<String>), ApiError> {
    let mut missing = BTreeSet::new();
    loop {
        match render(&variables) {
            Ok(message) => return Ok((message, missing)),
            Err(RenderError::MissingVariable(name)) => match VARIABLES.iter().find(|(known, _)| *known == name) {
                // Each round fills one more, so that there are never more rounds than variables.
                Some((known, _)) if missing.insert(name.clone()) => variables.set(known, format!("[{known}]")),
                _ => return Err(cannot_render(&RenderError::MissingVariable(name))),
            },
            Err(error) => return Err(cannot_render(&error)),
        }
    }
}

fn cannot_render(error: &RenderError) -> ApiError {
    let field = match error {
        RenderError::Failed { part, .. } => part,
        RenderError::Parameter { part, .. } if part == "header" => "header",
        RenderError::Parameter { part, .. } if part.starts_with("button") => "buttons",
        RenderError::Parameter { .. } => "body",
        _ => "html",
    };
    invalid(
        field,
        "",
        "cannot_render",
        &format!("the message cannot be made for this vendor: {error}"),
    )
}

fn sample(app: &App) -> Result<Variables, ApiError> {
    let mut variables = Variables::sample();
    variables.set("organisation_name", app.config().get(Var::OrganisationName)?);
    Ok(variables)
}

fn for_recipient(app: &App, recipient: &Recipient) -> Result<Variables, ApiError> {
    // Name, deadline and links are a campaign's, which there is none of yet.
    let sample = Variables::sample();
    let of_sample = |name| sample.get(name).unwrap_or_default();
    let now = app.now();
    let campaign = CampaignContext {
        organisation_name: app.config().get(Var::OrganisationName)?,
        campaign_name: of_sample("campaign_name"),
        deadline: now.checked_add((30 * 24).hours()).unwrap_or(now),
        form_url: of_sample("form_url"),
        unsubscribe_url: of_sample("unsubscribe_url"),
    };
    Ok(Variables::for_recipient(recipient, &campaign))
}
