//! `LapseLeases`: leases were not renewed in time.

use std::collections::BTreeSet;

use quorate_model::{GuardScope, Lapse, LeaseId, Revision, limits};

use super::guarding;
use crate::{Event, HeldLease, Lapsed, Outcome, State, guards::scopes_of};

/// Lets those lapse that are as they were when it was found, as many as fit. Where so many lapse that it looks like a
/// fault of the network, a guard is raised with the same entry: no answer is ever without both.
pub(super) fn apply(state: &mut State, leases: &[(LeaseId, Revision)]) -> (Outcome, Vec<Event>) {
    let mut events = Vec::new();
    let mut scopes = BTreeSet::new();
    let mut count = 0;
    for (id, since) in leases.iter().take(limits::EVENTS_PER_ENTRY_MAX) {
        let Some(held) = state.leases().get(*id).filter(|held| lives_since(held, *since)) else {
            continue;
        };
        let instances = state.instances_of(*id);
        let more = instances.iter().flat_map(|instance| scopes_of(instance));
        let more: BTreeSet<GuardScope> = more.filter(|scope| !scopes.contains(scope)).collect();
        // Each scope may have an event of its own: its guard is raised.
        if events.len() + instances.len() + scopes.len() + more.len() > limits::EVENTS_PER_ENTRY_MAX {
            continue;
        }
        let lapsed = lapsed(state, held);
        scopes.extend(more);
        events.extend(state.set_lapsed(*id, Some(lapsed)));
        count += 1;
    }
    raise(state, &scopes, &mut events);
    (Outcome::LeasesLapsed { count }, events)
}

fn lives_since(held: &HeldLease, since: Revision) -> bool {
    held.changed() == since && held.lapsed().is_none()
}

fn lapsed(state: &State, held: &HeldLease) -> Lapsed {
    let now = state.log_time();
    let lease = held.lease();
    Lapsed {
        lapse: Lapse {
            revision: state.revision(),
            at: now,
            recent_until: now.plus_ms(lease.ttl.as_ms()),
        },
        expires_at: now.plus_ms(lease.remove_after.as_ms()),
    }
}

fn raise(state: &mut State, scopes: &BTreeSet<GuardScope>, events: &mut Vec<Event>) {
    for scope in scopes {
        events.extend(guarding::raise_if_needed(state, scope));
    }
}
