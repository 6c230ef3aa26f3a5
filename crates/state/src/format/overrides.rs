//! The frozen format of overrides.

use quorate_model::{
    InvalidValue, LogTime, NamespaceName, Override, OverrideSpec, OverrideTarget, Revision, ServiceName, Weight,
};
use serde::{Deserialize, Serialize};

use super::value::{KeyV1, Text, optional_text, parse_optional, text};

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum OverrideTargetV1 {
    Disable {
        key: KeyV1,
    },
    Weight {
        key: KeyV1,
    },
    ZoneOut {
        namespace: Text,
        service: Option<Text>,
        zone: Text,
    },
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct OverrideSpecV1 {
    target: OverrideTargetV1,
    weight: Option<u16>,
    reason: Text,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct OverrideV1 {
    spec: OverrideSpecV1,
    revision: u64,
    set_at_ms: u64,
    expires_at_ms: Option<u64>,
}

// === impl OverrideTargetV1 ===

impl From<&OverrideTarget> for OverrideTargetV1 {
    fn from(target: &OverrideTarget) -> Self {
        match target {
            OverrideTarget::Disable { key } => Self::Disable { key: key.into() },
            OverrideTarget::Weight { key } => Self::Weight { key: key.into() },
            OverrideTarget::ZoneOut {
                namespace,
                service,
                zone,
            } => Self::ZoneOut {
                namespace: text(namespace),
                service: optional_text(service.as_ref()),
                zone: text(zone),
            },
        }
    }
}

impl TryFrom<OverrideTargetV1> for OverrideTarget {
    type Error = InvalidValue;

    fn try_from(target: OverrideTargetV1) -> Result<Self, InvalidValue> {
        Ok(match target {
            OverrideTargetV1::Disable { key } => Self::Disable { key: key.try_into()? },
            OverrideTargetV1::Weight { key } => Self::Weight { key: key.try_into()? },
            OverrideTargetV1::ZoneOut {
                namespace,
                service,
                zone,
            } => Self::ZoneOut {
                namespace: NamespaceName::try_from(namespace)?,
                service: parse_optional::<ServiceName>(service)?,
                zone: zone.try_into()?,
            },
        })
    }
}

// === impl OverrideSpecV1 ===

impl From<&OverrideSpec> for OverrideSpecV1 {
    fn from(spec: &OverrideSpec) -> Self {
        Self {
            target: spec.target().into(),
            weight: spec.weight().map(Weight::get),
            reason: text(spec.reason()),
        }
    }
}

impl TryFrom<OverrideSpecV1> for OverrideSpec {
    type Error = InvalidValue;

    fn try_from(spec: OverrideSpecV1) -> Result<Self, InvalidValue> {
        Self::new(
            spec.target.try_into()?,
            spec.weight.map(Weight::new),
            spec.reason.try_into()?,
        )
    }
}

// === impl OverrideV1 ===

impl From<&Override> for OverrideV1 {
    fn from(current: &Override) -> Self {
        Self {
            spec: (&current.spec).into(),
            revision: current.revision.get(),
            set_at_ms: current.set_at_ms,
            expires_at_ms: current.expires_at.map(LogTime::as_ms),
        }
    }
}

impl TryFrom<OverrideV1> for Override {
    type Error = InvalidValue;

    fn try_from(current: OverrideV1) -> Result<Self, InvalidValue> {
        Ok(Self {
            spec: current.spec.try_into()?,
            revision: Revision::new(current.revision),
            set_at_ms: current.set_at_ms,
            expires_at: current.expires_at_ms.map(LogTime::from_ms),
        })
    }
}
