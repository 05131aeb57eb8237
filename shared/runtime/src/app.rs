//! What a handler may use: settings, clients, clock. Everything is made on first use, so a function pays only for what it touches.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use aws_credential_types::Credentials;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::config::{Region, SharedCredentialsProvider};
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use jiff::Timestamp;
use store::Store;
use tokio::sync::Mutex;
use ulid::Ulid;

use crate::config::{Config, ConfigError, Var};
use crate::problem::ApiError;
use crate::secrets::{EmailProviderSecrets, InvalidSecret, SigningKeys, VerificationAccount, WhatsappAccount};

// Amazon's own roots: every AWS endpoint chains to one of these. Parsing five certificates instead of the system's
// bundle of some 140 is most of a cold start. <https://www.amazontrust.com/repository/>
const AMAZON_ROOTS: [&[u8]; 5] = [
    include_bytes!("roots/amazon-root-ca-1.pem"),
    include_bytes!("roots/amazon-root-ca-2.pem"),
    include_bytes!("roots/amazon-root-ca-3.pem"),
    include_bytes!("roots/amazon-root-ca-4.pem"),
    include_bytes!("roots/starfield-services-root-g2.pem"),
];

/// The settings every SDK client shares. A macro, because each SDK has builder types of its own.
macro_rules! sdk_config {
    ($sdk:ident, $app:ident, $retry:expr, $attempt_secs:literal) => {{
        let mut config = $sdk::Config::builder()
            .behavior_version($sdk::config::BehaviorVersion::latest())
            .region(Region::new($app.config.aws.region.clone()))
            .credentials_provider($app.credentials())
            .http_client($app.http())
            .retry_config($retry)
            .timeout_config(timeouts(Duration::from_secs($attempt_secs)));
        config.set_endpoint_url($app.config.aws.endpoint_url.clone());
        config
    }};
}

const SECRET_TTL: Duration = Duration::from_secs(300);

/// A parsed secret and until when it is fresh.
type Cached<T> = Mutex<Option<(Instant, Arc<T>)>>;

/// The environment of a function, made once per process.
#[derive(Debug)]
pub struct App {
    config: Config,
    clock: fn() -> Timestamp,
    http: OnceLock<SharedHttpClient>,
    store: OnceLock<Store>,
    s3: OnceLock<aws_sdk_s3::Client>,
    sqs: OnceLock<aws_sdk_sqs::Client>,
    scheduler: OnceLock<aws_sdk_scheduler::Client>,
    ses: OnceLock<aws_sdk_sesv2::Client>,
    secrets: OnceLock<aws_sdk_secretsmanager::Client>,
    signing: Cached<SigningKeys>,
    email_providers: Cached<EmailProviderSecrets>,
    whatsapp: Cached<WhatsappAccount>,
    verification: Cached<VerificationAccount>,
    /// When it was read, seconds since the epoch.
    verification_read_at: AtomicI64,
}

impl App {
    /// An app with these settings.
    pub fn new(config: Config) -> Self {
        Self {
            config,
            clock: Timestamp::now,
            http: OnceLock::new(),
            store: OnceLock::new(),
            s3: OnceLock::new(),
            sqs: OnceLock::new(),
            scheduler: OnceLock::new(),
            ses: OnceLock::new(),
            secrets: OnceLock::new(),
            signing: Mutex::const_new(None),
            email_providers: Mutex::const_new(None),
            whatsapp: Mutex::const_new(None),
            verification: Mutex::const_new(None),
            verification_read_at: AtomicI64::new(0),
        }
    }

    /// The same app with another clock; for tests.
    #[must_use]
    pub fn with_clock(self, clock: fn() -> Timestamp) -> Self {
        Self { clock, ..self }
    }

