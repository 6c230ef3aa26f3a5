//! Requests about guards.

use quorate_model::{Consistency, GuardScope, GuardTime};

use crate::{
    cluster as pb,
    convert::{self, InvalidField, field::Field as _},
};

/// See `Operator.ListGuards`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListGuards {
    /// How fresh the answer has to be.
    pub consistency: Consistency,
}

/// See `Operator.RaiseGuard`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RaiseGuard {
    /// What it is raised for.
    pub scope: GuardScope,
    /// How long it lasts at most.
    pub lasts: GuardTime,
}

/// See `Operator.DropGuard`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DropGuard {
    /// What it is raised for.
    pub scope: GuardScope,
}

// === impl ListGuards ===

impl TryFrom<pb::ListGuardsRequest> for ListGuards {
    type Error = InvalidField;

    fn try_from(message: pb::ListGuardsRequest) -> Result<Self, InvalidField> {
        Ok(Self {
            consistency: convert::consistency(message.consistency)?,
        })
    }
}

impl From<ListGuards> for pb::ListGuardsRequest {
    fn from(request: ListGuards) -> Self {
        Self {
            consistency: Some(convert::consistency_to_wire(request.consistency)),
        }
    }
}

// === impl RaiseGuard ===

impl TryFrom<pb::RaiseGuardRequest> for RaiseGuard {
    type Error = InvalidField;

    fn try_from(message: pb::RaiseGuardRequest) -> Result<Self, InvalidField> {
        let lasts = match message.lasts_ms {
            0 => GuardTime::default(),
            ms => GuardTime::from_ms(ms).field("lasts_ms")?,
        };
        Ok(Self {
            scope: convert::guard_scope(message.scope)?,
            lasts,
        })
    }
}

impl From<RaiseGuard> for pb::RaiseGuardRequest {
    fn from(request: RaiseGuard) -> Self {
        Self {
            scope: Some(convert::guard_scope_to_wire(&request.scope)),
            lasts_ms: request.lasts.as_ms(),
        }
    }
}

// === impl DropGuard ===

impl TryFrom<pb::DropGuardRequest> for DropGuard {
    type Error = InvalidField;

    fn try_from(message: pb::DropGuardRequest) -> Result<Self, InvalidField> {
        Ok(Self {
            scope: convert::guard_scope(message.scope)?,
        })
    }
}

impl From<DropGuard> for pb::DropGuardRequest {
    fn from(request: DropGuard) -> Self {
        Self {
            scope: Some(convert::guard_scope_to_wire(&request.scope)),
        }
    }
}
