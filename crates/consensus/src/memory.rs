//! What this member, as a leader, was told to be durable on each of the others.
//!
//! A member that loses entries which it had acknowledged, because its disk had not kept what it said it had, must
//! not vote: the entries may have been committed by its word. It cannot know by itself, if its log and all that
//! might contradict it went back together. Those whom it told do.
//!
//! # Invariants
//! - What is remembered of a member never falls, as long as it belongs to the cluster and no later leader has had
//!   it remove what it told.
//! - In one leadership a member whose log ends before what it acknowledged in it has lost entries: only a later
//!   leader has it remove any, and then answers with that leader's vote.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::type_config::{LeaderId, LogId};

/// The memory of what the other members acknowledged. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct PeerMemory {
    /// One entry per member. Held for a look-up, never across an await.
    members: Arc<Mutex<BTreeMap<u64, Remembered>>>,
}

/// The highest log id that a member has ever acknowledged to another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Acknowledged {
    pub(crate) log_id: LogId,
    /// The term of the leader that it told.
    pub(crate) term: u64,
}

#[derive(Debug)]
struct Remembered {
    highest: Acknowledged,
    /// The last leadership of this member in which it acknowledged anything, and up to where.
    leadership: LeaderId,
    matched: u64,
    /// Whether it was found to have lost some of it.
    lost: bool,
}

// === impl PeerMemory ===

impl PeerMemory {
    /// Notes that `member` acknowledged `log_id` to this member in its `leadership`.
    pub(crate) fn note(&self, member: u64, leadership: LeaderId, log_id: LogId) {
        let told = Acknowledged {
            log_id,
            term: leadership.term,
        };
        let mut members = self.lock();
        let remembered = members.entry(member).or_insert_with(|| Remembered {
            highest: told,
            leadership,
            matched: log_id.index,
            lost: false,
        });
        remembered.note(leadership, told);
    }

    /// What `member` acknowledged.
    pub(crate) fn recall(&self, member: u64) -> Option<Acknowledged> {
        self.lock().get(&member).map(|remembered| remembered.highest)
    }

    /// Notes that `member` answered this member, in its `leadership`, that it has no such entry at `index`. That
    /// is how the two find out where their logs part, unless it has acknowledged that very entry.
    pub(crate) fn note_conflict(&self, member: u64, leadership: LeaderId, index: u64) {
        let mut members = self.lock();
        let Some(remembered) = members.get_mut(&member) else {
            return;
        };
        if remembered.leadership == leadership && index <= remembered.matched {
            remembered.lose(member, index);
        }
    }

    /// Notes that `member` would vote for this member with a log that ends at `last`. Answers whether the vote
    /// counts: not that of a member which has lost entries.
    ///
    /// `before` is what was remembered when it was asked: what it has acknowledged since is no measure for an answer
    /// that was on its way. `following` is the term of the leader that it follows by its own word, if it gave that: a
    /// later leader than the one that it told may have had it remove entries, and what it told counts no more.
    pub(crate) fn note_grant(
        &self,
        member: u64,
        before: Option<Acknowledged>,
        last: Option<LogId>,
        following: Option<u64>,
    ) -> bool {
        let Some(before) = before.filter(|before| Some(before.log_id) > last) else {
            return true;
        };
        let mut members = self.lock();
        if following.is_some_and(|term| term > before.term) {
            if members
                .get(&member)
                .is_some_and(|remembered| remembered.highest == before)
            {
                members.remove(&member);
            }
            return true;
        }
        if let Some(remembered) = members.get_mut(&member) {
            remembered.lose(member, last.map_or(0, |last| last.index + 1));
        }
        false
    }

    /// Whether `member` has lost entries that it had acknowledged.
    pub(crate) fn has_lost(&self, member: u64) -> bool {
        self.lock().get(&member).is_some_and(|remembered| remembered.lost)
    }

