//! Events: what an applied command changed in the catalog.

use std::sync::Arc;

use quorate_model::{Instance, InstanceKey};

/// One change of one instance. All events of a log entry share its revision.
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
}

// === impl Event ===

impl Event {
    /// The instance that it is about.
    pub fn key(&self) -> &InstanceKey {
        match self {
            Self::Put { instance, .. } => instance.key(),
            Self::Delete { previous } => previous.key(),
        }
    }
}
