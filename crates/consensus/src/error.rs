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
    /// The command was not appended: it would make the state grow, and the disk of a voter is nearly full.
    #[error("the cluster takes nothing that makes it grow: {0}")]
    ReadOnly(String),
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

/// What an operator wanted of the members was not done, or it is not known whether it was.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChangeError {
    /// Nothing was done: the member that was asked does not lead.
    #[error("not the leader")]
    NotLeader(Option<MemberId>),
    /// Nothing was done, for now: another change is under way, or what the leader needs is out of reach.
    #[error("{0}")]
    Busy(String),
    /// Nothing was done, and will not be while things are as they are.
    #[error("{0}")]
    Refused(String),
    /// It may or may not take effect.
    #[error("the outcome is unknown: {0}")]
    OutcomeUnknown(String),
    /// Nothing was done: there is no such member.
    #[error("there is no such member")]
    NotFound,
}

/// The raft node could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Its timing contradicts itself.
    #[error("the raft timing is not possible: {0}")]
    Timing(String),
    /// The log, the vote or the snapshot do not fit together, or cannot be read.
    #[error(
        "the stored state is damaged ({0}): move the data directory away and join again as a new member, with \
         --replace and the id of this one"
    )]
    Storage(String),
    /// The log ends before what this member had told another one to be durable. Taking part would endanger what was
    /// committed by its word.
    #[error(
        "the log of this member has lost entries that it had acknowledged: it ends {ends}, and member {remembered_by} \
         was told {acknowledged}. Remove it (`quorate member remove {member}`), wipe the directory and join as a new \
         member"
    )]
    EntriesLost {
        /// This member.
        member: MemberId,
        /// Where its log ends.
        ends: String,
        /// The member that remembers more.
        remembered_by: MemberId,
        /// What that one was told.
        acknowledged: String,
    },
    /// The cluster could not be founded.
    #[error("the cluster could not be founded: {0}")]
    Bootstrap(String),
}
