//! The raft node of this process, as the rest of the program sees it.

use std::{fmt, sync::Arc, time::Duration};

use openraft::{
    Instant as _, Raft, ReadPolicy,
    alias::WatchReceiverOf,
    async_runtime::WatchReceiver as _,
    errors::{LinearizableReadError, RaftError},
    metrics::RaftMetrics,
};
#[cfg(quorate_planted)]
use quorate_model::planted::{self, Planted};
use quorate_model::{Clock, Identity, LogIndex, MemberId, Term};
use quorate_state::State;
use quorate_storage::{Log, SnapshotStore};
use tokio::{sync::Semaphore, time::timeout};

use crate::{
    RaftLog,
    disk_reports::DiskReports,
    error::{ReadIndexError, StartError},
    log_clock::LogClock,
    memory::PeerMemory,
    network::{Connector, Links, PeerNetwork},
    recollection,
    snapshot::Shelf,
    state_machine::{self, StateMachine},
    status::{Member, MemberRole, Role, Status},
    timing::{Retention, Timing},
    type_config::TypeConfig,
    view::{self, Stopping, ViewReader},
};

mod bootstrap;
mod log_keeping;
mod membership;
mod propose;
mod read_only;
mod shutdown;
mod tenure;

pub use membership::MembershipChange;
pub use tenure::Electorate;

pub(crate) type QuorateRaft = Raft<TypeConfig, StateMachine>;
type Metrics = RaftMetrics<TypeConfig>;

/// Bytes of commands that may be on their way at a time, whoever proposes them: half of what the log's writer
/// queues. Raft itself waits for that queue, and while it waits it sends no heartbeats.
const PROPOSED_BYTES_MAX: usize = 8 << 20;

/// What a raft node is built from.
#[derive(Debug)]
pub struct Parts {
    /// Who it is.
    pub identity: Identity,
    /// How fast it works.
    pub timing: Timing,
    /// When it cuts its log.
    pub retention: Retention,
    /// Its log.
    pub log: RaftLog,
    /// Its snapshots.
    pub snapshots: SnapshotStore,
    /// How it reaches its peers.
    pub connector: Arc<dyn Connector>,
    /// What time it is: log time goes by it while this member leads.
    pub clock: Arc<dyn Clock>,
}

/// The raft node of this process. Cheap to clone.
#[derive(Clone)]
pub struct Consensus {
    raft: QuorateRaft,
    identity: Identity,
    timing: Timing,
    links: Arc<Links>,
    views: ViewReader,
    snapshots: Shelf,
    retention: Retention,
    log: Log,
    log_clock: Arc<LogClock>,
    memory: PeerMemory,
    disk_reports: Arc<DiskReports>,
    /// Room for commands, from when they are proposed until they are applied or their proposers give up.
    proposed_bytes: Arc<Semaphore>,
}

// === impl Consensus ===

impl Consensus {
    /// Loads what is stored and starts to take part. Its tasks live on the runtime that this is called on.
    pub async fn start(parts: Parts) -> Result<Self, StartError> {
        let Parts {
            identity,
            timing,
            retention,
            log,
            snapshots,
            connector,
            clock,
        } = parts;
        let config = Arc::new(timing.raft_config(retention, identity.cluster_id)?);
        let (publisher, views) = view::channel();
        let snapshots = Shelf::new(snapshots);
        recollection::check(identity, &log, &snapshots, &connector).await?;
        let memory = PeerMemory::default();
        let log_clock = Arc::new(LogClock::new(identity.member_id.get(), Arc::clone(&clock)));
        let state_machine = StateMachine::new(state_machine::Parts {
            views: publisher,
            snapshots: snapshots.clone(),
            log: log.log().clone(),
            log_clock: Arc::clone(&log_clock),
            memory: memory.clone(),
        });
        let network = PeerNetwork::new(identity, Arc::clone(&connector), memory.clone(), timing.election_min);
        let stored = log.log().clone();
        let raft = Raft::new(identity.member_id.get(), config, network, log, state_machine)
            .await
            .map_err(|error| StartError::Storage(error.to_string()))?;
        if stored.vote().is_some() {
            has_a_term(&raft).await;
        }
        let metrics = raft.metrics();
        let belongs = move |id| member_in(&metrics.borrow_watched(), id).is_some();
        let links = Arc::new(Links::new(identity, connector, Box::new(belongs)));
        Ok(Self {
            raft,
            identity,
            timing,
            links,
            views,
            snapshots,
            retention,
            log: stored,
            log_clock,
            memory,
            disk_reports: Arc::new(DiskReports::new(clock)),
            proposed_bytes: Arc::new(Semaphore::new(PROPOSED_BYTES_MAX)),
        })
    }

    /// Who this member is.
    pub fn identity(&self) -> Identity {
        self.identity
    }

    /// The newest state that this member has applied. Never waits.
    pub fn view(&self) -> Arc<State> {
        self.views.load()
    }

    /// Waits until the entry at `index` is in the view.
    pub async fn wait_applied(&self, index: LogIndex) -> Result<(), Stopping> {
        self.views.wait_applied(index).await
    }

