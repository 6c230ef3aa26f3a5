//! The frozen format of outcomes.

use quorate_model::{Generation, InvalidValue, LeaseId, LeaseTtl, MemberId, RemoveAfter, Revision};
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
    RegisteredKept {
        generation: u64,
        revision: u64,
        change: ChangeV1,
        lease: u64,
    },
    /// A grant with another time to stay than twice the TTL.
    LeaseGrantedStaying {
        id: u64,
        ttl_ms: u64,
        remove_after_ms: u64,
        effect: EffectV1,
    },
    LeasesLapsed {
        count: u32,
    },
    LeasesRevived {
        count: u32,
    },
    TimePassed {
        count: u32,
    },
    GuardRaised {
        effect: EffectV1,
    },
    GuardDropped {
        existed: bool,
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
    RegisteredKept {
        generation: u64,
        revision: u64,
        change: ChangeV1,
        lease: u64,
    },
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
            Outcome::LeaseGranted {
                id,
                ttl,
                remove_after,
                effect,
            } if *remove_after == RemoveAfter::of(*ttl) => Self::LeaseGranted {
                id: id.get(),
                ttl_ms: ttl.as_ms(),
                effect: (*effect).into(),
            },
            Outcome::LeaseGranted {
                id,
                ttl,
                remove_after,
                effect,
            } => Self::LeaseGrantedStaying {
                id: id.get(),
                ttl_ms: ttl.as_ms(),
                remove_after_ms: remove_after.as_ms(),
                effect: (*effect).into(),
            },
            Outcome::LeasesLapsed { count } => Self::LeasesLapsed { count: *count },
            Outcome::LeasesRevived { count } => Self::LeasesRevived { count: *count },
            Outcome::TimePassed { count } => Self::TimePassed { count: *count },
            Outcome::GuardRaised { effect } => Self::GuardRaised {
                effect: (*effect).into(),
            },
            Outcome::GuardDropped { existed } => Self::GuardDropped { existed: *existed },
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
            OutcomeV1::RegisteredKept {
                generation,
                revision,
                change,
                lease,
            } => of_item(ItemOutcomeV1::RegisteredKept {
                generation,
                revision,
                change,
                lease,
            })?,
            OutcomeV1::LeaseGranted { id, ttl_ms, effect } => {
                let ttl = LeaseTtl::from_ms(ttl_ms)?;
                Self::LeaseGranted {
                    id: LeaseId::new(id),
                    ttl,
                    remove_after: RemoveAfter::of(ttl),
                    effect: effect.into(),
                }
            }
            OutcomeV1::LeaseGrantedStaying {
                id,
                ttl_ms,
                remove_after_ms,
                effect,
            } => Self::LeaseGranted {
                id: LeaseId::new(id),
                ttl: LeaseTtl::from_ms(ttl_ms)?,
                remove_after: RemoveAfter::from_ms(remove_after_ms)?,
                effect: effect.into(),
            },
            OutcomeV1::LeasesLapsed { count } => Self::LeasesLapsed { count },
            OutcomeV1::LeasesRevived { count } => Self::LeasesRevived { count },
            OutcomeV1::TimePassed { count } => Self::TimePassed { count },
            OutcomeV1::GuardRaised { effect } => Self::GuardRaised { effect: effect.into() },
            OutcomeV1::GuardDropped { existed } => Self::GuardDropped { existed },
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
            ItemOutcomeV1::RegisteredKept {
                generation,
                revision,
                change,
                lease,
            } => Self::RegisteredKept {
                generation,
                revision,
                change,
                lease,
            },
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
                lease: None,
            } => Self::Registered {
                generation: generation.get(),
                revision: revision.get(),
                change: change.into(),
            },
            Mutated::Registered {
                generation,
                revision,
                change,
                lease: Some(lease),
            } => Self::RegisteredKept {
                generation: generation.get(),
                revision: revision.get(),
                change: change.into(),
                lease: lease.get(),
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
                lease: None,
            },
            ItemOutcomeV1::RegisteredKept {
                generation,
                revision,
                change,
                lease,
            } => Mutated::Registered {
                generation: Generation::new(generation),
                revision: Revision::new(revision),
                change: change.into(),
                lease: Some(LeaseId::new(lease)),
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
