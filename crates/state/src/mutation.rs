//! Mutations: the writes of registrants, each about one instance.

use quorate_model::{
    Availability, CheckName, CheckOutput, DrainTime, Generation, InstanceKey, InstancePatch, InstanceSpec, Lifetime,
    Takeover, Verdict,
};

use crate::format;

/// A change of one instance.
///
/// Whoever gives a generation is an owner and touches that generation only; an operator gives none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mutation {
    /// Registers an instance.
    Register {
        /// What it is to be found by.
        key: InstanceKey,
        /// What its registrant states.
        spec: InstanceSpec,
        /// Whether it may push aside another owner's.
        takeover: Takeover,
        /// What is to keep it.
        lifetime: Lifetime,
        /// Wall-clock milliseconds since the Unix epoch at the proposer; for display only.
        registered_at_ms: u64,
    },
    /// Changes what is stated about an instance.
    Update {
        /// The instance.
        key: InstanceKey,
        /// The only generation it may touch; any, if absent.
        generation: Option<Generation>,
        /// What changes.
        patch: InstancePatch,
    },
    /// Removes an instance.
    Deregister {
        /// The instance.
        key: InstanceKey,
        /// The only generation it may touch; any, if absent.
        generation: Option<Generation>,
    },
    /// Sets what is intended for an instance.
    SetAvailability {
        /// The instance.
        key: InstanceKey,
        /// What is intended.
        availability: Availability,
        /// How long it drains, if that is intended, until it is disabled; without end, if absent.
        drain: Option<DrainTime>,
        /// The only generation it may touch; any, if absent.
        generation: Option<Generation>,
    },
    /// Tells what whoever runs an instance has found of a check that nobody else makes.
    ReportCheck {
        /// The instance.
        key: InstanceKey,
        /// The only generation it may touch; any, if absent.
        generation: Option<Generation>,
        /// The check.
        check: CheckName,
        /// What was found.
        verdict: Verdict,
        /// What it is told with.
        output: CheckOutput,
    },
}

// === impl Mutation ===

impl Mutation {
    /// The instance that it is about.
    pub fn key(&self) -> &InstanceKey {
        match self {
            Self::Register { key, .. }
            | Self::Update { key, .. }
            | Self::Deregister { key, .. }
            | Self::SetAvailability { key, .. }
            | Self::ReportCheck { key, .. } => key,
        }
    }

    /// Whether it can make the state grow: what is refused while disks are short of room.
    pub const fn grows(&self) -> bool {
        match self {
            Self::Register { .. } | Self::Update { .. } => true,
            Self::Deregister { .. } | Self::SetAvailability { .. } | Self::ReportCheck { .. } => false,
        }
    }

    /// Bytes that it takes at most as an item of a batch, for whoever packs several into one log entry.
    pub fn encoded_len(&self) -> usize {
        format::item_len(self)
    }

    /// By what a repetition is told from another write: all of it but the time, which is for display.
    pub(crate) fn digest(&self) -> u64 {
        format::mutation_digest(self)
    }
}
