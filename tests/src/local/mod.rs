//! The whole product on one machine, without Docker: MiniStack in place of AWS, simulators in place of SES and of Meta's
//! WhatsApp, the real `template.yaml` deployed by the real SAM CLI, and a gateway that gives its HTTP API a plain address.
//!
//! [`prepare`] installs the tools and builds the functions; [`LocalStack::start`] brings a stack up, and dropping it takes
//! everything down again, also when the process is killed. Stacks are independent: tests run one each, on free ports.
//!
//! ```no_run
//! # async fn example() -> Result<(), tests::local::Error> {
//! use tests::local::{LocalStack, Options, prepare};
//! let options = Options::for_test("a campaign end to end");
//! prepare(&options)?;
//! let stack = LocalStack::start(options).await?;
//! println!("{} {}", stack.api_url(), stack.admin_password());
//! # Ok(())
//! # }
//! ```

mod aws;
mod deploy;
mod environment;
mod error;
mod functions;
mod gateway;
mod mappings;
mod ministack;
mod progress;
mod routes;
mod template;
mod tools;
mod verification;
mod whatsapp;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use runtime::{App, Config};
use tokio::runtime::Runtime;

pub use error::Error;
pub use ministack::PortChoice;
pub use progress::{Progress, Step};
pub use whatsapp::TEMPLATE;

use crate::cashfree_simulator::CashfreeSimulator;
use crate::meta_simulator::{MetaSimulator, MetaSimulatorOptions};
use crate::ses_simulator::{EventTopic, SesSimulator, SesSimulatorOptions};
use aws::Aws;
use deploy::{Deployment, Stack};
use error::Context as _;
use gateway::Gateway;
use ministack::{ACCOUNT, MiniStack, REGION};
use template::Template;
use tools::Tools;

/// Login of the administrator every local stack starts with.
pub const ADMIN_EMAIL: &str = "admin@example.org";

/// How a local stack starts.
#[derive(Clone, Debug)]
pub struct Options {
    /// The work tree: where `template.yaml` and `.local` are.
    pub root: PathBuf,
    /// Files of this stack while it runs; one directory per running stack.
    pub work_dir: PathBuf,
    /// Where its logs go.
    pub log_dir: PathBuf,
    /// Port of MiniStack, the AWS endpoint.
    pub ministack_port: PortChoice,
    /// Port of the gateway, the address of the API.
    pub gateway_port: PortChoice,
    /// Port of the SES simulator and its inbox page.
    pub simulator_port: PortChoice,
    /// Port of the WhatsApp simulator and its page of conversations.
    pub whatsapp_port: PortChoice,
    /// Name of the CloudFormation stack, and with it the prefix of its functions' names.
    pub stack_name: String,
    /// Messages a second the stack may send.
    pub send_rate: u32,
    /// More template parameters, by name. They win over `samconfig.toml` and over what the local stack sets.
    pub parameters: Vec<(String, String)>,
    /// How the SES simulator behaves. Its port is `simulator_port`, its event topic the stack's, its sending rate `send_rate`.
    pub simulator: SesSimulatorOptions,
    /// How the WhatsApp simulator behaves. Its port is `whatsapp_port`, and its callback URL the stack's.
    pub whatsapp: MetaSimulatorOptions,
    /// Where to write [`LocalStack::environment`] while the stack runs.
    pub environment_file: Option<PathBuf>,
    /// What a person sees meanwhile.
    pub progress: Progress,
}

impl Options {
    /// The stack of `make local`: everything in `.local`, the ports a person can remember.
    pub fn for_person() -> Self {
        let root = work_tree();
        let local = root.join(".local");
        Self {
            work_dir: local.join("run"),
            log_dir: local.join("log"),
            environment_file: Some(local.join("env")),
            root,
            ministack_port: PortChoice::Fixed(4566),
            gateway_port: PortChoice::Fixed(8080),
            simulator_port: PortChoice::Fixed(8025),
            whatsapp_port: PortChoice::Fixed(8026),
            stack_name: "msme-local".to_owned(),
            send_rate: 200,
            parameters: Vec::new(),
            simulator: SesSimulatorOptions::default(),
            whatsapp: MetaSimulatorOptions::default(),
            progress: Progress::for_terminal(),
        }
    }

