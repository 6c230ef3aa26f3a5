//! How long to wait before all members are asked again.

use std::time::Duration;

use rand::{RngExt as _, rngs::SmallRng};

/// The first wait: some round trips.
const FIRST: Duration = Duration::from_millis(50);

/// The longest wait: an election is over by then.
const LONGEST: Duration = Duration::from_secs(1);

/// Waits that double up to a bound, each shortened by up to a half at random, so that clients that failed
/// together do not come back together.
#[derive(Debug)]
pub(crate) struct Backoff {
    next: Duration,
}

// === impl Backoff ===

impl Backoff {
    /// Starts with the shortest wait.
    pub(crate) const fn new() -> Self {
        Self { next: FIRST }
    }

    /// The next wait.
    pub(crate) fn draw(&mut self, rng: &mut SmallRng) -> Duration {
        let full = self.next;
        self.next = (full * 2).min(LONGEST);
        full.mul_f64(rng.random_range(0.5..=1.0))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand::SeedableRng as _;

    use super::*;

    proptest! {
        #[test]
        fn waits_grow_and_stay_within_their_bounds(seed: u64) {
            let (mut rng, mut backoff) = (SmallRng::seed_from_u64(seed), Backoff::new());
            let waits: Vec<_> = (0..10).map(|_| backoff.draw(&mut rng)).collect();
            prop_assert!(waits[0] >= FIRST / 2 && waits[0] <= FIRST);
            prop_assert!(waits[9] >= LONGEST / 2);
            prop_assert!(waits.iter().all(|wait| *wait <= LONGEST));
        }
    }
}
