//! What a node takes at most, and what it needs at least.

use super::{ConfigError, layers::Layers, settings::Settings};

/// Each open connection costs a file descriptor and some memory; no node should need more.
const CLIENT_CONNECTIONS_MAX: u32 = 1_000_000;

/// A log and two snapshots of the largest catalog are not larger.
const DISK_BALLAST_BYTES_MAX: u64 = 16 << 30;

/// What a node takes at most, and what it needs at least.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    client_connections_max: usize,
    disk_needs: DiskNeeds,
}

/// What a node wants of the disk of its data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DiskNeeds {
    /// With less than this free, in bytes, the cluster takes nothing that makes it grow. 0 turns that off.
    pub floor_bytes: u64,
    /// So many bytes are kept for when there are no others. 0 for none.
    pub ballast_bytes: u64,
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
            disk_needs: DiskNeeds::parse(settings, layers)?,
        })
    }

    /// Most connections of clients at a time. More wait until one is closed.
    pub fn client_connections_max(self) -> usize {
        self.client_connections_max
    }

    /// What the node wants of the disk of its data.
    pub fn disk_needs(self) -> DiskNeeds {
        self.disk_needs
    }
}

// === impl DiskNeeds ===

impl DiskNeeds {
    fn parse(settings: &Settings, layers: &Layers) -> Result<Self, ConfigError> {
        let ballast_bytes = settings.disk_ballast_bytes;
        if ballast_bytes > DISK_BALLAST_BYTES_MAX {
            let problem = format!("{ballast_bytes} is not allowed; it is 0–{DISK_BALLAST_BYTES_MAX}");
            return Err(layers.refuse("disk_ballast_bytes", problem));
        }
        Ok(Self {
            floor_bytes: settings.min_free_disk_bytes,
            ballast_bytes,
        })
    }
}
