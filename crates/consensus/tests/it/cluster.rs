//! A cluster whose network can be cut and whose members can be crashed.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use futures::future::BoxFuture;
use hyper_util::rt::TokioIo;
use quorate_consensus::{
    Applicant, Applied, BoxIo, Calling, ChangeError, Connector, Consensus, JoinError, Joining, Known, MemberInfo,
    MemberList, MemberOutcome, MemberRequest, Members, MembershipChange, Parts, ProposeError, RaftLog, Renewals,
    RenewalsFailed, Replicated, Replication, Retention, Role, StartError, Timing, peer_routes,
};
use quorate_model::{
    Clock, ClusterId, DoorAddress, Epoch, Identity, JoinNonce, Leadership, LeaseId, LogIndex, MemberId, Renewal,
};
use quorate_state::Command;
use quorate_storage::{MemoryDisk, OnFatal, Storage};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, ReadHalf, WriteHalf},
    sync::{mpsc, watch},
    task::JoinHandle,
};
use tokio_stream::{StreamExt as _, wrappers::UnboundedReceiverStream};

/// Longer than anything may take on a busy machine.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

pub(crate) const CLUSTER: ClusterId = ClusterId::new(0xC1);

/// The pipes between the members.
#[derive(Debug, Default)]
pub(crate) struct Network {
    doors: Mutex<BTreeMap<String, mpsc::UnboundedSender<DuplexStream>>>,
    isolated: Mutex<BTreeSet<String>>,
    /// Connections that were tried in vain.
    refused: AtomicUsize,
    /// Every connection, with its two ends.
    relays: Mutex<Vec<(String, String, JoinHandle<()>)>>,
    /// What is on its way there and does not arrive.
    held: watch::Sender<BTreeSet<Way>>,
}

/// One direction of the connections that one member has opened to another: who opened them, to whom, and who speaks.
type Way = (String, String, String);

/// A member's way into the network.
#[derive(Debug)]
struct Pipes {
    network: Arc<Network>,
    from: String,
}

/// One member.
pub(crate) struct Node {
    pub(crate) consensus: Consensus,
    pub(crate) disk: MemoryDisk,
    address: DoorAddress,
    tasks: Vec<JoinHandle<()>>,
}

/// Members by their ids, and what connects them.
pub(crate) struct Cluster {
    pub(crate) network: Arc<Network>,
    pub(crate) nodes: BTreeMap<u64, Node>,
    pace: Pace,
}

/// How fast the members are, and how long their logs.
#[derive(Debug, Clone, Copy)]
struct Pace {
    timing: Timing,
    retention: Retention,
}

/// No leader is given up within a test.
const PATIENT: Timing = Timing {
    heartbeat: Duration::from_millis(100),
    election_min: Duration::from_secs(60),
    election_max: Duration::from_secs(120),
};

#[derive(Debug)]
pub(crate) struct RealClock(pub(crate) Instant);

impl Clock for RealClock {
    fn now(&self) -> Duration {
        self.0.elapsed()
    }

    fn wall_ms(&self) -> u64 {
        0
    }
}

/// Nobody joins by asking in these tests.
struct Closed;

impl Members for Closed {
    fn change(
        &self,
        _request: MemberRequest,
        _time_left: Duration,
    ) -> BoxFuture<'static, Result<MemberOutcome, ChangeError>> {
        Box::pin(async { Err(ChangeError::Refused("closed".to_owned())) })
    }

    fn list(&self) -> Result<MemberList, Option<MemberId>> {
        Err(None)
    }

    fn is_removed(&self, _member_id: MemberId, _quota: u32) -> BoxFuture<'static, bool> {
        Box::pin(async { false })
    }
}

impl Joining for Closed {
    fn admit(&self, _candidate: Applicant) -> BoxFuture<'static, Result<MemberId, JoinError>> {
        Box::pin(async { Err(JoinError::Refused("closed".to_owned())) })
    }
}

impl Renewals for Closed {
    fn renew(
        &self,
        _leases: Vec<LeaseId>,
        _age: Duration,
        _time_left: Duration,
    ) -> BoxFuture<'static, Result<Vec<Renewal>, RenewalsFailed>> {
        Box::pin(async { Err(RenewalsFailed::NotLeader(None)) })
    }

    fn replicate(&self, _told: Replication) -> Replicated {
        Replicated::OutOfOrder
    }

    fn pull(&self, by: Leadership) -> BoxFuture<'static, Result<Known, Leadership>> {
        Box::pin(async move { Err(by) })
    }
}

