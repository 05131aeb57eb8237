use std::fmt;

use super::{is_invisible, string_forms};

/// An e-mail address that a mail provider will accept for sending; whether the mailbox exists is another matter.
///
/// Keeps the spelling it was given. Personal data, so `Debug` shows only the masked form.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct EmailAddress(String);

/// Why a text is not an e-mail address.
///
/// Stricter than RFC 5322 on purpose: quoted local parts and address literals do not occur among vendors, while one address
/// the provider refuses costs a send.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EmailError {
    /// Nothing was given.
    #[error("the e-mail address is empty: enter one or leave the field out")]
    Empty,
    /// There is no @.
    #[error("there is no @ in the e-mail address: it reads name@domain")]
    NoAt,
    /// There is more than one @.
    #[error("there is more than one @: enter a single e-mail address")]
    SeveralAt,
    /// The address or its local part is too long.
    #[error("the e-mail address is too long: at most 254 characters, of which 64 before the @")]
    Length,
    /// A space, control character or other character that no address has.
    #[error("{found:?} cannot be part of an e-mail address: remove it")]
    Character {
        /// The offending character.
        found: char,
    },
    /// The part before the @ is empty or has a dot at an end or two in a row.
    #[error("the part before the @ is empty or has a misplaced dot: correct it")]
    LocalPart,
    /// The part after the @ is no domain name.
    #[error("the part after the @ is no domain name: it needs a dot, as in example.com, and no empty or hyphen-edged part")]
    Domain,
}

impl EmailError {
    /// A stable word for machines.
    pub fn code(self) -> &'static str {
        match self {
            Self::Empty => "email_empty",
            Self::NoAt => "email_no_at",
            Self::SeveralAt => "email_several_at",
            Self::Length => "email_length",
            Self::Character { .. } => "email_character",
            Self::LocalPart => "email_local_part",
            Self::Domain => "email_domain",
        }
    }
}

impl EmailAddress {
    /// Parses an address; space around it is dropped.
    pub fn parse(text: &str) -> Result<Self, EmailError> {
        let text = text.trim_matches(|c: char| c.is_whitespace() || is_invisible(c));
        if text.is_empty() {
            return Err(EmailError::Empty);
        }
        let Some((local, domain)) = text.split_once('@') else {
            return Err(EmailError::NoAt);
        };
        if domain.contains('@') {
            return Err(EmailError::SeveralAt);
        }
        if text.len() > 254 || local.len() > 64 {
            return Err(EmailError::Length);
        }
        // Letters outside ASCII would need SMTPUTF8 (RFC 6531), which SES does not offer.
        let forbidden = |c: &char| !c.is_ascii_graphic() || r#"()<>[]:;,"\"#.contains(*c);
        if let Some(found) = text.chars().find(forbidden) {
            return Err(EmailError::Character { found });
        }
        if local.split('.').any(str::is_empty) {
            return Err(EmailError::LocalPart);
        }
        if !is_domain(domain) {
            return Err(EmailError::Domain);
        }
        Ok(Self(text.to_owned()))
    }

    /// The address as it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The address in lower case: what suppression and uniqueness compare.
    pub fn normalised(&self) -> String {
        self.0.to_ascii_lowercase()
    }

    /// The part after the @, in lower case.
    pub fn domain(&self) -> String {
        self.0.split_once('@').map(|(_, domain)| domain.to_ascii_lowercase()).unwrap_or_default()
    }

    /// The form fit for screens and logs, as in `r***@example.com`.
    pub fn masked(&self) -> String {
        format!("{}***@{}", &self.0[..1], self.domain())
    }
}

impl fmt::Debug for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EmailAddress({})", self.masked())
    }
}

string_forms!(EmailAddress, EmailError, |text| EmailAddress::parse(text));

fn is_domain(domain: &str) -> bool {
    let is_label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    let Some((_, last)) = domain.rsplit_once('.') else {
        return false;
    };
    domain.split('.').all(is_label) && !last.bytes().all(|b| b.is_ascii_digit())
}
