//! `SetProbers`: other members make checks from now on.

use quorate_model::{MemberId, limits};

use super::Applied;
use crate::{Effect, Outcome, Rejection, State, probers::Probers};

/// Names the members; the same ones named again change nothing, and nobody has to begin anew.
pub(super) fn apply(state: &mut State, members: &[MemberId]) -> Applied {
    if members.len() > limits::MEMBERS_MAX {
        let reason = format!(
            "{} members are over the limit of {}",
            members.len(),
            limits::MEMBERS_MAX
        );
        return Err(Rejection::Invalid { reason });
    }
    let next = Probers::new(state.revision(), members);
    let is_same = state.probers().map_or(&[][..], Probers::members) == next.members();
    let effect = if is_same {
        Effect::Unchanged
    } else {
        state.put_probers(next);
        Effect::Changed
    };
    Ok((Outcome::ProbersSet { effect }, Vec::new()))
}
