//! `RaiseGuard`: an operator wants lapses to have no effect on answers.

use quorate_model::{GuardCause, GuardScope, GuardTime};

use super::{Applied, guarding};
use crate::{Effect, Limit, Outcome, Rejection, State};

/// Raises the guard, or gives one that is raised this end.
pub(super) fn apply(state: &mut State, scope: &GuardScope, lasts: GuardTime) -> Applied {
    let drops_at = state.log_time().plus_ms(lasts.as_ms());
    let raised = state.guards().raised(scope);
    if raised.is_some_and(|guard| guard.cause == GuardCause::Operator && guard.drops_at == drops_at) {
        let effect = Effect::Unchanged;
        return Ok((Outcome::GuardRaised { effect }, Vec::new()));
    }
    if !guarding::has_room(state, scope) {
        let limit = Limit::Guards;
        return Err(Rejection::LimitExceeded { limit });
    }
    let event = guarding::raise(state, scope, GuardCause::Operator, lasts);
    let effect = Effect::Changed;
    Ok((Outcome::GuardRaised { effect }, vec![event]))
}
