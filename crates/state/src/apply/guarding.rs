//! When guards are raised and dropped by themselves.

use std::collections::BTreeSet;

use quorate_model::{GuardCause, GuardScope, GuardTime, Revision, limits};

#[cfg(quorate_planted)]
use quorate_model::planted::{self, Planted};

use crate::{
    Event, Guard, State,
    guards::{GuardState, scopes_of},
};

/// Raises the guard of a scope in which something has just lapsed, if that is too much.
pub(super) fn raise_if_needed(state: &mut State, scope: &GuardScope) -> Option<Event> {
    #[cfg(quorate_planted)]
    if planted::is(Planted::GuardNotCommitted) {
        return None;
    }
    if state.guards().raised(scope).is_some() {
        return None;
    }
    let cause = cause(state, scope)?;
    if state.guards().len() < limits::GUARDS_MAX || matches!(scope, GuardScope::Cluster) {
        return Some(raise(state, scope, cause, GuardTime::default()));
    }
    // Where so many are raised that no more can be remembered, it is the cluster that is guarded.
    let cluster = GuardScope::Cluster;
    let is_raised = state.guards().raised(&cluster).is_some();
    (!is_raised).then(|| raise(state, &cluster, cause, GuardTime::default()))
}

/// Raises the guard of a scope for so long from now on. One that is raised keeps its beginning.
pub(super) fn raise(state: &mut State, scope: &GuardScope, cause: GuardCause, lasts: GuardTime) -> Event {
    let now = state.log_time();
    let (raised_at, revision, counts_from) = match state.guards().state(scope) {
        Some(GuardState::Raised(guard)) => (guard.raised_at, guard.revision, guard.counts_from),
        Some(GuardState::Dropped { revision, .. }) => (now, state.revision(), *revision),
        None => (now, state.revision(), Revision::ZERO),
    };
    let guard = Guard {
        revision,
        raised_at,
        drops_at: now.plus_ms(lasts.as_ms()),
        cause,
        counts_from,
    };
    state.put_guard(scope, GuardState::Raised(guard));
    Event::GuardRaised {
        scope: scope.clone(),
        guard,
    }
}

/// Drops the guard of a scope, which is raised.
pub(super) fn drop_guard(state: &mut State, scope: &GuardScope) -> Event {
    let (revision, at) = (state.revision(), state.log_time());
    state.put_guard(scope, GuardState::Dropped { revision, at });
    Event::GuardDropped { scope: scope.clone() }
}

/// Drops the guards of the scopes that `events` touch and that are well again. One that was raised by hand is dropped by
/// hand.
pub(super) fn settle(state: &mut State, events: &mut Vec<Event>) {
    if state.guards().raised_count() == 0 {
        return;
    }
    let touched: BTreeSet<GuardScope> = events.iter().flat_map(touched).collect();
    for scope in touched {
        if is_well(state, &scope) {
            events.push(drop_guard(state, &scope));
        }
    }
}

fn touched(event: &Event) -> Vec<GuardScope> {
    match event {
        Event::Put { instance, previous } => {
            let before = previous.iter().flat_map(|previous| scopes_of(previous));
            scopes_of(instance).chain(before).collect()
        }
        Event::Delete { previous } => scopes_of(previous).collect(),
        Event::OverrideSet { .. }
        | Event::OverrideCleared { .. }
        | Event::GuardRaised { .. }
        | Event::GuardDropped { .. } => Vec::new(),
    }
}

fn cause(state: &State, scope: &GuardScope) -> Option<GuardCause> {
    let tally = state.guards().tally(scope);
    if tally.is_over(share_percent(state, scope)) {
        return Some(GuardCause::Share);
    }
    let GuardScope::Service(key) = scope else {
        return None;
    };
    let persistent = state.catalog().service(key).map_or(0, |service| service.len()) - tally.leased;
    let floor = usize::from(state.settings(key).protect_minimum.get());
    tally.is_below(persistent, floor).then_some(GuardCause::Floor)
}

fn is_well(state: &State, scope: &GuardScope) -> bool {
    let Some(guard) = state.guards().raised(scope) else {
        return false;
    };
    let tally = state.guards().tally(scope);
    match guard.cause {
        GuardCause::Operator => false,
        GuardCause::Share | GuardCause::Floor => tally.is_well(share_percent(state, scope)),
    }
}

/// The share of a scope above which a guard is raised.
fn share_percent(state: &State, scope: &GuardScope) -> u8 {
    match scope {
        GuardScope::Service(key) => state.settings(key).guard_share.as_percent(),
        GuardScope::Zone(_) | GuardScope::Namespace(_) | GuardScope::Cluster => limits::GUARD_SHARE_PERCENT,
    }
}
