//! Why the cluster did not do what was asked. What can be done about it is in the variant.

use quorate_model::MemberId;

/// A command was not applied, or it is not known whether it was.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProposeError {
    /// The member that was asked does not lead. The command was not appended anywhere: it is safe to try the
    /// leader, who may be known.
    #[error("not the leader")]
    NotLeader(Option<MemberId>),
    /// The command was not appended, and will not be: the leader cannot read it, or it is too long.
    #[error("{0}")]
    Refused(String),
    /// The command was not appended in time: too much was to be appended before it.
    #[error("it was not appended in time: the leader has too much to write")]
    TimedOut,
    /// The command may or may not have taken effect, or may still do so.
    #[error("the outcome is unknown: {0}")]
    OutcomeUnknown(String),
}

/// A linearizable read cannot be confirmed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadIndexError {
    /// The member that was asked does not lead.
    #[error("not the leader")]
    NotLeader(Option<MemberId>),
    /// The leader could not be reached, or could not reach a quorum.
    #[error("leadership is not confirmed: {0}")]
    Unconfirmed(String),
}

/// A change of membership was not made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MembershipError {
    /// The member that was asked does not lead.
    #[error("not the leader")]
    NotLeader(Option<MemberId>),
    /// Another change is under way; it has to finish first.
    #[error("another change of membership is under way")]
    InProgress,
    /// The change is not possible, and why.
    #[error("{0}")]
    Refused(String),
    /// The change may or may not have been made.
    #[error("the outcome is unknown: {0}")]
    OutcomeUnknown(String),
}

/// The raft node could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Its timing contradicts itself.
    #[error("the raft timing is not possible: {0}")]
    Timing(String),
    /// The log, the vote or the snapshot do not fit together, or cannot be read.
    #[error(
        "the stored state is damaged ({0}): move the data directory away and join again as a new member, at an \
         address that no member has"
    )]
    Storage(String),
    /// The cluster could not be founded.
    #[error("the cluster could not be founded: {0}")]
    Bootstrap(String),
}
