//! A snapshot that arrives from a peer.

use std::io;

use bytes::Bytes;
use quorate_model::ClusterId;
use quorate_state::snapshot::{Decoder, Header};
use quorate_storage::{SnapshotStore, SnapshotWriter};

use super::{ReceivedSnapshot, Snapshot, SnapshotData, damaged, meta, name};
use crate::type_config::{SnapshotMeta, Vote};

/// Takes a snapshot from a peer, chunk by chunk.
#[derive(Debug)]
pub(crate) struct Receiver {
    store: SnapshotStore,
    decoder: Decoder,
    /// There once the first chunk has said which snapshot it is.
    writer: Option<SnapshotWriter>,
}

// === impl Receiver ===

impl Receiver {
    pub(crate) fn new(store: &SnapshotStore) -> Self {
        Self {
            store: store.clone(),
            decoder: Decoder::new(),
            writer: None,
        }
    }

    /// Takes the next chunk: checks it, decodes it, writes it.
    pub(crate) async fn push(&mut self, chunk: Bytes) -> io::Result<()> {
        self.decoder.push(&chunk).map_err(damaged)?;
        if self.writer.is_none() {
            let header = self.decoder.header().ok_or_else(|| damaged("it has no header"))?;
            self.writer = Some(self.store.create(name(header)).await.map_err(io::Error::other)?);
        }
        let writer = self.writer.as_mut().ok_or_else(|| damaged("it has no header"))?;
        writer.write_chunk(chunk).await.map_err(io::Error::other)
    }

    /// The snapshot, if it is whole, of `cluster_id`, and such as a leader with `vote` can have.
    pub(crate) fn finish(self, cluster_id: ClusterId, vote: &Vote) -> io::Result<Snapshot> {
        let (header, state) = self.decoder.finish().map_err(damaged)?;
        let meta = meta(&header)?;
        check(&header, &meta, cluster_id, vote)?;
        let writer = self.writer.ok_or_else(|| damaged("it has no chunks"))?;
        let received = ReceivedSnapshot { state, writer };
        Ok(Snapshot {
            meta,
            snapshot: SnapshotData::Received(Box::new(received)),
        })
    }
}

/// Raft takes these for granted, and ends the node where they are not so.
fn check(header: &Header, meta: &SnapshotMeta, cluster_id: ClusterId, vote: &Vote) -> io::Result<()> {
    let last_log_id = meta.last_log_id.as_ref();
    if header.cluster.is_some_and(|cluster| cluster.id != cluster_id) {
        return Err(damaged("it is of another cluster"));
    }
    if last_log_id.is_some_and(|last| last.leader_id > vote.leader_id) {
        return Err(damaged(
            "it covers entries of a later leader than the one that sends it",
        ));
    }
    if last_log_id.is_some_and(|last| last.index != header.applied.get()) {
        return Err(damaged("its state and its place in the log differ"));
    }
    Ok(())
}