    /// The same app with signing keys at hand instead of in Secrets Manager; for tests.
    #[must_use]
    pub fn with_signing_keys(self, keys: SigningKeys) -> Self {
        // Far enough ahead never to be read again.
        let fresh_until = Instant::now() + Duration::from_secs(86_400 * 365);
        Self {
            signing: Mutex::new(Some((fresh_until, Arc::new(keys)))),
            ..self
        }
    }

    /// The same app with a WhatsApp account and e-mail providers at hand instead of in Secrets Manager; for tests.
    #[must_use]
    pub fn with_accounts(self, whatsapp: WhatsappAccount, email_providers: EmailProviderSecrets) -> Self {
        let fresh_until = Instant::now() + Duration::from_secs(86_400 * 365);
        Self {
            whatsapp: Mutex::new(Some((fresh_until, Arc::new(whatsapp)))),
            email_providers: Mutex::new(Some((fresh_until, Arc::new(email_providers)))),
            ..self
        }
    }

    /// The settings.
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// The time.
    pub fn now(&self) -> Timestamp {
        (self.clock)()
    }

    /// A new ULID of now.
    pub fn new_ulid(&self) -> Ulid {
        Ulid::from_parts(u64::try_from(self.now().as_millisecond()).unwrap_or(0), rand::random())
    }

    /// 256 bits nobody can guess.
    pub fn random_secret(&self) -> [u8; 32] {
        rand::random()
    }

    /// The table.
    ///
    /// # Errors
    /// When the function does not declare it.
    pub fn store(&self) -> Result<&Store, ConfigError> {
        let table = self.config.get(Var::TableName)?;
        Ok(self.store.get_or_init(|| {
            let config = sdk_config!(aws_sdk_dynamodb, self, retries(), 5).build();
            Store::new(aws_sdk_dynamodb::Client::from_conf(config), table)
        }))
    }

    /// S3.
    pub fn s3(&self) -> &aws_sdk_s3::Client {
        self.s3.get_or_init(|| {
            // The local stack answers on one host name; AWS itself is addressed by bucket name.
            let config = sdk_config!(aws_sdk_s3, self, retries(), 30)
                .force_path_style(self.config.aws.endpoint_url.is_some())
                .build();
            aws_sdk_s3::Client::from_conf(config)
        })
    }

    /// SQS.
    pub fn sqs(&self) -> &aws_sdk_sqs::Client {
        self.sqs
            .get_or_init(|| aws_sdk_sqs::Client::from_conf(sdk_config!(aws_sdk_sqs, self, retries(), 5).build()))
    }

    /// EventBridge Scheduler.
    pub fn scheduler(&self) -> &aws_sdk_scheduler::Client {
        self.scheduler
            .get_or_init(|| aws_sdk_scheduler::Client::from_conf(sdk_config!(aws_sdk_scheduler, self, retries(), 5).build()))
    }

    /// SES, with one attempt per call: whether to send again is the delivery code's decision, never the SDK's.
    pub fn ses(&self) -> &aws_sdk_sesv2::Client {
        self.ses.get_or_init(|| {
            let mut config = sdk_config!(aws_sdk_sesv2, self, RetryConfig::disabled(), 20);
            if let Some(simulator) = &self.config.aws.ses_endpoint_url {
                config = config.endpoint_url(simulator);
            }
            aws_sdk_sesv2::Client::from_conf(config.build())
        })
    }

