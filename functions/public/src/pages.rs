//! The pages: templates, their one style sheet, and errors as a person reads them.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use base64::Engine as _;
use domain::FieldError;
use domain::declaration::{self, Declaration, RawDeclaration};
use domain::identifiers::{Gstin, Pan};
use domain::vendor::MsmeStatus;
use http::StatusCode;
use jiff::Timestamp;
use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, Value, context};
use runtime::{ApiError, App, Request, Response, respond};
use sha2::{Digest as _, Sha256};

use crate::asking::Asking;
use crate::words;

const STYLE: &str = include_str!("../templates/style.css");

static STYLE_HASH: LazyLock<String> = LazyLock::new(|| base64::engine::general_purpose::STANDARD.encode(Sha256::digest(STYLE)));

// Names end in `.html`, which is what makes minijinja escape every value.
const TEMPLATES: [(&str, &str); 7] = [
    ("layout.html", include_str!("../templates/layout.html")),
    ("form.html", include_str!("../templates/form.html")),
    ("thanks.html", include_str!("../templates/thanks.html")),
    ("answered.html", include_str!("../templates/answered.html")),
    ("unsubscribe.html", include_str!("../templates/unsubscribe.html")),
    ("unsubscribed.html", include_str!("../templates/unsubscribed.html")),
    ("problem.html", include_str!("../templates/problem.html")),
];

static PAGES: LazyLock<Result<Environment<'static>, minijinja::Error>> = LazyLock::new(|| {
    let mut environment = Environment::new();
    // A name the code does not fill is our mistake; better a failed test than a page with a hole.
    environment.set_undefined_behavior(minijinja::UndefinedBehavior::Strict);
    environment.set_syntax(SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build()?);
    environment.add_global("style", STYLE);
    for (name, source) in TEMPLATES {
        environment.add_template(name, source)?;
    }
    Ok(environment)
});

fn page(status: StatusCode, name: &str, values: Value) -> Result<Response, ApiError> {
    let environment = PAGES.as_ref().map_err(|error| ApiError::Internal(error.to_string().into()))?;
    let body = environment
        .get_template(name)
        .and_then(|template| template.render(values))
        .map_err(|error| ApiError::Internal(Box::new(error)))?;
    Ok(respond::html(status, body, &STYLE_HASH))
}

/// One way to answer a question with fixed answers.
#[derive(Debug)]
struct Choice {
    value: &'static str,
    name: &'static str,
    hint: &'static str,
}

impl From<&Choice> for Value {
    fn from(choice: &Choice) -> Self {
        let Choice { value, name, hint } = *choice;
        context! { value, name, hint }
    }
}

const STATUSES: [Choice; 5] = [
    Choice {
        value: "micro",
        name: words::status(MsmeStatus::Micro),
        hint: "Registered on Udyam; investment up to ₹2.5 crore, turnover up to ₹10 crore",
    },
    Choice {
        value: "small",
        name: words::status(MsmeStatus::Small),
        hint: "Registered on Udyam; investment up to ₹25 crore, turnover up to ₹100 crore",
    },
    Choice {
        value: "medium",
        name: words::status(MsmeStatus::Medium),
        hint: "Registered on Udyam; investment up to ₹125 crore, turnover up to ₹500 crore",
    },
    Choice {
        value: "registered_trader",
        name: words::status(MsmeStatus::RegisteredTrader),
        hint: "Wholesale or retail trade, registered on Udyam (NIC 45, 46 or 47)",
    },
    Choice {
        value: "not_registered",
        name: words::status(MsmeStatus::NotRegistered),
        hint: "The business has no Udyam registration today",
    },
];

const ACTIVITIES: [Choice; 3] = [
    Choice {
        value: "manufacturing",
        name: "Manufacturing",
        hint: "Makes or processes goods",
    },
    Choice {
        value: "services",
        name: "Services",
        hint: "Renders services, job work included",
    },
    Choice {
        value: "trading",
        name: "Trading",
        hint: "Buys and sells goods",
    },
];

/// What the form begins with: what is on record, so that a correct record costs no typing. The PAN is not among it; a
/// forwarded link must not give it away.
pub(crate) fn on_record(asking: &Asking) -> RawDeclaration {
    let profile = &asking.vendor.profile;
    RawDeclaration {
        udyam_number: profile.udyam_number.as_ref().map(|udyam| udyam.as_str().to_owned()).unwrap_or_default(),
        gstins: profile.gst_numbers.iter().map(|gstin| gstin.as_str()).collect::<Vec<_>>().join(", "),
        ..RawDeclaration::default()
    }
}

