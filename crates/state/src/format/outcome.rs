//! The frozen format of outcomes.

use quorate_model::{Generation, InvalidValue, LeaseId, LeaseTtl, MemberId, Revision};
use serde::{Deserialize, Serialize};

use super::{mirror::mirror, rejection::RejectionV1, settings::SettingsV1};
use crate::{Change, Effect, ItemOutcome, Mutated, Outcome};

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
    Batch {
        items: Vec<ItemOutcomeV1>,
    },
    LeaseGranted {
        id: u64,
        ttl_ms: u64,
        effect: EffectV1,
    },
    LeaseRevoked {
        existed: bool,
    },
    OverrideSet {
        revision: u64,
        effect: EffectV1,
    },
    OverrideCleared {
        existed: bool,
    },
    OverridesExpired {
        count: u32,
    },
    SettingsSet {
        settings: SettingsV1,
        effect: EffectV1,
    },
}

/// Apart from [`OutcomeV1`], so that neither contains itself: bytes cannot nest without end.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum ItemOutcomeV1 {
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

// === impl OutcomeV1 ===

impl From<&Outcome> for OutcomeV1 {
    fn from(outcome: &Outcome) -> Self {
        match outcome {
            Outcome::Founded => Self::Founded,
            Outcome::MemberAllocated(id) => Self::MemberAllocated { id: id.get() },
            Outcome::Mutated(mutated) => ItemOutcomeV1::from(*mutated).into(),
            Outcome::Batch(items) => Self::Batch {
                items: items.iter().map(ItemOutcomeV1::from).collect(),
            },
            Outcome::LeaseGranted { id, ttl, effect } => Self::LeaseGranted {
                id: id.get(),
                ttl_ms: ttl.as_ms(),
                effect: (*effect).into(),
            },
            Outcome::LeaseRevoked { existed } => Self::LeaseRevoked { existed: *existed },
            Outcome::OverrideSet { revision, effect } => Self::OverrideSet {
                revision: revision.get(),
                effect: (*effect).into(),
            },
            Outcome::OverrideCleared { existed } => Self::OverrideCleared { existed: *existed },
            Outcome::OverridesExpired { count } => Self::OverridesExpired { count: *count },
            Outcome::SettingsSet { settings, effect } => Self::SettingsSet {
                settings: (*settings).into(),
                effect: (*effect).into(),
            },
            Outcome::Rejected(rejection) => Self::Rejected(rejection.into()),
        }
    }
}

impl TryFrom<OutcomeV1> for Outcome {
    type Error = InvalidValue;

    fn try_from(outcome: OutcomeV1) -> Result<Self, InvalidValue> {
        let of_item = |item: ItemOutcomeV1| ItemOutcome::try_from(item).map(Self::from);
        Ok(match outcome {
            OutcomeV1::Founded => Self::Founded,
            OutcomeV1::MemberAllocated { id } => Self::MemberAllocated(MemberId::try_from(id)?),
            OutcomeV1::Registered {
                generation,
                revision,
                change,
            } => of_item(ItemOutcomeV1::Registered {
                generation,
                revision,
                change,
            })?,
            OutcomeV1::Updated {
                generation,
                revision,
                effect,
            } => of_item(ItemOutcomeV1::Updated {
                generation,
                revision,
                effect,
            })?,
            OutcomeV1::Deregistered { existed } => of_item(ItemOutcomeV1::Deregistered { existed })?,
            OutcomeV1::AvailabilitySet {
                generation,
                revision,
                effect,
            } => of_item(ItemOutcomeV1::AvailabilitySet {
                generation,
                revision,
                effect,
            })?,
            OutcomeV1::Rejected(rejection) => Self::Rejected(rejection.try_into()?),
            OutcomeV1::Batch { items } => {
                let items: Result<_, InvalidValue> = items.into_iter().map(ItemOutcome::try_from).collect();
                Self::Batch(items?)
            }
            OutcomeV1::LeaseGranted { id, ttl_ms, effect } => Self::LeaseGranted {
                id: LeaseId::new(id),
                ttl: LeaseTtl::from_ms(ttl_ms)?,
                effect: effect.into(),
            },
            OutcomeV1::LeaseRevoked { existed } => Self::LeaseRevoked { existed },
            OutcomeV1::OverrideSet { revision, effect } => Self::OverrideSet {
                revision: Revision::new(revision),
                effect: effect.into(),
            },
            OutcomeV1::OverrideCleared { existed } => Self::OverrideCleared { existed },
            OutcomeV1::OverridesExpired { count } => Self::OverridesExpired { count },
            OutcomeV1::SettingsSet { settings, effect } => Self::SettingsSet {
                settings: settings.try_into()?,
                effect: effect.into(),
            },
        })
    }
}

