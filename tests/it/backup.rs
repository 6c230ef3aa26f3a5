//! The whole state saved to a file while the cluster is at work, and a new cluster that begins with it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{fs, path::Path, time::Duration};

use quorate_client::{Error, Header, Reason, Write};
use quorate_model::{Consistency, InstanceKey, Metadata, OverrideSpec, OverrideTarget};
use quorate_tests::{
    Cluster, History, Load, Operation, Outcome, READY_WITHIN, SETTLED_WITHIN, eventually, id, parts, registration, run,
    seed, service,
};
use serde_json::Value;

const WRITERS: usize = 8;

#[tokio::test]
async fn a_cluster_saved_under_load_is_restored_and_grows_again() {
    let old = Cluster::start(3).await;
    let before = register_many(&old, 300).await;
    let disabled = OverrideTarget::Disable { key: before[0].clone() };
    let spec = OverrideSpec::new(disabled.clone(), None, "it burns".parse().unwrap()).unwrap();
    old.client().set_override(spec, None).await.unwrap();
    let seen = old.client().status().await.unwrap().header;
    let load = Load::start(&old, WRITERS, seed());
    load.acknowledges(200, READY_WITHIN).await;
    let file = old.files().join("saved.snap");
    let saved = save(&old, &file).await;
    load.acknowledges(100, READY_WITHIN).await;
    let history = load.stop().await;

    let inspected = json(&["snapshot", "inspect", text(&file), "-o", "json"]).await;
    assert_eq!(inspected, saved);
    let status = old.client().status().await.unwrap();
    assert_eq!(saved["clusterId"], status.header.cluster_id.to_string());
    assert_eq!(saved["epoch"], status.header.epoch.get());
    assert_eq!(saved["members"].as_array().unwrap().len(), 3);
    assert_eq!(saved["fileBytes"], fs::metadata(&file).unwrap().len());
    assert!(number(&saved, "instances") >= 300, "{saved}");

    let mut new = Cluster::empty();
    let restored = restore(&new, &file).await;
    assert_eq!(restored["instances"], saved["instances"]);
    assert_ne!(restored["clusterId"], saved["clusterId"]);
    assert_ne!(restored["epoch"], saved["epoch"]);
    assert!(number(&restored, "revision") >= number(&saved, "revision") + (1 << 32));

    new.add(&[]).wait_ready().await;
    check_catalog(&new, &saved, &history, &before).await;
    let overrides = new.client().list_overrides(None).await.unwrap().value;
    assert_eq!(overrides.len(), 1);
    assert_eq!(overrides[0].spec.target(), &disabled);
    assert_eq!(number(&restored, "overrides"), 1);
    refuses_the_old_epoch(&new, &seen, &before[0]).await;
    new.join(&[1]).wait_ready().await;
    new.join(&[1, 2]).wait_ready().await;
    let written = new
        .client()
        .register(&service("s"), &id("new"), registration(parts(80)))
        .await
        .unwrap();
    assert!(written.header.revision.get() > number(&restored, "revision"));
    assert_eq!(written.header.epoch.get(), number(&restored, "epoch"));
    new.converge(SETTLED_WITHIN).await;
}

#[tokio::test]
async fn a_snapshot_can_be_restored_twice_and_each_time_begins_another_cluster() {
    let old = Cluster::start(1).await;
    let file = old.files().join("saved.snap");
    let saved = save(&old, &file).await;
    let (first, second) = (Cluster::empty(), Cluster::empty());
    let restored = [restore(&first, &file).await, restore(&second, &file).await];
    let ids = [
        &saved["clusterId"],
        &restored[0]["clusterId"],
        &restored[1]["clusterId"],
    ];
    assert!(ids[0] != ids[1] && ids[1] != ids[2] && ids[0] != ids[2], "{ids:?}");
    assert_ne!(restored[0]["epoch"], restored[1]["epoch"]);

    // What is there is never overwritten.
    let arguments = restore_arguments(&first, &file);
    let finished = run(&arguments).await.exited_with(1);
    finished.said(&["member-1", "never overwritten"]);
}

#[tokio::test]
async fn a_file_is_never_replaced_unasked_and_never_half_there() {
    let cluster = Cluster::start(1).await;
    let file = cluster.files().join("saved.snap");
    save(&cluster, &file).await;
    let whole = fs::read(&file).unwrap();
    let again = ["snapshot", "save", text(&file)];
    cluster
        .run(&again)
        .await
        .exited_with(1)
        .said(&["saved.snap", "--force"]);
    assert_eq!(fs::read(&file).unwrap(), whole);
    cluster.run_ok(&[&again[..], &["--force"]].concat()).await;

    let nowhere = cluster.files().join("no/such/place");
    let arguments = ["snapshot", "save", text(&nowhere)];
    cluster.run(&arguments).await.exited_with(1).said(&["no/such/place"]);
    let other = cluster.files().join("other.snap");
    let arguments = [
        "snapshot",
        "save",
        text(&other),
        "--endpoints=127.0.0.1:1",
        "--timeout=1s",
    ];
    run(arguments).await.exited_with(4);
    let left: Vec<_> = fs::read_dir(cluster.files())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.contains("snap"))
        .collect();
    assert_eq!(left, ["saved.snap"], "nothing half done is left");
}

