//! A disk that gets full: the cluster takes nothing more that makes it grow, loses nothing, and comes back.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{fs, os::unix::fs::symlink, time::Duration};

use quorate_client::{Client, Error};
use quorate_model::{Availability, Consistency, InstanceKey, Metadata};
use quorate_tests::{
    Cluster, Member, READY_WITHIN, SETTLED_WITHIN, Volume, ensure, eventually, figure, key, parts, registration,
    service, skip,
};
use tokio::task::JoinSet;

const MIB: u64 = 1 << 20;

/// The file system of the one member whose disk gets full.
const VOLUME_MIB: u64 = 256;

const BALLAST_MIB: u64 = 32;

/// With less than this free the cluster is read-only.
const FLOOR_MIB: u64 = 48;

/// With so little free a node gives its ballast up.
const CRITICAL_MIB: u64 = 24;

/// Writers that fill the disk.
const WRITERS: usize = 8;

/// The member whose disk gets full.
const VICTIM: u64 = 2;

/// All that fills the catalog.
const SERVICE: &str = "growing";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_makes_the_cluster_read_only_and_loses_nothing() {
    let volume = match Volume::mount(VOLUME_MIB) {
        Ok(volume) => volume,
        Err(problem) => return skip(&format!("no file system can be mounted: {problem}")),
    };
    let cluster = start(&volume).await;
    let victim = cluster.member(VICTIM);
    let ballast = victim.data().join("ballast");
    eventually(READY_WITHIN, "the ballast is taken", async || {
        let len = fs::metadata(&ballast).map_or(0, |file| file.len());
        ensure(len == BALLAST_MIB * MIB, format!("it has {len} bytes"))
    })
    .await;

    // Somebody else takes most of the disk, and registrations take the rest.
    volume.fill("most", (FLOOR_MIB + 24) * MIB);
    let mut kept = fill_with_registrations(&cluster).await;
    all_are_read_only(&cluster).await;
    let free = volume.free_bytes();
    figure(format_args!(
        "read-only after {} registrations with {free} bytes free",
        kept.len()
    ));
    assert!(free > 0, "the floor was there for something");
    refuses_growth_and_takes_the_rest(&cluster, &mut kept).await;

    // Somebody else goes on taking: the ballast is given up, and there is room for what must go on.
    volume.fill("last", CRITICAL_MIB * MIB);
    eventually(READY_WITHIN, "the ballast is given up", async || {
        ensure(!ballast.exists(), format!("{} bytes are free", volume.free_bytes()))
    })
    .await;
    refuses_growth_and_takes_the_rest(&cluster, &mut kept).await;
    victim.kill();
    victim.start();
    victim.wait_ready().await;
    refuses_growth_and_takes_the_rest(&cluster, &mut kept).await;
    holds_exactly(&cluster, &kept).await;

    // The last byte is taken: the member ends, and the others go on.
    volume.fill("rest", 0);
    let ended = async {
        while victim.is_running() {
            let gone = kept.swap_remove(0);
            let others = cluster.client_builder(2).build().unwrap();
            others.deregister(&gone.service, &gone.id, None).await.unwrap();
        }
    };
    tokio::time::timeout(SETTLED_WITHIN, ended)
        .await
        .expect("it has no room for its log");
    assert_eq!(victim.ended().await, Some(1));
    let log = victim.log();
    assert!(log.contains("No space left on device"), "{log}");
    volume.free("rest");
    victim.start();
    victim.wait_ready().await;
    refuses_growth_and_takes_the_rest(&cluster, &mut kept).await;

    // Space is freed: all is as before.
    volume.free("last");
    volume.free("most");
    takes_growth_again(&cluster, &mut kept).await;
    eventually(READY_WITHIN, "the ballast is taken again", async || {
        ensure(ballast.exists(), format!("{} bytes are free", volume.free_bytes()))
    })
    .await;

    // The disk gets full while the node is down: it starts all the same.
    victim.kill();
    volume.fill("everything", 0);
    assert_eq!(volume.free_bytes(), 0);
    victim.start();
    victim.wait_ready().await;
    let log = victim.log();
    assert!(log.contains("giving up the ballast before the log is opened"), "{log}");
    volume.free("everything");
    takes_growth_again(&cluster, &mut kept).await;
    holds_exactly(&cluster, &kept).await;
}