    /// The text of a secret, straight from Secrets Manager.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn secret(&self, var: Var) -> Result<String, ApiError> {
        let id = self.config.get(var)?;
        let client = self
            .secrets
            .get_or_init(|| aws_sdk_secretsmanager::Client::from_conf(sdk_config!(aws_sdk_secretsmanager, self, retries(), 5).build()));
        let output = client
            .get_secret_value()
            .secret_id(id)
            .send()
            .await
            .map_err(|error| ApiError::Internal(Box::new(error)))?;
        output.secret_string.ok_or_else(|| ApiError::Internal("the secret holds no text".into()))
    }

    /// The signing keys, read again every five minutes so that a rotation arrives without a deployment.
    ///
    /// # Errors
    /// When the secret cannot be read or is malformed.
    pub async fn signing_keys(&self) -> Result<Arc<SigningKeys>, ApiError> {
        self.cached(&self.signing, Var::SigningSecretArn, SigningKeys::parse).await
    }

    /// What SendGrid and the SMTP server are spoken to with, read again every five minutes.
    ///
    /// # Errors
    /// When the secret cannot be read or is malformed.
    pub async fn email_provider_secrets(&self) -> Result<Arc<EmailProviderSecrets>, ApiError> {
        self.cached(&self.email_providers, Var::EmailProvidersSecretArn, EmailProviderSecrets::parse)
            .await
    }

    /// The WhatsApp business account, read again every five minutes.
    ///
    /// # Errors
    /// When the secret cannot be read or is malformed.
    pub async fn whatsapp_account(&self) -> Result<Arc<WhatsappAccount>, ApiError> {
        self.cached(&self.whatsapp, Var::WhatsappSecretArn, WhatsappAccount::parse).await
    }

    /// The account with a provider of verifications, read again every five minutes.
    ///
    /// # Errors
    /// When the secret cannot be read or is malformed.
    pub async fn verification_account(&self) -> Result<Arc<VerificationAccount>, ApiError> {
        self.cached(&self.verification, Var::VerificationSecretArn, VerificationAccount::parse)
            .await
    }

    /// The account with a provider of verifications as it was at that time or is now: whatever was read before is read again, so that what
    /// somebody mended counts at once.
    ///
    /// # Errors
    /// When the secret cannot be read or is malformed.
    pub async fn verification_account_since(&self, since: Timestamp) -> Result<Arc<VerificationAccount>, ApiError> {
        let now = self.now();
        if self.verification_read_at.load(Ordering::Relaxed) <= since.as_second() {
            self.forget_verification_account().await;
            self.verification_read_at.store(now.as_second(), Ordering::Relaxed);
        }
        self.verification_account().await
    }

    /// Forgets the account: the provider refuses it, so it is likely to be changed.
    pub async fn forget_verification_account(&self) {
        *self.verification.lock().await = None;
    }

    async fn cached<T>(&self, cache: &Cached<T>, var: Var, parse: fn(&str) -> Result<T, InvalidSecret>) -> Result<Arc<T>, ApiError> {
        let mut cached = cache.lock().await;
        if let Some((fresh_until, value)) = cached.as_ref()
            && Instant::now() < *fresh_until
        {
            return Ok(Arc::clone(value));
        }
        let text = self.secret(var).await?;
        let value = Arc::new(parse(&text).map_err(|error| ApiError::Internal(Box::new(error)))?);
        *cached = Some((Instant::now() + SECRET_TTL, Arc::clone(&value)));
        Ok(value)
    }

    fn credentials(&self) -> SharedCredentialsProvider {
        // Lambda puts the role's credentials into the environment for the life of the process.
        let aws = &self.config.aws;
        SharedCredentialsProvider::new(Credentials::new(
            &aws.access_key_id,
            &aws.secret_access_key,
            aws.session_token.clone(),
            None,
            "environment",
        ))
    }

    fn http(&self) -> SharedHttpClient {
        self.http
            .get_or_init(|| {
                let mut roots = TrustStore::empty();
                for root in AMAZON_ROOTS {
                    roots.add_pem_certificate(root);
                }
                let builder = aws_smithy_http_client::Builder::new();
                match TlsContext::builder().with_trust_store(roots).build() {
                    Ok(tls) => builder.tls_provider(Provider::Rustls(CryptoMode::Ring)).tls_context(tls).build_https(),
                    Err(_) => builder.tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https(),
                }
            })
            .clone()
    }
}

fn retries() -> RetryConfig {
    RetryConfig::standard().with_max_attempts(4)
}

fn timeouts(operation_attempt: Duration) -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(2))
        .operation_attempt_timeout(operation_attempt)
        .build()
}
