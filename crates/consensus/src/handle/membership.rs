//! Changes of the membership: all through the leader, one at a time, each with what is meant of a member.
//!
//! Who stays after a change of the voters is said by callings, which are part of the membership: a voter that goes
//! while it is called to be a learner stays as one, any other leaves the cluster. So whoever finishes a change that
//! was interrupted knows what was meant.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use openraft::{
    ChangeMembers,
    async_runtime::WatchReceiver as _,
    errors::{ChangeMembershipError, ClientWriteError, RaftError},
    raft::Precondition,
};
use quorate_model::MemberId;
use tokio::time::timeout;

use super::{Consensus, member_id};
use crate::{
    error::MembershipError,
    timing::Timing,
    type_config::{Calling, LogId, MemberInfo, Membership, TypeConfig},
};

type Change = ChangeMembers<u64, MemberInfo>;

/// A change of who belongs to the cluster, and who of them votes: one committed change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MembershipChange {
    /// A learner gets a vote, for good.
    Promote(MemberId),
    /// A member loses its vote, if it has one, and stays a learner for good.
    Demote(MemberId),
    /// A member goes, with its vote.
    Remove(MemberId),
    /// A member goes, and another one takes its place: votes if that one did.
    Replace {
        /// The one that goes.
        old: MemberId,
        /// The one that comes.
        new: MemberId,
    },
    /// What an earlier leader began is finished as it was meant.
    Finish,
}

/// What raft is asked for.
#[derive(Debug, PartialEq, Eq)]
struct Plan {
    change: Change,
    /// Whether voters that go stay as learners.
    retain: bool,
}

impl Consensus {
    /// Adds a member that follows without a vote, and does not wait until it has caught up.
    pub async fn add_learner(
        &self,
        id: MemberId,
        info: MemberInfo,
        time_left: Duration,
    ) -> Result<(), MembershipError> {
        answered(timeout(time_left, self.raft().add_learner(id.get(), info, false)).await)
    }

    /// Makes a change of the membership as this member knows it, and of no other.
    pub async fn change_membership(
        &self,
        change: MembershipChange,
        time_left: Duration,
    ) -> Result<(), MembershipError> {
        let (based_on, plan) = self.plan(change);
        let unchanged = Precondition::LastMembershipLogId {
            last_membership_log_id: based_on,
        };
        let changing = self.raft().change_membership_if(plan.change, plan.retain, [unchanged]);
        let answer = answered(timeout(time_left, changing).await);
        answer.map_err(|error| looked_at_again(error, based_on == self.based_on()))
    }

    /// The pace of raft.
    pub fn timing(&self) -> Timing {
        self.timing
    }

    /// Whether a change of membership is half done.
    pub fn is_joint(&self) -> bool {
        let metrics = self.metrics();
        let metrics = metrics.borrow_watched();
        metrics.membership_config.membership().get_joint_config().len() > 1
    }

    /// Whether this member goes in a change that is half done: the rest of it may be the last that it is not sent.
    pub fn is_leaving(&self) -> bool {
        let metrics = self.metrics();
        let metrics = metrics.borrow_watched();
        leaving(metrics.membership_config.membership()).contains(&metrics.id)
    }

    /// The members according to the last membership that is committed, if there is none after it. Whoever is not
    /// one of them and has been given an id is a member no more.
    pub fn settled_members(&self) -> Option<Vec<MemberId>> {
        let metrics = self.metrics();
        let metrics = metrics.borrow_watched();
        let stored = &metrics.membership_config;
        let since = stored.log_id().as_ref()?;
        let is_applied = metrics.last_applied.as_ref().is_some_and(|applied| since <= applied);
        let members = stored.membership().nodes();
        is_applied.then(|| members.filter_map(|(id, _)| member_id(Some(*id))).collect())
    }

    /// The entry of the membership in force.
    fn based_on(&self) -> Option<LogId> {
        let metrics = self.metrics();
        let metrics = metrics.borrow_watched();
        *metrics.membership_config.log_id()
    }

    fn plan(&self, change: MembershipChange) -> (Option<LogId>, Plan) {
        let metrics = self.metrics();
        let metrics = metrics.borrow_watched();
        let stored = &metrics.membership_config;
        (*stored.log_id(), plan(stored.membership(), change))
    }
}

