//! Lets leases lapse that were not renewed in time, while this member leads and knows all that was answered.

use std::time::Duration;

use quorate_consensus::{ProposeError, RenewalsFailed};
#[cfg(quorate_planted)]
use quorate_model::planted::{self, Planted};
use quorate_model::{Leadership, LeaseId, Revision, limits};
use quorate_state::{Command, HeldLease, Outcome};
use tokio::time::{Instant, sleep};

use super::{Lessor, Shared, lease_clock::TICK};

/// Leases whose lapse is under way at a time.
const AT_ONCE_MAX: usize = 16_384;

/// How long a quorum has to confirm this leader, and an entry to be applied.
const CONFIRM_MAX: Duration = Duration::from_secs(5);

/// Lets leases lapse, for as long as it is not dropped.
pub(super) async fn run(lessor: &Lessor, tenure: Leadership) {
    loop {
        sleep(TICK).await;
        while lessor.shared.table().has_due() {
            if !round(lessor, tenure).await {
                break;
            }
        }
    }
}

/// Looks at what is due, and lets it lapse if it still is when this member is known to lead. Answers whether there may be
/// more.
async fn round(lessor: &Lessor, tenure: Leadership) -> bool {
    let shared = &lessor.shared;
    // Whatever has been received by now is noted before anything lapses.
    lessor.collector.flushed().await;
    let until = Instant::now() + CONFIRM_MAX;
    if let Err(error) = shared.confirm_to_lapse(until).await {
        tracing::debug!(%error, "nothing lapses while no quorum confirms this leader");
        return false;
    }
    shared.follow().await;
    let now = shared.clock.now();
    let taken = shared.table().take_due(now, AT_ONCE_MAX);
    shared.lapse(tenure, &taken).await;
    shared.settle(&taken).await;
    !taken.is_empty()
}

/// Packs leases into entries, in their order: no more than fit with all that each keeps.
pub(super) fn in_entries(
    leases: impl Iterator<Item = (LeaseId, Revision)>,
    keeps: impl Fn(LeaseId) -> usize,
) -> Vec<Vec<(LeaseId, Revision)>> {
    let mut entries: Vec<Vec<(LeaseId, Revision)>> = Vec::new();
    let mut events = 0;
    for (id, revision) in leases {
        let more = keeps(id);
        let fits = entries.last().filter(|entry| {
            entry.len() < limits::EVENTS_PER_ENTRY_MAX && events + more <= limits::EVENTS_PER_ENTRY_MAX
        });
        if fits.is_none() {
            entries.push(Vec::new());
            events = 0;
        }
        events += more;
        if let Some(entry) = entries.last_mut() {
            entry.push((id, revision));
        }
    }
    entries
}

impl Shared {
    async fn confirm_to_lapse(&self, until: Instant) -> Result<(), RenewalsFailed> {
        #[cfg(quorate_planted)]
        if planted::is(Planted::LapseWithoutTermCheck) {
            return Ok(());
        }
        self.confirm(until).await
    }

    /// Proposes lapses to whoever leads by then, until it takes them.
    #[cfg(quorate_planted)]
    async fn insist(&self, command: &Command) {
        let encoded = command.encode().expect("an entry of leases");
        for _ in 0..100 {
            let leader = self.consensus.leader().unwrap_or(self.consensus.identity().member_id);
            let proposed = self.consensus.propose(leader, encoded.clone(), TICK).await;
            tracing::debug!(%leader, ?proposed, "insists on lapses");
            if proposed.is_ok() {
                return;
            }
            sleep(TICK).await;
        }
    }

    /// Proposes lapses, and waits until the fate of all of them is known, and applied here.
    async fn lapse(&self, tenure: Leadership, leases: &[LeaseId]) {
        let view = self.consensus.view();
        let lives = |id: &LeaseId| {
            let held = view.lease(*id).filter(|held| held.lapsed().is_none())?;
            Some((*id, held.changed()))
        };
        let keeps = |id: LeaseId| view.lease(id).map_or(0, HeldLease::instance_count);
        for leases in in_entries(leases.iter().filter_map(lives), keeps) {
            let count = leases.len();
            let command = Command::LapseLeases { by: tenure, leases };
            #[cfg(quorate_planted)]
            if planted::is(Planted::LapseWithoutTermCheck) {
                self.insist(&command).await;
                continue;
            }
            let Ok(encoded) = command.encode() else {
                continue;
            };
            let own = self.consensus.identity().member_id;
            match self.consensus.propose(own, encoded, CONFIRM_MAX).await {
                Ok(applied) => report(count, &applied.outcome),
                Err(ProposeError::OutcomeUnknown(problem)) => {
                    tracing::debug!(problem, "it is not known yet whether leases have lapsed");
                    self.come_to_end().await;
                    return;
                }
                Err(error) => {
                    tracing::debug!(%error, "leases that were not renewed have not lapsed yet");
                    return;
                }
            }
        }
    }

    /// Waits until all is applied that this leader has been given so far. It is asked first: raft takes what it is given
    /// in order, and what it has taken is in its log.
    async fn come_to_end(&self) {
        while self.confirm(Instant::now() + CONFIRM_MAX).await.is_err() {
            sleep(TICK).await;
        }
        let last = self.consensus.status().last_log;
        // An error means that this member stops.
        let _applied = self.consensus.wait_applied(last).await;
    }

    /// Notes that the fate of lapses is known, and tells those who wait for it.
    async fn settle(&self, leases: &[LeaseId]) {
        self.follow().await;
        let now = self.clock.now();
        self.table().settle(leases, now);
        self.settled.send_modify(|count| *count += 1);
    }
}

fn report(count: usize, outcome: &Outcome) {
    if let Outcome::LeasesLapsed { count: lapsed } = outcome {
        tracing::info!(lapsed, proposed = count, "leases have lapsed");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_hold_no_more_than_fits_with_all_that_is_kept() {
        let leases = (1..=10).map(|id| (LeaseId::new(id), Revision::new(id)));
        let entries = in_entries(leases.clone(), |_| 256);
        assert_eq!(entries.iter().map(Vec::len).collect::<Vec<_>>(), [4, 4, 2]);
        let many = (1..=3_000).map(|id| (LeaseId::new(id), Revision::new(id)));
        let entries = in_entries(many, |_| 0);
        assert_eq!(entries.iter().map(Vec::len).collect::<Vec<_>>(), [1_024, 1_024, 952]);
        assert!(in_entries(std::iter::empty(), |_| 0).is_empty());
    }
}
