//! How an instance stands: what is intended for it, what is observed of it, and its share of the load.

use std::{fmt, str::FromStr, time::Duration};

use crate::{Instance, InvalidValue, OverrideKind, OverrideKinds, limits};

/// What the operator or the owner intends for an instance.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Availability {
    /// It is to be used.
    #[default]
    Enabled,
    /// It finishes what it has begun and is given nothing new.
    Draining,
    /// It is not to be used.
    Disabled,
}

/// What is observed of an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Health {
    /// Nothing speaks against it.
    Passing,
    /// It works, with something to look at.
    Warning,
    /// It does not work.
    Critical,
    /// It is probed and nothing is known yet.
    Unknown,
}

/// Whether the process behind an instance is known to live.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Liveness {
    /// No lease keeps it: it stays until it is taken out.
    #[default]
    Persistent,
    /// Its lease is renewed.
    Live,
    /// Its lease has lapsed together with many others, and a guard keeps it in default answers.
    Suspect,
    /// Its lease has lapsed: it is not in default answers.
    Lapsed,
}

/// How long an instance drains until it is disabled, in the time of the cluster: 1 ms to 24 h.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DrainTime(u64);

/// The share of the load that an instance takes, relative to its siblings. Zero takes none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Weight(u16);

/// How an instance stands once the overrides that are in force for it have had their say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Standing {
    /// What is intended for it in the end.
    pub availability: Availability,
    /// Its share of the load in the end.
    pub weight: Weight,
    /// Which overrides had a say.
    pub overrides: OverrideKinds,
    /// Whether the process behind it is known to live. That a guard has a say in it, is not known of a standing without
    /// any override.
    pub liveness: Liveness,
}

// === impl Availability ===

impl Availability {
    /// The word for it, in lower case.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Enabled => "enabled",
            Self::Draining => "draining",
            Self::Disabled => "disabled",
        }
    }
}

impl fmt::Display for Availability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Availability {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        [Self::Enabled, Self::Draining, Self::Disabled]
            .into_iter()
            .find(|availability| availability.as_str() == text)
            .ok_or_else(|| {
                let problem = format!("{text:?} is not one of enabled, draining, disabled");
                InvalidValue::new("availability", problem)
            })
    }
}

// === impl Health ===

impl Health {
    /// The word for it, in lower case.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Passing => "passing",
            Self::Warning => "warning",
            Self::Critical => "critical",
            Self::Unknown => "unknown",
        }
    }
}

impl fmt::Display for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Health {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        [Self::Passing, Self::Warning, Self::Critical, Self::Unknown]
            .into_iter()
            .find(|health| health.as_str() == text)
            .ok_or_else(|| {
                let problem = format!("{text:?} is not one of passing, warning, critical, unknown");
                InvalidValue::new("health", problem)
            })
    }
}

// === impl Liveness ===

impl Liveness {
    /// The word for it, in lower case.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Persistent => "persistent",
            Self::Live => "live",
            Self::Suspect => "suspect",
            Self::Lapsed => "lapsed",
        }
    }
}

impl fmt::Display for Liveness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

// === impl DrainTime ===

impl DrainTime {
    /// Takes milliseconds.
    pub fn from_ms(ms: u64) -> Result<Self, InvalidValue> {
        let max = limits::DRAIN_MS_MAX;
        if (1..=max).contains(&ms) {
            return Ok(Self(ms));
        }
        let problem = format!("{ms} ms is not one of 1–{max}");
        Err(InvalidValue::new("time of a drain", problem))
    }

    /// The milliseconds.
    pub const fn as_ms(self) -> u64 {
        self.0
    }
}

impl TryFrom<Duration> for DrainTime {
    type Error = InvalidValue;

    fn try_from(time: Duration) -> Result<Self, InvalidValue> {
        Self::from_ms(u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
    }
}

impl From<DrainTime> for Duration {
    fn from(time: DrainTime) -> Self {
        Self::from_millis(time.0)
    }
}

impl fmt::Display for DrainTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ms", self.0)
    }
}

// === impl Weight ===

impl Weight {
    /// Wraps the number.
    pub const fn new(weight: u16) -> Self {
        Self(weight)
    }

    /// The number.
    pub const fn get(self) -> u16 {
        self.0
    }

    fn refused(found: impl fmt::Display) -> InvalidValue {
        InvalidValue::new("weight", format!("{found} is not one of 0–{}", u16::MAX))
    }
}

impl Default for Weight {
    fn default() -> Self {
        Self(100)
    }
}

impl TryFrom<u32> for Weight {
    type Error = InvalidValue;

    fn try_from(weight: u32) -> Result<Self, InvalidValue> {
        u16::try_from(weight).map(Self).map_err(|_| Self::refused(weight))
    }
}

impl FromStr for Weight {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        text.parse()
            .map(Self)
            .map_err(|_| Self::refused(format_args!("{text:?}")))
    }
}

impl fmt::Display for Weight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

// === impl Standing ===

impl Standing {
    /// The standing of `instance` without any override.
    pub fn of(instance: &Instance) -> Self {
        Self {
            availability: instance.availability(),
            weight: instance.spec().weight(),
            overrides: OverrideKinds::NONE,
            liveness: instance.liveness(),
        }
    }

    /// The same under an override that takes the instance, or the zone that it is in, out of the traffic.
    #[must_use]
    pub fn taken_out(self, kind: OverrideKind) -> Self {
        Self {
            availability: Availability::Disabled,
            overrides: self.overrides.with(kind),
            ..self
        }
    }

    /// The same under an override that replaces the weight.
    #[must_use]
    pub fn weighing(self, weight: Weight) -> Self {
        Self {
            weight,
            overrides: self.overrides.with(OverrideKind::Weight),
            ..self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_are_0_to_65535_and_100_unless_told() {
        assert_eq!(Weight::default().get(), 100);
        assert_eq!("0".parse(), Ok(Weight::new(0)));
        assert_eq!(Weight::try_from(65_535_u32), Ok(Weight::new(u16::MAX)));
        assert!(Weight::try_from(65_536_u32).is_err());
        assert!("-1".parse::<Weight>().is_err());
    }

    #[test]
    fn availability_reads_its_own_words() {
        for availability in [Availability::Enabled, Availability::Draining, Availability::Disabled] {
            assert_eq!(availability.to_string().parse(), Ok(availability));
        }
        assert!("Enabled".parse::<Availability>().is_err());
    }

    #[test]
    fn an_instance_drains_1_ms_to_a_day() {
        for (ms, fits) in [(0, false), (1, true), (86_400_000, true), (86_400_001, false)] {
            assert_eq!(DrainTime::from_ms(ms).is_ok(), fits, "{ms}");
        }
        assert!(DrainTime::try_from(Duration::ZERO).is_err());
    }

    #[test]
    fn health_reads_its_own_words() {
        for health in [Health::Passing, Health::Warning, Health::Critical, Health::Unknown] {
            assert_eq!(health.to_string().parse(), Ok(health));
        }
        assert!("ok".parse::<Health>().is_err());
    }
}
