//! From the chunks of a snapshot to a state.

use std::fmt;

use quorate_model::{
    envelope::{self, Kind},
    limits::{
        GUARDS_MAX, INSTANCES_PER_CLUSTER_MAX, JOIN_NONCES_MAX, KEPT_OUTCOMES_MAX, LEASES_MAX, OVERRIDES_MAX,
        SERVICE_SETTINGS_MAX, SNAPSHOT_CHUNK_LEN_MAX,
    },
};
use serde::de::DeserializeOwned;
use xxhash_rust::xxh3::Xxh3;

use super::{
    Error, Header,
    header::{HeaderV1, TrailerV1},
};
use crate::{
    State,
    format::{ObjectV1, SCHEMA},
};

/// Most objects of a state: the cluster, its time, up to where lapses are aged, and all of everything.
const OBJECTS_MAX: u64 = (3
    + JOIN_NONCES_MAX
    + INSTANCES_PER_CLUSTER_MAX
    + LEASES_MAX
    + KEPT_OUTCOMES_MAX
    + OVERRIDES_MAX
    + SERVICE_SETTINGS_MAX
    + GUARDS_MAX
    + 1) as u64;

/// Decodes a snapshot, chunk by chunk; its memory is that of the state, and bounded by the state's limits.
#[derive(Debug, Default)]
pub struct Decoder {
    stage: Stage,
}

#[derive(Debug, Default)]
enum Stage {
    /// Nothing came yet.
    #[default]
    Start,
    /// The header came, objects or the trailer follow.
    Objects(Box<Building>),
    /// All came and all is true.
    Done(Box<(Header, State)>),
    /// Something was wrong; nothing can follow.
    Failed,
}

/// A state of which not all objects came yet.
struct Building {
    header: Header,
    state: State,
    object_count: u64,
    chunk_count: u64,
    checksum: Xxh3,
}

// === impl Decoder ===

impl Decoder {
    /// A decoder that waits for the first chunk.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next chunk, exactly as the encoder gave it. After an error the decoder takes no more.
    pub fn push(&mut self, chunk: &[u8]) -> Result<(), Error> {
        if chunk.len() > SNAPSHOT_CHUNK_LEN_MAX {
            self.stage = Stage::Failed;
            return Err(Error::ChunkTooLong(chunk.len()));
        }
        self.stage = match std::mem::replace(&mut self.stage, Stage::Failed) {
            Stage::Start => Stage::Objects(Box::new(Building::start(chunk)?)),
            Stage::Objects(building) => building.take(chunk)?,
            Stage::Done(_) | Stage::Failed => return Err(Error::AfterEnd),
        };
        Ok(())
    }

    /// What the first chunk said, once it came.
    pub fn header(&self) -> Option<&Header> {
        match &self.stage {
            Stage::Objects(building) => Some(&building.header),
            Stage::Done(done) => Some(&done.0),
            Stage::Start | Stage::Failed => None,
        }
    }

    /// Whether the trailer came and all is true: nothing may follow.
    pub fn is_done(&self) -> bool {
        matches!(self.stage, Stage::Done(_))
    }

    /// The state, if all chunks came and all that they say is true.
    pub fn finish(self) -> Result<(Header, State), Error> {
        match self.stage {
            Stage::Done(done) => Ok(*done),
            Stage::Start | Stage::Objects(_) | Stage::Failed => Err(Error::Unfinished),
        }
    }
}

// === impl Building ===

impl Building {
    fn start(chunk: &[u8]) -> Result<Self, Error> {
        let header: HeaderV1 = decode(Kind::SnapshotHeader, chunk)?;
        let header = Header::from(header);
        if header.object_count > OBJECTS_MAX {
            return Err(Error::Contradiction("it announces more objects than a state can have"));
        }
        let mut state = State::new();
        state.advance(header.applied);
        let mut checksum = Xxh3::new();
        checksum.update(chunk);
        Ok(Self {
            header,
            state,
            object_count: 0,
            chunk_count: 0,
            checksum,
        })
    }

    /// The header says how many objects there are, so that what comes next is known.
    fn take(mut self: Box<Self>, chunk: &[u8]) -> Result<Stage, Error> {
        if self.object_count == self.header.object_count {
            return self.end(&decode(Kind::SnapshotTrailer, chunk)?);
        }
        self.add(decode(Kind::SnapshotChunk, chunk)?)?;
        self.checksum.update(chunk);
        self.chunk_count += 1;
        Ok(Stage::Objects(self))
    }

    fn add(&mut self, objects: Vec<ObjectV1>) -> Result<(), Error> {
        self.object_count += objects.len() as u64;
        if self.object_count > self.header.object_count {
            return Err(Error::Contradiction("it has more objects than it announces"));
        }
        for object in objects {
            if !self.state.restore(object.try_into()?) {
                return Err(Error::Contradiction(
                    "an object comes twice, or before what it belongs to",
                ));
            }
        }
        Ok(())
    }

    fn end(self, trailer: &TrailerV1) -> Result<Stage, Error> {
        let Self { header, state, .. } = self;
        let seen = TrailerV1 {
            chunk_count: self.chunk_count,
            checksum: self.checksum.digest128(),
        };
        if *trailer != seen {
            return Err(Error::Trailer);
        }
        if state.hash() != header.hash {
            return Err(Error::Hash {
                expected: header.hash,
                found: state.hash(),
            });
        }
        if state.cluster() != header.cluster || state.instance_count() as u64 != header.instance_count {
            return Err(Error::Contradiction("its header describes another state"));
        }
        Ok(Stage::Done(Box::new((header, state))))
    }
}

impl fmt::Debug for Building {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Building")
            .field("header", &self.header)
            .field("object_count", &self.object_count)
            .finish_non_exhaustive()
    }
}

fn decode<T: DeserializeOwned>(kind: Kind, chunk: &[u8]) -> Result<T, Error> {
    let envelope = envelope::open(kind, chunk)?;
    match envelope.schema() {
        SCHEMA => Ok(envelope.decode()?),
        _ => Err(envelope.unknown_schema().into()),
    }
}
