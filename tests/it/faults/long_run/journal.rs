//! What a long run has done so far, one line each: it goes on from there.

use std::{
    fs::{self, OpenOptions},
    io::Write as _,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

use super::{failovers::Failover, root};

/// The lines of a journal, and the file that they are in.
pub(super) struct Journal {
    path: PathBuf,
    lines: Vec<Value>,
    commit: String,
}

// === impl Journal ===

impl Journal {
    /// The journal at `path`, which is new if there is no such file.
    pub(super) fn open(path: PathBuf) -> Self {
        let text = fs::read_to_string(&path).unwrap_or_default();
        // The last line may be half a line, of a run that was killed.
        let lines = text.lines().filter_map(|line| serde_json::from_str(line).ok());
        Self {
            lines: lines.collect(),
            path,
            commit: commit(),
        }
    }

    /// The seed of the run that this goes on with, or another one.
    pub(super) fn seed_or(&self, other: impl FnOnce() -> u64) -> u64 {
        let known = self.lines.first().and_then(|line| line["seed"].as_u64());
        known.unwrap_or_else(other)
    }

    /// Adds what came of something, and fails the calling test if that was a failure.
    pub(super) fn add(&mut self, mut line: Value, came: Result<Value, String>) {
        line["commit"] = self.commit.clone().into();
        let failure = match came {
            Ok(came) => {
                line["came"] = came;
                None
            }
            Err(problem) => {
                line["failed"] = problem.clone().into();
                Some(problem)
            }
        };
        append(&self.path, &format!("{line}\n"));
        self.lines.push(line);
        assert_eq!(failure, None, "see {}", self.path.display());
    }

    /// All that was added.
    pub(super) fn lines(&self) -> &[Value] {
        &self.lines
    }

    /// How many episodes there were, also those that failed.
    pub(super) fn episodes(&self) -> u64 {
        let episodes = self.lines.iter().filter(|line| line.get("episode").is_some());
        episodes.count() as u64
    }

    /// How many batches of failovers there were, also those that failed.
    pub(super) fn batches(&self) -> u64 {
        let batches = self.lines.iter().filter(|line| line.get("failover").is_some());
        batches.count() as u64
    }

    /// All faults that have happened, and been skipped: the second counts as one that will not come about here.
    pub(super) fn faults(&self) -> usize {
        let all = ["faults", "skipped"].into_iter();
        all.map(|list| self.list(list).count()).sum()
    }

    /// The items of all lists of this name.
    pub(super) fn list<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Value> {
        let lists = self.lines.iter().filter_map(move |line| line["came"][name].as_array());
        lists.flatten()
    }

    /// What was measured of this kind of failover, in milliseconds.
    pub(super) fn gaps(&self, failover: Failover) -> Vec<u64> {
        let lines = self.lines.iter().filter(|line| line["failover"] == failover.name());
        let gaps = lines.filter_map(|line| line["came"]["gaps_ms"].as_array());
        gaps.flatten().filter_map(Value::as_u64).collect()
    }
}

fn append(path: &Path, text: &str) {
    let opened = OpenOptions::new().create(true).append(true).open(path);
    let written = opened.and_then(|mut file| file.write_all(text.as_bytes()));
    written.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}

/// The commit that is tested.
fn commit() -> String {
    let output = Command::new("git")
        .current_dir(root())
        .args(["rev-parse", "HEAD"])
        .output();
    let output = output.ok().filter(|output| output.status.success());
    output.map_or_else(
        || "unknown".to_owned(),
        |output| String::from_utf8_lossy(&output.stdout).trim().to_owned(),
    )
}

#[test]
fn a_journal_goes_on_where_it_ended() {
    use serde_json::json;

    let files = tempfile::TempDir::new().expect("a temporary directory can be made");
    let path = files.path().join("journal");
    let mut journal = Journal::open(path.clone());
    assert_eq!((journal.seed_or(|| 7), journal.faults(), journal.episodes()), (7, 0, 0));
    let came = json!({ "faults": [{}, {}], "skipped": [{}] });
    journal.add(json!({ "episode": 0, "seed": 7 }), Ok(came));
    journal.add(
        json!({ "failover": "kill", "seed": 7 }),
        Ok(json!({ "gaps_ms": [5, 3] })),
    );
    append(&path, "{ half a line");
    let journal = Journal::open(path);
    assert_eq!((journal.seed_or(|| 8), journal.faults(), journal.episodes()), (7, 3, 1));
    assert_eq!(journal.gaps(Failover::Kill), [5, 3]);
    assert!(journal.gaps(Failover::Pause).is_empty());
}

#[test]
#[should_panic(expected = "see ")]
fn a_failure_is_written_down_and_fails_the_run() {
    let files = tempfile::TempDir::new().expect("a temporary directory can be made");
    let path = files.path().join("journal");
    Journal::open(path).add(serde_json::json!({ "episode": 0 }), Err("lost".to_owned()));
}