/// The fiscal years a classification may be of: from the first of Udyam registration to the current one, newest first.
fn classification_years(now: Timestamp, given: &str) -> Vec<String> {
    let today = declaration::indian_date(now);
    let current = if today.month() >= 4 { today.year() } else { today.year() - 1 };
    let mut years: Vec<String> = (2020..=current).rev().map(|year| format!("{year}-{:02}", (year + 1) % 100)).collect();
    if !given.is_empty() && !years.iter().any(|year| year == given) {
        years.insert(0, given.to_owned());
    }
    years
}

/// The form, empty or with what was typed and what is wrong with it.
pub(crate) fn form(app: &App, organisation: &str, asking: &Asking, values: &RawDeclaration, errors: &[FieldError]) -> Result<Response, ApiError> {
    let status = if errors.is_empty() {
        StatusCode::OK
    } else {
        StatusCode::UNPROCESSABLE_ENTITY
    };
    let mut by_field: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    let mut summary = Vec::with_capacity(errors.len());
    for error in errors {
        // Of several GSTINs in one box, the message must say which.
        let message = match error.field {
            "gstins" if !error.value.is_empty() => format!("{}: {}", error.value, error.message),
            _ => error.message.clone(),
        };
        let message = sentence(&message);
        summary.push(context! { field => error.field, message => message.as_str() });
        by_field.entry(error.field).or_default().push(message);
    }
    let profile = &asking.vendor.profile;
    page(
        status,
        "form.html",
        context! {
            organisation,
            vendor_name => profile.company_name.as_str(),
            vendor_code => profile.vendor_code.as_str(),
            status_on_record => (asking.vendor.msme_status != MsmeStatus::Unknown).then(|| words::status(asking.vendor.msme_status)),
            pan_on_record => profile.pan_number.as_ref().map(Pan::masked),
            deadline => words::moment(asking.campaign.content.deadline),
            statuses => STATUSES.iter().map(Value::from).collect::<Vec<_>>(),
            activities => ACTIVITIES.iter().map(Value::from).collect::<Vec<_>>(),
            years => classification_years(app.now(), values.classification_year.trim()),
            today => declaration::indian_date(app.now()).to_string(),
            consent_text => declaration::CONSENT_TEXT,
            consent_version => declaration::CONSENT_VERSION,
            values => fields(values),
            errors => by_field,
            summary,
        },
    )
}

fn fields(given: &RawDeclaration) -> Value {
    let RawDeclaration {
        status,
        udyam_number,
        registration_date,
        classification_year,
        activity,
        pan,
        gstins,
        signatory_name,
        signatory_designation,
        consent,
    } = given.clone();
    context! {
        status, udyam_number, registration_date, classification_year, activity, pan, gstins, signatory_name, signatory_designation, consent
    }
}

fn sentence(message: &str) -> String {
    let mut letters = message.chars();
    letters
        .next()
        .map(|first| first.to_uppercase().chain(letters).collect())
        .unwrap_or_default()
}

/// The receipt of an answer.
pub(crate) fn thanks(organisation: &str, asking: &Asking, response: &declaration::Response) -> Result<Response, ApiError> {
    let Declaration {
        status,
        udyam,
        registration_date,
        classification_year,
        activity,
        pan,
        gstins,
        signatory_name,
        signatory_designation,
        consent_version,
        fiscal_year,
    } = &response.declaration;
    let profile = &asking.vendor.profile;
    let gstins: Vec<&str> = gstins.iter().map(Gstin::as_str).collect();
    let particulars = [
        ("Business", Some(profile.company_name.clone())),
        ("Vendor code", Some(profile.vendor_code.as_str().to_owned())),
        ("Declared to", Some(organisation.to_owned())),
        ("Status", Some(words::status(*status).to_owned())),
        ("Udyam number", udyam.as_ref().map(|udyam| udyam.as_str().to_owned())),
        ("Date of registration", registration_date.map(words::day)),
        ("Classification year", classification_year.clone()),
        ("Main activity", Some(words::activity(*activity).to_owned())),
        ("PAN", pan.as_ref().map(Pan::masked)),
        ("GSTIN", (!gstins.is_empty()).then(|| gstins.join(", "))),
        ("Declared by", Some(format!("{signatory_name}, {signatory_designation}"))),
        ("Financial year of declaration", Some(fiscal_year.clone())),
        ("Received", Some(words::moment(response.submitted_at))),
    ];
    let particulars: Vec<Value> = particulars
        .into_iter()
        .filter_map(|(name, value)| value.map(|value| context! { name, value }))
        .collect();
    page(
        StatusCode::OK,
        "thanks.html",
        context! {
            organisation,
            reference => response.id.to_string(),
            particulars,
            consent_text => declaration::CONSENT_TEXT,
            consent_version => consent_version.as_str(),
        },
    )
}

