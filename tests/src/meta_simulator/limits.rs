//! What Meta limits: messages a second per number, messages to the same user, users a day per portfolio.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::error::GraphError;

const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The limits that are enforced. None is by default, so that a test decides which of them it meets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Accepted messages in any second; above it 130429. Meta's default is 80.
    pub messages_per_second: Option<u32>,
    /// Milliseconds between two messages to the same user; below it 131056. Meta's is 6000.
    pub pair_interval_ms: Option<u64>,
    /// Different users in any 24 hours; a further one is 131048, for which Meta points at the messaging limits.
    pub users_per_day: Option<u32>,
}

/// What counts against the limits.
#[derive(Debug, Default)]
pub(super) struct Usage {
    recent: VecDeque<Instant>,
    /// When each user last got a message.
    last: HashMap<String, Instant>,
    /// When each user was first counted in the current day.
    users: HashMap<String, Instant>,
}

impl Usage {
    /// Counts a message, or says which limit it would break.
    pub(super) fn take(&mut self, limits: Limits, number: &str) -> Result<(), GraphError> {
        let now = Instant::now();
        if let Some(most) = limits.messages_per_second {
            while self.recent.front().is_some_and(|at| now.duration_since(*at) >= SECOND) {
                self.recent.pop_front();
            }
            if self.recent.len() >= most as usize {
                return Err(GraphError::new(130_429));
            }
        }
        if let Some(interval) = limits.pair_interval_ms
            && let Some(last) = self.last.get(number)
            && now.duration_since(*last) < Duration::from_millis(interval)
        {
            return Err(GraphError::new(131_056));
        }
        if let Some(most) = limits.users_per_day {
            self.users.retain(|_, since| now.duration_since(*since) < DAY);
            if !self.users.contains_key(number) && self.users.len() >= most as usize {
                return Err(GraphError::new(131_048));
            }
        }
        if limits.messages_per_second.is_some() {
            self.recent.push_back(now);
        }
        self.last.insert(number.to_owned(), now);
        self.users.entry(number.to_owned()).or_insert(now);
        Ok(())
    }
}

/// What `GET /v{N}/{phone_number_id}` says about the number. Reported; [`Limits`] are what is enforced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NumberHealth {
    /// `STANDARD` is 80 messages a second, `HIGH` 1,000; `NOT_APPLICABLE` otherwise.
    pub throughput_level: String,
    /// `GREEN`, `YELLOW`, `RED` or `UNKNOWN`.
    pub quality_rating: String,
    /// The portfolio's users a day: `TIER_250`, `TIER_2K`, `TIER_10K`, `TIER_100K` or `TIER_UNLIMITED`.
    pub messaging_limit: String,
    /// `CONNECTED`, `FLAGGED`, `RESTRICTED`, `BANNED` and others.
    pub status: String,
}

impl Default for NumberHealth {
    fn default() -> Self {
        Self {
            throughput_level: "STANDARD".to_owned(),
            quality_rating: "GREEN".to_owned(),
            messaging_limit: "TIER_100K".to_owned(),
            status: "CONNECTED".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn each_limit_is_met_and_passes_with_time() {
        let code = |result: Result<(), GraphError>| result.err().map(|error| error.code);
        let mut usage = Usage::default();
        let rate = Limits {
            messages_per_second: Some(2),
            ..Limits::default()
        };
        assert_eq!(code(usage.take(rate, "1")), None);
        assert_eq!(code(usage.take(rate, "2")), None);
        assert_eq!(code(usage.take(rate, "3")), Some(130_429));

        let mut usage = Usage::default();
        let pair = Limits {
            pair_interval_ms: Some(40),
            ..Limits::default()
        };
        assert_eq!(code(usage.take(pair, "1")), None);
        assert_eq!(code(usage.take(pair, "2")), None);
        assert_eq!(code(usage.take(pair, "1")), Some(131_056));
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert_eq!(code(usage.take(pair, "1")), None);

        let mut usage = Usage::default();
        let users = Limits {
            users_per_day: Some(1),
            ..Limits::default()
        };
        assert_eq!(code(usage.take(users, "1")), None);
        assert_eq!(code(usage.take(users, "1")), None, "the same user again");
        assert_eq!(code(usage.take(users, "2")), Some(131_048));
    }
}
