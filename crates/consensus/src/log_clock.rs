//! Log time: the time that the cluster agrees on, told by whoever leads.
//!
//! Every command carries the stamp of the leader that proposed it; the log time is the highest stamp applied. A new
//! leader goes on from there: from the moment at which it applies the first entry of its own leadership, which is
//! after everything that was ever committed before, it adds the time that passes on its own clock. Until then it
//! stamps with the log time as it is.
//!
//! So log time never falls, stands still while nobody leads, and is never ahead of the time that really passed:
//! each leader adds only what passed since it led.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use quorate_model::{Clock, LogTime};

use crate::type_config::LeaderId;

/// The clock of this member for when it leads.
#[derive(Debug)]
pub(crate) struct LogClock {
    member_id: u64,
    clock: Arc<dyn Clock>,
    /// Held for a look, never across an await.
    anchor: Mutex<Option<Anchor>>,
}

/// Where the log time stood at a moment of this member's own clock.
#[derive(Debug)]
struct Anchor {
    leadership: LeaderId,
    time: LogTime,
    at: Duration,
}

// === impl LogClock ===

impl LogClock {
    pub(crate) fn new(member_id: u64, clock: Arc<dyn Clock>) -> Self {
        Self {
            member_id,
            clock,
            anchor: Mutex::default(),
        }
    }

    /// Notes that an entry of `leadership` is applied, and that the log time is now `time`. The first one of a
    /// leadership of this member is where its clock begins.
    pub(crate) fn applied(&self, leadership: &LeaderId, time: LogTime) {
        if leadership.node_id != self.member_id {
            return;
        }
        let mut anchor = self.anchor.lock().unwrap_or_else(PoisonError::into_inner);
        if anchor.as_ref().is_none_or(|anchor| anchor.leadership != *leadership) {
            *anchor = Some(Anchor {
                leadership: *leadership,
                time,
                at: self.clock.now(),
            });
        }
    }

    /// Whether an entry of this leadership, which is this member's own, is applied here: then everything is that was
    /// committed before it.
    pub(crate) fn has_begun(&self, leadership: &LeaderId) -> bool {
        let anchor = self.anchor.lock().unwrap_or_else(PoisonError::into_inner);
        anchor.as_ref().is_some_and(|anchor| anchor.leadership == *leadership)
    }

    /// The stamp of what is proposed now in `leadership`, in which `applied` is the log time so far.
    pub(crate) fn stamp(&self, leadership: &LeaderId, applied: LogTime) -> LogTime {
        let anchor = self.anchor.lock().unwrap_or_else(PoisonError::into_inner);
        match &*anchor {
            Some(anchor) if anchor.leadership == *leadership => anchor.read(self.clock.now()).max(applied),
            // Nothing of this leadership is applied yet, and what is applied may not be all.
            Some(_) | None => applied,
        }
    }
}

// === impl Anchor ===

impl Anchor {
    fn read(&self, now: Duration) -> LogTime {
        let passed_ms = now.saturating_sub(self.at).as_millis();
        self.time.plus_ms(u64::try_from(passed_ms).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::ManualClock;

    const MEMBER: u64 = 2;

    fn leadership(term: u64, node_id: u64) -> LeaderId {
        LeaderId { term, node_id }
    }

    fn ms(ms: u64) -> LogTime {
        LogTime::from_ms(ms)
    }

    fn clock() -> (Arc<ManualClock>, LogClock) {
        let clock = Arc::new(ManualClock::default());
        clock.advance(Duration::from_secs(9 * 3_600));
        (clock.clone(), LogClock::new(MEMBER, clock))
    }

    #[test]
    fn time_stands_still_until_an_entry_of_the_own_leadership_is_applied() {
        let (clock, log_clock) = clock();
        let mine = leadership(5, MEMBER);
        clock.advance(Duration::from_secs(60));
        assert_eq!(log_clock.stamp(&mine, ms(100)), ms(100));
        log_clock.applied(&leadership(4, 1), ms(130));
        clock.advance(Duration::from_secs(60));
        assert_eq!(log_clock.stamp(&mine, ms(130)), ms(130));
        log_clock.applied(&mine, ms(150));
        clock.advance(Duration::from_millis(7));
        assert_eq!(log_clock.stamp(&mine, ms(150)), ms(157));
    }

    #[test]
    fn the_first_entry_of_a_leadership_is_its_anchor_and_the_last_leadership_counts_for_nothing() {
        let (clock, log_clock) = clock();
        log_clock.applied(&leadership(5, MEMBER), ms(100));
        clock.advance(Duration::from_millis(10));
        log_clock.applied(&leadership(5, MEMBER), ms(108));
        clock.advance(Duration::from_millis(10));
        assert_eq!(log_clock.stamp(&leadership(5, MEMBER), ms(108)), ms(120));
        // Deposed, and elected again an hour later: the hour was others' to count.
        clock.advance(Duration::from_secs(3_600));
        let again = leadership(9, MEMBER);
        assert_eq!(log_clock.stamp(&again, ms(300)), ms(300));
        log_clock.applied(&again, ms(300));
        clock.advance(Duration::from_millis(1));
        assert_eq!(log_clock.stamp(&again, ms(300)), ms(301));
    }

    #[test]
    fn a_stamp_is_never_below_what_is_applied() {
        let (_clock, log_clock) = clock();
        log_clock.applied(&leadership(5, MEMBER), ms(100));
        assert_eq!(log_clock.stamp(&leadership(5, MEMBER), ms(400)), ms(400));
    }
}
