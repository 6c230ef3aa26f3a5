//! `ClaimMember`: a process takes the member id that was reserved for it.

use quorate_model::{JoinNonce, MemberId};

use super::Applied;
use crate::{Outcome, State};

/// Changes whose the id is; the process that has it already is told so again.
pub(super) fn apply(state: &mut State, id: MemberId, reserved: JoinNonce, nonce: JoinNonce) -> Applied {
    state.claim_member(id, reserved, nonce)?;
    Ok((Outcome::MemberAllocated(id), Vec::new()))
}
