//! Batches: several writes of one request, each done or refused by itself.

use std::collections::BTreeMap;

use quorate_model::{Availability, DrainTime, Generation, InstanceKey, InstancePatch, Revision};
use quorate_state::{Change, Effect, Mutated, Mutation, Rejection};

use crate::{Error, Registration};

mod packing;
mod room;
mod run;
#[cfg(test)]
mod tests;

pub(crate) use packing::{Entry, Packed, Packing};
pub(crate) use room::part_by_room;
pub(crate) use run::Run;

/// A write of one instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Write {
    /// Makes an instance known, or renews the claim to it.
    Register(Box<Registration>),
    /// Changes parts of an instance.
    Update {
        /// The instance.
        key: InstanceKey,
        /// The only generation that may be touched; any, if absent.
        generation: Option<Generation>,
        /// What changes.
        patch: Box<InstancePatch>,
    },
    /// Takes an instance out.
    Deregister {
        /// The instance.
        key: InstanceKey,
        /// The only generation that may be touched; any, if absent.
        generation: Option<Generation>,
    },
    /// States what is intended for an instance.
    SetAvailability {
        /// The instance.
        key: InstanceKey,
        /// What is intended.
        availability: Availability,
        /// How long it drains, if that is intended.
        drain: Option<DrainTime>,
        /// The only generation that may be touched; any, if absent.
        generation: Option<Generation>,
    },
}

/// A write that was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Done {
    /// The revision of the instance's last change; of the log entry that answers it, if the instance is gone.
    pub revision: Revision,
    /// The generation of the registration; absent if the instance is gone.
    pub generation: Option<Generation>,
    /// Whether anything changed.
    pub effect: Effect,
    /// What a registration came to.
    pub change: Option<Change>,
}

/// What the writes of a batch came to, by their places in it.
pub type Outcomes = BTreeMap<u32, Result<Done, Error>>;

// === impl Write ===

impl Write {
    /// Refuses what can be seen to come to nothing.
    pub(crate) fn check(&self) -> Result<(), Error> {
        match self {
            Self::Register(registration) => registration.check_certificates(),
            Self::Update { .. } | Self::Deregister { .. } | Self::SetAvailability { .. } => Ok(()),
        }
    }

    /// The mutation for it at `now_ms` of the wall clock.
    pub(crate) fn into_mutation(self, now_ms: u64) -> Mutation {
        match self {
            Self::Register(registration) => registration.into_mutation(now_ms),
            Self::Update { key, generation, patch } => Mutation::Update {
                key,
                generation,
                patch: *patch,
            },
            Self::Deregister { key, generation } => Mutation::Deregister { key, generation },
            Self::SetAvailability {
                key,
                availability,
                drain,
                generation,
            } => Mutation::SetAvailability {
                key,
                availability,
                drain,
                generation,
            },
        }
    }
}

// === impl Done ===

impl Done {
    /// What came of a mutation, done in the log entry of the revision `at`.
    pub(crate) fn new(mutated: Mutated, at: Revision) -> Self {
        match mutated {
            Mutated::Registered {
                generation,
                revision,
                change,
                lease: _,
            } => Self {
                revision,
                generation: Some(generation),
                effect: match change {
                    Change::Unchanged => Effect::Unchanged,
                    Change::Created | Change::Updated | Change::Restarted | Change::TakenOver => Effect::Changed,
                },
                change: Some(change),
            },
            Mutated::Updated {
                generation,
                revision,
                effect,
            }
            | Mutated::AvailabilitySet {
                generation,
                revision,
                effect,
            }
            | Mutated::CheckReported {
                generation,
                revision,
                effect,
            } => Self {
                revision,
                generation: Some(generation),
                effect,
                change: None,
            },
            Mutated::Deregistered { existed } => Self {
                revision: at,
                generation: None,
                effect: if existed { Effect::Changed } else { Effect::Unchanged },
                change: None,
            },
        }
    }
}

/// Why the request as a whole came to nothing, if all that came of its writes is one failure that is none of theirs.
pub(crate) fn common_failure(outcomes: &Outcomes) -> Option<&Error> {
    let mut failures = outcomes.values().map(|outcome| outcome.as_ref().err());
    let first = failures.next().flatten().filter(|error| concerns_request(error))?;
    failures.all(|other| other == Some(first)).then_some(first)
}

fn concerns_request(error: &Error) -> bool {
    match error {
        Error::Rejected(rejection) => matches!(
            rejection,
            Rejection::LeaseNotFound | Rejection::SequenceTooOld { .. } | Rejection::NotFounded
        ),
        Error::TooLarge { .. } => false,
        Error::Overloaded { .. }
        | Error::ReadOnly { .. }
        | Error::NoLeader
        | Error::NoQuorum { .. }
        | Error::EpochMismatch { .. }
        | Error::RevisionAhead { .. }
        | Error::DeadlineExceeded
        | Error::Refused { .. }
        | Error::Stopping { .. }
        | Error::OutcomeUnknown { .. }
        | Error::MembershipRefused { .. }
        | Error::MembershipBusy { .. }
        | Error::MemberNotFound { .. }
        | Error::Internal { .. } => true,
    }
}