/// Three members, one of them with its data on `volume`.
async fn start(volume: &Volume) -> Cluster {
    let cluster = Cluster::empty_with(&format!(
        "min_free_disk_bytes = {}\ndisk_ballast_bytes = {}\n",
        FLOOR_MIB * MIB,
        BALLAST_MIB * MIB
    ));
    let data = volume.path().join("data");
    fs::create_dir(&data).unwrap();
    symlink(data, cluster.files().join(format!("member-{VICTIM}"))).unwrap();
    cluster.with_members(3).await
}

/// Registers large instances until the cluster takes no more, and returns those that it has acknowledged.
async fn fill_with_registrations(cluster: &Cluster) -> Vec<InstanceKey> {
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        let client = cluster.client_builder(writer).build().unwrap();
        writers.spawn(async move {
            let mut acknowledged = Vec::new();
            for number in 0.. {
                let key = key(SERVICE, &format!("{writer}-{number}"));
                match register(&client, &key).await {
                    Ok(()) => acknowledged.push(key),
                    Err(Error::Unavailable { .. }) => break,
                    Err(error) => panic!("{error}"),
                }
            }
            acknowledged
        });
    }
    writers.join_all().await.concat()
}

async fn register(client: &Client, key: &InstanceKey) -> Result<(), Error> {
    let mut parts = parts(80);
    let filling = (0..8).map(|number| (format!("filling-{number}"), "x".repeat(900)));
    parts.metadata = Metadata::parse(filling).unwrap();
    client
        .register(&key.service, &key.id, registration(parts))
        .await
        .map(|_| ())
}

async fn all_are_read_only(cluster: &Cluster) {
    for member in cluster.members() {
        let answer = member
            .wait_until("says that the cluster is read-only", READY_WITHIN, |answer| {
                answer.value.read_only.is_some()
            })
            .await;
        let reason = answer.value.read_only.unwrap();
        assert!(reason.contains("disk"), "{reason}");
        assert!(
            answer.value.ready,
            "it serves reads, and what makes the catalog smaller"
        );
        assert!(answer.value.free_disk_bytes.is_some());
    }
}

/// On every member: what makes the catalog grow is refused, everything else is taken.
async fn refuses_growth_and_takes_the_rest(cluster: &Cluster, kept: &mut Vec<InstanceKey>) {
    for number in 0..cluster.members().len() {
        let client = cluster
            .client_builder(number)
            .deadline(Duration::from_secs(2))
            .build()
            .unwrap();
        let error = register(&client, &key(SERVICE, "one-too-many")).await.unwrap_err();
        assert!(matches!(error, Error::Unavailable { .. }), "{error}");
        assert!(error.to_string().contains("disk"), "it does not say why: {error}");

        let client = cluster.client_builder(number).build().unwrap();
        let gone = kept.swap_remove(0);
        let answer = client.deregister(&gone.service, &gone.id, None).await.unwrap();
        assert!(answer.value.existed, "{gone} was acknowledged");
        let drained = &kept[0];
        client
            .set_availability(&drained.service, &drained.id, None, Availability::Draining)
            .await
            .unwrap();
        let read = client.with_consistency(Consistency::Linearizable);
        read.get_instance(&drained.service, &drained.id).await.unwrap();
    }
}

async fn takes_growth_again(cluster: &Cluster, kept: &mut Vec<InstanceKey>) {
    for member in cluster.members() {
        member
            .wait_until("takes everything again", READY_WITHIN, |answer| {
                answer.value.read_only.is_none()
            })
            .await;
        let key = key(SERVICE, &format!("after-{}", kept.len()));
        // Whoever is asked passes it on to a leader that may have heard of it a moment later.
        eventually(READY_WITHIN, "a registration is taken", async || {
            register(member.client(), &key).await
        })
        .await;
        kept.push(key);
    }
}

/// Every member has all that was acknowledged, and nothing else.
async fn holds_exactly(cluster: &Cluster, kept: &[InstanceKey]) {
    cluster.converge(SETTLED_WITHIN).await;
    let mut expected: Vec<_> = kept.iter().map(|key| key.id.clone()).collect();
    expected.sort();
    for member in cluster.members() {
        let found = ids(member).await;
        assert_eq!(found, expected, "member {}", member.number());
    }
}

async fn ids(member: &Member) -> Vec<quorate_model::InstanceId> {
    let client = member.client().with_consistency(Consistency::Stale);
    let listed = client.list_instances(&service(SERVICE)).await.unwrap();
    let mut ids: Vec<_> = listed.value.instances.iter().map(|it| it.key().id.clone()).collect();
    ids.sort();
    ids
}
