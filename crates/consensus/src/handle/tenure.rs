//! How long this member leads, and by whose votes.

use std::collections::BTreeSet;

use openraft::{ServerState, async_runtime::WatchReceiver as _};
use quorate_model::{Leadership, MemberId};

use super::{Consensus, member_id};
use crate::type_config::leadership;

/// The sets of voters of which a majority each is needed: one, or two while they change.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Electorate {
    /// The log index of the membership: greater ones are later.
    pub index: u64,
    sets: Vec<BTreeSet<MemberId>>,
}

// === impl Electorate ===

impl Electorate {
    /// An electorate of these sets.
    pub fn new(index: u64, sets: Vec<BTreeSet<MemberId>>) -> Self {
        Self { index, sets }
    }

    /// Whether these members are a majority of each set.
    pub fn is_majority(&self, members: impl Fn(MemberId) -> bool) -> bool {
        let is_majority = |set: &BTreeSet<MemberId>| set.iter().filter(|id| members(**id)).count() * 2 > set.len();
        !self.sets.is_empty() && self.sets.iter().all(is_majority)
    }

    /// The highest mark that a majority of each set has reached.
    pub fn reached(&self, mark: impl Fn(MemberId) -> u64) -> u64 {
        let of_set = |set: &BTreeSet<MemberId>| {
            let mut marks: Vec<u64> = set.iter().map(|id| mark(*id)).collect();
            marks.sort_unstable();
            // In ascending order: so many come before it that it and those behind it are a majority.
            marks.get((marks.len().saturating_sub(1)) / 2).copied().unwrap_or(0)
        };
        self.sets.iter().map(of_set).min().unwrap_or(0)
    }

    /// Everybody who has a vote.
    pub fn voters(&self) -> BTreeSet<MemberId> {
        self.sets.iter().flatten().copied().collect()
    }
}

impl Consensus {
    /// The leadership of this member, if it leads and has applied an entry of it: everything then is in its view that
    /// was acknowledged by leaders before.
    pub fn tenure(&self) -> Option<Leadership> {
        let metrics = self.metrics();
        let metrics = metrics.borrow_watched();
        let id = &metrics.vote.leader_id;
        let leads = metrics.state == ServerState::Leader && id.node_id == metrics.id;
        (leads && self.log_clock.has_begun(id)).then(|| leadership(id))
    }

    /// Waits until this member has begun to lead, and answers by which vote.
    pub async fn elected(&self) -> Leadership {
        loop {
            if let Some(tenure) = self.tenure() {
                return tenure;
            }
            self.status_is(|_| self.tenure().is_some()).await;
        }
    }

    /// Waits until this leadership of this member is over.
    pub async fn deposed(&self, tenure: Leadership) {
        self.status_is(|_| self.tenure() != Some(tenure)).await;
    }

    /// By whom majorities are made, as this member knows it.
    pub fn electorate(&self) -> Electorate {
        let metrics = self.metrics();
        let metrics = metrics.borrow_watched();
        let stored = &metrics.membership_config;
        let sets = stored.membership().get_joint_config().iter();
        Electorate {
            index: stored.log_id().as_ref().map_or(0, |log_id| log_id.index),
            sets: sets
                .map(|set| set.iter().filter_map(|id| member_id(Some(*id))).collect())
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(id: u64) -> MemberId {
        id.try_into().unwrap()
    }

    fn electorate(sets: &[&[u64]]) -> Electorate {
        let sets = sets.iter().map(|set| set.iter().map(|id| member(*id)).collect());
        Electorate::new(7, sets.collect())
    }

    #[test]
    fn a_majority_is_one_of_each_set() {
        let joint = electorate(&[&[1, 2, 3], &[3, 4, 5]]);
        let is_majority = |ids: &[u64]| joint.is_majority(|id| ids.contains(&id.get()));
        assert!(is_majority(&[1, 3, 4]));
        assert!(!is_majority(&[1, 2, 3]));
        assert!(!electorate(&[]).is_majority(|_| true));
    }

    #[test]
    fn a_mark_is_reached_where_a_majority_has_come_so_far() {
        let marks = |id: MemberId| id.get() * 10;
        assert_eq!(electorate(&[&[1]]).reached(marks), 10);
        assert_eq!(electorate(&[&[1, 2]]).reached(marks), 10);
        assert_eq!(electorate(&[&[1, 2, 3]]).reached(marks), 20);
        assert_eq!(electorate(&[&[1, 2, 3, 4]]).reached(marks), 20);
        assert_eq!(electorate(&[&[1, 2, 3], &[3, 4, 5]]).reached(marks), 20);
        assert_eq!(electorate(&[]).reached(marks), 0);
    }
}
