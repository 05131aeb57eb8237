//! The tools the local stack needs: Python, and a virtual environment with MiniStack, SAM CLI and cargo-lambda.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::error::{Context as _, Error};
use super::progress::Progress;

/// What `pip` installs, next to the code that relies on these versions.
const REQUIREMENTS: &str = "tests/local-requirements.txt";

/// The executables of the virtual environment in `.local/venv`.
#[derive(Clone, Debug)]
pub(super) struct Tools {
    bin: PathBuf,
}

impl Tools {
    pub(super) fn python(&self) -> PathBuf {
        self.bin.join("python")
    }

    pub(super) fn sam(&self) -> PathBuf {
        self.bin.join("sam")
    }

    /// Checks the machine, and installs into `.local/venv` when the pinned requirements changed since the last time.
    ///
    /// The stamp that records what is installed is written last: an installation killed half-way is done again.
    pub(super) fn install(root: &Path, progress: Progress) -> Result<Self, Error> {
        let requirements_file = root.join(REQUIREMENTS);
        let requirements = fs::read_to_string(&requirements_file).context(|| format!("cannot read {REQUIREMENTS}"))?;
        let local = root.join(".local");
        fs::create_dir_all(&local).context(|| format!("cannot create {}", local.display()))?;
        let venv = local.join("venv");
        let tools = Self { bin: venv.join("bin") };
        let stamp = venv.join("installed-requirements.txt");

        let lock = exclusive(&local.join("venv.lock"), progress)?;
        if fs::read_to_string(&stamp).is_ok_and(|installed| installed == requirements) && tools.sam().is_file() {
            return Ok(tools);
        }

        let python = find_python()?;
        let step = progress.step("Installing MiniStack, SAM CLI and cargo-lambda into .local/venv");
        let log = log_file(root, "pip.log")?;
        let _ = fs::remove_file(&stamp);
        let pip_works = Command::new(tools.python())
            .args(["-m", "pip", "--version"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success());
        if !pip_works {
            step.set_detail("creating the virtual environment");
            let output = Command::new(&python)
                .args(["-m", "venv", "--clear"])
                .arg(&venv)
                .stdin(inherited(&lock)?)
                .output()
                .context(|| format!("cannot run {python}"))?;
            if !output.status.success() {
                return Err(Error::new(format!(
                    "{python} cannot create a virtual environment. On Debian and Ubuntu: apt install python3-venv\n{}{}",
                    String::from_utf8_lossy(&output.stdout),
                    String::from_utf8_lossy(&output.stderr),
                )));
            }
        }
        step.set_detail("downloading, about a minute the first time");
        let installed = Command::new(tools.python())
            .args(["-m", "pip", "install", "--disable-pip-version-check", "--no-input", "-r"])
            .arg(&requirements_file)
            .stdin(inherited(&lock)?)
            .stdout(log.try_clone().context(|| "cannot write pip.log".to_owned())?)
            .stderr(log)
            .status()
            .context(|| "cannot run pip".to_owned())?;
        if !installed.success() {
            return Err(Error::new(format!(
                "pip could not install {REQUIREMENTS}: is the package index reachable? The whole output is in .local/log/pip.log; it ends:\n{}",
                tail(&root.join(".local/log/pip.log"), 12),
            )));
        }
        fs::write(&stamp, requirements).context(|| format!("cannot write {}", stamp.display()))?;
        step.done("");
        Ok(tools)
    }
}

/// The first Python on the path that MiniStack runs on (3.10 or newer).
fn find_python() -> Result<String, Error> {
    let mut found = Vec::new();
    for name in ["python3", "python3.14", "python3.13", "python3.12", "python3.11", "python3.10"] {
        let output = Command::new(name)
            .args(["-c", "import sys; print(*sys.version_info[:2])"])
            .stderr(Stdio::null())
            .output();
        let Ok(output) = output else { continue };
        let version = String::from_utf8_lossy(&output.stdout).trim().replace(' ', ".");
        let is_recent = version
            .split_once('.')
            .and_then(|(major, minor)| Some((major.parse::<u32>().ok()?, minor.parse::<u32>().ok()?)))
            .is_some_and(|version| version >= (3, 10));
        if is_recent {
            return Ok(name.to_owned());
        }
        if !version.is_empty() {
            found.push(format!("{name} is {version}"));
        }
    }
    let found = if found.is_empty() {
        "none is installed".to_owned()
    } else {
        found.join(", ")
    };
    Err(Error::new(format!(
        "The local stack needs Python 3.10 or newer ({found}). On Debian and Ubuntu: apt install python3 python3-venv"
    )))
}

/// Takes the lock of a shared directory; two processes must not install or build in it at once.
/// Released when the last copy of the file is closed, also by a kill.
pub(super) fn exclusive(path: &Path, progress: Progress) -> Result<File, Error> {
    let file = File::create(path).context(|| format!("cannot create {}", path.display()))?;
    if file.try_lock().is_err() {
        progress.note("… Waiting for another run that is preparing the same files");
        file.lock().context(|| format!("cannot lock {}", path.display()))?;
    }
    Ok(file)
}

/// A copy of a lock for the standard input of a child. When we are killed, the child may go on, and then still holds the lock.
pub(super) fn inherited(lock: &File) -> Result<Stdio, Error> {
    Ok(lock.try_clone().context(|| "cannot share a lock".to_owned())?.into())
}

/// A fresh log file in `.local/log`.
pub(super) fn log_file(root: &Path, name: &str) -> Result<File, Error> {
    let directory = root.join(".local/log");
    fs::create_dir_all(&directory).context(|| format!("cannot create {}", directory.display()))?;
    let path = directory.join(name);
    File::create(&path).context(|| format!("cannot create {}", path.display()))
}

/// The last lines of a log, for an error message.
pub(super) fn tail(path: &Path, lines: usize) -> String {
    let text = fs::read(path)
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        .unwrap_or_default();
    let all: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    all[all.len().saturating_sub(lines)..].join("\n")
}
