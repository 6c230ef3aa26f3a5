//! The layer that wins: what was said on the command line.

use serde::Serialize;

/// Values given as flags, as they were written. What is absent is left to the other layers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ConfigOverrides {
    /// `--data-dir`: where the node keeps its data.
    pub data_dir: Option<String>,
    /// `--memory`: keep everything in memory, and lose it at exit.
    pub memory: Option<bool>,
    /// `--listen-client`: IP address and port of the door for clients.
    pub listen_client: Option<String>,
    /// `--listen-peer`: IP address and port of the door for other members.
    pub listen_peer: Option<String>,
    /// `--advertise-client`: host and port at which clients find that door.
    pub advertise_client: Option<String>,
    /// `--advertise-peer`: host and port at which other members find that door.
    pub advertise_peer: Option<String>,
    /// `--bootstrap`: found a new cluster.
    pub bootstrap: Option<bool>,
    /// `--join`: peer doors of members whose cluster is to be joined.
    pub join: Option<Vec<String>>,
    /// `--learner`: join as a read replica that never votes.
    pub learner: Option<bool>,
    /// `--replace`: join in the place of the member with this id, which is gone for good.
    pub replace: Option<u64>,
    /// `--probe-allow`: networks that are probed though they are among those that are not.
    pub probe_allow: Option<Vec<String>>,
    /// `--log-format`: `text` or `json`.
    pub log_format: Option<String>,
    /// `--log-level`: a level, or a filter such as `info,quorate_registry=debug`.
    pub log_level: Option<String>,
}
