//! The pace of raft: how fast a dead leader is noticed, when the log is cut, how much goes into one message.

use std::time::Duration;

use openraft::{Config, SnapshotPolicy};
use quorate_model::ClusterId;

use crate::error::StartError;

/// Entries in one append. The storage caps their bytes as well.
const APPEND_ENTRIES_MAX: u64 = 1_024;

/// Messages waiting for the raft core: as many as the registry admits writes at a time.
const CORE_QUEUE_LEN: u64 = 8_192;

/// Time for a whole snapshot to be sent and installed.
const INSTALL_SNAPSHOT_TIMEOUT: Duration = Duration::from_secs(300);

/// When the log is replaced by a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Entries between two snapshots, unless their bytes call for one before.
    pub snapshot_every_entries: u64,
    /// Bytes of entries between two snapshots, or twice the last snapshot if that is more: however large the state
    /// is, no more is written for snapshots than for half of the log.
    pub snapshot_every_bytes: u64,
    /// Entries that stay in the log behind the older of the two snapshots that are kept, so that a follower
    /// which was away for a moment catches up from the log. No more of them than `snapshot_every_bytes`.
    pub keep_entries: u64,
}

/// The pace of raft.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// Between two heartbeats of the leader.
    pub heartbeat: Duration,
    /// A follower that hears nothing for a random time between the two stands for election.
    pub election_min: Duration,
    /// See `election_min`.
    pub election_max: Duration,
}

// === impl Timing ===

impl Default for Timing {
    /// For members on one network, with disks that may stall for some hundred milliseconds: a dead leader is
    /// replaced within two seconds.
    fn default() -> Self {
        Self {
            heartbeat: Duration::from_millis(100),
            election_min: Duration::from_millis(500),
            election_max: Duration::from_secs(1),
        }
    }
}

// === impl Retention ===

impl Default for Retention {
    fn default() -> Self {
        Self {
            snapshot_every_entries: 50_000,
            snapshot_every_bytes: 64 << 20,
            keep_entries: 10_000,
        }
    }
}

impl Timing {
    pub(crate) fn raft_config(self, retention: Retention, cluster_id: ClusterId) -> Result<Config, StartError> {
        let ms = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        let config = Config {
            cluster_name: cluster_id.to_string(),
            heartbeat_interval: ms(self.heartbeat),
            election_timeout_min: ms(self.election_min),
            election_timeout_max: ms(self.election_max),
            install_snapshot_timeout: ms(INSTALL_SNAPSHOT_TIMEOUT),
            max_payload_entries: APPEND_ENTRIES_MAX,
            max_append_entries: Some(APPEND_ENTRIES_MAX),
            snapshot_policy: SnapshotPolicy::LogsSinceLast(retention.snapshot_every_entries),
            // What may go is known where the bytes are: see `Consensus::keep_log_short`.
            max_in_snapshot_log_to_keep: u64::MAX,
            // More than lie between two snapshots: a follower that just installed one must not count as
            // lagging for ever.
            replication_lag_threshold: 2 * retention.snapshot_every_entries + retention.keep_entries,
            api_channel_size: Some(CORE_QUEUE_LEN),
            notification_channel_size: Some(CORE_QUEUE_LEN),
            // A member that was cut off must not depose the leader when it comes back.
            enable_pre_vote: Some(true),
            // A leader that restarts has to win an election: its peers may have moved on.
            enable_leader_restore: Some(false),
            // A follower that lost entries is refused by the peer network, once and for all. Until then raft has to
            // take its earlier answers back, and not to end the leader over them.
            allow_log_reversion: Some(true),
            ..Config::default()
        };
        config.validate().map_err(|error| StartError::Timing(error.to_string()))
    }
}
