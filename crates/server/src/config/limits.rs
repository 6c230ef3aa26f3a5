//! What a node takes at most, and what it needs at least.

use super::{ConfigError, layers::Layers, settings::Settings};

/// Each open connection costs a file descriptor and some memory; no node should need more.
const CLIENT_CONNECTIONS_MAX: u32 = 1_000_000;

/// What a node takes at most, and what it needs at least.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    client_connections_max: usize,
    min_free_disk_bytes: u64,
}

// === impl Limits ===

impl Limits {
    pub(super) fn parse(settings: &Settings, layers: &Layers) -> Result<Self, ConfigError> {
        let connections = settings.client_connections_max;
        if connections == 0 || connections > CLIENT_CONNECTIONS_MAX {
            let problem = format!("{connections} is not allowed; it is 1–{CLIENT_CONNECTIONS_MAX}");
            return Err(layers.refuse("client_connections_max", problem));
        }
        Ok(Self {
            client_connections_max: connections as usize,
            min_free_disk_bytes: settings.min_free_disk_bytes,
        })
    }

    /// Most connections of clients at a time. More wait until one is closed.
    pub fn client_connections_max(self) -> usize {
        self.client_connections_max
    }

    /// With less than this free on the disk of its data, in bytes, the node says that it is not ready. 0 turns
    /// that off.
    pub fn min_free_disk_bytes(self) -> u64 {
        self.min_free_disk_bytes
    }
}
