//! The frozen format of guards.

use quorate_model::{GuardCause, GuardScope, InvalidValue, LogTime, Revision};
use serde::{Deserialize, Serialize};

use super::{
    mirror::mirror,
    value::{ServiceKeyV1, Text, text},
};
use crate::{Guard, guards::GuardState};

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum GuardScopeV1 {
    Service(ServiceKeyV1),
    Zone(Text),
    Namespace(Text),
    Cluster,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum GuardCauseV1 {
    Share,
    Floor,
    Operator,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum GuardStateV1 {
    Raised {
        revision: u64,
        raised_at_ms: u64,
        drops_at_ms: u64,
        cause: GuardCauseV1,
        counts_from: u64,
    },
    Dropped {
        revision: u64,
        at_ms: u64,
    },
}

// === impl GuardScopeV1 ===

impl From<&GuardScope> for GuardScopeV1 {
    fn from(scope: &GuardScope) -> Self {
        match scope {
            GuardScope::Service(service) => Self::Service(service.into()),
            GuardScope::Zone(zone) => Self::Zone(text(zone)),
            GuardScope::Namespace(namespace) => Self::Namespace(text(namespace)),
            GuardScope::Cluster => Self::Cluster,
        }
    }
}

impl TryFrom<GuardScopeV1> for GuardScope {
    type Error = InvalidValue;

    fn try_from(scope: GuardScopeV1) -> Result<Self, InvalidValue> {
        Ok(match scope {
            GuardScopeV1::Service(service) => Self::Service(service.try_into()?),
            GuardScopeV1::Zone(zone) => Self::Zone(zone.try_into()?),
            GuardScopeV1::Namespace(namespace) => Self::Namespace(namespace.try_into()?),
            GuardScopeV1::Cluster => Self::Cluster,
        })
    }
}

// === impl GuardStateV1 ===

impl From<&GuardState> for GuardStateV1 {
    fn from(state: &GuardState) -> Self {
        match state {
            GuardState::Raised(guard) => Self::Raised {
                revision: guard.revision.get(),
                raised_at_ms: guard.raised_at.as_ms(),
                drops_at_ms: guard.drops_at.as_ms(),
                cause: guard.cause.into(),
                counts_from: guard.counts_from.get(),
            },
            GuardState::Dropped { revision, at } => Self::Dropped {
                revision: revision.get(),
                at_ms: at.as_ms(),
            },
        }
    }
}

impl From<GuardStateV1> for GuardState {
    fn from(state: GuardStateV1) -> Self {
        match state {
            GuardStateV1::Raised {
                revision,
                raised_at_ms,
                drops_at_ms,
                cause,
                counts_from,
            } => Self::Raised(Guard {
                revision: Revision::new(revision),
                raised_at: LogTime::from_ms(raised_at_ms),
                drops_at: LogTime::from_ms(drops_at_ms),
                cause: cause.into(),
                counts_from: Revision::new(counts_from),
            }),
            GuardStateV1::Dropped { revision, at_ms } => Self::Dropped {
                revision: Revision::new(revision),
                at: LogTime::from_ms(at_ms),
            },
        }
    }
}

// === impl GuardCauseV1 ===

mirror!(GuardCause, GuardCauseV1: Share, Floor, Operator);
