//! The requests of the registry as values of the model, with their conversions in both directions: the server
//! parses what the client states, so that each rule stands once.

use std::num::NonZeroUsize;

use quorate_model::{
    Availability, Consistency, DrainTime, Filter, Generation, InstanceId, InstanceKey, InstancePatch, InstanceSpec,
    NamespaceName, Policy, ServiceKey, ServiceName, Takeover, limits,
};

mod batch;
mod check;
mod guard;
mod key;
mod lease;
mod operator;
mod pick;
mod read;
#[cfg(test)]
pub(crate) mod tests;
mod write;

pub use batch::{BATCH_ITEMS_MAX, Write, WriteBatch};
pub use check::ReportCheck;
pub use guard::{DropGuard, ListGuards, RaiseGuard};
pub use key::Keyed;
pub use quorate_model::Lifetime;

pub use lease::{GetLease, GrantLease, KeepAlive, LeaseIds, ListLeases, Renew, RevokeLease};
pub use operator::{ClearOverride, GetServiceSettings, ListOverrides, SetOverride, SetServiceSettings};

/// Most entries of one page of a listing, and how many there are unless fewer are asked for: with entries of
/// common size a page stays far below the largest message.
pub const PAGE_SIZE_MAX: usize = 1_000;

/// See `Registry.Register`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Register {
    /// What the instance is to be found by.
    pub key: InstanceKey,
    /// What is stated about it.
    pub spec: InstanceSpec,
    /// Whether another owner's registration may be pushed aside.
    pub takeover: Takeover,
    /// What keeps the registration.
    pub lifetime: Lifetime,
}

/// See `Registry.Update`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Update {
    /// The instance.
    pub key: InstanceKey,
    /// The only generation that may be touched; any, if absent.
    pub generation: Option<Generation>,
    /// What changes.
    pub patch: InstancePatch,
}

/// See `Registry.Deregister`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deregister {
    /// The instance.
    pub key: InstanceKey,
    /// The only generation that may be touched; any, if absent.
    pub generation: Option<Generation>,
}

/// See `Registry.SetAvailability`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetAvailability {
    /// The instance.
    pub key: InstanceKey,
    /// The only generation that may be touched; any, if absent.
    pub generation: Option<Generation>,
    /// What is intended for the instance.
    pub availability: Availability,
    /// How long it drains until it is disabled, for one that is to drain; without end, if absent.
    pub drain: Option<DrainTime>,
}

/// See `Registry.GetInstance`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GetInstance {
    /// The instance.
    pub key: InstanceKey,
    /// How fresh the answer has to be.
    pub consistency: Consistency,
}

/// See `Registry.Resolve`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolve {
    /// The service.
    pub service: ServiceKey,
    /// Which of its instances.
    pub filter: Filter,
    /// How fresh the answer has to be.
    pub consistency: Consistency,
    /// Which part of them.
    pub page: ResolvePage,
}

/// Which part of the instances that match is wanted in one answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ResolvePage {
    /// At most so many; all, and none if they do not fit one answer, if absent.
    size: Option<NonZeroUsize>,
    /// The instance before the first one; absent for the start.
    after: Option<InstanceId>,
}

/// See `Registry.Pick`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pick {
    /// The service.
    pub service: ServiceKey,
    /// Among which of its instances.
    pub filter: Filter,
    /// How fresh the answer has to be.
    pub consistency: Consistency,
    /// How to choose.
    pub choice: Choice,
}

/// How one instance is to be chosen among several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Choice {
    /// In a way that every member knows.
    By(Policy),
    /// The one with the least load, which no instance reports yet.
    LeastLoad,
}

/// See `Registry.ListServices`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListServices {
    /// Whose services.
    pub namespace: NamespaceName,
    /// How fresh the answer has to be.
    pub consistency: Consistency,
    /// Which part of the list.
    pub page: Page<ServiceName>,
}

/// See `Registry.ListInstances`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListInstances {
    /// The service.
    pub service: ServiceKey,
    /// How fresh the answer has to be.
    pub consistency: Consistency,
    /// Which part of the list.
    pub page: Page<InstanceId>,
}

/// A part of a list that is ordered by names. Its token on the wire is the last name of the page before: it
/// stays good on every member and while the list changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<K> {
    /// At most so many entries: 1–[`PAGE_SIZE_MAX`].
    size: usize,
    /// The entry before the first one; absent for the start of the list.
    after: Option<K>,
}

// === impl ResolvePage ===

impl ResolvePage {
    /// The page behind `after`, of at most `size` instances: no more than a service has. 0 stands for all, which
    /// have to fit one answer then.
    #[must_use]
    pub fn new(size: usize, after: Option<InstanceId>) -> Self {
        let size = NonZeroUsize::new(size.min(limits::INSTANCES_PER_SERVICE_MAX));
        Self { size, after }
    }

    /// At most so many; all, if absent.
    pub fn size(&self) -> Option<NonZeroUsize> {
        self.size
    }

    /// The instance before the first one; absent for the start.
    pub fn after(&self) -> Option<&InstanceId> {
        self.after.as_ref()
    }
}

// === impl Page ===

impl<K> Page<K> {
    /// The page behind `after`, of `size` entries; 0 stands for as many as there may be, and so does more than that.
    #[must_use]
    pub fn new(size: usize, after: Option<K>) -> Self {
        let size = match size {
            0 => PAGE_SIZE_MAX,
            _ => size.min(PAGE_SIZE_MAX),
        };
        Self { size, after }
    }

    /// At most so many entries: 1–[`PAGE_SIZE_MAX`].
    pub fn size(&self) -> usize {
        self.size
    }

    /// The entry before the first one; absent for the start of the list.
    pub fn after(&self) -> Option<&K> {
        self.after.as_ref()
    }
}

impl<K> Default for Page<K> {
    fn default() -> Self {
        Self::new(PAGE_SIZE_MAX, None)
    }
}
