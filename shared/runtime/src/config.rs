//! Typed configuration. The only place that reads the environment.
//!
//! A function declares which variables it needs; a missing one stops it at start with the variable's name, and a test
//! compares the declarations with the template.

use std::collections::HashMap;

/// A setting of the environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Var {
    /// The DynamoDB table.
    TableName,
    /// The S3 bucket.
    BucketName,
    /// Queue of plan messages.
    PlanQueueUrl,
    /// Queue of e-mail chunks.
    EmailQueueUrl,
    /// Queue of import jobs.
    ImportQueueUrl,
    /// Queue of export jobs.
    ExportQueueUrl,
    /// Queue of provider events.
    DeliveryEventsQueueUrl,
    /// Comma list of every queue and dead-letter queue, for health.
    QueueUrls,
    /// Secrets Manager id of the signing keys.
    SigningSecretArn,
    /// Secrets Manager id of the bootstrap administrator's initial password.
    BootstrapSecretArn,
    /// Secrets Manager id of what SendGrid and the SMTP server are spoken to with.
    EmailProvidersSecretArn,
    /// E-mail of the bootstrap administrator.
    BootstrapAdminEmail,
    /// Base of links in messages, without a trailing slash.
    PublicBaseUrl,
    /// Sender address.
    FromAddress,
    /// The organisation that asks, as vendors know it.
    OrganisationName,
    /// SES configuration set whose events come back to us.
    SesConfigurationSet,
    /// Messages per second the provider account may send.
    SesMaxSendRate,
    /// Providers of e-mail, first choice first: `ses,sendgrid,smtp`.
    EmailProviders,
    /// Secrets Manager id of the WhatsApp business account.
    WhatsappSecretArn,
    /// Queue of WhatsApp chunks.
    WhatsappQueueUrl,
    /// Queue of what WhatsApp's webhook tells.
    WhatsappEventsQueueUrl,
    /// Group of the stack's schedules at EventBridge.
    ScheduleGroupName,
    /// Role a schedule fires with.
    ScheduleRoleArn,
    /// Queue a schedule fires into.
    ScheduleTargetArn,
    /// Queue for what a schedule could not put there.
    ScheduleDlqArn,
    /// Which addresses users' settings may be read from: `public`, or in the local stack `local`. See `outbound::Policy`.
    OutboundPolicy,
    /// Queue of verifications of vendors.
    VerificationQueueUrl,
    /// Secrets Manager id of the account with a provider of verifications.
    VerificationSecretArn,
    /// How many identifiers a minute the provider of verifications may be asked about.
    VerificationPerMinute,
    /// How many requests a day in India it may be sent.
    VerificationDailyLimit,
    /// What the organisation holds of traders. See `domain::payment::TraderPolicy`.
    TraderPolicy,
    /// Changes of the bank rate since this version, or `none`. See `domain::payment::BankRates::with`.
    BankRates,
    /// Queue of readings of sync sources.
    SyncQueueUrl,
    /// Secrets Manager id of the values of sync sources' authorization headers: a JSON object of texts by name.
    SyncSecretsArn,
}

impl Var {
    /// Every variable, for tests.
    pub const ALL: [Var; 34] = [
        Var::TableName,
        Var::BucketName,
        Var::PlanQueueUrl,
        Var::EmailQueueUrl,
        Var::ImportQueueUrl,
        Var::ExportQueueUrl,
        Var::DeliveryEventsQueueUrl,
        Var::QueueUrls,
        Var::SigningSecretArn,
        Var::BootstrapSecretArn,
        Var::EmailProvidersSecretArn,
        Var::BootstrapAdminEmail,
        Var::PublicBaseUrl,
        Var::FromAddress,
        Var::OrganisationName,
        Var::SesConfigurationSet,
        Var::SesMaxSendRate,
        Var::EmailProviders,
        Var::WhatsappSecretArn,
        Var::WhatsappQueueUrl,
        Var::WhatsappEventsQueueUrl,
        Var::ScheduleGroupName,
        Var::ScheduleRoleArn,
        Var::ScheduleTargetArn,
        Var::ScheduleDlqArn,
        Var::OutboundPolicy,
        Var::VerificationQueueUrl,
        Var::VerificationSecretArn,
        Var::VerificationPerMinute,
        Var::VerificationDailyLimit,
        Var::TraderPolicy,
        Var::BankRates,
        Var::SyncQueueUrl,
        Var::SyncSecretsArn,
    ];

