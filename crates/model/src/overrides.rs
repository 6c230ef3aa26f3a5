//! Overrides: what operators decide over the heads of registrants.

use std::{cmp::Ordering, fmt};

use crate::{
    InstanceKey, InvalidValue, LogTime, NamespaceName, OverrideReason, Revision, ServiceName, Weight, ZoneName, limits,
};

/// What an override does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OverrideKind {
    /// An instance gets no traffic.
    Disable,
    /// An instance has another weight.
    Weight,
    /// All instances in a zone get no traffic.
    ZoneOut,
}

/// The kinds of overrides that are in force for an instance.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct OverrideKinds(u8);

/// What an override is about, and its name: there is at most one for each target.
///
/// Targets are ordered by namespace, then by service (those of a whole namespace first), kind, and instance or
/// zone.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum OverrideTarget {
    /// An instance gets no traffic, whoever registers it.
    Disable {
        /// The instance, which need not be there.
        key: InstanceKey,
    },
    /// An instance has another weight than its registrant states.
    Weight {
        /// The instance, which need not be there.
        key: InstanceKey,
    },
    /// The instances in a zone get no traffic.
    ZoneOut {
        /// The namespace.
        namespace: NamespaceName,
        /// The only service that it is about; all of the namespace, if absent.
        service: Option<ServiceName>,
        /// The zone.
        zone: ZoneName,
    },
}

/// What an operator states: a target, a weight where the target wants one, and a reason.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct OverrideSpec {
    target: OverrideTarget,
    weight: Option<Weight>,
    reason: OverrideReason,
}

/// How long an override is to last: 1 ms to [`limits::OVERRIDE_EXPIRY_MS_MAX`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExpiresAfter(u64);

/// An override, as the cluster holds it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Override {
    /// What the operator stated.
    pub spec: OverrideSpec,
    /// The revision at which it was last set.
    pub revision: Revision,
    /// Wall-clock milliseconds since the Unix epoch when it was last set; for display only.
    pub set_at_ms: u64,
    /// When it goes by itself; never, if absent.
    pub expires_at: Option<LogTime>,
}

// === impl OverrideKind ===

impl OverrideKind {
    /// All of them, in order.
    pub const ALL: [Self; 3] = [Self::Disable, Self::Weight, Self::ZoneOut];

    /// The word for it, in lower case.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Disable => "disable",
            Self::Weight => "weight",
            Self::ZoneOut => "zone-out",
        }
    }

    const fn bit(self) -> u8 {
        match self {
            Self::Disable => 1,
            Self::Weight => 2,
            Self::ZoneOut => 4,
        }
    }
}

impl fmt::Display for OverrideKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

// === impl OverrideKinds ===

impl OverrideKinds {
    /// No override at all.
    pub const NONE: Self = Self(0);

    /// These and `kind`.
    #[must_use]
    pub const fn with(self, kind: OverrideKind) -> Self {
        Self(self.0 | kind.bit())
    }

    /// Whether `kind` is among them.
    pub const fn contains(self, kind: OverrideKind) -> bool {
        self.0 & kind.bit() != 0
    }

    /// Whether there are none.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Goes through them in order.
    pub fn iter(self) -> impl Iterator<Item = OverrideKind> {
        OverrideKind::ALL.into_iter().filter(move |kind| self.contains(*kind))
    }
}

impl FromIterator<OverrideKind> for OverrideKinds {
    fn from_iter<I: IntoIterator<Item = OverrideKind>>(kinds: I) -> Self {
        kinds.into_iter().fold(Self::NONE, Self::with)
    }
}

impl fmt::Debug for OverrideKinds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

// === impl OverrideTarget ===

impl OverrideTarget {
    /// What an override of it does.
    pub const fn kind(&self) -> OverrideKind {
        match self {
            Self::Disable { .. } => OverrideKind::Disable,
            Self::Weight { .. } => OverrideKind::Weight,
            Self::ZoneOut { .. } => OverrideKind::ZoneOut,
        }
    }

    /// The namespace in which it is.
    pub const fn namespace(&self) -> &NamespaceName {
        match self {
            Self::Disable { key } | Self::Weight { key } => &key.namespace,
            Self::ZoneOut { namespace, .. } => namespace,
        }
    }

    /// The only service that it is about; none, if it is about a whole namespace.
    pub const fn service(&self) -> Option<&ServiceName> {
        match self {
            Self::Disable { key } | Self::Weight { key } => Some(&key.service),
            Self::ZoneOut { service, .. } => service.as_ref(),
        }
    }

    /// The id of the instance or the name of the zone.
    pub fn subject(&self) -> &str {
        match self {
            Self::Disable { key } | Self::Weight { key } => key.id.as_str(),
            Self::ZoneOut { zone, .. } => zone.as_str(),
        }
    }

    fn order(&self) -> (&NamespaceName, Option<&ServiceName>, OverrideKind, &str) {
        (self.namespace(), self.service(), self.kind(), self.subject())
    }
}

