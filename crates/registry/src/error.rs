//! Why a request was not done. What can be done about it is in the variant.

use std::time::Duration;

use quorate_model::{Epoch, Revision};
use quorate_state::Rejection;

use crate::deadline::Passed;

/// Why a request was not answered with what it asked for.
///
/// Nothing was done unless it is [`Error::OutcomeUnknown`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The state machine said no, or would.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// The command does not fit into a log entry.
    #[error("the request takes {len} bytes in the log, the limit is {max}: state less at a time")]
    TooLarge {
        /// Its length in bytes.
        len: usize,
        /// The limit.
        max: usize,
    },
    /// This member has as much to do as it can.
    #[error(
        "this member has {what} under way, as many as it takes: ask again in {} ms or ask another member",
        retry_after.as_millis()
    )]
    Overloaded {
        /// What there is too much of, with its number.
        what: String,
        /// When asking again makes sense.
        retry_after: Duration,
    },
    /// The cluster takes nothing at present that makes it grow.
    #[error(
        "the cluster takes nothing that makes it grow ({reason}), nothing was done: free space there, or take something out"
    )]
    ReadOnly {
        /// Why.
        reason: String,
    },
    /// There was no leader, or none that took the request, until the deadline.
    #[error("no leader took the request in time, nothing was done: ask again, and look at the members if it stays so")]
    NoLeader,
    /// No quorum confirmed the leader until the deadline.
    #[error("no quorum confirmed the leader in time ({problem}): ask again, or be content with a stale read")]
    NoQuorum {
        /// What was in the way at the last try.
        problem: String,
    },
    /// A read asks for a state of another history.
    #[error(
        "the state that was seen is of epoch {asked}, and the cluster is in epoch {current}: it has been restored from a \
         snapshot since; forget what was seen before"
    )]
    EpochMismatch {
        /// That of the state.
        asked: Epoch,
        /// That of the cluster.
        current: Epoch,
    },
    /// A read asks for a revision that the cluster has not come to.
    #[error("the cluster has come to revision {reached}, and not to {asked}: was that seen in another cluster?")]
    RevisionAhead {
        /// The revision asked for.
        asked: Revision,
        /// How far the cluster has come.
        reached: Revision,
    },
    /// The deadline passed before anything was done.
    #[error("the deadline passed before anything was done: ask again with more time")]
    DeadlineExceeded,
    /// The leader does not take the command: it runs an older version.
    #[error("the leader refuses the request, nothing was done: {problem}; upgrade all members")]
    Refused {
        /// What it said.
        problem: String,
    },
    /// The member that was asked, or the leader, is about to stop.
    #[error("a member is stopping ({problem}), nothing was done: ask another one")]
    Stopping {
        /// What it said.
        problem: String,
    },
    /// The write may have taken effect or not, or may do so later.
    #[error("{problem}: the write may or may not take effect; look before asking again")]
    OutcomeUnknown {
        /// What happened on the way.
        problem: String,
    },
    /// The members are not changed like this while things are as they are.
    #[error("{reason}")]
    MembershipRefused {
        /// Why, and what to do.
        reason: String,
    },
    /// The members cannot be changed at present.
    #[error("the members cannot be changed now ({problem}), nothing was done: ask again in a moment")]
    MembershipBusy {
        /// What is in the way.
        problem: String,
    },
    /// There is no such member.
    #[error("{problem}")]
    MemberNotFound {
        /// Which one.
        problem: String,
    },
    /// The software is at fault.
    #[error("a fault of this member: {problem}; please report it")]
    Internal {
        /// What was not as it has to be.
        problem: String,
    },
}

// === impl Error ===

impl Error {
    /// It is this member that is stopping.
    pub(crate) fn stopping_here() -> Self {
        Self::Stopping {
            problem: "this one".to_owned(),
        }
    }
}

impl Error {
    /// A command was applied, and its outcome is none of its kind: whatever else is said of it, not that nothing was
    /// done.
    pub(crate) fn outcome_mismatch() -> Self {
        Self::OutcomeUnknown {
            problem: "the outcome is not one of the command that was proposed".to_owned(),
        }
    }
}

impl From<Passed> for Error {
    fn from(Passed: Passed) -> Self {
        Self::DeadlineExceeded
    }
}
