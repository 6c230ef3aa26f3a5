//! An instance as a read finds it.

use std::sync::Arc;

use crate::{
    Availability, Generation, Health, Instance, InstanceKey, InstanceSpec, LeaseId, Liveness, OverrideKinds, Revision,
    Standing, Weight,
};

/// An instance as a read finds it: what is registered, and how it stands under overrides.
///
/// What overrides can change is asked of this, and not of the instance in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// What is registered.
    pub instance: Arc<Instance>,
    /// How it stands.
    pub standing: Standing,
}

// === impl Found ===

impl Found {
    /// `instance`, as it stands without any override.
    pub fn undisturbed(instance: impl Into<Arc<Instance>>) -> Self {
        let instance = instance.into();
        let standing = Standing::of(&instance);
        Self { instance, standing }
    }

    /// What it is found by.
    pub fn key(&self) -> &InstanceKey {
        self.instance.key()
    }

    /// What its registrant states.
    pub fn spec(&self) -> &InstanceSpec {
        self.instance.spec()
    }

    /// What is intended for it in the end.
    pub fn availability(&self) -> Availability {
        self.standing.availability
    }

    /// Its share of the load in the end.
    pub fn weight(&self) -> Weight {
        self.standing.weight
    }

    /// Which overrides had a say.
    pub fn overrides(&self) -> OverrideKinds {
        self.standing.overrides
    }

    /// Whether the process behind it is known to live.
    pub fn liveness(&self) -> Liveness {
        self.standing.liveness
    }

    /// The lease that keeps it; none, if it stays until it is taken out.
    pub fn lease(&self) -> Option<LeaseId> {
        self.instance.lease()
    }

    /// What is observed of it.
    pub fn health(&self) -> Health {
        self.instance.health()
    }

    /// The revision since which its id has been there without a break.
    pub fn create_revision(&self) -> Revision {
        self.instance.create_revision()
    }

    /// The revision of its last change.
    pub fn modify_revision(&self) -> Revision {
        self.instance.modify_revision()
    }

    /// The present life of the registration.
    pub fn generation(&self) -> Generation {
        self.instance.generation()
    }

    /// Wall-clock milliseconds since the Unix epoch at which this generation began; for display only.
    pub fn registered_at_ms(&self) -> u64 {
        self.instance.registered_at_ms()
    }
}