// === impl Network ===

impl Network {
    /// Cuts a member off from all others, breaking what is under way.
    pub(crate) fn isolate(&self, id: u64) {
        let door = address(id).to_string();
        self.isolated.lock().unwrap().insert(door.clone());
        self.relays.lock().unwrap().retain(|(from, to, relay)| {
            let cut = *from == door || *to == door;
            if cut {
                relay.abort();
            }
            !cut
        });
    }

    /// From now on holds back what `speaker` says on the connections that `from` has opened to `to`.
    pub(crate) fn hold(&self, from: u64, to: u64, speaker: u64) {
        let way = [from, to, speaker].map(|id| address(id).to_string());
        self.held.send_modify(|held| {
            held.insert(way.into());
        });
    }

    /// Lets all of that arrive.
    pub(crate) fn release(&self, from: u64, to: u64, speaker: u64) {
        let way = [from, to, speaker].map(|id| address(id).to_string());
        self.held.send_modify(|held| {
            held.remove(&way.into());
        });
    }

    /// How many connections were tried in vain so far.
    pub(crate) fn refused(&self) -> usize {
        self.refused.load(Ordering::Relaxed)
    }

    pub(crate) fn heal(&self) {
        self.isolated.lock().unwrap().clear();
    }

    fn connect(&self, from: &str, to: &str) -> io::Result<BoxIo> {
        let isolated = self.isolated.lock().unwrap();
        if isolated.contains(from) || isolated.contains(to) {
            self.refused.fetch_add(1, Ordering::Relaxed);
            return Err(io::ErrorKind::HostUnreachable.into());
        }
        let (near, relay_near) = tokio::io::duplex(1 << 16);
        let (relay_far, far) = tokio::io::duplex(1 << 16);
        let doors = self.doors.lock().unwrap();
        let door = doors.get(to).ok_or(io::ErrorKind::ConnectionRefused)?;
        door.send(far).map_err(|_| io::ErrorKind::ConnectionRefused)?;
        let way = |speaker: &str| (from.to_owned(), to.to_owned(), speaker.to_owned());
        let (there, back, held) = (way(from), way(to), self.held.subscribe());
        let relay = tokio::spawn(async move {
            let (from_near, to_near) = tokio::io::split(relay_near);
            let (from_far, to_far) = tokio::io::split(relay_far);
            // An error is the end of a connection, which both sides notice.
            let _ = tokio::try_join!(
                carry(from_near, to_far, there, held.clone()),
                carry(from_far, to_near, back, held)
            );
        });
        self.relays
            .lock()
            .unwrap()
            .push((from.to_owned(), to.to_owned(), relay));
        Ok(Box::pin(near))
    }
}

/// Carries bytes, unless their way is held, until one end is closed.
async fn carry(
    mut source: ReadHalf<DuplexStream>,
    mut sink: WriteHalf<DuplexStream>,
    way: Way,
    mut held: watch::Receiver<BTreeSet<Way>>,
) -> io::Result<()> {
    let mut bytes = vec![0; 1 << 14];
    loop {
        let len = source.read(&mut bytes).await?;
        if len == 0 {
            return sink.shutdown().await;
        }
        // Nobody lets it go when the network is gone.
        let _ = held.wait_for(|held| !held.contains(&way)).await;
        sink.write_all(&bytes[..len]).await?;
    }
}

impl Connector for Pipes {
    fn connect(&self, address: DoorAddress) -> BoxFuture<'static, io::Result<BoxIo>> {
        let connected = self.network.connect(&self.from, &address.to_string());
        Box::pin(async move { connected })
    }
}

// === impl Node ===

