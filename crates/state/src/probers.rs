//! The probers: the members that share the making of checks.

use quorate_model::{CheckName, InstanceKey, MemberId, Revision, Vantage, assigned};

/// The members that make checks, as they were named last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probers {
    /// The revision at which they were named: whoever makes checks does so under it.
    revision: Revision,
    /// In order, none twice.
    members: Box<[MemberId]>,
}

// === impl Probers ===

impl Probers {
    /// The members that were named at `revision`, in any order.
    pub(crate) fn new(revision: Revision, members: &[MemberId]) -> Self {
        let mut members = members.to_vec();
        members.sort_unstable();
        members.dedup();
        Self {
            revision,
            members: members.into(),
        }
    }

    /// The revision at which they were named.
    pub fn revision(&self) -> Revision {
        self.revision
    }

    /// The members, in order.
    pub fn members(&self) -> &[MemberId] {
        &self.members
    }

    /// Those that make the check `name` of the instance `key`.
    pub fn of(&self, key: &InstanceKey, name: &CheckName, vantage: Vantage) -> Vec<MemberId> {
        assigned(&self.members, key, name, vantage.points())
    }
}
