//! Cold start: what happens between the start of a function's process and its first request for an event.
//!
//! Each release binary is started against a Lambda Runtime API that never has an event, beside a hello-world function in the
//! same run: a busy machine slows both, so their ratio says more than either. Instructions, counted by callgrind, say the
//! same on any machine of this instruction set, busy or not.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};
use std::{env, thread};

use super::{Error, Figure, Options, Report, Table, target_directory, workspace_root};

/// Times the cold start of a hello-world function that ours may take.
const MAX_RATIO: f64 = 2.0;
/// Instructions up to the first request for an event.
const MAX_INSTRUCTIONS: f64 = 8e6;
/// Peak resident memory up to that request.
const MAX_RSS_MB: f64 = 25.0;
/// The stripped binary, before Lambda's own compression.
const MAX_SIZE_MB: f64 = 8.0;

const HELLO_WORLD: &str = "hello-world";
const MEGABYTE: f64 = 1024.0 * 1024.0;

/// A start under callgrind is some fifty times slower than a plain one.
const START_TIMEOUT: Duration = Duration::from_secs(60);
/// Callgrind writes its totals after the signal.
const EXIT_TIMEOUT: Duration = Duration::from_secs(20);

/// What a function finds in its environment. Every function gets all of it; it reads what it needs.
///
/// Nothing listens at the endpoints: a function that calls a service before it asks for its first event fails here, and it
/// should, because that call would be paid by every cold start.
const ENVIRONMENT: &[(&str, &str)] = &[
    // What Lambda itself sets.
    ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512"),
    ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
    ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand"),
    ("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/bench"),
    ("AWS_LAMBDA_LOG_STREAM_NAME", "2026/01/01/[$LATEST]0123456789abcdef0123456789abcdef"),
    ("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE"),
    ("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
    ("AWS_SESSION_TOKEN", "bench"),
    ("AWS_REGION", "ap-south-1"),
    ("AWS_DEFAULT_REGION", "ap-south-1"),
    ("LANG", "en_US.UTF-8"),
    ("PATH", "/usr/local/bin:/usr/bin:/bin"),
    ("TZ", ":UTC"),
    // What template.yaml sets.
    ("STAGE", "bench"),
    ("TABLE_NAME", "bench"),
    ("BUCKET_NAME", "bench"),
    ("PLAN_QUEUE_URL", "http://127.0.0.1:9/000000000000/plan"),
    ("EMAIL_QUEUE_URL", "http://127.0.0.1:9/000000000000/email"),
    ("IMPORT_QUEUE_URL", "http://127.0.0.1:9/000000000000/import"),
    ("QUEUE_URLS", "http://127.0.0.1:9/000000000000/plan,http://127.0.0.1:9/000000000000/email"),
    ("SIGNING_SECRET_ARN", "arn:aws:secretsmanager:ap-south-1:000000000000:secret:signing"),
    ("BOOTSTRAP_SECRET_ARN", "arn:aws:secretsmanager:ap-south-1:000000000000:secret:bootstrap"),
    ("BOOTSTRAP_ADMIN_EMAIL", "admin@example.org"),
    ("PUBLIC_BASE_URL", "http://127.0.0.1:9"),
    ("FROM_ADDRESS", "campaigns@example.org"),
    ("ORGANISATION_NAME", "Example"),
    ("SES_CONFIGURATION_SET", "bench"),
    ("SES_MAX_SEND_RATE", "14"),
    ("CORS_ORIGINS", "http://localhost:3000"),
    ("AWS_ENDPOINT_URL", "http://127.0.0.1:9"),
];

/// Measures every function of the template; see the module for how.
///
/// # Errors
/// When the release build fails, or a function does not reach its first request for an event.
pub fn run(options: &Options) -> Result<Report, Error> {
    let functions: Vec<String> = functions()?.into_iter().filter(|name| name.contains(&options.only)).collect();
    if functions.is_empty() {
        return Err(format!("no function's name contains {:?}", options.only).into());
    }
    build()?;

    let runtime_api = RuntimeApi::start()?;
    let output = target_directory().join("bench");
    fs::create_dir_all(&output)?;
    let has_valgrind = Command::new("valgrind")
        .arg("--version")
        .output()
        .is_ok_and(|output| output.status.success());

    let mut report = Report {
        title: format!("Cold start, spawn to first /next, median of {} runs beside {HELLO_WORLD}", options.runs),
        table: Table {
            header: ["function", "ms", "hello ms", "ratio", "M instructions", "RSS MB", "size MB"]
                .map(str::to_owned)
                .into(),
            rows: Vec::new(),
        },
        figures: Vec::new(),
        notes: Vec::new(),
    };
    if !has_valgrind {
        report
            .notes
            .push("instructions were not counted: valgrind is not installed (Debian and Ubuntu: apt install valgrind)".to_owned());
    }

    // The yardstick is measured like the rest, so that the table shows what the runtime alone costs; it has no bars.
    for name in std::iter::once(HELLO_WORLD).chain(functions.iter().map(String::as_str)) {
        eprint!("\r\x1b[K  {name}");
        let figures = measure(name, options.runs, &runtime_api, has_valgrind.then_some(output.as_path()))?;
        report.table.rows.push(figures.row(name));
        report.figures.extend(figures.keyed(name));
    }
    eprint!("\r\x1b[K");
    if report
        .figures
        .iter()
        .any(|figure| figure.key.ends_with(".instructions") && figure.is_missed())
    {
        report.notes.push(format!(
            "where the instructions go: callgrind_annotate {}/<function>.callgrind\n\
             (CARGO_PROFILE_RELEASE_STRIP=none before `make bench` rebuilds with the names of our own functions; sizes then include symbols)",
            output.display()
        ));
    }
    Ok(report)
}

/// The figures of one binary.
struct Figures {
    ms: f64,
    hello_ms: f64,
    instructions: Option<f64>,
    rss_mb: f64,
    size_mb: f64,
}

impl Figures {
    fn row(&self, name: &str) -> Vec<String> {
        vec![
            name.to_owned(),
            format!("{:.1}", self.ms),
            format!("{:.1}", self.hello_ms),
            format!("{:.2}", self.ms / self.hello_ms),
            self.instructions.map_or_else(|| "-".to_owned(), |count| format!("{:.2}", count / 1e6)),
            format!("{:.1}", self.rss_mb),
            format!("{:.2}", self.size_mb),
        ]
    }

    fn keyed(&self, name: &str) -> Vec<Figure> {
        let key = |unit: &str| format!("cold_start.{name}.{unit}");
        let mut figures = vec![
            Figure::at_most(MAX_RATIO * self.hello_ms, key("ms"), self.ms),
            Figure::new(key("hello_ms"), self.hello_ms),
            Figure::at_most(MAX_RSS_MB, key("rss_mb"), self.rss_mb),
            Figure::at_most(MAX_SIZE_MB, key("size_mb"), self.size_mb),
        ];
        figures.extend(
            self.instructions
                .map(|count| Figure::at_most(MAX_INSTRUCTIONS, key("instructions"), count)),
        );
        if name == HELLO_WORLD {
            figures.iter_mut().for_each(|figure| figure.bar = None);
        }
        figures
    }
}

fn measure(name: &str, runs: usize, runtime_api: &RuntimeApi, callgrind: Option<&Path>) -> Result<Figures, Error> {
    let binary = binary(name);
    let hello = self::binary(HELLO_WORLD);
    // The first start of each reads the binary from disk; Lambda's image is as warm as a page cache can be.
    runtime_api.cold_start(HELLO_WORLD, &mut Command::new(&hello))?;
    runtime_api.cold_start(name, &mut Command::new(&binary))?;

    let (mut times, mut hello_times, mut rss_mb) = (Vec::new(), Vec::new(), 0.0_f64);
    for _ in 0..runs {
        let started = runtime_api.cold_start(name, &mut Command::new(&binary))?;
        times.push(started.elapsed.as_secs_f64() * 1e3);
        rss_mb = rss_mb.max(started.rss_mb);
        hello_times.push(runtime_api.cold_start(HELLO_WORLD, &mut Command::new(&hello))?.elapsed.as_secs_f64() * 1e3);
    }
    Ok(Figures {
        ms: median(times),
        hello_ms: median(hello_times),
        instructions: callgrind.map(|output| instructions(name, runtime_api, output)).transpose()?,
        rss_mb,
        size_mb: fs::metadata(&binary)?.len() as f64 / MEGABYTE,
    })
}

/// Counts what the process executes, its dynamic linking included, until it waits for the first event.
fn instructions(name: &str, runtime_api: &RuntimeApi, output: &Path) -> Result<f64, Error> {
    let profile = output.join(format!("{name}.callgrind"));
    let mut command = Command::new("valgrind");
    command
        .arg("--tool=callgrind")
        .arg(option("--callgrind-out-file=", &profile))
        .arg(binary(name));
    // A signal the function does not handle ends it under valgrind as it would without; the totals are written on the way out.
    let mut started = runtime_api.start_function(name, &mut command)?;
    started.process.terminate()?;

    let profile = BufReader::new(File::open(&profile).map_err(|error| format!("callgrind left no profile of {name}: {error}"))?);
    for line in profile.lines() {
        if let Some(totals) = line?.strip_prefix("totals: ") {
            return Ok(totals.trim().parse()?);
        }
    }
    Err(format!("callgrind's profile of {name} has no totals").into())
}

fn option(name: &str, path: &Path) -> std::ffi::OsString {
    let mut option = std::ffi::OsString::from(name);
    option.push::<&OsStr>(path.as_os_str());
    option
}

/// A Lambda Runtime API without events. Clients of `/next` wait until they are killed.
struct RuntimeApi {
    address: SocketAddr,
    requests: Receiver<Arrival>,
}

/// A request to the Runtime API, timed when its first line was read.
struct Arrival {
    at: Instant,
    line: String,
    /// Open for as long as the function should wait.
    connection: TcpStream,
}

impl RuntimeApi {
    /// A thread that blocks in `accept` notices a connection at once, which a polling or shared executor would not.
    fn start() -> Result<Self, Error> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let address = listener.local_addr()?;
        let (sender, requests) = mpsc::channel();
        thread::spawn(move || {
            for connection in listener.incoming().map_while(Result::ok) {
                let mut line = String::new();
                // A function makes one request and waits for its answer, so what the reader may read ahead is never missed.
                let read = BufReader::new(&connection).read_line(&mut line);
                let arrival = Arrival {
                    at: Instant::now(),
                    line: line.trim_end().to_owned(),
                    connection,
                };
                if read.is_ok() && sender.send(arrival).is_err() {
                    break;
                }
            }
        });
        Ok(Self { address, requests })
    }

    /// Starts a function, waits for its first request for an event, and kills it.
    fn cold_start(&self, name: &str, command: &mut Command) -> Result<ColdStart, Error> {
        let started = self.start_function(name, command)?;
        Ok(ColdStart {
            elapsed: started.elapsed,
            rss_mb: peak_rss_mb(started.process.0.id())?,
        })
    }

    fn start_function(&self, name: &str, command: &mut Command) -> Result<Started, Error> {
        let log = target_directory().join("bench").join(format!("{name}.log"));
        command
            .env_clear()
            .envs(ENVIRONMENT.iter().copied())
            .env("AWS_LAMBDA_RUNTIME_API", self.address.to_string())
            .env("AWS_LAMBDA_FUNCTION_NAME", name)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&log)?);
        let spawned = Instant::now();
        let mut process = Process(command.spawn().map_err(|error| format!("cannot start {name}: {error}"))?);
        let failed = |what: &str| {
            let log = fs::read_to_string(&log).unwrap_or_default();
            Error::from(format!("{name} {what} instead of asking for its first event. It wrote:\n{log}"))
        };
        loop {
            match self.requests.recv_timeout(Duration::from_millis(100)) {
                Ok(Arrival { at, line, connection }) if line.starts_with("GET /2018-06-01/runtime/invocation/next ") => {
                    return Ok(Started {
                        elapsed: at.duration_since(spawned),
                        process,
                        _connection: connection,
                    });
                }
                Ok(Arrival { line, mut connection, .. }) => {
                    // Answered, so that the function can go on to print why it failed.
                    let _ = connection.write_all(b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
                    let _ = process.wait(Duration::from_secs(1));
                    return Err(failed(&format!("called {line:?}")));
                }
                Err(RecvTimeoutError::Disconnected) => return Err("the Runtime API stopped accepting connections".into()),
                Err(RecvTimeoutError::Timeout) => {
                    if let Some(status) = process.0.try_wait()? {
                        return Err(failed(&format!("ended ({status})")));
                    }
                    if spawned.elapsed() > START_TIMEOUT {
                        return Err(failed(&format!("waited {} s", START_TIMEOUT.as_secs())));
                    }
                }
            }
        }
    }
}

