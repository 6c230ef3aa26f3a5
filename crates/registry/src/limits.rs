//! How much of everything there may be at a time, each limit with its reason.

use std::time::Duration;

use quorate_model::limits;

/// How much a member takes on at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Writes that are on their way at a time: as many as raft's queue holds, so that none of them waits where
    /// nobody counts it.
    pub writes_in_flight_max: usize,
    /// How long a write waits to become one of them: a burst passes, an overload is told at once.
    pub write_wait: Duration,
    /// How long to stay away after having been turned down: longer than a full load of writes takes.
    pub overload_retry_after: Duration,
    /// Bytes of one command: a log entry.
    pub command_len_max: usize,
    /// Linearizable reads that wait for the next read index at a time: they share it, and each costs only memory.
    pub reads_waiting_max: usize,
    /// Snapshots that are saved at a time: each holds on to the state of one moment while the catalog moves on.
    pub saves_max: usize,
    /// How long to stay away when so many are being saved: about as long as one of a common catalog takes.
    pub save_retry_after: Duration,
    /// Entries of one page of a listing: one answer stays far below the largest message.
    pub page_size_max: usize,
}

// === impl Limits ===

impl Default for Limits {
    fn default() -> Self {
        Self {
            writes_in_flight_max: 8_192,
            write_wait: Duration::from_millis(50),
            overload_retry_after: Duration::from_millis(100),
            command_len_max: limits::LOG_ENTRY_LEN_MAX,
            reads_waiting_max: 16_384,
            saves_max: 2,
            save_retry_after: Duration::from_secs(2),
            page_size_max: 1_000,
        }
    }
}
