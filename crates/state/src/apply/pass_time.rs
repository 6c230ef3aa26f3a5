//! `PassTime`: what the log time asks for.

use quorate_model::{Availability, GuardScope, InstanceKey, LeaseId, LogTime, OverrideTarget, limits};

use super::{change, guarding};
use crate::{
    Event, HeldLease, Lapsed, Outcome, State,
    guards::{GuardState, scopes_of},
};

/// Does what is due, and as much of it as one entry may hold. What is left is still due.
pub(super) fn apply(state: &mut State) -> (Outcome, Vec<Event>) {
    let now = state.log_time();
    let mut events = Vec::new();
    // The entry has aged some already; more here tells whoever waits for the rest that it goes on.
    let mut count = state.age_lapses();
    count += take_back_overrides(state, now, &mut events);
    count += disable_drained(state, now, &mut events);
    count += drop_guards(state, now, &mut events);
    count += expire_leases(state, now, &mut events);
    guarding::settle(state, &mut events);
    let count = u32::try_from(count).unwrap_or(u32::MAX);
    (Outcome::TimePassed { count }, events)
}

fn room(events: &[Event]) -> usize {
    limits::EVENTS_PER_ENTRY_MAX.saturating_sub(events.len())
}

fn take_back_overrides(state: &mut State, now: LogTime, events: &mut Vec<Event>) -> usize {
    let expired = state.overrides().expired(now).take(room(events));
    let targets: Vec<OverrideTarget> = expired.cloned().collect();
    events.extend(targets.iter().filter_map(|target| state.remove_override(target)));
    targets.len()
}

fn disable_drained(state: &mut State, now: LogTime, events: &mut Vec<Event>) -> usize {
    let drained = state.drained(now).take(room(events));
    let keys: Vec<InstanceKey> = drained.cloned().collect();
    for key in &keys {
        let Some(instance) = state.instance(key) else {
            continue;
        };
        events.push(change(state, &instance, |parts| {
            parts.availability = Availability::Disabled;
            parts.drains_until = None;
        }));
    }
    keys.len()
}

/// One that is raised drops; one that was dropped long ago is forgotten.
fn drop_guards(state: &mut State, now: LogTime, events: &mut Vec<Event>) -> usize {
    let due = state.guards().due(now, state.aged_to()).take(room(events));
    let scopes: Vec<GuardScope> = due.cloned().collect();
    for scope in &scopes {
        match state.guards().state(scope) {
            Some(GuardState::Raised(_)) => events.push(guarding::drop_guard(state, scope)),
            Some(GuardState::Dropped { .. }) => state.forget_guard(scope),
            None => {}
        }
    }
    scopes.len()
}

fn expire_leases(state: &mut State, now: LogTime, events: &mut Vec<Event>) -> usize {
    let due: Vec<LeaseId> = state.leases().due(now).take(limits::EVENTS_PER_ENTRY_MAX).collect();
    let (mut count, mut seen) = (0, 0);
    for id in due {
        let Some(held) = state.leases().get(id) else {
            continue;
        };
        // One that is only given more time has no events, but is looked at instance by instance all the same.
        seen += held.instance_count();
        if held.instance_count() > room(events) || (seen > limits::EVENTS_PER_ENTRY_MAX && count > 0) {
            break;
        }
        match more_time(state, held, now) {
            Some(until) => state.postpone_expiry(id, until),
            None => events.extend(state.end_lease(id)),
        }
        count += 1;
    }
    count
}

/// Until when a lease stays that would expire now: nothing expires under a guard, and when that drops the time begins
/// anew.
fn more_time(state: &State, held: &HeldLease, now: LogTime) -> Option<LogTime> {
    let lapsed = held.lapsed()?;
    let remove_after_ms = held.lease().remove_after.as_ms();
    let instances = state.instances_of(held.lease().id);
    let scopes = instances.iter().flat_map(|instance| scopes_of(instance));
    let until = scopes
        .filter_map(|scope| given(state, &scope, lapsed, now))
        .max()?
        .plus_ms(remove_after_ms);
    (until > now).then_some(until)
}

/// The moment from which on the guard of a scope has a lease's time begin.
fn given(state: &State, scope: &GuardScope, lapsed: &Lapsed, now: LogTime) -> Option<LogTime> {
    match state.guards().state(scope)? {
        GuardState::Raised(_) => Some(now),
        GuardState::Dropped { revision, at } => (lapsed.lapse.revision <= *revision).then_some(*at),
    }
}