impl Node {
    async fn start(id: u64, disk: MemoryDisk, network: &Arc<Network>, pace: Pace) -> Result<Self, StartError> {
        let address = address(id);
        let identity = Identity {
            cluster_id: CLUSTER,
            member_id: id.try_into().unwrap(),
        };
        let clock: Arc<dyn Clock> = Arc::new(RealClock(Instant::now()));
        // Called whenever a test ends: the writer's task goes before the log does.
        let on_fatal: OnFatal = Arc::new(|_| {});
        let Storage { log, writer, snapshots } = disk.open(identity, &clock, &on_fatal).unwrap();
        let writing = tokio::spawn(writer.run_in_task());
        let parts = Parts {
            identity,
            timing: pace.timing,
            retention: pace.retention,
            log: RaftLog::new(log),
            snapshots,
            connector: Arc::new(Pipes {
                network: Arc::clone(network),
                from: address.to_string(),
            }),
            clock,
        };
        let consensus = Consensus::start(parts).await?;
        let (door, connections) = mpsc::unbounded_channel();
        network.doors.lock().unwrap().insert(address.to_string(), door);
        let routes = peer_routes(consensus.clone(), Arc::new(Closed), Arc::new(Closed), Arc::new(Closed));
        let connections = UnboundedReceiverStream::new(connections).map(Ok::<_, io::Error>);
        let serving = tokio::spawn(async move {
            let serving = tonic::transport::Server::builder().add_routes(routes);
            serving.serve_with_incoming(connections).await.unwrap();
        });
        let keeping = tokio::spawn({
            let consensus = consensus.clone();
            async move { consensus.keep_log_short().await }
        });
        Ok(Self {
            consensus,
            disk,
            address,
            tasks: vec![writing, serving, keeping],
        })
    }

    fn info(&self) -> MemberInfo {
        MemberInfo {
            peer_address: self.address.clone(),
            client_address: self.address.clone(),
            calling: Calling::Voter,
        }
    }
}

// === impl Cluster ===

impl Cluster {
    /// A cluster of `size` voters, founded by member 1.
    pub(crate) async fn of(size: u64, retention: Retention) -> Self {
        let timing = Timing::default();
        Self::with(size, Pace { timing, retention }).await
    }

    /// One whose leader goes on leading, whatever becomes of the others.
    pub(crate) async fn patient(size: u64) -> Self {
        let (timing, retention) = (PATIENT, Retention::default());
        Self::with(size, Pace { timing, retention }).await
    }

    async fn with(size: u64, pace: Pace) -> Self {
        let network = Arc::new(Network::default());
        let mut cluster = Self {
            network,
            nodes: BTreeMap::new(),
            pace,
        };
        for id in 1..=size {
            cluster.start(id, MemoryDisk::new()).await;
        }
        let founder = &cluster.nodes[&1];
        founder
            .consensus
            .bootstrap(founder.info(), Epoch::new(7))
            .await
            .unwrap();
        for id in 2..=size {
            let (member_id, info) = (id.try_into().unwrap(), cluster.nodes[&id].info());
            founder.consensus.add_learner(member_id, info, DEADLINE).await.unwrap();
            cluster.promote(member_id).await;
        }
        cluster
    }

    async fn promote(&self, id: MemberId) {
        let deadline = Instant::now() + DEADLINE;
        loop {
            let leader = self.node(self.leader().await);
            match leader.change_membership(MembershipChange::Promote(id), DEADLINE).await {
                Ok(()) => return,
                // On a busy machine a leader misses its followers for a moment.
                Err(error) if Instant::now() > deadline => panic!("member {id} is not promoted: {error}"),
                Err(_) => tokio::task::yield_now().await,
            }
        }
    }

    async fn start(&mut self, id: u64, disk: MemoryDisk) {
        self.try_start(id, disk).await.unwrap();
    }

    async fn try_start(&mut self, id: u64, disk: MemoryDisk) -> Result<(), StartError> {
        let node = Node::start(id, disk, &self.network, self.pace).await?;
        self.nodes.insert(id, node);
        Ok(())
    }

    /// Cuts a member's power: what its disk had not synced is gone.
    pub(crate) async fn crash(&mut self, id: u64) -> MemoryDisk {
        let node = self.nodes.remove(&id).unwrap();
        self.network.isolate(id);
        node.tasks.iter().for_each(JoinHandle::abort);
        node.disk.power_loss();
        node.consensus.shutdown().await;
        node.disk
    }

    pub(crate) async fn restart(&mut self, id: u64, disk: MemoryDisk) {
        self.try_restart(id, disk).await.unwrap();
    }

    pub(crate) async fn try_restart(&mut self, id: u64, disk: MemoryDisk) -> Result<(), StartError> {
        self.network.heal();
        self.try_start(id, disk).await
    }

