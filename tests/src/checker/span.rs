//! What is known of a revision: it lies between two others.

/// A revision from `min` to `max`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Span {
    pub(super) min: u64,
    pub(super) max: u64,
}

// === impl Span ===

impl Span {
    pub(super) const ZERO: Self = Self::exact(0);

    pub(super) const fn exact(revision: u64) -> Self {
        Self {
            min: revision,
            max: revision,
        }
    }

    /// The span, unless nothing lies in it.
    pub(super) fn new(min: u64, max: u64) -> Option<Self> {
        (min <= max).then_some(Self { min, max })
    }

    /// What is known if both are true.
    pub(super) fn meet(self, other: Self) -> Option<Self> {
        Self::new(self.min.max(other.min), self.max.min(other.max))
    }

    /// What is known if it is this revision.
    pub(super) fn at(self, revision: u64) -> Option<Self> {
        self.meet(Self::exact(revision))
    }

    /// What is known if it comes after the other one.
    pub(super) fn after(self, other: Self) -> Option<Self> {
        Self::new(self.min.max(other.min.saturating_add(1)), self.max)
    }

    /// What is known if it is no later than this.
    pub(super) fn until(self, max: u64) -> Option<Self> {
        Self::new(self.min, self.max.min(max))
    }

    /// Whether it can be nothing but this revision.
    pub(super) fn is(self, revision: u64) -> bool {
        self == Self::exact(revision)
    }
}
