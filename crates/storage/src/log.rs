//! The raft log above the engine: framing, the tail in memory, and the work handed to the [`Writer`].
//!
//! # Invariants
//! * An append is readable through every handle when it returns, and durable when its completion is called.
//! * Completions are called strictly in the order of the calls.
//! * Records that are not durable are in the tail; what is not in the tail is durable in the engine.
//! * After the first error nothing succeeds any more.

mod queue;
mod scan;
mod sizes;
mod state;
mod tail;

use std::{io, ops::Range, sync::Arc};

use bytes::Bytes;
use tokio::sync::oneshot;

pub use queue::Completion;
pub(crate) use queue::{Completions, Job, Unit, Work};
pub use state::{OnFatal, Progress};
pub(crate) use state::{Phase, Shared, State};

use self::sizes::Sizes;
use crate::{
    Clock, ENTRY_LEN_MAX,
    data_dir::Format,
    engine::LogStore,
    error::{FatalError, LogError, LogOpenError},
    mark::Mark,
    record::{GENESIS, Record},
    watermark::WatermarkSlot,
    writer::Writer,
};

/// How much one page of a longer read holds, in bytes of framed records.
pub(crate) const READ_BYTES_MAX: usize = 1 << 20;

/// A handle of a raft log. Cheap to clone.
///
/// Any handle may read. Changes come from one caller at a time, as openraft's do.
#[derive(Debug, Clone)]
pub struct Log(Arc<Shared>);

/// What a log is given when it is opened.
pub struct LogParts {
    /// Whose log it is.
    pub format: Format,
    /// Where records are stored.
    pub engine: Arc<dyn LogStore>,
    /// Where the watermark is stored.
    pub watermark: Box<dyn WatermarkSlot>,
    /// Paces the watermark.
    pub clock: Arc<dyn Clock>,
    /// Called once if the log fails for good: stop the process.
    pub on_fatal: OnFatal,
}

// === impl Log ===

impl Log {
    /// Creates a log in an engine that holds none. The caller must know that: it is what a fresh directory is.
    pub fn create(parts: LogParts) -> Result<(Self, Writer), LogOpenError> {
        let (shared, writer) = scan::create(parts)?;
        Ok((Self(shared), writer))
    }

    /// Opens a log and checks all of it: see [`Damage`](crate::Damage) for what is refused.
    pub fn open(parts: LogParts) -> Result<(Self, Writer), LogOpenError> {
        let (shared, writer) = scan::open(parts)?;
        Ok((Self(shared), writer))
    }

    /// Index of the last entry, purged or not.
    pub fn last(&self) -> Option<u64> {
        self.0.lock().last()
    }

    /// Indexes of the entries that are there.
    pub fn range(&self) -> Range<u64> {
        let state = self.0.lock();
        state.first..state.next
    }

    /// How many bytes of records there are from index `from` on, give or take some kilobytes.
    pub fn bytes_since(&self, from: u64) -> u64 {
        self.0.lock().sizes.since(from)
    }

    /// The first index from which there are no more than `bytes` of records before index `end`, give or take some
    /// kilobytes.
    pub fn last_bytes(&self, end: u64, bytes: u64) -> u64 {
        self.0.lock().sizes.last_bytes(end, bytes)
    }

    /// The last position that was purged.
    pub fn purged(&self) -> Option<Mark> {
        self.0.lock().purged.clone()
    }

    /// The vote saved last.
    pub fn vote(&self) -> Option<Bytes> {
        self.0.lock().vote.clone()
    }

    /// The committed position saved last. After a crash it may lie beyond [`Log::last`].
    pub fn committed(&self) -> Option<Mark> {
        self.0.lock().committed.clone()
    }

    /// How far the writer is.
    pub fn progress(&self) -> Progress {
        let state = self.0.lock();
        let busy = state.progress.busy || !state.queue.is_empty();
        Progress { busy, ..state.progress }
    }

    /// Why the log failed, if it did.
    pub fn failure(&self) -> Option<FatalError> {
        match &self.0.lock().phase {
            Phase::Failed(error) => Some(error.clone()),
            Phase::Open | Phase::Closed => None,
        }
    }

    /// Fails the log for good, as an error of the disk would.
    pub fn fail(&self, problem: &str) -> FatalError {
        self.0.fail(problem, Completions::default())
    }

    /// Appends `entries` from index `first` on. They can be read when this returns; `done` is called when they
    /// are durable, after every completion before it.
    ///
    /// Waits only while too much waits for the writer already.
    pub async fn append(&self, first: u64, entries: Vec<Bytes>, done: Completion) -> Result<(), LogError> {
        if let Some(entry) = entries.iter().find(|entry| entry.len() > ENTRY_LEN_MAX) {
            return Err(LogError::EntryTooLong { len: entry.len() });
        }
        self.wait_for_room().await?;
        let (next, previous) = self.end()?;
        let expected = next.unwrap_or(first);
        if first != expected {
            return Err(LogError::Position { expected, found: first });
        }
        // Framed outside the lock, so that readers need not wait for it: there is only one appender.
        let records = frame(first, previous, entries);
        let mut state = self.0.lock_open()?;
        if next.is_none() {
            (state.first, state.next) = (first, first);
            state.tail.truncate(0);
            state.tail.purge(first);
            state.sizes = Sizes::default();
        }
        for (index, record) in &records {
            state.tail.push(record.clone());
            state.sizes.push(*index, record.framed().len());
            (state.next, state.checksum) = (index + 1, record.checksum());
        }
        state.evict();
        state.queue.push(Job {
            work: Work::Append(records.into()),
            done,
        });
        drop(state);
        self.0.wake_writer();
        Ok(())
    }

