//! Templates: checked when they are saved, rendered once per recipient when they are sent. Here those of e-mails, and what
//! texts with variables have in common on every channel.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use domain::FieldError;
use domain::delivery::Recipient;
use domain::template::{EmailContent, VARIABLES};
use jiff::Timestamp;
use jiff::tz::{self, TimeZone};
use minijinja::{AutoEscape, Environment, ErrorKind, Output, State, UndefinedBehavior, Value};

/// What SES takes as `ReplacementTemplateData` of one recipient, in bytes of JSON.
/// <https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_ReplacementTemplate.html>
pub const MAX_RENDERED_BYTES: usize = 262_144;

/// About two instructions per printed variable: enough for the longest template, too little for a runaway loop.
const FUEL: u64 = 100_000;

const SUBJECT: &str = "subject";
const HTML: &str = "html";
const TEXT: &str = "text";

/// Absent for vendors whose record does not hold them; a template has to cope.
const OPTIONAL: [&str; 7] = ["city", "state", "gstin", "pan_masked", "udyam_number", "email", "phone_number"];

/// A template that compiled: its syntax is right, it uses only known variables, and both parts hold the form's link.
#[derive(Debug)]
pub struct EmailTemplate {
    parts: Parts,
}

/// A message ready to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RenderedEmail {
    /// One line.
    pub subject: String,
    /// HTML part, values escaped.
    pub html: String,
    /// Plain-text part.
    pub text: String,
}

/// Why a message could not be rendered for one recipient.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RenderError {
    /// The template prints a variable that the recipient has no value for.
    #[error("the recipient has no value for {0}")]
    MissingVariable(String),
    /// More than SES takes for one recipient.
    #[error("the message is longer than {MAX_RENDERED_BYTES} bytes")]
    TooLong,
    /// The template computes for too long.
    #[error("the template takes too many steps")]
    OutOfFuel,
    /// A parameter of a WhatsApp message came out empty or too long.
    #[error("{part} of the message is {problem}")]
    Parameter {
        /// `body_2`, `button_0` …
        part: String,
        /// `empty` or `too_long`.
        problem: &'static str,
    },
    /// An expression has no meaning for this recipient's values.
    #[error("line {line} of the {part} part cannot be computed: {kind}")]
    Failed {
        /// `subject`, `html`, `text`, `header`, `body` or `buttons`.
        part: &'static str,
        /// Counted from 1; 0 where unknown.
        line: usize,
        /// The kind of error, without any value of the recipient.
        kind: String,
    },
}

impl RenderError {
    /// The reason to record for the recipient: `missing_variable:city`, `message_too_long` …
    pub fn reason(&self) -> String {
        match self {
            RenderError::MissingVariable(name) => format!("missing_variable:{name}"),
            RenderError::TooLong => "message_too_long".to_owned(),
            RenderError::OutOfFuel => "template_too_expensive".to_owned(),
            RenderError::Parameter { part, problem } => format!("parameter_{problem}:{part}"),
            RenderError::Failed { part, line, .. } => format!("template_failed:{part}:{line}"),
        }
    }
}

/// What a campaign adds to its recipients' own variables. The links are the recipient's personal ones.
#[derive(Debug, Clone, Copy)]
pub struct CampaignContext<'a> {
    /// The organisation that asks.
    pub organisation_name: &'a str,
    /// The campaign's name.
    pub campaign_name: &'a str,
    /// The last instant to answer.
    pub deadline: Timestamp,
    /// The recipient's link to the form.
    pub form_url: &'a str,
    /// The recipient's opt-out link.
    pub unsubscribe_url: &'a str,
}

