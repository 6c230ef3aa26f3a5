//! The way of a command to the leader, wherever it is, and back.
//!
//! That a member does not lead is routing and no failure: the command was appended nowhere, so it is sent to the
//! next leader until the deadline. What may have been appended is never sent again.

use bytes::Bytes;
use quorate_consensus::{Applied, ProposeError};
use quorate_model::MemberId;

use crate::{Error, backoff::Backoff, deadline::Deadline, quorum::Quorum};

/// Takes commands to the leader.
#[derive(Debug, Clone)]
pub(crate) struct Route<Q> {
    quorum: Q,
}

// === impl Route ===

impl<Q: Quorum> Route<Q> {
    pub(crate) fn new(quorum: Q) -> Self {
        Self { quorum }
    }

    /// Has the leader propose `command`: here, if this member leads, and one hop away otherwise.
    pub(crate) async fn propose(&self, command: Bytes, deadline: &Deadline) -> Result<Applied, Error> {
        let mut backoff = Backoff::of_request();
        let mut hint = None;
        loop {
            let leader = self.leader(hint, deadline).await?;
            let time_left = deadline.left().map_err(|_| Error::NoLeader)?;
            match self.quorum.propose(leader, command.clone(), time_left).await {
                Ok(applied) => return Ok(applied),
                Err(ProposeError::NotLeader(next)) => hint = next,
                Err(ProposeError::Refused(problem)) => return Err(Error::Refused { problem }),
                Err(ProposeError::TimedOut) => return Err(Error::DeadlineExceeded),
                Err(ProposeError::OutcomeUnknown(problem)) => return Err(Error::OutcomeUnknown { problem }),
            }
            backoff.pause().await;
        }
    }

    /// Whom to ask: whoever the last one named, or the one that this member follows.
    async fn leader(&self, hint: Option<MemberId>, deadline: &Deadline) -> Result<MemberId, Error> {
        loop {
            if let Some(leader) = hint.or_else(|| self.quorum.leader()) {
                return Ok(leader);
            }
            let known = deadline.wait_for(self.quorum.leader_known()).await;
            known.map_err(|_| Error::NoLeader)?;
        }
    }
}

#[cfg(test)]
mod tests;
