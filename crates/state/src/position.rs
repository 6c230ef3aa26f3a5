//! Where a command stands in the log.

use quorate_model::{Leadership, LogIndex, LogTime};

/// Where a log entry stands, and what its leader says of itself and of the time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// Its place in the log.
    pub index: LogIndex,
    /// The stamp of the leader that proposed it.
    pub time: LogTime,
    /// The leadership in which it was proposed.
    pub leadership: Leadership,
}
