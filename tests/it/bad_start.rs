//! A command line, a configuration or a place that is wrong is refused in one line that says what to do.

use std::{net::TcpListener, time::Duration};

use quorate_model::Consistency;
use quorate_tests::{
    Cluster, Loopback, Process, READY_WITHIN, ensure, eventually, id, parts, registration, run, run_with, service,
};
use rustix::process::Signal;

use crate::bench::Bench;

#[tokio::test]
async fn a_wrong_command_line_ends_with_two_and_one_line() {
    let register = |rest: &[&str]| -> Vec<String> {
        let words = ["register", "s", "--id=i", "--address=10.0.0.1"].iter().chain(rest);
        words.map(ToString::to_string).collect()
    };
    let words = |words: &[&str]| words.iter().map(ToString::to_string).collect::<Vec<_>>();
    let long = "x".repeat(129);
    for (arguments, said) in [
        (words(&[]), vec!["--help"]),
        (words(&["no-such-verb"]), vec!["no-such-verb"]),
        (register(&[]), vec!["--port"]),
        (register(&["--port=0"]), vec!["--port", "1–65535"]),
        (register(&["--port=65536"]), vec!["--port", "1–65535"]),
        (register(&["--port=80", "--no-such-flag"]), vec!["--no-such-flag"]),
        (register(&["--port=80", "--meta=novalue"]), vec!["--meta", "KEY=VALUE"]),
        (
            words(&["register", "s", "--id=i", "--port=80", "--address=a_b"]),
            vec!["--address"],
        ),
        (words(&["resolve", ""]), vec!["SERVICE"]),
        (words(&["resolve", &long]), vec!["SERVICE", "128"]),
        (words(&["resolve", "ä ö"]), vec!["SERVICE"]),
        (words(&["services", "--timeout=5"]), vec!["--timeout", "5s"]),
        (words(&["services", "--endpoints=nowhere"]), vec!["--endpoints", "port"]),
        (words(&["services", "--endpoints="]), vec!["--endpoints"]),
    ] {
        let finished = run(&arguments).await.exited_with(2);
        finished.said(&said);
        assert_eq!(finished.stderr.lines().count(), 1, "{finished:#?}");
        assert_eq!(finished.stdout, "");
    }
}

#[tokio::test]
async fn without_a_server_a_command_ends_with_four_and_names_whom_it_asked() {
    let bench = Bench::new();
    let door = bench.doors().client.to_string();
    let endpoints = format!("--endpoints={door}");
    let verbs: [&[&str]; 4] = [
        &["services"],
        &["status"],
        &["resolve", "s", "--consistency=stale"],
        &["register", "s", "--id=i", "--address=10.0.0.1", "--port=80"],
    ];
    for verb in verbs {
        let arguments = verb.iter().copied().chain([endpoints.as_str(), "--timeout=2s"]);
        let finished = run(arguments).await.exited_with(4);
        finished.said(&[&door]);
        assert_eq!(finished.stderr.lines().count(), 1, "{finished:#?}");
    }
}

