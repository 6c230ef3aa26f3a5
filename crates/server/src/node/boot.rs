//! The start of a node that knows who it is: from its disk to doors that serve.

use std::{fs, path::Path, sync::Arc};

use quorate_consensus::{Calling, Connector, Consensus, RaftLog, peer_routes};
use quorate_frontend::{grpc, metrics};
use quorate_model::{Clock, Epoch, Identity, MemberId};
use quorate_registry::{Limits, Policy, Probing, Registry, Tasks, Trust};
use quorate_storage::{FatalError, OnFatal};
use rand::{Rng, RngExt as _};
use tokio::sync::watch;

use super::{
    NodeError, Parts, Runtimes,
    disk::OpenDisk,
    doors,
    health::Health,
    identity,
    serving::{Serving, TaskGroups},
    watch as watching,
};
use crate::{Config, Listener, listener::incoming};

/// Takes the node that is `identity` from a disk that is taken to doors that serve.
pub(super) async fn boot(config: Config, parts: Parts, identity: Identity) -> Result<Serving, NodeError> {
    let Parts {
        disk,
        client_door,
        peer_door,
        connector,
        dial,
        clock,
        mut random,
        runtimes,
    } = parts;
    // Before anything is begun that would have to be undone.
    let trust = trust(config.probes().ca_file())?;
    let tasks = TaskGroups::new(&runtimes);
    let (on_fatal, fatal) = fatal_hook();
    let needs = config.limits().disk_needs();
    let disk = disk
        .open(identity, Arc::clone(&clock), on_fatal, needs, &tasks.writer)
        .await?;
    let consensus = start_raft(
        &config,
        identity,
        &disk,
        Arc::clone(&connector),
        Arc::clone(&clock),
        &runtimes,
    )
    .await?;
    let keeper = consensus.clone();
    let keeping = async move { keeper.keep_log_short().await };
    tasks.main.spawn("log-keeper", Policy::Essential, keeping);
    // Before anybody is told that the member is there: a cluster that is read-only stays so.
    consensus.report_disk(watching::shortage(&disk.keeping, needs).await);
    let probing = Probing {
        dial,
        policy: config.probes().policy().clone(),
        trust,
    };
    let seed = random.next_u64();
    let registry = start_registry(&consensus, connector, Arc::clone(&clock), seed, probing, &tasks);
    serve_peers(peer_door, &consensus, &registry, &tasks.peers);
    tokio::select! {
        founded = found_if_founder(&config, &consensus, &disk, &mut *random) => founded?,
        problem = consensus.stopped() => return Err(NodeError::RaftDied(problem)),
    }
    note_address(&config, &consensus);

    let (health, serving) = Health::start(registry.readiness(), &tasks.main);
    let routes = grpc::routes(&registry, serving, grpc::Limits::default(), tasks.clients.stopping());
    let routes = metrics::beside(routes, registry.clone());
    // Cut only when the tasks behind it stop too, which is after requests have had their time to end.
    let connections_max = config.limits().client_connections_max();
    let connections = incoming(client_door, connections_max, tasks.main.stopping());
    doors::serve_clients(routes, connections, &tasks.clients);
    watching::start(&disk, &registry, Arc::clone(&clock), needs, &tasks.main);
    let doors = config.doors();
    tracing::info!(
        %identity,
        client_door = %doors.client().listen(),
        peer_door = %doors.peer().listen(),
        "started"
    );
    Ok(Serving {
        consensus,
        disk,
        tasks,
        fatal,
        health,
        removed: registry.removed(),
    })
}

fn start_registry(
    consensus: &Consensus,
    connector: Arc<dyn Connector>,
    clock: Arc<dyn Clock>,
    seed: u64,
    probing: Probing,
    tasks: &TaskGroups,
) -> Registry {
    Registry::start(quorate_registry::Parts {
        consensus: consensus.clone(),
        connector,
        clock,
        limits: Limits::default(),
        seed,
        tasks: tasks.main.clone(),
        probing,
        urgent_tasks: tasks.peers.clone(),
    })
}

fn serve_peers(door: Box<dyn Listener>, consensus: &Consensus, registry: &Registry, tasks: &Tasks) {
    let routes = peer_routes(
        consensus.clone(),
        registry.joining(),
        registry.members(),
        registry.renewals(),
    );
    let connections = incoming(door, doors::PEER_CONNECTIONS_MAX, tasks.stopping());
    doors::serve_peers(routes, connections, tasks);
}

/// What storage calls when it fails for good, and where the node hears of it.
fn fatal_hook() -> (OnFatal, watch::Receiver<Option<FatalError>>) {
    let (sender, receiver) = watch::channel(None);
    let hook: OnFatal = Arc::new(move |error: &FatalError| {
        sender.send_replace(Some(error.clone()));
    });
    (hook, receiver)
}

async fn start_raft(
    config: &Config,
    identity: Identity,
    disk: &OpenDisk,
    connector: Arc<dyn Connector>,
    clock: Arc<dyn Clock>,
    runtimes: &Runtimes,
) -> Result<Consensus, NodeError> {
    let parts = quorate_consensus::Parts {
        identity,
        timing: config.timing(),
        retention: config.retention(),
        log: RaftLog::new(disk.log.clone()),
        snapshots: disk.snapshots.clone(),
        connector,
        clock,
    };
    // Raft's tasks live where it is started.
    let starting = runtimes.raft.spawn(Consensus::start(parts));
    let started = starting.await.map_err(|error| NodeError::RaftDied(error.to_string()))?;
    Ok(started?)
}

/// Whose certificates are trusted where a check names none.
fn trust(ca_file: Option<&Path>) -> Result<Trust, NodeError> {
    let Some(path) = ca_file else {
        return Ok(Trust::nobody());
    };
    let read = fs::read_to_string(path).map_err(|error| error.to_string());
    let trust = read.and_then(|pem| Trust::from_pem(&pem).map_err(|error| error.to_string()));
    trust.map_err(|problem| NodeError::ProbeCaFile {
        path: path.to_path_buf(),
        problem,
    })
}

/// Founds the cluster if this is its founder and nobody else has come since: the first time, and again if the
/// process ended in the middle of it.
async fn found_if_founder(
    config: &Config,
    consensus: &Consensus,
    disk: &OpenDisk,
    random: &mut (dyn Rng + Send),
) -> Result<(), NodeError> {
    if consensus.identity().member_id != MemberId::FIRST {
        return Ok(());
    }
    // Raft reports who the members are some time after it has started, if it knows any.
    if disk.log.last().is_some() {
        consensus.status_is(|status| !status.members.is_empty()).await;
    }
    if consensus.status().members.len() <= 1 {
        // As many bits as a number in JSON keeps.
        let epoch = Epoch::new(random.random_range(1..1 << 53));
        consensus
            .bootstrap(identity::member_info(config, Calling::Voter), epoch)
            .await?;
    }
    Ok(())
}

/// The cluster keeps the addresses with which a member came: another one has to be told to it.
fn note_address(config: &Config, consensus: &Consensus) {
    let Some(member) = consensus.member(consensus.identity().member_id) else {
        return;
    };
    let doors = config.doors();
    let known = [&member.info.peer_address, &member.info.client_address];
    let now = [doors.peer().advertise(), doors.client().advertise()];
    if known != now {
        tracing::warn!(
            known_peer = %known[0],
            known_client = %known[1],
            now_peer = %now[0],
            now_client = %now[1],
            "the cluster knows this member under other addresses and goes on using them: start it with those, or \
             wipe its data and let it join with --replace and the id of this member"
        );
    }
}
