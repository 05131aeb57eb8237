//! `sam deploy` of the template onto MiniStack.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

use super::aws::{Aws, element, elements};
use super::error::{Context as _, Error};
use super::ministack::{self, REGION};
use super::progress::Step;
use super::template::Template;
use super::tools::{self, Tools};

/// Where SAM uploads to. A bucket made beforehand spares it a deployment of its own for one.
pub(super) const BUCKET: &str = "local-deployment-artifacts";

/// What is deployed, and where to.
#[derive(Debug)]
pub(super) struct Deployment<'a> {
    pub(super) root: &'a Path,
    pub(super) work_dir: &'a Path,
    pub(super) log_path: &'a Path,
    pub(super) endpoint: &'a str,
    pub(super) stack_name: &'a str,
    /// Parameters that win over those of `samconfig.toml`.
    pub(super) parameters: &'a [(String, String)],
}

impl Deployment<'_> {
    /// Runs `sam deploy --config-env local` and follows its events.
    pub(super) fn run(&self, tools: &Tools, template: &Template, step: &Step) -> Result<(), Error> {
        let packed = template.write_packed(self.root, self.work_dir)?;
        let sam_home = self.sam_home()?;
        let mut command = Command::new(tools.sam());
        command
            .args(["deploy", "--config-env", "local", "--config-file"])
            .arg(self.root.join("samconfig.toml"))
            .arg("--template-file")
            .arg(packed)
            .args(["--stack-name", self.stack_name, "--region", REGION])
            .args(["--no-resolve-s3", "--s3-bucket", BUCKET])
            .args([
                "--no-confirm-changeset",
                "--no-fail-on-empty-changeset",
                "--no-progressbar",
                "--parameter-overrides",
            ])
            .args(self.overrides(template)?)
            .current_dir(self.root)
            .env("AWS_ENDPOINT_URL", self.endpoint)
            .env("SAM_CLI_TELEMETRY", "0")
            .env("SAM_CLI_POLL_DELAY", "0.2")
            .env("__SAM_CLI_APP_DIR", sam_home)
            .stdin(Stdio::null())
            .stdout(Stdio::piped());
        ministack::isolate_from_aws(&mut command);
        let attempt = || format!("cannot write {}", self.log_path.display());
        let mut log = fs::File::create(self.log_path).context(attempt)?;
        command.stderr(log.try_clone().context(attempt)?);

        let mut sam = command.spawn().context(|| "cannot run sam".to_owned())?;
        let (mut planned, mut created) = (0, 0);
        if let Some(output) = sam.stdout.take() {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                let _ = writeln!(log, "{line}");
                if line.starts_with("+ Add") {
                    planned += 1;
                } else if line.starts_with("CREATE_COMPLETE") {
                    created += 1;
                    // The stack itself ends with such a line too, so the total is one more than the resources.
                    step.set_total(planned + 1);
                    step.set_position(created);
                    step.set_detail(line.split_whitespace().last().unwrap_or_default());
                }
            }
        }
        let status = sam.wait().context(|| "waiting for sam".to_owned())?;
        if status.success() {
            return Ok(());
        }
        Err(Error::new(format!(
            "sam deploy failed. Its whole output is in {}; it ends:\n{}",
            self.log_path.display(),
            tools::tail(self.log_path, 30)
        )))
    }

    /// The overrides of `samconfig.toml` and ours on top: on the command line they would replace that list as a whole.
    fn overrides(&self, template: &Template) -> Result<Vec<String>, Error> {
        let path = self.root.join("samconfig.toml");
        let config = fs::read_to_string(&path).context(|| format!("cannot read {}", path.display()))?;
        let mut values: BTreeMap<&str, &str> = configured_overrides(&config).collect();
        values.extend(self.parameters.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        values
            .into_iter()
            .map(|(name, value)| {
                if template.has_parameter(name) {
                    // SAM splits an unquoted value at its first space.
                    Ok(format!("{name}=\"{value}\""))
                } else {
                    Err(Error::new(format!("template.yaml has no parameter {name}, which the local stack sets")))
                }
            })
            .collect()
    }

    /// A home for SAM's metadata in `.local`, dated now, or it would ask the package index for a newer version of itself.
    fn sam_home(&self) -> Result<std::path::PathBuf, Error> {
        let home = self.work_dir.join("sam");
        let attempt = || format!("cannot write {}", home.display());
        fs::create_dir_all(&home).context(attempt)?;
        // SAM ignores a whole number here.
        let now = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .map_or(0.5, |time| time.as_secs_f64());
        let metadata = serde_json::json!({"telemetryEnabled": false, "lastVersionCheck": now});
        fs::write(home.join("metadata.json"), metadata.to_string()).context(attempt)?;
        Ok(home)
    }
}

