//! Every key of the configuration, as it is written in a file, and its default.

use quorate_registry::ProbePolicy;
use serde::{Deserialize, Serialize};

/// The keys, before anything is made of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Settings {
    pub(super) data_dir: Option<String>,
    pub(super) memory: bool,
    pub(super) min_free_disk_bytes: u64,
    pub(super) disk_ballast_bytes: u64,
    pub(super) listen_client: String,
    pub(super) listen_peer: String,
    pub(super) advertise_client: Option<String>,
    pub(super) advertise_peer: Option<String>,
    pub(super) bootstrap: bool,
    pub(super) peers: Vec<String>,
    pub(super) join: Vec<String>,
    pub(super) learner: bool,
    pub(super) replace: u64,
    pub(super) heartbeat_ms: u64,
    pub(super) election_timeout_min_ms: u64,
    pub(super) election_timeout_max_ms: u64,
    pub(super) snapshot_every_entries: u64,
    pub(super) snapshot_every_bytes: u64,
    pub(super) log_keep_entries: u64,
    pub(super) client_connections_max: u32,
    pub(super) probe_refuse: Vec<String>,
    pub(super) probe_allow: Vec<String>,
    pub(super) probe_ca_file: Option<String>,
    pub(super) log_format: String,
    pub(super) log_level: String,
}

// === impl Settings ===

impl Default for Settings {
    fn default() -> Self {
        Self {
            data_dir: None,
            memory: false,
            min_free_disk_bytes: 256 << 20,
            disk_ballast_bytes: 64 << 20,
            listen_client: "127.0.0.1:7300".to_owned(),
            listen_peer: "127.0.0.1:7400".to_owned(),
            advertise_client: None,
            advertise_peer: None,
            bootstrap: false,
            peers: Vec::new(),
            join: Vec::new(),
            learner: false,
            replace: 0,
            heartbeat_ms: 100,
            election_timeout_min_ms: 500,
            election_timeout_max_ms: 1_000,
            snapshot_every_entries: 50_000,
            snapshot_every_bytes: 64 << 20,
            log_keep_entries: 10_000,
            client_connections_max: 10_000,
            probe_refuse: ProbePolicy::default().networks().map(ToString::to_string).collect(),
            probe_allow: Vec::new(),
            probe_ca_file: None,
            log_format: "text".to_owned(),
            log_level: "info".to_owned(),
        }
    }
}
