//! `ReviveLeases`: leases that have lapsed were renewed.

use quorate_model::{LeaseId, Revision, limits};

use super::guarding;
use crate::{Event, HeldLease, Outcome, State};

/// Lets those live again that have not lapsed anew since, with all that they keep.
pub(super) fn apply(state: &mut State, leases: &[(LeaseId, Revision)]) -> (Outcome, Vec<Event>) {
    let mut events = Vec::new();
    let mut count = 0;
    for (id, lapse) in leases.iter().take(limits::EVENTS_PER_ENTRY_MAX) {
        let Some(held) = state.leases().get(*id).filter(|held| lapsed_at(held, *lapse)) else {
            continue;
        };
        if events.len() + held.instance_count() > limits::EVENTS_PER_ENTRY_MAX {
            continue;
        }
        events.extend(state.set_lapsed(*id, None));
        count += 1;
    }
    guarding::settle(state, &mut events);
    (Outcome::LeasesRevived { count }, events)
}

fn lapsed_at(held: &HeldLease, lapse: Revision) -> bool {
    held.lapsed().is_some_and(|lapsed| lapsed.lapse.revision == lapse)
}
