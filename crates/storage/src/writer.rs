//! The one who writes: drains the queue into bounded units, syncs each, and completes its callbacks in order.
//!
//! The state machine is [`Writer::step`]. What drives it is injected: a thread of its own in production
//! ([`Writer::run`]), a task in the deterministic simulation ([`Writer::run_in_task`]).

mod watermark;

use std::{collections::VecDeque, io, ops::Range, sync::Arc, time::Duration};

use bytes::Bytes;

use self::watermark::Watermark;
use crate::{
    Clock,
    engine::{Slot, UNIT_OPERATIONS_MAX},
    error::FatalError,
    log::{Completions, Job, Phase, Shared, Unit, Work},
    mark::{Mark, seal_vote},
    watermark::{LogEnd, WatermarkSlot},
};

/// The name that the server gives to the thread of [`Writer::run`].
pub const WRITER_THREAD: &str = "raft-log-writer";

/// Removals in one unit.
const CHUNK: u64 = UNIT_OPERATIONS_MAX as u64;

/// Writes a log to its engine. There is one for each log that is open; dropping it fails the log.
#[derive(Debug)]
pub struct Writer {
    shared: Arc<Shared>,
    /// The end of what is durable in the engine.
    durable: LogEnd,
    watermark: Watermark,
    /// Purged records that are still to be removed from the engine: few ranges, because those that meet are one,
    /// and only the purge of what was never here, which a snapshot from a peer brings, leaves a hole between two.
    leftovers: VecDeque<Range<u64>>,
    /// Lowest index that is neither removed nor about to be.
    stored_from: u64,
}

/// What a step came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Work was done; there may be more.
    Worked,
    /// There is nothing to do until new work comes or, if given, this time has passed.
    Idle(Option<Duration>),
    /// The log was closed or has failed: there will be no more steps.
    Stopped,
}

pub(crate) struct WriterParts {
    pub(crate) shared: Arc<Shared>,
    pub(crate) slot: Box<dyn WatermarkSlot>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) durable: LogEnd,
    pub(crate) watermark: LogEnd,
    pub(crate) leftover: Range<u64>,
}

/// Whether a thread with this name belongs to storage, so that a panic in it must end the process: somebody
/// may wait for that thread without a limit.
pub fn is_storage_thread(name: &str) -> bool {
    name == WRITER_THREAD || name.starts_with("sled-io-")
}

// === impl Writer ===

impl Writer {
    pub(crate) fn new(parts: WriterParts) -> Self {
        Self {
            shared: parts.shared,
            durable: parts.durable,
            watermark: Watermark::new(parts.slot, parts.clock, parts.watermark),
            stored_from: parts.leftover.end,
            leftovers: VecDeque::from([parts.leftover]),
        }
    }

    /// Steps until the log is closed or fails, and blocks in between. For a thread named [`WRITER_THREAD`].
    pub fn run(mut self) {
        loop {
            match self.step() {
                Step::Worked => {}
                Step::Idle(timeout) => self.wait(timeout),
                Step::Stopped => return,
            }
        }
    }

    /// Steps until the log is closed or fails. For a task, with an engine that does not block.
    pub async fn run_in_task(mut self) {
        loop {
            wait_for_disk(&self.shared).await;
            match self.step() {
                // Others of the same runtime want to go on too.
                Step::Worked => tokio::task::yield_now().await,
                Step::Idle(None) => self.shared.work_in_task.notified().await,
                Step::Idle(Some(timeout)) => {
                    let work = self.shared.work_in_task.notified();
                    // Either way the next step finds out what there is to do.
                    drop(tokio::time::timeout(timeout, work).await);
                }
                Step::Stopped => return,
            }
        }
    }

    /// Does the next thing: a unit of work and its completions, or else something in the background.
    pub fn step(&mut self) -> Step {
        let unit = {
            let mut state = self.shared.lock();
            if !matches!(state.phase, Phase::Open) {
                return Step::Stopped;
            }
            let unit = state.queue.pop_unit();
            state.progress.busy = unit.is_some();
            unit
        };
        match unit {
            Some(Unit::Append {
                records,
                last_checksum,
                done,
            }) => {
                let result = self.append(&records, last_checksum);
                self.finish(result, done)
            }
            Some(Unit::Other(Job { work, done })) => self.other(work, done.into()),
            None => self.background(),
        }
    }

    fn append(&mut self, records: &[(u64, Bytes)], last_checksum: u32) -> io::Result<()> {
        let Some((last, _)) = records.last() else {
            return Ok(());
        };
        let engine = &self.shared.engine;
        engine.append(records)?;
        self.save_committed()?;
        engine.sync()?;
        self.durable = LogEnd {
            next: last + 1,
            checksum: last_checksum,
        };
        Ok(())
    }

    /// Adds the committed position to the unit, if all that it covers is durable already.
    fn save_committed(&self) -> io::Result<bool> {
        let committed = {
            let mut state = self.shared.lock();
            let covered = |mark: &Mark| mark.index < self.durable.next;
            match &state.committed {
                Some(mark) if state.committed_dirty && covered(mark) => {
                    let sealed = mark.seal();
                    state.committed_dirty = false;
                    sealed
                }
                Some(_) | None => return Ok(false),
            }
        };
        self.shared.engine.save(Slot::Committed, &committed)?;
        Ok(true)
    }

    fn other(&mut self, work: Work, done: Completions) -> Step {
        let result = match work {
            Work::Append(_) => unreachable!("appends are popped as units of their own"),
            Work::SaveVote(vote) => self.save(Slot::Vote, &seal_vote(&vote)),
            Work::Truncate { next, checksum } => self.truncate(LogEnd { next, checksum }),
            Work::Purge(mark) => self.purge(&mark),
            Work::Barrier => Ok(()),
            Work::Close => return self.close(done),
        };
        self.finish(result, done)
    }

