//! The pace of raft: how fast a dead leader is noticed, how much goes into one message.

use std::time::Duration;

use openraft::{Config, SnapshotPolicy};
use quorate_model::ClusterId;

use crate::error::StartError;

/// Entries between two snapshots, and entries that stay in the log behind a snapshot so that a follower
/// which was away for a moment catches up from the log.
const SNAPSHOT_EVERY_ENTRIES: u64 = 50_000;
const KEEP_BEHIND_SNAPSHOT_ENTRIES: u64 = 10_000;

/// A learner is caught up when it lacks fewer entries than this. More than lie between two snapshots:
/// otherwise a follower that just installed one could count as lagging for ever.
const LAG_ENTRIES_MAX: u64 = SNAPSHOT_EVERY_ENTRIES + KEEP_BEHIND_SNAPSHOT_ENTRIES;

/// Entries in one append. The storage caps their bytes as well.
const APPEND_ENTRIES_MAX: u64 = 1_024;

/// Messages waiting for the raft core. The server admits far fewer requests at a time.
const CORE_QUEUE_LEN: u64 = 8_192;

/// Time for a whole snapshot to be sent and installed.
const INSTALL_SNAPSHOT_TIMEOUT: Duration = Duration::from_secs(300);

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

impl Timing {
    pub(crate) fn raft_config(self, cluster_id: ClusterId) -> Result<Config, StartError> {
        let ms = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        let config = Config {
            cluster_name: cluster_id.to_string(),
            heartbeat_interval: ms(self.heartbeat),
            election_timeout_min: ms(self.election_min),
            election_timeout_max: ms(self.election_max),
            install_snapshot_timeout: ms(INSTALL_SNAPSHOT_TIMEOUT),
            max_payload_entries: APPEND_ENTRIES_MAX,
            snapshot_policy: SnapshotPolicy::LogsSinceLast(SNAPSHOT_EVERY_ENTRIES),
            max_in_snapshot_log_to_keep: KEEP_BEHIND_SNAPSHOT_ENTRIES,
            purge_batch_size: APPEND_ENTRIES_MAX,
            replication_lag_threshold: LAG_ENTRIES_MAX,
            api_channel_size: Some(CORE_QUEUE_LEN),
            notification_channel_size: Some(CORE_QUEUE_LEN),
            // A member that was cut off must not depose the leader when it comes back.
            enable_pre_vote: Some(true),
            // A leader that restarts has to win an election: its peers may have moved on.
            enable_leader_restore: Some(false),
            ..Config::default()
        };
        config.validate().map_err(|error| StartError::Timing(error.to_string()))
    }
}
