//! Reads: first the barrier that their consistency asks for, then an immutable view.

mod freshness;
mod meter;
mod rounds;

use std::{pin::pin, sync::Arc, time::Duration};

use quorate_consensus::{ReadIndexError, Stopping};
use quorate_model::{Clock, Consistency, Epoch, MaxStaleness, Revision};
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
            Consistency::Stale => Ok(self.reading()),
            Consistency::Bounded { max_staleness } => self.bounded(max_staleness, deadline).await,
            Consistency::AtLeast { epoch, revision } => self.at_least(epoch, revision, deadline).await,
            Consistency::Linearizable => {
                self.barrier(deadline).await?;
                Ok(self.reading())
            }
        }
    }

    /// A view whose staleness, as it is stated, is within the bound: the one at hand, or a newer one.
    async fn bounded(&self, max: MaxStaleness, deadline: &Deadline) -> Result<Reading, Error> {
        let is_fresh = |reading: &Reading| reading.staleness.is_some_and(|age| age <= max.as_duration());
        let at_hand = self.reading();
        if is_fresh(&at_hand) {
            return Ok(at_hand);
        }
        let mut backoff = Backoff::of_request();
        loop {
            self.barrier(deadline).await?;
            let reading = self.reading();
            if is_fresh(&reading) {
                return Ok(reading);
            }
            if deadline.wait_for(backoff.pause()).await.is_err() {
                let problem = format!("it took longer than {max} each time");
                return Err(Error::NoQuorum { problem });
            }
        }
    }

    /// A view that holds `revision`.
    async fn at_least(&self, epoch: Option<Epoch>, revision: Revision, deadline: &Deadline) -> Result<Reading, Error> {
        loop {
            let reading = self.reading();
            let Some(cluster) = reading.state.cluster() else {
                // It has not come so far that it knows what the revisions count from.
                self.barrier(deadline).await?;
                continue;
            };
            if let Some(asked) = epoch.filter(|asked| *asked != cluster.epoch) {
                let current = cluster.epoch;
                return Err(Error::EpochMismatch { asked, current });
            }
            if reading.state.revision() >= revision {
                return Ok(reading);
            }
            self.come_to(revision, cluster.base, deadline).await?;
        }
    }

    /// Waits until `revision` is applied; refused as soon as it is known that the cluster has not come so far.
    async fn come_to(&self, revision: Revision, base: Revision, deadline: &Deadline) -> Result<(), Error> {
        let index = revision.index(base);
        let mut applied = pin!(self.quorum.wait_applied(index));
        let applied = tokio::select! {
            biased;
            applied = &mut applied => applied,
            confirmed = self.confirmed(deadline) => {
                let confirmed = confirmed?;
                if confirmed.index < index {
                    let reached = Revision::at(base, confirmed.index);
                    return Err(Error::RevisionAhead { asked: revision, reached });
                }
                deadline.wait_for(applied).await?
            }
        };
        applied.map_err(|Stopping| Error::stopping_here())
    }

    /// The last moment as of which this member is known to be fresh, by its clock.
    pub(crate) fn fresh_as_of(&self) -> Option<Duration> {
        self.freshness.as_of()
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
