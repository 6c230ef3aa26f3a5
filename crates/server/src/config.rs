//! The configuration of a node: read in layers, parsed into values that fit together.
//!
//! A value comes from the first of these that gives it: a flag, an environment variable, the configuration
//! file, the default. One key has one name everywhere: `listen_client` in the file is `--listen-client` and
//! `QUORATE_LISTEN_CLIENT`. An environment variable that is set to nothing counts as not set.
//!
//! # Invariants
//! * A [`Config`] that exists is one that a node can start from, as far as can be told without touching
//!   anything outside the process.

mod door;
mod error;
mod layers;
mod limits;
mod logging;
mod overrides;
mod place;
mod probes;
mod retention;
mod settings;
mod start;
mod timing;

use std::path::Path;

pub use door::{Door, Doors};
pub use error::{ConfigError, Origin};
pub use limits::{DiskNeeds, Limits};
pub use logging::{LogFormat, Logging};
pub use overrides::ConfigOverrides;
pub use place::Place;
pub use probes::Probes;
pub use start::Start;

use layers::Layers;
use quorate_consensus::{Retention, Timing};

/// Everything that a node is told from outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    doors: Doors,
    place: Place,
    start: Start,
    timing: Timing,
    retention: Retention,
    limits: Limits,
    probes: Probes,
    logging: Logging,
}

// === impl Config ===

impl Config {
    /// Reads the configuration from its layers: `overrides`, the environment of the process, `file`, defaults.
    ///
    /// Nothing but the file is touched, so that this succeeding is what `--check-config` checks.
    pub fn load(file: Option<&Path>, overrides: &ConfigOverrides) -> Result<Self, ConfigError> {
        Self::layered(file, |name| std::env::var(name).ok(), overrides)
    }

    fn layered(
        file: Option<&Path>,
        environment: impl Fn(&str) -> Option<String>,
        overrides: &ConfigOverrides,
    ) -> Result<Self, ConfigError> {
        let layers = Layers::read(file, environment, overrides)?;
        let settings = layers.settings()?;
        let place = Place::parse(&settings, &layers)?;
        let doors = Doors::parse(&settings, &layers)?;
        Ok(Self {
            start: Start::parse(&settings, &layers, &place, &doors)?,
            timing: timing::parse(&settings, &layers)?,
            retention: retention::parse(&settings, &layers)?,
            limits: Limits::parse(&settings, &layers)?,
            probes: Probes::parse(&settings, &layers)?,
            logging: Logging::parse(&settings, &layers)?,
            doors,
            place,
        })
    }

    /// Where the node listens, and where others are told to find it.
    pub fn doors(&self) -> &Doors {
        &self.doors
    }

    /// Where the node keeps its data.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// How a node without data comes to belong to a cluster.
    pub fn start(&self) -> &Start {
        &self.start
    }

    /// The pace of raft.
    pub fn timing(&self) -> Timing {
        self.timing
    }

    /// When the raft log is cut.
    pub fn retention(&self) -> Retention {
        self.retention
    }

    /// What the node takes at most.
    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// What the node probes, and whom it trusts then.
    pub fn probes(&self) -> &Probes {
        &self.probes
    }

    /// What the process writes to stderr.
    pub fn logging(&self) -> &Logging {
        &self.logging
    }
}

#[cfg(test)]
mod tests;
