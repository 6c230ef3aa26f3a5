//! Single bits flipped in the data of a real node, each in a copy of its own: noticed or harmless, and never served.
//!
//! A worker process, this test binary started again, opens one copy after the other as a node does and reads all that
//! there is. As in a node, a panic in a thread of the storage ends it: then the next worker goes on behind that copy.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    env,
    fmt::Write as _,
    fs,
    io::{BufRead as _, BufReader, Write as _},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Arc, mpsc},
    thread,
    time::Duration,
};

use bytes::Bytes;
use quorate_model::{Clock, Identity};
use quorate_storage::{DataDir, DataDirError, Mark, OnFatal, SnapshotName, Storage, is_storage_thread};
use quorate_tests::{
    Cluster, Evidence, SETTLED_WITHIN, ensure, eventually, figure, id, parts, registration, seed, service,
};
use rand::{RngExt as _, SeedableRng as _, rngs::SmallRng};
use tempfile::TempDir;

/// How many flips; another number is given as `QUORATE_TEST_FLIPS`.
const FLIPS: u64 = 150;

/// Copies that one worker opens: what sled leaves behind in memory when it panics goes with the worker.
const FLIPS_PER_WORKER: u64 = 500;

/// A worker that is silent for so long hangs.
const SILENCE_MAX: Duration = Duration::from_secs(60);

/// How these figures are taken again.
const COMMAND: &str = "QUORATE_TEST_EVIDENCE=1 QUORATE_TEST_FLIPS=10000 cargo test -p quorate-tests --test it \
                       -- flips:: --nocapture";

const FROM: &str = "QUORATE_FLIPS_FROM";
const HOME: &str = "QUORATE_FLIPS_HOME";
const PRISTINE: &str = "QUORATE_FLIPS_PRISTINE";
const SEED: &str = "QUORATE_FLIPS_SEED";

/// What became of flips.
#[derive(Debug, Default)]
struct Tally {
    /// The directory was refused.
    refused: u64,
    /// The newest snapshot was passed over, and the one before it given out.
    passed_over: u64,
    /// The process ended, as that of a node would.
    ended: u64,
    /// All was there as it was.
    harmless: u64,
    /// Other data was given out, or nobody came to an end.
    wrong: Vec<String>,
}

/// All that a node finds in its directory.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Content {
    identity: Option<Identity>,
    vote: Option<Bytes>,
    committed: Option<Mark>,
    purged: Option<Mark>,
    first: u64,
    entries: Vec<Bytes>,
    snapshot: Option<(SnapshotName, Vec<Bytes>)>,
}

#[tokio::test]
async fn a_flipped_bit_is_noticed_or_harmless_and_never_served() {
    let flips = env::var("QUORATE_TEST_FLIPS").map_or(FLIPS, |flips| flips.parse().unwrap());
    let pristine = data_of_a_node().await;
    let seed = seed();
    let evidence = Evidence::begin("bit-flips", COMMAND, seed);
    let tally = tokio::task::spawn_blocking(move || flip(&pristine.path().join("data"), seed, flips));
    let tally = tally.await.unwrap();
    figure(format_args!(
        "{flips} flipped bits: {} refused, {} older snapshots, {} ends of the process, {} harmless, {} served",
        tally.refused,
        tally.passed_over,
        tally.ended,
        tally.harmless,
        tally.wrong.len()
    ));
    assert_eq!(tally.wrong, Vec::<String>::new());
    assert!(tally.refused > flips / 10, "nothing was hit: {tally:?}");
    if let Some(evidence) = evidence {
        evidence.keep(&tally.figures(flips));
    }
}

/// Such a directory has one file that those of members have not.
#[tokio::test]
async fn every_flipped_bit_of_what_a_joining_node_keeps_is_noticed() {
    let mut cluster = Cluster::empty();
    let nonce = cluster.join(&[2]).data().join("JOIN");
    eventually(SETTLED_WITHIN, "it asks to be let in", async || {
        ensure(nonce.exists(), "it has not drawn its nonce")
    })
    .await;
    cluster.kill_all();
    let data = nonce.parent().unwrap();
    let whole = fs::read(&nonce).unwrap();
    let kept = || DataDir::lock(data).and_then(|directory| directory.join_nonce());
    assert!(kept().unwrap().is_some());
    for bit in 0..whole.len() * 8 {
        let mut flipped = whole.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        fs::write(&nonce, flipped).unwrap();
        assert!(matches!(kept(), Err(DataDirError::Damaged { .. })), "bit {bit}");
    }
}