/// The values of [`VARIABLES`] for one recipient. A value that is not on record is absent, never empty.
#[derive(Clone, PartialEq, Eq)]
pub struct Variables(BTreeMap<&'static str, String>);

impl Variables {
    /// The variables of one recipient.
    pub fn for_recipient(recipient: &Recipient, campaign: &CampaignContext<'_>) -> Self {
        // Destructured in full, so that a new field of a recipient is not forgotten here.
        let Recipient {
            id: _,
            code,
            name,
            contact,
            email,
            phone,
            city,
            state,
            gstin,
            pan,
            pan_digest: _,
            udyam,
        } = recipient;
        let present = |value: &Option<String>| value.as_deref().is_some_and(|text| !text.trim().is_empty());
        let contact_name = if present(contact) { contact.as_deref() } else { Some(name.as_str()) };
        let deadline = indian_date(campaign.deadline);
        let values = [
            ("vendor_code", Some(code.as_str())),
            ("company_name", Some(name)),
            ("contact_name", contact_name),
            ("city", city.as_deref()),
            ("state", state.as_deref()),
            ("gstin", gstin.as_deref()),
            ("pan_masked", pan.as_deref()),
            ("udyam_number", udyam.as_deref()),
            ("email", email.as_deref()),
            ("phone_number", phone.as_deref()),
            ("organisation_name", Some(campaign.organisation_name)),
            ("campaign_name", Some(campaign.campaign_name)),
            ("deadline", Some(&deadline)),
            ("form_url", Some(campaign.form_url)),
            ("form_token", campaign.form_url.rsplit('/').next()),
            ("unsubscribe_url", Some(campaign.unsubscribe_url)),
        ];
        Self(
            values
                .into_iter()
                .filter_map(|(name, value)| Some((name, value.filter(|text| !text.trim().is_empty())?.to_owned())))
                .collect(),
        )
    }

    /// A made-up vendor with every variable, for previews.
    pub fn sample() -> Self {
        let values = [
            ("vendor_code", "V-1001"),
            ("company_name", "Kaveri Test Castings LLP"),
            ("contact_name", "Asha Rao"),
            ("city", "Coimbatore"),
            ("state", "Tamil Nadu"),
            ("gstin", "33AAAAA0000A1Z5"),
            ("pan_masked", "AAAXX0000A"),
            ("udyam_number", "UDYAM-TN-03-0000001"),
            ("email", "accounts@kaveri.example"),
            ("phone_number", "+919876500001"),
            ("organisation_name", "Example Industries Limited"),
            ("campaign_name", "MSME declaration"),
            ("deadline", "31 January 2027"),
            ("form_url", "https://msme.example/f/sample"),
            ("form_token", "sample"),
            ("unsubscribe_url", "https://msme.example/unsubscribe/sample"),
        ];
        Self(values.into_iter().map(|(name, value)| (name, value.to_owned())).collect())
    }

    /// The value of a variable; none if it is absent or there is no such variable.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// Gives a variable another value, for instance an organisation's own name in a preview.
    pub fn set(&mut self, name: &'static str, value: impl Into<String>) {
        self.0.insert(name, value.into());
    }

    /// Name and value of every variable that has one, in alphabetical order.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.0.iter().map(|(name, value)| (*name, value.as_str()))
    }

    pub(crate) fn to_value(&self) -> Value {
        Value::from_pairs(self.iter())
    }
}

impl std::fmt::Debug for Variables {
    /// Names only: the values are personal.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl EmailTemplate {
    /// Checks and compiles a template.
    ///
    /// # Errors
    /// Everything wrong with it: syntax, unknown variables and filters, no link to the form. Each error names the part,
    /// the line and the fix.
    pub fn compile(content: &EmailContent) -> Result<Self, Vec<FieldError>> {
        let mut parts = Parts::new();
        let mut errors = Vec::new();
        parts.add(SUBJECT, SUBJECT, &content.subject, &mut errors);
        parts.add(HTML, HTML, &content.html, &mut errors);
        parts.add(TEXT, TEXT, &content.text, &mut errors);
        if errors.is_empty() {
            for part in [HTML, TEXT] {
                if !parts.uses(part, "form_url") {
                    let fix = if part == HTML {
                        "<a href=\"{{ form_url }}\">Answer here</a>"
                    } else {
                        "Answer here: {{ form_url }}"
                    };
                    errors.push(FieldError::new(
                        part,
                        "",
                        "missing_form_url",
                        &format!("the {part} part has no link to the form; add one, for example {fix}"),
                    ));
                }
            }
        }
        if errors.is_empty() {
            parts.try_out(&mut errors);
        }
        if errors.is_empty() { Ok(Self { parts }) } else { Err(errors) }
    }

