//! Whole nodes, several of them in this process, over loopback sockets.

use std::{net::SocketAddr, path::Path, time::Duration};

use quorate_consensus::identify;
use quorate_model::{DoorAddress, Identity, MemberId};
use quorate_storage::{DataDirError, MemoryDisk};
use rand::{SeedableRng as _, rngs::StdRng};
use tokio::{
    task::JoinHandle,
    time::{sleep, timeout},
};

use super::*;
use crate::{ConfigOverrides, SystemClock, TcpConnector, TcpDoor};

/// How long anything here may take.
const LONG: Duration = Duration::from_secs(30);

/// A node that runs.
struct Running {
    peer_address: DoorAddress,
    stop: CancellationToken,
    ended: JoinHandle<Result<(), NodeError>>,
}

/// Takes the place of `config`, as soon as those connections are gone that still hold on to it.
async fn take(config: &Config) -> Disk {
    let taking = async {
        loop {
            match Disk::take(config.place()) {
                Ok(disk) => return disk,
                Err(DataDirError::Locked { .. }) => sleep(Duration::from_millis(20)).await,
                Err(error) => panic!("{error}"),
            }
        }
    };
    timeout(LONG, taking).await.expect("the directory is let go of")
}

fn door() -> (TcpDoor, SocketAddr) {
    let door = TcpDoor::bind("127.0.0.1:0".parse().unwrap(), "--listen-peer", &Handle::current()).unwrap();
    let address = door.address().unwrap();
    (door, address)
}

/// Starts a node with its data in `directory`, or in memory.
async fn start(directory: Option<&Path>, overrides: ConfigOverrides) -> Running {
    start_with(None, directory, overrides).await
}

async fn start_with(file: Option<&Path>, directory: Option<&Path>, overrides: ConfigOverrides) -> Running {
    start_on(None, file, directory, overrides).await
}

async fn start_on(
    disk: Option<Disk>,
    file: Option<&Path>,
    directory: Option<&Path>,
    overrides: ConfigOverrides,
) -> Running {
    let ((client_door, client_address), (peer_door, peer_address)) = (door(), door());
    let overrides = ConfigOverrides {
        data_dir: directory.map(|path| path.to_str().unwrap().to_owned()),
        memory: Some(directory.is_none()),
        listen_client: Some(client_address.to_string()),
        listen_peer: Some(peer_address.to_string()),
        ..overrides
    };
    let config = Config::load(file, &overrides).unwrap();
    let seed = u64::from(peer_address.port());
    let parts = Parts {
        disk: match disk {
            Some(disk) => disk,
            None => take(&config).await,
        },
        client_door: Box::new(client_door),
        peer_door: Box::new(peer_door),
        connector: Arc::new(TcpConnector),
        dial: Arc::new(crate::TcpDial::default()),
        clock: Arc::new(SystemClock),
        random: Box::new(StdRng::seed_from_u64(seed)),
        runtimes: Runtimes {
            raft: Handle::current(),
            main: Handle::current(),
        },
    };
    let stop = CancellationToken::new();
    let running = Node::build(config, parts).run_until(stop.clone());
    let ended = Handle::current().spawn(running);
    Running {
        peer_address: peer_address.try_into().unwrap(),
        stop,
        ended,
    }
}

fn bootstrap() -> ConfigOverrides {
    ConfigOverrides {
        bootstrap: Some(true),
        ..ConfigOverrides::default()
    }
}

fn join(members: &[&DoorAddress]) -> ConfigOverrides {
    let members = members.iter().map(ToString::to_string).collect();
    ConfigOverrides {
        join: Some(members),
        ..ConfigOverrides::default()
    }
}

impl Running {
    /// Who this node is, as soon as it says so.
    async fn identity(&self) -> Identity {
        let connector: Arc<dyn Connector> = Arc::new(TcpConnector);
        let asking = async {
            loop {
                match identify(&connector, &self.peer_address, Duration::from_secs(1)).await {
                    Ok(identity) => return identity,
                    Err(_) => sleep(Duration::from_millis(20)).await,
                }
            }
        };
        timeout(LONG, asking).await.expect("the node says who it is")
    }

    async fn stop(self) -> Result<(), NodeError> {
        self.stop.cancel();
        self.ended().await
    }

    async fn ended(self) -> Result<(), NodeError> {
        timeout(LONG, self.ended)
            .await
            .expect("the node ends")
            .expect("it does not panic")
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_found_a_cluster_join_it_and_stop() {
    let first = start(None, bootstrap()).await;
    let founder = first.identity().await;
    assert_eq!(founder.member_id, MemberId::FIRST);

    let nowhere = "127.0.0.1:1".parse().unwrap();
    let second = start(None, join(&[&nowhere, &first.peer_address])).await;
    let joined = second.identity().await;
    assert_eq!(joined.cluster_id, founder.cluster_id);
    assert_eq!(joined.member_id.get(), 2);

    second.stop().await.unwrap();
    first.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_founder_whose_peer_belongs_to_a_cluster_founds_none() {
    let first = start(None, bootstrap()).await;
    let identity = first.identity().await;
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), format!("peers = [\"{}\"]\n", first.peer_address)).unwrap();

    let second = start_with(Some(file.path()), None, bootstrap()).await;
    let message = second.ended().await.unwrap_err().to_string();
    assert!(
        message.contains(&format!("{} is {identity} already", first.peer_address)),
        "{message}"
    );
    first.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_with_data_goes_on_as_who_it_was() {
    let place = tempfile::tempdir().unwrap();
    let founder = start(Some(place.path()), bootstrap()).await;
    let identity = founder.identity().await;
    founder.stop().await.unwrap();

    let nowhere = "127.0.0.1:1".parse().unwrap();
    let again = start(Some(place.path()), join(&[&nowhere])).await;
    assert_eq!(again.identity().await, identity);
    again.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_without_data_and_without_a_start_is_told_what_to_do() {
    let place = tempfile::tempdir().unwrap();
    let lost = start(Some(place.path()), ConfigOverrides::default()).await;
    let message = lost.ended().await.unwrap_err().to_string();
    assert!(
        message.contains("--bootstrap") && message.contains("--join"),
        "{message}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_nobody_lets_in_can_be_stopped() {
    let nowhere = "127.0.0.1:1".parse().unwrap();
    let waiting = start(None, join(&[&nowhere])).await;
    waiting.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_whose_disk_fails_ends_and_says_so() {
    let disk = MemoryDisk::new();
    let node = start_on(Some(Disk::Memory(disk.clone())), None, None, bootstrap()).await;
    let second = start(None, join(&[&node.peer_address])).await;
    second.identity().await;
    disk.fail_syncs_after(0, std::io::ErrorKind::StorageFull);
    // Nobody writes, so that somebody has to.
    let third = start(None, join(&[&node.peer_address])).await;
    let error = node.ended().await.unwrap_err();
    assert!(matches!(error, NodeError::Log(_) | NodeError::RaftDied(_)), "{error}");
    second.stop().await.unwrap();
    third.stop().await.unwrap();
}
