//! Settings of a service: what operators decide about how it is guarded.

use std::fmt;

use crate::{InvalidValue, LeaseTtl, limits};

/// The share of a service's leases, in percent, that may lapse at once before it is guarded: 1–100.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GuardShare(u8);

/// How many instances the guard never lets an answer fall below: 0 to [`limits::INSTANCES_PER_SERVICE_MAX`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProtectMinimum(u16);

/// What is set for a service; the default where nobody has set anything.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct ServiceSettings {
    /// How many leases may lapse at once.
    pub guard_share: GuardShare,
    /// The time to live of a lease that is granted for it without one.
    pub default_ttl: LeaseTtl,
    /// How many instances the guard protects at least.
    pub protect_minimum: ProtectMinimum,
}

/// A change of settings: what is given replaces its predecessor, the rest stays.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct SettingsPatch {
    /// A new share.
    pub guard_share: Option<GuardShare>,
    /// A new time to live.
    pub default_ttl: Option<LeaseTtl>,
    /// A new minimum.
    pub protect_minimum: Option<ProtectMinimum>,
}

// === impl GuardShare ===

impl GuardShare {
    /// Takes percent.
    pub fn from_percent(percent: u32) -> Result<Self, InvalidValue> {
        u8::try_from(percent)
            .ok()
            .filter(|percent| (1..=100).contains(percent))
            .map(Self)
            .ok_or_else(|| InvalidValue::new("guard share", format!("{percent} % is not one of 1–100")))
    }

    /// The percent.
    pub const fn as_percent(self) -> u8 {
        self.0
    }
}

impl Default for GuardShare {
    fn default() -> Self {
        Self(15)
    }
}

impl fmt::Display for GuardShare {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} %", self.0)
    }
}

// === impl ProtectMinimum ===

impl ProtectMinimum {
    /// The number.
    pub const fn get(self) -> u16 {
        self.0
    }
}

impl TryFrom<u32> for ProtectMinimum {
    type Error = InvalidValue;

    fn try_from(count: u32) -> Result<Self, InvalidValue> {
        let max = limits::INSTANCES_PER_SERVICE_MAX;
        u16::try_from(count)
            .ok()
            .filter(|count| usize::from(*count) <= max)
            .map(Self)
            .ok_or_else(|| InvalidValue::new("protected minimum", format!("{count} is not one of 0–{max}")))
    }
}

impl fmt::Display for ProtectMinimum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

// === impl ServiceSettings ===

impl ServiceSettings {
    /// Whether anything differs from the defaults.
    pub fn is_customized(&self) -> bool {
        *self != Self::default()
    }

    /// The same with `patch` applied.
    #[must_use]
    pub fn patched(&self, patch: &SettingsPatch) -> Self {
        Self {
            guard_share: patch.guard_share.unwrap_or(self.guard_share),
            default_ttl: patch.default_ttl.unwrap_or(self.default_ttl),
            protect_minimum: patch.protect_minimum.unwrap_or(self.protect_minimum),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_within_their_bounds() {
        for (percent, fits) in [(0, false), (1, true), (100, true), (101, false), (256 + 15, false)] {
            assert_eq!(GuardShare::from_percent(percent).is_ok(), fits, "{percent}");
        }
        for (count, fits) in [(0_u32, true), (10_000, true), (10_001, false), (65_536, false)] {
            assert_eq!(ProtectMinimum::try_from(count).is_ok(), fits, "{count}");
        }
    }

    #[test]
    fn a_patch_replaces_what_it_gives() {
        let patch = SettingsPatch {
            protect_minimum: Some(ProtectMinimum(3)),
            ..SettingsPatch::default()
        };
        let patched = ServiceSettings::default().patched(&patch);
        assert!(patched.is_customized() && !ServiceSettings::default().is_customized());
        let (share, ttl) = (patched.guard_share.as_percent(), patched.default_ttl.as_ms());
        assert_eq!((share, ttl, patched.protect_minimum.get()), (15, 15_000, 3));
    }
}