/// The directory of a node that has worked, purged its log and stopped.
async fn data_of_a_node() -> TempDir {
    let often = "snapshot_every_entries = 100\nlog_keep_entries = 10\ndisk_ballast_bytes = 0\n";
    let cluster = Cluster::start_with(1, often).await;
    let client = cluster.client();
    for number in 0..350 {
        let id = id(&format!("instance-{number}"));
        client
            .register(&service("s"), &id, registration(parts(80)))
            .await
            .unwrap();
    }
    let member = cluster.member(1);
    eventually(SETTLED_WITHIN, "there are two snapshots", async || {
        let found = fs::read_dir(member.data().join("snapshots")).unwrap().count();
        ensure(found == 2, format!("there are {found}"))
    })
    .await;
    member.terminate().await;
    // Started once more, it has all that a node leaves that did not start for the first time.
    member.start();
    member.wait_ready().await;
    member.terminate().await;
    let kept = TempDir::with_prefix("quorate-flips-").unwrap();
    copy(&member.data(), &kept.path().join("data"));
    kept
}

fn flip(pristine: &Path, seed: u64, flips: u64) -> Tally {
    let mut tally = Tally::default();
    let mut next = 0;
    while next < flips {
        let until = flips.min(next + FLIPS_PER_WORKER);
        next = run_worker(pristine, seed, next, until, &mut tally);
    }
    tally
}

/// Runs a worker for the flips of this range, and says which is the next one.
fn run_worker(pristine: &Path, seed: u64, from: u64, until: u64, tally: &mut Tally) -> u64 {
    let home = home();
    let mut worker = spawn_worker(pristine, home.path(), seed, from);
    let lines = lines_of(&mut worker);
    let mut next = from;
    while next < until {
        match lines.recv_timeout(SILENCE_MAX) {
            Ok(line) => {
                // The test runner prints too, and not always whole lines.
                let said = line.split_once('@').and_then(|(_, said)| said.split_once(' '));
                if let Some((number, verdict)) = said {
                    assert_eq!(number, next.to_string(), "the worker tries one after the other");
                    tally.count(next, verdict);
                    next += 1;
                }
            }
            Err(mpsc::RecvTimeoutError::Disconnected) => {
                tally.ended += 1;
                next += 1;
                break;
            }
            Err(mpsc::RecvTimeoutError::Timeout) => {
                tally.wrong.push(format!("flip {next} with seed {seed}: it hangs"));
                next += 1;
                break;
            }
        }
    }
    worker.kill().expect("a child can be killed");
    worker.wait().expect("a child can be waited for");
    next
}

