//! What the node probes, and whom it trusts then.

use std::path::{Path, PathBuf};

use quorate_registry::ProbePolicy;

use super::{ConfigError, layers::Layers, settings::Settings};

/// What the node probes, and whom it trusts then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probes {
    policy: ProbePolicy,
    ca_file: Option<PathBuf>,
}

// === impl Probes ===

impl Probes {
    pub(super) fn parse(settings: &Settings, layers: &Layers) -> Result<Self, ConfigError> {
        const REFUSE: &str = "probe_refuse";
        let networks = settings.probe_refuse.iter().map(|network| network.parse());
        let networks: Result<Vec<_>, _> = networks.collect();
        let policy = networks.and_then(ProbePolicy::new);
        Ok(Self {
            policy: policy.map_err(|problem| layers.refuse(REFUSE, problem.to_string()))?,
            ca_file: settings.probe_ca_file.as_ref().map(PathBuf::from),
        })
    }

    /// What is probed, and what is not whoever asks for it.
    pub fn policy(&self) -> &ProbePolicy {
        &self.policy
    }

    /// The certificates, in PEM, that are trusted where a check names none; without it, nobody is.
    pub fn ca_file(&self) -> Option<&Path> {
        self.ca_file.as_deref()
    }
}
