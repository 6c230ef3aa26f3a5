//! `DropGuard`: an operator knows that what has lapsed is gone.

use quorate_model::GuardScope;

use super::guarding;
use crate::{Event, Outcome, State};

/// Drops the guard; one that is not raised is as good as dropped.
pub(super) fn apply(state: &mut State, scope: &GuardScope) -> (Outcome, Vec<Event>) {
    let existed = state.guards().raised(scope).is_some();
    let event = existed.then(|| guarding::drop_guard(state, scope));
    (Outcome::GuardDropped { existed }, event.into_iter().collect())
}
