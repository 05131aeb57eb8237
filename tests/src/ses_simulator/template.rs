//! The substitution SES applies to an inline template: `{{name}}` escaped, `{{{name}}}` as it is.
//!
//! SES documents only simple substitution for inline templates, so blocks, helpers and partials are a rendering failure here:
//! a template that relied on them would be a surprise in production.

use serde_json::Value;

/// Renders one part. The error is the `errorMessage` of SES's Rendering Failure event.
pub(super) fn render(template: &str, data: &Value) -> Result<String, String> {
    let mut rendered = String::with_capacity(template.len());
    let mut rest = template;
    while let Some(start) = rest.find("{{") {
        rendered.push_str(&rest[..start]);
        let tag = &rest[start..];
        let (open, close) = if tag.starts_with("{{{") { ("{{{", "}}}") } else { ("{{", "}}") };
        let Some(end) = tag.find(close) else {
            return Err(format!("found: 'eof', expected: '{close}'"));
        };
        let name = tag[open.len()..end].trim();
        if !is_simple_path(name) {
            return Err(format!("inline templates support simple substitutions only, found '{{{{{name}}}}}'"));
        }
        let value = lookup(name, data).ok_or_else(|| format!("Attribute '{name}' is not present in the rendering data."))?;
        if open == "{{{" {
            rendered.push_str(&value)
        } else {
            escape_into(&value, &mut rendered)
        }
        rest = &tag[end + close.len()..];
    }
    rendered.push_str(rest);
    Ok(rendered)
}

/// Lays the replacement data over the default data, attribute by attribute.
pub(super) fn merge(defaults: &Value, replacement: &Value) -> Value {
    match (defaults, replacement) {
        (Value::Object(defaults), Value::Object(replacement)) => {
            let mut merged = defaults.clone();
            merged.extend(replacement.iter().map(|(name, value)| (name.clone(), value.clone())));
            Value::Object(merged)
        }
        _ => replacement.clone(),
    }
}

fn is_simple_path(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.'))
}

fn lookup(path: &str, data: &Value) -> Option<String> {
    let found = path.split('.').try_fold(data, |value, name| value.get(name))?;
    match found {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

/// The characters that Handlebars escapes.
fn escape_into(value: &str, out: &mut String) {
    for c in value.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#x27;"),
            '`' => out.push_str("&#x60;"),
            '=' => out.push_str("&#x3D;"),
            other => out.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(template: &str, expected: Result<&str, &str>) {
        let data = json!({"name": "<b>Asha & Co</b>", "n": 3, "vendor": {"city": "Pune"}, "none": null});
        assert_eq!(render(template, &data), expected.map(str::to_owned).map_err(str::to_owned), "{template}");
    }

    #[test]
    fn substitutes_like_ses() {
        check("Hello {{name}}!", Ok("Hello &lt;b&gt;Asha &amp; Co&lt;/b&gt;!"));
        check("Hello {{{ name }}}!", Ok("Hello <b>Asha & Co</b>!"));
        check("{{n}} in {{vendor.city}}", Ok("3 in Pune"));
        check("no tags, { braces } stay", Ok("no tags, { braces } stay"));
        check("{{missing}}", Err("Attribute 'missing' is not present in the rendering data."));
        check("{{none}}", Err("Attribute 'none' is not present in the rendering data."));
        check("{{open", Err("found: 'eof', expected: '}}'"));
        check(
            "{{#if n}}x{{/if}}",
            Err("inline templates support simple substitutions only, found '{{#if n}}'"),
        );
    }

    #[test]
    fn lets_replacement_data_override_defaults() {
        let merged = merge(&json!({"name": "friend", "city": "Pune"}), &json!({"name": "Asha"}));
        assert_eq!(merged, json!({"name": "Asha", "city": "Pune"}));
    }
}
