//! How fresh this member is: measured, never guessed.
//!
//! A member stamps t0 by its own clock, asks for a read index that a quorum confirms, and has applied everything
//! that was acknowledged before t0 once it has applied that index. No clock of another member is involved.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

#[cfg(quorate_planted)]
use quorate_model::planted::{self, Planted};

/// The last moment as of which this member is known to be fresh.
#[derive(Debug, Default)]
pub(crate) struct Freshness {
    /// In nanoseconds of the member's clock, plus one; 0 while nothing is known.
    as_of: AtomicU64,
}

// === impl Freshness ===

impl Freshness {
    /// Notes that the view holds everything that was acknowledged before `moment`.
    pub(crate) fn note(&self, moment: Duration) {
        // Five centuries of nanoseconds fit.
        let nanos = u64::try_from(moment.as_nanos()).unwrap_or(u64::MAX - 1);
        self.as_of.fetch_max(nanos + 1, Ordering::AcqRel);
    }

    /// The last moment noted. A view that is loaded afterwards is at least as fresh.
    pub(crate) fn as_of(&self) -> Option<Duration> {
        let nanos = self.as_of.load(Ordering::Acquire).checked_sub(1)?;
        Some(Duration::from_nanos(nanos))
    }
}

/// How old a view can be, seen from anywhere, that was fresh as of `as_of`: rounded up to milliseconds, and a
/// twentieth longer than measured, because clocks may differ in rate by so much.
pub(crate) fn staleness(as_of: Duration, now: Duration) -> Duration {
    let measured_ns = now.saturating_sub(as_of).as_nanos();
    #[cfg(quorate_planted)]
    let measured_ns = if planted::is(Planted::UnderstatedStaleness) {
        measured_ns / 4
    } else {
        measured_ns
    };
    let stated_ms = (measured_ns * 21).div_ceil(20 * 1_000_000);
    Duration::from_millis(u64::try_from(stated_ms).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn nothing_is_stated_before_something_is_measured() {
        let freshness = Freshness::default();
        assert_eq!(freshness.as_of(), None);
        freshness.note(Duration::ZERO);
        assert_eq!(freshness.as_of(), Some(Duration::ZERO));
    }

    #[test]
    fn an_older_measurement_that_arrives_late_takes_nothing_back() {
        let freshness = Freshness::default();
        freshness.note(Duration::from_secs(9));
        freshness.note(Duration::from_secs(4));
        assert_eq!(freshness.as_of(), Some(Duration::from_secs(9)));
    }

    #[test]
    fn staleness_is_rounded_up_and_allows_for_clocks_of_another_rate() {
        let after = |elapsed| staleness(Duration::from_secs(7), Duration::from_secs(7) + elapsed).as_millis();
        assert_eq!(after(Duration::ZERO), 0);
        assert_eq!(after(Duration::from_nanos(1)), 1);
        assert_eq!(after(Duration::from_millis(100)), 105);
        assert_eq!(after(Duration::from_millis(101)), 107);
        assert_eq!(after(Duration::from_secs(3_600)), 3_780_000);
    }

    proptest! {
        #[test]
        fn staleness_is_never_understated(as_of_ns in 0..u64::MAX / 2, elapsed_ns in 0..u64::MAX / 2) {
            let as_of = Duration::from_nanos(as_of_ns);
            let stated = staleness(as_of, as_of + Duration::from_nanos(elapsed_ns));
            prop_assert!(stated.as_nanos() * 100 >= u128::from(elapsed_ns) * 105);
            prop_assert_eq!(stated.subsec_nanos() % 1_000_000, 0);
        }
    }
}