    /// The variable's name.
    pub const fn name(self) -> &'static str {
        match self {
            Var::TableName => "TABLE_NAME",
            Var::BucketName => "BUCKET_NAME",
            Var::PlanQueueUrl => "PLAN_QUEUE_URL",
            Var::EmailQueueUrl => "EMAIL_QUEUE_URL",
            Var::ImportQueueUrl => "IMPORT_QUEUE_URL",
            Var::ExportQueueUrl => "EXPORT_QUEUE_URL",
            Var::DeliveryEventsQueueUrl => "DELIVERY_EVENTS_QUEUE_URL",
            Var::QueueUrls => "QUEUE_URLS",
            Var::SigningSecretArn => "SIGNING_SECRET_ARN",
            Var::BootstrapSecretArn => "BOOTSTRAP_SECRET_ARN",
            Var::EmailProvidersSecretArn => "EMAIL_PROVIDERS_SECRET_ARN",
            Var::BootstrapAdminEmail => "BOOTSTRAP_ADMIN_EMAIL",
            Var::PublicBaseUrl => "PUBLIC_BASE_URL",
            Var::FromAddress => "FROM_ADDRESS",
            Var::OrganisationName => "ORGANISATION_NAME",
            Var::SesConfigurationSet => "SES_CONFIGURATION_SET",
            Var::SesMaxSendRate => "SES_MAX_SEND_RATE",
            Var::EmailProviders => "EMAIL_PROVIDERS",
            Var::WhatsappSecretArn => "WHATSAPP_SECRET_ARN",
            Var::WhatsappQueueUrl => "WHATSAPP_QUEUE_URL",
            Var::WhatsappEventsQueueUrl => "WHATSAPP_EVENTS_QUEUE_URL",
            Var::ScheduleGroupName => "SCHEDULE_GROUP_NAME",
            Var::ScheduleRoleArn => "SCHEDULE_ROLE_ARN",
            Var::ScheduleTargetArn => "SCHEDULE_TARGET_ARN",
            Var::ScheduleDlqArn => "SCHEDULE_DLQ_ARN",
            Var::OutboundPolicy => "OUTBOUND_POLICY",
            Var::TraderPolicy => "TRADER_POLICY",
            Var::BankRates => "BANK_RATES",
            Var::SyncQueueUrl => "SYNC_QUEUE_URL",
            Var::SyncSecretsArn => "SYNC_SECRETS_ARN",
            Var::VerificationQueueUrl => "VERIFICATION_QUEUE_URL",
            Var::VerificationSecretArn => "VERIFICATION_SECRET_ARN",
            Var::VerificationPerMinute => "VERIFICATION_PER_MINUTE",
            Var::VerificationDailyLimit => "VERIFICATION_DAILY_LIMIT",
        }
    }
}

/// A setting that is missing or cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("environment variable {name} {problem}")]
pub struct ConfigError {
    /// The variable.
    pub name: &'static str,
    /// What is wrong with it.
    pub problem: &'static str,
}

/// What `RUST_LOG` asks for, if anything.
pub(crate) fn log_levels() -> Option<String> {
    std::env::var("RUST_LOG").ok()
}

/// Where the AWS services are and who we are there.
#[derive(Debug, Clone, Default)]
pub struct AwsEnvironment {
    /// Region.
    pub region: String,
    /// Access key id.
    pub access_key_id: String,
    /// Secret key.
    pub secret_access_key: String,
    /// Session token.
    pub session_token: Option<String>,
    /// Another endpoint for every service: the local stack.
    pub endpoint_url: Option<String>,
    /// Another endpoint for SES v2 alone: the simulator.
    pub ses_endpoint_url: Option<String>,
}

