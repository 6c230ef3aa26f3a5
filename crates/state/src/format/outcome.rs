//! The frozen format of outcomes.

use quorate_model::{ClusterId, Generation, InvalidValue, MemberId, Revision};
use serde::{Deserialize, Serialize};

use super::value::{Text, optional_text, parse_optional};
use crate::{Change, Effect, Limit, Outcome, Rejection};

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum OutcomeV1 {
    Founded,
    MemberAllocated {
        id: u64,
    },
    Registered {
        generation: u64,
        revision: u64,
        change: ChangeV1,
    },
    Updated {
        generation: u64,
        revision: u64,
        effect: EffectV1,
    },
    Deregistered {
        existed: bool,
    },
    AvailabilitySet {
        generation: u64,
        revision: u64,
        effect: EffectV1,
    },
    Rejected(RejectionV1),
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum ChangeV1 {
    Created,
    Updated,
    Unchanged,
    Restarted,
    TakenOver,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum EffectV1 {
    Changed,
    Unchanged,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum RejectionV1 {
    Invalid { reason: Text },
    AlreadyExists { owner: Option<Text> },
    StaleGeneration { current: u64 },
    NotFound,
    LimitExceeded { limit: LimitV1 },
    NotFounded,
    AlreadyFounded { cluster_id: u128 },
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum LimitV1 {
    InstancesPerService,
    InstancesPerCluster,
    InstanceLen,
    MemberIds,
}

/// Declares that two enums without data are the same, variant by variant.
macro_rules! mirror {
    ($memory:ident, $frozen:ident: $($variant:ident),*) => {
        impl From<$memory> for $frozen {
            fn from(value: $memory) -> Self {
                match value { $($memory::$variant => Self::$variant,)* }
            }
        }

        impl From<$frozen> for $memory {
            fn from(value: $frozen) -> Self {
                match value { $($frozen::$variant => Self::$variant,)* }
            }
        }
    };
}

// === impl OutcomeV1 ===

impl From<&Outcome> for OutcomeV1 {
    fn from(outcome: &Outcome) -> Self {
        match outcome {
            Outcome::Founded => Self::Founded,
            Outcome::MemberAllocated(id) => Self::MemberAllocated { id: id.get() },
            Outcome::Registered {
                generation,
                revision,
                change,
            } => Self::Registered {
                generation: generation.get(),
                revision: revision.get(),
                change: (*change).into(),
            },
            Outcome::Updated {
                generation,
                revision,
                effect,
            } => Self::Updated {
                generation: generation.get(),
                revision: revision.get(),
                effect: (*effect).into(),
            },
            Outcome::Deregistered { existed } => Self::Deregistered { existed: *existed },
            Outcome::AvailabilitySet {
                generation,
                revision,
                effect,
            } => Self::AvailabilitySet {
                generation: generation.get(),
                revision: revision.get(),
                effect: (*effect).into(),
            },
            Outcome::Rejected(rejection) => Self::Rejected(rejection.into()),
        }
    }
}

impl TryFrom<OutcomeV1> for Outcome {
    type Error = InvalidValue;

    fn try_from(outcome: OutcomeV1) -> Result<Self, InvalidValue> {
        Ok(match outcome {
            OutcomeV1::Founded => Self::Founded,
            OutcomeV1::MemberAllocated { id } => Self::MemberAllocated(MemberId::try_from(id)?),
            OutcomeV1::Registered {
                generation,
                revision,
                change,
            } => Self::Registered {
                generation: Generation::new(generation),
                revision: Revision::new(revision),
                change: change.into(),
            },
            OutcomeV1::Updated {
                generation,
                revision,
                effect,
            } => Self::Updated {
                generation: Generation::new(generation),
                revision: Revision::new(revision),
                effect: effect.into(),
            },
            OutcomeV1::Deregistered { existed } => Self::Deregistered { existed },
            OutcomeV1::AvailabilitySet {
                generation,
                revision,
                effect,
            } => Self::AvailabilitySet {
                generation: Generation::new(generation),
                revision: Revision::new(revision),
                effect: effect.into(),
            },
            OutcomeV1::Rejected(rejection) => Self::Rejected(rejection.try_into()?),
        })
    }
}

// === impl ChangeV1, EffectV1, LimitV1 ===

mirror!(Change, ChangeV1: Created, Updated, Unchanged, Restarted, TakenOver);
mirror!(Effect, EffectV1: Changed, Unchanged);
mirror!(Limit, LimitV1: InstancesPerService, InstancesPerCluster, InstanceLen, MemberIds);

// === impl RejectionV1 ===

impl From<&Rejection> for RejectionV1 {
    fn from(rejection: &Rejection) -> Self {
        match rejection {
            Rejection::Invalid { reason } => Self::Invalid {
                reason: reason.as_str().into(),
            },
            Rejection::AlreadyExists { owner } => Self::AlreadyExists {
                owner: optional_text(owner.as_ref()),
            },
            Rejection::StaleGeneration { current } => Self::StaleGeneration { current: current.get() },
            Rejection::NotFound => Self::NotFound,
            Rejection::LimitExceeded { limit } => Self::LimitExceeded { limit: (*limit).into() },
            Rejection::NotFounded => Self::NotFounded,
            Rejection::AlreadyFounded { cluster_id } => Self::AlreadyFounded {
                cluster_id: cluster_id.get(),
            },
        }
    }
}

impl TryFrom<RejectionV1> for Rejection {
    type Error = InvalidValue;

    fn try_from(rejection: RejectionV1) -> Result<Self, InvalidValue> {
        Ok(match rejection {
            RejectionV1::Invalid { reason } => Self::Invalid {
                reason: reason.as_ref().into(),
            },
            RejectionV1::AlreadyExists { owner } => Self::AlreadyExists {
                owner: parse_optional(owner)?,
            },
            RejectionV1::StaleGeneration { current } => Self::StaleGeneration {
                current: Generation::new(current),
            },
            RejectionV1::NotFound => Self::NotFound,
            RejectionV1::LimitExceeded { limit } => Self::LimitExceeded { limit: limit.into() },
            RejectionV1::NotFounded => Self::NotFounded,
            RejectionV1::AlreadyFounded { cluster_id } => Self::AlreadyFounded {
                cluster_id: ClusterId::new(cluster_id),
            },
        })
    }
}
