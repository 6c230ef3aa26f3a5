//! `SetAvailability`: the operator's or owner's intent for an instance changes.

use quorate_model::{Availability, DrainTime, Generation, InstanceKey};

use super::{MutationApplied, existing};
use crate::{Effect, Mutated, State};

/// Sets the intent, which lasts until it is set anew or the instance is deregistered; that to drain, no longer than for
/// `drain`.
pub(super) fn apply(
    state: &mut State,
    key: &InstanceKey,
    availability: Availability,
    drain: Option<DrainTime>,
    generation: Option<Generation>,
) -> MutationApplied {
    let current = existing(state, key, generation)?;
    let outcome = |revision, effect| Mutated::AvailabilitySet {
        generation: current.generation(),
        revision,
        effect,
    };
    let drains_until = match availability {
        Availability::Draining => drain.map(|time| state.log_time().plus_ms(time.as_ms())),
        Availability::Enabled | Availability::Disabled => None,
    };
    if current.availability() == availability && current.drains_until() == drains_until {
        return Ok((outcome(current.modify_revision(), Effect::Unchanged), None));
    }
    let event = super::change(state, &current, |parts| {
        parts.availability = availability;
        parts.drains_until = drains_until;
    });
    Ok((outcome(state.revision(), Effect::Changed), Some(event)))
}
