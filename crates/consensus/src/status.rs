//! How a raft node sees itself and its cluster.

use std::time::Duration;

use openraft::ServerState;
use quorate_model::{LogIndex, MemberId, Term};

use crate::type_config::MemberInfo;

/// How a raft node sees itself and its cluster, without asking anybody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// What it is at the moment.
    pub role: Role,
    /// The term it is in.
    pub term: Term,
    /// Whom it takes for the leader.
    pub leader: Option<MemberId>,
    /// The last entry of its log.
    pub last_log: LogIndex,
    /// The last entry that it has applied.
    pub applied: LogIndex,
    /// The members, in the order of their ids.
    pub members: Vec<Member>,
}

/// A member of the cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Its id.
    pub id: MemberId,
    /// Where it is found, and what it is meant to be.
    pub info: MemberInfo,
    /// What it is.
    pub role: MemberRole,
    /// The last entry that is known to be durable there; only the leader knows.
    pub matched: Option<LogIndex>,
    /// How long ago it last answered; only the leader knows, and it says nothing of itself.
    pub last_heard: Option<Duration>,
}

/// What a member is in the membership.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MemberRole {
    /// It votes.
    Voter,
    /// It follows without a vote.
    Learner,
}

/// What a node is in raft at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// It leads.
    Leader,
    /// It votes and follows.
    Follower,
    /// It stands for election.
    Candidate,
    /// It follows without a vote.
    Learner,
    /// It has stopped.
    Stopped,
}

impl From<ServerState> for Role {
    fn from(state: ServerState) -> Self {
        match state {
            ServerState::Leader => Self::Leader,
            ServerState::Follower => Self::Follower,
            ServerState::Candidate => Self::Candidate,
            ServerState::Learner => Self::Learner,
            ServerState::Shutdown => Self::Stopped,
        }
    }
}