#[tokio::test]
async fn a_wrong_configuration_is_refused_by_key_and_place() {
    let bench = Bench::new();
    let good = format!("data_dir = {:?}\n", bench.data().to_str().unwrap());
    bench.check_config(&good).await.exited_with(0);
    assert!(!bench.data().exists(), "checking changes nothing");
    for (line, said) in [
        (
            "listen_cleint = \"127.0.0.1:1\"",
            vec!["unknown key", "listen_cleint", "quorate.toml", "listen_client"],
        ),
        (
            "listen_client = \"127.0.0.1:65536\"",
            vec!["listen_client", "quorate.toml", "127.0.0.1:65536"],
        ),
        (
            "listen_client = \"nowhere\"",
            vec!["listen_client", "nowhere", "IP address"],
        ),
        ("listen_client = \"127.0.0.1:0\"", vec!["listen_client", "1–65535"]),
        (
            "listen_client = \"0.0.0.0:7300\"",
            vec!["listen_client", "--advertise-client"],
        ),
        ("listen_peer = \"127.0.0.1:7300\"", vec!["listen_peer", "listen_client"]),
        ("bootstrap = true\njoin = [\"127.0.0.1:1\"]", vec!["bootstrap", "join"]),
        ("heartbeat_ms = \"fast\"", vec!["heartbeat_ms", "number"]),
        ("heartbeat_ms = 400", vec!["election_timeout_min_ms"]),
        ("log_format = \"xml\"", vec!["log_format", "json"]),
        ("this is no TOML", vec!["quorate.toml:2", "TOML"]),
    ] {
        let finished = bench.check_config(&format!("{good}{line}\n")).await.exited_with(2);
        finished.said(&said);
    }
    let missing = bench.files.path().join("missing.toml");
    let finished = run(["server", "--check-config", "--config", missing.to_str().unwrap()])
        .await
        .exited_with(2);
    finished.said(&["missing.toml"]);
    let finished = run_with(bench.server(&["--check-config"]), &[("QUORATE_HEARTBEAT_MS", "x")])
        .await
        .exited_with(2);
    finished.said(&["QUORATE_HEARTBEAT_MS"]);
}

#[tokio::test]
async fn a_node_that_is_not_told_how_to_begin_is_refused() {
    let bench = Bench::new();
    let finished = run(bench.server(&[])).await.exited_with(1);
    finished.said(&["--bootstrap", "--join"]);
}

#[tokio::test]
async fn a_door_that_is_in_use_is_named() {
    for flag in ["--listen-client", "--listen-peer"] {
        let bench = Bench::new();
        let doors = bench.doors();
        let taken = if flag == "--listen-client" {
            doors.client
        } else {
            doors.peer
        };
        let holder = TcpListener::bind(taken).expect("the address is ours");
        let finished = run(bench.server(&["--bootstrap"])).await.exited_with(1);
        finished.said(&[&taken.to_string(), flag, "in use"]);
        drop(holder);
        // Nothing was done that would be in the way of the next start.
        bench.start().await.kill();
    }
}

#[tokio::test]
async fn a_node_says_whom_it_cannot_reach_and_stops_when_told_to() {
    let bench = Bench::new();
    let nobody = Loopback::claim().port(7_400).to_string();
    let join = format!("--join={nobody}");
    let mut process = Process::start(bench.files.path(), "server", bench.server(&[&join]));
    eventually(READY_WITHIN, "the log names the peer", async || {
        let log = process.log();
        ensure(log.contains(&nobody) && log.contains("--join"), log)
    })
    .await;
    process.signal(Signal::TERM);
    assert_eq!(process.ended(READY_WITHIN).await.code(), Some(0));
}

#[tokio::test]
async fn without_a_quorum_nothing_is_acknowledged_and_stale_reads_go_on() {
    let cluster = Cluster::start(3).await;
    cluster
        .client()
        .register(&service("s"), &id("i"), registration(parts(80)))
        .await
        .unwrap();
    cluster.converge(READY_WITHIN).await;
    cluster.member(1).kill();
    cluster.member(2).kill();
    let left = cluster.client_builder(2);
    let client = left.deadline(Duration::from_secs(3)).build().unwrap();
    client
        .register(&service("s"), &id("j"), registration(parts(80)))
        .await
        .expect_err("there is no quorum");
    client
        .with_consistency(Consistency::Linearizable)
        .list_services()
        .await
        .expect_err("nobody confirms the leader");
    let stale = cluster
        .member(3)
        .client()
        .with_consistency(Consistency::Stale)
        .list_instances(&service("s"))
        .await
        .unwrap();
    assert_eq!(stale.value.instances.len(), 1);
    assert_eq!(stale.header.member_id, cluster.member(3).id());

    cluster.member(1).start();
    cluster.member(2).start();
    cluster.converge(READY_WITHIN).await;
}
