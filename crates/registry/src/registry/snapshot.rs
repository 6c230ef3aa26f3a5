//! The whole state, for whoever keeps a copy of it.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use quorate_consensus::{Capture, FilePieces, Stopping};
use quorate_model::Consistency;
use tokio::{
    sync::{OwnedSemaphorePermit, mpsc},
    time::timeout,
};

use super::Registry;
use crate::{Answer, Error, Policy, deadline::Deadline};

/// Pieces that are made before they are asked for: enough to keep a connection busy.
const PIECES_AHEAD: usize = 4;

/// How long one piece may wait for a reader that does not read: until then the state of that moment cannot be let go.
const STALL_MAX: Duration = Duration::from_secs(30);

/// The bytes of a snapshot file on their way to a reader.
#[derive(Debug)]
pub struct SnapshotStream {
    /// Nothing, where the file ends: a stream that breaks off does not look like one that ends.
    pieces: mpsc::Receiver<Option<Bytes>>,
    ended: bool,
}

// === impl Registry ===

impl Registry {
    /// The whole state, as of a moment after the call, as the bytes of a snapshot file.
    pub async fn save_snapshot(&self, time_left: Duration) -> Result<Answer<SnapshotStream>, Error> {
        let permit = Arc::clone(&self.shared.saves).try_acquire_owned();
        let permit = permit.map_err(|_| self.too_many_saves())?;
        let deadline = self.deadline(time_left);
        let (capture, mut header) = self.capture(&deadline).await?;
        header.revision = capture.state().revision();
        header.staleness = None;
        let (sender, pieces) = mpsc::channel(PIECES_AHEAD);
        let sending = send(capture.into_pieces(), sender, permit);
        self.shared.tasks.spawn("save-snapshot", Policy::Expendable, sending);
        let value = SnapshotStream { pieces, ended: false };
        Ok(Answer { header, value })
    }

    /// The state as of a moment after the barrier, and who gave it.
    async fn capture(&self, deadline: &Deadline) -> Result<(Capture, crate::Header), Error> {
        let reader = &self.shared.reader;
        let reading = reader.read(Consistency::Linearizable, deadline).await?;
        let capture = deadline.wait_for(self.shared.consensus.capture()).await?;
        let capture = capture.map_err(|Stopping| Error::stopping_here())?;
        Ok((capture, self.header(&reading)))
    }

    fn too_many_saves(&self) -> Error {
        let limits = &self.shared.limits;
        Error::Overloaded {
            what: format!("{} snapshots to be saved", limits.saves_max),
            retry_after: limits.save_retry_after,
        }
    }
}

/// Makes the pieces of a file and hands them over, one after the other.
///
/// One piece is little work, and between two of them others have their turn.
async fn send(mut file: FilePieces, to: mpsc::Sender<Option<Bytes>>, _permit: OwnedSemaphorePermit) {
    loop {
        let piece = file.next();
        let is_last = piece.is_none();
        match timeout(STALL_MAX, to.send(piece)).await {
            Ok(Ok(())) => {}
            // The reader is gone.
            Ok(Err(_)) => return,
            Err(_) => {
                tracing::warn!("a snapshot was being saved, and its reader does not read any more");
                return;
            }
        }
        if is_last {
            return;
        }
        tokio::task::yield_now().await;
    }
}

// === impl SnapshotStream ===

impl SnapshotStream {
    /// The next bytes of the file, or nothing at its end.
    pub async fn next_piece(&mut self) -> Result<Option<Bytes>, Error> {
        if self.ended {
            return Ok(None);
        }
        match self.pieces.recv().await {
            Some(Some(piece)) => Ok(Some(piece)),
            Some(None) => {
                self.ended = true;
                Ok(None)
            }
            None => Err(Error::Stopping {
                problem: "this one, or the snapshot was not read for too long".to_owned(),
            }),
        }
    }
}