#[tokio::test]
async fn a_file_that_is_damaged_or_foreign_is_refused_with_what_is_wrong() {
    let cluster = Cluster::start(1).await;
    register_many(&cluster, 50).await;
    let file = cluster.files().join("saved.snap");
    save(&cluster, &file).await;
    let whole = fs::read(&file).unwrap();
    let place = Cluster::empty();
    let mut flipped = whole.clone();
    flipped[whole.len() / 2] ^= 1;
    let cases: [(&[u8], &str); 4] = [
        (&flipped, "damaged"),
        (&whole[..whole.len() - 1], "ends too early"),
        (b"somebody's letter", "not a snapshot of quorate"),
        (b"", "not a snapshot of quorate"),
    ];
    for (bytes, problem) in cases {
        fs::write(&file, bytes).unwrap();
        let finished = run(["snapshot", "inspect", text(&file)]).await.exited_with(1);
        finished.said(&["saved.snap", problem]);
        assert_eq!(finished.stdout, "");
        let arguments = restore_arguments(&place, &file);
        run(&arguments).await.exited_with(1).said(&["saved.snap", problem]);
        assert!(!place.files().join("member-1").exists(), "nothing half is left");
    }
}

#[tokio::test]
async fn a_member_saves_few_snapshots_at_a_time() {
    let cluster = Cluster::start(1).await;
    // More than a connection holds that nobody reads from.
    let writes = (0..500).map(|number| {
        let mut parts = parts(80);
        let filling = (0..8).map(|filling| (format!("filling-{filling}"), "x".repeat(900)));
        parts.metadata = Metadata::parse(filling).unwrap();
        Write::register(service("large"), id(&format!("large-{number}")), registration(parts))
    });
    for chunk in writes.collect::<Vec<_>>().chunks(100) {
        for outcome in cluster.client().write_batch(chunk.to_vec()).await {
            outcome.unwrap();
        }
    }
    let client = cluster
        .client_builder(0)
        .deadline(Duration::from_secs(1))
        .build()
        .unwrap();
    let first = client.save_snapshot().await.unwrap();
    let _second = client.save_snapshot().await.unwrap();
    let error = client.save_snapshot().await.unwrap_err();
    assert!(error.to_string().contains("2 snapshots"), "{error}");
    drop(first);
    eventually(READY_WITHIN, "there is room for another one", async || {
        client.save_snapshot().await
    })
    .await;
}

/// Registers instances and returns what they are found by.
async fn register_many(cluster: &Cluster, count: usize) -> Vec<InstanceKey> {
    let client = cluster.client();
    let mut keys = Vec::new();
    for number in 0..count {
        let key = quorate_tests::key(&format!("kept-{}", number % 7), &number.to_string());
        client
            .register(&key.service, &key.id, registration(parts(80)))
            .await
            .unwrap();
        keys.push(key);
    }
    keys
}

/// Who has seen the old cluster is told that this is another one, and not given something else.
async fn refuses_the_old_epoch(new: &Cluster, seen: &Header, key: &InstanceKey) {
    let at_least = Consistency::AtLeast {
        epoch: Some(seen.epoch),
        revision: seen.revision,
    };
    let client = new.client().with_consistency(at_least);
    let error = client.get_instance(&key.service, &key.id).await.unwrap_err();
    let is_refused = matches!(
        error,
        Error::Refused {
            reason: Reason::EpochMismatch,
            ..
        }
    );
    assert!(is_refused, "{error}");
}

/// The catalog of the new cluster is that of the old one at the revision at which it was saved, no more and no less.
async fn check_catalog(new: &Cluster, saved: &Value, history: &History, before: &[InstanceKey]) {
    let client = new.client();
    for key in before {
        let answer = client.get_instance(&key.service, &key.id).await;
        assert!(answer.is_ok(), "{key} was there before: {answer:?}");
    }
    let (acknowledged, _, unknown) = history.counts();
    assert_eq!(unknown, 0, "of {acknowledged} writes");
    let is_saved = |operation: &&Operation| match operation.outcome {
        Outcome::Acknowledged(revision) => revision.get() <= number(saved, "revision"),
        Outcome::NotDone | Outcome::Unknown => true,
    };
    let upto: Vec<Operation> = history.operations().iter().filter(is_saved).cloned().collect();
    let upto = History::from(upto);
    let found = upto.read_back(&client, Consistency::Linearizable).await;
    assert_eq!(upto.check(&found), Vec::<String>::new());
    assert_eq!((before.len() + found.len()) as u64, number(saved, "instances"));
}

async fn save(cluster: &Cluster, file: &Path) -> Value {
    let arguments = ["snapshot", "save", text(file), "-o", "json"];
    serde_json::from_str(&cluster.run_ok(&arguments).await).unwrap()
}

/// Restores to where the first member of `cluster` looks for its data.
async fn restore(cluster: &Cluster, file: &Path) -> Value {
    let arguments = restore_arguments(cluster, file);
    json(&arguments.iter().map(String::as_str).collect::<Vec<_>>()).await
}

fn restore_arguments(cluster: &Cluster, file: &Path) -> Vec<String> {
    let doors = cluster.doors(1);
    vec![
        "snapshot".to_owned(),
        "restore".to_owned(),
        text(file).to_owned(),
        format!("--data-dir={}", cluster.files().join("member-1").display()),
        format!("--advertise-client={}", doors.client),
        format!("--advertise-peer={}", doors.peer),
        "--output=json".to_owned(),
    ]
}

async fn json(arguments: &[&str]) -> Value {
    serde_json::from_str(&run(arguments).await.exited_with(0).stdout).unwrap()
}

fn number(value: &Value, field: &str) -> u64 {
    value[field].as_u64().unwrap()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}
