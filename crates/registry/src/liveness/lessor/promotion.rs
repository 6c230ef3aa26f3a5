//! What a new leader does before it lets leases lapse: it asks a majority what that knows of renewals.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::atomic::Ordering,
    time::Duration,
};

use futures::{StreamExt as _, stream::FuturesUnordered};
use quorate_consensus::{Electorate, Known};
#[cfg(quorate_planted)]
use quorate_model::planted::{self, Planted};
use quorate_model::{Leadership, MemberId};
use tokio::time::{Instant, sleep};

use super::{STRIDE, Shared};

/// How long a new leader waits when it knows all: renewals that were on their way arrive meanwhile.
const GRACE: Duration = Duration::from_secs(1);

/// How long members have to answer, before every lease is given its full time: a member that is restarted is back by
/// then.
const ASK_MAX: Duration = Duration::from_secs(4);

/// How long one member has to tell all that it knows.
const PULL_MAX: Duration = Duration::from_secs(2);

/// Between two tries with a member that does not answer.
const RETRY_AFTER: Duration = Duration::from_millis(100);

/// Leases of one part of a table: a message of less than 100 KiB.
pub(super) const PART_LEASES: usize = 16_384;

/// Learns what a majority knows, or gives every lease its full time if none knows all. Then waits for a moment.
pub(super) async fn run(shared: &Shared, tenure: Leadership) {
    #[cfg(quorate_planted)]
    if planted::is(Planted::PromotionWithoutMajority) {
        shared.is_complete.send_replace(Some(tenure));
        return;
    }
    let electorate = shared.consensus.electorate();
    if shared.learn_from_majority(tenure, &electorate).await {
        tracing::info!(%tenure, "knows of all renewals that were answered by leaders before");
    } else {
        shared.reset().await;
        let leases = shared.consensus.view().lease_count();
        if leases > 0 {
            shared.resets.fetch_add(1, Ordering::Relaxed);
            tracing::warn!(
                %tenure,
                leases,
                "no majority of the voters knows of all renewals: every lease is given its full time to live"
            );
        }
    }
    let index = shared.consensus.electorate().index;
    shared.table().complete(index);
    shared.is_complete.send_replace(Some(tenure));
    sleep(GRACE).await;
}

impl Shared {
    /// Asks all voters what they know, and answers whether a majority of those by whom this member was elected knows all.
    async fn learn_from_majority(&self, tenure: Leadership, electorate: &Electorate) -> bool {
        let own = self.consensus.identity().member_id;
        let mut answered: BTreeMap<MemberId, bool> = BTreeMap::new();
        answered.insert(own, self.knows_all(electorate));
        let asked: BTreeSet<MemberId> = electorate.voters().into_iter().filter(|id| *id != own).collect();
        let mut asking: FuturesUnordered<_> = asked.iter().map(|id| self.ask(*id, tenure)).collect();
        let until = Instant::now() + ASK_MAX;
        loop {
            if electorate.is_majority(|id| answered.get(&id) == Some(&true)) {
                return self.consensus.electorate().index == electorate.index;
            }
            // Nobody who has not answered yet can make a majority of those who know all.
            if !electorate.is_majority(|id| answered.get(&id) != Some(&false)) {
                return false;
            }
            let Ok(Some((id, known))) = tokio::time::timeout_at(until, asking.next()).await else {
                return false;
            };
            let knows_all = known.complete && known.membership_index >= electorate.index;
            self.learn(known).await;
            answered.insert(id, knows_all);
        }
    }

    fn knows_all(&self, electorate: &Electorate) -> bool {
        let table = self.table();
        table.is_complete() && table.membership_index() >= electorate.index
    }

    /// Asks a voter until it answers. One that follows a later leader says no more to this one.
    async fn ask(&self, id: MemberId, tenure: Leadership) -> (MemberId, Known) {
        loop {
            if let Some(Ok(known)) = self.consensus.pull_renewals(id, tenure, PULL_MAX).await {
                return (id, known);
            }
            sleep(RETRY_AFTER).await;
        }
    }

    async fn learn(&self, known: Known) {
        for part in known.parts {
            let now = self.clock.now();
            self.table().learn(&part, false, now);
            tokio::task::yield_now().await;
        }
    }

    /// Gives every lease its full time to live.
    async fn reset(&self) {
        let mut after = None;
        loop {
            let now = self.clock.now();
            after = self.table().reset(after, STRIDE, now);
            if after.is_none() {
                return;
            }
            tokio::task::yield_now().await;
        }
    }

    /// All that this member knows, for the leader `by`.
    pub(super) async fn pulled(&self, by: Leadership) -> Result<Known, Leadership> {
        let mut known = {
            let mut table = self.table();
            table.fence(by)?;
            Known {
                complete: table.is_complete(),
                membership_index: table.membership_index(),
                parts: Vec::new(),
            }
        };
        let mut after = None;
        loop {
            let now = self.clock.now();
            let (part, next) = self.table().ages(after, PART_LEASES, now);
            known.parts.push(part);
            after = next;
            if after.is_none() {
                return Ok(known);
            }
            tokio::task::yield_now().await;
        }
    }
}
