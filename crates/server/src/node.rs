//! A node, built from injected parts: who it is, what it opens, how it serves and how it stops.
//!
//! Its life is a line: it settles who it is ([`identity`]); it boots ([`boot`]), which opens its disk ([`disk`]) and its
//! doors ([`doors`]); it serves ([`serving`]) until it is told to stop or cannot go on; it stops in an order in which nothing that
//! was acknowledged is lost and as little as possible of what is under way is cut off.
//!
//! # Invariants
//! * A member id is asked for only after both doors are open: a port that is in use costs no id.
//! * A disk holds the data of one identity for ever.
//! * After a failure nothing more is answered: the process ends, and whoever starts it again starts from what is
//!   durable.

mod boot;
mod disk;
mod doors;
mod error;
mod health;
mod identity;
mod serving;
mod watch;

use std::{fmt, sync::Arc};

use quorate_consensus::Connector;
use quorate_model::Clock;
use quorate_registry::Dial;
use rand::Rng;
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

use crate::{Config, listener::Listener};

pub use disk::Disk;
pub use error::NodeError;

/// What a node is built from, besides its configuration: all through which it touches the world.
pub struct Parts {
    /// Where it keeps its data, taken already.
    pub disk: Disk,
    /// Its door for clients, open already.
    pub client_door: Box<dyn Listener>,
    /// Its door for the other members, open already, on the raft runtime.
    pub peer_door: Box<dyn Listener>,
    /// How it reaches the other members.
    pub connector: Arc<dyn Connector>,
    /// How it reaches what it probes.
    pub dial: Arc<dyn Dial>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Where it draws the ids that must be its own.
    pub random: Box<dyn Rng + Send>,
    /// Where its tasks run.
    pub runtimes: Runtimes,
}

/// Where the tasks of a node run.
#[derive(Debug, Clone)]
pub struct Runtimes {
    /// Raft and what other members ask: one thread of its own, so that no flood of clients delays a heartbeat.
    pub raft: Handle,
    /// Everything else.
    pub main: Handle,
}

/// A node that has not started yet.
#[derive(Debug)]
pub struct Node {
    config: Config,
    parts: Parts,
}

// === impl Node ===

impl Node {
    /// Puts a node together. Nothing happens before it runs.
    pub fn build(config: Config, parts: Parts) -> Self {
        Self { config, parts }
    }

    /// Runs until `stop` is cancelled, which ends in a graceful stop, or until it cannot go on.
    ///
    /// After an error the process has to end: some of its tasks may still run.
    pub async fn run_until(self, stop: CancellationToken) -> Result<(), NodeError> {
        let Self { config, mut parts } = self;
        // This alone may take for ever; the rest takes moments, and half of it is harder to stop than all.
        let settled = stop.run_until_cancelled(identity::settle(&config, &mut parts)).await;
        let Some(identity) = settled else {
            tracing::info!("stopped before it had started");
            return Ok(());
        };
        let mut serving = boot::boot(config, parts, identity?).await?;
        let removed = serving.removed();
        tokio::select! {
            biased;
            failure = serving.failed() => return Err(failure),
            () = removed => serving.leave(),
            () = stop.cancelled() => {}
        }
        serving.stop().await;
        Ok(())
    }
}

impl fmt::Debug for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parts")
            .field("disk", &self.disk)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
