//! `.local/env`: the running stack's addresses and settings, for a shell, `make` and `cargo lambda watch`.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::Value;

use super::aws::Aws;
use super::error::{Context as _, Error};

/// Everything the deployed functions have in their environment, taken together.
///
/// The template gives a name the same value in every function, so one map describes them all.
pub(super) async fn of_functions(aws: &Aws) -> Result<BTreeMap<String, String>, Error> {
    let mut all = BTreeMap::new();
    let mut marker = String::new();
    loop {
        let page = aws.get("lambda", &format!("/2015-03-31/functions?MaxItems=50{marker}")).await?;
        for function in page["Functions"].as_array().into_iter().flatten() {
            let variables = function["Environment"]["Variables"].as_object().into_iter().flatten();
            all.extend(variables.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned()))));
        }
        match page["NextMarker"].as_str() {
            Some(next) if !next.is_empty() => marker = format!("&Marker={next}"),
            _ => return Ok(all),
        }
    }
}

/// Writes `NAME=value` lines, whole or not at all: a reader never sees half a file.
pub(super) fn write(path: &Path, variables: &[(String, String)]) -> Result<(), Error> {
    let text: String = variables.iter().map(|(name, value)| format!("{name}={}\n", quoted(value))).collect();
    let partial = path.with_extension("partial");
    let attempt = || format!("cannot write {}", path.display());
    fs::write(&partial, text).context(attempt)?;
    fs::rename(&partial, path).context(attempt)
}

/// The value as a shell and a dotenv reader both take it: bare where that is safe, else in single quotes.
fn quoted(value: &str) -> String {
    let is_plain = !value.is_empty() && value.chars().all(|c| c.is_ascii_alphanumeric() || "_-./:@,+=".contains(c));
    if is_plain {
        value.to_owned()
    } else {
        format!("'{}'", value.replace('\'', r"'\''"))
    }
}

/// The `password` of a secret's JSON.
pub(super) async fn secret_password(aws: &Aws, id: &str) -> Result<String, Error> {
    let answer = aws.secrets_manager("GetSecretValue", &serde_json::json!({"SecretId": id})).await?;
    answer["SecretString"]
        .as_str()
        .and_then(|text| serde_json::from_str::<Value>(text).ok())
        .and_then(|secret| secret["password"].as_str().map(str::to_owned))
        .ok_or_else(|| Error::new(format!("the secret {id} holds no JSON with a password")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_with_spaces_are_quoted_for_the_shell() {
        for (value, expected) in [
            ("http://localhost:8080", "http://localhost:8080"),
            ("Asha's Mills", r"'Asha'\''s Mills'"),
            ("", "''"),
            ("a$b", "'a$b'"),
        ] {
            assert_eq!(quoted(value), expected);
        }
    }
}
