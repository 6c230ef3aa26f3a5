//! Notices a writer that hangs.
//!
//! A panic in one of sled's threads leaves the writer waiting without a limit; a dead disk does the same.

use std::{sync::Arc, time::Duration};

use crate::{Clock, Log, Progress, error::FatalError};

/// How long the writer may have work and not finish any of it.
pub const STALL_MAX: Duration = Duration::from_secs(30);

/// Fails a log whose writer makes no progress. Checked every second or so by a task of the server.
#[derive(Debug)]
pub struct Watchdog {
    log: Log,
    clock: Arc<dyn Clock>,
    seen: Progress,
    seen_at: Duration,
}

// === impl Watchdog ===

impl Watchdog {
    /// Watches the writer of `log`.
    pub fn new(log: Log, clock: Arc<dyn Clock>) -> Self {
        let (seen, seen_at) = (log.progress(), clock.now());
        Self {
            log,
            clock,
            seen,
            seen_at,
        }
    }

    /// Looks once. After [`STALL_MAX`] without progress the log fails for good, and says so here and to its
    /// `on_fatal` hook.
    pub fn check(&mut self) -> Result<(), FatalError> {
        let (progress, now) = (self.log.progress(), self.clock.now());
        if !progress.busy || progress != self.seen {
            (self.seen, self.seen_at) = (progress, now);
            return Ok(());
        }
        let stalled = now.saturating_sub(self.seen_at);
        if stalled < STALL_MAX {
            return Ok(());
        }
        Err(self.log.fail(&format!(
            "the log writer has made no progress for {} s",
            stalled.as_secs()
        )))
    }
}
