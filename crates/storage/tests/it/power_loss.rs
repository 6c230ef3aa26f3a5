//! Recorded I/O, replayed into the images that a power cut may leave.
//!
//! A victim runs under a recorder of its file operations. Then, for random points of the record, a directory is
//! made as a disk could hold it had the power failed there, and is opened through the real procedure. Nothing that
//! was acknowledged before the point may be missing. Needs `cc`, which linking needs anyway, and no root.

mod replay;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use tempfile::TempDir;

use self::replay::{Disk, Operation, Syncs};
use crate::{common::tries, history::History, kill::seed, victim};

/// Batches in each of the victim's lives.
const BATCHES: u64 = 120;

/// Victims in a row: each begins with an image that the one before it left.
const VICTIMS: u64 = 3;

/// Images of each victim; another number is given as `QUORATE_TEST_IMAGES`.
fn images() -> usize {
    tries("QUORATE_TEST_IMAGES", 40)
}

/// What one victim did.
struct Record {
    dir: PathBuf,
    /// The directory as the victim found it, and what had been said before.
    before: Disk,
    history: History,
    operations: Vec<(usize, Operation)>,
}

/// Builds the recorder, or says loudly why not.
fn recorder(dir: &Path) -> Option<PathBuf> {
    let library = dir.join("recorder.so");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/power_loss/recorder.c");
    let mut cc = Command::new("cc");
    cc.args(["-shared", "-fPIC", "-O1", "-o"])
        .arg(&library)
        .arg(source)
        .arg("-ldl");
    match cc.output() {
        Ok(output) if output.status.success() => Some(library),
        Ok(output) => panic!("cc is there and fails: {}", String::from_utf8_lossy(&output.stderr)),
        Err(error) => {
            eprintln!("SKIPPED: the power-loss test needs a C compiler: {error}");
            None
        }
    }
}

// === impl Record ===

impl Record {
    /// Runs a victim in `dir` under the recorder.
    fn of_victim(recorder: &Path, dir: &Path, history: History, seed: u64, era: u64) -> Self {
        let before = Disk::load(dir);
        let to = dir.with_extension("record");
        let environment = [
            ("LD_PRELOAD", recorder),
            ("RECORD_BELOW", dir),
            ("RECORD_TO", to.as_path()),
        ];
        let output = victim::spawn(dir, seed, era, BATCHES, &environment)
            .wait_with_output()
            .unwrap();
        assert!(
            output.status.success(),
            "the victim failed: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        let operations = replay::parse(&fs::read(to).unwrap());
        assert!(
            operations.len() > 300,
            "only {} operations were recorded",
            operations.len()
        );
        Self {
            dir: dir.to_path_buf(),
            before,
            history,
            operations,
        }
    }

    /// Makes the image of a power cut after `point` operations in `into`, and gives what was said until then.
    fn image(&self, point: usize, syncs: Syncs, into: &Path, rng: &mut StdRng) -> History {
        let mut disk = self.before.clone();
        let mut history = self.history.clone();
        for (_, operation) in &self.operations[..point] {
            if let Operation::Print(bytes) = operation {
                history.print(bytes);
            }
            disk.apply(operation, syncs);
        }
        history.died();
        disk.write_image(&self.dir, into, rng);
        history
    }

    /// Checks images at random points, and gives the problems that they show.
    fn problems(&self, syncs: Syncs, rng: &mut StdRng) -> Vec<String> {
        let mut problems = Vec::new();
        for _ in 0..images() {
            let point = rng.random_range(1..=self.operations.len());
            let into = TempDir::new().unwrap();
            let mut history = self.image(point, syncs, into.path(), rng);
            if let Err(problem) = history.check(into.path()) {
                problems.push(format!(
                    "power cut after {point} of {} operations: {problem}",
                    self.operations.len()
                ));
            }
        }
        problems
    }

    /// Makes one more image in `next`, for another victim to begin with, and gives what must be in it.
    fn leave_image(&self, next: &Path, rng: &mut StdRng) -> History {
        let point = rng.random_range(self.operations.len() / 2..=self.operations.len());
        let checked = TempDir::new().unwrap();
        let mut history = self.image(point, Syncs::All, checked.path(), rng);
        fs::create_dir(next).unwrap();
        // The check opens its copy, which recovers it: the next victim shall find it as the power cut left it.
        Disk::load(checked.path()).write_image(checked.path(), next, rng);
        history.check(checked.path()).unwrap();
        history
    }
}

#[test]
fn nothing_acknowledged_is_lost_to_a_power_cut_nor_to_another_during_recovery() {
    let home = TempDir::new().unwrap();
    let Some(recorder) = recorder(home.path()) else {
        return;
    };
    let mut rng = StdRng::seed_from_u64(seed());
    let mut dir = home.path().join("data0");
    fs::create_dir(&dir).unwrap();
    let mut history = History::default();
    for number in 1..=VICTIMS {
        let record = Record::of_victim(&recorder, &dir, history, rng.random(), number * 1_000_000);
        assert_eq!(record.problems(Syncs::All, &mut rng), [""; 0], "victim {number}");
        println!(
            "victim {number}: {} images out of {} operations, nothing lost",
            images(),
            record.operations.len()
        );
        dir = home.path().join(format!("data{number}"));
        history = record.leave_image(&dir, &mut rng);
    }
}

#[test]
fn acknowledging_without_fdatasync_would_be_caught() {
    let home = TempDir::new().unwrap();
    let Some(recorder) = recorder(home.path()) else {
        return;
    };
    let mut rng = StdRng::seed_from_u64(seed());
    let dir = home.path().join("data");
    fs::create_dir(&dir).unwrap();
    let record = Record::of_victim(&recorder, &dir, History::default(), rng.random(), 1);
    let problems = record.problems(Syncs::WithoutData, &mut rng);
    println!(
        "{} of {} images show the planted fault: {:?}",
        problems.len(),
        images(),
        problems.first()
    );
    assert!(
        problems.len() >= images() / 10,
        "a harness that cannot fail proves nothing: {problems:?}"
    );
}