    /// A stack of its own for one test, silent, on free ports. `name` labels its logs in `target/local-stacks`.
    pub fn for_test(name: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let label: String = name
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' })
            .collect();
        let unique = format!("{label}-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let root = work_tree();
        let directory = root.join("target/local-stacks").join(unique);
        Self {
            work_dir: directory.clone(),
            log_dir: directory,
            ministack_port: PortChoice::Free,
            gateway_port: PortChoice::Free,
            simulator_port: PortChoice::Free,
            whatsapp_port: PortChoice::Free,
            environment_file: None,
            progress: Progress::Silent,
            root,
            ..Self::for_person()
        }
    }
}

/// The root of this work tree.
fn work_tree() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.parent().unwrap_or(package).to_path_buf()
}

/// Installs the pinned tools into `.local/venv` and builds, strips and packs every function. Does nothing that is done already.
pub fn prepare(options: &Options) -> Result<(), Error> {
    let tools = Tools::install(&options.root, options.progress)?;
    let template = Template::read(&options.root)?;
    functions::build(&options.root, &template, &tools, options.progress)
}

/// A deployed, running stack. Dropping it stops it.
#[derive(Debug)]
pub struct LocalStack {
    simulator: Option<SesSimulator>,
    whatsapp: Option<MetaSimulator>,
    verification: Option<CashfreeSimulator>,
    ministack: Option<MiniStack>,
    /// The gateway and the simulators run here, not on the caller's runtime: a stack that several tests share outlives the
    /// runtime of the test that started it.
    runtime: Option<Runtime>,
    api_url: String,
    inbox_url: String,
    aws_endpoint: String,
    admin_password: String,
    outputs: BTreeMap<String, String>,
    function_environment: BTreeMap<String, String>,
    environment_file: Option<PathBuf>,
    /// Held while the stack runs: a second one in the same directory would take the first for a leftover.
    _lock: fs::File,
}

impl LocalStack {
    /// Starts a stack from what [`prepare`] left, and returns when its API answers.
    pub async fn start(options: Options) -> Result<Self, Error> {
        tokio::task::spawn_blocking(move || Self::start_blocking(&options))
            .await
            .context(|| "starting the local stack".to_owned())?
    }