    /// The variables the template uses, in any part.
    pub fn variables(&self) -> BTreeSet<String> {
        self.parts.variables()
    }

    /// Whether both parts hold the opt-out link. The `List-Unsubscribe` header is sent in any case.
    pub fn has_unsubscribe_link(&self) -> bool {
        self.parts.uses(HTML, "unsubscribe_url") && self.parts.uses(TEXT, "unsubscribe_url")
    }

    /// Renders the message for one recipient.
    ///
    /// # Errors
    /// [`RenderError::MissingVariable`] where the template prints a variable without a value; testing for one
    /// (`{% if city %}`, `{{ city|default("") }}`) is no error.
    pub fn render(&self, variables: &Variables) -> Result<RenderedEmail, RenderError> {
        let context = variables.to_value();
        let part = |name: &str| self.parts.render(name, &context, variables);
        let email = RenderedEmail {
            subject: one_line(&part(SUBJECT)?),
            html: part(HTML)?,
            text: part(TEXT)?,
        };
        if email.template_data().len() > MAX_RENDERED_BYTES {
            Err(RenderError::TooLong)
        } else {
            Ok(email)
        }
    }
}

/// Texts with variables that belong to one message, compiled.
#[derive(Debug)]
pub(crate) struct Parts {
    environment: Environment<'static>,
    parts: Vec<Part>,
}

#[derive(Debug)]
struct Part {
    name: String,
    /// The field of the template that its mistakes are reported for.
    field: &'static str,
    used: BTreeSet<String>,
}

impl Part {
    /// Where in the field a mistake is: nowhere in particular where the field is one text, else in `body_2`.
    fn place(&self) -> String {
        if self.name == self.field {
            String::new()
        } else {
            format!("{}, ", self.name)
        }
    }
}

impl Parts {
    pub(crate) fn new() -> Self {
        Self {
            environment: environment(),
            parts: Vec::new(),
        }
    }

    /// Compiles one text. The part named `html` is escaped for HTML, every other is plain.
    pub(crate) fn add(&mut self, name: &str, field: &'static str, source: &str, errors: &mut Vec<FieldError>) {
        let mut part = Part {
            name: name.to_owned(),
            field,
            used: BTreeSet::new(),
        };
        match self.environment.add_template_owned(name.to_owned(), source.to_owned()) {
            Ok(()) => part.used = used_variables(&self.environment, &part, source, errors),
            Err(error) => errors.push(syntax_error(&part, &error)),
        }
        self.parts.push(part);
    }

    /// Whether a part uses a variable.
    pub(crate) fn uses(&self, name: &str, variable: &str) -> bool {
        self.parts.iter().any(|part| part.name == name && part.used.contains(variable))
    }

    /// The variables used in any part.
    pub(crate) fn variables(&self) -> BTreeSet<String> {
        self.parts.iter().flat_map(|part| &part.used).cloned().collect()
    }

    /// Renders one part; `context` is `variables` as the engine wants them.
    pub(crate) fn render(&self, name: &str, context: &Value, variables: &Variables) -> Result<String, RenderError> {
        self.run(name, context).map_err(|error| self.explain(name, &error, variables))
    }

    fn run(&self, name: &str, context: &Value) -> Result<String, minijinja::Error> {
        let mut output = Bounded(Vec::new());
        self.environment.get_template(name)?.render_captured_to(context.clone(), &mut output)?;
        // Only text is written, so nothing is lost here.
        Ok(String::from_utf8_lossy(&output.0).into_owned())
    }

