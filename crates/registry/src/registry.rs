//! The facade: every operation of the registry, on any member.

mod reads;
mod writes;

use std::{sync::Arc, time::Duration};

use quorate_consensus::{Connector, Consensus, Joining, Member};
use quorate_model::{Clock, Epoch};
use tokio::sync::watch;

use crate::{
    Header, Leader, Limits, Tasks,
    admission::Gate,
    deadline::Deadline,
    membership::Membership,
    read::{Reader, Reading},
    readiness::Readiness,
    route::Route,
};

/// What a registry is built from.
#[derive(Debug)]
pub struct Parts {
    /// The raft node of this process.
    pub consensus: Consensus,
    /// How members are reached that are asked whether they answer, or to let somebody in.
    pub connector: Arc<dyn Connector>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// How much it takes on.
    pub limits: Limits,
    /// Where its tasks run.
    pub tasks: Tasks,
}

/// The registry, as this member offers it. Cheap to clone.
///
/// Every operation is given the time that is left for it, and ends by then.
#[derive(Debug, Clone)]
pub struct Registry {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    consensus: Consensus,
    clock: Arc<dyn Clock>,
    limits: Limits,
    tasks: Tasks,
    gate: Gate,
    route: Route<Consensus>,
    reader: Reader<Consensus>,
    readiness: Readiness,
    membership: Membership,
}

// === impl Registry ===

impl Registry {
    /// Puts a registry together and starts its tasks.
    pub fn start(parts: Parts) -> Self {
        let Parts {
            consensus,
            connector,
            clock,
            limits,
            tasks,
        } = parts;
        let reader = Reader::start(consensus.clone(), Arc::clone(&clock), limits, &tasks);
        let readiness = Readiness::default();
        reader.start_meter(readiness.clone(), &tasks);
        let membership = Membership::new(consensus.clone(), connector, Arc::clone(&clock));
        membership.start_promoter(&tasks);
        let shared = Shared {
            gate: Gate::new(limits),
            route: Route::new(consensus.clone()),
            consensus,
            clock,
            limits,
            tasks,
            reader,
            readiness,
            membership,
        };
        Self {
            shared: Arc::new(shared),
        }
    }

    /// Who lets joining nodes in, for the peer door.
    pub fn joining(&self) -> Arc<dyn Joining> {
        Arc::new(self.shared.membership.clone())
    }

    /// Whether this member serves: it has a leader that a quorum confirms, and has caught up with it.
    pub fn readiness(&self) -> watch::Receiver<bool> {
        self.shared.readiness.subscribe()
    }

    /// From now on refuses writes that come in at this member.
    pub fn refuse_writes(&self, reason: impl Into<String>) {
        self.shared.gate.close(Some(reason.into()));
    }

    /// Takes writes again.
    pub fn accept_writes(&self) {
        self.shared.gate.close(None);
    }

    /// The tasks of the node.
    pub fn tasks(&self) -> &Tasks {
        &self.shared.tasks
    }

    /// The clock of the node.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.shared.clock
    }

    /// Who answers, from the state of `reading`.
    fn header(&self, reading: &Reading) -> Header {
        let consensus = &self.shared.consensus;
        let identity = consensus.identity();
        let (term, leader) = consensus.leadership();
        let leader = leader.map(|Member { id, info, .. }| Leader {
            id,
            client_address: info.client_address,
        });
        Header {
            cluster_id: identity.cluster_id,
            epoch: reading.state.cluster().map_or(Epoch::ZERO, |cluster| cluster.epoch),
            member_id: identity.member_id,
            term,
            revision: reading.state.revision(),
            leader,
            staleness: reading.staleness,
        }
    }

    /// In `time_left` from now.
    fn deadline(&self, time_left: Duration) -> Deadline {
        Deadline::after(Arc::clone(&self.shared.clock), time_left)
    }
}
