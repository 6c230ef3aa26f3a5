//! Who leads, and since which vote.

use std::fmt;

use crate::{MemberId, Term};

/// A leadership: what one member does as the leader of one term. Later ones are greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Leadership {
    /// The term.
    pub term: Term,
    /// The leader.
    pub leader: MemberId,
}

// === impl Leadership ===

impl Leadership {
    /// Before all that are won by a vote.
    pub const NONE: Self = Self {
        term: Term::new(0),
        leader: MemberId::FIRST,
    };
}

impl fmt::Display for Leadership {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "member {} in term {}", self.leader, self.term)
    }
}
