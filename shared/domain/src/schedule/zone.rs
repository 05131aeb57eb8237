//! Time zones by name. India's offset is known here; of the other zones only EventBridge knows more than the name.

use std::fmt;

use jiff::SignedDuration;
use jiff::tz::Offset;
use serde::{Deserialize, Serialize};

/// India's offset: the same since 1945, no summer time.
pub(crate) fn india() -> Offset {
    Offset::constant(5).saturating_add(SignedDuration::from_mins(30))
}

/// The IANA name of a time zone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TimeZone(String);

/// A text that does not look like the name of a time zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a time zone is named as in Asia/Kolkata or UTC")]
pub struct InvalidTimeZone;

impl Default for TimeZone {
    /// Asia/Kolkata.
    fn default() -> Self {
        Self("Asia/Kolkata".to_owned())
    }
}

impl TimeZone {
    /// Checks the name's shape; whether there is such a zone is for EventBridge to say.
    ///
    /// # Errors
    /// When it looks like no zone's name.
    pub fn parse(name: &str) -> Result<Self, InvalidTimeZone> {
        let is_word = |part: &str| {
            let mut bytes = part.bytes();
            bytes.next().is_some_and(|first| first.is_ascii_uppercase()) && bytes.all(|byte| byte.is_ascii_alphanumeric() || b"_+-".contains(&byte))
        };
        let parts: Vec<&str> = name.split('/').collect();
        let is_name = name == "UTC" || ((2..=3).contains(&parts.len()) && parts.iter().copied().all(is_word));
        if is_name && name.len() <= 50 {
            Ok(Self(name.to_owned()))
        } else {
            Err(InvalidTimeZone)
        }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its offset from UTC, where it has one for all times that is known here.
    pub fn offset(&self) -> Option<Offset> {
        match self.0.as_str() {
            "Asia/Kolkata" | "Asia/Calcutta" => Some(india()),
            "UTC" | "Etc/UTC" => Some(Offset::UTC),
            _ => None,
        }
    }
}

impl fmt::Display for TimeZone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for TimeZone {
    type Error = InvalidTimeZone;

    fn try_from(name: String) -> Result<Self, InvalidTimeZone> {
        Self::parse(&name)
    }
}

impl From<TimeZone> for String {
    fn from(zone: TimeZone) -> String {
        zone.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_checked_by_shape() {
        for name in [
            "Asia/Kolkata",
            "UTC",
            "Europe/Berlin",
            "America/Argentina/Buenos_Aires",
            "Etc/GMT+5",
            "America/Port-au-Prince",
        ] {
            assert_eq!(TimeZone::parse(name).map(String::from), Ok(name.to_owned()));
        }
        for name in ["", "IST", "asia/kolkata", "Asia/", "Asia/Kol kata", "+05:30", "A/B/C/D", "Asia/../etc"] {
            assert_eq!(TimeZone::parse(name), Err(InvalidTimeZone), "{name}");
        }
    }

    #[test]
    fn india_and_utc_have_a_known_offset() {
        assert_eq!(TimeZone::default().offset().map(Offset::seconds), Some(19_800));
        assert_eq!(TimeZone::parse("UTC").ok().and_then(|zone| zone.offset()).map(Offset::seconds), Some(0));
        assert_eq!(TimeZone::parse("Europe/Berlin").ok().and_then(|zone| zone.offset()), None);
    }
}
