//! The clock that a node is given, so that a simulated node lives in simulated time.

use std::{fmt, time::Duration};

/// A source of time, injected into a node when it is built.
///
/// No code below the server reads a clock by itself.
pub trait Clock: fmt::Debug + Send + Sync + 'static {
    /// Monotonic time since an origin that is fixed for the life of the process.
    ///
    /// Comparable only with other readings of the same clock: never sent to another member.
    fn now(&self) -> Duration;

    /// Milliseconds of wall-clock time since the Unix epoch. For display only: nothing is decided by it.
    fn wall_ms(&self) -> u64;
}
