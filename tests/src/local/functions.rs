//! The function binaries: built once for the whole workspace, stripped, and packed for deployment.

use std::env;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::SystemTime;

use super::error::{Context as _, Error};
use super::progress::Progress;
use super::template::Template;
use super::tools::{self, Tools};

/// Builds every function of the template, and leaves it in `target/lambda/<name>/bootstrap` (what the template's
/// `CodeUri` names) and `target/lambda/<name>.zip` (what the local deployment uploads).
///
/// Nothing that is up to date is touched: a second call costs one `cargo build` that finds everything fresh.
pub(super) fn build(root: &Path, template: &Template, tools: &Tools, progress: Progress) -> Result<(), Error> {
    cargo_build(root, progress)?;

    let destination = root.join("target/lambda");
    fs::create_dir_all(&destination).context(|| format!("cannot create {}", destination.display()))?;
    let lock = tools::exclusive(&destination.join(".lock"), progress)?;
    let binaries = target_directory(root).join("debug");

    let mut stale = Vec::new();
    for name in template.functions() {
        let binary = binaries.join(name);
        let built = modified(&binary).ok_or_else(|| {
            Error::new(format!(
                "template.yaml has a function with CodeUri target/lambda/{name}/, but no crate under functions/ has a binary named {name}"
            ))
        })?;
        let bootstrap = destination.join(name).join("bootstrap");
        let archive = destination.join(format!("{name}.zip"));
        // Both carry the time of the binary they were made from. Equal, not newer: the binary may come from another target directory.
        if modified(&bootstrap) != Some(built) || modified(&archive) != Some(built) {
            stale.push((binary, built, bootstrap, archive));
        }
    }
    if stale.is_empty() {
        return Ok(());
    }

    let step = progress.step("Packing functions");
    step.set_total(2 * stale.len() as u64);
    step.set_detail("stripping");
    let next = AtomicUsize::new(0);
    let failure = Mutex::new(None);
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(|| {
                while let Some((binary, built, bootstrap, _)) = stale.get(next.fetch_add(1, Ordering::Relaxed)) {
                    match strip(binary, *built, bootstrap) {
                        Ok(()) => step.advance(),
                        Err(error) => {
                            if let Ok(mut failure) = failure.lock() {
                                *failure = Some(error);
                            }
                        }
                    }
                }
            });
        }
    });
    if let Some(error) = failure.into_inner().ok().flatten() {
        return Err(error);
    }

    step.set_detail("compressing");
    let mut packer = Command::new(tools.python())
        .args(["-c", include_str!("pack.py")])
        .args(stale.iter().flat_map(|(_, _, bootstrap, archive)| [bootstrap, archive]))
        .stdin(tools::inherited(&lock)?)
        .stdout(Stdio::piped())
        .spawn()
        .context(|| "cannot run Python to pack the functions".to_owned())?;
    if let Some(output) = packer.stdout.take() {
        for _ in BufReader::new(output).lines().map_while(Result::ok) {
            step.advance();
        }
    }
    let status = packer.wait().context(|| "packing the functions".to_owned())?;
    if !status.success() {
        return Err(Error::new("the functions could not be packed: is the disk full?"));
    }
    let packed = stale.len();
    step.done(&format!("{packed} of {}", template.functions().len()));
    Ok(())
}

/// One build for everything, from the workspace root and in the development profile: feature unification then yields
/// the very artefacts that `cargo test` built, and nothing is compiled twice.
fn cargo_build(root: &Path, progress: Progress) -> Result<(), Error> {
    let mut command = Command::new("cargo");
    command.args(["build", "--workspace", "--bins"]).current_dir(root).stdin(Stdio::null());
    // Inside `cargo run` or a test these describe this package. Build scripts watch some of them, and would run again.
    for (name, _) in env::vars_os() {
        let name = name.to_string_lossy();
        let describes_this_package = ["CARGO_PKG_", "CARGO_BIN_", "CARGO_MANIFEST_"]
            .iter()
            .any(|prefix| name.starts_with(prefix))
            || matches!(&*name, "CARGO" | "CARGO_CRATE_NAME" | "CARGO_PRIMARY_PACKAGE" | "OUT_DIR");
        if describes_this_package {
            command.env_remove(&*name);
        }
    }
    let missing = |_| Error::new("cargo was not found. Install Rust from https://rustup.rs; rust-toolchain.toml then picks the version");
    if progress == Progress::Silent {
        let output = command.output().map_err(missing)?;
        if output.status.success() {
            return Ok(());
        }
        return Err(Error::new(format!("cargo build failed:\n{}", String::from_utf8_lossy(&output.stderr))));
    }
    // Cargo draws a better bar than we could, so it gets the terminal.
    progress.note("… Building all functions once (minutes the first time, a second or two later)");
    let status = command.status().map_err(missing)?;
    if status.success() {
        Ok(())
    } else {
        Err(Error::new("cargo build failed: see its messages above"))
    }
}

/// Copies a binary without its symbols: a tenth of the size to pack, upload and start. Without `strip` on the machine, a plain copy.
fn strip(binary: &Path, built: SystemTime, bootstrap: &Path) -> Result<(), Error> {
    let attempt = || format!("cannot write {}", bootstrap.display());
    if let Some(directory) = bootstrap.parent() {
        fs::create_dir_all(directory).context(attempt)?;
    }
    let partial = bootstrap.with_extension("partial");
    let is_stripped = Command::new("strip")
        .arg("-o")
        .arg(&partial)
        .arg(binary)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if !is_stripped {
        fs::copy(binary, &partial).context(attempt)?;
    }
    File::options()
        .write(true)
        .open(&partial)
        .and_then(|file| file.set_modified(built))
        .context(attempt)?;
    fs::rename(&partial, bootstrap).context(attempt)
}

fn modified(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).and_then(|metadata| metadata.modified()).ok()
}

/// Where cargo puts what it builds.
fn target_directory(root: &Path) -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), |directory| root.join(directory))
}
