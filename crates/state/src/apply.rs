//! What each command does: one file per command.
//!
//! A command either has its whole effect or is rejected before it has any.

mod allocate_member;
mod deregister;
mod found;
mod register;
mod set_availability;
mod update;

use std::sync::Arc;

use quorate_model::{Generation, Instance, InstanceKey, InstanceParts};

use crate::{Command, Event, Outcome, Rejection, State};

/// What a command came to, with the one change of the catalog that it made, if any.
pub(crate) type Applied = Result<(Outcome, Option<Event>), Rejection>;

/// Applies `command` at the revision that `state` has been advanced to.
pub(crate) fn dispatch(state: &mut State, command: &Command) -> Applied {
    if !matches!(command, Command::Found { .. }) {
        state.require_founded()?;
    }
    match command {
        Command::Found { cluster_id, epoch } => found::apply(state, *cluster_id, *epoch),
        Command::AllocateMember { nonce } => allocate_member::apply(state, *nonce),
        Command::Register {
            key,
            spec,
            takeover,
            registered_at_ms,
        } => register::apply(state, key, spec, *takeover, *registered_at_ms),
        Command::Update { key, generation, patch } => update::apply(state, key, *generation, patch),
        Command::Deregister { key, generation } => deregister::apply(state, key, *generation),
        Command::SetAvailability {
            key,
            availability,
            generation,
        } => set_availability::apply(state, key, *availability, *generation),
    }
}

/// The instance at `key`, for a command that needs one and may touch this generation of it.
fn existing(state: &State, key: &InstanceKey, generation: Option<Generation>) -> Result<Arc<Instance>, Rejection> {
    let instance = state.catalog().instance(key).ok_or(Rejection::NotFound)?;
    check_generation(instance, generation)?;
    Ok(Arc::clone(instance))
}

/// Refuses a command that speaks of another life of `instance` than the present one.
fn check_generation(instance: &Instance, generation: Option<Generation>) -> Result<(), Rejection> {
    let current = instance.generation();
    match generation {
        Some(stated) if stated != current => Err(Rejection::StaleGeneration { current }),
        Some(_) | None => Ok(()),
    }
}

/// Puts a changed copy of `current` in its place.
fn change(state: &mut State, current: &Instance, change: impl FnOnce(&mut InstanceParts)) -> Event {
    let mut parts = current.clone().into_parts();
    change(&mut parts);
    parts.modify_revision = state.revision();
    state.put(Instance::new(parts))
}
