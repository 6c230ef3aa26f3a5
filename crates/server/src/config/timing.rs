//! The pace of raft.

use std::time::Duration;

use quorate_consensus::Timing;

use super::{ConfigError, layers::Layers, settings::Settings};

/// Shorter heartbeats keep the network and the processor busy with nothing else.
const HEARTBEAT_MS_MIN: u64 = 10;

/// One lost heartbeat, or one that is late by another, must not start an election.
const HEARTBEATS_PER_ELECTION_MIN: u64 = 3;

/// Longer, and a cluster without a leader looks like one that is broken.
const ELECTION_TIMEOUT_MS_MAX: u64 = 60_000;

/// Reads how fast raft works, if its times fit together.
pub(super) fn parse(settings: &Settings, layers: &Layers) -> Result<Timing, ConfigError> {
    let Settings {
        heartbeat_ms,
        election_timeout_min_ms: min_ms,
        election_timeout_max_ms: max_ms,
        ..
    } = *settings;
    if heartbeat_ms < HEARTBEAT_MS_MIN {
        let problem = format!("{heartbeat_ms} is too often; allowed is {HEARTBEAT_MS_MIN} or more");
        return Err(layers.refuse("heartbeat_ms", problem));
    }
    let lowest_ms = heartbeat_ms.saturating_mul(HEARTBEATS_PER_ELECTION_MIN);
    if min_ms < lowest_ms {
        let problem = format!(
            "{min_ms} is too short; allowed is {HEARTBEATS_PER_ELECTION_MIN} × heartbeat_ms = {lowest_ms} or more"
        );
        return Err(layers.refuse("election_timeout_min_ms", problem));
    }
    if max_ms <= min_ms || max_ms > ELECTION_TIMEOUT_MS_MAX {
        let problem = format!(
            "{max_ms} is not allowed; it is more than election_timeout_min_ms = {min_ms} and at most \
             {ELECTION_TIMEOUT_MS_MAX}"
        );
        return Err(layers.refuse("election_timeout_max_ms", problem));
    }
    Ok(Timing {
        heartbeat: Duration::from_millis(heartbeat_ms),
        election_min: Duration::from_millis(min_ms),
        election_max: Duration::from_millis(max_ms),
    })
}
