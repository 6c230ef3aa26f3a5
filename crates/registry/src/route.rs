//! The way of a command to the leader, wherever it is, and back.
//!
//! That a member does not lead is routing and no failure: the command was appended nowhere, so it is sent to the
//! next leader until the deadline. What may have been appended is sent again only if it takes effect once however
//! often it comes; and from then on nothing but an answer tells what became of it.

use bytes::Bytes;
use quorate_consensus::{Applied, ProposeError};
use quorate_model::MemberId;
use quorate_state::{Limit, Outcome, Rejection};

use crate::{Error, backoff::Backoff, deadline::Deadline, quorum::Quorum};

/// Whether a command that may have been appended may be sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// It may: it takes effect once.
    Harmless,
    /// It would take effect again.
    Harmful,
}

/// Takes commands to the leader.
#[derive(Debug, Clone)]
pub(crate) struct Route<Q> {
    quorum: Q,
}

/// Why an attempt came to nothing.
enum Failure {
    /// Whom it was sent to does not lead, and may know who does.
    NotLeader(Option<MemberId>),
    /// It is not sent on.
    Final(Error),
}

// === impl Route ===

impl<Q: Quorum> Route<Q> {
    pub(crate) fn new(quorum: Q) -> Self {
        Self { quorum }
    }

    /// Has the leader propose `command`: here, if this member leads, and one hop away otherwise.
    pub(crate) async fn propose(&self, command: Bytes, repeat: Repeat, deadline: &Deadline) -> Result<Applied, Error> {
        let mut backoff = Backoff::of_request();
        let mut hint = None;
        // What was in the way when it may have been appended.
        let mut unknown = None;
        loop {
            let tried = self.attempt(hint, command.clone(), deadline).await;
            match tried {
                Ok(applied) => match unknown {
                    Some(problem) if !is_last_word(&applied.outcome) => return Err(outcome_unknown(problem)),
                    Some(_) | None => return Ok(applied),
                },
                Err(Failure::NotLeader(next)) => hint = next,
                Err(Failure::Final(Error::OutcomeUnknown { problem })) if repeat == Repeat::Harmless => {
                    (hint, unknown) = (None, Some(problem));
                }
                Err(Failure::Final(error)) => return Err(unknown.map_or(error, outcome_unknown)),
            }
            backoff.pause().await;
        }
    }

    /// Sends the command once.
    async fn attempt(&self, hint: Option<MemberId>, command: Bytes, deadline: &Deadline) -> Result<Applied, Failure> {
        let leader = self.leader(hint, deadline).await.map_err(Failure::Final)?;
        let time_left = deadline.left().map_err(|_| Failure::Final(Error::NoLeader))?;
        let proposed = self.quorum.propose(leader, command, time_left).await;
        proposed.map_err(|error| match error {
            ProposeError::NotLeader(next) => Failure::NotLeader(next),
            ProposeError::Refused(problem) => Failure::Final(Error::Refused { problem }),
            ProposeError::TimedOut => Failure::Final(Error::DeadlineExceeded),
            ProposeError::ReadOnly(reason) => Failure::Final(Error::ReadOnly { reason }),
            ProposeError::OutcomeUnknown(problem) => Failure::Final(outcome_unknown(problem)),
        })
    }

    /// Whom to ask: whoever the last one named, or the one that this member follows.
    pub(crate) async fn leader(&self, hint: Option<MemberId>, deadline: &Deadline) -> Result<MemberId, Error> {
        loop {
            if let Some(leader) = hint.or_else(|| self.quorum.leader()) {
                return Ok(leader);
            }
            let known = deadline.wait_for(self.quorum.leader_known()).await;
            known.map_err(|_| Error::NoLeader)?;
        }
    }
}

/// Whether what a repetition came to says what the command comes to that may have been appended before.
fn is_last_word(outcome: &Outcome) -> bool {
    match outcome {
        Outcome::Rejected(rejection) => is_remembered(rejection),
        Outcome::Batch(items) => items.iter().all(|item| item.as_ref().err().is_none_or(is_remembered)),
        Outcome::Founded
        | Outcome::MemberAllocated(_)
        | Outcome::Mutated(_)
        | Outcome::LeaseGranted { .. }
        | Outcome::LeaseRevoked { .. }
        | Outcome::OverrideSet { .. }
        | Outcome::OverrideCleared { .. }
        | Outcome::OverridesExpired { .. }
        | Outcome::LeasesLapsed { .. }
        | Outcome::LeasesRevived { .. }
        | Outcome::TimePassed { .. }
        | Outcome::GuardRaised { .. }
        | Outcome::GuardDropped { .. }
        | Outcome::ProbersSet { .. }
        | Outcome::ChecksReported { .. }
        | Outcome::SettingsSet { .. } => true,
    }
}

/// Whether a rejection says that the same command was rejected before and will be. It does not where the outcome of the
/// first may have been forgotten, or where that one may find room yet.
fn is_remembered(rejection: &Rejection) -> bool {
    match rejection {
        Rejection::LeaseNotFound | Rejection::SequenceTooOld { .. } => false,
        Rejection::LimitExceeded { limit } => match limit {
            Limit::Leases | Limit::KeptOutcomesPerLease | Limit::KeptOutcomes | Limit::InstancesPerLease => false,
            Limit::InstancesPerService
            | Limit::InstancesPerCluster
            | Limit::InstanceLen
            | Limit::MemberIds
            | Limit::Overrides
            | Limit::ServiceSettings
            | Limit::BatchItems
            | Limit::Guards => true,
        },
        Rejection::Invalid { .. }
        | Rejection::AlreadyExists { .. }
        | Rejection::StaleGeneration { .. }
        | Rejection::NotFound
        | Rejection::CheckNotFound
        | Rejection::NotFounded
        | Rejection::AlreadyFounded { .. }
        | Rejection::KeyReused
        | Rejection::NotReserved
        | Rejection::LeaseLapsed => true,
    }
}

fn outcome_unknown(problem: String) -> Error {
    Error::OutcomeUnknown { problem }
}

#[cfg(test)]
mod tests;
