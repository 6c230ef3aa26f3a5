//! Events: what an applied command changed in the catalog, in the overrides and in the guards.

use std::sync::Arc;

use quorate_model::{GuardScope, Instance, InstanceKey, Override, OverrideTarget};

use crate::Guard;

/// One change of one instance, override or guard. All events of a log entry share its revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// An instance came or changed.
    Put {
        /// As it is now.
        instance: Arc<Instance>,
        /// As it was before, unless it is new.
        previous: Option<Arc<Instance>>,
    },
    /// An instance went.
    Delete {
        /// As it was before.
        previous: Arc<Instance>,
    },
    /// An override came or changed. What it does to instances has no events of its own.
    OverrideSet {
        /// As it is now.
        current: Arc<Override>,
        /// As it was before, unless it is new.
        previous: Option<Arc<Override>>,
    },
    /// An override went: it was taken back, or its time was over.
    OverrideCleared {
        /// As it was before.
        previous: Arc<Override>,
    },
    /// A guard was raised for a scope, or given another end. What it does to instances has no events of its own.
    GuardRaised {
        /// What it is raised for.
        scope: GuardScope,
        /// The guard.
        guard: Guard,
    },
    /// A guard was dropped: what was suspect by it is out.
    GuardDropped {
        /// What it was raised for.
        scope: GuardScope,
    },
}

// === impl Event ===

impl Event {
    /// The instance that it is about, if it is about one.
    pub fn instance_key(&self) -> Option<&InstanceKey> {
        match self {
            Self::Put { instance, .. } => Some(instance.key()),
            Self::Delete { previous } => Some(previous.key()),
            Self::OverrideSet { .. }
            | Self::OverrideCleared { .. }
            | Self::GuardRaised { .. }
            | Self::GuardDropped { .. } => None,
        }
    }

    /// The target of the override that it is about, if it is about one.
    pub fn override_target(&self) -> Option<&OverrideTarget> {
        match self {
            Self::Put { .. } | Self::Delete { .. } | Self::GuardRaised { .. } | Self::GuardDropped { .. } => None,
            Self::OverrideSet { current, .. } => Some(current.spec.target()),
            Self::OverrideCleared { previous } => Some(previous.spec.target()),
        }
    }
}
