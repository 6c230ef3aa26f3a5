//! Reads: first the barrier that their consistency asks for, then an immutable view.

mod freshness;
mod meter;
mod rounds;

use std::{sync::Arc, time::Duration};

use quorate_consensus::{ReadIndexError, Stopping};
use quorate_model::{Clock, Consistency};
use quorate_state::State;

use crate::{Error, Limits, Tasks, backoff::Backoff, deadline::Deadline, quorum::Quorum, readiness::Readiness};
use freshness::Freshness;
use rounds::{Confirmed, RoundError, Rounds};

/// Gives out views that are as fresh as is asked for.
#[derive(Debug, Clone)]
pub(crate) struct Reader<Q> {
    quorum: Q,
    clock: Arc<dyn Clock>,
    rounds: Rounds,
    freshness: Arc<Freshness>,
}

/// A view of the state, and how far behind the cluster it may be.
#[derive(Debug, Clone)]
pub(crate) struct Reading {
    pub(crate) state: Arc<State>,
    /// A measured upper bound; absent while nothing has been measured.
    pub(crate) staleness: Option<Duration>,
}

// === impl Reader ===

impl<Q: Quorum> Reader<Q> {
    /// A reader, with the task that asks for its read indexes.
    pub(crate) fn start(quorum: Q, clock: Arc<dyn Clock>, limits: Limits, tasks: &Tasks) -> Self {
        let rounds = rounds::start(quorum.clone(), Arc::clone(&clock), limits, tasks);
        Self {
            quorum,
            clock,
            rounds,
            freshness: Arc::default(),
        }
    }

    /// Starts the task that keeps measuring how fresh this member is, and whether it is ready.
    pub(crate) fn start_meter(&self, readiness: Readiness, tasks: &Tasks) {
        meter::start(self.clone(), readiness, tasks);
    }

    /// A view that is as fresh as `consistency` asks for.
    pub(crate) async fn read(&self, consistency: Consistency, deadline: &Deadline) -> Result<Reading, Error> {
        match consistency {
            Consistency::Stale => {}
            Consistency::Linearizable => self.barrier(deadline).await?,
        }
        Ok(self.reading())
    }

    /// The view as it is.
    ///
    /// The order matters. The view holds everything up to the mark only if the mark is read first, and it is as
    /// old as stated only if the clock is read last.
    pub(crate) fn reading(&self) -> Reading {
        let fresh_as_of = self.freshness.as_of();
        let state = self.quorum.view();
        let now = self.clock.now();
        let staleness = fresh_as_of.map(|as_of| freshness::staleness(as_of, now));
        Reading { state, staleness }
    }

    /// Waits until the view holds everything that was acknowledged before the call.
    pub(crate) async fn barrier(&self, deadline: &Deadline) -> Result<(), Error> {
        let confirmed = self.confirmed(deadline).await?;
        let applied = deadline.wait_for(self.quorum.wait_applied(confirmed.index)).await?;
        applied.map_err(|Stopping| Error::stopping_here())?;
        self.freshness.note(confirmed.as_of);
        Ok(())
    }

    /// A read index that was asked for after the call.
    async fn confirmed(&self, deadline: &Deadline) -> Result<Confirmed, Error> {
        let mut backoff = Backoff::of_request();
        deadline.left()?;
        loop {
            if deadline.wait_for(self.leader_known()).await.is_err() {
                return Err(Error::NoLeader);
            }
            let problem = match deadline.wait_for(self.rounds.join()).await {
                Ok(Ok(confirmed)) => return Ok(confirmed),
                Ok(Err(RoundError::Unconfirmed(problem))) => problem,
                Ok(Err(RoundError::Overloaded(error))) => return Err(error),
                Ok(Err(RoundError::Stopped)) => return Err(Error::stopping_here()),
                Err(_) => ReadIndexError::Unconfirmed("the leader has not answered".to_owned()),
            };
            if deadline.wait_for(backoff.pause()).await.is_err() {
                return Err(unconfirmed(problem));
            }
        }
    }

    async fn leader_known(&self) {
        while self.quorum.leader().is_none() {
            self.quorum.leader_known().await;
        }
    }
}

fn unconfirmed(problem: ReadIndexError) -> Error {
    match problem {
        ReadIndexError::NotLeader(_) => Error::NoLeader,
        ReadIndexError::Unconfirmed(problem) => Error::NoQuorum { problem },
    }
}

#[cfg(test)]
mod tests;
