//! The writer's half of the watermark: when to write it, and that it is never ahead.

use std::{fmt, io, sync::Arc, time::Duration};

use crate::{
    Clock,
    watermark::{INTERVAL, LogEnd, WatermarkSlot},
};

pub(super) struct Watermark {
    slot: Box<dyn WatermarkSlot>,
    clock: Arc<dyn Clock>,
    /// What the slot holds.
    written: LogEnd,
    written_at: Duration,
}

// === impl Watermark ===

impl Watermark {
    pub(super) fn new(slot: Box<dyn WatermarkSlot>, clock: Arc<dyn Clock>, written: LogEnd) -> Self {
        let written_at = clock.now();
        Self {
            slot,
            clock,
            written,
            written_at,
        }
    }

    /// How long until there is something to write: the watermark, or `more` that is written along with it.
    pub(super) fn due_in(&self, durable: LogEnd, more: bool) -> Option<Duration> {
        if durable == self.written && !more {
            return None;
        }
        let passed = self.clock.now().saturating_sub(self.written_at);
        Some(INTERVAL.saturating_sub(passed))
    }

    pub(super) fn write_if_due(&mut self, durable: LogEnd) -> io::Result<()> {
        match self.due_in(durable, false) {
            Some(Duration::ZERO) => self.write(durable),
            Some(_) | None => Ok(()),
        }
    }

    /// Writes `durable`, the end of what is durable in the log.
    pub(super) fn write(&mut self, durable: LogEnd) -> io::Result<()> {
        if durable != self.written {
            self.slot.store(&durable.seal())?;
            self.written = durable;
        }
        self.written_at = self.clock.now();
        Ok(())
    }

    /// Lowers the watermark to `end`, where the log is about to be truncated.
    pub(super) fn lower(&mut self, end: LogEnd) -> io::Result<()> {
        if self.written.next > end.next {
            return self.write(end);
        }
        Ok(())
    }
}

impl fmt::Debug for Watermark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watermark")
            .field("written", &self.written)
            .finish_non_exhaustive()
    }
}
