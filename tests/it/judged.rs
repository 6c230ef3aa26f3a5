//! What clients are told by a cluster, judged as a whole.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use quorate_tests::{
    Cluster, Member, READY_WITHIN, SETTLED_WITHIN, checker, ensure, eventually, figure,
    record::Recorder,
    seed,
    workload::{Worker, final_reads},
};
use tokio::{task::JoinSet, time::Instant};

/// Clients at a time, half of them with sessions.
const WORKERS: u32 = 8;

/// How long each rests between two requests, on average.
const PACE: Duration = Duration::from_millis(10);

/// Writes that are acknowledged before and after each fault.
const WRITES: usize = 150;

/// Leaders that are killed, and as many that hang for a while.
const FAULTS: usize = 2;

#[tokio::test]
async fn what_clients_are_told_while_leaders_die_and_hang_can_all_be_true() {
    let cluster = Cluster::start(3).await;
    let seed = seed();
    let began = Instant::now();
    let recorder = Recorder::new(Arc::new(move || began.elapsed()));
    let stop = Arc::new(AtomicBool::new(false));
    let builder = cluster.client_builder(0).discover(true);
    let door = |member: &Member| {
        let door = member.doors().client.to_string();
        door.parse().expect("a valid address")
    };
    let doors: Vec<_> = cluster.members().iter().map(door).collect();
    let mut workers = JoinSet::new();
    for number in 0..WORKERS {
        let worker = Worker {
            builder: builder.clone(),
            doors: doors.clone(),
            number,
            seed,
            pace: PACE,
            recorder: recorder.clone(),
            stop: Arc::clone(&stop),
        };
        workers.spawn(worker.run());
    }
    for _ in 0..FAULTS {
        acknowledge(&recorder).await;
        let leader = cluster.leader().await;
        leader.kill();
        acknowledge(&recorder).await;
        leader.start();
        leader.wait_ready().await;
        acknowledge(&recorder).await;
        let leader = cluster.leader().await;
        leader.pause();
        acknowledge(&recorder).await;
        leader.resume();
        leader
            .wait_until("serves", READY_WITHIN, |answer| answer.value.ready)
            .await;
    }
    acknowledge(&recorder).await;
    stop.store(true, Ordering::Relaxed);
    workers.join_all().await;
    cluster.converge(SETTLED_WITHIN).await;
    let is_read = final_reads(&builder, &doors, seed, PACE, &recorder).await;
    assert_eq!(is_read, Ok(()));

    let record = recorder.record();
    let report = checker::check_all(&record);
    figure(&report);
    assert!(report.is_well(), "{report}\n{record}");
}

/// Waits until some more writes are acknowledged.
async fn acknowledge(recorder: &Recorder) {
    let wanted = recorder.acknowledged() + WRITES;
    eventually(SETTLED_WITHIN, "writes are acknowledged", async || {
        let now = recorder.acknowledged();
        ensure(now >= wanted, format!("{now} of {wanted}"))
    })
    .await;
}
