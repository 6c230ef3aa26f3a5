//! The log as openraft wants it: its storage traits on top of a [`Log`] and a codec.

use std::{
    fmt, io,
    marker::PhantomData,
    ops::{Bound, Range, RangeBounds},
};

use bytes::Bytes;
use futures::{Stream, TryStreamExt as _, stream};
use openraft::{
    OptionalSend, RaftTypeConfig,
    alias::{LogIdOf, VoteOf},
    entry::RaftEntry as _,
    storage::{IOFlushed, LogState, RaftLogReader, RaftLogStorage},
};

use crate::{CodecError, EntryCodec, Log, log::READ_BYTES_MAX};

/// A [`Log`] of the raft types of `C`, with `K` as their codec. Cheap to clone; every clone reads.
pub struct RaftLog<C, K> {
    log: Log,
    types: PhantomData<fn() -> (C, K)>,
}

// === impl RaftLog ===

impl<C: RaftTypeConfig, K: EntryCodec<C>> RaftLog<C, K> {
    /// Wraps an open log.
    pub fn new(log: Log) -> Self {
        Self {
            log,
            types: PhantomData,
        }
    }

    /// The log inside.
    pub fn log(&self) -> &Log {
        &self.log
    }

    async fn last_log_id(&self) -> io::Result<Option<LogIdOf<C>>> {
        let Range { start, end } = self.log.range();
        if start < end {
            let entries = self.log.read(end - 1..end, 1).await?;
            if let Some(bytes) = entries.into_iter().next() {
                return Ok(Some(decode_entry::<C, K>(bytes)?.log_id()));
            }
        }
        self.purged()
    }

    fn purged(&self) -> io::Result<Option<LogIdOf<C>>> {
        let purged = self.log.purged().map(|mark| K::decode_log_id(&mark.log_id));
        purged.transpose().map_err(invalid)
    }

    fn decode_entries(&self, entries: Vec<Bytes>) -> io::Result<Vec<C::Entry>> {
        let decoded: io::Result<Vec<_>> = entries.into_iter().map(decode_entry::<C, K>).collect();
        decoded.inspect_err(|error| {
            // The bytes passed their checksum: only another version can have written them.
            self.log.fail(&error.to_string());
        })
    }
}

impl<C, K> Clone for RaftLog<C, K> {
    fn clone(&self) -> Self {
        Self {
            log: self.log.clone(),
            types: PhantomData,
        }
    }
}

impl<C, K> fmt::Debug for RaftLog<C, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.log.fmt(f)
    }
}

impl<C: RaftTypeConfig, K: EntryCodec<C>> RaftLogReader<C> for RaftLog<C, K> {
    async fn try_get_log_entries<RB: RangeBounds<u64> + Clone + fmt::Debug + OptionalSend>(
        &mut self,
        range: RB,
    ) -> Result<Vec<C::Entry>, io::Error> {
        let entries = self.log.read_all(half_open(&range)).await?;
        self.decode_entries(entries)
    }

    async fn read_vote(&mut self) -> Result<Option<VoteOf<C>>, io::Error> {
        let vote = self.log.vote().map(|bytes| K::decode_vote(&bytes));
        vote.transpose().map_err(invalid)
    }

    /// At most 1 MiB, so that a message to a follower stays small, and at least one entry.
    async fn limited_get_log_entries(&mut self, start: u64, end: u64) -> Result<Vec<C::Entry>, io::Error> {
        let entries = self.log.read(start..end, READ_BYTES_MAX).await?;
        self.decode_entries(entries)
    }

