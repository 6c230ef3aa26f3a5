//! The one error of parsing: a value is not what it has to be.

/// A value is outside of what is allowed; the message says what is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid {what}: {problem}")]
pub struct InvalidValue {
    what: &'static str,
    problem: String,
}

impl InvalidValue {
    /// An error about `what` ("port", "service name", …), where `problem` says what was found and what is allowed.
    pub fn new(what: &'static str, problem: impl Into<String>) -> Self {
        Self {
            what,
            problem: problem.into(),
        }
    }

    /// What kind of value was refused, in words.
    pub fn what(&self) -> &'static str {
        self.what
    }

    /// What is wrong with it and what is allowed instead.
    pub fn problem(&self) -> &str {
        &self.problem
    }
}

/// Refuses a collection of more than `max` entries.
pub(crate) fn check_count(what: &'static str, count: usize, max: usize) -> Result<(), InvalidValue> {
    if count <= max {
        return Ok(());
    }
    Err(InvalidValue::new(
        what,
        format!("{count} entries are over the limit of {max}"),
    ))
}