    /// Finds what the compiler leaves to run time: unknown filters, tests, functions and attributes, and loops without end.
    pub(crate) fn try_out(&self, errors: &mut Vec<FieldError>) {
        let complete = Variables::sample();
        let mut sparse = complete.clone();
        sparse.0.retain(|name, _| !OPTIONAL.contains(name));
        for part in &self.parts {
            for variables in [&complete, &sparse] {
                let Err(error) = self.run(&part.name, &variables.to_value()) else {
                    continue;
                };
                let (code, message) = match self.explain(&part.name, &error, variables) {
                    // Vendors without it are skipped and reported by name; that is the author's choice.
                    RenderError::MissingVariable(_) => continue,
                    RenderError::TooLong | RenderError::Parameter { .. } => ("length", "the message gets too long; shorten it".to_owned()),
                    RenderError::OutOfFuel => ("too_expensive", "the template takes too many steps; shorten its loops".to_owned()),
                    RenderError::Failed { line, kind, .. } => {
                        let detail = error.detail().map(|detail| format!(" ({detail})")).unwrap_or_default();
                        let place = part.place();
                        (
                            "invalid_expression",
                            format!("{place}line {line}: {kind}{detail}; correct or remove the expression"),
                        )
                    }
                };
                errors.push(FieldError::new(part.field, "", code, &message));
                break;
            }
        }
    }

    fn explain(&self, name: &str, error: &minijinja::Error, variables: &Variables) -> RenderError {
        let part = self.parts.iter().find(|part| part.name == name);
        match error.kind() {
            ErrorKind::OutOfFuel => RenderError::OutOfFuel,
            ErrorKind::WriteFailure => RenderError::TooLong,
            kind => match part.and_then(|part| self.missing_variable(part, error, variables)) {
                Some(name) => RenderError::MissingVariable(name),
                None => RenderError::Failed {
                    part: part.map_or("", |part| part.field),
                    line: error.line().unwrap_or(0),
                    kind: kind.to_string(),
                },
            },
        }
    }

    /// The absent variable in the expression that failed.
    fn missing_variable(&self, part: &Part, error: &minijinja::Error, variables: &Variables) -> Option<String> {
        let is_undefined = error.kind() == ErrorKind::UndefinedError;
        let template = self.environment.get_template(&part.name).ok()?;
        let expression = error.range().and_then(|range| template.source().get(range)).unwrap_or_default();
        let absent = |name: &&str| variables.get(name).is_none() && is_known(name);
        let named = words(expression).map(|(_, word)| word).find(absent).map(str::to_owned);
        named.or_else(|| part.used.iter().find(|name| is_undefined && absent(&name.as_str())).cloned())
    }
}

impl RenderedEmail {
    /// The JSON that fills the provider's template.
    pub(crate) fn template_data(&self) -> String {
        let RenderedEmail { subject, html, text } = self;
        serde_json::json!({ SUBJECT: subject, HTML: html, TEXT: text }).to_string()
    }
}

fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    // Testing for an absent value is allowed, printing one is an error.
    environment.set_undefined_behavior(UndefinedBehavior::SemiStrict);
    environment.set_fuel(Some(FUEL));
    // Errors know the expression that failed; it costs nothing unless there is one.
    environment.set_debug(true);
    environment.set_auto_escape_callback(|name| if name == HTML { AutoEscape::Html } else { AutoEscape::None });
    environment.set_formatter(print);
    // A vendor's data must never become markup, and nobody needs a dump of the context in a letter.
    environment.remove_filter("safe");
    environment.remove_global("debug");
    environment
}

/// Escapes what could end text or an attribute. minijinja's own escaping also turns `/` into `&#x2f;`, which breaks links for
/// mail programs and link scanners that read the source. The part decides, so `{% autoescape false %}` changes nothing.
fn print(output: &mut Output<'_>, state: &mut State<'_, '_>, value: &Value) -> Result<(), minijinja::Error> {
    if state.name() != HTML || value.is_safe() || value.is_undefined() {
        return write!(output, "{value}").map_err(Into::into);
    }
    let text = value.to_string();
    let mut rest = text.as_str();
    while let Some(at) = rest.find(['&', '<', '>', '"', '\'']) {
        output.write_str(&rest[..at])?;
        output.write_str(match rest.as_bytes()[at] {
            b'&' => "&amp;",
            b'<' => "&lt;",
            b'>' => "&gt;",
            b'"' => "&quot;",
            _ => "&#39;",
        })?;
        rest = &rest[at + 1..];
    }
    output.write_str(rest).map_err(Into::into)
}

