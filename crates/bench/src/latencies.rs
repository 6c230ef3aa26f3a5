//! How long renewals took: counted in classes, so that millions of them take no room.

use std::time::Duration;

/// Classes for each doubling: none is wider than 1/32 of what it holds.
const CLASSES_PER_DOUBLING: u32 = 32;

/// Microseconds below which each has a class of its own.
const EXACT_BELOW: u64 = 64;

/// Counts times by their classes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Latencies {
    counts: Vec<u64>,
    count: u64,
    longest_us: u64,
}

// === impl Latencies ===

impl Latencies {
    /// Takes `count` times of this length.
    pub(crate) fn record(&mut self, time: Duration, count: u64) {
        let us = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        let class = class(us);
        if self.counts.len() <= class {
            self.counts.resize(class + 1, 0);
        }
        self.counts[class] += count;
        self.count += count;
        self.longest_us = self.longest_us.max(us);
    }

    /// Takes those of another.
    pub(crate) fn add(&mut self, other: &Self) {
        if self.counts.len() < other.counts.len() {
            self.counts.resize(other.counts.len(), 0);
        }
        for (own, more) in self.counts.iter_mut().zip(&other.counts) {
            *own += more;
        }
        self.count += other.count;
        self.longest_us = self.longest_us.max(other.longest_us);
    }

    /// How many there are.
    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// The time that so many of a thousand did not exceed; none without any.
    pub(crate) fn quantile(&self, permille: u64) -> Duration {
        let rank = (self.count * permille).div_ceil(1_000).max(1);
        let mut seen = 0;
        for (class, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= rank {
                return Duration::from_micros(highest(class).min(self.longest_us));
            }
        }
        Duration::ZERO
    }

    /// The longest one.
    pub(crate) fn longest(&self) -> Duration {
        Duration::from_micros(self.longest_us)
    }
}

fn class(us: u64) -> usize {
    if us < EXACT_BELOW {
        return usize::try_from(us).unwrap_or(usize::MAX);
    }
    // The highest bit names the doubling, the five bits below it the class in it.
    let doubling = us.ilog2();
    let within = (us >> (doubling - CLASSES_PER_DOUBLING.ilog2())) & u64::from(CLASSES_PER_DOUBLING - 1);
    let before = EXACT_BELOW + u64::from(doubling - EXACT_BELOW.ilog2()) * u64::from(CLASSES_PER_DOUBLING);
    usize::try_from(before + within).unwrap_or(usize::MAX)
}

/// The most microseconds that belong to a class.
fn highest(class: usize) -> u64 {
    let class = class as u64;
    if class < EXACT_BELOW {
        return class;
    }
    let behind = class - EXACT_BELOW;
    let per_doubling = u64::from(CLASSES_PER_DOUBLING);
    let doubling = u64::from(EXACT_BELOW.ilog2()) + behind / per_doubling;
    let shift = doubling - u64::from(CLASSES_PER_DOUBLING.ilog2());
    ((per_doubling + behind % per_doubling + 1) << shift) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_time_is_within_its_class_and_no_class_is_wide() {
        for us in (0..100_000).chain([1 << 20, (1 << 20) + 1, 1 << 31, (1 << 40) - 1]) {
            let class = class(us);
            assert!(us <= highest(class), "{us}");
            assert!(class == 0 || us > highest(class - 1), "{us}");
            assert!(highest(class) - us <= us / 32, "{us}");
        }
    }

    #[test]
    fn quantiles_are_those_of_all_that_was_counted() {
        let mut latencies = Latencies::default();
        assert_eq!(
            (latencies.quantile(500), latencies.longest()),
            (Duration::ZERO, Duration::ZERO)
        );
        latencies.record(Duration::from_micros(10), 50);
        let mut others = Latencies::default();
        others.record(Duration::from_micros(20), 49);
        others.record(Duration::from_millis(3), 1);
        latencies.add(&others);
        assert_eq!(latencies.count(), 100);
        let quantiles = [500, 510, 990, 1_000].map(|permille| latencies.quantile(permille).as_micros());
        assert_eq!(quantiles, [10, 20, 20, 3_000]);
    }
}
