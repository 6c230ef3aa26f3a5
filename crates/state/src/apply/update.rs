//! Update: what is stated about an instance changes in part.

use quorate_model::{Generation, InstanceKey, InstancePatch};

use super::{MutationApplied, existing};
use crate::{Effect, Limit, Mutated, Rejection, State};

/// Replaces the given parts; a patch that leaves everything as it is has no event.
pub(super) fn apply(
    state: &mut State,
    key: &InstanceKey,
    generation: Option<Generation>,
    patch: &InstancePatch,
) -> MutationApplied {
    let current = existing(state, key, generation)?;
    if let Some(endpoints) = &patch.endpoints {
        current.spec().checks().fit(endpoints)?;
    }
    // Each part is valid by itself, and the checks fit: only their sum can be refused.
    let limit = Limit::InstanceLen;
    let patched = current.spec().patched(patch);
    let spec = patched.map_err(|_| Rejection::LimitExceeded { limit })?;
    let outcome = |revision, effect| Mutated::Updated {
        generation: current.generation(),
        revision,
        effect,
    };
    if spec == *current.spec() {
        return Ok((outcome(current.modify_revision(), Effect::Unchanged), None));
    }
    let event = super::change(state, &current, |parts| parts.spec = spec);
    Ok((outcome(state.revision(), Effect::Changed), Some(event)))
}
