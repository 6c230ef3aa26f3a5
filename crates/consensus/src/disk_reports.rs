//! Who is short of disk: a cluster that goes on growing while one of its voters cannot keep up loses that voter.
//!
//! Each voter tells the leader with the reads that it has confirmed, several times a second. The leader takes
//! nothing that makes the state grow while one of them is short, and says so to whoever has a read confirmed.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use quorate_model::{Clock, MemberId};

/// A report that is older counts no more: the member is gone, or tells somebody else.
const REPORT_AGE_MAX: Duration = Duration::from_secs(5);

/// Longest reason that is kept, in characters: it goes into answers to clients.
const REASON_CHARS_MAX: usize = 200;

/// What this member knows of disks that are nearly full.
#[derive(Debug)]
pub(crate) struct DiskReports {
    clock: Arc<dyn Clock>,
    /// Held for a look-up, never across an await.
    reports: Mutex<Reports>,
}

#[derive(Debug, Default)]
struct Reports {
    /// Why the disk of this member must not be filled further.
    own: Option<String>,
    /// What others told this member, as their leader. One each, and only of members.
    of_members: BTreeMap<MemberId, Report>,
    /// What the leader told this member of the cluster.
    of_leader: Option<Report>,
}

#[derive(Debug)]
struct Report {
    reason: String,
    at: Duration,
}

// === impl DiskReports ===

impl DiskReports {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            reports: Mutex::default(),
        }
    }

    /// Notes why the disk of this member must not be filled further; nothing if it may be.
    pub(crate) fn report_own(&self, reason: Option<String>) {
        self.lock().own = reason;
    }

    /// What this member tells its leader.
    pub(crate) fn own(&self) -> Option<String> {
        self.lock().own.clone()
    }

    /// Notes what `member` told this one, its leader.
    pub(crate) fn note_member(&self, member: MemberId, reason: &str) {
        let report = self.report(reason);
        let now = self.clock.now();
        let mut reports = self.lock();
        reports.of_members.retain(|_, report| report.is_fresh(now));
        match report {
            Some(report) => drop(reports.of_members.insert(member, report)),
            None => drop(reports.of_members.remove(&member)),
        }
    }

    /// Notes what the leader told this member.
    pub(crate) fn note_leader(&self, reason: &str) {
        let report = self.report(reason);
        self.lock().of_leader = report;
    }

    /// Why the leader, which is this member, takes nothing that makes the state grow.
    pub(crate) fn of_voters(&self, is_voter: impl Fn(MemberId) -> bool) -> Option<String> {
        let now = self.clock.now();
        let reports = self.lock();
        if let Some(reason) = &reports.own {
            return Some(format!("on the leader, {reason}"));
        }
        let mut fresh = reports.of_members.iter().filter(|(_, report)| report.is_fresh(now));
        let (member, report) = fresh.find(|(member, _)| is_voter(**member))?;
        Some(format!("on member {member}, {}", report.reason))
    }

    /// Why the cluster takes nothing that makes its state grow, as a member knows that does not lead.
    pub(crate) fn told(&self) -> Option<String> {
        let now = self.clock.now();
        let reports = self.lock();
        let report = reports.of_leader.as_ref().filter(|report| report.is_fresh(now))?;
        Some(report.reason.clone())
    }

    fn report(&self, reason: &str) -> Option<Report> {
        (!reason.is_empty()).then(|| Report {
            reason: reason.chars().take(REASON_CHARS_MAX).collect(),
            at: self.clock.now(),
        })
    }

    fn lock(&self) -> MutexGuard<'_, Reports> {
        self.reports.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Report ===

impl Report {
    fn is_fresh(&self, now: Duration) -> bool {
        now.saturating_sub(self.at) <= REPORT_AGE_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::ManualClock;

    fn member(id: u64) -> MemberId {
        id.try_into().unwrap()
    }

    #[test]
    fn a_voter_that_is_short_counts_until_it_says_otherwise_or_is_silent() {
        let clock = Arc::new(ManualClock::default());
        let reports = DiskReports::new(clock.clone());
        reports.note_member(member(2), "there is no space");
        assert_eq!(
            reports.of_voters(|_| true).as_deref(),
            Some("on member 2, there is no space")
        );
        assert_eq!(reports.of_voters(|id| id != member(2)), None, "it has no vote");
        reports.note_member(member(2), "");
        assert_eq!(reports.of_voters(|_| true), None);

        reports.note_member(member(2), "there is no space");
        clock.advance(REPORT_AGE_MAX);
        assert!(reports.of_voters(|_| true).is_some());
        clock.advance(Duration::from_millis(1));
        assert_eq!(reports.of_voters(|_| true), None);
        reports.note_member(member(3), "");
        assert!(reports.lock().of_members.is_empty(), "what is old is not kept");
    }

    #[test]
    fn the_own_disk_counts_at_once_and_for_as_long_as_it_is_short() {
        let clock = Arc::new(ManualClock::default());
        let reports = DiskReports::new(clock.clone());
        reports.report_own(Some("there is no space".to_owned()));
        clock.advance(REPORT_AGE_MAX * 2);
        assert_eq!(reports.own().as_deref(), Some("there is no space"));
        assert!(reports.of_voters(|_| false).is_some());
        reports.report_own(None);
        assert_eq!(reports.of_voters(|_| true), None);
    }

    #[test]
    fn what_the_leader_told_is_bounded_in_length_and_time() {
        let clock = Arc::new(ManualClock::default());
        let reports = DiskReports::new(clock.clone());
        reports.note_leader(&"ä".repeat(10_000));
        assert_eq!(reports.told().unwrap().chars().count(), REASON_CHARS_MAX);
        clock.advance(REPORT_AGE_MAX + Duration::from_millis(1));
        assert_eq!(reports.told(), None);
    }
}
