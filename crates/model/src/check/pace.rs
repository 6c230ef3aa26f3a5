//! How often a check looks, and how soon it changes its mind.

use std::time::Duration;

use crate::{InvalidValue, limits};

/// The parts of a [`Pace`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PaceParts {
    /// Between two probes, in milliseconds.
    pub interval_ms: u64,
    /// How long one may take, in milliseconds: up to the interval.
    pub timeout_ms: u64,
    /// Good results in a row that make it pass.
    pub rise: u32,
    /// Bad results in a row that make it critical.
    pub fall: u32,
}

/// How often a check looks, how long it waits, and how many results in a row make it change its mind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Pace {
    interval_ms: u32,
    timeout_ms: u32,
    rise: u8,
    fall: u8,
}

// === impl PaceParts ===

impl PaceParts {
    /// Between two probes unless told otherwise, in milliseconds.
    pub const INTERVAL_MS_DEFAULT: u64 = 10_000;

    /// How long a probe may take unless told otherwise and if the interval is as long, in milliseconds.
    pub const TIMEOUT_MS_DEFAULT: u64 = 2_000;

    /// Good results in a row that make a check pass unless told otherwise.
    pub const RISE_DEFAULT: u32 = 2;

    /// Bad results in a row that make a check critical unless told otherwise.
    pub const FALL_DEFAULT: u32 = 3;
}

impl Default for PaceParts {
    fn default() -> Self {
        Self {
            interval_ms: Self::INTERVAL_MS_DEFAULT,
            timeout_ms: Self::TIMEOUT_MS_DEFAULT,
            rise: Self::RISE_DEFAULT,
            fall: Self::FALL_DEFAULT,
        }
    }
}

// === impl Pace ===

impl Pace {
    /// Puts the parts together.
    pub fn new(parts: PaceParts) -> Result<Self, InvalidValue> {
        let (interval_min, interval_max) = (limits::CHECK_INTERVAL_MS_MIN, limits::CHECK_INTERVAL_MS_MAX);
        let interval_ms = within("interval_ms", parts.interval_ms, interval_min, interval_max)?;
        let timeout_min = limits::CHECK_TIMEOUT_MS_MIN;
        let timeout_ms = within("timeout_ms", parts.timeout_ms, timeout_min, parts.interval_ms)?;
        let streak = |what, results: u32| within(what, results, 1, limits::CHECK_STREAK_MAX.into());
        let (rise, fall) = (streak("rise", parts.rise)?, streak("fall", parts.fall)?);
        Ok(Self {
            interval_ms,
            timeout_ms,
            rise,
            fall,
        })
    }

    /// The parts.
    pub fn parts(self) -> PaceParts {
        PaceParts {
            interval_ms: self.interval_ms.into(),
            timeout_ms: self.timeout_ms.into(),
            rise: self.rise.into(),
            fall: self.fall.into(),
        }
    }

    /// Between two probes.
    pub fn interval(self) -> Duration {
        Duration::from_millis(self.interval_ms.into())
    }

    /// How long one may take: never longer than the interval.
    pub fn timeout(self) -> Duration {
        Duration::from_millis(self.timeout_ms.into())
    }

    /// Good results in a row that make it pass, at least 1.
    pub fn rise(self) -> u8 {
        self.rise
    }

    /// Bad results in a row that make it critical, at least 1.
    pub fn fall(self) -> u8 {
        self.fall
    }
}

impl Default for Pace {
    fn default() -> Self {
        Self::new(PaceParts::default()).expect("the defaults are within the limits")
    }
}

/// The number as one of the smaller type, if it is within the bounds.
fn within<N, T>(what: &'static str, number: N, min: N, max: N) -> Result<T, InvalidValue>
where
    N: Copy + PartialOrd + std::fmt::Display,
    T: TryFrom<N>,
{
    let narrow = (min..=max)
        .contains(&number)
        .then(|| T::try_from(number).ok())
        .flatten();
    narrow.ok_or_else(|| InvalidValue::new(what, format!("{number} is not one of {min}–{max}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const USUAL: PaceParts = PaceParts {
        interval_ms: 10_000,
        timeout_ms: 2_000,
        rise: 2,
        fall: 3,
    };

    #[test]
    fn the_usual_pace() {
        assert_eq!(Pace::default().parts(), USUAL);
        assert_eq!(Pace::default().interval(), Duration::from_secs(10));
        assert_eq!(Pace::default().timeout(), Duration::from_secs(2));
        assert_eq!((Pace::default().rise(), Pace::default().fall()), (2, 3));
    }

    #[test]
    fn the_ends_of_each_range_are_within_it() {
        let pace = |interval_ms, timeout_ms, rise, fall| PaceParts {
            interval_ms,
            timeout_ms,
            rise,
            fall,
        };
        for fine in [
            pace(1_000, 100, 1, 1),
            pace(1_000, 1_000, 10, 10),
            pace(3_600_000, 3_600_000, 1, 10),
        ] {
            assert_eq!(Pace::new(fine).map(Pace::parts), Ok(fine));
        }
        for (bad, what) in [
            (pace(999, 100, 1, 1), "interval_ms"),
            (pace(3_600_001, 100, 1, 1), "interval_ms"),
            (pace(u64::MAX, 100, 1, 1), "interval_ms"),
            (pace(1_000, 99, 1, 1), "timeout_ms"),
            (pace(1_000, 1_001, 1, 1), "timeout_ms"),
            (pace(1_000, 100, 0, 1), "rise"),
            (pace(1_000, 100, 11, 1), "rise"),
            (pace(1_000, 100, 1, 0), "fall"),
            (pace(1_000, 100, 1, u32::MAX), "fall"),
        ] {
            assert_eq!(Pace::new(bad).unwrap_err().what(), what);
        }
    }
}
