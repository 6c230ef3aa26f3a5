//! The time that the cluster agrees on.

use std::fmt;

/// Milliseconds of the cluster's own time, since it was founded or a little later.
///
/// Each entry of the log carries a stamp of its leader; the highest stamp applied so far is the log time. It is
/// the same on all members that applied the same entries, never falls, and stands still while there is no
/// leader. What the cluster decides by time, it decides by this: wall clocks are for display.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LogTime(u64);

impl LogTime {
    /// Where it starts.
    pub const ZERO: Self = Self(0);

    /// The time `ms` milliseconds after the start.
    pub const fn from_ms(ms: u64) -> Self {
        Self(ms)
    }

    /// Milliseconds since the start.
    pub const fn as_ms(self) -> u64 {
        self.0
    }

    /// The time `ms` milliseconds later; the end of time if it is later than that.
    #[must_use]
    pub const fn plus_ms(self, ms: u64) -> Self {
        Self(self.0.saturating_add(ms))
    }

    /// Milliseconds from `earlier` to this; 0 if this is not later.
    pub const fn ms_since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl fmt::Display for LogTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ms", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_neither_wraps_nor_runs_backwards() {
        let (start, late) = (LogTime::from_ms(5), LogTime::from_ms(8));
        assert_eq!(start.plus_ms(3), late);
        assert_eq!(start.plus_ms(u64::MAX), LogTime::from_ms(u64::MAX));
        assert_eq!((late.ms_since(start), start.ms_since(late)), (3, 0));
    }
}
