//! The clocks of the machine.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use quorate_model::Clock;
use rustix::time::{ClockId, clock_gettime};

/// The clocks of the machine. All values are the same clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

// === impl SystemClock ===

impl Clock for SystemClock {
    fn now(&self) -> Duration {
        // Not the clock of `Instant`, which stands still while the machine is suspended: what is measured with it
        // would seem fresh after an hour of sleep.
        let now = clock_gettime(ClockId::Boottime);
        Duration::try_from(now).expect("the time since the machine started is not negative")
    }

    fn wall_ms(&self) -> u64 {
        #[expect(clippy::disallowed_methods, reason = "this is the clock that others are given")]
        let now = SystemTime::now();
        let since_epoch = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_goes_on_and_is_one_for_all() {
        let (one, other) = (SystemClock, SystemClock);
        let earlier = one.now();
        assert!(other.now() >= earlier);
        assert!(one.wall_ms() > 1_700_000_000_000, "it is later than 2023");
    }
}