    /// Page by page: a member that catches up must not hold its whole log in memory.
    async fn entries_stream<RB>(&mut self, range: RB) -> impl Stream<Item = Result<C::Entry, io::Error>> + OptionalSend
    where
        RB: RangeBounds<u64> + Clone + fmt::Debug + OptionalSend,
    {
        let range = half_open(&range);
        let start = range.start.max(self.log.range().start);
        stream::try_unfold((self.clone(), start), move |(this, start)| async move {
            let entries = this.log.read(start..range.end, READ_BYTES_MAX).await?;
            if entries.is_empty() {
                return Ok::<_, io::Error>(None);
            }
            let next = start + entries.len() as u64;
            let entries = this.decode_entries(entries)?;
            if entries.first().is_some_and(|entry| entry.index() != start) {
                return Err(io::Error::other("entries were purged while they were read"));
            }
            Ok(Some((stream::iter(entries.into_iter().map(Ok)), (this, next))))
        })
        .try_flatten()
    }
}

impl<C: RaftTypeConfig, K: EntryCodec<C>> RaftLogStorage<C> for RaftLog<C, K> {
    type LogReader = Self;

    async fn get_log_state(&mut self) -> Result<LogState<C>, io::Error> {
        Ok(LogState {
            last_purged_log_id: self.purged()?,
            last_log_id: self.last_log_id().await?,
        })
    }

    async fn get_log_reader(&mut self) -> Self {
        self.clone()
    }

    async fn save_vote(&mut self, vote: &VoteOf<C>) -> Result<(), io::Error> {
        Ok(self.log.save_vote(K::encode_vote(vote).map_err(invalid)?).await?)
    }

    async fn save_committed(&mut self, committed: Option<LogIdOf<C>>) -> Result<(), io::Error> {
        if let Some(log_id) = committed {
            self.log
                .save_committed(log_id.index(), K::encode_log_id(&log_id).map_err(invalid)?)?;
        }
        Ok(())
    }

    /// Never beyond the last entry: a follower applies before its own sync, so that what it knew to be
    /// committed may outlive the entries. openraft does not start on such a log.
    async fn read_committed(&mut self) -> Result<Option<LogIdOf<C>>, io::Error> {
        let Some(mark) = self.log.committed() else {
            return Ok(None);
        };
        if self.log.last().is_some_and(|last| mark.index <= last) {
            return Ok(Some(K::decode_log_id(&mark.log_id).map_err(invalid)?));
        }
        self.last_log_id().await
    }

    async fn append<I>(&mut self, entries: I, callback: IOFlushed<C>) -> Result<(), io::Error>
    where
        I: IntoIterator<Item = C::Entry> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        let mut first = None;
        let mut encoded = Vec::new();
        for entry in entries {
            first.get_or_insert(entry.index());
            encoded.push(K::encode_entry(&entry).map_err(invalid)?);
        }
        let first = first.unwrap_or_else(|| self.log.range().end);
        let done = Box::new(|result: Result<(), _>| callback.io_completed(result.map_err(io::Error::other)));
        Ok(self.log.append(first, encoded, done).await?)
    }

    async fn truncate_after(&mut self, last: Option<LogIdOf<C>>) -> Result<(), io::Error> {
        Ok(self.log.truncate_after(last.map(|log_id| log_id.index())).await?)
    }

    async fn purge(&mut self, log_id: LogIdOf<C>) -> Result<(), io::Error> {
        let encoded = K::encode_log_id(&log_id).map_err(invalid)?;
        Ok(self.log.purge(log_id.index(), encoded).await?)
    }
}

fn decode_entry<C: RaftTypeConfig, K: EntryCodec<C>>(bytes: Bytes) -> io::Result<C::Entry> {
    K::decode_entry(bytes).map_err(invalid)
}

fn invalid(error: CodecError) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

fn half_open(range: &impl RangeBounds<u64>) -> Range<u64> {
    let start = match range.start_bound() {
        Bound::Included(index) => *index,
        Bound::Excluded(index) => index.saturating_add(1),
        Bound::Unbounded => 0,
    };
    let end = match range.end_bound() {
        Bound::Included(index) => index.saturating_add(1),
        Bound::Excluded(index) => *index,
        Bound::Unbounded => u64::MAX,
    };
    start..end
}