/// A function that waits for its first event.
struct Started {
    elapsed: Duration,
    process: Process,
    _connection: TcpStream,
}

struct ColdStart {
    elapsed: Duration,
    rss_mb: f64,
}

/// A child process that does not outlive its owner.
struct Process(Child);

impl Process {
    /// Asks the process to end, as Lambda would, and waits until it did.
    fn terminate(&mut self) -> Result<(), Error> {
        Command::new("kill").args(["-TERM", &self.0.id().to_string()]).status()?;
        self.wait(EXIT_TIMEOUT)
    }

    fn wait(&mut self, timeout: Duration) -> Result<(), Error> {
        let deadline = Instant::now() + timeout;
        while self.0.try_wait()?.is_none() {
            if Instant::now() > deadline {
                return Err(format!("process {} did not end within {} s", self.0.id(), timeout.as_secs()).into());
            }
            thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The kernel's own high-water mark of the process' resident memory.
fn peak_rss_mb(process: u32) -> Result<f64, Error> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let kilobytes = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB"));
    Ok(kilobytes.ok_or("the kernel does not report VmHWM")?.trim().parse::<f64>()? / 1024.0)
}

/// The functions of the template: what lies below `target/lambda/` in each `CodeUri`.
fn functions() -> Result<Vec<String>, Error> {
    let template = fs::read_to_string(workspace_root().join("template.yaml"))?;
    let name = |line: &str| Some(line.trim().strip_prefix("CodeUri: target/lambda/")?.trim_end_matches('/').to_owned());
    Ok(template.lines().filter_map(name).collect())
}

fn binary(name: &str) -> PathBuf {
    target_directory().join("release").join(name)
}

/// Builds what `make deploy` builds, for this machine: the simulators' package left out, because its dependencies would switch
/// on features that no deployed function has.
fn build() -> Result<(), Error> {
    let mut command = Command::new("cargo");
    command
        .args(["build", "--release", "--workspace", "--exclude", "tests", "--bins"])
        .current_dir(workspace_root());
    // Inside `cargo run` these describe this package. Build scripts watch some of them, and would run again.
    for (name, _) in env::vars_os() {
        let name = name.to_string_lossy();
        if name == "CARGO"
            || ["CARGO_PKG_", "CARGO_BIN_", "CARGO_MANIFEST_"]
                .iter()
                .any(|prefix| name.starts_with(prefix))
        {
            command.env_remove(&*name);
        }
    }
    if command.status()?.success() {
        Ok(())
    } else {
        Err("the release build failed: see cargo's messages above".into())
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len() % 2 == 1 {
        values[middle]
    } else {
        f64::midpoint(values[middle - 1], values[middle])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_an_even_number_lies_between_the_middle_two() {
        assert_eq!(median(vec![4.0, 1.0, 3.0]), 3.0);
        assert_eq!(median(vec![4.0, 1.0, 3.0, 2.0]), 2.5);
    }

    #[test]
    fn every_function_of_the_template_is_measured() {
        let template = fs::read_to_string(workspace_root().join("template.yaml")).unwrap();
        let declared = template.matches("Type: AWS::Serverless::Function\n").count();
        assert_eq!(functions().unwrap().len(), declared);
    }
}