fn used_variables(environment: &Environment<'_>, part: &Part, source: &str, errors: &mut Vec<FieldError>) -> BTreeSet<String> {
    let Ok(template) = environment.get_template(&part.name) else {
        return BTreeSet::new();
    };
    let is_function = |name: &str| environment.globals().any(|(global, _)| global == name);
    let (known, unknown): (BTreeSet<String>, BTreeSet<String>) = template
        .undeclared_variables(false)
        .into_iter()
        .filter(|name| !is_function(name))
        .partition(|name| is_known(name));
    for name in unknown {
        let line = line_of(source, &name);
        let fix = match nearest(&name) {
            Some(near) => format!("did you mean {near}?"),
            None => format!("use one of {}", VARIABLES.map(|(name, _)| name).join(", ")),
        };
        let place = part.place();
        let message = format!("{place}line {line}: there is no variable {name}; {fix}");
        errors.push(FieldError::new(part.field, &name, "unknown_variable", &message));
    }
    known
}

fn syntax_error(part: &Part, error: &minijinja::Error) -> FieldError {
    let line = error.line().unwrap_or(1);
    let detail = error.detail().unwrap_or("the template cannot be read");
    let place = part.place();
    FieldError::new(
        part.field,
        "",
        "syntax",
        &format!("{place}line {line}: {detail}; close every {{{{ with }}}} and every {{% if %}} with {{% endif %}}"),
    )
}

fn is_known(name: &str) -> bool {
    VARIABLES.iter().any(|(known, _)| *known == name)
}

fn nearest(name: &str) -> Option<&'static str> {
    let name = name.to_lowercase();
    VARIABLES
        .iter()
        .map(|(known, _)| (strsim::jaro_winkler(&name, known), *known))
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .filter(|(similarity, _)| *similarity > 0.8)
        .map(|(_, known)| known)
}

/// The line of a variable's first use, counted from 1: the first time its name stands inside a tag.
fn line_of(source: &str, name: &str) -> usize {
    let mut from = 0;
    while let Some(open) = source[from..]
        .find("{{")
        .into_iter()
        .chain(source[from..].find("{%"))
        .min()
        .map(|at| from + at)
    {
        let close = if source[open..].starts_with("{{") { "}}" } else { "%}" };
        let end = source[open..].find(close).map_or(source.len(), |at| open + at);
        if let Some((at, _)) = words(&source[open..end]).find(|(_, word)| *word == name) {
            return 1 + source[..open + at].matches('\n').count();
        }
        from = end;
    }
    1
}

/// The names in an expression with their positions; text in quotes is not a name.
fn words(expression: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut from = 0;
    std::iter::from_fn(move || {
        loop {
            let rest = &expression[from..];
            let first = rest.chars().next()?;
            let start = from;
            if first == '"' || first == '\'' {
                from += 1 + rest[1..].find(first).map_or(rest.len() - 1, |at| at + 1);
            } else if first.is_alphanumeric() || first == '_' {
                from += rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
                return Some((start, &expression[start..from]));
            } else {
                from += first.len_utf8();
            }
        }
    })
}

