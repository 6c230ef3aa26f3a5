//! Faults of all kinds for hours, and how soon writes are back: a command of its own.
//!
//! ```console
//! $ cargo build --release
//! $ QUORATE_FAULTS=300 QUORATE_TEST_BINARY="$PWD/target/release/quorate" \
//!     cargo test -p quorate-tests --test it -- --ignored faults::long_run --nocapture
//! ```
//!
//! It strikes in episodes, each with a cluster of its own, until there were `QUORATE_FAULTS` faults (300 if that is not
//! set), then measures `QUORATE_FAILOVERS` failovers of each kind (30). What it has done it appends to a journal, `target/process-faults.jsonl` or the
//! file that `QUORATE_FAULTS_JOURNAL` names, and it goes on from there when it is started again. At the end it
//! writes what the journal says to `docs/evidence/`, or to the directory that `QUORATE_EVIDENCE` names.
//!
//! An episode that fails is in the journal with what was wrong, ends the run, and is repeated by the command that it
//! printed: the same with `QUORATE_TEST_SEED` and `QUORATE_EPISODE`.

mod episode;
mod evidence;
mod failovers;
mod journal;

use std::{env, path::PathBuf};

use quorate_tests::{figure, seed};
use serde_json::{Value, json};
use tokio::task::LocalSet;

use episode::Episode;
use failovers::Failover;
use journal::Journal;

const FAULTS: &str = "QUORATE_FAULTS";
const FAULTS_DEFAULT: usize = 300;

/// The one episode that is to be repeated.
const EPISODE: &str = "QUORATE_EPISODE";

/// Failovers of each kind.
const FAILOVERS: &str = "QUORATE_FAILOVERS";
const FAILOVERS_DEFAULT: usize = 30;

#[tokio::test]
#[ignore = "runs for hours; its command is at the top of the file"]
async fn nothing_is_lost_and_writes_are_back_soon() {
    if let Ok(number) = env::var(EPISODE) {
        let number = number.parse().expect("QUORATE_EPISODE is a number");
        episode::run(Episode::of(seed(), number)).await;
        return;
    }
    let mut journal = Journal::open(journal_path());
    let base = journal.seed_or(seed);
    let (faults, failovers) = (count(FAULTS, FAULTS_DEFAULT), count(FAILOVERS, FAILOVERS_DEFAULT));
    while journal.faults() < faults {
        let episode = Episode::of(base, journal.episodes());
        figure(format_args!(
            "{} faults of {faults}; to repeat {episode}",
            journal.faults()
        ));
        let came = caught(episode::run(episode)).await;
        journal.add(json!({ "episode": episode.number, "seed": base }), came);
    }
    for failover in Failover::ALL {
        while journal.gaps(failover).len() < failovers {
            let batch = journal.batches();
            let came = caught(failovers::run(failover, base.wrapping_add(batch))).await;
            journal.add(json!({ "failover": failover.name(), "seed": base }), came);
            if failover.missing().is_some() {
                break;
            }
        }
    }
    evidence::write(&journal);
}

fn count(variable: &str, default: usize) -> usize {
    env::var(variable).map_or(default, |given| {
        given.parse().unwrap_or_else(|_| panic!("{variable} is a number"))
    })
}

/// What comes of it, or what was said when it failed.
async fn caught(run: impl Future<Output = Value> + 'static) -> Result<Value, String> {
    let local = LocalSet::new();
    let task = local.spawn_local(run);
    local
        .run_until(task)
        .await
        .map_err(|error| match error.try_into_panic() {
            Ok(panic) => message(panic.as_ref()),
            Err(error) => error.to_string(),
        })
}

fn message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
    text.unwrap_or_else(|| "a panic without words".to_owned())
}

fn journal_path() -> PathBuf {
    env::var_os("QUORATE_FAULTS_JOURNAL").map_or_else(|| root().join("target/process-faults.jsonl"), PathBuf::from)
}

/// The root of the tree.
fn root() -> PathBuf {
    let tests = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    tests.parent().expect("the tests are in the tree").to_owned()
}
