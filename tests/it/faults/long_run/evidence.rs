//! What a journal comes to, for docs/evidence.

use std::{
    collections::{BTreeMap, BTreeSet},
    env, fs,
    path::{Path, PathBuf},
    thread,
};

use serde_json::{Value, json};

use super::{failovers::Failover, journal::Journal, root};

/// How the run is repeated.
const COMMAND: &str = "cargo build --release && QUORATE_FAULTS=300 \
QUORATE_TEST_BINARY=\"$PWD/target/release/quorate\" cargo test -p quorate-tests --test it -- --ignored \
faults::long_run --nocapture";

/// Writes both files.
pub(super) fn write(journal: &Journal) {
    let directory = env::var_os("QUORATE_EVIDENCE").map_or_else(|| root().join("docs/evidence"), PathBuf::from);
    fs::create_dir_all(&directory).expect("the directory can be made");
    write_file(&directory.join("process-faults.json"), &faults(journal));
    write_file(&directory.join("failover.json"), &failovers(journal));
}

fn write_file(path: &Path, value: &Value) {
    let written = fs::write(path, format!("{value:#}\n"));
    written.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}

/// What happened how often, and what was lost.
fn faults(journal: &Journal) -> Value {
    let failed: Vec<&Value> = journal.lines().iter().filter_map(|line| line.get("failed")).collect();
    // What exactly was wrong with those that failed is for somebody to see.
    let none = failed.is_empty().then_some(0);
    let skipped: BTreeMap<&str, &str> = pairs(journal.list("skipped"), "why").collect();
    json!({
        "about": "Faults of real processes, sockets, disks and clocks under load. After each of them every member \
                  served again, all members had the same state, and all writes that had been acknowledged. Meanwhile \
                  witnesses did all sorts of things, and what they were told was judged: linearizable, in the order \
                  of revisions, exactly once, no staler than stated, durable.",
        "command": COMMAND,
        "commit": commits(journal),
        "seed": journal.seed_or(|| 0),
        "machine": machine(),
        "faults": journal.list("faults").count(),
        "kinds": count(pairs(journal.list("faults"), "effect").map(|(kind, _)| kind)),
        "skipped": skipped,
        "operations": sum(journal, "operations"),
        "acknowledged": sum(journal, "acknowledged"),
        "judged": judged(journal),
        "lost": none,
        "violations": none,
        "failed_episodes": failed,
        "hours": hours(journal),
    })
}

/// How soon writes were back.
fn failovers(journal: &Journal) -> Value {
    let measured = Failover::ALL.map(|failover| {
        let mut gaps = journal.gaps(failover);
        gaps.sort_unstable();
        (failover.name(), summary(&gaps))
    });
    json!({
        "about": "Time in ms from when the leader was gone until the first write that began after that was \
                  acknowledged, as 8 clients saw it who write all the time.",
        "command": COMMAND,
        "commit": commits(journal),
        "seed": journal.seed_or(|| 0),
        "machine": machine(),
        "failovers": BTreeMap::from(measured),
    })
}

/// Of values in their order.
fn summary(sorted: &[u64]) -> Value {
    let Some(max) = sorted.last() else {
        return json!({ "count": 0 });
    };
    json!({
        "count": sorted.len(),
        "p50_ms": percentile(sorted, 50),
        "p99_ms": percentile(sorted, 99),
        "max_ms": max,
        "all_ms": sorted,
    })
}

/// The smallest value that so many of a hundred do not exceed.
fn percentile(sorted: &[u64], percent: usize) -> u64 {
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted[rank.saturating_sub(1)]
}

fn pairs<'a>(items: impl Iterator<Item = &'a Value>, key: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
    items.filter_map(move |item| Some((item["kind"].as_str()?, item[key].as_str()?)))
}

fn count<'a>(names: impl Iterator<Item = &'a str>) -> BTreeMap<&'a str, u64> {
    let mut count = BTreeMap::new();
    names.for_each(|name| *count.entry(name).or_default() += 1);
    count
}

/// The sum of a number of all faults and of all batches of failovers.
fn sum(journal: &Journal, name: &str) -> u64 {
    let faults = journal.list("faults").map(|fault| &fault[name]);
    let batches = journal.lines().iter().map(|line| &line["came"][name]);
    faults.chain(batches).filter_map(Value::as_u64).sum()
}

/// What the witnesses did on whose word the verdict rests, of all episodes together.
fn judged(journal: &Journal) -> BTreeMap<&str, u64> {
    let records = journal
        .lines()
        .iter()
        .map(|line| &line["came"]["judged"]["counts"]["record"]);
    let counts = records.filter_map(Value::as_object).flatten();
    let mut judged = BTreeMap::new();
    for (name, count) in counts {
        *judged.entry(name.as_str()).or_default() += count.as_u64().unwrap_or_default();
    }
    judged
}

#[expect(clippy::cast_precision_loss, reason = "a figure to be read")]
fn hours(journal: &Journal) -> f64 {
    let ms: u64 = journal
        .list("faults")
        .filter_map(|fault| fault["took_ms"].as_u64())
        .sum();
    (ms as f64 / 36_000.0).round() / 100.0
}

fn commits(journal: &Journal) -> Vec<&str> {
    let commits = journal.lines().iter().filter_map(|line| line["commit"].as_str());
    commits.collect::<BTreeSet<_>>().into_iter().collect()
}

fn machine() -> Value {
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let binary = env::var_os("QUORATE_TEST_BINARY").map(PathBuf::from);
    // Cargo names a directory after the profile.
    let given = binary.and_then(|path| Some(path.parent()?.file_name()?.to_string_lossy().into_owned()));
    json!({
        "cores": thread::available_parallelism().map_or(0, usize::from),
        "kernel": kernel.trim(),
        "build": given.as_deref().unwrap_or(if cfg!(debug_assertions) { "debug" } else { "release" }),
    })
}

#[test]
fn percentiles_are_values_that_were_measured() {
    let values: Vec<u64> = (1..=30).collect();
    assert_eq!((percentile(&values, 50), percentile(&values, 99)), (15, 30));
    assert_eq!(percentile(&[7], 50), 7);
    assert_eq!(summary(&[])["count"], 0);
}

#[test]
fn a_failed_episode_leaves_no_claim_that_nothing_was_lost() {
    let files = tempfile::TempDir::new().expect("a temporary directory can be made");
    let path = files.path().join("journal");
    let fault = json!({ "kind": "kill-all", "effect": "all", "operations": 9, "acknowledged": 7, "took_ms": 36_000 });
    let judged = json!({ "counts": { "record": { "operations": 5 } } });
    let came = json!({ "faults": [fault], "skipped": [], "judged": judged });
    let good = json!({ "episode": 0, "seed": 3, "commit": "c", "came": came });
    fs::write(&path, format!("{good}\n")).expect("the directory can be written");
    let came = faults(&Journal::open(path.clone()));
    assert_eq!(
        (&came["lost"], &came["faults"], &came["acknowledged"]),
        (&json!(0), &json!(1), &json!(7))
    );
    assert_eq!((&came["kinds"]["kill-all"], &came["hours"]), (&json!(1), &json!(0.01)));
    assert_eq!(came["judged"]["operations"], 5);
    let bad = json!({ "episode": 1, "seed": 3, "commit": "c", "failed": "lost" });
    fs::write(&path, format!("{good}\n{bad}\n")).expect("the directory can be written");
    let came = faults(&Journal::open(path));
    assert_eq!(
        (&came["lost"], &came["failed_episodes"]),
        (&Value::Null, &json!(["lost"]))
    );
}
