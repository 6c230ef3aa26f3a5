//! Where in the log a command stands, and when its leader proposed it.

use quorate_model::{LogIndex, LogTime};

/// What the log says of a command besides its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// The index of its entry.
    pub index: LogIndex,
    /// The stamp that its leader put on it; [`LogTime::ZERO`] on entries without one.
    pub time: LogTime,
}
