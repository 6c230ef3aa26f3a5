//! Register: an instance comes, comes again, or comes in another's place.

use quorate_model::{
    Availability, CheckState, Holder, Incarnation, Instance, InstanceKey, InstanceParts, InstanceSpec, Lease, LeaseId,
    LeaseKind, LeaseTtl, Lifetime, RemoveAfter, Sequence, Takeover, limits,
};

use super::MutationApplied;
use crate::{Change, HeldLease, Limit, Mutated, Rejection, State};

/// What a registrant asks for.
pub(super) struct Asked<'a> {
    spec: &'a InstanceSpec,
    takeover: Takeover,
    lifetime: Lifetime,
    registered_at_ms: u64,
}

/// What is to keep a registration.
enum Keeper {
    /// Nothing has to.
    Nobody,
    /// A lease that is there.
    Lease(LeaseId),
    /// A lease that is made with it.
    New(LeaseTtl),
}

/// Registers `key`: a new instance if the id is free, else by what [`claim`] makes of it.
pub(super) fn apply(state: &mut State, key: &InstanceKey, asked: &Asked<'_>) -> MutationApplied {
    let current = state.instance(key);
    let spec = asked.spec_in_name(state)?;
    match current {
        None => create(state, key, asked, spec),
        Some(current) => replace(state, &current, asked, spec),
    }
}

fn create(state: &mut State, key: &InstanceKey, asked: &Asked<'_>, spec: InstanceSpec) -> MutationApplied {
    state.catalog().check_room(key)?;
    let keeper = asked.keeper(state, None)?;
    let lease = keep(state, &keeper, asked)?;
    let now = state.revision();
    let event = state.put(Instance::new(InstanceParts {
        key: key.clone(),
        spec,
        availability: Availability::Enabled,
        create_revision: now,
        modify_revision: now,
        generation: now.into(),
        registered_at_ms: asked.registered_at_ms,
        lease,
        lapse: None,
        drains_until: None,
        checks: Box::default(),
    }));
    let outcome = Mutated::Registered {
        generation: now.into(),
        revision: now,
        change: Change::Created,
        lease,
    };
    Ok((outcome, Some(event)))
}

/// The availability stays whatever comes: only whoever set it may set it back. When the registration began is
/// no content, so that a repetition does not count as a change.
fn replace(state: &mut State, current: &Instance, asked: &Asked<'_>, spec: InstanceSpec) -> MutationApplied {
    let claim = claim(current, &spec, asked.takeover)?;
    let goes_on = matches!(claim, Claim::GoesOn).then_some(current);
    let keeper = asked.keeper(state, goes_on)?;
    let is_same = goes_on.is_some() && *current.spec() == spec && keeper.is(current.lease());
    let now = state.revision();
    let (generation, revision, change, lease, event) = if is_same {
        let lease = current.lease();
        (
            current.generation(),
            current.modify_revision(),
            Change::Unchanged,
            lease,
            None,
        )
    } else {
        let lease = keep(state, &keeper, asked)?;
        let change = claim.change();
        let generation = if goes_on.is_some() {
            current.generation()
        } else {
            now.into()
        };
        let event = super::change(state, current, |parts| {
            // What was found of another life says nothing of this one.
            parts.checks = match goes_on {
                Some(_) => CheckState::carried_over(parts.spec.checks(), &parts.checks, spec.checks()),
                None => Box::default(),
            };
            if goes_on.is_none() {
                parts.registered_at_ms = asked.registered_at_ms;
            }
            parts.spec = spec;
            parts.generation = generation;
            parts.lease = lease;
            parts.lapse = None;
        });
        (generation, now, change, lease, Some(event))
    };
    let outcome = Mutated::Registered {
        generation,
        revision,
        change,
        lease,
    };
    Ok((outcome, event))
}

/// What a registration is to the one that has the id.
enum Claim {
    /// The same registration.
    GoesOn,
    /// The same owner, in another run or after its lease has lapsed.
    Restarts,
    /// Another owner, who may take it.
    Takes,
}

/// What a registration stating `new` is to `current`: the same owner and incarnation go on, the same owner in another
/// incarnation has restarted, another owner is refused unless it is a takeover, or the lease that kept the id has
/// lapsed. An owner or incarnation that is absent equals one that is absent.
fn claim(current: &Instance, new: &InstanceSpec, takeover: Takeover) -> Result<Claim, Rejection> {
    let (before, now) = (current.spec().holder(), new.holder());
    let has_lapsed = current.lapse().is_some();
    if before.owner != now.owner {
        return match takeover {
            Takeover::Forbidden if !has_lapsed => Err(Rejection::AlreadyExists {
                owner: before.owner.clone(),
            }),
            Takeover::Allowed | Takeover::Forbidden => Ok(Claim::Takes),
        };
    }
    Ok(if has_lapsed || before.incarnation != now.incarnation {
        Claim::Restarts
    } else {
        Claim::GoesOn
    })
}