    /// Removes all entries after index `after`, or all there are; durable when this returns.
    pub async fn truncate_after(&self, after: Option<u64>) -> Result<(), LogError> {
        let Range { start: first, end } = self.range();
        let purged = self.purged().is_some();
        let mut next = after.map_or(0, |index| index + 1);
        if next >= end {
            return Ok(());
        }
        if next < first && purged {
            return Err(LogError::Position {
                expected: first,
                found: next,
            });
        }
        if next <= first && !purged {
            // A log without entries and without a purge is as new, and may start anywhere.
            next = 0;
        }
        let checksum = if next == 0 {
            GENESIS
        } else {
            self.checksum_before(next).await?
        };
        self.submit(Work::Truncate { next, checksum }, |state| {
            state.tail.truncate(next);
            state.sizes.truncate(next);
            state.first = state.first.min(next);
            (state.next, state.checksum) = (next, checksum);
            state.durable_next = state.durable_next.min(next);
            state.truncations_queued += 1;
            state.generation += 1;
        })?
        .durable()
        .await
    }

    /// Forgets all entries up to and with `index`, whose log id is `log_id`. They are unreadable when this
    /// returns, and are removed from the disk in the background.
    pub async fn purge(&self, index: u64, log_id: Bytes) -> Result<(), LogError> {
        let Range { start: first, end } = self.range();
        let purged = self.purged();
        if purged.as_ref().is_some_and(|mark| index <= mark.index) {
            return Ok(());
        }
        if index + 1 < first {
            return Err(LogError::Position {
                expected: first,
                found: index,
            });
        }
        let next = index + 1;
        let checksum = if next > end {
            GENESIS
        } else {
            self.checksum_before(next).await?
        };
        let mark = Mark {
            index,
            log_id,
            checksum,
        };
        self.submit(Work::Purge(mark.clone()), |state| {
            state.purged = Some(mark);
            state.first = next;
            if next > state.next {
                (state.next, state.checksum) = (next, checksum);
            }
            state.tail.purge(next);
            state.sizes.purge(next);
            state.generation += 1;
        })?;
        Ok(())
    }

    /// Saves the vote; durable when this returns.
    pub async fn save_vote(&self, vote: Bytes) -> Result<(), LogError> {
        self.submit(Work::SaveVote(vote.clone()), |state| state.vote = Some(vote))?
            .durable()
            .await
    }

    /// Saves the committed position, some time, and never before the entries that it covers are durable.
    pub fn save_committed(&self, index: u64, log_id: Bytes) -> Result<(), LogError> {
        let mut state = self.0.lock_open()?;
        state.committed = Some(Mark {
            index,
            log_id,
            checksum: GENESIS,
        });
        state.committed_dirty = true;
        Ok(())
    }

    /// Waits until everything asked for so far is durable.
    pub async fn flush(&self) -> Result<(), LogError> {
        self.submit(Work::Barrier, |_| ())?.durable().await
    }

    /// Makes everything durable, committed position and watermark too, and ends the writer.
    pub async fn close(&self) -> Result<(), LogError> {
        self.submit(Work::Close, |_| ())?.durable().await
    }

    /// The first entries of `range` that are there: as many as fit `bytes_max`, and at least one if there is one.
    pub async fn read(&self, range: Range<u64>, bytes_max: usize) -> Result<Vec<Bytes>, LogError> {
        let (records, _) = self.read_records(range, bytes_max).await?;
        Ok(records.iter().map(Record::entry).collect())
    }

    /// All entries of `range` that are there, as they were at one moment.
    ///
    /// Holds them all in memory: the caller bounds the range. openraft asks for 64 at a time, when it starts.
    pub async fn read_all(&self, range: Range<u64>) -> Result<Vec<Bytes>, LogError> {
        let mut entries = Vec::new();
        let mut seen = None;
        loop {
            let start = range.start.max(self.range().start) + entries.len() as u64;
            let (records, generation) = self.read_records(start..range.end, READ_BYTES_MAX).await?;
            if *seen.get_or_insert(generation) != generation {
                // Records went away between two pages: begin again with what is there now.
                (entries, seen) = (Vec::new(), None);
                continue;
            }
            if records.is_empty() {
                return Ok(entries);
            }
            entries.extend(records.iter().map(Record::entry));
        }
    }