impl Ord for OverrideTarget {
    fn cmp(&self, other: &Self) -> Ordering {
        self.order().cmp(&other.order())
    }
}

impl PartialOrd for OverrideTarget {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for OverrideTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let service = self.service().map_or("*", ServiceName::as_str);
        write!(f, "{} {}/{service}/{}", self.kind(), self.namespace(), self.subject())
    }
}

// === impl OverrideSpec ===

impl OverrideSpec {
    /// Puts the parts together; refused if a weight is given for another kind than [`OverrideKind::Weight`], or
    /// not given for that one.
    pub fn new(target: OverrideTarget, weight: Option<Weight>, reason: OverrideReason) -> Result<Self, InvalidValue> {
        let problem = match (target.kind(), weight) {
            (OverrideKind::Weight, Some(_)) | (OverrideKind::Disable | OverrideKind::ZoneOut, None) => {
                return Ok(Self { target, weight, reason });
            }
            (OverrideKind::Weight, None) => "an override of a weight needs the weight",
            (OverrideKind::Disable | OverrideKind::ZoneOut, Some(_)) => {
                "a weight belongs to an override of a weight only"
            }
        };
        Err(InvalidValue::new("override", problem))
    }

    /// What it is about.
    pub fn target(&self) -> &OverrideTarget {
        &self.target
    }

    /// The weight, where the target wants one.
    pub fn weight(&self) -> Option<Weight> {
        self.weight
    }

    /// Why.
    pub fn reason(&self) -> &OverrideReason {
        &self.reason
    }
}

// === impl ExpiresAfter ===

impl ExpiresAfter {
    /// Takes milliseconds.
    pub fn from_ms(ms: u64) -> Result<Self, InvalidValue> {
        let max = limits::OVERRIDE_EXPIRY_MS_MAX;
        if (1..=max).contains(&ms) {
            return Ok(Self(ms));
        }
        let problem = format!("{ms} ms is not one of 1–{max}");
        Err(InvalidValue::new("expiry of an override", problem))
    }

    /// The milliseconds.
    pub const fn as_ms(self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(service: &str, id: &str) -> InstanceKey {
        InstanceKey {
            namespace: NamespaceName::default(),
            service: service.parse().unwrap(),
            id: id.parse().unwrap(),
        }
    }

    fn zone_out(service: Option<&str>, zone: &str) -> OverrideTarget {
        OverrideTarget::ZoneOut {
            namespace: NamespaceName::default(),
            service: service.map(|service| service.parse().unwrap()),
            zone: zone.parse().unwrap(),
        }
    }

    #[test]
    fn kinds_are_a_set() {
        let kinds: OverrideKinds = [OverrideKind::ZoneOut, OverrideKind::Disable].into_iter().collect();
        assert!(kinds.contains(OverrideKind::Disable) && !kinds.contains(OverrideKind::Weight));
        assert_eq!(
            kinds.iter().collect::<Vec<_>>(),
            [OverrideKind::Disable, OverrideKind::ZoneOut]
        );
        assert_eq!(format!("{kinds:?}"), "{Disable, ZoneOut}");
        assert!(OverrideKinds::NONE.is_empty() && !kinds.is_empty());
        assert_eq!(
            OverrideKind::ALL.into_iter().collect::<OverrideKinds>().iter().count(),
            3
        );
    }

    #[test]
    fn targets_are_in_order_of_service_kind_and_subject() {
        let sorted = [
            zone_out(None, "b"),
            OverrideTarget::Disable { key: key("api", "z") },
            OverrideTarget::Weight { key: key("api", "a") },
            zone_out(Some("api"), "a"),
            OverrideTarget::Disable { key: key("web", "a") },
        ];
        assert!(sorted.is_sorted());
        assert_eq!(sorted[0].to_string(), "zone-out default/*/b");
        assert_eq!(sorted[2].to_string(), "weight default/api/a");
    }

    #[test]
    fn a_weight_is_given_where_one_is_wanted_and_nowhere_else() {
        let reason: OverrideReason = "broken".parse().unwrap();
        let new = |target, weight| OverrideSpec::new(target, weight, reason.clone());
        let (disable, weight) = (
            OverrideTarget::Disable { key: key("web", "a") },
            OverrideTarget::Weight { key: key("web", "a") },
        );
        assert!(new(disable.clone(), None).is_ok());
        assert!(new(disable, Some(Weight::new(1))).is_err());
        assert!(new(weight.clone(), None).is_err());
        assert_eq!(
            new(weight, Some(Weight::new(0))).unwrap().weight(),
            Some(Weight::new(0))
        );
        assert!(new(zone_out(None, "a"), Some(Weight::new(1))).is_err());
    }

    #[test]
    fn an_override_expires_after_1_ms_to_a_year() {
        for (ms, fits) in [(0, false), (1, true), (31_536_000_000, true), (31_536_000_001, false)] {
            assert_eq!(ExpiresAfter::from_ms(ms).is_ok(), fits, "{ms}");
        }
    }
}