/// The lease that keeps the registration from now on: one that is made for it, where that is asked for.
fn keep(state: &mut State, keeper: &Keeper, asked: &Asked<'_>) -> Result<Option<LeaseId>, Rejection> {
    match keeper {
        Keeper::Nobody => Ok(None),
        Keeper::Lease(id) => Ok(Some(*id)),
        Keeper::New(ttl) => {
            let lease = asked.own_lease(state, *ttl);
            let id = lease.id;
            state.insert_lease(HeldLease::new(lease, Sequence::FIRST, state.revision()))?;
            Ok(Some(id))
        }
    }
}

// === impl Claim ===

impl Claim {
    fn change(&self) -> Change {
        match self {
            Self::GoesOn => Change::Updated,
            Self::Restarts => Change::Restarted,
            Self::Takes => Change::TakenOver,
        }
    }
}

// === impl Keeper ===

impl Keeper {
    fn is(&self, lease: Option<LeaseId>) -> bool {
        match self {
            Self::Nobody => lease.is_none(),
            Self::Lease(id) => lease == Some(*id),
            Self::New(_) => false,
        }
    }
}

// === impl Asked ===

impl<'a> Asked<'a> {
    pub(super) fn new(spec: &'a InstanceSpec, takeover: Takeover, lifetime: Lifetime, registered_at_ms: u64) -> Self {
        Self {
            spec,
            takeover,
            lifetime,
            registered_at_ms,
        }
    }

    /// What is stated, in the name of the lease that is to keep it: whoever registers with a lease is its holder.
    fn spec_in_name(&self, state: &State) -> Result<InstanceSpec, Rejection> {
        let Lifetime::Lease(id) = self.lifetime else {
            return Ok(self.spec.clone());
        };
        let held = state.leases().get(id).ok_or(Rejection::LeaseNotFound)?;
        let holder = Holder {
            owner: held.lease().owner.clone(),
            incarnation: Some(held.lease().incarnation),
        };
        if *self.spec.holder() == holder {
            return Ok(self.spec.clone());
        }
        if *self.spec.holder() != Holder::default() {
            let reason = "the owner or the incarnation is another one than that of the lease: leave both out";
            return Err(Rejection::Invalid {
                reason: reason.to_owned(),
            });
        }
        let mut parts = self.spec.clone().into_parts();
        parts.holder = holder;
        let limit = Limit::InstanceLen;
        InstanceSpec::new(parts).map_err(|_| Rejection::LimitExceeded { limit })
    }

    /// What is to keep the registration, which goes on as `current` if that is given.
    fn keeper(&self, state: &State, current: Option<&Instance>) -> Result<Keeper, Rejection> {
        let kept_by = current.and_then(Instance::lease);
        match self.lifetime {
            Lifetime::Persistent => Ok(Keeper::Nobody),
            Lifetime::Lease(id) => {
                let held = state.leases().get(id).ok_or(Rejection::LeaseNotFound)?;
                if held.lapsed().is_some() {
                    return Err(Rejection::LeaseLapsed);
                }
                if kept_by != Some(id) && held.instance_count() >= limits::INSTANCES_PER_LEASE_MAX {
                    let limit = Limit::InstancesPerLease;
                    return Err(Rejection::LimitExceeded { limit });
                }
                Ok(Keeper::Lease(id))
            }
            Lifetime::Ttl(ttl) => {
                let own = kept_by.and_then(|id| state.leases().get(id)).map(HeldLease::lease);
                let fits = own.filter(|lease| lease.kind == LeaseKind::Own && lease.ttl == ttl);
                Ok(fits.map_or(Keeper::New(ttl), |lease| Keeper::Lease(lease.id)))
            }
        }
    }

    /// A lease for this registration alone.
    fn own_lease(&self, state: &State, ttl: LeaseTtl) -> Lease {
        let holder = self.spec.holder();
        let drawn = Incarnation::try_from(state.revision().get().max(1));
        Lease {
            id: state.revision().into(),
            owner: holder.owner.clone(),
            incarnation: holder.incarnation.unwrap_or_else(|| drawn.expect("it is at least 1")),
            ttl,
            remove_after: RemoveAfter::of(ttl),
            kind: LeaseKind::Own,
            granted_at_ms: self.registered_at_ms,
        }
    }
}
