//! The whole state in a file of its own: how it leaves a cluster, and what can be said of it there.
//!
//! The file is a snapshot file as members keep them, byte for byte, so that it checks itself wherever it lies.

#[cfg(test)]
mod fuzz;
mod restore;
mod saved;

use std::io;

use bytes::Bytes;
use quorate_state::{State, snapshot::Encoder};
use quorate_storage::SnapshotFramer;

use crate::{handle::Consensus, snapshot, state_machine::SnapshotBuilder, view::Stopping};

pub use restore::NewCluster;
pub use saved::{SavedError, SavedMember, SavedState, Summary};

/// The state of this member at one moment, to be written to a file elsewhere.
#[derive(Debug)]
pub struct Capture {
    state: State,
    encoder: Encoder,
}

/// The bytes of a snapshot file, piece by piece. Each is made when it is asked for, from a state that stands still.
#[derive(Debug)]
pub struct FilePieces {
    encoder: Encoder,
    /// Away once the end was given.
    framer: Option<SnapshotFramer>,
    /// What was made already and is to be given next.
    next: Option<Bytes>,
}

// === impl Consensus ===

impl Consensus {
    /// The state as of a moment after the call, with what raft keeps beside it.
    pub async fn capture(&self) -> Result<Capture, Stopping> {
        let builder = self.raft().with_state_machine(|machine| Box::pin(machine.builder()));
        let builder = builder.await.map_err(|_| Stopping)?;
        Capture::new(builder).map_err(|error| {
            tracing::error!(%error, "the state cannot be captured");
            Stopping
        })
    }
}

// === impl Capture ===

impl Capture {
    fn new(builder: SnapshotBuilder) -> io::Result<Self> {
        let (state, encoder) = builder.into_encoder()?;
        Ok(Self { state, encoder })
    }

    /// The state.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// The file.
    pub fn into_pieces(self) -> FilePieces {
        let (framer, begin) = SnapshotFramer::begin(snapshot::name(self.encoder.header()));
        FilePieces {
            encoder: self.encoder,
            framer: Some(framer),
            next: Some(begin),
        }
    }
}

// === impl FilePieces ===

impl Iterator for FilePieces {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        if let Some(made) = self.next.take() {
            return Some(made);
        }
        let Some(chunk) = self.encoder.next() else {
            return self.framer.take().map(SnapshotFramer::end);
        };
        let framer = self.framer.as_mut()?;
        let head = framer.before_chunk(&chunk);
        Some([&head, chunk.as_ref()].concat().into())
    }
}
