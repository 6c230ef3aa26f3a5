//! `GrantLease`: a client process gets what it lives by.

use quorate_model::{Incarnation, Lease, LeaseTtl, Owner, Sequence};

use super::Applied;
use crate::{Effect, HeldLease, Outcome, State};

/// The same run of the same owner gets the same lease again, as it was first granted.
pub(super) fn apply(
    state: &mut State,
    owner: Option<&Owner>,
    incarnation: Incarnation,
    ttl: LeaseTtl,
    granted_at_ms: u64,
) -> Applied {
    if let Some(held) = state.leases().held_by(owner, incarnation) {
        return Ok((granted(held.lease(), Effect::Unchanged), Vec::new()));
    }
    let lease = Lease {
        id: state.revision().into(),
        owner: owner.cloned(),
        incarnation,
        ttl,
        granted_at_ms,
    };
    let outcome = granted(&lease, Effect::Changed);
    state.insert_lease(HeldLease::new(lease, Sequence::FIRST, state.revision()))?;
    Ok((outcome, Vec::new()))
}

fn granted(lease: &Lease, effect: Effect) -> Outcome {
    Outcome::LeaseGranted {
        id: lease.id,
        ttl: lease.ttl,
        effect,
    }
}
