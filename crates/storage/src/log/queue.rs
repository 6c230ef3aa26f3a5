//! What the log asks its writer to do, in order and within limits.

use std::{collections::VecDeque, fmt};

use bytes::Bytes;

use crate::{
    engine::{UNIT_BYTES_MAX, UNIT_OPERATIONS_MAX},
    error::FatalError,
    mark::Mark,
    record::Record,
};

/// Most entries that wait for the writer before an append has to wait itself.
const QUEUE_ENTRIES_MAX: usize = 65_536;

/// Most bytes that wait for the writer: half the tail, which always holds them.
const QUEUE_BYTES_MAX: usize = super::tail::TAIL_BYTES_MAX / 2;

/// Called once, when the work is durable or the log has failed.
pub type Completion = Box<dyn FnOnce(Result<(), FatalError>) + Send>;

/// One thing for the writer to do.
pub(crate) struct Job {
    pub(crate) work: Work,
    pub(crate) done: Completion,
}

#[derive(Debug)]
pub(crate) enum Work {
    Append(VecDeque<(u64, Record)>),
    SaveVote(Bytes),
    /// Remove all records at and after `next`; `checksum` is that of the record before it.
    Truncate {
        next: u64,
        checksum: u32,
    },
    Purge(Mark),
    /// Nothing: done when all before it is.
    Barrier,
    Close,
}

/// The work that waits.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    jobs: VecDeque<Job>,
    entries: usize,
    bytes: usize,
}

/// What the writer makes durable with one sync: a run of appends, or one other job.
#[derive(Debug)]
pub(crate) enum Unit {
    Append {
        records: Vec<(u64, Bytes)>,
        last_checksum: u32,
        done: Completions,
    },
    Other(Job),
}

/// Completions, in the order of their jobs.
#[derive(Default)]
pub(crate) struct Completions(Vec<Completion>);

// === impl Queue ===

impl Queue {
    pub(crate) fn has_room(&self) -> bool {
        self.entries < QUEUE_ENTRIES_MAX && self.bytes < QUEUE_BYTES_MAX
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.jobs.is_empty()
    }

    pub(crate) fn push(&mut self, job: Job) {
        if let Work::Append(records) = &job.work {
            self.entries += records.len();
            self.bytes += records.iter().map(|(_, record)| record.framed().len()).sum::<usize>();
        }
        self.jobs.push_back(job);
    }

    /// The next unit: as many appends as one sync may cover.
    pub(crate) fn pop_unit(&mut self) -> Option<Unit> {
        if !matches!(self.jobs.front()?.work, Work::Append(_)) {
            return self.jobs.pop_front().map(Unit::Other);
        }
        let mut records = Vec::new();
        let mut done = Completions::default();
        let mut bytes = 0;
        let mut last_checksum = 0;
        while let Some(Job {
            work: Work::Append(queued),
            ..
        }) = self.jobs.front_mut()
        {
            while let Some((_, record)) = queued.front() {
                let len = record.framed().len();
                let more = bytes + len + size_of::<u64>();
                // One operation is left for the committed position that may ride along, with its bytes.
                if records.len() + 1 >= UNIT_OPERATIONS_MAX || more + COMMITTED_BYTES > UNIT_BYTES_MAX {
                    return Some(Unit::Append {
                        records,
                        last_checksum,
                        done,
                    });
                }
                let (index, record) = queued.pop_front().expect("there is a front");
                self.entries -= 1;
                self.bytes -= len;
                bytes = more;
                last_checksum = record.checksum();
                records.push((index, record.framed().clone()));
            }
            let job = self.jobs.pop_front().expect("there is a front");
            done.push(job.done);
        }
        Some(Unit::Append {
            records,
            last_checksum,
            done,
        })
    }

    /// Every waiting completion, in order, of a log that has failed.
    pub(crate) fn drain(&mut self) -> Completions {
        (self.entries, self.bytes) = (0, 0);
        Completions(self.jobs.drain(..).map(|job| job.done).collect())
    }
}

/// Room for a committed position in a unit.
const COMMITTED_BYTES: usize = 1024;

// === impl Completions ===

impl Completions {
    pub(crate) fn push(&mut self, done: Completion) {
        self.0.push(done);
    }

    pub(crate) fn complete(self, result: &Result<(), FatalError>) {
        for done in self.0 {
            done(result.clone());
        }
    }
}

impl From<Completion> for Completions {
    fn from(done: Completion) -> Self {
        Self(vec![done])
    }
}

impl fmt::Debug for Completions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} completions", self.0.len())
    }
}

// === impl Job ===

impl fmt::Debug for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.work.fmt(f)
    }
}
