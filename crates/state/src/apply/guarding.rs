//! When guards are raised and dropped by themselves.

use std::collections::BTreeSet;

use quorate_model::{Filter, GuardCause, GuardScope, GuardTime, Liveness, Revision, ServiceKey, Standing, limits};

#[cfg(quorate_planted)]
use quorate_model::planted::{self, Planted};

use crate::{
    Event, Guard, State,
    guards::{Answer, GuardState, scopes_of},
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
    if has_room(state, scope) || matches!(scope, GuardScope::Cluster) {
        return Some(raise(state, scope, cause, GuardTime::default()));
    }
    // Where so many are raised that no more can be remembered, it is the cluster that is guarded.
    let cluster = GuardScope::Cluster;
    let is_raised = state.guards().raised(&cluster).is_some();
    (!is_raised).then(|| raise(state, &cluster, cause, GuardTime::default()))
}

/// Whether the guard of a scope can be remembered.
pub(super) fn has_room(state: &State, scope: &GuardScope) -> bool {
    state.guards().state(scope).is_some() || state.guards().len() < limits::GUARDS_MAX
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
        // What does not fit drops with a later entry that touches it, or when its time is over.
        if events.len() >= limits::EVENTS_PER_ENTRY_MAX {
            return;
        }
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
    is_below_floor(state, scope).then_some(GuardCause::Floor)
}

/// Whether it is a service of which lapses have left too little.
fn is_below_floor(state: &State, scope: &GuardScope) -> bool {
    let GuardScope::Service(key) = scope else {
        return false;
    };
    let floor = usize::from(state.settings(key).protect_minimum.get());
    state.guards().tally(scope).counted > 0 && answer(state, key, floor.max(1)).is_below(floor)
}

/// What a default answer of a service would hold if there were no guards. Looks no further once it is `enough`.
fn answer(state: &State, key: &ServiceKey, enough: usize) -> Answer {
    let (standings, scope) = (state.standings(key), GuardScope::Service(key.clone()));
    let mut answer = Answer::default();
    let service = state.catalog().service(key);
    for instance in service.iter().flat_map(|service| service.instances()) {
        if answer.left >= enough {
            break;
        }
        // What it would be if all leases lived: one that is disabled or does not work is no help to anybody.
        let standing = Standing {
            liveness: Liveness::Live,
            ..standings.standing(instance)
        };
        if !Filter::default().matches(instance, &standing) {
            continue;
        }
        match instance.lapse() {
            None => answer.left += 1,
            Some(lapse) => answer.fallen += usize::from(state.guards().counts(&scope, lapse, state.aged_to())),
        }
    }
    answer
}

/// Whether a guard is raised that can be dropped: no more is suspect than may be, and nothing of it is needed.
fn is_well(state: &State, scope: &GuardScope) -> bool {
    let Some(guard) = state.guards().raised(scope) else {
        return false;
    };
    let tally = state.guards().tally(scope);
    match (guard.cause, scope) {
        (GuardCause::Operator, _) => false,
        // It may stand for guards of narrower scopes, of which it says nothing how much of them is suspect.
        (GuardCause::Share | GuardCause::Floor, GuardScope::Cluster) if state.guards().len() >= limits::GUARDS_MAX => {
            tally.counted == 0
        }
        (GuardCause::Share | GuardCause::Floor, _) => {
            tally.is_well(share_percent(state, scope)) && !is_below_floor(state, scope)
        }
    }
}

/// The share of a scope above which a guard is raised.
fn share_percent(state: &State, scope: &GuardScope) -> u8 {
    match scope {
        GuardScope::Service(key) => state.settings(key).guard_share.as_percent(),
        GuardScope::Zone(_) | GuardScope::Namespace(_) | GuardScope::Cluster => limits::GUARD_SHARE_PERCENT,
    }
}
