//! A data directory that is in use, damaged or not one's own is refused, and nothing in it is lost.

use std::{
    fs,
    path::{Path, PathBuf},
};

use quorate_model::Consistency;
use quorate_tests::{Cluster, READY_WITHIN, ensure, eventually, id, parts, registration, run, service};
use rustix::process::Signal;

use crate::bench::Bench;

#[tokio::test]
async fn a_data_directory_that_runs_already_is_refused_and_goes_on() {
    let bench = Bench::new();
    let _running = bench.start().await;
    let other = Bench::new();
    let mut arguments = vec!["server".to_owned(), format!("--data-dir={}", bench.data().display())];
    arguments.extend(other.doors().flags());
    let finished = run(arguments).await.exited_with(1);
    finished.said(&[bench.data().to_str().unwrap(), "in use by another process"]);
    let endpoints = format!("--endpoints={}", bench.doors().client);
    let register = ["register", "s", "--id=i", "--address=10.0.0.1", "--port=80", &endpoints];
    run(register).await.exited_with(0);
}

#[tokio::test]
async fn a_directory_of_somebody_else_is_refused_and_left_alone() {
    let bench = Bench::new();
    fs::create_dir(bench.data()).unwrap();
    fs::write(bench.data().join("thesis.txt"), "years of work").unwrap();
    let finished = run(bench.server(&["--bootstrap"])).await.exited_with(1);
    finished.said(&[bench.data().to_str().unwrap(), "not a data directory"]);
    let left: Vec<_> = fs::read_dir(bench.data())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(left, ["thesis.txt"]);
    assert_eq!(
        fs::read_to_string(bench.data().join("thesis.txt")).unwrap(),
        "years of work"
    );

    let file = Bench::new();
    fs::write(file.data(), "a file").unwrap();
    run(file.server(&["--bootstrap"]))
        .await
        .exited_with(1)
        .said(&[file.data().to_str().unwrap()]);
}

#[tokio::test]
async fn a_damaged_data_directory_is_refused_and_never_served() {
    let bench = Bench::new();
    let mut process = bench.start().await;
    let endpoints = format!("--endpoints={}", bench.doors().client);
    for number in 0..20 {
        let register = format!("--id=i{number}");
        let words = [
            "register",
            "s",
            &register,
            "--address=10.0.0.1",
            "--port=80",
            &endpoints,
        ];
        run(words).await.exited_with(0);
    }
    // Closed in order, so that all of it is known to have been durable.
    process.signal(Signal::TERM);
    assert_eq!(process.ended(READY_WITHIN).await.code(), Some(0));

    // The log: one byte in the middle of what is stored.
    let log = largest_file(&bench.data().join("sled"));
    let whole = fs::read(&log).unwrap();
    let needle = whole
        .windows(3)
        .rposition(|window| window == b"i10")
        .expect("the log holds the command");
    let mut damaged = whole.clone();
    damaged[needle] ^= 1;
    fs::write(&log, &damaged).unwrap();
    let finished = run(bench.server(&[])).await.exited_with(1);
    finished.said(&[bench.data().to_str().unwrap(), "damaged", "join again"]);

    // Who it is.
    fs::write(&log, &whole).unwrap();
    let format = bench.data().join("FORMAT");
    let intact = fs::read(&format).unwrap();
    let mut damaged = intact.clone();
    *damaged.last_mut().unwrap() ^= 1;
    fs::write(&format, &damaged).unwrap();
    run(bench.server(&[]))
        .await
        .exited_with(1)
        .said(&[bench.data().to_str().unwrap(), "damaged", "FORMAT"]);

    // Put right, it has everything.
    fs::write(&format, &intact).unwrap();
    let _process = bench.start().await;
    let listed = run(["instances", "s", &endpoints, "-o", "json"]).await.exited_with(0);
    let listed: serde_json::Value = serde_json::from_str(&listed.stdout).unwrap();
    assert_eq!(listed["instances"].as_array().unwrap().len(), 20);
}

#[tokio::test]
async fn the_data_of_another_cluster_is_never_taken_for_ones_own() {
    let ours = Cluster::start(3).await;
    let theirs = Cluster::start(3).await;
    let written = ours
        .client()
        .register(&service("s"), &id("ours"), registration(parts(80)))
        .await
        .unwrap();
    theirs
        .client()
        .register(&service("s"), &id("theirs"), registration(parts(80)))
        .await
        .unwrap();

    let (victim, other) = (ours.member(3), theirs.member(3));
    victim.kill();
    other.kill();
    let kept = ours.files().join("kept");
    fs::rename(victim.data(), &kept).unwrap();
    fs::rename(other.data(), victim.data()).unwrap();
    victim.start();
    // Our members go on calling their third member: who is there now says why it does not listen.
    let cluster_id = written.header.cluster_id.to_string();
    eventually(READY_WITHIN, "the node of the other cluster is told", async || {
        let log = victim.log();
        let told = log
            .lines()
            .any(|line| line.contains("belongs to cluster") && line.contains(&cluster_id));
        ensure(told, log)
    })
    .await;
    let status = ours.client_builder(0).build().unwrap().status().await.unwrap();
    assert_eq!(status.header.cluster_id, written.header.cluster_id);
    let client = ours
        .client_builder(2)
        .cluster_id(written.header.cluster_id)
        .build()
        .unwrap();
    let answer = client
        .with_consistency(Consistency::Stale)
        .list_instances(&service("s"))
        .await;
    assert!(
        !matches!(&answer, Ok(answer) if answer.value.instances.iter().any(|it| it.key().id.as_str() == "theirs")),
        "{answer:?}"
    );

    // With its own data it is back.
    victim.kill();
    fs::remove_dir_all(victim.data()).unwrap();
    fs::rename(&kept, victim.data()).unwrap();
    victim.start();
    victim.wait_ready().await;
    ours.converge(READY_WITHIN).await;
    let listed = victim
        .client()
        .with_consistency(Consistency::Linearizable)
        .list_instances(&service("s"))
        .await
        .unwrap();
    assert_eq!(listed.value.instances.len(), 1);
}

fn largest_file(directory: &Path) -> PathBuf {
    let mut found: Option<(u64, PathBuf)> = None;
    let mut pending = vec![directory.to_owned()];
    while let Some(directory) = pending.pop() {
        for entry in fs::read_dir(directory).expect("readable").flatten() {
            let metadata = entry.metadata().expect("readable");
            if metadata.is_dir() {
                pending.push(entry.path());
            } else {
                found = found.max(Some((metadata.len(), entry.path())));
            }
        }
    }
    found.expect("the directory has files").1
}