/// Says that the request was answered before, and when. Not what: the link may have been forwarded.
pub(crate) fn answered(status: StatusCode, organisation: &str, asking: &Asking) -> Result<Response, ApiError> {
    page(
        status,
        "answered.html",
        context! {
            organisation,
            vendor_name => asking.vendor.profile.company_name.as_str(),
            answered_at => asking.asked.answer.as_ref().map(|answer| words::moment(answer.responded_at)),
            reference => asking.asked.answer.as_ref().map(|answer| answer.response_id.to_string()),
        },
    )
}

/// Asks whether to stop writing to an address.
pub(crate) fn unsubscribe(organisation: &str, vendor_name: &str, address: &str) -> Result<Response, ApiError> {
    page(StatusCode::OK, "unsubscribe.html", context! { organisation, vendor_name, address })
}

/// Says that no more is written to an address.
pub(crate) fn unsubscribed(organisation: &str, address: &str) -> Result<Response, ApiError> {
    page(StatusCode::OK, "unsubscribed.html", context! { organisation, address })
}

/// Whether the client is a program that wants JSON rather than a person with a browser.
pub(crate) fn wants_json(request: &Request) -> bool {
    let accept = request.header("accept").unwrap_or_default().to_ascii_lowercase();
    let content_type = request.header("content-type").unwrap_or_default().trim_start().to_ascii_lowercase();
    content_type.starts_with("application/json") || (accept.contains("json") && !accept.contains("text/html"))
}

/// The answer, with a refusal as a page for people and as a problem document for programs.
pub(crate) fn or_page(app: &App, request: &Request, result: Result<Response, ApiError>) -> Result<Response, ApiError> {
    let error = match result {
        // What went wrong inside is logged, and answered, in one place for all routes.
        Err(error @ ApiError::Internal(_)) => return Err(error),
        Err(error) if !wants_json(request) => error,
        other => return other,
    };
    let organisation = app.config().get(runtime::Var::OrganisationName)?;
    let (title, lead, advice) = match &error {
        ApiError::NotFound(_) => (
            "We cannot find this request",
            "The link is not complete, or it is not one of ours.",
            "Mail programs sometimes cut long links in two. Open the message again and follow its link, or copy the whole link into the address bar.",
        ),
        ApiError::Gone(reason) => (
            "This link no longer works",
            *reason,
            "Nothing was changed. If you still want to answer or to stop our messages, we are glad to help.",
        ),
        ApiError::Busy => (
            "Please try again in a moment",
            "Many people are answering just now and yours did not get through.",
            "Go back and send the page again. Nothing was recorded, so nothing is counted twice.",
        ),
        _ => (
            "We could not read what was sent",
            "The page sent something this address does not understand.",
            "Go back, reload the page and send it again.",
        ),
    };
    let response = page(
        error.status(),
        "problem.html",
        context! { organisation, title, lead => sentence(lead), advice },
    )?;
    Ok(if matches!(error, ApiError::Busy) {
        respond::with_header(response, "retry-after", "1")
    } else {
        response
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    // A browser drops a style sheet whose hash is not exactly that of the text between the tags.
    #[test]
    fn the_policy_admits_the_style_sheet_as_it_is_printed() {
        let response = unsubscribed("Buyer & Co", "a***@b.example").unwrap();
        let page = String::from_utf8(response.body().to_vec()).unwrap();
        let style = page.split_once("<style>").and_then(|(_, rest)| rest.split_once("</style>")).unwrap().0;
        let hash = base64::engine::general_purpose::STANDARD.encode(Sha256::digest(style));
        let policy = response.headers()["content-security-policy"].to_str().unwrap();
        assert!(policy.contains(&format!("style-src 'sha256-{hash}'")), "{policy}");
        assert!(page.contains("Buyer &amp; Co"));
    }
}