/// The settings of one function.
#[derive(Debug, Clone, Default)]
pub struct Config {
    values: HashMap<Var, String>,
    /// `local`, `staging` or `production`.
    pub stage: String,
    /// Origins browsers may call from.
    pub cors_origins: Vec<String>,
    /// AWS.
    pub aws: AwsEnvironment,
}

impl Config {
    /// Reads the process's environment.
    ///
    /// # Errors
    /// The first variable of `needs` that is missing or empty.
    pub fn from_env(needs: &[Var]) -> Result<Self, ConfigError> {
        Self::from_lookup(needs, |name| std::env::var(name).ok())
    }

    /// Reads settings from anything that maps names to values.
    ///
    /// # Errors
    /// The first variable of `needs` that is missing or empty.
    pub fn from_lookup(needs: &[Var], lookup: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let text = |name: &str| lookup(name).filter(|value| !value.trim().is_empty());
        let mut values = HashMap::with_capacity(needs.len());
        for var in needs {
            let value = text(var.name()).ok_or(ConfigError {
                name: var.name(),
                problem: "is not set",
            })?;
            values.insert(*var, value);
        }
        Ok(Self {
            values,
            stage: text("STAGE").unwrap_or_else(|| "local".to_owned()),
            cors_origins: text("CORS_ORIGINS")
                .map(|list| list.split(',').map(|origin| origin.trim().to_owned()).collect())
                .unwrap_or_default(),
            aws: AwsEnvironment {
                region: text("AWS_REGION")
                    .or_else(|| text("AWS_DEFAULT_REGION"))
                    .unwrap_or_else(|| "ap-south-1".to_owned()),
                access_key_id: text("AWS_ACCESS_KEY_ID").unwrap_or_default(),
                secret_access_key: text("AWS_SECRET_ACCESS_KEY").unwrap_or_default(),
                session_token: text("AWS_SESSION_TOKEN"),
                endpoint_url: text("AWS_ENDPOINT_URL"),
                ses_endpoint_url: text("AWS_ENDPOINT_URL_SESV2"),
            },
        })
    }

    /// A setting the function declared.
    ///
    /// # Errors
    /// When it did not declare it.
    pub fn get(&self, var: Var) -> Result<&str, ConfigError> {
        self.values.get(&var).map(String::as_str).ok_or(ConfigError {
            name: var.name(),
            problem: "is not declared by this function",
        })
    }

    /// A setting that is one of a few words, or has another form of its own.
    ///
    /// # Errors
    /// When it is not declared or not of that form.
    pub fn parsed<T: std::str::FromStr>(&self, var: Var) -> Result<T, ConfigError> {
        self.get(var)?.parse().map_err(|_| ConfigError {
            name: var.name(),
            problem: "has a value it cannot have",
        })
    }

    /// A setting that is a positive number.
    ///
    /// # Errors
    /// When it is not declared or not a positive number.
    pub fn number(&self, var: Var) -> Result<u32, ConfigError> {
        let number = self.get(var)?.parse().ok().filter(|number| *number > 0);
        number.ok_or(ConfigError {
            name: var.name(),
            problem: "is not a positive whole number",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_variable_is_named() {
        let error = Config::from_lookup(&[Var::TableName], |_| Some("  ".into())).unwrap_err();
        assert_eq!(error.to_string(), "environment variable TABLE_NAME is not set");
    }

    #[test]
    fn an_undeclared_variable_is_not_readable_even_if_set() {
        let config = Config::from_lookup(&[Var::TableName], |_| Some("x".into())).unwrap();
        assert_eq!(config.get(Var::TableName), Ok("x"));
        assert!(config.get(Var::BucketName).is_err());
    }
}