/// `parameter_overrides` of `[local.deploy.parameters]`, which is a list of `"Name=value"` strings.
fn configured_overrides(config: &str) -> impl Iterator<Item = (&str, &str)> {
    let section = config.split_once("[local.deploy.parameters]").map_or("", |(_, after)| after);
    let section = section.split_once("\n[").map_or(section, |(section, _)| section);
    let list = section
        .split_once("parameter_overrides")
        .and_then(|(_, after)| after.split_once('['))
        .map_or("", |(_, after)| after);
    let list = list.split_once(']').map_or("", |(list, _)| list);
    list.split('"').skip(1).step_by(2).filter_map(|pair| pair.split_once('='))
}

/// A deployed stack as CloudFormation describes it.
#[derive(Debug)]
pub(super) struct Stack {
    pub(super) outputs: BTreeMap<String, String>,
    pub(super) parameters: BTreeMap<String, String>,
    /// Physical ids by logical id.
    pub(super) resources: BTreeMap<String, String>,
}

impl Stack {
    pub(super) async fn describe(aws: &Aws, name: &str) -> Result<Self, Error> {
        let stack = aws.cloudformation("DescribeStacks", name, &[]).await?;
        let resources = aws.cloudformation("DescribeStackResources", name, &[]).await?;
        Ok(Self {
            outputs: pairs(&stack, "Outputs", "OutputKey", "OutputValue"),
            parameters: pairs(&stack, "Parameters", "ParameterKey", "ParameterValue"),
            resources: pairs(&resources, "StackResources", "LogicalResourceId", "PhysicalResourceId"),
        })
    }

    /// An output the template must have.
    pub(super) fn output(&self, name: &str) -> Result<&str, Error> {
        self.outputs
            .get(name)
            .map(String::as_str)
            .ok_or_else(|| Error::new(format!("template.yaml has no output {name}, which the local stack needs")))
    }
}

fn pairs(xml: &str, list: &str, key: &str, value: &str) -> BTreeMap<String, String> {
    let list = elements(xml, list).next().unwrap_or_default();
    elements(list, "member")
        .map(|member| (element(member, key), element(member, value)))
        .filter(|(key, _)| !key.is_empty())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overrides_are_read_from_the_local_section_only() {
        let config = "[local.deploy.parameters]\nresolve_s3 = true\nparameter_overrides = [\n  \"Stage=local\",\n  \"FromAddress=a@b.c\",\n]\n\n[staging.deploy.parameters]\nparameter_overrides = [\"Stage=staging\"]\n";
        let overrides: Vec<_> = configured_overrides(config).collect();
        assert_eq!(overrides, [("Stage", "local"), ("FromAddress", "a@b.c")]);
    }

    #[test]
    fn a_section_without_overrides_has_none() {
        assert_eq!(configured_overrides("[local.deploy.parameters]\nresolve_s3 = true\n").count(), 0);
    }

    #[test]
    fn pairs_are_read_from_their_own_list() {
        let xml = "<Parameters><member><ParameterKey>A</ParameterKey><ParameterValue>1 &amp;lt; 2</ParameterValue></member></Parameters><Outputs><member><OutputKey>B</OutputKey><OutputValue>x</OutputValue></member></Outputs>";
        assert_eq!(
            pairs(xml, "Parameters", "ParameterKey", "ParameterValue"),
            BTreeMap::from([("A".to_owned(), "1 &lt; 2".to_owned())])
        );
        assert_eq!(
            pairs(xml, "Outputs", "OutputKey", "OutputValue"),
            BTreeMap::from([("B".to_owned(), "x".to_owned())])
        );
    }
}
