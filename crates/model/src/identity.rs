//! Who a node is.

use std::fmt;

use crate::{ClusterId, MemberId};

/// Who a node is: its cluster, and its id there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Identity {
    /// The cluster to which it belongs.
    pub cluster_id: ClusterId,
    /// Its id in that cluster, never given to another.
    pub member_id: MemberId,
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "member {} of cluster {}", self.member_id, self.cluster_id)
    }
}
