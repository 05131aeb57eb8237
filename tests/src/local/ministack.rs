//! The MiniStack process: started under a watchdog, so that it never outlives the program that wanted it.

use std::fs;
use std::io::ErrorKind;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::error::{Context as _, Error};
use super::tools::{self, Tools};

/// The account everything runs in. MiniStack takes a 12-digit access key for an account number.
pub(super) const ACCOUNT: &str = "000000000000";
/// The region everything runs in, as in `samconfig.toml`.
pub(super) const REGION: &str = "ap-south-1";

/// A port of this machine, given or picked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PortChoice {
    /// This one. It is an error when another program has it.
    Fixed(u16),
    /// Any free one.
    Free,
}

impl PortChoice {
    /// The port to use, taken until the listener is dropped, so that no two choices of a free one are the same. `name` is what the
    /// person sets to choose another one (`API_PORT`).
    pub(super) fn resolve(self, purpose: &str, name: &str) -> Result<(u16, TcpListener), Error> {
        let wanted = match self {
            Self::Fixed(port) => port,
            Self::Free => 0,
        };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, wanted)).map_err(|error| {
            Error::new(match error.kind() {
                ErrorKind::AddrInUse => format!(
                    "Port {wanted}, meant for {purpose}, is taken by another program. Stop that program, or choose another port: {name}={} make local",
                    wanted.saturating_add(10)
                ),
                _ => format!("Port {wanted}, meant for {purpose}, cannot be opened ({error}). Choose another: {name}=<port> make local"),
            })
        })?;
        let port = listener.local_addr().context(|| "cannot read the port".to_owned())?.port();
        Ok((port, listener))
    }
}

/// A running MiniStack. Dropping it stops it, its functions included, and removes its files.
#[derive(Debug)]
pub(super) struct MiniStack {
    watchdog: Child,
    port: u16,
}

impl MiniStack {
    /// Starts MiniStack on `port` and waits until it answers.
    ///
    /// `work_dir` holds its pid file and its temporary files; `log` gets what it and the functions print.
    pub(super) fn start(tools: &Tools, port: u16, work_dir: &Path, log: fs::File, log_path: &Path) -> Result<Self, Error> {
        let endpoint = format!("http://localhost:{port}");
        let temporary = work_dir.join("tmp");
        fs::create_dir_all(&temporary).context(|| format!("cannot create {}", temporary.display()))?;
        let mut command = Command::new(tools.python());
        command
            .args(["-c", include_str!("watchdog.py")])
            .arg(pid_file(work_dir))
            .arg(&temporary)
            .stdin(Stdio::piped())
            .stdout(log.try_clone().context(|| "cannot write the log of MiniStack".to_owned())?)
            .stderr(log)
            .env("GATEWAY_PORT", port.to_string())
            .env("BIND_HOST", "127.0.0.1")
            .env("MINISTACK_REGION", REGION)
            // Functions inherit this: it is where their SDK clients call back to.
            .env("AWS_ENDPOINT_URL", &endpoint)
            // Functions are unpacked here, so that everything goes away with the stack.
            .env("TMPDIR", &temporary)
            // A listener on a fixed port that nothing here uses.
            .env("IOT_MTLS_ENABLED", "0")
            .env("PERSIST_STATE", "0");
        isolate_from_aws(&mut command);
        // Only its own functions' settings belong in them, not the shell's.
        for name in [
            "AWS_LAMBDA_RUNTIME_API",
            "RUST_LOG",
            "LOCALSTACK_HOSTNAME",
            "MINISTACK_HOST",
            "EDGE_PORT",
            "USE_SSL",
            "SERVICES",
        ] {
            command.env_remove(name);
        }
        // A group of its own keeps Ctrl-C in the terminal from killing it before we say so.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let watchdog = command.spawn().context(|| "cannot start MiniStack".to_owned())?;
        let mut ministack = Self { watchdog, port };
        ministack.wait_until_ready(log_path)?;
        Ok(ministack)
    }

    fn wait_until_ready(&mut self, log_path: &Path) -> Result<(), Error> {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            if let Ok(Some(status)) = self.watchdog.try_wait() {
                return Err(Error::new(format!(
                    "MiniStack stopped right after its start ({status}). Its log, {}, ends:\n{}",
                    log_path.display(),
                    tools::tail(log_path, 12)
                )));
            }
            if self.answers() {
                return Ok(());
            }
            if Instant::now() > deadline {
                return Err(Error::new(format!(
                    "MiniStack did not answer within a minute: see {}",
                    log_path.display()
                )));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Whether its health page answers: a connection alone could be another program's.
    fn answers(&self) -> bool {
        use std::io::{Read as _, Write as _};
        let attempt = || -> std::io::Result<bool> {
            let mut connection = std::net::TcpStream::connect((Ipv4Addr::LOCALHOST, self.port))?;
            connection.set_read_timeout(Some(Duration::from_secs(2)))?;
            connection.write_all(b"GET /_ministack/health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
            let mut answer = [0; 12];
            connection.read_exact(&mut answer)?;
            Ok(&answer[9..] == b"200")
        };
        attempt().unwrap_or(false)
    }
}

impl Drop for MiniStack {
    fn drop(&mut self) {
        // The end of its input tells the watchdog to stop MiniStack.
        drop(self.watchdog.stdin.take());
        let deadline = Instant::now() + Duration::from_secs(10);
        while matches!(self.watchdog.try_wait(), Ok(None)) {
            if Instant::now() > deadline {
                let _ = self.watchdog.kill();
                let _ = self.watchdog.wait();
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

/// Kills a MiniStack that an earlier run left in this directory. That takes someone killing the watchdog as well.
pub(super) fn kill_stale(work_dir: &Path) {
    let file = pid_file(work_dir);
    let Some(pid) = fs::read_to_string(&file).ok().and_then(|text| text.trim().parse::<u32>().ok()) else {
        return;
    };
    let command_line = Command::new("ps").args(["-o", "args=", "-p", &pid.to_string()]).output();
    let is_ours = command_line.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).contains("ministack"));
    if is_ours {
        // MiniStack leads its own process group, and its functions are in it.
        let _ = Command::new("kill").args(["-KILL", "--", &format!("-{pid}")]).status();
        std::thread::sleep(Duration::from_millis(200));
    }
    let _ = fs::remove_file(file);
    let _ = fs::remove_dir_all(work_dir.join("tmp"));
}

fn pid_file(work_dir: &Path) -> PathBuf {
    work_dir.join("ministack.pid")
}

/// Sets test credentials and hides the person's own AWS configuration: nothing started here can reach a real account.
pub(super) fn isolate_from_aws(command: &mut Command) {
    command
        .env("AWS_ACCESS_KEY_ID", ACCOUNT)
        .env("AWS_SECRET_ACCESS_KEY", "test")
        .env("AWS_REGION", REGION)
        .env("AWS_DEFAULT_REGION", REGION)
        .env("AWS_CONFIG_FILE", "/dev/null")
        .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
        .env("NO_PROXY", "localhost,127.0.0.1")
        .env("no_proxy", "localhost,127.0.0.1")
        .env("PYTHONUNBUFFERED", "1");
    for name in [
        "AWS_PROFILE",
        "AWS_DEFAULT_PROFILE",
        "AWS_SESSION_TOKEN",
        "AWS_ROLE_ARN",
        "AWS_WEB_IDENTITY_TOKEN_FILE",
        "AWS_USE_FIPS_ENDPOINT",
    ] {
        command.env_remove(name);
    }
}