    /// Gives also the generation of the log to which the records belong.
    async fn read_records(&self, range: Range<u64>, bytes_max: usize) -> Result<(Vec<Record>, u64), LogError> {
        loop {
            let (stored, generation) = {
                let state = self.0.lock_open()?;
                let range = range.start.max(state.first)..range.end.min(state.next);
                if range.start >= state.tail.start() || range.is_empty() {
                    return Ok((take_bytes(state.tail.range(range), bytes_max), state.generation));
                }
                (range.start..range.end.min(state.tail.start()), state.generation)
            };
            let records = self.read_engine(stored.clone(), bytes_max).await?;
            let checked = check_run(&stored, records);
            if self.0.lock_open()?.generation != generation {
                // Records went away while the engine read: what it gave may have holes.
                continue;
            }
            return match checked {
                Ok(records) => Ok((records, generation)),
                Err(problem) => Err(self.fail(&problem).into()),
            };
        }
    }

    async fn read_engine(&self, range: Range<u64>, bytes_max: usize) -> Result<Vec<(u64, Bytes)>, LogError> {
        let engine = Arc::clone(&self.0.engine);
        let records = if engine.read_blocks() {
            let read = tokio::task::spawn_blocking(move || engine.read(range, bytes_max));
            // An engine that panics over its files has failed like one that says so.
            read.await.unwrap_or_else(|error| Err(io::Error::other(error)))
        } else {
            engine.read(range, bytes_max)
        };
        records.map_err(|error| self.fail(&format!("reading the log: {error}")).into())
    }

    /// Checksum to which the record at `next` is chained. `next` is in the log or its end.
    async fn checksum_before(&self, next: u64) -> Result<u32, LogError> {
        {
            let state = self.0.lock_open()?;
            if next == state.next {
                return Ok(state.checksum);
            }
            if next == state.first {
                return Ok(state.purged.as_ref().map_or(GENESIS, |mark| mark.checksum));
            }
            if let Some(record) = state.tail.get(next) {
                return Ok(record.previous());
            }
        }
        let (records, _) = self.read_records(next..next + 1, 1).await?;
        let record = records
            .first()
            .expect("`next` is in the log, and only this caller changes it");
        Ok(record.previous())
    }

    /// Index of the next entry, unless the log is new and may start anywhere, and the checksum before it.
    fn end(&self) -> Result<(Option<u64>, u32), LogError> {
        let state = self.0.lock_open()?;
        Ok((state.last().map(|_| state.next), state.checksum))
    }

    async fn wait_for_room(&self) -> Result<(), LogError> {
        loop {
            let mut room = std::pin::pin!(self.0.room.notified());
            room.as_mut().enable();
            if self.0.lock_open()?.queue.has_room() {
                return Ok(());
            }
            room.await;
        }
    }

    /// Changes the state and queues the work that makes the change durable.
    fn submit(&self, work: Work, change: impl FnOnce(&mut State)) -> Result<Submitted<'_>, LogError> {
        let (sender, done) = oneshot::channel();
        let mut state = self.0.lock_open()?;
        change(&mut state);
        state.queue.push(Job {
            work,
            // Whoever asked may have gone away; then nobody waits for the answer.
            done: Box::new(move |result| drop(sender.send(result))),
        });
        drop(state);
        self.0.wake_writer();
        Ok(Submitted { log: self, done })
    }
}

/// Work that waits for the writer.
struct Submitted<'a> {
    log: &'a Log,
    done: oneshot::Receiver<Result<(), FatalError>>,
}

// === impl Submitted ===

impl Submitted<'_> {
    async fn durable(self) -> Result<(), LogError> {
        match self.done.await {
            Ok(result) => Ok(result?),
            Err(_) => Err(self.log.fail("the writer dropped its work").into()),
        }
    }
}

/// Puts `entries` into records, each chained to the one before it.
fn frame(first: u64, mut previous: u32, entries: Vec<Bytes>) -> Vec<(u64, Record)> {
    let frame_one = |(index, entry)| {
        let record = Record::new(index, previous, entry).expect("an entry is far below an envelope's limit");
        previous = record.checksum();
        (index, record)
    };
    (first..).zip(entries).map(frame_one).collect()
}

/// The first records, until `bytes_max` is reached, and at least one.
fn take_bytes<'a>(records: impl Iterator<Item = &'a Record>, bytes_max: usize) -> Vec<Record> {
    let mut taken = Vec::new();
    let mut bytes = 0;
    for record in records {
        bytes += record.framed().len();
        if bytes > bytes_max && !taken.is_empty() {
            break;
        }
        taken.push(record.clone());
    }
    taken
}

/// Checks that the engine gave the records from the start of `range` on, one by one.
fn check_run(range: &Range<u64>, records: Vec<(u64, Bytes)>) -> Result<Vec<Record>, String> {
    if records.is_empty() {
        return Err(format!("record {} is missing", range.start));
    }
    let mut checked: Vec<Record> = Vec::with_capacity(records.len());
    for (expected, (index, framed)) in range.clone().zip(records) {
        if index != expected {
            return Err(format!("record {expected} is missing"));
        }
        let record = Record::check(index, framed).map_err(|error| format!("record {index}: {error}"))?;
        if checked
            .last()
            .is_some_and(|before| before.checksum() != record.previous())
        {
            return Err(format!("record {index} does not continue the record before it"));
        }
        checked.push(record);
    }
    Ok(checked)
}
