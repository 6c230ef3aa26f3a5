//! What a catalog of a million instances costs. Not for every day: `docs/benchmarks.md` says how to run it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{env, fs};

use quorate_client::{Client, RegisterOptions, Write};
use quorate_model::{InstanceSpec, Metadata, Tags, Weight};
use quorate_tests::{Cluster, Member, ensure, eventually, figure, id, parts, service};
use tokio::{task::JoinSet, time::Duration, time::Instant};

/// Longer than anything here takes on a slow machine.
const LONG: Duration = Duration::from_secs(900);

/// Instances of one service.
const SERVICE_LEN: usize = 1_000;

/// Batches that are on their way at a time.
const WRITERS: usize = 16;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes and gigabytes; docs/benchmarks.md says how to run it"]
async fn a_million_instances() {
    let instances: usize = env::var("QUORATE_TEST_INSTANCES").map_or(1_000_000, |count| count.parse().unwrap());
    let cluster = Cluster::start(3).await;
    let empty = resident(&cluster);
    figure(format_args!("resident memory of the empty members: {empty:?} KiB"));

    let started = Instant::now();
    load(&cluster, instances).await;
    let took = started.elapsed();
    figure(format_args!(
        "{instances} instances loaded in {:.1} s",
        took.as_secs_f64()
    ));
    cluster.converge(LONG).await;
    let status = cluster.client().status().await.unwrap();
    assert_eq!(status.value.instances, instances as u64);
    snapshots_are_written(&cluster).await;
    let loaded = resident(&cluster);
    let each: Vec<_> = loaded
        .iter()
        .zip(&empty)
        .map(|(loaded, empty)| (loaded - empty) * 1024 / instances as u64)
        .collect();
    figure(format_args!(
        "resident memory of the loaded members: {loaded:?} KiB, at most {:?} KiB before; {each:?} bytes for an instance",
        peaks(&cluster)
    ));

    save(&cluster).await;
    restart(&cluster).await;
}

async fn load(cluster: &Cluster, instances: usize) {
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        let client = cluster.client_builder(writer).deadline(LONG).build().unwrap();
        writers.spawn(async move {
            for number in (0..instances.div_ceil(SERVICE_LEN)).skip(writer).step_by(WRITERS) {
                let len = SERVICE_LEN.min(instances - number * SERVICE_LEN);
                fill_service(&client, number, len).await;
            }
        });
    }
    writers.join_all().await;
}

async fn fill_service(client: &Client, number: usize, len: usize) {
    let service = service(&format!("service-{number}"));
    let writes = (0..len).map(|index| {
        let id = id(&format!("{service}-7d9f8b6c5-{index:05}"));
        Write::register(service.clone(), id, registration(number, index))
    });
    for outcome in client.write_batch(writes.collect()).await {
        outcome.unwrap();
    }
}

/// What a plain service states of itself.
fn registration(number: usize, index: usize) -> RegisterOptions {
    let mut parts = parts(8080);
    let last = u8::try_from(index % 250).unwrap();
    let (second, third) = (u8::try_from(number % 250).unwrap(), u8::try_from(index / 250).unwrap());
    parts.endpoints = format!("10.{second}.{third}.{last}")
        .parse()
        .map(|address| quorate_model::Endpoint {
            address,
            port: 8080_u16.try_into().unwrap(),
            protocol: Some("http".parse().unwrap()),
        })
        .unwrap()
        .into();
    parts.version = Some("1.4.2".parse().unwrap());
    parts.weight = Weight::new(100);
    parts.locality.zone = Some("eu-1a".parse().unwrap());
    parts.metadata = Metadata::parse([("team", "shop".to_owned()), ("commit", "4f0a2c9".to_owned())]).unwrap();
    parts.tags = Tags::try_from(std::collections::BTreeSet::from(["canary".parse().unwrap()])).unwrap();
    InstanceSpec::new(parts).unwrap().into()
}

/// Waits until no member is at work on a snapshot any more.
async fn snapshots_are_written(cluster: &Cluster) {
    for member in cluster.members() {
        eventually(LONG, "the snapshots are written", async || {
            let entries = fs::read_dir(member.data().join("snapshots")).unwrap();
            let names: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
            let is_whole = |name: &std::ffi::OsString| name.to_string_lossy().ends_with(".snap");
            ensure(names.iter().all(is_whole), format!("{names:?}"))
        })
        .await;
    }
}

async fn save(cluster: &Cluster) {
    let client = cluster.client_builder(0).deadline(LONG).build().unwrap();
    let started = Instant::now();
    let mut stream = client.save_snapshot().await.unwrap().value;
    let mut bytes = 0;
    while let Some(piece) = stream.next_piece().await.unwrap() {
        bytes += piece.len();
    }
    let took = started.elapsed();
    figure(format_args!(
        "snapshot of {bytes} bytes streamed in {:.2} s",
        took.as_secs_f64()
    ));
    let file = cluster.files().join("saved.snap");
    let started = Instant::now();
    cluster
        .run_ok(&["snapshot", "save", file.to_str().unwrap(), "--timeout=1m"])
        .await;
    let took = started.elapsed();
    figure(format_args!(
        "saved to a file and checked by the command line in {:.2} s",
        took.as_secs_f64()
    ));
}

async fn restart(cluster: &Cluster) {
    let follower = cluster.followers().await[0];
    follower.terminate().await;
    let took = ready_again(follower).await;
    figure(format_args!("a stopped member serves {took:.2} s after its start"));
    follower.kill();
    let took = ready_again(follower).await;
    figure(format_args!("a killed member serves {took:.2} s after its start"));
    cluster.kill_all();
    let started = Instant::now();
    cluster.members().iter().for_each(Member::start);
    for member in cluster.members() {
        member.wait_until("serves", LONG, |answer| answer.value.ready).await;
    }
    let took = started.elapsed().as_secs_f64();
    figure(format_args!("three killed members serve {took:.2} s after their start"));
    cluster.converge(LONG).await;
}

async fn ready_again(member: &Member) -> f64 {
    let started = Instant::now();
    member.start();
    member.wait_until("serves", LONG, |answer| answer.value.ready).await;
    started.elapsed().as_secs_f64()
}

/// Memory that is resident now, in KiB, for each member.
fn resident(cluster: &Cluster) -> Vec<u64> {
    cluster
        .members()
        .iter()
        .map(|member| memory(member, "VmRSS:"))
        .collect()
}

/// The most that ever was.
fn peaks(cluster: &Cluster) -> Vec<u64> {
    cluster
        .members()
        .iter()
        .map(|member| memory(member, "VmHWM:"))
        .collect()
}

fn memory(member: &Member, field: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", member.process_id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(field)).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}
