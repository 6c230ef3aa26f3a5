//! An instance as the catalog knows it.

use crate::{Availability, Generation, Health, InstanceKey, InstanceSpec, Revision};

/// The parts of an [`Instance`].
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct InstanceParts {
    /// What it is found by.
    pub key: InstanceKey,
    /// What its registrant states.
    pub spec: InstanceSpec,
    /// What is intended for it.
    pub availability: Availability,
    /// The revision since which its id has been there without a break.
    pub create_revision: Revision,
    /// The revision of its last change.
    pub modify_revision: Revision,
    /// The present life of the registration.
    pub generation: Generation,
    /// Wall-clock milliseconds since the Unix epoch at which this generation began; for display only.
    pub registered_at_ms: u64,
}

/// A registered instance: what its registrant states, and what the cluster adds.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Instance(InstanceParts);

// === impl Instance ===

impl Instance {
    /// Puts the parts together.
    pub fn new(parts: InstanceParts) -> Self {
        Self(parts)
    }

    /// The parts.
    #[must_use]
    pub fn into_parts(self) -> InstanceParts {
        self.0
    }

    /// What it is found by.
    pub fn key(&self) -> &InstanceKey {
        &self.0.key
    }

    /// What its registrant states.
    pub fn spec(&self) -> &InstanceSpec {
        &self.0.spec
    }

    /// What is intended for it.
    pub fn availability(&self) -> Availability {
        self.0.availability
    }

    /// The revision since which its id has been there without a break.
    pub fn create_revision(&self) -> Revision {
        self.0.create_revision
    }

    /// The revision of its last change.
    pub fn modify_revision(&self) -> Revision {
        self.0.modify_revision
    }

    /// The present life of the registration.
    pub fn generation(&self) -> Generation {
        self.0.generation
    }

    /// Wall-clock milliseconds since the Unix epoch at which this generation began; for display only.
    pub fn registered_at_ms(&self) -> u64 {
        self.0.registered_at_ms
    }

    /// What is observed of it: passing while nothing is observed otherwise.
    pub fn health(&self) -> Health {
        Health::Passing
    }
}
