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
    Registered(RegisteredV1),
    Updated(ChangedV1),
    Deregistered {
        existed: bool,
    },
    AvailabilitySet(ChangedV1),
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
    RegisteredKept(RegisteredKeptV1),
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
    ProbersSet {
        effect: EffectV1,
    },
    ChecksReported {
        count: u32,
    },
    CheckReported(ChangedV1),
}

/// Apart from [`OutcomeV1`], so that neither contains itself: bytes cannot nest without end.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum ItemOutcomeV1 {
    Registered(RegisteredV1),
    Updated(ChangedV1),
    Deregistered { existed: bool },
    AvailabilitySet(ChangedV1),
    Rejected(RejectionV1),
    RegisteredKept(RegisteredKeptV1),
    CheckReported(ChangedV1),
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct RegisteredV1 {
    generation: u64,
    revision: u64,
    change: ChangeV1,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct RegisteredKeptV1 {
    registered: RegisteredV1,
    lease: u64,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ChangedV1 {
    generation: u64,
    revision: u64,
    effect: EffectV1,
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
            Outcome::ProbersSet { effect } => Self::ProbersSet {
                effect: (*effect).into(),
            },
            Outcome::ChecksReported { count } => Self::ChecksReported { count: *count },
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
            OutcomeV1::Registered(registered) => of_item(ItemOutcomeV1::Registered(registered))?,
            OutcomeV1::RegisteredKept(kept) => of_item(ItemOutcomeV1::RegisteredKept(kept))?,
            OutcomeV1::Updated(updated) => of_item(ItemOutcomeV1::Updated(updated))?,
            OutcomeV1::Deregistered { existed } => of_item(ItemOutcomeV1::Deregistered { existed })?,
            OutcomeV1::AvailabilitySet(set) => of_item(ItemOutcomeV1::AvailabilitySet(set))?,
            OutcomeV1::Rejected(rejection) => Self::Rejected(rejection.try_into()?),
            OutcomeV1::Batch { items } => {
                let items: Result<_, InvalidValue> = items.into_iter().map(ItemOutcome::try_from).collect();
                Self::Batch(items?)
            }
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
            OutcomeV1::ProbersSet { effect } => Self::ProbersSet { effect: effect.into() },
            OutcomeV1::ChecksReported { count } => Self::ChecksReported { count },
            OutcomeV1::CheckReported(changed) => of_item(ItemOutcomeV1::CheckReported(changed))?,
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
            ItemOutcomeV1::Registered(registered) => Self::Registered(registered),
            ItemOutcomeV1::RegisteredKept(kept) => Self::RegisteredKept(kept),
            ItemOutcomeV1::Updated(updated) => Self::Updated(updated),
            ItemOutcomeV1::Deregistered { existed } => Self::Deregistered { existed },
            ItemOutcomeV1::AvailabilitySet(set) => Self::AvailabilitySet(set),
            ItemOutcomeV1::CheckReported(changed) => Self::CheckReported(changed),
            ItemOutcomeV1::Rejected(rejection) => Self::Rejected(rejection),
        }
    }
}

// === impl ItemOutcomeV1 ===

impl From<Mutated> for ItemOutcomeV1 {
    fn from(mutated: Mutated) -> Self {
        let changed = |generation: Generation, revision: Revision, effect: Effect| ChangedV1 {
            generation: generation.get(),
            revision: revision.get(),
            effect: effect.into(),
        };
        match mutated {
            Mutated::Registered {
                generation,
                revision,
                change,
                lease,
            } => {
                let registered = RegisteredV1 {
                    generation: generation.get(),
                    revision: revision.get(),
                    change: change.into(),
                };
                match lease.map(LeaseId::get) {
                    None => Self::Registered(registered),
                    Some(lease) => Self::RegisteredKept(RegisteredKeptV1 { registered, lease }),
                }
            }
            Mutated::Updated {
                generation,
                revision,
                effect,
            } => Self::Updated(changed(generation, revision, effect)),
            Mutated::Deregistered { existed } => Self::Deregistered { existed },
            Mutated::AvailabilitySet {
                generation,
                revision,
                effect,
            } => Self::AvailabilitySet(changed(generation, revision, effect)),
            Mutated::CheckReported {
                generation,
                revision,
                effect,
            } => Self::CheckReported(changed(generation, revision, effect)),
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
            ItemOutcomeV1::Registered(registered) => registered.kept_by(None),
            ItemOutcomeV1::RegisteredKept(kept) => kept.registered.kept_by(Some(LeaseId::new(kept.lease))),
            ItemOutcomeV1::Updated(updated) => Mutated::Updated {
                generation: Generation::new(updated.generation),
                revision: Revision::new(updated.revision),
                effect: updated.effect.into(),
            },
            ItemOutcomeV1::Deregistered { existed } => Mutated::Deregistered { existed },
            ItemOutcomeV1::AvailabilitySet(set) => Mutated::AvailabilitySet {
                generation: Generation::new(set.generation),
                revision: Revision::new(set.revision),
                effect: set.effect.into(),
            },
            ItemOutcomeV1::CheckReported(changed) => Mutated::CheckReported {
                generation: Generation::new(changed.generation),
                revision: Revision::new(changed.revision),
                effect: changed.effect.into(),
            },
            ItemOutcomeV1::Rejected(rejection) => return Ok(Err(rejection.try_into()?)),
        }))
    }
}

// === impl RegisteredV1 ===

impl RegisteredV1 {
    fn kept_by(self, lease: Option<LeaseId>) -> Mutated {
        Mutated::Registered {
            generation: Generation::new(self.generation),
            revision: Revision::new(self.revision),
            change: self.change.into(),
            lease,
        }
    }
}

// === impl ChangeV1, EffectV1 ===

mirror!(Change, ChangeV1: Created, Updated, Unchanged, Restarted, TakenOver);
mirror!(Effect, EffectV1: Changed, Unchanged);
