//! The task that keeps measuring how fresh this member is, so that a stale read can say so at once.

use std::{sync::Arc, time::Duration};

use tokio::time::{MissedTickBehavior, interval};

use crate::{Policy, Tasks, deadline::Deadline, quorum::Quorum, readiness::Readiness};

use super::Reader;

/// Between two measurements: the staleness of an undisturbed member is little more.
const PERIOD: Duration = Duration::from_millis(100);

/// How long one measurement may take; meanwhile there is no other.
const TIME_MAX: Duration = Duration::from_secs(1);

/// Starts the task.
pub(super) fn start(reader: Reader<impl Quorum>, readiness: Readiness, tasks: &Tasks) {
    tasks.spawn("freshness-meter", Policy::Essential, run(reader, readiness));
}

async fn run(reader: Reader<impl Quorum>, readiness: Readiness) {
    let mut ticks = interval(PERIOD);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if reader.quorum.leader().is_some() {
            let deadline = Deadline::after(Arc::clone(&reader.clock), TIME_MAX);
            // A failure needs no word here: the staleness that is stated grows, and readiness falls.
            let _ = reader.barrier(&deadline).await;
        }
        readiness.follow(reader.freshness.as_of(), reader.clock.now());
    }
}
