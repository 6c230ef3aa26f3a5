//! A simulated host, and the real node that runs on it.

use std::{
    future, io,
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures::future::BoxFuture;
use quorate_consensus::{
    BoxIo,
    runtime::{Gate, Rate, World},
};
use quorate_model::{Clock, MemberId};
use quorate_registry::Dial;
use quorate_server::{Config, ConfigOverrides, Disk, Node, Parts, Runtimes};
use quorate_storage::MemoryDisk;
use rand::{SeedableRng as _, rngs::StdRng};
use tokio::{runtime::Handle, time::Instant};
use tokio_util::sync::CancellationToken;

use crate::{
    network::{CLIENT_PORT, Door, PEER_PORT, Wire, client_door, peer_door},
    relay::Relay,
};

/// Between two looks whether a host that waits is to start its node.
const START_LOOK: Duration = Duration::from_millis(10);

/// Bytes that are free on a disk that is not short.
pub(crate) const FREE_BYTES: u64 = 1 << 30;

/// One host: its disk, its clock and how its node comes to belong to the cluster. Clones are the same host.
#[derive(Debug, Clone)]
pub(crate) struct Host {
    /// Its name on the network.
    pub(crate) name: Arc<str>,
    /// Outlives each run of the node.
    pub(crate) disk: MemoryDisk,
    /// Stops the node in its tracks.
    pub(crate) gate: Gate,
    seed: u64,
    rate: Rate,
    config_file: Arc<Path>,
    relay: Option<Arc<Relay>>,
    state: Arc<Mutex<State>>,
}

/// How a node with an empty disk comes to belong to the cluster.
#[derive(Debug, Clone)]
pub(crate) enum Start {
    /// Not at all: the host waits.
    Later,
    /// It founds it.
    Found,
    /// It asks these hosts to let it in.
    Join {
        hosts: Vec<Arc<str>>,
        /// As a learner.
        learner: bool,
        /// In the place of this member.
        replace: Option<MemberId>,
    },
}

#[derive(Debug)]
struct State {
    start: Start,
    runs: u64,
    /// Whether the node runs: between its start and its end, or a crash.
    is_up: bool,
    /// Stops the node that runs gracefully.
    stop: CancellationToken,
    /// How the node ended by itself, if it did.
    ended: Option<Result<(), String>>,
}

/// The clock of one run of a node.
#[derive(Debug)]
struct NodeClock {
    began: Instant,
    /// What it showed when the node began: no two nodes agree on it.
    origin: Duration,
    rate: Rate,
}

/// Reaches nothing: no instance of a simulation is probed.
#[derive(Debug)]
struct NothingToProbe;

impl Dial for NothingToProbe {
    fn resolve(&self, _host: &str) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
        Box::pin(future::ready(Err(io::ErrorKind::NotFound.into())))
    }

    fn connect(&self, _address: SocketAddr) -> BoxFuture<'static, io::Result<BoxIo>> {
        Box::pin(future::ready(Err(io::ErrorKind::ConnectionRefused.into())))
    }
}

// === impl Host ===

impl Host {
    /// A host that waits until it is told to start. `number` is its place among the hosts.
    pub(crate) fn new(number: usize, seed: u64, rate: Rate, config_file: &Path, relay: Option<&Arc<Relay>>) -> Self {
        let disk = MemoryDisk::new();
        disk.set_free_bytes(FREE_BYTES);
        Self {
            name: format!("node-{number}").into(),
            disk,
            gate: Gate::default(),
            seed: seed.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(number as u64),
            rate,
            config_file: config_file.into(),
            relay: relay.cloned(),
            state: Arc::new(Mutex::new(State {
                start: Start::Later,
                runs: 0,
                is_up: false,
                stop: CancellationToken::new(),
                ended: None,
            })),
        }
    }

    /// Lets its node start.
    pub(crate) fn start(&self, start: Start) {
        self.lock().start = start;
    }

    /// Whether its node was ever told to start.
    pub(crate) fn is_used(&self) -> bool {
        !matches!(self.lock().start, Start::Later)
    }

    /// Which member it is, once it knows.
    pub(crate) fn member(&self) -> Option<MemberId> {
        self.disk.identity().map(|identity| identity.member_id)
    }

    /// Stops the node as SIGTERM does.
    pub(crate) fn terminate(&self) {
        self.lock().stop.cancel();
    }

    /// Notes that turmoil has ended what ran.
    pub(crate) fn note_crash(&self) {
        self.lock().is_up = false;
    }

