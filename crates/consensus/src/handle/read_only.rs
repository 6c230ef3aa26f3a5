//! Whether the cluster takes what makes its state grow.

use quorate_model::MemberId;

use super::Consensus;
use crate::status::MemberRole;

impl Consensus {
    /// Notes why the disk of this member must not be filled further, or that it may be. If it is a voter, its leader
    /// takes nothing that makes the state grow.
    pub fn report_disk(&self, reason: Option<String>) {
        self.disk_reports.report_own(reason);
    }

    /// Why the cluster takes nothing that makes its state grow, as far as this member knows: it hears of it with
    /// each read that the leader confirms. Nothing if it takes all.
    pub fn read_only(&self) -> Option<String> {
        if self.leads() {
            return self.read_only_here();
        }
        self.disk_reports.told()
    }

    /// The same, if this member leads.
    pub(super) fn read_only_here(&self) -> Option<String> {
        let is_voter = |id| self.member(id).is_some_and(|member| member.role == MemberRole::Voter);
        if !self.leads() {
            return None;
        }
        self.disk_reports.of_voters(is_voter)
    }

    /// Notes what a member told this one, its leader.
    pub(crate) fn note_disk_report(&self, sender: MemberId, reason: &str) {
        if self.member(sender).is_some() {
            self.disk_reports.note_member(sender, reason);
        }
    }

    fn leads(&self) -> bool {
        self.leader() == Some(self.identity.member_id)
    }
}
