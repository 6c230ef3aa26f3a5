//! The facade: every operation of the registry, on any member.

mod batch;
mod disk;
mod guards;
mod leases;
mod members;
mod operator;
mod reads;
mod snapshot;
mod writes;

use std::{sync::Arc, time::Duration};

use quorate_consensus::{Connector, Consensus, Member};
use quorate_model::{Clock, Epoch};
use tokio::sync::{Semaphore, watch};

use crate::{
    Header, Leader, Limits, Probing, Tasks,
    admission::Gate,
    chance::Chance,
    deadline::Deadline,
    expiry,
    liveness::{Lessor, prober},
    membership::Membership,
    read::{Reader, Reading},
    readiness::Readiness,
    route::Route,
};

pub use disk::DiskSpace;
pub use snapshot::SnapshotStream;

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
    /// Where its random numbers begin.
    pub seed: u64,
    /// Where its tasks run.
    pub tasks: Tasks,
    /// How it looks at what is checked.
    pub probing: Probing,
    /// Where those of its tasks run that nothing may delay: beside raft.
    pub urgent_tasks: Tasks,
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
    chance: Chance,
    readiness: Readiness,
    membership: Membership,
    lessor: Lessor,
    /// Room for snapshots that are being saved.
    saves: Arc<Semaphore>,
    /// What was free on its disk when it was looked at last; nothing if it has none.
    free_disk_bytes: watch::Sender<Option<u64>>,
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
            seed,
            tasks,
            probing,
            urgent_tasks,
        } = parts;
        let reader = Reader::start(consensus.clone(), Arc::clone(&clock), limits, &urgent_tasks);
        let readiness = Readiness::default();
        reader.start_meter(readiness.clone(), &urgent_tasks);
        let membership = Membership::new(consensus.clone(), connector, Arc::clone(&clock));
        membership.start(reader.clone(), &tasks);
        let lessor = Lessor::start(consensus.clone(), reader.clone(), Arc::clone(&clock), &urgent_tasks);
        expiry::start(consensus.identity().member_id, consensus.clone(), &tasks);
        prober::start(
            prober::Parts {
                consensus: consensus.clone(),
                reader: reader.clone(),
                probing,
                clock: Arc::clone(&clock),
                // Not what picks begin with.
                seed: seed.rotate_left(u64::BITS / 2),
            },
            &tasks,
        );
        let shared = Shared {
            gate: Gate::new(limits),
            saves: Arc::new(Semaphore::new(limits.saves_max)),
            free_disk_bytes: watch::Sender::default(),
            route: Route::new(consensus.clone()),
            consensus,
            clock,
            limits,
            tasks,
            reader,
            chance: Chance::new(seed),
            readiness,
            membership,
            lessor,
        };
        Self {
            shared: Arc::new(shared),
        }
    }

    /// Whether this member serves: it has a leader that a quorum confirms, and has caught up with it.
    pub fn readiness(&self) -> watch::Receiver<bool> {
        self.shared.readiness.subscribe()
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
            guards_raised: reading.state.raised_guard_count(),
        }
    }

    /// In `time_left` from now.
    fn deadline(&self, time_left: Duration) -> Deadline {
        Deadline::after(Arc::clone(&self.shared.clock), time_left)
    }
}