    /// Forgets all but `members`: an id is never used again.
    pub(crate) fn retain(&self, members: &BTreeSet<u64>) {
        self.lock().retain(|member, _| members.contains(member));
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<u64, Remembered>> {
        self.members.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Remembered ===

impl Remembered {
    fn note(&mut self, leadership: LeaderId, told: Acknowledged) {
        // The same entry in a later leadership says more: it was still there then.
        if (told.log_id, told.term) > (self.highest.log_id, self.highest.term) {
            self.highest = told;
        }
        let index = told.log_id.index;
        if self.leadership == leadership {
            self.matched = self.matched.max(index);
        } else if self.leadership < leadership {
            (self.leadership, self.matched) = (leadership, index);
        }
    }

    fn lose(&mut self, member: u64, index: u64) {
        if !std::mem::replace(&mut self.lost, true) {
            tracing::error!(
                member,
                log_index = index,
                acknowledged = self.highest.log_id.index,
                "a member has lost log entries that it had acknowledged: its disk did not keep what it said it had. It \
                 gets no more entries and its vote does not count. Remove it (`quorate member remove {member}`), wipe \
                 its directory and let it join as a new member"
            );
        }
    }
}

// === impl Acknowledged ===

impl Acknowledged {
    /// Whether a member that starts with a log which ends at `last`, in the term of its vote, has lost entries.
    /// A later leader than the one that it told may have had it remove them.
    pub(crate) fn is_lost(&self, last: Option<LogId>, term: u64) -> bool {
        Some(self.log_id) > last && term <= self.term
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEMBER: u64 = 3;

    fn leadership(term: u64) -> LeaderId {
        LeaderId { term, node_id: 1 }
    }

    fn log_id(term: u64, index: u64) -> LogId {
        LogId::new(leadership(term), index)
    }

    fn remembering(log_id: LogId) -> PeerMemory {
        let memory = PeerMemory::default();
        memory.note(MEMBER, leadership(5), log_id);
        memory
    }

    #[test]
    fn what_is_remembered_never_falls() {
        let memory = remembering(log_id(5, 10));
        memory.note(MEMBER, leadership(5), log_id(5, 8));
        memory.note(MEMBER, leadership(6), log_id(4, 300));
        assert_eq!(memory.recall(MEMBER).unwrap().log_id, log_id(5, 10));
        memory.note(MEMBER, leadership(7), log_id(5, 10));
        let highest = Acknowledged {
            log_id: log_id(5, 10),
            term: 7,
        };
        assert_eq!(memory.recall(MEMBER), Some(highest));
        assert_eq!(memory.recall(4), None);
    }

    #[test]
    fn only_members_are_remembered() {
        let memory = remembering(log_id(5, 10));
        memory.note(4, leadership(5), log_id(5, 10));
        memory.retain(&BTreeSet::from([1, 4]));
        assert_eq!(memory.recall(MEMBER), None);
        assert!(memory.recall(4).is_some());
    }

    #[test]
    fn a_conflict_below_what_was_acknowledged_in_the_leadership_is_a_loss() {
        let memory = remembering(log_id(5, 10));
        memory.note_conflict(MEMBER, leadership(5), 11);
        assert!(!memory.has_lost(MEMBER));
        memory.note_conflict(MEMBER, leadership(5), 10);
        assert!(memory.has_lost(MEMBER));
    }

    #[test]
    fn what_another_leader_has_removed_is_no_loss() {
        let memory = remembering(log_id(5, 10));
        memory.note_conflict(MEMBER, leadership(8), 4);
        assert!(!memory.has_lost(MEMBER));
        memory.note(MEMBER, leadership(8), log_id(5, 3));
        memory.note_conflict(MEMBER, leadership(8), 4);
        assert!(!memory.has_lost(MEMBER));
        memory.note_conflict(MEMBER, leadership(8), 3);
        assert!(memory.has_lost(MEMBER));
    }

    #[test]
    fn a_vote_with_less_than_was_acknowledged_does_not_count() {
        let memory = remembering(log_id(5, 10));
        let before = memory.recall(MEMBER);
        assert!(memory.note_grant(MEMBER, before, Some(log_id(5, 10)), None));
        assert!(memory.note_grant(MEMBER, before, Some(log_id(6, 3)), None));
        assert!(memory.note_grant(4, None, None, None));
        assert!(!memory.note_grant(MEMBER, before, Some(log_id(5, 9)), None));
        assert!(memory.has_lost(MEMBER));
        assert!(!remembering(log_id(5, 10)).note_grant(MEMBER, before, None, Some(5)));
    }

    #[test]
    fn a_vote_that_comes_late_is_measured_by_what_was_known_when_it_was_asked_for() {
        let memory = remembering(log_id(5, 9));
        let before = memory.recall(MEMBER);
        memory.note(MEMBER, leadership(6), log_id(6, 10));
        assert!(memory.note_grant(MEMBER, before, Some(log_id(5, 9)), None));
        assert!(!memory.has_lost(MEMBER));
    }

    #[test]
    fn who_follows_a_later_leader_may_have_removed_what_it_told() {
        let memory = remembering(log_id(5, 10));
        let before = memory.recall(MEMBER);
        assert!(memory.note_grant(MEMBER, before, Some(log_id(4, 9)), Some(6)));
        // What comes then is measured anew.
        let before = memory.recall(MEMBER);
        assert!(memory.note_grant(MEMBER, before, Some(log_id(4, 9)), None));
        assert!(!memory.has_lost(MEMBER));
    }

    #[test]
    fn a_start_with_less_is_a_loss_unless_there_was_a_later_leader() {
        let acknowledged = remembering(log_id(4, 10)).recall(MEMBER).unwrap();
        assert!(acknowledged.is_lost(None, 0));
        assert!(acknowledged.is_lost(Some(log_id(4, 9)), 5));
        assert!(!acknowledged.is_lost(Some(log_id(4, 9)), 6));
        assert!(!acknowledged.is_lost(Some(log_id(4, 10)), 5));
        assert!(!acknowledged.is_lost(Some(log_id(5, 2)), 5));
    }
}
