//! `GrantLease`: a client process gets what it lives by.

use quorate_model::{Lease, Sequence};

use super::Applied;
use crate::{Effect, HeldLease, Outcome, State};

/// The same run of the same owner gets the same lease again, as it was first granted.
pub(super) fn apply(state: &mut State, lease: Lease) -> Applied {
    if let Some(held) = state.leases().held_by(lease.owner.as_ref(), lease.incarnation) {
        return Ok((granted(held.lease(), Effect::Unchanged), Vec::new()));
    }
    let outcome = granted(&lease, Effect::Changed);
    state.insert_lease(HeldLease::new(lease, Sequence::FIRST, state.revision()))?;
    Ok((outcome, Vec::new()))
}

fn granted(lease: &Lease, effect: Effect) -> Outcome {
    Outcome::LeaseGranted {
        id: lease.id,
        ttl: lease.ttl,
        remove_after: lease.remove_after,
        effect,
    }
}