    fn save(&self, slot: Slot, value: &[u8]) -> io::Result<()> {
        self.shared.engine.save(slot, value)?;
        self.shared.engine.sync()
    }

    /// Removes the highest records first, so that a crash in between leaves a log without a hole.
    fn truncate(&mut self, end: LogEnd) -> io::Result<()> {
        self.watermark.lower(end)?;
        let mut next = self.durable.next;
        while next > end.next {
            let from = next.saturating_sub(CHUNK).max(end.next);
            self.shared.engine.remove(from..next)?;
            self.shared.engine.sync()?;
            self.count_progress();
            next = from;
        }
        self.durable = end;
        self.shared.lock().truncations_queued -= 1;
        Ok(())
    }

    /// Writes the mark; the records below it are removed in the background.
    fn purge(&mut self, mark: &Mark) -> io::Result<()> {
        self.save(Slot::Purged, &mark.seal())?;
        let next = mark.index + 1;
        let leftover = self.stored_from..next.min(self.durable.next);
        self.add_leftover(leftover);
        self.stored_from = next;
        if next > self.durable.next {
            self.durable = LogEnd {
                next,
                checksum: mark.checksum,
            };
        }
        Ok(())
    }

    fn close(&mut self, done: Completions) -> Step {
        if let Err(error) = self.catch_up() {
            return self.fail(&error, done);
        }
        let mut state = self.shared.lock();
        state.phase = Phase::Closed;
        let late = state.queue.drain();
        drop(state);
        self.shared.room.notify_waiters();
        done.complete(&Ok(()));
        late.complete(&Err(FatalError::new("the log was closed")));
        Step::Stopped
    }

    /// One chunk of a purge, or the watermark and the committed position if they are due.
    fn background(&mut self) -> Step {
        match self.remove_leftover() {
            Ok(true) => Step::Worked,
            Ok(false) => self.tick_when_idle(),
            Err(error) => self.fail(&error, Completions::default()),
        }
    }

    fn add_leftover(&mut self, leftover: Range<u64>) {
        if leftover.is_empty() {
            return;
        }
        match self.leftovers.back_mut() {
            Some(last) if last.end == leftover.start => last.end = leftover.end,
            Some(_) | None => self.leftovers.push_back(leftover),
        }
    }

    fn remove_leftover(&mut self) -> io::Result<bool> {
        let Some(leftover) = self.leftovers.front_mut() else {
            return Ok(false);
        };
        if leftover.is_empty() {
            self.leftovers.pop_front();
            return Ok(true);
        }
        let to = leftover.end.min(leftover.start + CHUNK);
        let chunk = leftover.start..to;
        leftover.start = to;
        self.shared.engine.remove(chunk)?;
        self.shared.engine.sync()?;
        self.count_progress();
        Ok(true)
    }

    fn tick_when_idle(&mut self) -> Step {
        let committed = self.shared.lock().committed_dirty;
        match self.watermark.due_in(self.durable, committed) {
            Some(Duration::ZERO) => match self.catch_up() {
                Ok(()) => Step::Worked,
                Err(error) => self.fail(&error, Completions::default()),
            },
            wait => Step::Idle(wait),
        }
    }

    /// Writes what is otherwise written along with a unit.
    fn catch_up(&mut self) -> io::Result<()> {
        if self.save_committed()? {
            self.shared.engine.sync()?;
        }
        self.watermark.write(self.durable)
    }

    /// Publishes what became durable and completes the callbacks, in order.
    ///
    /// Then the watermark, if it is due, and one chunk of a purge: a steady load must starve neither.
    fn finish(&mut self, result: io::Result<()>, done: Completions) -> Step {
        if let Err(error) = result {
            return self.fail(&error, done);
        }
        let mut state = self.shared.lock();
        state.durable_next = self.durable.next;
        state.evict();
        state.progress.finished += 1;
        drop(state);
        self.shared.room.notify_waiters();
        done.complete(&Ok(()));
        let upkeep = self.watermark.write_if_due(self.durable);
        match upkeep.and_then(|()| self.remove_leftover()) {
            Ok(_) => Step::Worked,
            Err(error) => self.fail(&error, Completions::default()),
        }
    }

    fn count_progress(&self) {
        self.shared.lock().progress.finished += 1;
    }

    fn fail(&self, error: &io::Error, in_flight: Completions) -> Step {
        self.shared.fail(&format!("writing the log: {error}"), in_flight);
        Step::Stopped
    }

    fn wait(&self, timeout: Option<Duration>) {
        let state = self.shared.lock();
        let nothing_to_do =
            |state: &mut crate::log::State| state.queue.is_empty() && matches!(state.phase, Phase::Open);
        // A poisoned lock is entered all the same: whoever panicked has left the state whole.
        match timeout {
            None => drop(self.shared.work.wait_while(state, nothing_to_do)),
            Some(timeout) => drop(self.shared.work.wait_timeout_while(state, timeout, nothing_to_do)),
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        let open = matches!(self.shared.lock().phase, Phase::Open);
        if open {
            self.shared.fail("the writer is gone", Completions::default());
        }
    }
}

/// Lets the time of one sync pass if there is something to write: more comes meanwhile, and is in the same unit.
async fn wait_for_disk(shared: &Shared) {
    let time = shared.engine.sync_time();
    if !time.is_zero() && !shared.lock().queue.is_empty() {
        tokio::time::sleep(time).await;
    }
}
