//! The one error of the local stack: a sentence for the person at the terminal.

use std::fmt;

/// Why the local stack could not be prepared or started, and what to do about it.
///
/// Nothing branches on the kind of failure: each is shown to a person, so it is a message, complete with the remedy.
pub struct Error(String);

impl Error {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The same text as `Display`, so that a failing `expect` in a test stays readable.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Error {}

/// Adds what was being attempted to an error of the standard library or of a dependency.
pub(super) trait Context<T> {
    /// Turns the error into "`attempt`: `cause`".
    fn context(self, attempt: impl FnOnce() -> String) -> Result<T, Error>;
}

impl<T, E: std::error::Error> Context<T> for Result<T, E> {
    fn context(self, attempt: impl FnOnce() -> String) -> Result<T, Error> {
        self.map_err(|error| {
            // An HTTP client's own message is often just "error sending request": the cause is further down.
            let mut message = format!("{}: {error}", attempt());
            let mut source = error.source();
            while let Some(cause) = source {
                message.push_str(&format!(": {cause}"));
                source = cause.source();
            }
            Error(message)
        })
    }
}