fn plan(membership: &Membership, change: MembershipChange) -> Plan {
    let call = |id: MemberId, calling: Calling| called(membership, id, calling);
    let add = |id: MemberId| ChangeMembers::AddVoterIds(BTreeSet::from([id.get()]));
    let remove = |id: MemberId| ChangeMembers::RemoveVoters(BTreeSet::from([id.get()]));
    let leave = |id: MemberId| ChangeMembers::RemoveNodes(BTreeSet::from([id.get()]));
    let votes = |id: MemberId| membership.voter_ids().any(|voter| voter == id.get());
    let (changes, retain) = match change {
        MembershipChange::Promote(id) => (vec![call(id, Calling::Voter), Some(add(id))], true),
        MembershipChange::Demote(id) => (vec![call(id, Calling::Learner), Some(remove(id))], true),
        MembershipChange::Remove(id) if votes(id) => (vec![call(id, Calling::Voter), Some(remove(id))], false),
        MembershipChange::Remove(id) => (vec![Some(leave(id))], true),
        MembershipChange::Replace { old, new } if votes(old) => {
            let calls = [call(old, Calling::Voter), call(new, Calling::Voter)];
            let swap = [Some(remove(old)), Some(add(new))];
            (calls.into_iter().chain(swap).collect(), false)
        }
        MembershipChange::Replace { old, new } => (vec![inherited(membership, old, new), Some(leave(old))], true),
        MembershipChange::Finish => (vec![Some(ChangeMembers::RemoveNodes(leaving(membership)))], true),
    };
    let change = ChangeMembers::Batch(changes.into_iter().flatten().collect());
    Plan { change, retain }
}

/// Gives a member a calling, unless it has it.
fn called(membership: &Membership, id: MemberId, calling: Calling) -> Option<Change> {
    let info = membership.get_node(&id.get())?;
    let info = MemberInfo {
        calling,
        ..info.clone()
    };
    let differs = membership.get_node(&id.get()) != Some(&info);
    differs.then(|| ChangeMembers::SetNodes(BTreeMap::from([(id.get(), info)])))
}

/// The successor of a learner is what that one was.
fn inherited(membership: &Membership, old: MemberId, new: MemberId) -> Option<Change> {
    let was = membership.get_node(&old.get())?.calling;
    let is = membership.get_node(&new.get())?.calling;
    (is == Calling::Successor(old)).then(|| called(membership, new, was))?
}

/// Voters that go in the change that is half done, and do not stay as learners.
fn leaving(membership: &Membership) -> BTreeSet<u64> {
    let target = membership.get_joint_config().last();
    let going = membership
        .voter_ids()
        .filter(|id| target.is_some_and(|target| !target.contains(id)));
    let stays = |id: &u64| {
        membership
            .get_node(id)
            .is_some_and(|info| info.calling == Calling::Learner)
    };
    going.filter(|id| !stays(id)).collect()
}

type Answer<T> = Result<T, RaftError<TypeConfig, ClientWriteError<TypeConfig>>>;

fn answered<T>(answer: Result<Answer<T>, tokio::time::error::Elapsed>) -> Result<(), MembershipError> {
    let unknown = |problem: String| Err(MembershipError::OutcomeUnknown(problem));
    match answer {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(RaftError::APIError(error))) => Err(change_error(error)),
        Ok(Err(RaftError::Fatal(error))) => unknown(error.to_string()),
        Err(_) => unknown("it was not committed in time, and may still be".to_owned()),
    }
}

fn change_error(error: ClientWriteError<TypeConfig>) -> MembershipError {
    match error {
        ClientWriteError::ForwardToLeader(forward) => MembershipError::NotLeader(member_id(forward.leader_id)),
        ClientWriteError::LogEntryDiscarded(_) => {
            MembershipError::OutcomeUnknown("the leader changed before it was committed".to_owned())
        }
        // Or the membership has changed since it was looked at.
        ClientWriteError::ChangeMembershipError(ChangeMembershipError::InProgress(_))
        | ClientWriteError::PreconditionFailed(_) => MembershipError::InProgress,
        ClientWriteError::ChangeMembershipError(error) => MembershipError::Refused(error.to_string()),
    }
}

/// A change of the voters takes two entries, and raft does not tell at which of them it found that this member leads
/// no more. If the membership is another one by now, the first may be why: then the change is not undone, and the next
/// leader finishes it.
fn looked_at_again(error: MembershipError, is_unchanged: bool) -> MembershipError {
    match error {
        MembershipError::NotLeader(_) if !is_unchanged => {
            MembershipError::OutcomeUnknown("the leader changed while it was being made".to_owned())
        }
        MembershipError::NotLeader(_)
        | MembershipError::InProgress
        | MembershipError::Refused(_)
        | MembershipError::OutcomeUnknown(_) => error,
    }
}

#[cfg(test)]
mod tests;
