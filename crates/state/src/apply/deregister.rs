//! Deregister: an instance goes.

use quorate_model::{Generation, InstanceKey};

use super::{MutationApplied, check_generation};
use crate::{Mutated, State};

/// Removes the instance; one that is not there is as good as removed, whatever the generation.
pub(super) fn apply(state: &mut State, key: &InstanceKey, generation: Option<Generation>) -> MutationApplied {
    if let Some(current) = state.catalog().instance(key) {
        check_generation(current, generation)?;
    }
    let event = state.remove(key);
    let existed = event.is_some();
    Ok((Mutated::Deregistered { existed }, event))
}
