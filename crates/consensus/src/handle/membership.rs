//! Changes of the membership: all through the leader, one at a time.

use std::{collections::BTreeSet, time::Duration};

use openraft::{
    ChangeMembers,
    async_runtime::WatchReceiver as _,
    errors::{ChangeMembershipError, ClientWriteError, RaftError},
};
use quorate_model::MemberId;
use tokio::time::timeout;

use super::{Consensus, member_id};
use crate::{
    error::MembershipError,
    type_config::{MemberInfo, TypeConfig},
};

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

    /// Gives a learner a vote.
    pub async fn promote(&self, id: MemberId, time_left: Duration) -> Result<(), MembershipError> {
        let change = ChangeMembers::AddVoterIds(BTreeSet::from([id.get()]));
        answered(timeout(time_left, self.raft().change_membership(change, true)).await)
    }

    /// Finishes a change that its leader began and could not finish.
    pub async fn finish_change(&self, time_left: Duration) -> Result<(), MembershipError> {
        // Changing to what is wanted already leaves the joint configuration.
        let change = ChangeMembers::AddVoterIds(BTreeSet::new());
        answered(timeout(time_left, self.raft().change_membership(change, true)).await)
    }

    /// Whether a change of membership is half done.
    pub fn is_joint(&self) -> bool {
        let metrics = self.metrics();
        let metrics = metrics.borrow_watched();
        metrics.membership_config.membership().get_joint_config().len() > 1
    }
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
        ClientWriteError::ChangeMembershipError(ChangeMembershipError::InProgress(_)) => MembershipError::InProgress,
        ClientWriteError::ChangeMembershipError(error) => MembershipError::Refused(error.to_string()),
        ClientWriteError::PreconditionFailed(error) => MembershipError::Refused(error.to_string()),
    }
}
