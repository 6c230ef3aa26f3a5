//! What the cluster answers about guards.

use std::time::Duration;

use quorate_model::{GuardCause, GuardScope, Revision};
use quorate_proto::{
    cluster as cluster_pb,
    convert::{self, InvalidField},
    registry as pb,
};

use super::{Answer, parse::list};

/// A guard that is raised: so many leases of its scope lapsed at once that it looks like a fault of the network. While
/// it is, the instances that lapsed in its time stay in default answers, as suspect ones, and nothing in it expires.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GuardState {
    /// What it is raised for.
    pub scope: GuardScope,
    /// The revision at which it was raised.
    pub revision: Revision,
    /// Why.
    pub cause: GuardCause,
    /// How many instances of the scope are suspect.
    pub suspect: u32,
    /// How many instances of the scope leases keep.
    pub leased: u32,
    /// How long it lasts at most from the state that was read on, in the cluster's time.
    pub remaining: Duration,
}

/// What raising a guard came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GuardRaised {
    /// Whether anything changed. One that is raised already stays, for as long as is asked for from now on.
    pub changed: bool,
}

/// What dropping a guard came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GuardDropped {
    /// Whether it was raised.
    pub existed: bool,
}

impl TryFrom<pb::Guard> for GuardState {
    type Error = InvalidField;

    fn try_from(message: pb::Guard) -> Result<Self, InvalidField> {
        Ok(Self {
            scope: convert::guard_scope(message.scope)?,
            revision: Revision::new(message.revision),
            cause: convert::guard_cause(message.cause)?,
            suspect: message.suspect,
            leased: message.leased,
            remaining: Duration::from_millis(message.remaining_ms),
        })
    }
}

impl TryFrom<cluster_pb::ListGuardsResponse> for Answer<Vec<GuardState>> {
    type Error = InvalidField;

    fn try_from(message: cluster_pb::ListGuardsResponse) -> Result<Self, InvalidField> {
        let guards = list("guards", message.guards)?;
        Self::new(message.header, guards)
    }
}

impl TryFrom<cluster_pb::RaiseGuardResponse> for Answer<GuardRaised> {
    type Error = InvalidField;

    fn try_from(message: cluster_pb::RaiseGuardResponse) -> Result<Self, InvalidField> {
        let changed = message.changed;
        Self::new(message.header, GuardRaised { changed })
    }
}

impl TryFrom<cluster_pb::DropGuardResponse> for Answer<GuardDropped> {
    type Error = InvalidField;

    fn try_from(message: cluster_pb::DropGuardResponse) -> Result<Self, InvalidField> {
        let existed = message.existed;
        Self::new(message.header, GuardDropped { existed })
    }
}
