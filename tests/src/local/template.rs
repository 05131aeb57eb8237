//! What the local stack reads from `template.yaml` itself; the rest it asks CloudFormation.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde_yaml::Value;

use super::error::{Context as _, Error};

/// The folder in which every function's `CodeUri` lies.
const CODE_FOLDER: &str = "target/lambda/";

/// The parsed template and its text.
#[derive(Debug)]
pub(super) struct Template {
    text: String,
    parameters: BTreeSet<String>,
    functions: Vec<String>,
}

impl Template {
    pub(super) fn read(root: &Path) -> Result<Self, Error> {
        let path = root.join("template.yaml");
        let text = fs::read_to_string(&path).context(|| format!("cannot read {}", path.display()))?;
        let document: Value = serde_yaml::from_str(&text).context(|| format!("cannot parse {}", path.display()))?;

        let parameters = entries(&document["Parameters"]).map(|(name, _)| name.to_owned()).collect();
        let mut functions = Vec::new();
        for (logical_id, resource) in entries(&document["Resources"]) {
            if resource["Type"].as_str() != Some("AWS::Serverless::Function") {
                continue;
            }
            let code = resource["Properties"]["CodeUri"].as_str().unwrap_or_default();
            let name = code
                .trim_start_matches("./")
                .strip_prefix(CODE_FOLDER)
                .map(|name| name.trim_end_matches('/'));
            match name {
                Some(name) if !name.is_empty() && !name.contains('/') => functions.push(name.to_owned()),
                _ => {
                    return Err(Error::new(format!(
                        "{logical_id} in template.yaml: CodeUri must be {CODE_FOLDER}<binary>/, not {code:?}"
                    )));
                }
            }
        }
        functions.sort();
        functions.dedup();
        Ok(Self { text, parameters, functions })
    }

    /// The binaries of all functions, sorted.
    pub(super) fn functions(&self) -> &[String] {
        &self.functions
    }

    pub(super) fn has_parameter(&self, name: &str) -> bool {
        self.parameters.contains(name)
    }

    /// Writes the template as `sam package` would leave it: word for word, with each `CodeUri` naming a packed archive.
    ///
    /// SAM would compress each of forty binaries itself on every deployment; that is most of what a deployment takes.
    pub(super) fn write_packed(&self, root: &Path, directory: &Path) -> Result<PathBuf, Error> {
        let mut packed = String::with_capacity(self.text.len() + 4096);
        for line in self.text.lines() {
            let code = line.split_once("CodeUri:").and_then(|(indent, value)| {
                Some((
                    indent,
                    value
                        .trim()
                        .trim_matches(['"', '\''])
                        .trim_start_matches("./")
                        .strip_prefix(CODE_FOLDER)?,
                ))
            });
            match code {
                Some((indent, name)) => {
                    let archive = root.join(CODE_FOLDER).join(format!("{}.zip", name.trim_end_matches('/')));
                    packed.push_str(&format!("{indent}CodeUri: {:?}\n", archive.display().to_string()));
                }
                None => {
                    packed.push_str(line);
                    packed.push('\n');
                }
            }
        }
        let path = directory.join("template.packed.yaml");
        fs::write(&path, packed).context(|| format!("cannot write {}", path.display()))?;
        Ok(path)
    }
}

fn entries(mapping: &Value) -> impl Iterator<Item = (&str, &Value)> {
    mapping
        .as_mapping()
        .into_iter()
        .flatten()
        .filter_map(|(key, value)| Some((key.as_str()?, value)))
}