    /// The index that a linearizable read has to wait for: confirmed by a quorum after this was called, by
    /// `leader`, who is this member or one hop away.
    pub async fn read_index(&self, leader: MemberId, time_left: Duration) -> Result<LogIndex, ReadIndexError> {
        if leader == self.identity.member_id {
            return self.read_index_here(time_left).await;
        }
        match self.member(leader) {
            Some(member) => {
                let (leader, disk) = (leader.get(), &self.disk_reports);
                self.links.read_index(leader, &member.info, disk, time_left).await
            }
            None => Err(ReadIndexError::NotLeader(None)),
        }
    }

    pub(crate) async fn read_index_here(&self, time_left: Duration) -> Result<LogIndex, ReadIndexError> {
        #[cfg(quorate_planted)]
        if planted::is(Planted::StaleLeaderRead) && self.leader() == Some(self.identity.member_id) {
            return Ok(self.view().applied());
        }
        let unconfirmed = |problem: String| ReadIndexError::Unconfirmed(problem);
        match timeout(time_left, self.raft.get_read_linearizer(ReadPolicy::ReadIndex)).await {
            Ok(Ok(linearizer)) => Ok(LogIndex::new(linearizer.read_log_id().index())),
            Ok(Err(RaftError::APIError(LinearizableReadError::ForwardToLeader(forward)))) => {
                Err(ReadIndexError::NotLeader(member_id(forward.leader_id)))
            }
            Ok(Err(error)) => Err(unconfirmed(error.to_string())),
            Err(_) => Err(unconfirmed("no quorum answered in time".to_owned())),
        }
    }

    /// Whom this member takes for the leader.
    pub fn leader(&self) -> Option<MemberId> {
        member_id(self.metrics().borrow_watched().current_leader)
    }

    /// The term that this member is in, and the leader that it follows there, if that one is a member.
    pub fn leadership(&self) -> (Term, Option<Member>) {
        let metrics = self.metrics();
        let metrics = metrics.borrow_watched();
        let leader = metrics.current_leader.and_then(|id| member_in(&metrics, id));
        (Term::new(metrics.current_term), leader)
    }

    /// Waits until this member knows of a leader.
    pub async fn leader_known(&self) {
        self.status_is(|status| status.leader.is_some()).await;
    }

    /// Waits until `condition` holds of this member. For ever, if raft stops before it does.
    pub async fn status_is(&self, mut condition: impl FnMut(&Status) -> bool) {
        let mut metrics = self.metrics();
        while !condition(&self.status()) {
            if metrics.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    /// A member, if it belongs to the cluster as this member knows it.
    pub fn member(&self, id: MemberId) -> Option<Member> {
        member_in(&self.metrics().borrow_watched(), id.get())
    }

    /// How this member sees itself and its cluster.
    pub fn status(&self) -> Status {
        let metrics = self.metrics();
        let metrics = metrics.borrow_watched();
        let ids = metrics.membership_config.membership().nodes().map(|(id, _)| *id);
        Status {
            role: Role::from(metrics.state),
            term: Term::new(metrics.current_term),
            leader: member_id(metrics.current_leader),
            last_log: LogIndex::new(metrics.last_log_index.unwrap_or(0)),
            applied: self.view().applied(),
            members: ids.filter_map(|id| member_in(&metrics, id)).collect(),
        }
    }

    pub(crate) fn raft(&self) -> &QuorateRaft {
        &self.raft
    }

    pub(crate) fn links(&self) -> &Links {
        &self.links
    }

    pub(crate) fn memory(&self) -> &PeerMemory {
        &self.memory
    }

    pub(crate) fn snapshots(&self) -> &Shelf {
        &self.snapshots
    }

    fn metrics(&self) -> WatchReceiverOf<TypeConfig, Metrics> {
        self.raft.metrics()
    }
}

impl fmt::Debug for Consensus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Consensus")
            .field("identity", &self.identity)
            .finish_non_exhaustive()
    }
}

/// Waits until raft has looked at what it loaded, which has a vote: before that it says that it is in no term.
async fn has_a_term(raft: &QuorateRaft) {
    let mut metrics = raft.metrics();
    loop {
        let has_looked = metrics.borrow_watched().current_term > 0;
        // If raft stops before it does, whoever asks it for something is told.
        if has_looked || metrics.changed().await.is_err() {
            return;
        }
    }
}

fn member_id(id: Option<u64>) -> Option<MemberId> {
    id.and_then(|id| id.try_into().ok())
}

fn member_in(metrics: &Metrics, id: u64) -> Option<Member> {
    let membership = metrics.membership_config.membership();
    let votes = membership.voter_ids().any(|voter| voter == id);
    Some(Member {
        id: member_id(Some(id))?,
        info: membership.get_node(&id)?.clone(),
        role: if votes { MemberRole::Voter } else { MemberRole::Learner },
        matched: matched(metrics, id),
        last_heard: last_heard(metrics, id),
    })
}

/// How long ago the leader sent what the member answered last.
fn last_heard(metrics: &Metrics, id: u64) -> Option<Duration> {
    let answered = metrics.heartbeat.as_ref()?.get(&id)?.as_ref();
    answered.filter(|_| id != metrics.id).map(|at| at.elapsed())
}

/// The leader itself is not in its own replication metrics: what it has, it has.
fn matched(metrics: &Metrics, id: u64) -> Option<LogIndex> {
    let replication = metrics.replication.as_ref()?;
    if id == metrics.id {
        return metrics.last_log_index.map(LogIndex::new);
    }
    replication.get(&id)?.as_ref().map(|log_id| LogIndex::new(log_id.index))
}
