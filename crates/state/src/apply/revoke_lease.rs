//! `RevokeLease`: a client process is done.

use quorate_model::LeaseId;

use super::guarding;
use crate::{Event, Outcome, State};

/// Ends the lease and all that it keeps; one that is not there is as good as ended.
pub(super) fn apply(state: &mut State, id: LeaseId) -> (Outcome, Vec<Event>) {
    let existed = state.leases().get(id).is_some();
    let mut events = if existed { state.end_lease(id) } else { Vec::new() };
    guarding::settle(state, &mut events);
    (Outcome::LeaseRevoked { existed }, events)
}
