//! Commands on their way into the log: here, or one hop away.

use std::time::Duration;

use bytes::Bytes;
use openraft::{
    ServerState,
    async_runtime::WatchReceiver as _,
    errors::{ClientWriteError, RaftError},
};
use quorate_model::{LogTime, MemberId, limits::LOG_ENTRY_LEN_MAX};
use quorate_state::{Command, CommandError};
use tokio::time::{Instant, sleep, timeout_at};

use super::{Consensus, member_id};
use crate::{
    error::ProposeError,
    type_config::{Applied, EncodedCommand, TypeConfig},
};

/// How long a leader that was replaced may still take to answer: one that handed over does so at once, one that
/// hangs never does.
const REPLACED_GRACE: Duration = Duration::from_millis(500);

impl Consensus {
    /// Has `leader` commit and apply a command: here if that is this member, or else one hop away.
    pub async fn propose(
        &self,
        leader: MemberId,
        command: Bytes,
        time_left: Duration,
    ) -> Result<Applied, ProposeError> {
        if leader == self.identity.member_id {
            return self.propose_here(command, time_left).await;
        }
        let Some(member) = self.member(leader) else {
            return Err(ProposeError::NotLeader(None));
        };
        tokio::select! {
            biased;
            answer = self.links.propose(leader.get(), &member.info, command, time_left) => answer,
            () = self.replaced(leader) => {
                let problem = format!("leader {leader} was replaced before it answered");
                Err(ProposeError::OutcomeUnknown(problem))
            }
        }
    }

    pub(crate) async fn propose_here(&self, command: Bytes, time_left: Duration) -> Result<Applied, ProposeError> {
        let unknown = |problem: String| ProposeError::OutcomeUnknown(problem);
        let deadline = Instant::now() + time_left;
        self.check(&command, deadline).await?;
        let len = u32::try_from(command.len()).unwrap_or(u32::MAX);
        let room = timeout_at(deadline, self.proposed_bytes.acquire_many(len)).await;
        let room = room.map_err(|_| ProposeError::TimedOut)?;
        let _room = room.expect("the semaphore is never closed");
        // Room that comes with the deadline comes from those that have given up: too late for this one too.
        if Instant::now() >= deadline {
            return Err(ProposeError::TimedOut);
        }
        let write = self.raft.client_write(EncodedCommand::new(self.log_time(), command));
        match timeout_at(deadline, write).await {
            Ok(Ok(response)) => response
                .data
                .ok_or_else(|| unknown("its entry holds no command".to_owned())),
            Ok(Err(RaftError::APIError(error))) => Err(write_error(error)),
            Ok(Err(RaftError::Fatal(error))) => Err(unknown(error.to_string())),
            Err(_) => Err(unknown("it was not committed in time, and may still be".to_owned())),
        }
    }

    /// The time that the cluster agrees on, as this member would stamp a command now. It goes on while this member
    /// leads; on any other it is the highest stamp that it has applied.
    pub fn log_time(&self) -> LogTime {
        let applied = self.view().log_time();
        let metrics = self.metrics();
        let metrics = metrics.borrow_watched();
        match metrics.state {
            ServerState::Leader => self.log_clock.stamp(&metrics.vote.leader_id, applied),
            ServerState::Follower | ServerState::Candidate | ServerState::Learner | ServerState::Shutdown => applied,
        }
    }

    /// What is appended is applied by all members, and a member that cannot read it stops: nothing else may get in,
    /// whoever sent it. Nor may what makes the state grow, while a voter has no room for it.
    async fn check(&self, command: &Bytes, deadline: Instant) -> Result<(), ProposeError> {
        if command.len() > LOG_ENTRY_LEN_MAX {
            let len = command.len();
            return Err(ProposeError::Refused(format!(
                "a command of {len} bytes does not fit a log entry"
            )));
        }
        match Command::decode(command) {
            Ok(command) if command.grows() => match self.read_only_here() {
                Some(reason) if !self.is_repetition(&command, deadline).await => Err(ProposeError::ReadOnly(reason)),
                Some(_) | None => Ok(()),
            },
            // A value that is not allowed is an outcome like others.
            Ok(_) | Err(CommandError::Invalid(_)) => Ok(()),
            Err(CommandError::Unreadable(error)) => Err(ProposeError::Refused(format!(
                "the leader cannot read the command: {error}"
            ))),
        }
    }

    /// Whether all that would make the state grow has been done before: whoever asks again is to hear what came of it.
    /// Looks when what is in the log by now is applied.
    async fn is_repetition(&self, command: &Command, deadline: Instant) -> bool {
        let applied = timeout_at(deadline, self.wait_applied(self.status().last_log)).await;
        matches!(applied, Ok(Ok(()))) && self.view().is_repetition(command)
    }

    /// Waits until somebody else has led for a while, in a later term than now: `leader` may have been named by one
    /// who knows more than this member does yet.
    async fn replaced(&self, leader: MemberId) {
        // These metrics change with the leader, and not with every entry.
        let mut metrics = self.raft.server_metrics();
        let begun_in = metrics.borrow_watched().vote.leader_id.term;
        loop {
            let (term, now) = {
                let metrics = metrics.borrow_watched();
                (metrics.vote.leader_id.term, member_id(metrics.current_leader))
            };
            if term > begun_in && now.is_some_and(|now| now != leader) {
                sleep(REPLACED_GRACE).await;
                return;
            }
            if metrics.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }
}

fn write_error(error: ClientWriteError<TypeConfig>) -> ProposeError {
    match error {
        ClientWriteError::ForwardToLeader(forward) => ProposeError::NotLeader(member_id(forward.leader_id)),
        ClientWriteError::LogEntryDiscarded(_) => {
            ProposeError::OutcomeUnknown("the leader changed before it was committed".to_owned())
        }
        ClientWriteError::ChangeMembershipError(error) => ProposeError::Refused(error.to_string()),
        ClientWriteError::PreconditionFailed(error) => ProposeError::Refused(error.to_string()),
    }
}