fn spawn_worker(pristine: &Path, home: &Path, seed: u64, from: u64) -> Child {
    Command::new(env::current_exe().unwrap())
        .args([
            "flips::a_worker",
            "--exact",
            "--ignored",
            "--nocapture",
            "--test-threads=1",
        ])
        .env(PRISTINE, pristine)
        .env(HOME, home)
        .env(SEED, seed.to_string())
        .env(FROM, from.to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Where a worker makes its copies, gone with it: in memory, where that is possible. Nothing here is about surviving
/// a power cut.
fn home() -> TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() {
        return TempDir::with_prefix_in("quorate-flips-", memory).unwrap();
    }
    TempDir::with_prefix("quorate-flips-").unwrap()
}

fn lines_of(worker: &mut Child) -> mpsc::Receiver<String> {
    let (sender, lines) = mpsc::channel();
    let output = BufReader::new(worker.stdout.take().unwrap());
    // Ends with the worker, or when nobody listens any more.
    let forward = move || {
        for line in output.lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    };
    thread::Builder::new().spawn(forward).unwrap();
    lines
}

// === impl Tally ===

impl Tally {
    fn figures(&self, flips: u64) -> [(&'static str, u64); 6] {
        [
            ("flipped_bits", flips),
            ("directories_refused", self.refused),
            ("older_snapshots_given_out", self.passed_over),
            ("ends_of_the_process", self.ended),
            ("harmless", self.harmless),
            ("served_damaged", self.wrong.len() as u64),
        ]
    }

    fn count(&mut self, flip: u64, verdict: &str) {
        match verdict {
            "refused" => self.refused += 1,
            "passed-over" => self.passed_over += 1,
            "harmless" => self.harmless += 1,
            other => self.wrong.push(format!("flip {flip}: {other}")),
        }
    }
}

// --- the worker ---

#[test]
#[ignore = "the process that opens damaged directories"]
fn a_worker() {
    let Ok(pristine) = env::var(PRISTINE).map(PathBuf::from) else {
        return;
    };
    let number = |name| env::var(name).unwrap().parse::<u64>().unwrap();
    end_like_a_node();
    let home = PathBuf::from(env::var(HOME).unwrap());
    let files = files_below(&pristine);
    let whole = {
        let copied = home.join("whole");
        copy(&pristine, &copied);
        read(&copied).expect("what is not damaged opens")
    };
    let older = older_snapshot(&pristine, &home);
    for flip in number(FROM).. {
        let place = home.join(flip.to_string());
        copy(&pristine, &place);
        let mut rng = SmallRng::seed_from_u64(number(SEED).wrapping_add(flip));
        let flipped = flip_one_bit(&place, &files, &mut rng);
        let verdict =
            judge(read(&place), &whole, older.as_ref()).unwrap_or_else(|problem| format!("{flipped}: {problem}"));
        let mut said = String::new();
        writeln!(said, "@{flip} {}", verdict.replace('\n', " ")).unwrap();
        std::io::stdout().write_all(said.as_bytes()).unwrap();
        fs::remove_dir_all(&place).unwrap();
    }
}

/// Ends the process where that of a node ends, and says nothing of panics that are caught.
fn end_like_a_node() {
    std::panic::set_hook(Box::new(|_| {
        if thread::current().name().is_some_and(is_storage_thread) {
            std::process::abort();
        }
    }));
}

/// The content as it is when the newest snapshot is passed over.
fn older_snapshot(pristine: &Path, home: &Path) -> Option<(SnapshotName, Vec<Bytes>)> {
    let place = home.join("older");
    copy(pristine, &place);
    let mut snapshots: Vec<_> = fs::read_dir(place.join("snapshots"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    snapshots.sort();
    fs::remove_file(snapshots.last().unwrap()).unwrap();
    read(&place).unwrap().snapshot
}

/// Flips one bit of one file, and says which. Each file is as likely as the others, but the log more so.
fn flip_one_bit(place: &Path, files: &[PathBuf], rng: &mut SmallRng) -> String {
    let file = if rng.random_bool(0.5) {
        PathBuf::from("sled/db")
    } else {
        files[rng.random_range(0..files.len())].clone()
    };
    let path = place.join(&file);
    let mut bytes = fs::read(&path).unwrap();
    // What was never written is zeros, at the end.
    let used = bytes.iter().rposition(|byte| *byte != 0).map_or(1, |last| last + 1);
    let (at, bit) = (rng.random_range(0..used.min(bytes.len())), rng.random_range(0..8));
    bytes[at] ^= 1 << bit;
    fs::write(&path, bytes).unwrap();
    format!("bit {bit} of byte {at} of {}", file.display())
}

/// A word for what became of a flip; an error if it was served.
fn judge(
    found: Result<Content, DataDirError>,
    whole: &Content,
    older: Option<&(SnapshotName, Vec<Bytes>)>,
) -> Result<String, String> {
    let Ok(found) = found else {
        return Ok("refused".to_owned());
    };
    if found == *whole {
        return Ok("harmless".to_owned());
    }
    let with_older = Content {
        snapshot: older.cloned(),
        ..whole.clone()
    };
    if found == with_older {
        return Ok("passed-over".to_owned());
    }
    Err(format!(
        "served entries {}..+{} and snapshot {:?}",
        found.first,
        found.entries.len(),
        found.snapshot.as_ref().map(|(name, _)| name)
    ))
}

/// Opens a directory as a node does, and reads all that there is.
fn read(place: &Path) -> Result<Content, DataDirError> {
    let clock: Arc<dyn Clock> = Arc::new(StoppedClock);
    let on_fatal: OnFatal = Arc::new(|_| ());
    let mut directory = DataDir::lock(place)?;
    let Some(identity) = directory.identity() else {
        return Err(refusal(place, "there is no identity"));
    };
    let Storage {
        log,
        writer: _writer,
        snapshots,
    } = directory.open(identity, &clock, &on_fatal)?;
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let entries = runtime.block_on(log.read_all(0..u64::MAX));
    let entries = entries.map_err(|error| refusal(place, &error.to_string()))?;
    let snapshot = runtime.block_on(async {
        let Some(file) = snapshots.latest().await? else {
            return Ok(None);
        };
        let mut reader = snapshots.open(file.name()).await?;
        let mut chunks = Vec::new();
        while let Some(chunk) = reader.next_chunk().await? {
            chunks.push(chunk);
        }
        Ok::<_, quorate_storage::SnapshotError>(Some((file.name(), chunks)))
    });
    Ok(Content {
        identity: Some(identity),
        vote: log.vote(),
        committed: log.committed(),
        purged: log.purged(),
        first: log.range().start,
        entries,
        snapshot: snapshot.map_err(|error| refusal(place, &error.to_string()))?,
    })
}

/// A log that is purged behind a snapshot that is not there would not start a node either.
fn refusal(place: &Path, problem: &str) -> DataDirError {
    DataDirError::Damaged {
        path: place.to_owned(),
        member: None,
        problem: problem.to_owned(),
    }
}

#[derive(Debug)]
struct StoppedClock;

impl Clock for StoppedClock {
    fn now(&self) -> Duration {
        Duration::ZERO
    }

    fn wall_ms(&self) -> u64 {
        0
    }
}

fn files_below(directory: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut pending = vec![PathBuf::new()];
    while let Some(relative) = pending.pop() {
        for entry in fs::read_dir(directory.join(&relative)).unwrap() {
            let entry = entry.unwrap();
            let path = relative.join(entry.file_name());
            let metadata = entry.metadata().unwrap();
            if metadata.is_dir() {
                pending.push(path);
            } else if metadata.len() > 0 {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let (path, target) = {
            let entry = entry.unwrap();
            (entry.path(), to.join(entry.file_name()))
        };
        if path.is_dir() {
            copy(&path, &target);
        } else {
            fs::copy(&path, &target).unwrap();
        }
    }
}
