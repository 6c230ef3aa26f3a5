//! `AllocateMember`: a joining process gets an id that no other ever had.

use quorate_model::JoinNonce;

use super::Applied;
use crate::{Outcome, State};

/// The same nonce gets the same id again.
pub(super) fn apply(state: &mut State, nonce: JoinNonce) -> Applied {
    let id = state.allocate_member(nonce)?;
    Ok((Outcome::MemberAllocated(id), Vec::new()))
}
