//! Disks, drivers and small values for the tests.

pub(crate) mod raft;

use std::{
    path::Path,
    pin::pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll, Waker},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use bytes::Bytes;
use quorate_model::{ClusterId, MemberId};
use quorate_storage::{
    Clock, Completion, Damage, DataDir, DataDirError, FatalError, Identity, Log, LogOpenError, MemoryDisk, OnFatal,
    Step, Storage, WRITER_THREAD, Writer,
};

/// A clock that is set by hand.
#[derive(Debug, Default)]
pub(crate) struct ManualClock(AtomicU64);

/// A clock that runs: for tests with threads.
#[derive(Debug)]
pub(crate) struct RunningClock(Instant);

/// Collects what the `on_fatal` hook is told.
#[derive(Debug, Clone, Default)]
pub(crate) struct Fatals(Arc<Mutex<Vec<String>>>);

/// Collects in which order callbacks come, and with what result.
#[derive(Debug, Clone, Default)]
pub(crate) struct Acks(Arc<Mutex<Vec<(u64, bool)>>>);

// === impl ManualClock ===

impl ManualClock {
    pub(crate) fn advance(&self, by: Duration) {
        let by = u64::try_from(by.as_millis()).unwrap();
        self.0.fetch_add(by, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Duration {
        Duration::from_millis(self.0.load(Ordering::SeqCst))
    }

    fn wall_ms(&self) -> u64 {
        0
    }
}

// === impl RunningClock ===

impl RunningClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "a test with real threads and files needs real time"
    )]
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }
}

impl Clock for RunningClock {
    fn now(&self) -> Duration {
        self.0.elapsed()
    }

    fn wall_ms(&self) -> u64 {
        0
    }
}

// === impl Fatals ===

impl Fatals {
    pub(crate) fn hook(&self) -> OnFatal {
        let fatals = self.clone();
        Arc::new(move |error: &FatalError| fatals.0.lock().unwrap().push(error.to_string()))
    }

    pub(crate) fn seen(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

// === impl Acks ===

impl Acks {
    pub(crate) fn callback(&self, number: u64) -> Completion {
        let acks = self.clone();
        Box::new(move |result| acks.0.lock().unwrap().push((number, result.is_ok())))
    }

    pub(crate) fn seen(&self) -> Vec<(u64, bool)> {
        self.0.lock().unwrap().clone()
    }
}

/// How often a random test tries: as often as the environment variable says, or as is good for every day.
pub(crate) fn tries(variable: &str, every_day: usize) -> usize {
    std::env::var(variable).map_or(every_day, |tries| tries.parse().unwrap())
}

pub(crate) fn identity() -> Identity {
    Identity {
        cluster_id: ClusterId::new(0xC1),
        member_id: MemberId::try_from(7).unwrap(),
    }
}

/// Opens a disk in memory whose node must not fail.
pub(crate) fn open_memory(disk: &MemoryDisk) -> Storage {
    try_open_memory(disk).unwrap()
}

pub(crate) fn try_open_memory(disk: &MemoryDisk) -> Result<Storage, LogOpenError> {
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::default());
    disk.open(identity(), &clock, &ignore_fatal())
}

/// Locks and opens a directory.
pub(crate) fn open_dir(path: &Path) -> Result<Storage, DataDirError> {
    open_dir_as(path, identity())
}

pub(crate) fn open_dir_as(path: &Path, identity: Identity) -> Result<Storage, DataDirError> {
    let clock: Arc<dyn Clock> = Arc::new(RunningClock::start());
    DataDir::lock(path)?.open(identity, &clock, &ignore_fatal())
}

pub(crate) fn ignore_fatal() -> OnFatal {
    Arc::new(|_| ())
}

/// Steps the writer until there is nothing to do now.
pub(crate) fn settle(writer: &mut Writer) {
    while writer.step() == Step::Worked {}
}

/// Waits for `future`, stepping the writer whenever it is not ready.
pub(crate) fn drive<T>(writer: &mut Writer, future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    let mut steps = 0;
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return value;
        }
        assert!(steps < 100_000, "the writer does not get there");
        steps += 1;
        writer.step();
    }
}

/// What a future that does not wait comes to.
pub(crate) fn now<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("the future waits"),
    }
}

/// Runs the writer on a thread of its own, as the server does.
pub(crate) fn spawn_writer(writer: Writer) -> JoinHandle<()> {
    thread::Builder::new()
        .name(WRITER_THREAD.to_owned())
        .spawn(move || writer.run())
        .unwrap()
}

/// The bytes of the test entry at `index`.
pub(crate) fn entry(index: u64) -> Bytes {
    Bytes::from(format!("entry {index}"))
}

/// The test entries of `range`.
pub(crate) fn entries(range: std::ops::Range<u64>) -> Vec<Bytes> {
    range.map(entry).collect()
}

/// Appends the test entries of `range` and makes them durable.
pub(crate) fn append(log: &Log, writer: &mut Writer, range: std::ops::Range<u64>) {
    let acks = Acks::default();
    now(log.append(range.start, entries(range), acks.callback(0))).unwrap();
    settle(writer);
    assert_eq!(acks.seen(), [(0, true)]);
}

/// All entries of the log.
pub(crate) fn read_all(log: &Log) -> Vec<Bytes> {
    block_on(log.read_all(0..u64::MAX)).unwrap()
}

/// Waits for a future that may need a blocking thread.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(future)
}

/// Opens a disk that must be refused for `expected`.
pub(crate) fn assert_damage(disk: &MemoryDisk, expected: &Damage) {
    match try_open_memory(disk) {
        Err(LogOpenError::Damaged(damage)) => assert_eq!(&damage, expected),
        other => panic!("expected {expected:?}, got {other:?}"),
    }
}