/// `text` without line breaks, control characters and runs of spaces.
pub(crate) fn one_line(text: &str) -> String {
    let spaced: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    spaced.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// `31 January 2027`: the day in India, which has no daylight saving time.
fn indian_date(at: Timestamp) -> String {
    const INDIA: tz::Offset = tz::Offset::constant(5);
    let offset = INDIA.saturating_add(jiff::SignedDuration::from_mins(30));
    at.to_zoned(TimeZone::fixed(offset)).strftime("%-d %B %Y").to_string()
}

/// Ends rendering once a part cannot fit any more, whatever a loop still has in store.
struct Bounded(Vec<u8>);

impl io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > MAX_RENDERED_BYTES {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content(subject: &str, html: &str, text: &str) -> EmailContent {
        let owned = str::to_owned;
        EmailContent {
            name: "Test".to_owned(),
            subject: owned(subject),
            html: owned(html),
            text: owned(text),
        }
    }

    fn recipient() -> Recipient {
        Recipient {
            id: "vnd_01ARZ3NDEKTSV4RRFFQ69G5FAV".parse().unwrap(),
            code: "V-1".to_owned(),
            name: "Rao & Sons <Castings>".to_owned(),
            contact: None,
            email: Some("rao@example.in".to_owned()),
            phone: Some("+919876500002".to_owned()),
            city: Some("  ".to_owned()),
            state: Some("Kerala".to_owned()),
            gstin: None,
            pan: None,
            pan_digest: None,
            udyam: None,
        }
    }

    fn variables() -> Variables {
        Variables::for_recipient(
            &recipient(),
            &CampaignContext {
                organisation_name: "Example \"Steel\"",
                campaign_name: "FY 27",
                deadline: "2027-01-31T18:29:59Z".parse().unwrap(),
                form_url: "https://msme.example/f/tok-en_1",
                unsubscribe_url: "https://msme.example/unsubscribe/tok?a=1&b=2",
            },
        )
    }

    /// Renders `html` with a link behind it, and cuts the link off again.
    fn html(html: &str) -> Result<String, RenderError> {
        let template = EmailTemplate::compile(&content("s", &format!("{html}|{{{{ form_url }}}}"), "{{ form_url }}"))
            .unwrap_or_else(|errors| panic!("{html}: {:?}", errors.iter().map(|e| &e.message).collect::<Vec<_>>()));
        let html = template.render(&variables())?.html;
        Ok(html.rsplit_once('|').unwrap().0.to_owned())
    }

    #[track_caller]
    fn check(source: &str, expected: &str) {
        assert_eq!(html(source).as_deref(), Ok(expected), "{source}");
    }

    #[track_caller]
    fn missing(source: &str, name: &str) {
        assert_eq!(html(source), Err(RenderError::MissingVariable(name.to_owned())), "{source}");
    }

    #[track_caller]
    fn refused(subject: &str, html: &str, text: &str, expected: &[(&str, &str, &str)]) {
        let errors = EmailTemplate::compile(&content(subject, html, text)).err().unwrap_or_default();
        let found: Vec<(&str, &str, &str)> = errors.iter().map(|e| (e.field, e.code, e.message.as_str())).collect();
        assert_eq!(found.len(), expected.len(), "{found:?}");
        for ((field, code, message), (want_field, want_code, part)) in found.iter().zip(expected) {
            assert_eq!((field, code), (want_field, want_code), "{message}");
            assert!(message.contains(part), "{message} should contain {part}");
        }
    }

    #[test]
    fn values_are_escaped_in_html_only_and_links_stay_readable() {
        let template = EmailTemplate::compile(&content(
            "For {{ company_name }}\n by {{ deadline }}",
            "<p title=\"{{ organisation_name }}\">{{ company_name }}</p><a href='{{ form_url }}'>x</a>{{ unsubscribe_url }}",
            "{{ company_name }} {{ form_url }}",
        ))
        .unwrap();
        let email = template.render(&variables()).unwrap();
        assert_eq!(email.subject, "For Rao & Sons <Castings> by 31 January 2027");
        assert_eq!(
            email.html,
            "<p title=\"Example &quot;Steel&quot;\">Rao &amp; Sons &lt;Castings&gt;</p>\
             <a href='https://msme.example/f/tok-en_1'>x</a>https://msme.example/unsubscribe/tok?a=1&amp;b=2"
        );
        assert_eq!(email.text, "Rao & Sons <Castings> https://msme.example/f/tok-en_1");
        assert!(!template.has_unsubscribe_link());
        assert_eq!(
            template.variables().into_iter().collect::<Vec<_>>(),
            ["company_name", "deadline", "form_url", "organisation_name", "unsubscribe_url"]
        );
    }

    #[test]
    fn markup_in_a_value_cannot_be_switched_on() {
        check(
            "{% autoescape false %}{{ company_name }}{% endautoescape %}",
            "Rao &amp; Sons &lt;Castings&gt;",
        );
        check("{% set x = company_name %}{{ x }}", "Rao &amp; Sons &lt;Castings&gt;");
        check("{{ company_name|e }}", "Rao &amp; Sons &lt;Castings&gt;");
        refused(
            "s",
            "{{ form_url|safe }}",
            "{{ form_url }}",
            &[("html", "invalid_expression", "filter safe is unknown")],
        );
    }

    #[test]
    fn an_absent_value_may_be_tested_but_not_printed() {
        check("{% if gstin %}GSTIN {{ gstin }}{% else %}no GSTIN{% endif %}", "no GSTIN");
        check("{{ city|default(\"your city\") }}", "your city");
        check("{{ city or state }}", "Kerala");
        check("{{ gstin if gstin }}", "");
        check("{% if gstin is defined %}a{% endif %}b", "b");
        check("{{ contact_name }}", "Rao &amp; Sons &lt;Castings&gt;");
        missing("{{ city }}", "city");
        missing("{{ gstin|upper }}", "gstin");
        missing("{{ 'in ' ~ city }}", "city");
        missing("{% if not udyam_number %}{{ state }} {{ pan_masked }}{% endif %}", "pan_masked");
        missing("{% set place = city %}{{ gstin|d('') }}{{ place }}", "city");
        missing("{% if gstin is defined %}x{% endif %}{% for c in city %}{{ c }}{% endfor %}", "city");
    }

    #[test]
    fn mistakes_are_named_with_part_line_and_fix() {
        let (html, text) = ("{{ form_url }}", "{{ form_url }}");
        refused(
            "{{ compny_name }}",
            html,
            text,
            &[(
                "subject",
                "unknown_variable",
                "line 1: there is no variable compny_name; did you mean company_name?",
            )],
        );
        refused(
            "s",
            "city\n{{ 'deadlin' }}\n{% if deadlin %}{{ form_url }}{% endif %}",
            text,
            &[("html", "unknown_variable", "line 3: there is no variable deadlin; did you mean deadline?")],
        );
        refused(
            "s",
            html,
            "{{ form_url }}{{ xyzzy }}",
            &[("text", "unknown_variable", "use one of vendor_code, company_name")],
        );
        refused("s", "a\n{{ form_url }", text, &[("html", "syntax", "line 2:")]);
        refused("s", html, "{% if city %}{{ form_url }}", &[("text", "syntax", "endif")]);
        refused(
            "s",
            "<p>Hello</p>",
            "Hello",
            &[
                ("html", "missing_form_url", "add one, for example <a href=\"{{ form_url }}\">"),
                ("text", "missing_form_url", "{{ form_url }}"),
            ],
        );
        refused(
            "{{ city|shout }}",
            html,
            text,
            &[("subject", "invalid_expression", "filter shout is unknown")],
        );
        refused(
            "{% if not city %}{{ state|d('')|shout }}{% endif %}",
            html,
            text,
            &[("subject", "invalid_expression", "filter shout")],
        );
        refused("{{ company_name.first }}", html, text, &[("subject", "invalid_expression", "line 1")]);
        refused("{% include 'other' %}", html, text, &[("subject", "invalid_expression", "other")]);
    }

    #[test]
    fn a_template_cannot_run_away() {
        let (html, text) = ("{{ form_url }}", "{{ form_url }}");
        let endless = "{% for i in range(9999) %}{% for j in range(9999) %}{{ j }}{% endfor %}{% endfor %}";
        refused(endless, html, text, &[("subject", "too_expensive", "shorten")]);
        refused("{{ 'x' * 300000 }}", html, text, &[("subject", "length", "shorten")]);
        // Each part fits, together they do not.
        let long = content(
            "s",
            &format!("{{{{ form_url }}}}{}", "\"".repeat(90_000)),
            &format!("{{{{ form_url }}}}{}", "\"".repeat(45_000)),
        );
        let template = EmailTemplate::compile(&long).unwrap();
        assert_eq!(template.render(&variables()), Err(RenderError::TooLong));
    }

    #[test]
    fn every_variable_is_in_the_sample_and_reasons_name_no_values() {
        let sample = Variables::sample();
        for (name, _) in VARIABLES {
            assert!(sample.get(name).is_some(), "{name}");
        }
        assert_eq!(sample.iter().count(), VARIABLES.len());
        assert_eq!(RenderError::MissingVariable("city".to_owned()).reason(), "missing_variable:city");
        assert!(!format!("{:?}", variables()).contains("Rao"));
    }
}