    /// Starts a member that cannot ask anybody anything before it takes part.
    pub(crate) async fn restart_alone(&mut self, id: u64, disk: MemoryDisk) {
        self.network.isolate(id);
        self.start(id, disk).await;
        self.network.heal();
    }

    /// A connection to a member's peer door.
    pub(crate) fn channel(&self, to: u64) -> tonic::transport::Channel {
        let (network, to) = (Arc::clone(&self.network), address(to).to_string());
        let connect = move |_: http::Uri| {
            let connected = network.connect("nobody", &to).map(TokioIo::new);
            async move { connected }
        };
        let endpoint = tonic::transport::Endpoint::from_static("http://peer");
        endpoint.connect_with_connector_lazy(tower::service_fn(connect))
    }

    pub(crate) fn node(&self, id: u64) -> &Consensus {
        &self.nodes[&id].consensus
    }

    /// The member that leads according to a majority, itself among them.
    pub(crate) async fn leader(&self) -> u64 {
        eventually("a leader", || {
            let leads = |id: &&u64| self.node(**id).status().role == Role::Leader && self.followers_of(**id) > 1;
            self.nodes.keys().find(leads).copied()
        })
        .await
    }

    fn followers_of(&self, leader: u64) -> usize {
        let follows = |node: &&Node| node.consensus.leader().map(MemberId::get) == Some(leader);
        self.nodes.values().filter(follows).count()
    }

    /// Has a command committed that leaves a trace: the state remembers the nonce.
    pub(crate) async fn write(&self, via: u64, nonce: u128) -> Applied {
        self.commit(via, allocate(nonce)).await
    }

    /// Has a command committed, asking `via`, who asks whom it takes for the leader.
    pub(crate) async fn commit(&self, via: u64, command: Bytes) -> Applied {
        let deadline = Instant::now() + DEADLINE;
        loop {
            let node = self.node(via);
            node.leader_known().await;
            let Some(leader) = node.leader() else { continue };
            match node.propose(leader, command.clone(), DEADLINE).await {
                Ok(applied) => return applied,
                Err(ProposeError::NotLeader(_)) if Instant::now() < deadline => tokio::task::yield_now().await,
                Err(error) => panic!("a write through member {via}: {error}"),
            }
        }
    }

    /// Has a read confirmed, asking `via`, who asks whom it takes for the leader.
    pub(crate) async fn read_index(&self, via: u64) -> LogIndex {
        let deadline = Instant::now() + DEADLINE;
        loop {
            let node = self.node(via);
            node.leader_known().await;
            let Some(leader) = node.leader() else { continue };
            match node.read_index(leader, DEADLINE).await {
                Ok(index) => return index,
                Err(error) if Instant::now() > deadline => panic!("a read through member {via}: {error}"),
                Err(_) => tokio::task::yield_now().await,
            }
        }
    }

    /// Waits until all members have applied the same, and checks that it is the same.
    pub(crate) async fn converge(&self) {
        eventually("the same state everywhere", || {
            let views: Vec<_> = self.nodes.values().map(|node| node.consensus.view()).collect();
            let applied = views.iter().all(|view| view.applied() == views[0].applied());
            applied.then(|| assert!(views.iter().all(|view| view.hash() == views[0].hash())))
        })
        .await;
    }
}

/// What a member says of itself with each call.
pub(crate) fn introduction(from: u64, to: u64) -> [(&'static str, String); 3] {
    [
        ("quorate-cluster", CLUSTER.to_string()),
        ("quorate-from", from.to_string()),
        ("quorate-to", to.to_string()),
    ]
}

/// A command that leaves a trace: the state remembers the nonce.
pub(crate) fn allocate(nonce: u128) -> Bytes {
    Command::AllocateMember {
        nonce: JoinNonce::new(nonce),
    }
    .encode()
    .unwrap()
}

fn address(id: u64) -> DoorAddress {
    format!("10.0.0.{id}:7400").parse().unwrap()
}

/// Polls until there is an answer.
pub(crate) async fn eventually<T>(what: &str, mut answer: impl FnMut() -> Option<T>) -> T {
    let polling = async {
        let mut interval = tokio::time::interval(Duration::from_millis(5));
        loop {
            interval.tick().await;
            if let Some(answer) = answer() {
                return answer;
            }
        }
    };
    tokio::time::timeout(DEADLINE, polling)
        .await
        .unwrap_or_else(|_| panic!("no {what} within {DEADLINE:?}"))
}
