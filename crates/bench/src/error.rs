//! Why nothing was measured.

/// Nothing was measured.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// What was asked for makes no sense.
    #[error("{0}")]
    Plan(String),
    /// The servers did not do what comes before the measurement.
    #[error("{0}")]
    Target(String),
    /// A process that was named cannot be looked at.
    #[error("process {pid} cannot be looked at: {problem}; is it one of the servers, on this machine?")]
    Process {
        /// Which.
        pid: u32,
        /// What stood in the way.
        problem: String,
    },
}
