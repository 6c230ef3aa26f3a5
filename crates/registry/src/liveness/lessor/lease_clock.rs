//! The time by which leases live.
//!
//! It goes on with the clock of this member, but not while nobody could renew a lease: while the process does not run,
//! and while no quorum confirms a leader. All deadlines of this member are in this time, so that a pause moves all of
//! them alike.

use std::time::Duration;

#[cfg(quorate_planted)]
use quorate_model::planted::{self, Planted};

/// Between two ticks: as late as a lapse may be found.
pub(super) const TICK: Duration = Duration::from_millis(250);

/// What counts at most from one tick to the next: with more, the process has not run.
const STEP_MAX: Duration = Duration::from_millis(2 * 250);

/// How long no quorum may confirm a leader before time does not count: as long as an election takes.
const UNCONFIRMED_MAX: Duration = Duration::from_secs(3);

/// A clock that counts the time in which leases can be renewed.
#[derive(Debug)]
pub(super) struct LeaseClock {
    /// When it ticked last, by the clock of this member.
    ticked: Duration,
    counted: Duration,
    uncounted: Duration,
}

// === impl LeaseClock ===

impl LeaseClock {
    /// A clock that starts at `now`, and not at zero: what was before can be told apart.
    pub(super) fn new(now: Duration) -> Self {
        Self {
            ticked: now,
            counted: START,
            uncounted: Duration::ZERO,
        }
    }

    /// Goes on to `now`. A quorum has confirmed a leader last as of `confirmed`, by the clock of this member.
    pub(super) fn tick(&mut self, now: Duration, confirmed: Option<Duration>) {
        let passed = now.saturating_sub(self.ticked);
        let counts = passed.min(STEP_MAX).min(self.confirmed_part(confirmed));
        #[cfg(quorate_planted)]
        let counts = if planted::is(Planted::TickGapIgnored) && passed > STEP_MAX {
            passed
        } else {
            counts
        };
        self.counted += counts;
        self.uncounted += passed.saturating_sub(counts);
        self.ticked = now.max(self.ticked);
    }

    /// What has passed since the last tick until the confirmation was too old.
    fn confirmed_part(&self, confirmed: Option<Duration>) -> Duration {
        confirmed.map_or(Duration::ZERO, |at| (at + UNCONFIRMED_MAX).saturating_sub(self.ticked))
    }

    /// The time, in milliseconds since some origin of this process. It may be ahead of the next tick by as much as
    /// counts at most between two, and never behind the one before.
    pub(super) fn read_ms(&self, now: Duration) -> u64 {
        as_ms(self.counted + now.saturating_sub(self.ticked).min(STEP_MAX))
    }

    /// What has not counted so far.
    pub(super) fn uncounted(&self) -> Duration {
        self.uncounted
    }
}

/// Where the clock starts: two days and more, so that the age of any lease can be taken off.
const START: Duration = Duration::from_secs(1 << 20);

fn as_ms(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const T0: Duration = Duration::from_secs(500);

    fn ticking(steps: impl IntoIterator<Item = (u64, Option<u64>)>) -> (u64, u64) {
        let mut clock = LeaseClock::new(T0);
        let begun = clock.read_ms(T0);
        let mut now = T0;
        for (at_ms, confirmed_ms) in steps {
            now = T0 + Duration::from_millis(at_ms);
            clock.tick(now, confirmed_ms.map(|ms| T0 + Duration::from_millis(ms)));
        }
        (clock.read_ms(now) - begun, as_ms(clock.uncounted()))
    }

    #[test]
    fn time_counts_while_the_process_runs_and_a_quorum_confirms() {
        assert_eq!(
            ticking([(250, Some(200)), (500, Some(450)), (750, Some(700))]),
            (750, 0)
        );
    }

    #[test]
    fn a_gap_counts_for_two_ticks_at_most() {
        assert_eq!(ticking([(250, Some(200)), (30_250, Some(30_200))]), (750, 29_500));
    }

    #[test]
    fn time_without_a_confirmed_leader_counts_for_three_seconds() {
        let lost = (1..=40).map(|tick| (tick * 250, Some(0)));
        assert_eq!(ticking(lost), (3_000, 7_000));
        assert_eq!(
            ticking((1..=8).map(|tick| (tick * 250, None))),
            (0, 2_000),
            "there never was one"
        );
    }

    #[test]
    fn a_reading_is_never_far_ahead_of_the_next_tick() {
        let mut clock = LeaseClock::new(T0);
        let late = T0 + Duration::from_secs(60);
        let read = clock.read_ms(late);
        clock.tick(late, Some(late));
        assert_eq!(clock.read_ms(late), read);
    }
}
