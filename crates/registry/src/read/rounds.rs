//! Rounds: one request for a read index at a time, shared by all reads that were waiting when it was sent.
//!
//! A read joins only a round that begins after it. While one round is under way, those that come gather for the
//! next; so there are never more than one under way and one gathering, however many reads there are.

use std::{sync::Arc, time::Duration};

use quorate_consensus::ReadIndexError;
use quorate_model::{Clock, LogIndex, MemberId};
use tokio::{
    sync::{mpsc, oneshot},
    time::timeout,
};

use crate::{Error, Limits, Policy, Tasks, quorum::Quorum};

/// How long one round may take. A leader that is gone does not answer: the next round may find another one.
const ROUND_TIME_MAX: Duration = Duration::from_secs(1);

/// The way into the next round.
#[derive(Debug, Clone)]
pub(crate) struct Rounds {
    gathering: mpsc::Sender<oneshot::Sender<Answer>>,
    limits: Limits,
}

/// What a round came to.
type Answer = Result<Confirmed, ReadIndexError>;

/// What a quorum has confirmed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Confirmed {
    /// Everything that was acknowledged before the round is in the log up to here.
    pub(crate) index: LogIndex,
    /// When the round began, by this member's clock.
    pub(crate) as_of: Duration,
}

/// Why a read has no read index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RoundError {
    /// This round did not get one; the next one may.
    Unconfirmed(ReadIndexError),
    /// Too many are waiting already.
    Overloaded(Error),
    /// There will be no more rounds.
    Stopped,
}

/// The task that makes the rounds.
struct Driver<Q> {
    quorum: Q,
    clock: Arc<dyn Clock>,
    gathered: mpsc::Receiver<oneshot::Sender<Answer>>,
    /// Whom the last one that was asked named as the leader.
    hint: Option<MemberId>,
}

/// Starts the task that makes the rounds.
pub(crate) fn start(quorum: impl Quorum, clock: Arc<dyn Clock>, limits: Limits, tasks: &Tasks) -> Rounds {
    let (gathering, gathered) = mpsc::channel(limits.reads_waiting_max);
    let driver = Driver {
        quorum,
        clock,
        gathered,
        hint: None,
    };
    tasks.spawn("read-rounds", Policy::Essential, driver.run());
    Rounds { gathering, limits }
}

// === impl Rounds ===

impl Rounds {
    /// Waits for what the next round to begin comes to.
    pub(crate) async fn join(&self) -> Result<Confirmed, RoundError> {
        let (answer, answered) = oneshot::channel();
        self.gathering.try_send(answer).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => self.overloaded(),
            mpsc::error::TrySendError::Closed(_) => RoundError::Stopped,
        })?;
        let answer = answered.await.map_err(|_| RoundError::Stopped)?;
        answer.map_err(RoundError::Unconfirmed)
    }

    fn overloaded(&self) -> RoundError {
        RoundError::Overloaded(Error::Overloaded {
            what: format!("{} linearizable reads", self.limits.reads_waiting_max),
            retry_after: self.limits.overload_retry_after,
        })
    }
}

// === impl Driver ===

impl<Q: Quorum> Driver<Q> {
    async fn run(mut self) {
        let mut readers = Vec::new();
        while self.gather(&mut readers).await {
            let answer = self.round().await;
            for reader in readers.drain(..) {
                // A reader that is gone has stopped waiting.
                let _ = reader.send(answer.clone());
            }
        }
    }

    /// Waits for a reader and takes all that are there; false when there will be none.
    async fn gather(&mut self, readers: &mut Vec<oneshot::Sender<Answer>>) -> bool {
        let most = self.gathered.max_capacity();
        self.gathered.recv_many(readers, most).await > 0
    }

    async fn round(&mut self) -> Answer {
        let Some(leader) = self.hint.take().or_else(|| self.quorum.leader()) else {
            return Err(ReadIndexError::NotLeader(None));
        };
        let as_of = self.clock.now();
        let asked = timeout(ROUND_TIME_MAX, self.quorum.read_index(leader, ROUND_TIME_MAX)).await;
        let answer = asked.unwrap_or_else(|_| {
            let problem = format!("leader {leader} has not answered in time");
            Err(ReadIndexError::Unconfirmed(problem))
        });
        if let Err(ReadIndexError::NotLeader(hint)) = answer {
            self.hint = hint;
        }
        Ok(Confirmed { index: answer?, as_of })
    }
}
