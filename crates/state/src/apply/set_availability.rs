//! `SetAvailability`: the operator's or owner's intent for an instance changes.

use quorate_model::{Availability, Generation, InstanceKey};

use super::{MutationApplied, existing};
use crate::{Effect, Mutated, State};

/// Sets the intent, which lasts until it is set anew or the instance is deregistered.
pub(super) fn apply(
    state: &mut State,
    key: &InstanceKey,
    availability: Availability,
    generation: Option<Generation>,
) -> MutationApplied {
    let current = existing(state, key, generation)?;
    let outcome = |revision, effect| Mutated::AvailabilitySet {
        generation: current.generation(),
        revision,
        effect,
    };
    if current.availability() == availability {
        return Ok((outcome(current.modify_revision(), Effect::Unchanged), None));
    }
    let event = super::change(state, &current, |parts| parts.availability = availability);
    Ok((outcome(state.revision(), Effect::Changed), Some(event)))
}
