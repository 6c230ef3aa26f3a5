//! `RevokeLease`: a client process is done.

use quorate_model::LeaseId;

use crate::{Event, Outcome, State};

/// Ends the lease; one that is not there is as good as ended.
pub(super) fn apply(state: &mut State, id: LeaseId) -> (Outcome, Vec<Event>) {
    let existed = state.remove_lease(id);
    (Outcome::LeaseRevoked { existed }, Vec::new())
}
