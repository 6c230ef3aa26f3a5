//! Register: an instance comes, comes again, or comes in another's place.

use quorate_model::{Availability, Instance, InstanceKey, InstanceParts, InstanceSpec, Takeover};

use super::MutationApplied;
use crate::{Change, Mutated, Rejection, State};

/// Registers `key`: a new instance if the id is free, else by what [`claim`] makes of it.
pub(super) fn apply(
    state: &mut State,
    key: &InstanceKey,
    spec: &InstanceSpec,
    takeover: Takeover,
    registered_at_ms: u64,
) -> MutationApplied {
    match state.instance(key) {
        None => create(state, key, spec, registered_at_ms),
        Some(current) => replace(state, &current, spec, takeover, registered_at_ms),
    }
}

fn create(state: &mut State, key: &InstanceKey, spec: &InstanceSpec, registered_at_ms: u64) -> MutationApplied {
    state.catalog().check_room(key)?;
    let now = state.revision();
    let event = state.put(Instance::new(InstanceParts {
        key: key.clone(),
        spec: spec.clone(),
        availability: Availability::Enabled,
        create_revision: now,
        modify_revision: now,
        generation: now.into(),
        registered_at_ms,
    }));
    let outcome = Mutated::Registered {
        generation: now.into(),
        revision: now,
        change: Change::Created,
    };
    Ok((outcome, Some(event)))
}

/// The availability stays whatever comes: only whoever set it may set it back. When the registration began is
/// no content, so that a repetition does not count as a change.
fn replace(
    state: &mut State,
    current: &Instance,
    spec: &InstanceSpec,
    takeover: Takeover,
    registered_at_ms: u64,
) -> MutationApplied {
    let change = claim(current.spec(), spec, takeover)?;
    let now = state.revision();
    let (generation, revision, event) = match change {
        Change::Unchanged => (current.generation(), current.modify_revision(), None),
        Change::Updated => {
            let event = super::change(state, current, |parts| parts.spec = spec.clone());
            (current.generation(), now, Some(event))
        }
        Change::Created | Change::Restarted | Change::TakenOver => {
            let event = super::change(state, current, |parts| {
                parts.spec = spec.clone();
                parts.generation = now.into();
                parts.registered_at_ms = registered_at_ms;
            });
            (now.into(), now, Some(event))
        }
    };
    let outcome = Mutated::Registered {
        generation,
        revision,
        change,
    };
    Ok((outcome, event))
}

/// What a registration stating `new` makes of one stating `old`: the same owner and incarnation go on, the same
/// owner in another incarnation has restarted, another owner is refused unless it is a takeover. An owner or
/// incarnation that is absent equals one that is absent.
fn claim(old: &InstanceSpec, new: &InstanceSpec, takeover: Takeover) -> Result<Change, Rejection> {
    let (before, now) = (old.holder(), new.holder());
    if before.owner != now.owner {
        let owner = before.owner.clone();
        return match takeover {
            Takeover::Allowed => Ok(Change::TakenOver),
            Takeover::Forbidden => Err(Rejection::AlreadyExists { owner }),
        };
    }
    if before.incarnation != now.incarnation {
        return Ok(Change::Restarted);
    }
    Ok(if old == new { Change::Unchanged } else { Change::Updated })
}