/// What came of a mutation by itself, as it was written before there were batches.
impl From<ItemOutcomeV1> for OutcomeV1 {
    fn from(outcome: ItemOutcomeV1) -> Self {
        match outcome {
            ItemOutcomeV1::Registered {
                generation,
                revision,
                change,
            } => Self::Registered {
                generation,
                revision,
                change,
            },
            ItemOutcomeV1::Updated {
                generation,
                revision,
                effect,
            } => Self::Updated {
                generation,
                revision,
                effect,
            },
            ItemOutcomeV1::Deregistered { existed } => Self::Deregistered { existed },
            ItemOutcomeV1::AvailabilitySet {
                generation,
                revision,
                effect,
            } => Self::AvailabilitySet {
                generation,
                revision,
                effect,
            },
            ItemOutcomeV1::Rejected(rejection) => Self::Rejected(rejection),
        }
    }
}

// === impl ItemOutcomeV1 ===

impl From<Mutated> for ItemOutcomeV1 {
    fn from(mutated: Mutated) -> Self {
        match mutated {
            Mutated::Registered {
                generation,
                revision,
                change,
            } => Self::Registered {
                generation: generation.get(),
                revision: revision.get(),
                change: change.into(),
            },
            Mutated::Updated {
                generation,
                revision,
                effect,
            } => Self::Updated {
                generation: generation.get(),
                revision: revision.get(),
                effect: effect.into(),
            },
            Mutated::Deregistered { existed } => Self::Deregistered { existed },
            Mutated::AvailabilitySet {
                generation,
                revision,
                effect,
            } => Self::AvailabilitySet {
                generation: generation.get(),
                revision: revision.get(),
                effect: effect.into(),
            },
        }
    }
}

impl From<&ItemOutcome> for ItemOutcomeV1 {
    fn from(outcome: &ItemOutcome) -> Self {
        match outcome {
            Ok(mutated) => (*mutated).into(),
            Err(rejection) => Self::Rejected(rejection.into()),
        }
    }
}

impl TryFrom<ItemOutcomeV1> for ItemOutcome {
    type Error = InvalidValue;

    fn try_from(outcome: ItemOutcomeV1) -> Result<Self, InvalidValue> {
        Ok(Ok(match outcome {
            ItemOutcomeV1::Registered {
                generation,
                revision,
                change,
            } => Mutated::Registered {
                generation: Generation::new(generation),
                revision: Revision::new(revision),
                change: change.into(),
            },
            ItemOutcomeV1::Updated {
                generation,
                revision,
                effect,
            } => Mutated::Updated {
                generation: Generation::new(generation),
                revision: Revision::new(revision),
                effect: effect.into(),
            },
            ItemOutcomeV1::Deregistered { existed } => Mutated::Deregistered { existed },
            ItemOutcomeV1::AvailabilitySet {
                generation,
                revision,
                effect,
            } => Mutated::AvailabilitySet {
                generation: Generation::new(generation),
                revision: Revision::new(revision),
                effect: effect.into(),
            },
            ItemOutcomeV1::Rejected(rejection) => return Ok(Err(rejection.try_into()?)),
        }))
    }
}

// === impl ChangeV1, EffectV1 ===

mirror!(Change, ChangeV1: Created, Updated, Unchanged, Restarted, TakenOver);
mirror!(Effect, EffectV1: Changed, Unchanged);
