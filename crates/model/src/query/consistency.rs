//! How fresh an answer has to be.

use std::{fmt, num::NonZeroU64, time::Duration};

use crate::{Epoch, InvalidValue, Revision};

/// How fresh an answer has to be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Consistency {
    /// What the asked member knows, at once.
    #[default]
    Stale,
    /// What the cluster knew at most so long ago.
    Bounded {
        /// How long ago at most.
        max_staleness: MaxStaleness,
    },
    /// What was there at a state that was seen before, or anything newer.
    AtLeast {
        /// The history in which it was seen; whatever the cluster has, if absent.
        epoch: Option<Epoch>,
        /// The revision at which it was seen.
        revision: Revision,
    },
    /// Everything that was acknowledged before the question was asked.
    Linearizable,
}

/// How far an answer may lag behind the cluster: 1 ms or more. No member can promise less than that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MaxStaleness(NonZeroU64);

// === impl MaxStaleness ===

impl MaxStaleness {
    /// Takes milliseconds.
    pub fn from_ms(ms: u64) -> Result<Self, InvalidValue> {
        NonZeroU64::new(ms).map(Self).ok_or_else(|| {
            InvalidValue::new(
                "staleness",
                "0 ms is not possible; use 1 or more, or a linearizable read",
            )
        })
    }

    /// The milliseconds.
    pub const fn as_ms(self) -> u64 {
        self.0.get()
    }

    /// The same, as a duration.
    pub const fn as_duration(self) -> Duration {
        Duration::from_millis(self.0.get())
    }
}

impl fmt::Display for MaxStaleness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ms", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_may_lag_behind_by_1_ms_or_more() {
        assert!(MaxStaleness::from_ms(0).is_err());
        assert_eq!(
            MaxStaleness::from_ms(1).unwrap().as_duration(),
            Duration::from_millis(1)
        );
        assert_eq!(MaxStaleness::from_ms(u64::MAX).unwrap().as_ms(), u64::MAX);
    }
}
