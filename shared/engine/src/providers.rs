//! The providers' clients, made from the settings.

use std::time::Duration;

use delivery::{Provider, Style};
use domain::delivery::Channel;
use messaging::email_providers::{self, Attempt, EmailProvider, SingleSender};
use messaging::sendgrid::SendGrid;
use messaging::smtp::{Smtp, SmtpCredentials, SmtpTls};
use messaging::whatsapp::{OutgoingWhatsapp, WhatsApp};
use messaging::{EntryResult, OutgoingEmail, SendError, Ses};
use outbound::https::Https;
use runtime::{App, RecordError, Var};

/// The name of the WhatsApp account in reasons, in metrics and in the table.
pub const WHATSAPP: &str = "whatsapp";

/// What Meta grants every number to begin with. <https://developers.facebook.com/docs/whatsapp/cloud-api/overview#throughput>
const WHATSAPP_RATE: u32 = 80;
/// Ten messages at once, each taking about a second, of providers that take one a call.
const SINGLE_RATE: u32 = 10;
/// Shorter than what is left of an invocation that waited for its slot.
const TIMEOUT: Duration = Duration::from_secs(15);

/// The accounts of a channel, first choice first.
///
/// # Errors
/// When a setting is missing, or names a provider there is not.
pub fn of_channel(app: &App, channel: Channel) -> Result<Vec<Provider>, RecordError> {
    match channel {
        Channel::Whatsapp => Ok(vec![Provider {
            name: WHATSAPP,
            style: Style::Waves,
            rate_per_second: WHATSAPP_RATE,
        }]),
        Channel::Email => {
            let order = email_providers::parse_order(app.config().get(Var::EmailProviders)?)?;
            order.into_iter().map(|provider| email_provider(app, provider)).collect()
        }
    }
}

fn email_provider(app: &App, provider: EmailProvider) -> Result<Provider, RecordError> {
    Ok(match provider {
        EmailProvider::Ses => Provider {
            name: EmailProvider::Ses.as_str(),
            style: Style::Bulk,
            rate_per_second: app.config().number(Var::SesMaxSendRate)?,
        },
        other => Provider {
            name: other.as_str(),
            style: Style::Waves,
            rate_per_second: SINGLE_RATE,
        },
    })
}

/// Hands e-mails to a provider, once.
///
/// # Errors
/// When the provider's settings are missing or wrong: nothing was sent.
pub async fn send_email(app: &App, provider: &str, messages: &[&OutgoingEmail]) -> Result<Vec<EntryResult>, RecordError> {
    let provider = EmailProvider::parse(provider).ok_or("no such e-mail provider")?;
    let messages: Vec<OutgoingEmail> = messages.iter().map(|message| (*message).clone()).collect();
    let from = app.config().get(Var::FromAddress)?;
    if provider == EmailProvider::Ses {
        let ses = Ses::new(app.ses().clone(), from.to_owned(), app.config().get(Var::SesConfigurationSet)?.to_owned());
        return Ok(match ses.send_chunk(&messages).await {
            Ok(results) => results,
            Err(error) => for_each(&error, messages.len()),
        });
    }
    let attempt = Attempt { number: 1, at: app.now() };
    let sender = single_sender(app, provider, from).await?;
    Ok(sender.send_all(&messages, attempt).await)
}

fn for_each(error: &SendError, count: usize) -> Vec<EntryResult> {
    vec![error.for_entry(); count]
}

async fn single_sender(app: &App, provider: EmailProvider, from: &str) -> Result<SingleSender, RecordError> {
    let secrets = app
        .email_provider_secrets()
        .await
        .map_err(|error| format!("e-mail providers' secret: {error:?}"))?;
    match provider {
        EmailProvider::Sendgrid => {
            let key = secrets
                .sendgrid_api_key()
                .ok_or("SendGrid is in EMAIL_PROVIDERS, but its API key is not set")?;
            let organisation = app.config().get(Var::OrganisationName)?;
            let sendgrid = SendGrid::new(
                Https::new(TIMEOUT)?,
                secrets.sendgrid_url(),
                key.to_owned(),
                address_of(from).to_owned(),
                organisation.to_owned(),
            );
            Ok(SingleSender::Sendgrid(sendgrid))
        }
        EmailProvider::Smtp | EmailProvider::Ses => {
            let (host, port) = secrets.smtp_server().ok_or("SMTP is in EMAIL_PROVIDERS, but its host is not set")?;
            let credentials = secrets.smtp_login().map(|(username, password)| SmtpCredentials {
                username: username.to_owned(),
                password: password.to_owned(),
            });
            let tls = match secrets.smtp_security() {
                "starttls" => SmtpTls::StartTls,
                "tls" => SmtpTls::Implicit,
                "none" => SmtpTls::Plain,
                _ => return Err("smtp_security must be starttls, tls or none".into()),
            };
            Ok(SingleSender::Smtp(Smtp::new(host, port, credentials, tls, from)?.with_timeout(TIMEOUT)))
        }
    }
}

/// The address of `Name <address>`.
fn address_of(from: &str) -> &str {
    from.rsplit_once('<').map_or(from, |(_, address)| address.trim_end_matches('>')).trim()
}

/// The WhatsApp client.
///
/// # Errors
/// When the account is not configured.
pub async fn whatsapp(app: &App) -> Result<WhatsApp, RecordError> {
    let account = app
        .whatsapp_account()
        .await
        .map_err(|error| format!("the WhatsApp account's secret: {error:?}"))?;
    let (token, number) = account
        .sender()
        .ok_or("WhatsApp is not configured: set access_token and phone_number_id in its secret")?;
    Ok(WhatsApp::new(Https::new(TIMEOUT)?, account.api_url(), number, token))
}

/// Hands WhatsApp messages to Meta, one call each, ten at once.
pub async fn send_whatsapp(client: &WhatsApp, messages: &[&OutgoingWhatsapp]) -> Vec<EntryResult> {
    let messages: Vec<OutgoingWhatsapp> = messages.iter().map(|message| (*message).clone()).collect();
    client.send_wave(&messages).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_found_with_and_without_a_name() {
        assert_eq!(address_of("Buyer Industries <msme@buyer.example>"), "msme@buyer.example");
        assert_eq!(address_of("msme@buyer.example"), "msme@buyer.example");
    }
}
