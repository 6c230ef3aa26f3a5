//! Snapshots on their way: built here, sent to a peer, received from one, loaded at the start.
//!
//! A received snapshot gets its name on disk only when raft installs it. Until then raft may still truncate the
//! log; a snapshot that is durable before that would contradict the log after a power cut.

mod receiver;
mod shelf;

use std::io;

use bytes::Bytes;
use futures::{Stream, StreamExt as _, stream};
use openraft::alias::SnapshotOf;
use quorate_model::{LogIndex, Term};
use quorate_state::{
    State,
    snapshot::{Decoder, Encoder, Header, LastLog, RaftMeta},
};
use quorate_storage::{SnapshotFile, SnapshotName, SnapshotStore, SnapshotWriter};

use crate::{
    codec,
    type_config::{LeaderId, LogId, SnapshotMeta, StoredMembership, TypeConfig},
};

pub(crate) use receiver::Receiver;
pub(crate) use shelf::{Kept, Shelf};

pub(crate) type Snapshot = SnapshotOf<TypeConfig, SnapshotData>;

/// The content of a snapshot.
#[derive(Debug)]
pub(crate) enum SnapshotData {
    /// In this member's store.
    Stored(StoredSnapshot),
    /// From a peer: whole and checked, without a name yet.
    Received(Box<ReceivedSnapshot>),
}

/// A snapshot in this member's store.
#[derive(Debug, Clone)]
pub(crate) struct StoredSnapshot {
    store: SnapshotStore,
    file: SnapshotFile,
}

/// A snapshot from a peer, decoded and written, but not published.
#[derive(Debug)]
pub(crate) struct ReceivedSnapshot {
    state: State,
    writer: SnapshotWriter,
}

// === impl SnapshotData ===

impl SnapshotData {
    /// How many chunks it has; 0 for a received one, which nobody sends on.
    pub(crate) fn chunk_count(&self) -> u64 {
        match self {
            Self::Stored(stored) => stored.file.chunks(),
            Self::Received(_) => 0,
        }
    }

    /// Its chunks, as a peer wants them.
    pub(crate) fn into_chunks(self) -> impl Stream<Item = io::Result<Bytes>> + Send + 'static {
        match self {
            Self::Stored(stored) => stored.into_chunks().left_stream(),
            Self::Received(_) => stream::empty().right_stream(),
        }
    }
}

// === impl StoredSnapshot ===

impl StoredSnapshot {
    fn into_chunks(self) -> impl Stream<Item = io::Result<Bytes>> + Send + 'static {
        let opening = async move { self.store.open(self.file.name()).await.map_err(io::Error::other) };
        stream::once(opening).flat_map(|opened| match opened {
            Ok(reader) => stream::try_unfold(reader, |mut reader| async move {
                let chunk = reader.next_chunk().await.map_err(io::Error::other)?;
                Ok(chunk.map(|chunk| (chunk, reader)))
            })
            .left_stream(),
            Err(error) => stream::iter([Err(error)]).right_stream(),
        })
    }

    async fn load(self) -> io::Result<State> {
        let mut decoder = Decoder::new();
        let mut chunks = std::pin::pin!(self.into_chunks());
        while let Some(chunk) = chunks.next().await {
            decoder.push(&chunk?).map_err(damaged)?;
        }
        decoder.finish().map(|(_, state)| state).map_err(damaged)
    }

    /// What raft knows of it, which its first chunk says.
    async fn meta(&self) -> io::Result<SnapshotMeta> {
        let mut reader = self.store.open(self.file.name()).await.map_err(io::Error::other)?;
        let mut decoder = Decoder::new();
        let chunk = reader.next_chunk().await.map_err(io::Error::other)?;
        decoder.push(&chunk.unwrap_or_default()).map_err(damaged)?;
        decoder.header().map_or_else(|| Err(damaged("it has no header")), meta)
    }
}

pub(crate) fn meta(header: &Header) -> io::Result<SnapshotMeta> {
    let log_id = |last: &LastLog| {
        LogId::new(
            LeaderId {
                term: last.term.get(),
                node_id: last.member_id,
            },
            last.index.get(),
        )
    };
    Ok(SnapshotMeta {
        last_log_id: header.raft.last_log.as_ref().map(log_id),
        last_membership: codec::decode_membership(&header.raft.membership).map_err(damaged)?,
    })
}

/// What encodes `state`, which covers the log up to `last_log_id`.
pub(crate) fn encoder(state: &State, last_log_id: Option<LogId>, membership: &StoredMembership) -> io::Result<Encoder> {
    let raft = RaftMeta {
        last_log: last_log_id.as_ref().map(last_log),
        membership: codec::encode_membership(membership).map_err(io::Error::other)?,
    };
    Encoder::new(state, raft).map_err(io::Error::other)
}

pub(crate) fn name(header: &Header) -> SnapshotName {
    let last = header.raft.last_log.as_ref();
    SnapshotName {
        index: last.map_or(0, |last| last.index.get()),
        term: last.map_or(0, |last| last.term.get()),
    }
}

fn last_log(log_id: &LogId) -> LastLog {
    LastLog {
        term: Term::new(log_id.leader_id.term),
        member_id: log_id.leader_id.node_id,
        index: LogIndex::new(log_id.index),
    }
}

fn damaged(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}
