//! The clocks of the machine.

use std::{
    sync::LazyLock,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use quorate_model::Clock;

/// The moment from which monotonic time counts in this process.
static ORIGIN: LazyLock<Instant> = LazyLock::new(read_monotonic);

/// The clocks of the machine. All values are the same clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

// === impl SystemClock ===

impl Clock for SystemClock {
    fn now(&self) -> Duration {
        // The origin first: time read before it would count from a later moment.
        let origin = *ORIGIN;
        read_monotonic().duration_since(origin)
    }

    fn wall_ms(&self) -> u64 {
        #[expect(clippy::disallowed_methods, reason = "this is the clock that others are given")]
        let now = SystemTime::now();
        let since_epoch = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX)
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the clock that others are given")]
fn read_monotonic() -> Instant {
    Instant::now()
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
