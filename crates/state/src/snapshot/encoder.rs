//! From a state to the chunks of a snapshot.

use std::{fmt, iter::Peekable};

use bytes::Bytes;
use quorate_model::{
    envelope::{self, HEADER_LEN, Kind},
    limits::SNAPSHOT_CHUNK_LEN_MAX,
};
use serde::Serialize;
use xxhash_rust::xxh3::Xxh3;

use super::{
    Error, Header, RaftMeta,
    header::{HeaderV1, TrailerV1},
};
use crate::{
    State,
    format::{ObjectV1, SCHEMA, object_len},
};

/// Room for objects in a chunk: what the envelope and the number of objects leave. The largest object takes a
/// quarter of it.
const OBJECTS_LEN_MAX: usize = SNAPSHOT_CHUNK_LEN_MAX - HEADER_LEN - 5;

/// Encodes a state, chunk by chunk, while the state machine goes on with its own clone.
pub struct Encoder {
    header: Header,
    objects: Peekable<Box<dyn Iterator<Item = ObjectV1> + Send>>,
    stage: Stage,
    chunk_count: u64,
    checksum: Xxh3,
}

#[derive(Debug, Clone, Copy)]
enum Stage {
    Header,
    Objects,
    End,
}

// === impl Encoder ===

impl Encoder {
    /// Starts to encode `state`, a cheap clone of it, with what raft keeps beside it.
    pub fn new(state: &State, raft: RaftMeta) -> Result<Self, Error> {
        #[cfg(quorate_planted)]
        let state = &state.for_a_snapshot();
        let objects: Box<dyn Iterator<Item = ObjectV1> + Send> = Box::new(state.objects());
        Ok(Self {
            header: Header::of(state, raft)?,
            objects: objects.peekable(),
            stage: Stage::Header,
            chunk_count: 0,
            checksum: Xxh3::new(),
        })
    }

    /// What the first chunk says.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The next run of objects that fits a chunk; empty at the end.
    fn next_objects(&mut self) -> Vec<ObjectV1> {
        let mut run = Vec::new();
        let mut room = OBJECTS_LEN_MAX;
        while let Some(len) = self.objects.peek().map(object_len)
            && len <= room
        {
            room -= len;
            run.extend(self.objects.next());
        }
        run
    }

    fn seal_summed(&mut self, kind: Kind, value: &impl Serialize) -> Bytes {
        let chunk = seal(kind, value);
        self.checksum.update(&chunk);
        chunk
    }

    fn trailer(&self) -> TrailerV1 {
        TrailerV1 {
            chunk_count: self.chunk_count,
            checksum: self.checksum.digest128(),
        }
    }
}

impl Iterator for Encoder {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        match self.stage {
            Stage::Header => {
                self.stage = Stage::Objects;
                let header = HeaderV1::from(&self.header);
                Some(self.seal_summed(Kind::SnapshotHeader, &header))
            }
            Stage::Objects => {
                let run = self.next_objects();
                if run.is_empty() {
                    self.stage = Stage::End;
                    return Some(seal(Kind::SnapshotTrailer, &self.trailer()));
                }
                self.chunk_count += 1;
                Some(self.seal_summed(Kind::SnapshotChunk, &run))
            }
            Stage::End => None,
        }
    }
}

impl fmt::Debug for Encoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Encoder")
            .field("header", &self.header)
            .field("stage", &self.stage)
            .finish_non_exhaustive()
    }
}

fn seal(kind: Kind, value: &impl Serialize) -> Bytes {
    envelope::seal(kind, SCHEMA, value)
        .expect("header, runs and trailer are far below the limit of an envelope")
        .into()
}
