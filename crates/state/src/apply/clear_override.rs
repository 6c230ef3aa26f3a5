//! `ClearOverride`: an operator takes an override back.

use quorate_model::OverrideTarget;

use crate::{Event, Outcome, State};

/// Removes the override; one that is not there is as good as removed.
pub(super) fn apply(state: &mut State, target: &OverrideTarget) -> (Outcome, Vec<Event>) {
    let event = state.remove_override(target);
    let existed = event.is_some();
    (Outcome::OverrideCleared { existed }, event.into_iter().collect())
}
