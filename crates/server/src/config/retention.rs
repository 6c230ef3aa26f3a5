//! When the raft log is cut.

use quorate_consensus::Retention;

use super::{ConfigError, layers::Layers, settings::Settings};

/// A snapshot holds the whole state: with fewer entries between two of them a node does little else.
const SNAPSHOT_EVERY_ENTRIES_MIN: u64 = 100;

/// The log is read as a whole when a node starts, and lies on its disk several times over.
const ENTRIES_MAX: u64 = 10_000_000;

/// So much fits a few messages between members: with less there would be a snapshot for every burst of writes.
const SNAPSHOT_EVERY_BYTES_MIN: u64 = 1 << 20;

/// As much as anybody wants to be read when a node starts.
const SNAPSHOT_EVERY_BYTES_MAX: u64 = 16 << 30;

/// Reads how much log there is.
pub(super) fn parse(settings: &Settings, layers: &Layers) -> Result<Retention, ConfigError> {
    let every = settings.snapshot_every_entries;
    if !(SNAPSHOT_EVERY_ENTRIES_MIN..=ENTRIES_MAX).contains(&every) {
        let problem = format!("{every} is not allowed; it is {SNAPSHOT_EVERY_ENTRIES_MIN}–{ENTRIES_MAX}");
        return Err(layers.refuse("snapshot_every_entries", problem));
    }
    let every_bytes = settings.snapshot_every_bytes;
    if !(SNAPSHOT_EVERY_BYTES_MIN..=SNAPSHOT_EVERY_BYTES_MAX).contains(&every_bytes) {
        let problem =
            format!("{every_bytes} is not allowed; it is {SNAPSHOT_EVERY_BYTES_MIN}–{SNAPSHOT_EVERY_BYTES_MAX}");
        return Err(layers.refuse("snapshot_every_bytes", problem));
    }
    let keep = settings.log_keep_entries;
    if keep > ENTRIES_MAX {
        return Err(layers.refuse(
            "log_keep_entries",
            format!("{keep} is not allowed; it is 0–{ENTRIES_MAX}"),
        ));
    }
    Ok(Retention {
        snapshot_every_entries: every,
        snapshot_every_bytes: every_bytes,
        keep_entries: keep,
    })
}