    /// Whether a node runs on it that can be told something.
    pub(crate) fn is_up(&self) -> bool {
        self.lock().is_up
    }

    /// How the node ended by itself since it was last started, if it did.
    pub(crate) fn ended(&self) -> Option<Result<(), String>> {
        self.lock().ended.clone()
    }

    /// What runs on the host: the node, from its start to its end. Crashes are of turmoil.
    pub(crate) async fn run(self) -> turmoil::Result {
        let (number, stop) = self.begin();
        let start = self.wanted().await;
        let seed = self.seed.wrapping_add(number << 32);
        let _world = World::put_in_place(self.rate, seed, self.gate.clone());
        let ended = self.run_node(&start, seed, stop).await;
        tracing::info!(host = %self.name, ?ended, "the node has ended");
        let mut state = self.lock();
        (state.ended, state.is_up) = (Some(ended), false);
        drop(state);
        Ok(())
    }

    fn begin(&self) -> (u64, CancellationToken) {
        let mut state = self.lock();
        state.runs += 1;
        state.is_up = true;
        state.ended = None;
        state.stop = CancellationToken::new();
        (state.runs, state.stop.clone())
    }

    async fn wanted(&self) -> Start {
        loop {
            let start = self.lock().start.clone();
            if !matches!(start, Start::Later) {
                return start;
            }
            tokio::time::sleep(START_LOOK).await;
        }
    }

    async fn run_node(&self, start: &Start, seed: u64, stop: CancellationToken) -> Result<(), String> {
        let config = self.config(start)?;
        let parts = self.parts(seed).await.map_err(|error| error.to_string())?;
        let node = Node::build(config, parts).run_until(stop);
        node.await.map_err(|error| error.to_string())
    }

    fn config(&self, start: &Start) -> Result<Config, String> {
        let listen = |port: u16| Some(format!("0.0.0.0:{port}"));
        let mut overrides = ConfigOverrides {
            memory: Some(true),
            listen_client: listen(CLIENT_PORT),
            listen_peer: listen(PEER_PORT),
            advertise_client: Some(client_door(&self.name).to_string()),
            advertise_peer: Some(peer_door(&self.name).to_string()),
            ..ConfigOverrides::default()
        };
        match start {
            Start::Later => {}
            Start::Found => overrides.bootstrap = Some(true),
            Start::Join {
                hosts,
                learner,
                replace,
            } => {
                overrides.join = Some(hosts.iter().map(|host| peer_door(host).to_string()).collect());
                overrides.learner = Some(*learner);
                overrides.replace = replace.map(MemberId::get);
            }
        }
        Config::load(Some(&self.config_file), &overrides).map_err(|error| error.to_string())
    }

    async fn parts(&self, seed: u64) -> io::Result<Parts> {
        let here = Handle::current();
        Ok(Parts {
            disk: Disk::Memory(self.disk.clone()),
            client_door: Box::new(Door::open(CLIENT_PORT, &self.gate).await?),
            peer_door: Box::new(Door::open(PEER_PORT, &self.gate).await?),
            connector: Arc::new(Wire::new(self.gate.clone(), self.relay.clone())),
            dial: Arc::new(NothingToProbe),
            clock: Arc::new(NodeClock {
                began: Instant::now(),
                origin: Duration::from_secs(self.seed % 100_000),
                rate: self.rate,
            }),
            random: Box::new(StdRng::seed_from_u64(seed)),
            runtimes: Runtimes {
                raft: here.clone(),
                main: here,
            },
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl NodeClock ===

impl Clock for NodeClock {
    fn now(&self) -> Duration {
        self.origin + self.rate.shown(self.began.elapsed())
    }

    fn wall_ms(&self) -> u64 {
        // Nothing may be decided by it: no two nodes agree, and it jumps from one run of a node to the next.
        let millis = self.now().as_millis().wrapping_mul(7);
        u64::try_from(millis).unwrap_or(u64::MAX)
    }
}

/// Writes the configuration that all nodes of a run share.
pub(crate) fn write_config(directory: &Path, hosts: &[Arc<str>], keep_entries: u64) -> io::Result<PathBuf> {
    let path = directory.join("quorate.toml");
    let peers: Vec<String> = hosts.iter().map(|host| format!("\"{}\"", peer_door(host))).collect();
    // As little log as can be: snapshots are what a member gets that was away.
    let text = format!(
        "peers = [{}]\nsnapshot_every_entries = 100\nlog_keep_entries = {keep_entries}\ndisk_ballast_bytes = 0\n",
        peers.join(", ")
    );
    std::fs::write(&path, text)?;
    Ok(path)
}
