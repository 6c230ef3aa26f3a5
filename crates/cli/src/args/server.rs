//! Flags of `server`. They are handed on as they are written: the server checks them together with the
//! environment and the configuration file, and says where a wrong value comes from.

use std::path::PathBuf;

use clap::Args;
use quorate_server::ConfigOverrides;

/// See [`Verb::Server`](super::Verb::Server).
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag, as the user writes it")]
pub(crate) struct ServerArgs {
    /// Read the configuration from this file (TOML). Flags and QUORATE_… variables go before it.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Say whether the configuration is right, and do nothing else.
    #[arg(long)]
    pub(crate) check_config: bool,
    /// Where the data is kept. Created if it is not there.
    #[arg(long, value_name = "DIR")]
    data_dir: Option<String>,
    /// Where clients are listened to: an IP address and a port.
    #[arg(long, value_name = "ADDR")]
    listen_client: Option<String>,
    /// Where other members are listened to: an IP address and a port.
    #[arg(long, value_name = "ADDR")]
    listen_peer: Option<String>,
    /// Where clients find the node, if that is elsewhere: a host and a port.
    #[arg(long, value_name = "ADDR")]
    advertise_client: Option<String>,
    /// Where other members find the node, if that is elsewhere: a host and a port.
    #[arg(long, value_name = "ADDR")]
    advertise_peer: Option<String>,
    /// Found a new cluster. Ignored by a node that has data.
    #[arg(long)]
    bootstrap: bool,
    /// Join the cluster of the members with these peer doors. Ignored by a node that has data.
    #[arg(long, value_name = "ADDR,…", value_delimiter = ',')]
    join: Option<Vec<String>>,
    /// Join as a member that never votes.
    #[arg(long)]
    learner: bool,
    /// Join in the place of the member with this id, which is gone for good: with its vote, and at its address too.
    #[arg(long, value_name = "ID")]
    replace: Option<u64>,
    /// Keep everything in memory, and forget it at exit.
    #[arg(long)]
    memory: bool,
    /// Probe these networks for checks of instances, though they are among those that are not probed.
    #[arg(long, value_name = "NET,…", value_delimiter = ',')]
    probe_allow: Option<Vec<String>>,
    /// How log lines look: `text` or `json`.
    #[arg(long, value_name = "FORMAT")]
    log_format: Option<String>,
    /// What is logged: a level, or a filter such as `info,quorate_registry=debug`.
    #[arg(long, value_name = "FILTER")]
    log_level: Option<String>,
    /// Die when the process with this id, which must be the parent, dies.
    #[arg(long, value_name = "PID", hide = true)]
    pub(crate) die_with_parent: Option<i32>,
}

// === impl ServerArgs ===

impl ServerArgs {
    /// What the flags say about the configuration.
    pub(crate) fn overrides(&self) -> ConfigOverrides {
        let if_set = |flag: bool| flag.then_some(true);
        ConfigOverrides {
            data_dir: self.data_dir.clone(),
            memory: if_set(self.memory),
            listen_client: self.listen_client.clone(),
            listen_peer: self.listen_peer.clone(),
            advertise_client: self.advertise_client.clone(),
            advertise_peer: self.advertise_peer.clone(),
            bootstrap: if_set(self.bootstrap),
            join: self.join.clone(),
            learner: if_set(self.learner),
            replace: self.replace,
            probe_allow: self.probe_allow.clone(),
            log_format: self.log_format.clone(),
            log_level: self.log_level.clone(),
        }
    }
}
