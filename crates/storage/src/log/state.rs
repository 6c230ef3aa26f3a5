//! What the log's handles and its writer share.

use std::{
    fmt,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use tokio::sync::Notify;

use super::{
    queue::{Completions, Queue},
    sizes::Sizes,
    tail::Tail,
};
use crate::{
    engine::LogStore,
    error::{FatalError, LogError},
    mark::Mark,
};

/// Called once, when the log fails for good: the server stops the process.
pub type OnFatal = Arc<dyn Fn(&FatalError) + Send + Sync>;

pub(crate) struct Shared {
    pub(crate) engine: Arc<dyn LogStore>,
    on_fatal: OnFatal,
    state: Mutex<State>,
    /// Wakes a writer that runs on a thread.
    pub(crate) work: Condvar,
    /// Wakes a writer that runs in a task.
    pub(crate) work_in_task: Notify,
    /// Wakes appends that wait for room in the queue.
    pub(crate) room: Notify,
}

/// The log as its readers see it, which may be ahead of what is durable.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) purged: Option<Mark>,
    /// Index of the first record; equal to `next` if there is none.
    pub(crate) first: u64,
    /// Index of the next record.
    pub(crate) next: u64,
    /// Checksum of the record before `next`.
    pub(crate) checksum: u32,
    pub(crate) tail: Tail,
    pub(crate) sizes: Sizes,
    /// Grows when records go away, so that a read outside the lock can tell.
    pub(crate) generation: u64,
    pub(crate) vote: Option<Bytes>,
    pub(crate) committed: Option<Mark>,
    /// Whether `committed` still has to be written.
    pub(crate) committed_dirty: bool,
    pub(crate) queue: Queue,
    /// Records before it are durable, unless a truncation is on its way to the disk.
    pub(crate) durable_next: u64,
    pub(crate) truncations_queued: usize,
    pub(crate) phase: Phase,
    pub(crate) progress: Progress,
}

/// Whether the log still takes work.
#[derive(Debug, Clone)]
pub(crate) enum Phase {
    Open,
    Closed,
    Failed(FatalError),
}

/// How far the writer is, for a watchdog.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Progress {
    /// Steps of work that the writer has finished since the log was opened.
    pub finished: u64,
    /// Whether the writer is at work or has work waiting.
    pub busy: bool,
}

// === impl Shared ===

impl Shared {
    pub(crate) fn new(engine: Arc<dyn LogStore>, on_fatal: OnFatal, state: State) -> Self {
        Self {
            engine,
            on_fatal,
            state: Mutex::new(state),
            work: Condvar::new(),
            work_in_task: Notify::new(),
            room: Notify::new(),
        }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The state of a log that still takes work.
    pub(crate) fn lock_open(&self) -> Result<MutexGuard<'_, State>, LogError> {
        let state = self.lock();
        match &state.phase {
            Phase::Open => Ok(state),
            Phase::Closed => Err(LogError::Closed),
            Phase::Failed(error) => Err(error.clone().into()),
        }
    }

    pub(crate) fn wake_writer(&self) {
        self.work.notify_one();
        self.work_in_task.notify_one();
    }

    /// Fails the log for good: `in_flight` and all that waits is told in order, then the hook is called.
    ///
    /// The first failure is the one that counts.
    pub(crate) fn fail(&self, problem: &str, in_flight: Completions) -> FatalError {
        let mut state = self.lock();
        let (error, first) = match &state.phase {
            Phase::Failed(error) => (error.clone(), false),
            Phase::Open | Phase::Closed => (FatalError::new(problem), true),
        };
        state.phase = Phase::Failed(error.clone());
        let waiting = state.queue.drain();
        drop(state);
        in_flight.complete(&Err(error.clone()));
        waiting.complete(&Err(error.clone()));
        self.room.notify_waiters();
        self.wake_writer();
        if first {
            tracing::error!(%error, "the raft log failed");
            (self.on_fatal)(&error);
        }
        error
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("engine", &self.engine)
            .finish_non_exhaustive()
    }
}

// === impl State ===

impl State {
    /// Index of the last entry, purged or not.
    pub(crate) fn last(&self) -> Option<u64> {
        if self.first < self.next {
            return Some(self.next - 1);
        }
        self.purged.as_ref().map(|mark| mark.index)
    }

    /// Drops durable records from the tail when it is too long.
    pub(crate) fn evict(&mut self) {
        // A truncation that is not on disk yet makes `durable_next` count records of the old history.
        if self.truncations_queued == 0 {
            self.tail.evict(self.durable_next);
        }
    }
}