    /// [`start`](Self::start) for a caller without a runtime.
    pub fn start_blocking(options: &Options) -> Result<Self, Error> {
        let progress = options.progress;
        for directory in [&options.work_dir, &options.log_dir] {
            fs::create_dir_all(directory).context(|| format!("cannot create {}", directory.display()))?;
        }
        let lock = lock_directory(&options.work_dir)?;
        // What it says is about a stack that no longer runs.
        if let Some(file) = &options.environment_file {
            let _ = fs::remove_file(file);
        }
        ministack::kill_stale(&options.work_dir);
        let tools = Tools::install(&options.root, progress)?;
        let template = Template::read(&options.root)?;
        // All four are named before the first is used, and held until then.
        let (ministack_port, ministack_held) = options.ministack_port.resolve("MiniStack", "MINISTACK_PORT")?;
        let (gateway_port, gateway_held) = options.gateway_port.resolve("the API", "API_PORT")?;
        let (simulator_port, simulator_held) = options.simulator_port.resolve("the inbox", "INBOX_PORT")?;
        let (whatsapp_port, whatsapp_held) = options.whatsapp_port.resolve("the WhatsApp conversations", "WHATSAPP_PORT")?;
        drop([ministack_held, gateway_held, simulator_held, whatsapp_held]);
        let aws_endpoint = format!("http://localhost:{ministack_port}");
        let api_url = format!("http://localhost:{gateway_port}");

        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("local-stack")
            .enable_all()
            .build()
            .context(|| "cannot start a runtime".to_owned())?;
        // From here on, an early return drops this and so takes everything down.
        let mut stack = Self {
            simulator: None,
            whatsapp: None,
            verification: None,
            ministack: None,
            runtime: None,
            inbox_url: String::new(),
            admin_password: String::new(),
            outputs: BTreeMap::new(),
            function_environment: BTreeMap::new(),
            environment_file: options.environment_file.clone(),
            _lock: lock,
            api_url,
            aws_endpoint,
        };
        let runtime = stack.runtime.insert(runtime);

        let gateway = runtime.block_on(Gateway::serve(gateway_port, stack.aws_endpoint.clone()))?;
        let simulator_options = SesSimulatorOptions {
            port: simulator_port,
            max_send_rate: f64::from(options.send_rate),
            ..options.simulator.clone()
        };
        let simulator = runtime
            .block_on(SesSimulator::start(simulator_options))
            .context(|| "cannot start the SES simulator".to_owned())?;
        // The template takes no address with a path, and this one has none.
        stack.inbox_url = simulator.url();
        let simulator = stack.simulator.insert(simulator);
        let whatsapp = runtime.block_on(whatsapp::start(options.whatsapp.clone(), whatsapp_port, &stack.api_url))?;
        let whatsapp = stack.whatsapp.insert(whatsapp);
        let verification = stack.verification.insert(runtime.block_on(verification::start())?);

        let step = progress.step("Starting MiniStack");
        let log_path = options.log_dir.join("ministack.log");
        let log = fs::File::create(&log_path).context(|| format!("cannot create {}", log_path.display()))?;
        stack.ministack = Some(MiniStack::start(&tools, ministack_port, &options.work_dir, log, &log_path)?);
        step.done(&format!("port {ministack_port}"));

        let step = progress.step("Deploying template.yaml");
        let aws = Aws::new(&stack.aws_endpoint)?;
        runtime.block_on(aws.create_bucket(deploy::BUCKET))?;
        let architecture = if cfg!(target_arch = "aarch64") { "arm64" } else { "x86_64" };
        let mut parameters: Vec<(String, String)> = [
            ("Stage", "local"),
            ("Architecture", architecture),
            ("BootstrapAdminEmail", ADMIN_EMAIL),
            ("AllowedOrigins", &format!("http://localhost:3000,{}", stack.api_url)),
            ("PublicBaseUrl", &stack.api_url),
            ("SesEndpointUrl", &stack.inbox_url),
            ("SesMaxSendRate", &options.send_rate.to_string()),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
        parameters.extend_from_slice(&options.parameters);
        let deployment = Deployment {
            root: &options.root,
            work_dir: &options.work_dir,
            log_path: &options.log_dir.join("sam-deploy.log"),
            endpoint: &stack.aws_endpoint,
            stack_name: &options.stack_name,
            parameters: &parameters,
        };
        deployment.run(&tools, &template, &step)?;
        let deployed = runtime.block_on(Stack::describe(&aws, &options.stack_name))?;
        runtime.block_on(mappings::repair(&aws))?;
        step.done(&format!("{} resources", deployed.resources.len()));

        let step = progress.step("Wiring the HTTP routes");
        let (api_id, routes) = runtime.block_on(routes::wire(&aws, &options.stack_name, &deployed))?;
        gateway.set_api(api_id);
        simulator.set_event_topic(EventTopic::new(&stack.aws_endpoint, deployed.output("EventsTopicArn")?));
        step.done(&format!("{routes} routes"));

        let step = progress.step("Waiting for the API");
        stack.admin_password = runtime.block_on(environment::secret_password(&aws, deployed.output("BootstrapSecretArn")?))?;
        stack.function_environment = runtime.block_on(environment::of_functions(&aws))?;
        runtime.block_on(wait_until_healthy(&stack.api_url))?;
        step.done("");

        let step = progress.step("Connecting WhatsApp");
        runtime.block_on(whatsapp::connect(whatsapp, &aws, deployed.output("WhatsappSecretArn")?, &stack.api_url))?;
        step.done("Meta has verified the webhook");
        runtime.block_on(verification::connect(verification, &aws, deployed.output("VerificationSecretArn")?))?;
        stack.outputs = deployed.outputs;
        if let Some(file) = &options.environment_file {
            environment::write(file, &stack.environment())?;
        }
        Ok(stack)
    }

    /// Address of the API, without a trailing slash: what clients call and what links in messages begin with.
    pub fn api_url(&self) -> &str {
        &self.api_url
    }

    /// Address of the API's documentation page.
    pub fn docs_url(&self) -> String {
        format!("{}/docs", self.api_url)
    }

    /// Address of the page that shows every message the stack sent.
    pub fn inbox_url(&self) -> &str {
        &self.inbox_url
    }

    /// Login of the bootstrap administrator.
    pub fn admin_email(&self) -> &str {
        ADMIN_EMAIL
    }

    /// Initial password of the bootstrap administrator, as generated by the template's secret.
    pub fn admin_password(&self) -> &str {
        &self.admin_password
    }

    /// Address of MiniStack, for an SDK client with any credentials.
    pub fn aws_endpoint(&self) -> &str {
        &self.aws_endpoint
    }

    /// The SES simulator: its messages, its faults.
    ///
    /// # Panics
    ///
    /// Never: only [`stop`](Self::stop) takes the simulator away, and that consumes the stack.
    pub fn simulator(&self) -> &SesSimulator {
        self.simulator.as_ref().expect("a started stack has a simulator")
    }

    /// The simulator of Meta's WhatsApp: its conversations, its faults.
    ///
    /// # Panics
    ///
    /// Never: only [`stop`](Self::stop) takes the simulator away, and that consumes the stack.
    pub fn whatsapp(&self) -> &MetaSimulator {
        self.whatsapp.as_ref().expect("a started stack has a WhatsApp simulator")
    }

    /// The simulator of the provider of verifications: its register, its faults.
    ///
    /// # Panics
    ///
    /// Never: a stack has it as long as it runs.
    pub fn verification(&self) -> &CashfreeSimulator {
        self.verification.as_ref().expect("a started stack has a simulator of verifications")
    }

    /// Address of the page of WhatsApp conversations, where one can answer as the vendor.
    pub fn conversations_url(&self) -> String {
        self.whatsapp().url()
    }

    /// Keeps the events of SES back: messages go out, and nobody hears what becomes of them until
    /// [`release_ses_events`](Self::release_ses_events).
    pub fn hold_ses_events(&self) {
        // Port 1 refuses at once, and the simulator tries until its topic has answered.
        self.simulator()
            .set_event_topic(EventTopic::new("http://127.0.0.1:1", self.event_topic()));
    }

    /// Lets the events of SES come, those held back first.
    pub fn release_ses_events(&self) {
        self.simulator().set_event_topic(EventTopic::new(&self.aws_endpoint, self.event_topic()));
    }

    fn event_topic(&self) -> &str {
        self.outputs.get("EventsTopicArn").map_or("", String::as_str)
    }

    /// The outputs of the template, by name.
    pub fn outputs(&self) -> &BTreeMap<String, String> {
        &self.outputs
    }

    /// What `.local/env` says: addresses and the administrator first, then what a function needs to run outside MiniStack.
    pub fn environment(&self) -> Vec<(String, String)> {
        let mut variables: Vec<(String, String)> = [
            ("API_URL", self.api_url.as_str()),
            ("DOCS_URL", &self.docs_url()),
            ("INBOX_URL", &self.inbox_url),
            ("CONVERSATIONS_URL", &self.conversations_url()),
            ("ADMIN_EMAIL", ADMIN_EMAIL),
            ("ADMIN_PASSWORD", &self.admin_password),
            ("AWS_ENDPOINT_URL", &self.aws_endpoint),
            ("AWS_REGION", REGION),
            ("AWS_DEFAULT_REGION", REGION),
            ("AWS_ACCESS_KEY_ID", ACCOUNT),
            ("AWS_SECRET_ACCESS_KEY", "test"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
        variables.extend(self.function_environment.clone());
        variables
    }

    /// Clients that see the stack as its functions do.
    ///
    /// # Errors
    /// When the stack's own environment cannot be read.
    pub fn clients(&self) -> Result<App, Error> {
        let environment = self.environment();
        let config = Config::from_lookup(&[], |name| {
            environment.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone())
        });
        Ok(App::new(config.context(|| "cannot read the stack's environment".to_owned())?))
    }

    /// Does what an operator does once: fills in the secret that an output of the template names.
    ///
    /// # Errors
    /// When there is no such output, or the stack does not take the secret.
    pub async fn put_secret(&self, output: &str, value: &serde_json::Value) -> Result<(), Error> {
        let id = (self.outputs.get(output)).ok_or_else(|| Error::new(format!("the stack has no output {output}")))?;
        let input = serde_json::json!({ "SecretId": id, "SecretString": value.to_string() });
        Aws::new(&self.aws_endpoint)?.secrets_manager("PutSecretValue", &input).await?;
        Ok(())
    }

    /// Stops everything and frees the ports. Dropping does the same; this waits for requests in flight first.
    pub async fn stop(mut self) {
        let Some(runtime) = &self.runtime else { return };
        if let Some(simulator) = self.simulator.take() {
            let _ = runtime.spawn(simulator.shutdown()).await;
        }
        if let Some(whatsapp) = self.whatsapp.take() {
            let _ = runtime.spawn(whatsapp.shutdown()).await;
        }
    }
}

impl Drop for LocalStack {
    fn drop(&mut self) {
        if let Some(file) = &self.environment_file {
            let _ = fs::remove_file(file);
        }
        // The simulators end with their own drop; MiniStack first, so that no function calls what is gone.
        self.ministack = None;
        self.simulator = None;
        self.whatsapp = None;
        self.verification = None;
        if let Some(runtime) = self.runtime.take() {
            // Dropping a runtime waits for it, which is forbidden inside another.
            runtime.shutdown_background();
        }
    }
}

/// Claims a directory for one running stack. The claim ends with the process, however it ends.
fn lock_directory(work_dir: &Path) -> Result<fs::File, Error> {
    let path = work_dir.join("lock");
    let file = fs::File::create(&path).context(|| format!("cannot create {}", path.display()))?;
    file.try_lock().map_err(|error| match error {
        fs::TryLockError::WouldBlock => Error::new(
            "A local stack is already running from this work tree; .local/env has its addresses. Stop it with Ctrl-C in its terminal first.",
        ),
        fs::TryLockError::Error(error) => Error::new(format!("cannot lock {}: {error}", path.display())),
    })?;
    Ok(file)
}

/// Polls the health route through the whole path: gateway, API, function.
async fn wait_until_healthy(api_url: &str) -> Result<(), Error> {
    let client = crate::http().build().context(|| "cannot build an HTTP client".to_owned())?;
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let last = match client.get(format!("{api_url}/health")).send().await {
            Ok(answer) if answer.status().is_success() => return Ok(()),
            Ok(answer) => format!("{} {}", answer.status(), answer.text().await.unwrap_or_default()),
            Err(error) => error.to_string(),
        };
        if Instant::now() > deadline {
            return Err(Error::new(format!(
                "The stack is deployed, but GET {api_url}/health does not answer 200. Its last answer: {last}\nWhat the function printed is in the MiniStack log."
            )));
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
