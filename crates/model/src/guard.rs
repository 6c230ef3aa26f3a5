//! Guards: what keeps an answer from collapsing when many leases lapse at once.

use std::fmt;

use crate::{InvalidValue, NamespaceName, ServiceKey, ZoneName, limits};

/// What a guard is raised for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum GuardScope {
    /// One service.
    Service(ServiceKey),
    /// The instances in a zone, of whatever namespace.
    Zone(ZoneName),
    /// All services of a namespace.
    Namespace(NamespaceName),
    /// Everything.
    Cluster,
}

/// Why a guard was raised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum GuardCause {
    /// More than the allowed share of the scope lapsed within one time to live.
    Share,
    /// The service would have been left with fewer instances than it must have.
    Floor,
    /// An operator raised it.
    Operator,
}

/// How long a guard that an operator raises lasts at most, in the time of the cluster: 1 ms to 24 h, ten minutes unless
/// told otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GuardTime(u64);

// === impl GuardScope ===

impl fmt::Display for GuardScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Service(service) => write!(f, "service {service}"),
            Self::Zone(zone) => write!(f, "zone {zone}"),
            Self::Namespace(namespace) => write!(f, "namespace {namespace}"),
            Self::Cluster => f.write_str("cluster"),
        }
    }
}

// === impl GuardCause ===

impl GuardCause {
    /// All of them, in order.
    pub const ALL: [Self; 3] = [Self::Share, Self::Floor, Self::Operator];

    /// The word for it, in lower case.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Share => "share",
            Self::Floor => "floor",
            Self::Operator => "operator",
        }
    }
}

impl fmt::Display for GuardCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

// === impl GuardTime ===

impl GuardTime {
    /// Takes milliseconds.
    pub fn from_ms(ms: u64) -> Result<Self, InvalidValue> {
        let max = limits::GUARD_MS_MAX;
        if (1..=max).contains(&ms) {
            return Ok(Self(ms));
        }
        let problem = format!("{ms} ms is not one of 1–{max}");
        Err(InvalidValue::new("time of a guard", problem))
    }

    /// The milliseconds.
    pub const fn as_ms(self) -> u64 {
        self.0
    }
}

impl Default for GuardTime {
    fn default() -> Self {
        Self(limits::GUARD_MS_DEFAULT)
    }
}

impl fmt::Display for GuardTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ms", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_are_in_order_from_the_narrowest_to_the_widest() {
        let service = ServiceKey {
            namespace: NamespaceName::default(),
            service: "web".parse().unwrap(),
        };
        let sorted = [
            GuardScope::Service(service),
            GuardScope::Zone("a".parse().unwrap()),
            GuardScope::Zone("b".parse().unwrap()),
            GuardScope::Namespace("a".parse().unwrap()),
            GuardScope::Cluster,
        ];
        assert!(sorted.is_sorted());
        let shown: Vec<String> = sorted.iter().map(ToString::to_string).collect();
        assert_eq!(
            shown,
            ["service default/web", "zone a", "zone b", "namespace a", "cluster"]
        );
    }

    #[test]
    fn a_guard_lasts_up_to_a_day_and_ten_minutes_unless_told() {
        for (ms, fits) in [(0, false), (1, true), (86_400_000, true), (86_400_001, false)] {
            assert_eq!(GuardTime::from_ms(ms).is_ok(), fits, "{ms}");
        }
        assert_eq!(GuardTime::default().as_ms(), 600_000);
    }
}
