//! The process that is killed: this test binary, started again.
//!
//! It opens a directory through the real procedure, appends, votes, truncates and purges at random, and prints
//! what it begins and what was acknowledged. What it prints is the [`History`] that the survivor is held against.

use std::{
    env,
    io::Write as _,
    path::Path,
    process::{Child, Command, Stdio},
};

use bytes::Bytes;
use quorate_storage::{Log, SnapshotName, SnapshotStore, Storage};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};

use crate::{
    common::{open_dir, spawn_writer},
    history::text,
};

/// How many lives the victim leads in one process, each beginning with an open.
const LIVES: u64 = 2;

const DIR: &str = "QUORATE_VICTIM_DIR";
const SEED: &str = "QUORATE_VICTIM_SEED";
const ERA: &str = "QUORATE_VICTIM_ERA";
const BATCHES: &str = "QUORATE_VICTIM_BATCHES";

/// Starts a victim. Its entries are told from those of others by `era`, which grows from victim to victim.
pub(crate) fn spawn(dir: &Path, seed: u64, era: u64, batches: u64, environment: &[(&str, &Path)]) -> Child {
    Command::new(env::current_exe().unwrap())
        .args([
            "victim::a_victim",
            "--exact",
            "--ignored",
            "--nocapture",
            "--test-threads=1",
        ])
        .env(DIR, dir)
        .env(SEED, seed.to_string())
        .env(ERA, era.to_string())
        .env(BATCHES, batches.to_string())
        .envs(environment.iter().copied())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

#[test]
#[ignore = "the process that the crash tests start and kill"]
fn a_victim() {
    let Ok(dir) = env::var(DIR) else {
        return;
    };
    let number = |name| env::var(name).unwrap().parse::<u64>().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let mut rng = StdRng::seed_from_u64(number(SEED));
    for life in 0..LIVES {
        let storage = open_dir(Path::new(&dir)).unwrap();
        let first_era = number(ERA) + life * 100_000;
        runtime.block_on(live(storage, &mut rng, first_era, number(BATCHES)));
    }
}

/// One line, with one write, so that a recorder sees it in its place.
fn say(line: &str) {
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(format!("@{line}\n").as_bytes()).unwrap();
    stdout.flush().unwrap();
}

async fn live(storage: Storage, rng: &mut StdRng, first_era: u64, batches: u64) {
    let Storage { log, writer, snapshots } = storage;
    let writer = spawn_writer(writer);
    let mut era = first_era;
    say(&format!("era {era}"));
    for _ in 0..batches {
        match rng.random_range(0..30) {
            0 => vote(&log, era).await,
            1 => {
                era += 1;
                truncate(&log, rng, era).await;
            }
            2 | 3 => purge(&log, rng).await,
            4 => commit(&log),
            5 => snapshot(&snapshots, &log).await,
            _ => append(&log, rng, era).await,
        }
    }
    log.flush().await.unwrap();
    if rng.random() {
        log.close().await.unwrap();
    } else {
        log.fail("this life is over");
    }
    writer.join().unwrap();
}

async fn append(log: &Log, rng: &mut StdRng, era: u64) {
    let len = match rng.random_range(0..20) {
        0 => rng.random_range(500..1500),
        _ => rng.random_range(1..40),
    };
    let bytes = match rng.random_range(0..20) {
        0 => 20_000,
        _ => rng.random_range(20..600),
    };
    let len = if bytes > 10_000 { len.min(20) } else { len };
    let range = log.range();
    let entries = (range.end..range.end + len)
        .map(|index| text(index, era, bytes))
        .collect();
    let last = range.end + len - 1;
    let done = Box::new(move |result: Result<(), _>| {
        if result.is_ok() {
            say(&format!("ack {last}"));
        }
    });
    log.append(range.end, entries, done).await.unwrap();
    // Sometimes one sync for each append, sometimes one for many.
    if rng.random() {
        log.flush().await.unwrap();
    }
}

async fn vote(log: &Log, era: u64) {
    say(&format!("voting {era}"));
    log.save_vote(Bytes::from(era.to_string())).await.unwrap();
    say(&format!("voted {era}"));
}

async fn truncate(log: &Log, rng: &mut StdRng, era: u64) {
    log.flush().await.unwrap();
    let range = log.range();
    if range.is_empty() {
        say(&format!("era {era}"));
        return;
    }
    let next = range.end.saturating_sub(rng.random_range(1..60)).max(range.start + 1);
    say(&format!("cutting {next}"));
    log.truncate_after(Some(next - 1)).await.unwrap();
    say(&format!("cut {era}"));
}

async fn purge(log: &Log, rng: &mut StdRng) {
    let Some(upto) = log.last().and_then(|last| last.checked_sub(rng.random_range(1..500))) else {
        return;
    };
    say(&format!("purging {upto}"));
    log.purge(upto, Bytes::from(upto.to_string())).await.unwrap();
}

fn commit(log: &Log) {
    if let Some(last) = log.last() {
        log.save_committed(last, Bytes::from(last.to_string())).unwrap();
    }
}

async fn snapshot(snapshots: &SnapshotStore, log: &Log) {
    let Some(index) = log.last() else {
        return;
    };
    let mut writer = snapshots.create(SnapshotName { index, term: 1 }).await.unwrap();
    for chunk in 0..3 {
        writer.write_chunk(text(chunk, index, 20_000)).await.unwrap();
    }
    writer.finish().await.unwrap();
    say(&format!("snapped {index}"));
}
