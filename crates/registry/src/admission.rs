//! What is checked before a write is proposed: whether there is room for it here, and whether it fits.

use std::sync::Arc;

use bytes::Bytes;
use quorate_model::envelope::EncodeError;
use quorate_state::Command;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{Error, Limits, deadline::Deadline};

/// Where writes come in, so many at a time.
#[derive(Debug, Clone)]
pub(crate) struct Gate {
    limits: Limits,
    writes: Arc<Semaphore>,
}

/// The right of a write to have log entries on their way. Given back when dropped.
#[derive(Debug)]
#[must_use = "a write that gives it back is not counted any more"]
pub(crate) struct Permit {
    _permit: OwnedSemaphorePermit,
}

// === impl Gate ===

impl Gate {
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            limits,
            writes: Arc::new(Semaphore::new(limits.writes_in_flight_max)),
        }
    }

    /// Lets a write in that has so many log entries on their way at a time, after a short wait if there are too many.
    pub(crate) async fn enter(&self, entries: usize, deadline: &Deadline) -> Result<Permit, Error> {
        let patience = self.limits.write_wait.min(deadline.left()?);
        // One that is larger than all there is takes all there is.
        let entries = entries.min(self.limits.writes_in_flight_max);
        let entries = u32::try_from(entries).unwrap_or(u32::MAX);
        let acquired = tokio::time::timeout(patience, Arc::clone(&self.writes).acquire_many_owned(entries)).await;
        let permit = acquired.map_err(|_| self.overloaded())?;
        Ok(Permit {
            _permit: permit.expect("the semaphore is never closed"),
        })
    }

    /// Bytes of one command, at most.
    pub(crate) fn command_len_max(&self) -> usize {
        self.limits.command_len_max
    }

    /// The bytes of `command`, unless they are too many for a log entry.
    pub(crate) fn encode(&self, command: &Command) -> Result<Bytes, Error> {
        let refused = |error: EncodeError| Error::Internal {
            problem: format!("a command cannot be encoded: {error}"),
        };
        let bytes = command.encode().map_err(refused)?;
        let (len, max) = (bytes.len(), self.limits.command_len_max);
        if len > max {
            return Err(Error::TooLarge { len, max });
        }
        Ok(bytes)
    }

    fn overloaded(&self) -> Error {
        Error::Overloaded {
            what: format!("{} writes", self.limits.writes_in_flight_max),
            retry_after: self.limits.overload_retry_after,
        }
    }
}

#[cfg(test)]
mod tests;
